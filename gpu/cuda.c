/* Opens the CUDA driver and our kernels. See cuda.h. */
#include "config.h"

#include "gpu/cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"

/* The fat binary that nvcc made of kernel.cu, byte by byte; one zero where it
 * was built without. */
static const unsigned char kernels[] __attribute__((aligned(16))) = {
#ifdef GANGER_KERNELS
#include "kernel.inc"
#else
	0
#endif
};

static const struct {
	const char *symbol;
	size_t offset;
} symbols[] = {
#define CUDA(field, symbol, params) \
	{ #symbol, offsetof(struct cuda, field) },
	CUDA_TABLE(CUDA)
#undef CUDA
};

int
cuda_has_kernels(void)
{
	return (sizeof(kernels) > 1);
}

int
cuda_check(struct cuda *c, int code, const char *what)
{
	const char *name = NULL;

	if (code == CUDA_OK)
		return (0);
	(void)c->error_name(code, &name);
	(void)snprintf(c->what, sizeof(c->what), "%s", what);
	(void)snprintf(c->why, sizeof(c->why), "%s: %s (%d)", what,
	    name != NULL ? name : "CUDA error", code);
	return (-ERR_SYSTEM);
}

static int
resolve(struct cuda *c)
{
	void *lib = dlopen(CUDA_LIBRARY, RTLD_NOW | RTLD_LOCAL), *found;
	size_t i;

	if (lib == NULL) {
		(void)snprintf(c->why, sizeof(c->why), "no CUDA: %s",
		    dlerror());
		return (-ERR_NOTFOUND);
	}
	for (i = 0; i < NELEM(symbols); i++) {
		if ((found = dlsym(lib, symbols[i].symbol)) == NULL) {
			(void)snprintf(c->why, sizeof(c->why), CUDA_LIBRARY
			    " has no %s", symbols[i].symbol);
			return (-ERR_NOTFOUND);
		}
		memcpy((char *)c + symbols[i].offset, &found, sizeof(found));
	}
	return (0);
}

int
cuda_open(struct cuda *c)
{
	void *context;

	memset(c, 0, sizeof(*c));
	if (resolve(c) != 0)
		return (-ERR_NOTFOUND);
	if (CUDA_TRY(c, init, (0)) != 0 ||
	    CUDA_TRY(c, device, (&c->ordinal, 0)) != 0 ||
	    CUDA_TRY(c, retain, (&context, c->ordinal)) != 0 ||
	    CUDA_TRY(c, set_current, (context)) != 0)
		return (-ERR_NOTFOUND);
	if (cuda_has_kernels() &&
	    CUDA_TRY(c, module_load, (&c->module, kernels)) != 0)
		return (-ERR_NOTFOUND);
	return (0);
}

void
cuda_close(struct cuda *c)
{
	if (c->module != NULL)
		(void)c->module_unload(c->module);
	(void)c->release(c->ordinal);
}

int
cuda_kernel(struct cuda *c, const char *name, void **functionp)
{
	*functionp = NULL;
	if (c->module == NULL)
		return (-ERR_NOTFOUND);
	return (CUDA_TRY(c, function, (functionp, c->module, name)));
}

int
cuda_launch(struct cuda *c, void *function, unsigned blocks,
    unsigned threads, void **params)
{
	return (CUDA_TRY(c, launch, (function, blocks, 1, 1, threads, 1, 1, 0,
	    NULL, params, NULL)));
}
