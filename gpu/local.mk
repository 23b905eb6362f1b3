# gpu: ganger-gpuprobe. libgpu.a is all but main.c. With nvcc its kernels are
# compiled into a fat binary and put in as bytes.
libexec_PROGRAMS += ganger-gpuprobe
ganger_gpuprobe_SOURCES = \
	gpu/cuda.c gpu/cuda.h gpu/device.c gpu/device.h gpu/job.c gpu/job.h \
	gpu/kmsg.c gpu/kmsg.h gpu/main.c gpu/nvml.c gpu/nvml.h gpu/report.c gpu/report.h \
	gpu/test.c gpu/test.h gpu/watch.c gpu/watch.h
ganger_gpuprobe_CPPFLAGS = $(AM_CPPFLAGS)
ganger_gpuprobe_LDADD = libproto.a libbase.a $(MSGPACK_LIBS) -ldl -lpthread -lm
EXTRA_DIST += gpu/kernel.cu

if HAVE_NVCC
ganger_gpuprobe_CPPFLAGS += -DGANGER_KERNELS -Igpu
BUILT_SOURCES += gpu/kernel.inc
CLEANFILES += gpu/kernel.inc gpu/kernel.fatbin
gpu/kernel.fatbin: $(srcdir)/gpu/kernel.cu
	$(AM_V_GEN)$(MKDIR_P) gpu && \
	    $(NVCC) $(NVCCFLAGS) -fatbin -o $@ $(srcdir)/gpu/kernel.cu
gpu/kernel.inc: gpu/kernel.fatbin
	$(AM_V_GEN)od -An -v -tu1 gpu/kernel.fatbin | \
	    sed -e 's/ *\([0-9][0-9]*\)/\1,/g' >$@.new && mv $@.new $@
gpu/ganger_gpuprobe-cuda.$(OBJEXT): gpu/kernel.inc
endif
