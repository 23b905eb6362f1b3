/*
 * Permits. Who is refused by a rate has a turn kept in Redis and goes to the
 * delayed set until then. Who is refused because as many run as may stays
 * here, a few of each worker, and asks again when a job ends here and every
 * so often; more than a few go to the delayed set, so that others behind them
 * in the queue are not held up. Jobs of high priority are before the others
 * in each of these places, for their part of the lanes' shares.
 */
#include "config.h"

#include "supervisor/permit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
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

/* One limit that holds for a job, and which of its turns is for it. */
struct limit {
	unsigned turn;
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
		out[n++] = (struct limit){ 0, "handler", h->name, h->max_running,
			h->rate_us, h->burst };
	if (m != NULL && (m->max_running > 0 || m->rate_us > 0))
		out[n++] = (struct limit){ 1, "model", m->name, m->max_running,
			m->rate_us, m->burst };
	return (n);
}

bool
permit_needed(const struct job *j)
{
	struct limit limits[2];

	return (limits_of(j, limits) > 0);
}

static bool
is_high(const struct job *j)
{
	return (j->lane_from == LANE_HIGH || j->spec.lane == LANE_HIGH);
}

static void
put_off(struct job *j)
{
	struct sup *sup = j->q->sup;
	wall_t later;

	later = LATER_MIN + LATER_EACH * (wall_t)sup->put_off++;
	finish_later(j, sup_wall(sup) + (later < LATER_MAX ? later :
	    LATER_MAX), "as many of its kind run as may");
}

/* Behind those of its kind. Where there are too many, the last one goes. */
static void
park(struct job *j)
{
	struct sup *sup = j->q->sup;
	struct job *other;

	TAILQ_FOREACH(other, &sup->parked, ready)
		if (is_high(j) && !is_high(other))
			break;
	if (other != NULL)
		TAILQ_INSERT_BEFORE(other, j, ready);
	else
		TAILQ_INSERT_TAIL(&sup->parked, j, ready);
	if (++sup->nparked > PARKED_MAX) {
		j = TAILQ_LAST(&sup->parked, job_list);
		TAILQ_REMOVE(&sup->parked, j, ready);
		sup->nparked--;
		put_off(j);
	}
	sup_wake_at(sup, mono_add(mono_now(), ASK_EVERY));
}

/* Answer { ms, turn, ... }: keeps the turns, and waits until then. */
static void
wait_for_turn(struct job *j, const redisReply *r)
{
	struct limit limits[2];
	unsigned n = limits_of(j, limits), i;

	for (i = 0; i < n && i + 1 < r->elements; i++)
		if (r->element[i + 1]->type == REDIS_REPLY_STRING)
			j->hist.turn[limits[i].turn] = strtoll(
			    r->element[i + 1]->str, NULL, 10);
	finish_later(j, sup_wall(j->q->sup) + r->element[0]->integer,
	    "waits for its turn: rate limit");
}

static void
answered(void *priv, redisReply *r)
{
	struct job *j = priv;
	struct sup *sup = j->q->sup;
	const char *why;

	OBJ_CHECK(j, JOB_MAGIC);
	if (conn_failed(r, &why)) {
		if (r != NULL)
			sup_redis_error(sup, "permit", j->q->name, r);
		finish_return(j, CAUSE_SHUTDOWN);
		return;
	}
	if (admit_is_over(j))
		return;
	if (r->type == REDIS_REPLY_ARRAY && r->elements > 0) {
		wait_for_turn(j, r);
	} else if (r->integer < 0) {
		park(j);
	} else {
		sup->put_off = 0;
		memset(j->hist.turn, 0, sizeof(j->hist.turn));
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

/* The three keys of each limit and the job's lease, each with its NUL. */
static void
put_names(struct buf *b, const struct job *j, const struct limit *limits,
    unsigned n, size_t at[7])
{
	static const char *const ends[] = { "running", "rate", "lanes" };
	unsigned i;

	for (i = 0; i < 3 * n; i++) {
		at[i] = b->len;
		(void)buf_printf(b, "{%s:limits}:%s:%s:%s",
		    j->q->sup->conf->redis.prefix, limits[i / 3].kind,
		    limits[i / 3].name, ends[i % 3]);
		(void)buf_putc(b, '\0');
	}
	at[3 * n] = b->len;
	(void)buf_printf(b, "%s %s", j->q->leased, j->field);
	(void)buf_putc(b, '\0');
}

void
permit_ask(struct job *j)
{
	struct limit limits[2];
	unsigned n = limits_of(j, limits), i;
	struct script_args *a = script_begin(SCRIPT_PERMIT);
	const unsigned *w = j->q->sup->conf->supervisor.weights;
	struct buf text;
	size_t at[7];

	j->stage = STAGE_CHECKING;
	buf_init(&text, 64u << 10);
	put_names(&text, j, limits, n, at);
	for (i = 0; i < 3 * n; i++)
		script_key(a, text.data + at[i]);
	script_arg_str(a, text.data + at[3 * n]);
	script_arg_int(a, is_high(j) ? 1 : 0);
	script_arg_int(a, w[LANE_HIGH]);
	script_arg_int(a, w[LANE_HIGH] + w[LANE_NORMAL] + w[LANE_LOW]);
	script_arg_int(a, 4 * ASK_EVERY / DUR_MS);
	for (i = 0; i < n; i++) {
		script_arg_int(a, limits[i].max);
		script_arg_int(a, limits[i].rate_us);
		script_arg_int(a, limits[i].burst);
		script_arg_int(a, j->hist.turn[limits[i].turn]);
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

static void
put_one(struct jsonw *w, const struct job *j)
{
	struct limit limits[2];
	unsigned n = limits_of(j, limits), i;
	char text[512];
	size_t len = 0;

	for (i = 0; i < n && len < sizeof(text); i++)
		if (limits[i].max > 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s%s %s may run %" PRId64 " job(s) at a time "
			    "(max_running)", len > 0 ? ", " : "",
			    limits[i].kind, limits[i].name, limits[i].max);
	if (len < sizeof(text))
		(void)snprintf(text + len, sizeof(text) - len,
		    ", and as many do");
	jsonw_obj(w);
	jsonw_kstr(w, "id", j->id);
	jsonw_kstr(w, "queue", j->q->name);
	jsonw_kstr(w, "why", text);
	jsonw_end(w);
}

void
permit_put_held(struct jsonw *w, const struct sup *sup)
{
	const struct job *j;

	jsonw_key(w, "held");
	jsonw_arr(w);
	TAILQ_FOREACH(j, &sup->parked, ready)
		put_one(w, j);
	jsonw_end(w);
}
