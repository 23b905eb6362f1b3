# place: libplace, what a host has and which slot gets what of it. Used by the
# supervisor and by tools; GPUs are known from what the prober lists.
noinst_LIBRARIES += libplace.a
libplace_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(HWLOC_CFLAGS) \
	-DLIBEXECDIR='"$(libexecdir)"'
libplace_a_SOURCES = place/deal.c place/deal.h place/gpu.c place/gpu.h \
	place/gpu_probe.c place/make.h place/plan.c place/plan.h \
	place/plan_cpus.c place/plan_gpus.c place/plan_json.c \
	place/plan_split.c place/plan_text.c place/topo.c place/topo.h
place_libs = libplace.a libconf.a libbase.a $(JANSSON_LIBS) $(HWLOC_LIBS)
