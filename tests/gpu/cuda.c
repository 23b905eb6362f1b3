/*
 * A STAND-IN for libcuda.so.1, not a driver: device memory is the process's
 * own, kernels are C functions, faults come from the script (standin.h).
 * Built for the tests only, never installed.
 */
#include "gpu/cuda.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "tests/gpu/standin.h"

#define ILLEGAL_ADDRESS 700
#define NO_DEVICE 100
#define OUT_OF_MEMORY 2
#define TOUCH (64u << 20)   /* of a large fill no more is written really */
#define FREE (UINT64_C(160) << 20)
#define BLOCKS_MAX 64

static struct {
	int device;             /* -1: none visible */
	int error;              /* sticks, as a broken context does */
	uint64_t bytes;
	struct {
		void *p;
		size_t n;
	} block[BLOCKS_MAX];
} self = { .device = -1 };

static bool
visible(const char *uuid)
{
	const char *given = getenv("CUDA_VISIBLE_DEVICES");

	return (given != NULL && strlen(given) > 4 &&
	    strncasecmp(given, uuid, strcspn(given, ",")) == 0);
}

static void
find_device(const struct standin *s)
{
	char uuid[64];
	int i, k;

	for (i = 0; i < s->ngpus; i++) {
		standin_uuid(i, uuid, sizeof(uuid));
		if (visible(uuid) && s->gpu[i].mig == 0)
			self.device = i;
		for (k = 1; k <= s->gpu[i].mig; k++) {
			standin_uuid((i + 1) * 100 + k, uuid, sizeof(uuid));
			if (visible(uuid))
				self.device = (i + 1) * 100 + k;
		}
	}
}

static struct standin_gpu *
mine(struct standin *s)
{
	standin_read(s);
	return (&s->gpu[standin_gpu_of(self.device)]);
}

/* What NVML's stand-in reads: how much this process has there. */
static void
tell(void)
{
	char dir[512], path[600];
	FILE *f;

	(void)mkdir(standin_dir(dir, sizeof(dir)), 0777);
	(void)snprintf(path, sizeof(path), "%s/%d.%d", dir, (int)getpid(),
	    self.device);
	if ((f = fopen(path, "we")) == NULL)
		return;
	(void)fprintf(f, "%llu %llu\n", (unsigned long long)self.bytes +
	    (UINT64_C(200) << 20), standin_started((unsigned)getpid()));
	(void)fclose(f);
}

int cuInit(unsigned);
int
cuInit(unsigned flags)
{
	struct standin s;

	standin_read(&s);
	find_device(&s);
	return (self.device < 0 ? NO_DEVICE : CUDA_OK);
}

int cuDriverGetVersion(int *);
int
cuDriverGetVersion(int *version)
{
	*version = 13000;
	return (CUDA_OK);
}

int cuGetErrorName(int, const char **);
int
cuGetErrorName(int code, const char **name)
{
	*name = code == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS" :
	    code == NO_DEVICE ? "CUDA_ERROR_NO_DEVICE" :
	    code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : NULL;
	return (*name == NULL);
}

int cuDeviceGetCount(int *);
int
cuDeviceGetCount(int *n)
{
	*n = self.device >= 0;
	return (CUDA_OK);
}

int cuDeviceGet(int *, int);
int
cuDeviceGet(int *device, int ordinal)
{
	*device = ordinal;
	return (ordinal == 0 ? CUDA_OK : 101);
}

int cuDeviceGetName(char *, int, int);
int
cuDeviceGetName(char *out, int size, int device)
{
	(void)snprintf(out, (size_t)size, "Stand-in GPU, not real");
	return (CUDA_OK);
}

int cuDeviceGetAttribute(int *, int, int);
int
cuDeviceGetAttribute(int *value, int attribute, int device)
{
	*value = 0;
	return (CUDA_OK);
}

int cuDevicePrimaryCtxRetain(void **, int);
int
cuDevicePrimaryCtxRetain(void **context, int device)
{
	struct standin s;

	if (mine(&s)->hangtest)
		standin_hang();
	if (mine(&s)->lost)
		return (NO_DEVICE);
	*context = &self;
	tell();
	return (CUDA_OK);
}

int cuDevicePrimaryCtxRelease_v2(int);
int
cuDevicePrimaryCtxRelease_v2(int device)
{
	return (CUDA_OK);
}

int cuCtxSetCurrent(void *);
int
cuCtxSetCurrent(void *context)
{
	return (CUDA_OK);
}

int cuCtxSynchronize(void);
int
cuCtxSynchronize(void)
{
	return (self.error);
}

int cuMemGetInfo_v2(size_t *, size_t *);
int
cuMemGetInfo_v2(size_t *unused, size_t *total)
{
	struct standin s;

	*total = mine(&s)->total;
	/* little, for a processor has to test it */
	*unused = FREE > self.bytes ? FREE - self.bytes : 0;
	return (self.error);
}

int cuMemAlloc_v2(cuda_ptr *, size_t);
int
cuMemAlloc_v2(cuda_ptr *out, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int i;

	if (p == MAP_FAILED)
		return (OUT_OF_MEMORY);
	for (i = 0; i < BLOCKS_MAX && self.block[i].p != NULL; i++)
		;
	if (i == BLOCKS_MAX)
		return (OUT_OF_MEMORY);
	self.block[i].p = p;
	self.block[i].n = n;
	self.bytes += n;
	*out = (cuda_ptr)(uintptr_t)p;
	tell();
	return (self.error);
}

int cuMemFree_v2(cuda_ptr);
int
cuMemFree_v2(cuda_ptr p)
{
	int i;

	for (i = 0; i < BLOCKS_MAX; i++)
		if (self.block[i].p == (void *)(uintptr_t)p) {
			(void)munmap(self.block[i].p, self.block[i].n);
			self.bytes -= self.block[i].n;
			self.block[i].p = NULL;
			tell();
		}
	return (CUDA_OK);
}

int cuMemsetD32_v2(cuda_ptr, unsigned, size_t);
int
cuMemsetD32_v2(cuda_ptr p, unsigned value, size_t n)
{
	unsigned *to = (unsigned *)(uintptr_t)p;
	struct standin s;
	size_t i;

	for (i = 0; i < n && i < TOUCH / 4; i++)
		to[i] = value;
	if (n > 16 && mine(&s)->badmem)
		to[7] ^= 64;
	return (self.error);
}

int cuMemcpyHtoD_v2(cuda_ptr, const void *, size_t);
int
cuMemcpyHtoD_v2(cuda_ptr to, const void *from, size_t n)
{
	memcpy((void *)(uintptr_t)to, from, n);
	return (self.error);
}

int cuMemcpyDtoH_v2(void *, cuda_ptr, size_t);
int
cuMemcpyDtoH_v2(void *to, cuda_ptr from, size_t n)
{
	memcpy(to, (void *)(uintptr_t)from, n);
	return (self.error);
}

int cuMemcpyDtoD_v2(cuda_ptr, cuda_ptr, size_t);
int
cuMemcpyDtoD_v2(cuda_ptr to, cuda_ptr from, size_t n)
{
	memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, n);
	return (self.error);
}

int cuModuleLoadData(void **, const void *);
int
cuModuleLoadData(void **module, const void *image)
{
	*module = &self;
	return (CUDA_OK);
}

int cuModuleUnload(void *);
int
cuModuleUnload(void *module)
{
	return (CUDA_OK);
}

/* ---- kernels ---- */

#define ARG(type, i) (*(type *)args[i])

static void
run_fill(unsigned threads, void **args)
{
	unsigned *p = (unsigned *)(uintptr_t)ARG(cuda_ptr, 0);
	unsigned long long n = ARG(unsigned long long, 1), i;
	unsigned seed = ARG(unsigned, 2);

	for (i = 0; i < n; i++)
		p[i] = ((unsigned)i ^ seed) * 2654435761u;
}

static void
run_compare(unsigned threads, void **args)
{
	const unsigned *p = (unsigned *)(uintptr_t)ARG(cuda_ptr, 0);
	unsigned long long n = ARG(unsigned long long, 1), i;
	unsigned seed = ARG(unsigned, 2);
	unsigned long long *found =
	    (unsigned long long *)(uintptr_t)ARG(cuda_ptr, 3);
	struct standin s;

	found[0] += mine(&s)->badmem;
	for (i = 0; i < n; i++)
		found[0] += p[i] != ((unsigned)i ^ seed) * 2654435761u;
}

static void
run_arithmetic(unsigned threads, void **args)
{
	unsigned *out = (unsigned *)(uintptr_t)ARG(cuda_ptr, 0);
	unsigned rounds = ARG(unsigned, 1), i, k, x, bits;
	struct standin s;
	float y;

	/* only what the test looks at */
	for (i = 0; i < threads; i += 31) {
		x = i * 2654435761u + 1u;
		y = mine(&s)->badmath ? 1.0f : 0.0f;
		for (k = 0; k < rounds; k++) {
			x = x * 1664525u + 1013904223u;
			y = fmaf(y, 0.5f, (float)(x >> 24));
		}
		memcpy(&bits, &y, sizeof(bits));
		out[i] = x ^ bits ^ mine(&s)->badmath;
	}
}

static void
run_spin(unsigned threads, void **args)
{
	double seconds = (double)ARG(unsigned long long, 1) / 1.5e9;
	struct timespec t = { (time_t)seconds, (long)
	    ((seconds - (double)(time_t)seconds) * 1e9) };

	if (seconds == 0)
		standin_hang();
	(void)nanosleep(&t, NULL);
}

static void
run_trespass(unsigned threads, void **args)
{
	const char *script = getenv("GANGER_STANDIN");
	FILE *f = script != NULL ? fopen(script, "ae") : NULL;

	self.error = ILLEGAL_ADDRESS;
	if (f != NULL) {
		(void)fprintf(f, "xid %d 31\n", standin_gpu_of(self.device));
		(void)fclose(f);
	}
}

static const struct kernel {
	const char *name;
	void (*run)(unsigned, void **);
} kernels[] = {
	{ "ganger_fill", run_fill }, { "ganger_compare", run_compare },
	{ "ganger_arithmetic", run_arithmetic }, { "ganger_spin", run_spin },
	{ "ganger_trespass", run_trespass },
};

int cuModuleGetFunction(void **, void *, const char *);
int
cuModuleGetFunction(void **function, void *module, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(kernels) / sizeof(*kernels); i++)
		if (strcmp(kernels[i].name, name) == 0) {
			memcpy(function, &(const struct kernel *){
			    &kernels[i] }, sizeof(*function));
			return (CUDA_OK);
		}
	return (500);
}

int cuLaunchKernel(void *, unsigned, unsigned, unsigned, unsigned, unsigned,
    unsigned, unsigned, void *, void **, void **);
int
cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz,
    unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream,
    void **args, void **extra)
{
	const struct kernel *k = function;

	if (self.error == CUDA_OK)
		k->run(gx * bx, args);
	return (CUDA_OK);
}
