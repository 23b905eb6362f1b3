# place: libplace, what a host has and which slot gets what of it. Used by the
# supervisor and by tools; GPUs are known from what the prober lists.
noinst_LIBRARIES += libplace.a
libplace_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) \
	-DLIBEXECDIR='"$(libexecdir)"'
libplace_a_SOURCES = place/gpu.c place/gpu.h place/gpu_probe.c
