/*
 * The plugin of the latency benchmark: notes when it was called, and answers
 * with the job's input. Uses nothing of Ganger but the installed header.
 */
#include <handler.h>

#include "starts.h"

static const struct ganger_host *host;

static enum ganger_status
bench_init(const struct ganger_host *h, void **state, const char **error)
{
	(void)error;
	host = h;
	*state = NULL;
	return (GANGER_OK);
}

static enum ganger_status
bench_run(void *state, void *model, const struct ganger_request *r)
{
	struct ganger_text v;

	(void)state;
	(void)model;
	starts_note(r->job.data, r->job.size);
	if (host->json_get(r->job, "input", &v) != GANGER_ABSENT)
		(void)host->set_result(r->host, v.data, v.size);
	return (GANGER_OK);
}

const struct ganger_plugin ganger_plugin = {
	.struct_size = sizeof(ganger_plugin),
	.abi_major = GANGER_ABI_MAJOR,
	.abi_minor = GANGER_ABI_MINOR,
	.name = "bench",
	.version = "1",
	.flags = GANGER_PLUGIN_NO_MODELS | GANGER_PLUGIN_NO_DIRS,
	.init = bench_init,
	.run = bench_run,
};
