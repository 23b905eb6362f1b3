/*
 * Admission, the second stop of a job's way. admit_claimed makes the job,
 * its history is fetched if its queue has any, then the gates of the table
 * `gates` are asked in order; the first that takes the job ends its
 * admission. What passes them all goes to its pool for a slot.
 */
#include "config.h"

#include "supervisor/admit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/cancel.h"
#include "supervisor/finish.h"
#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/permit.h"
#include "supervisor/pool.h"
#include "supervisor/rename.h"
#include "supervisor/settle.h"
#include "supervisor/sift.h"
#include "supervisor/sup.h"

/* A lock whose holder was lost for good opens by itself after this. */
#define UNIQUE_LIFE_MS (8LL * 24 * 3600 * 1000)

/* A job that waits for another worker is out of its way for so long. */
#define HOME_BOUNCE_MS 250

/*
 * A gate looks at one question. It returns true if it took the job (ended
 * it, moved it, or waits for an answer), false to let it on.
 */
typedef bool gate_f(struct job *);

static bool
gate_lost(struct job *j)
{
	struct outcome o = OUTCOME(CAUSE_WORKER_LOST);

	if (!j->lost)
		return (false);
	finish_job(j, &o);
	return (true);
}

/* Keys of ours must not be replied into: a record in a lane would be taken
 * for a job, and replies expire. {Q}:reply:... is for users. */
static bool
is_own_key(const struct sup *sup, struct slice key)
{
	const struct queue *q;
	size_t n;
	unsigned i;

	TAILQ_FOREACH(q, &sup->queues, link) {
		for (i = 0; i < LANE_N; i++)
			if (slice_is(key, q->lane[i]))
				return (true);
		n = strlen(q->name) + 2;        /* {Q} */
		if (key.n > n && key.p[0] == '{' && key.p[n - 1] == '}' &&
		    memcmp(key.p + 1, q->name, n - 2) == 0)
			return (key.n < n + 7 ||
			    memcmp(key.p + n, ":reply:", 7) != 0);
	}
	return (false);
}

static bool
gate_reply(struct job *j)
{
	struct outcome o = OUTCOME(CAUSE_INVALID_JOB);

	if (j->spec.reply_to.p == NULL ||
	    !is_own_key(j->q->sup, j->spec.reply_to))
		return (false);
	j->spec.reply_to = SLICE_NULL;
	o.message = SLICE_LIT("reply_to: names a key of a queue; use a key of "
	    "your own, or {QUEUE}:reply:NAME");
	finish_job(j, &o);
	return (true);
}

static bool
gate_cancelled(struct job *j)
{
	struct outcome o = OUTCOME(CAUSE_CANCELLED);

	if (!j->hist.cancelled)
		return (false);
	finish_job(j, &o);
	return (true);
}

/* A drain or stop began while the claim was under way, or a reload took the
 * queue or the pool away. */
static bool
may_start(const struct job *j)
{
	return (sup_claims(j->q->sup) && !j->q->closing &&
	    j->pool->conf != NULL);
}

static bool
gate_closing(struct job *j)
{
	if (may_start(j))
		return (false);
	finish_return(j, CAUSE_SHUTDOWN);
	return (true);
}

/* A job of low priority in the normal list yields to the others there. One of
 * high priority is taken already: its lane could not be served sooner. */
static bool
gate_lane(struct job *j)
{
	if (j->lane_from != LANE_NORMAL || j->spec.lane != LANE_LOW)
		return (false);
	finish_lane(j);
	return (true);
}

/* A pool that serves the job's queue, has a handler for it and slots that
 * own as many GPUs as it needs. */
static struct pool *
other_pool(struct job *j)
{
	struct pool *p;
	unsigned i;

	TAILQ_FOREACH(p, &j->q->sup->pools, link) {
		for (i = 0; i < p->nqueues && p->queues[i] != j->q; i++)
			;
		if (i < p->nqueues && p->nprocs > 0 &&
		    pool_gpus(p) >= pool_gpus_for(j) &&
		    pool_handler(p, j) >= 0)
			return (p);
	}
	return (NULL);
}

/*
 * A slot of this pool owns too few GPUs. Another pool's may do; then the job
 * waits for one of those, and this pool goes on with what is behind it. Where
 * no pool here has such slots, other workers may.
 */
static bool
gate_gpu(struct job *j)
{
	struct sup *sup = j->q->sup;
	unsigned need = pool_gpus_for(j);
	char target[512], text[128];
	struct pool *p;

	if (need <= pool_gpus(j->pool))
		return (false);
	if ((p = other_pool(j)) != NULL && p->nready < 2 * p->nprocs) {
		j->pool = p;
		return (false);
	}
	(void)snprintf(target, sizeof(target), "%s:gpu:queue",
	    sup->conf->redis.prefix);
	(void)snprintf(text, sizeof(text), "needs a slot with %u GPU(s); no "
	    "slot of this worker that serves its queue has as many", need);
	if (p != NULL)
		finish_later(j, sup_wall(sup) + 1000,
		    "others wait for a slot with as many GPUs");
	else if (strcmp(j->q->name, target) == 0)
		finish_later(j, sup_wall(sup) + 5000, text);
	else
		finish_move(j, target);
	return (true);
}

static bool
gate_handler(struct job *j)
{
	struct outcome o = OUTCOME(CAUSE_UNKNOWN_HANDLER);
	struct pool *p;
	char text[320];
	int h;

	if ((h = pool_handler(j->pool, j)) < 0 && (p = other_pool(j)) != NULL) {
		j->pool = p;
		h = pool_handler(p, j);
	}
	if (h >= 0) {
		j->handler = (unsigned)h;
		return (false);
	}
	if (j->spec.handler.p != NULL)
		(void)snprintf(text, sizeof(text),
		    "no handler \"%.*s\" is configured here",
		    (int)j->spec.handler.n, j->spec.handler.p);
	else
		(void)snprintf(text, sizeof(text),
		    "no handler configured here serves type \"%.*s\"",
		    (int)j->spec.type.n, j->spec.type.p);
	o.message = slice_of(text);
	finish_job(j, &o);
	return (true);
}

/* The later of delay (from queued_at, or from now) and run_at. */
static wall_t
due_of(const struct job *j, wall_t now)
{
	wall_t base = j->spec.queued_at > 0 ? j->spec.queued_at : now;
	wall_t due = 0;

	if (j->spec.delay > 0)
		due = base + j->spec.delay / DUR_MS;
	return (j->spec.run_at > due ? j->spec.run_at : due);
}

static bool
gate_time(struct job *j)
{
	wall_t now, due;

	if (j->spec.delay == 0 && j->spec.run_at == 0)
		return (false);
	now = sup_wall(j->q->sup);
	due = j->hist.due > 0 ? j->hist.due : due_of(j, now);
	if (due <= now)
		return (false);
	j->hist.due = due;
	finish_later(j, due, NULL);
	return (true);
}

/* A displaced job goes on from its checkpoint, which lies on one host; that
 * host's worker may have it first. */
static bool
gate_home(struct job *j)
{
	wall_t now, due;

	if (j->hist.home[0] == '\0' || strcmp(j->hist.home, j->q->sup->id) == 0)
		return (false);
	now = sup_wall(j->q->sup);
	due = now + HOME_BOUNCE_MS;
	if (now >= j->hist.home_until)
		return (false);
	finish_later(j, due < j->hist.home_until ? due : j->hist.home_until,
	    "waits for the worker that has its checkpoint");
	return (true);
}

/* What holds for a job that names none itself. */
static dur_t
queue_ttl(const struct job *j)
{
	dur_t own = j->pool->conf->queue_ttl;

	return (own > 0 ? own : j->q->sup->conf->supervisor.queue_ttl);
}

static bool
gate_ttl(struct job *j)
{
	dur_t ttl = j->spec.ttl > 0 ? j->spec.ttl : queue_ttl(j);
	struct outcome o = OUTCOME(CAUSE_EXPIRED);
	wall_t now, from;

	if (ttl == 0 || j->hist.ran)
		return (false);
	now = sup_wall(j->q->sup);
	from = j->spec.queued_at > 0 ? j->spec.queued_at :
	    j->hist.first > 0 ? j->hist.first : now;
	/* nobody wanted it sooner, unless the job says so itself */
	if (j->spec.ttl == 0 && j->hist.due > from)
		from = j->hist.due;
	if (now < from + ttl / DUR_MS)
		return (false);
	finish_job(j, &o);
	return (true);
}

bool
admit_may_start(const struct job *j)
{
	return (may_start(j) && pool_handler(j->pool, j) == (int)j->handler);
}

bool
admit_is_over(struct job *j)
{
	if (gate_cancelled(j))
		return (true);
	if (admit_may_start(j) && !j->lapsed && mono_now() < lease_fence(j->q))
		return (gate_ttl(j));
	finish_return(j, CAUSE_SHUTDOWN);
	return (true);
}

static bool
gate_permit(struct job *j)
{
	if (!permit_needed(j))
		return (false);
	permit_ask(j);
	return (true);
}

static void
unique_answered(void *priv, redisReply *r)
{
	struct job *j = priv;
	struct outcome o = OUTCOME(CAUSE_DUPLICATE);
	char text[192];

	OBJ_CHECK(j, JOB_MAGIC);
	if (r == NULL || r->type == REDIS_REPLY_ERROR) {
		finish_return(j, CAUSE_SHUTDOWN);  /* unknown: ask again later */
	} else if (r->type == REDIS_REPLY_STRING && strcmp(r->str, j->id) != 0) {
		(void)snprintf(text, sizeof(text),
		    "job %s with the same unique value is live", r->str);
		o.message = slice_of(text);
		finish_job(j, &o);
	} else if (gate_cancelled(j))
		return;
	else if (!admit_may_start(j))
		finish_return(j, CAUSE_SHUTDOWN);
	else if (!gate_permit(j))
		pool_take(j->pool, j);
}

static bool
gate_unique(struct job *j)
{
	struct conn *c = j->q->redis->main;
	const char *pre = j->q->key.unique;
	size_t n = j->spec.unique.n;
	long long life = j->spec.unique_ttl > 0 ?
	    j->spec.unique_ttl / DUR_MS + 1 : UNIQUE_LIFE_MS;

	if (j->spec.unique.p == NULL)
		return (false);
	j->stage = STAGE_CHECKING;
	if (conn_cmd(c, NULL, NULL, "SET %s%b %s NX PX %lld", pre,
	    j->spec.unique.p, n, j->id, life) != 0 ||
	    conn_cmd(c, unique_answered, j, "GET %s%b", pre,
	    j->spec.unique.p, n) != 0)
		finish_return(j, CAUSE_SHUTDOWN);
	return (true);
}

/* In order. `reply` comes first: it makes the job fit to be ended. What was
 * taken over is judged next, whatever it is: its run was ours no longer. */
static gate_f *const gates[] = {
	gate_reply, gate_cancelled, gate_lost, gate_closing, gate_lane,
	gate_gpu, gate_handler, gate_time, gate_home, gate_ttl, gate_unique,
	gate_permit,
};

void
admit_job(struct job *j)
{
	unsigned i;

	if (j->hist.first == 0)
		j->hist.first = sift_first(j->q, j->id, sup_wall(j->q->sup));
	for (i = 0; i < NELEM(gates); i++)
		if (gates[i](j))
			return;
	FAILPOINT(ADMIT_PASSED);
	pool_take(j->pool, j);
}

static void
histories_answered(void *priv, redisReply *r)
{
	struct queue *q = priv;
	struct job *j, *next;
	bool cancelled;
	size_t i = 0;

	OBJ_CHECK(q, QUEUE_MAGIC);
	/*
	 * The answer's order is that of the jobs that were asked for, which
	 * are the oldest ones marked so. Without an answer the jobs go back:
	 * their count of attempts must not be guessed.
	 */
	for (j = TAILQ_FIRST(&q->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->stage != STAGE_HISTORY || j->asked_seq == 0)
			continue;
		if (r == NULL || r->type != REDIS_REPLY_ARRAY ||
		    i >= r->elements) {
			j->hist.unknown = true;
			finish_return(j, CAUSE_SHUTDOWN);
			continue;
		}
		cancelled = j->hist.cancelled;
		/* all of it anew, also what a cancel may have set */
		history_parse(&j->hist, r->element[i]->str,
		    r->element[i]->type == REDIS_REPLY_STRING ?
		    r->element[i]->len : 0);
		i++;
		j->hist.cancelled = j->hist.cancelled || cancelled;
		admit_job(j);
	}
	q->history_seq = 0;
	admit_histories(q);
}

void
admit_histories(struct queue *q)
{
	const char **argv;
	struct job *j;
	int argc = 2;

	if (q->history_seq != 0)
		return;         /* the next batch goes after this answer */
	argv = xcalloc(q->njobs + 2, sizeof(*argv));
	argv[0] = "HMGET";
	argv[1] = q->key.history;
	TAILQ_FOREACH(j, &q->jobs, link)
		if (j->stage == STAGE_HISTORY) {
			argv[argc++] = j->id;
			j->asked_seq = 1;
		}
	if (argc > 2) {
		q->history_seq = 1;
		if (conn_send(q->redis->main, 0, histories_answered, q, argc,
		    argv, NULL) != 0)
			histories_answered(q, NULL);
	}
	free(argv);
}

static void
write_id(struct job *j)
{
	struct slice p = { j->payload, j->payload_len };

	if (rename_payload(p, j->spec.is_msgpack, j->id, &j->payload_new,
	    &j->payload_new_len) != 0) {
		log_bug("admit", "id=%s could not be written into its payload",
		    j->id);
		return;
	}
	settle_note(j, false, true);
}

void
admit_claimed(struct sup *sup, const struct admit_from *from,
    redisReply *payload)
{
	struct job_problem problem;
	struct job *j;
	int r;

	if (payload->type != REDIS_REPLY_STRING)
		return;
	j = job_new(from->q, from->pool != NULL ? from->pool :
	    TAILQ_FIRST(&sup->pools), ++sup->seq);
	job_field(j->field, from->token, from->number);
	j->lane_from = from->lane;
	j->lost = from->lost;
	j->urgent = from->urgent;
	j->payload = payload->str;
	j->payload_len = payload->len;
	payload->str = NULL;
	payload->len = 0;
	r = job_parse(j->payload, j->payload_len,
	    sup->conf->supervisor.max_job_size, &j->spec, &problem);
	job_name(j, sup_wall(sup));
	FAILPOINT(ADMIT_BEGUN);
	if (r != 0) {
		finish_reject(j, &problem);
		return;
	}
	j->hist.cancelled = cancel_wanted(sup, j->id);
	if (!j->had_id)
		write_id(j);
	/* A job without an id of its own can have no history. */
	if (from->history && j->had_id)
		return;
	admit_job(j);
}
