/*
 * Opens NVML. The library stays loaded until the process ends: drivers leave
 * threads behind that run its code.
 */
#include "config.h"

#include "gpu/nvml.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"

enum need { OPTIONAL, NEEDED };

static const struct {
	const char *symbol;
	size_t offset;
	enum need need;
} symbols[] = {
#define NVML(field, symbol, params, need) \
	{ #symbol, offsetof(struct nvml, field), need },
	NVML_TABLE(NVML)
#undef NVML
};

static const struct {
	int code;
	const char *text;
} texts[] = {
	{ NVML_OK, "ok" },
	{ NVML_NO_SYMBOL, "the driver is too old for it" },
	{ NVML_NOT_SUPPORTED, "not supported" },
	{ NVML_NO_PERMISSION, "no permission" },
	{ NVML_NOT_FOUND, "not found" },
	{ NVML_NO_DRIVER, "the NVIDIA driver is not loaded" },
	{ NVML_TIMEOUT, "the driver timed out" },
	{ NVML_LOST, "the GPU is lost, it fell off the bus" },
	{ NVML_RESET_REQUIRED, "the GPU needs a reset" },
};

const char *
nvml_text(int code)
{
	static char other[40];
	size_t i;

	for (i = 0; i < NELEM(texts); i++)
		if (texts[i].code == code)
			return (texts[i].text);
	(void)snprintf(other, sizeof(other), "NVML error %d", code);
	return (other);
}

/* Any of them: on the ABIs that drivers exist for, a function that ignores
 * its arguments may be called with more. */
static int
no_symbol(void)
{
	return (NVML_NO_SYMBOL);
}

static int
resolve(void *lib, struct nvml *n, char *why, size_t size)
{
	int (*absent)(void) = no_symbol;
	void *found;
	size_t i;

	for (i = 0; i < NELEM(symbols); i++) {
		found = dlsym(lib, symbols[i].symbol);
		if (found == NULL && symbols[i].need == NEEDED) {
			(void)snprintf(why, size, NVML_LIBRARY " has no %s: "
			    "the driver is too old", symbols[i].symbol);
			return (-ERR_NOTFOUND);
		}
		/* POSIX lets a function's address be stored like this */
		if (found != NULL)
			memcpy((char *)n + symbols[i].offset, &found,
			    sizeof(found));
		else
			memcpy((char *)n + symbols[i].offset, &absent,
			    sizeof(absent));
	}
	return (0);
}

int
nvml_open(struct nvml *n, char *why, size_t size)
{
	void *lib = dlopen(NVML_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	int code;

	if (lib == NULL) {
		(void)snprintf(why, size, "no NVIDIA driver: %s", dlerror());
		return (-ERR_NOTFOUND);
	}
	if (resolve(lib, n, why, size) != 0)
		return (-ERR_NOTFOUND);
	if ((code = n->init()) != NVML_OK) {
		(void)snprintf(why, size, "NVML does not start: %s",
		    nvml_text(code));
		return (-ERR_NOTFOUND);
	}
	return (0);
}

void
nvml_close(struct nvml *n)
{
	(void)n->shutdown();
}
