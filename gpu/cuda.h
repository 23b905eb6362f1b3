/*
 * The few parts of the CUDA driver API that the device test uses, declared
 * here so that it builds without the toolkit. Names and numbers are those of
 * NVIDIA's CUDA driver API reference (13.0; the versioned symbols are what
 * cuda.h's macros expand to). libcuda.so.1 is opened by its plain name.
 */
#ifndef GPU_CUDA_H
#define GPU_CUDA_H

#include <stddef.h>

#define CUDA_LIBRARY "libcuda.so.1"

#define CUDA_OK 0
#define CUDA_ATTRIBUTE_MAJOR 75
#define CUDA_ATTRIBUTE_MINOR 76

typedef unsigned long long cuda_ptr; /* CUdeviceptr */

/* CUDA(field, symbol, parameters) */
#define CUDA_TABLE(CUDA) \
	CUDA(init, cuInit, (unsigned)) \
	CUDA(version, cuDriverGetVersion, (int *)) \
	CUDA(error_name, cuGetErrorName, (int, const char **)) \
	CUDA(count, cuDeviceGetCount, (int *)) \
	CUDA(device, cuDeviceGet, (int *, int)) \
	CUDA(name, cuDeviceGetName, (char *, int, int)) \
	CUDA(attribute, cuDeviceGetAttribute, (int *, int, int)) \
	CUDA(retain, cuDevicePrimaryCtxRetain, (void **, int)) \
	CUDA(release, cuDevicePrimaryCtxRelease_v2, (int)) \
	CUDA(set_current, cuCtxSetCurrent, (void *)) \
	CUDA(sync, cuCtxSynchronize, (void)) \
	CUDA(mem_info, cuMemGetInfo_v2, (size_t *, size_t *)) \
	CUDA(mem_alloc, cuMemAlloc_v2, (cuda_ptr *, size_t)) \
	CUDA(mem_free, cuMemFree_v2, (cuda_ptr)) \
	CUDA(fill, cuMemsetD32_v2, (cuda_ptr, unsigned, size_t)) \
	CUDA(up, cuMemcpyHtoD_v2, (cuda_ptr, const void *, size_t)) \
	CUDA(down, cuMemcpyDtoH_v2, (void *, cuda_ptr, size_t)) \
	CUDA(across, cuMemcpyDtoD_v2, (cuda_ptr, cuda_ptr, size_t)) \
	CUDA(module_load, cuModuleLoadData, (void **, const void *)) \
	CUDA(module_unload, cuModuleUnload, (void *)) \
	CUDA(function, cuModuleGetFunction, (void **, void *, const char *)) \
	CUDA(launch, cuLaunchKernel, (void *, unsigned, unsigned, unsigned, \
	    unsigned, unsigned, unsigned, unsigned, void *, void **, void **))

struct cuda {
#define CUDA(field, symbol, params) int (*field) params;
	CUDA_TABLE(CUDA)
#undef CUDA
	void *module;           /* our kernels; NULL: built without nvcc */
	int ordinal;            /* of the device in use */
	char what[64];          /* the call that failed last */
	char why[192];          /* and in words */
};

/*
 * Opens the library and takes the first device of CUDA_VISIBLE_DEVICES into a
 * context. 0, or -ERR_NOTFOUND with c->why. Hangs where the driver does.
 */
int cuda_open(struct cuda *c);
void cuda_close(struct cuda *c);
/* Notes a failure: the API's code, and what we wanted. 0 or -ERR_SYSTEM. */
int cuda_check(struct cuda *c, int code, const char *what);
#define CUDA_TRY(c, call, args) cuda_check(c, (c)->call args, #call)

/* A kernel of ours by name. 0, -ERR_NOTFOUND (none are built in), or
 * -ERR_SYSTEM. */
int cuda_kernel(struct cuda *c, const char *name, void **functionp);
/* One-dimensional launch, not waited for. */
int cuda_launch(struct cuda *c, void *function, unsigned blocks,
    unsigned threads, void **params);
/* Whether this build has the kernels. */
int cuda_has_kernels(void);

#endif
