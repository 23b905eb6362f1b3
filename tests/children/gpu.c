/*
 * A plugin whose GPU breaks: a job with input.break reports a GPU error on
 * its first attempt in this file's life ($DUMP/broken.ID), and from then on
 * whatever else runs in the same process is wrong.
 */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <handler.h>

static const struct ganger_host *host;
static bool broken;

static bool
is_to_break(const struct ganger_request *r)
{
	struct ganger_text v;
	char path[512];
	int fd;

	if (host->json_get(r->job, "input.break", &v) == GANGER_ABSENT)
		return (false);
	(void)snprintf(path, sizeof(path), "%s/broken.%s", getenv("DUMP"),
	    r->id);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)close(fd);
	return (fd >= 0);
}

static enum ganger_status
run_one(const struct ganger_request *r)
{
	char pid[24];

	if (broken) {
		host->set_error(r->host, GANGER_ERROR,
		    "ran where the GPU is broken");
		return (GANGER_ERROR);
	}
	broken = is_to_break(r);
	if (broken)
		return (GANGER_GPU_ERROR);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)host->set_result(r->host, pid, strlen(pid));
	return (GANGER_OK);
}

static enum ganger_status
gpu_run(void *state, void *model, const struct ganger_request *r)
{
	(void)state;
	(void)model;
	return (run_one(r));
}

/* More than one at once fails as a whole, so that it is halved. */
static enum ganger_status
gpu_predict(void *state, void *model, const struct ganger_request *const *r,
    size_t n)
{
	(void)state;
	(void)model;
	return (n > 1 ? GANGER_ERROR : run_one(r[0]));
}

static enum ganger_status
gpu_init(const struct ganger_host *h, void **state, const char **error)
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
	.name = "gpu",
	.version = "1",
	.flags = GANGER_PLUGIN_NO_MODELS | GANGER_PLUGIN_NO_DIRS,
	.init = gpu_init,
	.predict = gpu_predict,
	.run = gpu_run,
};
