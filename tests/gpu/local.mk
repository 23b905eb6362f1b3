# Stand-ins for the NVIDIA libraries, for the tests only: they pretend to be
# GPUs, from a script. Nothing else in the suite pretends. Named by hand: the
# prober opens them by the names of the real ones.
GPU_STANDINS = tests/gpu/libnvidia-ml.so.1 tests/gpu/libcuda.so.1
check_DATA = $(GPU_STANDINS)
CLEANFILES += $(GPU_STANDINS)
EXTRA_DIST += tests/gpu/standin.h tests/gpu/standin.c tests/gpu/nvml.c \
	tests/gpu/cuda.c
standin_compile = $(AM_V_CCLD)$(MKDIR_P) tests/gpu && \
	$(CC) -I$(top_srcdir) $(AM_CFLAGS) -D_GNU_SOURCE -g -O2 -fPIC -shared
tests/gpu/libnvidia-ml.so.1: $(srcdir)/tests/gpu/nvml.c \
    $(srcdir)/tests/gpu/standin.c $(srcdir)/tests/gpu/standin.h \
    $(srcdir)/gpu/nvml.h
	$(standin_compile) -o $@ $(srcdir)/tests/gpu/nvml.c \
	    $(srcdir)/tests/gpu/standin.c
tests/gpu/libcuda.so.1: $(srcdir)/tests/gpu/cuda.c \
    $(srcdir)/tests/gpu/standin.c $(srcdir)/tests/gpu/standin.h \
    $(srcdir)/gpu/cuda.h
	$(standin_compile) -o $@ $(srcdir)/tests/gpu/cuda.c \
	    $(srcdir)/tests/gpu/standin.c -lm
TESTS += tests/gpu/test_probe.py
EXTRA_DIST += tests/gpu/test_probe.py
