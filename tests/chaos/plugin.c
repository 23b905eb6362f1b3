/*
 * The plugin handler of the crash laboratory: as job.c, but inside the child,
 * so that the death of the child is the death of the job.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <handler.h>

#include "tests/chaos/witness.h"

static double
number(const struct ganger_host *h, const struct ganger_request *r,
    const char *path)
{
	struct ganger_text v;

	if (h->json_get(r->job, path, &v) != GANGER_NUMBER)
		return (0);
	return (h->json_number(v, 0));
}

static enum ganger_status
chaos_run(void *state, void *model, const struct ganger_request *r)
{
	const struct ganger_host *h = *(const struct ganger_host **)state;
	char result[16];
	int fd;

	(void)model;
	if ((fd = witness_begin(r->id, r->attempt)) < 0)
		return (GANGER_ERROR);
	witness_sleep(number(h, r, "input.ms"));
	if (r->attempt <= (uint32_t)number(h, r, "input.crash"))
		abort();
	if (r->attempt <= (uint32_t)number(h, r, "input.fail")) {
		witness_end(fd, r->attempt);
		h->set_error(r->host, GANGER_ERROR, "failed as asked");
		return (GANGER_ERROR);
	}
	(void)snprintf(result, sizeof(result), "%u", (unsigned)r->attempt);
	(void)h->set_result(r->host, result, strlen(result));
	witness_end(fd, r->attempt);
	return (GANGER_OK);
}

static enum ganger_status
chaos_init(const struct ganger_host *host, void **state, const char **error)
{
	static const struct ganger_host *kept;

	kept = host;
	*state = &kept;
	return (GANGER_OK);
}

const struct ganger_plugin ganger_plugin = {
	.struct_size = sizeof(ganger_plugin),
	.abi_major = GANGER_ABI_MAJOR,
	.abi_minor = GANGER_ABI_MINOR,
	.name = "chaos",
	.version = "1",
	.flags = GANGER_PLUGIN_NO_MODELS | GANGER_PLUGIN_NO_DIRS,
	.init = chaos_init,
	.run = chaos_run,
};
