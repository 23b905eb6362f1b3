/*
 * Handlers of kind plugin: shared objects that run on this process's main
 * thread. While one of their calls lasts nothing else happens here; what must
 * not wait is on the shared page and in the watchdog.
 *
 * A step is one call: one job with run, or with predict the jobs of one model
 * that follow each other, batch_size at most. A batch that fails as a whole
 * is halved until the culprit stands alone.
 */
#include "config.h"

#include "child/plugin.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "child/child.h"
#include "child/model_cache.h"
#include "child/plugin_host.h"
#include "child/prepare.h"
#include "child/report.h"

#define PLUGIN_MAGIC 0x706c7567u

struct plugin {
	unsigned magic;
	void *dl;                          /* owns */
	const struct ganger_plugin *abi;   /* the shared object's */
	void *state;                       /* the plugin's */
	struct ganger_host host;
	struct ganger_place place;
	bool ready;                        /* init succeeded: fini is due */
};

/* The jobs of one call. */
struct call {
	struct plugin *plugin;
	void *model;
	unsigned n;
	struct ganger_job keys[FRAME_JOBS_MAX];
	struct ganger_request req[FRAME_JOBS_MAX];
	const struct ganger_request *list[FRAME_JOBS_MAX];
	char id[FRAME_JOBS_MAX][132];
	char *text[FRAME_JOBS_MAX][2];     /* type, model; owns */
};

/* Plugins of older minors end before the members that came later. */
static bool
is_whole(const struct ganger_plugin *p)
{

	return (p->struct_size >= offsetof(struct ganger_plugin, run) +
	    sizeof(p->run) && p->name != NULL && p->version != NULL &&
	    (p->run != NULL || p->predict != NULL));
}

static bool
check_abi(const struct ganger_plugin *p, const char *path, struct buf *why)
{

	if (p->abi_major != GANGER_ABI_MAJOR ||
	    p->abi_minor > GANGER_ABI_MINOR) {
		buf_printf(why, "plugin %s: built for ABI %u.%u, this is "
		    "%d.%d", path, (unsigned)p->abi_major,
		    (unsigned)p->abi_minor, GANGER_ABI_MAJOR,
		    GANGER_ABI_MINOR);
		return (false);
	}
	if (!is_whole(p)) {
		buf_printf(why, "plugin %s: its ganger_plugin is not whole: "
		    "it needs a size, a name, a version and run or predict",
		    path);
		return (false);
	}
	return (true);
}

static bool
load_object(struct plugin *p, const char *path, struct buf *why)
{

	if ((p->dl = dlopen(path, RTLD_NOW | RTLD_LOCAL)) == NULL) {
		buf_printf(why, "plugin %s: %s", path, dlerror());
		return (false);
	}
	if ((p->abi = dlsym(p->dl, "ganger_plugin")) == NULL) {
		buf_printf(why, "plugin %s: it has no symbol ganger_plugin",
		    path);
		return (false);
	}
	return (check_abi(p->abi, path, why));
}

static bool
init_plugin(struct plugin *p, const char *path, struct buf *why)
{
	const char *error = NULL;
	enum ganger_status s;

	if (p->abi->init != NULL) {
		s = p->abi->init(&p->host, &p->state, &error);
		if (s != GANGER_OK) {
			buf_printf(why, "plugin %s: its init failed: %s", path,
			    error != NULL ? error : "it gave no reason");
			return (false);
		}
	}
	p->ready = true;
	return (true);
}

static void
fill_place(const struct child *c, struct ganger_place *place)
{

	*place = (struct ganger_place){
		.struct_size = sizeof(*place),
		.worker_id = c->start->worker_id,
		.slot = c->start->slot,
		.cpus = c->cpus,
		.devices = c->start->devices,
		.ncpus = c->start->ncpus,
	};
}

/* A plugin lives in this process, so its env.NAME do too. */
static int
open_plugin(struct child *c, struct child_handler *h, struct buf *why)
{
	struct plugin *p;
	char *const *v;

	p = xcalloc(1, sizeof(*p));
	p->magic = PLUGIN_MAGIC;
	h->state = p;
	for (v = h->conf->env; v != NULL && *v != NULL; v++)
		putenv(*v);
	fill_place(c, &p->place);
	plugin_host_init(&p->host, &p->place);
	if (!load_object(p, h->conf->path, why) ||
	    !init_plugin(p, h->conf->path, why))
		return (CHILD_EXIT_PLUGIN);
	return (0);
}

static bool
has_flag(const struct plugin *p, uint32_t flag)
{

	return ((p->abi->flags & flag) != 0);
}

static bool
same_model(const struct cjob *a, const struct cjob *b)
{

	return (a->f.model_version == b->f.model_version &&
	    slice_eq(a->f.model, b->f.model));
}

static bool
takes_batches(const struct plugin *p, const struct child_handler *h)
{

	return (p->abi->predict != NULL &&
	    (p->abi->run == NULL || h->conf->batch_size > 1));
}

/* How many jobs from `from` on go into one call. */
static unsigned
count_jobs(struct child *c, struct child_handler *h)
{
	const struct plugin *p = h->state;
	const struct credit *cr = c->credit;
	unsigned max, n = 1;

	if (!takes_batches(p, h))
		return (1);
	max = h->conf->batch_size > 0 ? h->conf->batch_size : 1;
	if (max > cr->njobs - c->from)
		max = cr->njobs - c->from;
	while (n < max && (has_flag(p, GANGER_PLUGIN_NO_MODELS) ||
	    same_model(&cr->jobs[c->from], &cr->jobs[c->from + n])))
		n++;
	return (n);
}

static bool
prepare_job(struct child *c, struct child_handler *h, struct cjob *j)
{
	struct plugin *p = h->state;

	if (j->settled)
		return (false);
	if (!has_flag(p, GANGER_PLUGIN_NO_MODELS) && !prepare_model(c, j))
		return (false);
	/* what is to be published must be written somewhere */
	if (has_flag(p, GANGER_PLUGIN_NO_DIRS) && j->f.publish.n == 0)
		return (true);
	return (prepare_dirs(c, h, j));
}

static const char *
or_empty(const char *s)
{

	return (s != NULL ? s : "");
}

static char *
copy_text(struct slice s)
{

	return (xstrndup(s.n > 0 ? s.p : "", s.n));
}

static void
add_request(struct call *call, struct child *c, struct cjob *j)
{
	unsigned i = call->n++;

	call->keys[i] = (struct ganger_job){ c, j, GANGER_OK };
	snprintf(call->id[i], sizeof(call->id[i]), "%.*s", (int)j->f.id.n,
	    j->f.id.p);
	call->text[i][0] = copy_text(j->f.type);
	call->text[i][1] = copy_text(j->f.model);
	call->req[i] = (struct ganger_request){
		.struct_size = sizeof(struct ganger_request),
		.host = &call->keys[i],
		.id = call->id[i],
		.type = call->text[i][0],
		.model = call->text[i][1],
		.attempt = j->f.attempt,
		.job = { j->text.p, j->text.n },
		.work_dir = or_empty(j->dirs.work),
		.output_dir = or_empty(j->dirs.output),
		.checkpoint_dir = or_empty(j->dirs.checkpoint),
	};
	call->list[i] = &call->req[i];
}

static void
fail_all(struct call *call, unsigned from, unsigned n,
    enum ganger_status status, const char *text)
{
	unsigned i;

	for (i = from; i < from + n; i++)
		plugin_host_fail(&call->keys[i], status, text);
}

static void
tell_phase(struct call *call, struct child *c,
    void (*report)(struct child *, const struct cjob *, pid_t))
{
	unsigned i;

	for (i = 0; i < call->n; i++)
		report(c, call->keys[i].job, getpid());
}

/* Makes the call's model ready. False: all its jobs have failed. */
static bool
load_model(struct call *call, struct child *c)
{
	const struct cjob *j = call->keys[0].job;
	struct plugin *p = call->plugin;
	enum ganger_status s;
	const char *error = NULL;

	if (p->abi->load_model == NULL ||
	    has_flag(p, GANGER_PLUGIN_NO_MODELS))
		return (true);
	if (model_cache_get(c->models, p, j->f.model, j->model_version,
	    &call->model))
		return (true);
	tell_phase(call, c, report_loading);
	model_cache_make_room(c->models);
	s = p->abi->load_model(p->state, call->req[0].model, j->model_version,
	    or_empty(j->model_path), &call->model, &error);
	tell_phase(call, c, report_started);
	if (s != GANGER_OK) {
		fail_all(call, 0, call->n, s, error);
		return (false);
	}
	model_cache_put(c->models, p, j->f.model, j->model_version,
	    call->model);
	return (true);
}

static bool
has_gpu_error(const struct call *call)
{
	const struct cjob *j;
	unsigned i;

	for (i = 0; i < call->n; i++) {
		j = call->keys[i].job;
		if (j->settled && j->cause == CAUSE_GPU_ERROR)
			return (true);
	}
	return (false);
}

/* A batch that fails as a whole says nothing about its members: the
 * supervisor divides it, as it does after a crash. */
static void
predict(struct call *call)
{
	struct plugin *p = call->plugin;
	enum ganger_status s;
	unsigned i;

	s = p->abi->predict(p->state, call->model, call->list, call->n);
	if (s == GANGER_OK)
		return;
	if (s != GANGER_ERROR || call->n == 1) {
		fail_all(call, 0, call->n, s, NULL);
		return;
	}
	for (i = 0; i < call->n; i++)
		cjob_fail(call->keys[i].job, CAUSE_BATCH_FAILED, "%s",
		    "the plugin failed its batch");
}

static void
make_call(struct call *call, struct child *c, struct child_handler *h)
{
	struct plugin *p = call->plugin;
	enum ganger_status s;

	if (!load_model(call, c))
		return;
	if (takes_batches(p, h)) {
		predict(call);
		return;
	}
	s = p->abi->run(p->state, call->model, &call->req[0]);
	if (s != GANGER_OK)
		fail_all(call, 0, 1, s, NULL);
}

static void
end_call(struct call *call)
{
	unsigned i;

	for (i = 0; i < call->n; i++) {
		free(call->text[i][0]);
		free(call->text[i][1]);
	}
	fflush(stdout);         /* what the plugin printed belongs to now */
}

static void
begin_plugin(struct child *c, struct child_handler *h)
{
	struct plugin *p = h->state;
	struct call *call;
	unsigned i;

	OBJ_CHECK(p, PLUGIN_MAGIC);
	c->ended = true;
	call = xmalloc(sizeof(*call));
	call->plugin = p;
	call->model = NULL;
	call->n = 0;
	for (i = c->from; i < c->from + c->count; i++)
		if (prepare_job(c, h, &c->credit->jobs[i]))
			add_request(call, c, &c->credit->jobs[i]);
	if (call->n > 0) {
		FAILPOINT(CHILD_STARTED);
		make_call(call, c, h);
		c->spoilt = c->spoilt || has_gpu_error(call);
	}
	end_call(call);
	free(call);
}

static void
finish_plugin(struct child *c, struct child_handler *h)
{
	unsigned i;

	for (i = c->from; i < c->from + c->count; i++) {
		prepare_done(c, &c->credit->jobs[i]);
		dirs_drop(&c->credit->jobs[i].dirs);
	}
}

static void
close_plugin(struct child *c, struct child_handler *h)
{
	struct plugin *p = h->state;

	model_cache_drop(c->models, p);
	if (p->ready && p->abi->fini != NULL)
		p->abi->fini(p->state);
	/* not dlclose'd: threads of its libraries may still run its code */
	p->magic = 0;
	free(p);
	h->state = NULL;
}

void
plugin_unload(void *owner, void *model)
{
	struct plugin *p = owner;

	OBJ_CHECK(p, PLUGIN_MAGIC);
	if (p->abi->unload_model != NULL)
		p->abi->unload_model(p->state, model);
}

const struct kind kind_plugin = {
	.open = open_plugin,
	.count = count_jobs,
	.begin = begin_plugin,
	.finish = finish_plugin,
	.close = close_plugin,
};
