/*
 * Permits. Who is refused by a rate has a turn kept in Redis and goes to the
 * delayed set until then. Who is refused because as many run as may stays
 * here, a few of each worker, and asks again when a job ends here and every
 * so often; more than a few go to the delayed set, so that others behind them
 * in the queue are not held up.
 */
#include "config.h"

#include "supervisor/permit.h"

#include <stdio.h>
#include <string.h>

#include "base/obj.h"
#include "base/str.h"

#include "supervisor/admit.h"
#include "supervisor/finish.h"
#include "supervisor/job.h"
#include "supervisor/pool.h"
#include "supervisor/script.h"
#include "supervisor/sup.h"

#define PARKED_MAX 32           /* refused jobs that one worker holds */
#define ASK_EVERY (25 * DUR_MS)
#define LATER_MIN 200           /* ms; those that are put off come back then, */
#define LATER_EACH 20           /* later by this for each one before them, */
#define LATER_MAX 10000         /* and at the latest then */

/* One limit that holds for a job. */
struct limit {
	const char *kind, *name;
	int64_t max, rate_us, burst;
};

static const struct conf_model *
model_of(const struct job *j)
{
	const struct conf *c = j->q->sup->conf;
	unsigned i;

	if (j->spec.model.p != NULL)
		for (i = 0; i < c->nmodel_limits; i++)
			if (slice_is(j->spec.model, c->model_limits[i].name))
				return (&c->model_limits[i]);
	return (NULL);
}

static unsigned
limits_of(const struct job *j, struct limit out[2])
{
	const struct conf_handler *h =
	    &j->q->sup->conf->handlers[j->handler];
	const struct conf_model *m = model_of(j);
	unsigned n = 0;

	if (h->max_running > 0 || h->rate_us > 0)
		out[n++] = (struct limit){ "handler", h->name, h->max_running,
			h->rate_us, h->burst };
	if (m != NULL && (m->max_running > 0 || m->rate_us > 0))
		out[n++] = (struct limit){ "model", m->name, m->max_running,
			m->rate_us, m->burst };
	return (n);
}

bool
permit_needed(const struct job *j)
{
	struct limit limits[2];

	return (limits_of(j, limits) > 0);
}

static void
park(struct job *j)
{
	struct sup *sup = j->q->sup;
	wall_t later;

	if (sup->nparked < PARKED_MAX) {
		TAILQ_INSERT_TAIL(&sup->parked, j, ready);
		sup->nparked++;
		sup_wake_at(sup, mono_add(mono_now(), ASK_EVERY));
		return;
	}
	later = LATER_MIN + LATER_EACH * (wall_t)sup->put_off++;
	finish_later(j, sup_wall(sup) + (later < LATER_MAX ? later :
	    LATER_MAX), "as many of its kind run as may");
}

static void
answered(void *priv, redisReply *r)
{
	struct job *j = priv;
	struct sup *sup = j->q->sup;

	OBJ_CHECK(j, JOB_MAGIC);
	if (r == NULL || r->type != REDIS_REPLY_INTEGER) {
		if (r != NULL)
			sup_redis_error(sup, "permit", j->q->name, r);
		finish_return(j, CAUSE_SHUTDOWN);
		return;
	}
	if (admit_is_over(j))
		return;
	if (r->integer < 0) {
		park(j);
	} else if (r->integer > 0) {
		j->hist.paced = true;
		finish_later(j, sup_wall(sup) + r->integer,
		    "waits for its turn: rate limit");
	} else {
		sup->put_off = 0;
		j->hist.paced = false;
		pool_take(j->pool, j);
	}
}

/* A lease as the hashes of running jobs have it; static, until the next. */
static const char *
lease_of(const struct job *j, const char *leased)
{
	static char text[1024];

	(void)snprintf(text, sizeof(text), "%s %s", leased, j->field);
	return (text);
}

/* The two keys of each limit and the job's lease, each with its NUL. */
static void
put_names(struct buf *b, const struct job *j, const struct limit *limits,
    unsigned n, size_t at[5])
{
	static const char *const ends[] = { "running", "rate" };
	unsigned i;

	for (i = 0; i < 2 * n; i++) {
		at[i] = b->len;
		(void)buf_printf(b, "{%s:limits}:%s:%s:%s",
		    j->q->sup->conf->redis.prefix, limits[i / 2].kind,
		    limits[i / 2].name, ends[i % 2]);
		(void)buf_putc(b, '\0');
	}
	at[2 * n] = b->len;
	(void)buf_printf(b, "%s %s", j->q->leased, j->field);
	(void)buf_putc(b, '\0');
}

void
permit_ask(struct job *j)
{
	struct limit limits[2];
	unsigned n = limits_of(j, limits), i;
	struct script_args *a = script_begin(SCRIPT_PERMIT);
	struct buf text;
	size_t at[5];

	j->stage = STAGE_CHECKING;
	buf_init(&text, 64u << 10);
	put_names(&text, j, limits, n, at);
	for (i = 0; i < 2 * n; i++)
		script_key(a, text.data + at[i]);
	script_arg_str(a, text.data + at[2 * n]);
	script_arg_int(a, j->hist.paced ? 1 : 0);
	for (i = 0; i < n; i++) {
		script_arg_int(a, limits[i].max);
		script_arg_int(a, limits[i].rate_us);
		script_arg_int(a, limits[i].burst);
	}
	if (n == 0 || script_call(j->q->redis->main, a, answered, j) != 0)
		finish_return(j, CAUSE_SHUTDOWN);
	buf_fini(&text);
}

void
permit_rename(const struct job *j, const char *old_leased, bool drop)
{
	struct sup *sup = j->q->sup;
	struct limit limits[2];
	unsigned n = limits_of(j, limits), i;

	for (i = 0; i < n; i++) {
		if (limits[i].max == 0)
			continue;
		(void)conn_cmd(sup->main, NULL, NULL,
		    "HSET {%s:limits}:%s:%s:running %s 1",
		    sup->conf->redis.prefix, limits[i].kind, limits[i].name,
		    lease_of(j, j->q->leased));
		if (drop)
			(void)conn_cmd(sup->main, NULL, NULL,
			    "HDEL {%s:limits}:%s:%s:running %s",
			    sup->conf->redis.prefix, limits[i].kind,
			    limits[i].name, lease_of(j, old_leased));
	}
}

void
permit_phase(struct sup *sup)
{
	mono_t now;
	struct job *j;
	unsigned n;

	if (sup->nparked == 0)
		return;
	now = mono_now();
	if (now < sup->permit_at && sup_claims(sup) &&
	    sup->ended == sup->permit_ended)
		return;
	sup->permit_at = mono_add(now, ASK_EVERY);
	sup->permit_ended = sup->ended;
	sup_wake_at(sup, sup->permit_at);
	for (n = sup->nparked; n > 0; n--) {
		j = TAILQ_FIRST(&sup->parked);
		TAILQ_REMOVE(&sup->parked, j, ready);
		sup->nparked--;
		if (admit_is_over(j))
			continue;
		if (permit_needed(j))
			permit_ask(j);
		else
			pool_take(j->pool, j);  /* the limit was lifted */
	}
}
