/*
 * Schedules. Each worker computes the same times from the same expression and
 * Redis's clock, and pushes at them; lua/schedule.lua lets the first one do
 * it. The job gets the id NAME.<unix seconds> unless it names one, so a
 * firing can be found again.
 */
#include "config.h"

#include "supervisor/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cron.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "proto/job.h"

#include "supervisor/rename.h"
#include "supervisor/script.h"
#include "supervisor/sup.h"

#define KEY_LIFE_S (4LL * 366 * 86400)  /* longer than any gap of a cron */

struct schedule {
	const struct conf_schedule *conf; /* borrows */
	struct cron cron;
	char *key;                        /* {Q}:schedule:NAME */
	char *list;                       /* of the job's lane */
	bool has_id;
	time_t next;                      /* -1: never again */
};

struct schedules {
	unsigned n;
	struct schedule one[];
};

unsigned
schedule_check(const struct conf *c, struct buf *problems)
{
	struct job_problem problem;
	struct job_spec spec;
	unsigned i, n = 0;

	for (i = 0; i < c->nschedules; i++) {
		if (job_parse(c->schedules[i].job, strlen(c->schedules[i].job),
		    c->supervisor.max_job_size, &spec, &problem) != 0) {
			conf_put_at(c, c->schedules[i].line, problems);
			(void)buf_printf(problems, "[schedule %s] job: %s\n",
			    c->schedules[i].name, problem.message);
			n++;
		}
		job_spec_fini(&spec);
	}
	return (n);
}

static time_t
redis_now(const struct sup *sup)
{
	return ((time_t)(sup_wall(sup) / 1000));
}

static void
open_one(struct sup *sup, struct schedule *s, const struct conf_schedule *c)
{
	struct job_problem problem;
	struct job_spec spec;

	s->conf = c;
	(void)cron_parse(c->cron, &s->cron, NULL);
	s->key = str_fmt("{%s}:schedule:%s", c->queue, c->name);
	(void)job_parse(c->job, strlen(c->job),
	    sup->conf->supervisor.max_job_size, &spec, &problem);
	s->has_id = spec.id.p != NULL;
	s->list = spec.lane == LANE_NORMAL ? xstrdup(c->queue) :
	    str_fmt("{%s}:%s", c->queue, job_lane_name(spec.lane));
	job_spec_fini(&spec);
	s->next = cron_next(&s->cron, redis_now(sup));
	if (s->next < 0)
		log_warn("schedule", "name=%s cron=\"%s\" never comes",
		    c->name, c->cron);
}

void
schedule_open(struct sup *sup)
{
	unsigned n = sup->conf->nschedules, i;

	schedule_close(sup);
	sup->schedules = xcalloc(1, sizeof(*sup->schedules) +
	    n * sizeof(sup->schedules->one[0]));
	sup->schedules->n = n;
	for (i = 0; i < n; i++)
		open_one(sup, &sup->schedules->one[i],
		    &sup->conf->schedules[i]);
}

void
schedule_close(struct sup *sup)
{
	unsigned i;

	if (sup->schedules == NULL)
		return;
	for (i = 0; i < sup->schedules->n; i++) {
		free(sup->schedules->one[i].key);
		free(sup->schedules->one[i].list);
	}
	free(sup->schedules);
	sup->schedules = NULL;
}

static void
pushed(void *priv, redisReply *r)
{
	struct sup *sup = priv;

	if (r == NULL)
		return;
	if (r->type == REDIS_REPLY_INTEGER)
		sup->stat.n[STAT_SCHEDULED] += (uint64_t)r->integer;
	else
		sup_redis_error(sup, "schedule", "", r);
}

static void
fire(struct sup *sup, const struct schedule *s)
{
	struct slice job = slice_of(s->conf->job);
	char id[160], *named = NULL;
	struct script_args *a;
	size_t n;

	(void)snprintf(id, sizeof(id), "%.100s.%" PRId64, s->conf->name,
	    (int64_t)s->next);
	if (!s->has_id && str_id_ok(slice_of(id)) &&
	    rename_payload(job, false, id, &named, &n) == 0)
		job = (struct slice){ named, n };
	a = script_begin(SCRIPT_SCHEDULE);
	script_key(a, s->key);
	script_key(a, s->list);
	script_arg_int(a, (long long)s->next);
	script_arg(a, job);
	script_arg_int(a, KEY_LIFE_S);
	(void)script_call(sup->main, a, pushed, sup);
	free(named);
}

void
schedule_phase(struct sup *sup)
{
	struct schedule *s;
	time_t now;
	unsigned i;

	if (sup->schedules == NULL || sup->schedules->n == 0 ||
	    !sup->ready || !sup->beaten || sup->mode != MODE_RUNNING)
		return;
	now = redis_now(sup);
	for (i = 0; i < sup->schedules->n; i++) {
		s = &sup->schedules->one[i];
		if (s->next < 0)
			continue;
		if (now >= s->next) {
			fire(sup, s);
			/* one firing for all that were missed */
			s->next = cron_next(&s->cron, now);
		}
		if (s->next > 0)
			sup_wake_at(sup, mono_add(mono_now(),
			    (s->next * 1000 - sup_wall(sup)) * DUR_MS));
	}
}
