/* Before and after a job, whatever its kind. */
#include "config.h"

#include "child/prepare.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "child/child.h"
#include "child/models.h"
#include "child/report.h"
#include "child/spawn.h"

bool
prepare_model(struct child *c, struct cjob *j)
{
	const char *store = c->start->model_dir;

	if (j->f.model.n == 0 || *store == '\0')
		return (true);
	if (models_find(store, j->f.model, j->f.model_version,
	    &j->model_version, &j->model_path) == 0)
		return (true);
	if (slice_is(j->f.type, "training"))
		return (true);
	if (j->f.model_version != 0)
		cjob_fail(j, CAUSE_UNKNOWN_MODEL,
		    "no version %u of model %.*s in %s",
		    (unsigned)j->f.model_version, (int)j->f.model.n,
		    j->f.model.p, store);
	else
		cjob_fail(j, CAUSE_UNKNOWN_MODEL, "no model %.*s in %s",
		    (int)j->f.model.n, j->f.model.p, store);
	return (false);
}

bool
prepare_user(struct child *c, struct child_handler *h,
    const struct spawn_user **up, struct buf *why)
{
	bool other = h->conf->user != NULL || h->conf->group != NULL ||
	    (h->conf->groups != NULL && h->conf->groups[0] != NULL);

	if (other && h->user == NULL) {
		if (dirs_open_way(c->start, why) != 0)
			return (false);
		if (spawn_user_find(h->conf->user, h->conf->group,
		    h->conf->groups, &h->user) != 0) {
			buf_printf(why, "handler %s: no user %s, or one of its "
			    "groups does not exist", h->conf->name,
			    h->conf->user != NULL ? h->conf->user : "(own)");
			return (false);
		}
	}
	*up = h->user;
	return (true);
}

bool
prepare_dirs(struct child *c, struct child_handler *h, struct cjob *j)
{
	const struct spawn_user *user;
	struct buf why;
	bool ok;

	buf_init(&why, 4096);
	ok = prepare_user(c, h, &user, &why) &&
	    dirs_make(c->start, j->f.id, user, &j->dirs, &why) == 0;
	if (!ok)
		cjob_fail(j, CAUSE_LOAD_FAILED, "%s", buf_cstr(&why));
	buf_fini(&why);
	return (ok);
}

static void
set_slice(struct env *e, const char *name, struct slice s)
{
	char text[256];

	snprintf(text, sizeof(text), "%.*s", (int)s.n, s.n > 0 ? s.p : "");
	env_set(e, name, text);
}

static void
set_job(struct env *e, const struct cjob *j)
{
	char attempt[16];

	snprintf(attempt, sizeof(attempt), "%u", (unsigned)j->f.attempt);
	set_slice(e, "GANGER_JOB_ID", j->f.id);
	env_set(e, "GANGER_ATTEMPT", attempt);
	env_set(e, "GANGER_WORKDIR", j->dirs.work);
	env_set(e, "GANGER_OUTPUT_DIR", j->dirs.output);
	env_set(e, "GANGER_CHECKPOINT_DIR", j->dirs.checkpoint);
	if (j->model_path != NULL)
		env_set(e, "GANGER_MODEL_PATH", j->model_path);
}

void
prepare_env(struct child *c, struct child_handler *h, const struct cjob *j,
    struct env *e)
{
	char *const *v;

	env_init(e, c->env);
	for (v = h->conf->env; v != NULL && *v != NULL; v++)
		env_put(e, *v);
	env_set(e, "GANGER_MODEL_DIR", c->start->model_dir);
	if (j != NULL)
		set_job(e, j);
}

static void
log_published(struct child *c, const struct cjob *j, uint32_t version)
{
	struct buf b;

	buf_init(&b, 1024);
	buf_printf(&b, "published model %.*s version %u", (int)j->f.publish.n,
	    j->f.publish.p, (unsigned)version);
	report_log(c, j, (struct slice){ b.data, b.len });
	buf_fini(&b);
}

static void
finish(struct cjob *j)
{

	dirs_done(&j->dirs);
	cjob_done(j);
}

void
prepare_done(struct child *c, struct cjob *j)
{
	uint32_t version;
	struct buf why;

	if (j->settled)
		return;
	if (j->f.publish.n == 0) {
		finish(j);
		return;
	}
	buf_init(&why, 4096);
	if (models_publish(c->start->model_dir, j->f.publish,
	    j->dirs.output != NULL ? j->dirs.output : "", j->f.id, &version,
	    &why) != 0) {
		cjob_fail(j, CAUSE_HANDLER_ERROR, "%s", buf_cstr(&why));
	} else {
		log_published(c, j, version);
		finish(j);
	}
	buf_fini(&why);
}
