/*
 * A plugin that takes batches, for tests/system/s_n_batch.c. Each run of each
 * job leaves a line in $DUMP/runs: its id, the batch's size, the process. By
 * input.do a job is good, or fails, crashes, hangs or breaks the GPU for all
 * that share its batch; "wait" lasts until $DUMP/go exists.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <handler.h>

static const struct ganger_host *host;
static bool broken;

static bool
does(const struct ganger_request *r, const char *what)
{
	struct ganger_text v;
	char text[32];

	if (host->json_get(r->job, "input.do", &v) == GANGER_ABSENT)
		return (false);
	(void)host->json_string(v, text, sizeof(text));
	return (strcmp(text, what) == 0);
}

static bool
any_does(const struct ganger_request *const *r, size_t n, const char *what)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (does(r[i], what))
			return (true);
	return (false);
}

static void
note(const struct ganger_request *r, size_t n)
{
	char path[512], line[256];
	int fd, len;

	(void)snprintf(path, sizeof(path), "%s/runs", getenv("DUMP"));
	len = snprintf(line, sizeof(line), "%s %zu %d\n", r->id, n,
	    (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		abort();
	(void)close(fd);
}

static void
wait_for(const struct ganger_request *r, const char *name)
{
	const struct timespec nap = { 0, 2000000 };
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", getenv("DUMP"), name);
	while (access(path, F_OK) != 0 && !host->should_stop(r->host))
		(void)nanosleep(&nap, NULL);
}

static enum ganger_status
batch_predict(void *state, void *model,
    const struct ganger_request *const *r, size_t n)
{
	size_t i;

	(void)state;
	(void)model;
	for (i = 0; i < n; i++)
		note(r[i], n);
	if (any_does(r, n, "wait"))
		wait_for(r[0], "go");
	if (any_does(r, n, "poison"))
		return (GANGER_ERROR);
	if (any_does(r, n, "crash")) {
		(void)signal(SIGSEGV, SIG_DFL);
		(void)raise(SIGSEGV);
	}
	while (any_does(r, n, "hang"))
		(void)pause();
	if (broken || any_does(r, n, "gpu")) {
		broken = true;
		return (GANGER_GPU_ERROR);
	}
	for (i = 0; i < n; i++)
		(void)host->set_result(r[i]->host, "1", 1);
	return (GANGER_OK);
}

static enum ganger_status
batch_init(const struct ganger_host *h, void **state, const char **error)
{
	(void)state;
	(void)error;
	host = h;
	return (GANGER_OK);
}

const struct ganger_plugin ganger_plugin = {
	.struct_size = sizeof(ganger_plugin),
	.abi_major = GANGER_ABI_MAJOR,
	.abi_minor = GANGER_ABI_MINOR,
	.name = "batch",
	.version = "1",
	.flags = GANGER_PLUGIN_NO_MODELS | GANGER_PLUGIN_NO_DIRS,
	.init = batch_init,
	.predict = batch_predict,
};
