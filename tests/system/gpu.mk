# GPU slots, on stand-ins of the NVIDIA libraries (tests/gpu)
GPU_SYSTEM_TESTS = tests/system/s_g_gpu tests/system/s_g_keep \
	tests/system/s_g_faults
check_PROGRAMS += $(GPU_SYSTEM_TESTS)
TESTS += $(GPU_SYSTEM_TESTS)
gpu_host_sources = tests/system/gpu_host.c tests/system/gpu_host.h
gpu_host_cppflags = $(rig_cppflags) \
	-DTEST_GPU_LIBS='"$(abs_top_builddir)/tests/gpu"' \
	-DTEST_PROBER='"$(abs_top_builddir)/ganger-gpuprobe"'
tests_system_s_g_gpu_SOURCES = tests/system/s_g_gpu.c $(gpu_host_sources)
tests_system_s_g_gpu_CPPFLAGS = $(gpu_host_cppflags)
tests_system_s_g_gpu_LDADD = $(rig_ldadd)
tests_system_s_g_faults_SOURCES = tests/system/s_g_faults.c $(gpu_host_sources)
tests_system_s_g_faults_CPPFLAGS = $(gpu_host_cppflags)
tests_system_s_g_faults_LDADD = $(rig_ldadd)
tests_system_s_g_keep_SOURCES = tests/system/s_g_keep.c $(gpu_host_sources)
tests_system_s_g_keep_CPPFLAGS = $(gpu_host_cppflags)
tests_system_s_g_keep_LDADD = $(rig_ldadd)
