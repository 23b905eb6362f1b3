# The supervisor's side of the GPU prober
SUP_GPU_SOURCES = supervisor/gpu.c supervisor/gpu.h supervisor/gpu_impl.h \
	supervisor/gpu_jobs.c supervisor/gpu_keep.c supervisor/gpu_prober.c supervisor/gpu_sample.c \
	supervisor/gpu_status.c supervisor/xid_tbl.h
