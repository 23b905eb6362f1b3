/*
 * The plugin of the latency benchmarks: notes when it was called, takes as
 * many milliseconds as the job's "ms" says, times BENCH_SLOW, and answers with
 * the job's input. Uses nothing of Ganger but the installed header.
 */
#include <stdlib.h>
#include <time.h>

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

static void
take_time(const struct ganger_request *r)
{
	const char *slow = getenv("BENCH_SLOW");
	struct ganger_text v;
	struct timespec ts;
	double s;

	if (host->json_get(r->job, "ms", &v) != GANGER_NUMBER)
		return;
	s = host->json_number(v, 0) / 1e3 * (slow != NULL ? atof(slow) : 1);
	ts.tv_sec = (time_t)s;
	ts.tv_nsec = (long)((s - (double)ts.tv_sec) * 1e9);
	(void)nanosleep(&ts, NULL);
}

static enum ganger_status
bench_run(void *state, void *model, const struct ganger_request *r)
{
	struct ganger_text v;

	(void)state;
	(void)model;
	starts_note(r->job.data, r->job.size);
	take_time(r);
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
