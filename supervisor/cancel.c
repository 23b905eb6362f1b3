/*
 * Cancels. A job that this worker holds is marked, and ended by the ladder if
 * it runs; what would run it again sees the mark (finish.c). A waiting one is
 * plucked: taken under a lease like a claimed job, and ended by admission, so
 * that record, reply and event are those of any other end.
 *
 * The search goes through each queue's delayed set, normal, low and high lane,
 * in the order in which jobs move on, a few thousand elements in a call. A job
 * that this worker claims meanwhile is met by admission (cancel_wanted), one
 * that another worker claims by that worker.
 */
#include "config.h"

#include "supervisor/cancel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/admit.h"
#include "supervisor/finish.h"
#include "supervisor/intake.h"
#include "supervisor/job.h"
#include "supervisor/proc.h"
#include "supervisor/script.h"
#include "supervisor/sup.h"

#define SEEK_CHUNK 2000         /* elements in one call */
#define SEEK_MAX 1000000        /* elements of one list */
#define AGAIN_AFTER (20 * DUR_MS)
#define PATIENCE (60 * DUR_S)   /* for a Redis that is away */

struct cancel {
	unsigned magic;
	TAILQ_ENTRY(cancel) link;
	struct sup *sup;        /* borrows */
	char id[129];
	mono_t until;
	mono_t again;           /* next try; only while nothing is asked */
	unsigned asked;         /* queues that are being searched */
	bool broken;            /* an answer was lost: search again */
	bool found;
};

/* The search in one queue. */
struct seek {
	unsigned magic;
	struct cancel *cancel;  /* borrows; lives while asked > 0 */
	struct queue *q;        /* borrows */
	unsigned place;         /* index into a queue's places */
	long long at;
	mono_t sent;
	char token[40];
};
#define SEEK_MAGIC 0x7365656bu

static const enum job_lane lane_order[] = { LANE_NORMAL, LANE_LOW, LANE_HIGH };
#define PLACES (1 + NELEM(lane_order))

static const char *
place_key(const struct seek *s)
{
	return (s->place == 0 ? s->q->key.delayed :
	    s->q->lane[lane_order[s->place - 1]]);
}

static void
drop(struct cancel *c)
{
	ASSERT(c->asked == 0);
	TAILQ_REMOVE(&c->sup->cancels, c, link);
	c->magic = 0;
	free(c);
}

static void
try_later(struct cancel *c)
{
	c->again = mono_add(mono_now(), AGAIN_AFTER);
	sup_wake_at(c->sup, c->again);
}

enum held { HELD_NOT, HELD_MARKED, HELD_ENDING };

/* Marks the job if this worker holds it, and ends it where it can be ended. */
static enum held
cancel_held(struct sup *sup, const char *id)
{
	struct outcome o = OUTCOME(CAUSE_CANCELLED);
	enum held held = HELD_NOT;
	struct queue *q;
	struct job *j, *next;

	TAILQ_FOREACH(q, &sup->queues, link)
		for (j = TAILQ_FIRST(&q->jobs); j != NULL; j = next) {
			next = TAILQ_NEXT(j, link);
			if (strcmp(j->id, id) != 0)
				continue;
			if (j->stage == STAGE_OVER) {
				held = HELD_ENDING;
				continue;
			}
			j->hist.cancelled = true;
			if (j->stage == STAGE_RUNNING)
				proc_end(j->proc, WHY_CANCEL, -1);
			else if (j->stage == STAGE_READY)
				finish_job(j, &o);
			return (HELD_MARKED);
		}
	return (held);
}

static int seek_on(struct seek *s);

static void
seek_end(struct seek **sp)
{
	struct cancel *c = (*sp)->cancel;

	(*sp)->q->asked--;
	(*sp)->magic = 0;
	free(*sp);
	*sp = NULL;
	if (--c->asked > 0)
		return;
	if (c->broken)
		try_later(c);
	else if (c->found || cancel_held(c->sup, c->id) != HELD_ENDING)
		drop(c);
	else
		try_later(c);
}

/* The job is ours now, under the token; admission ends it. */
static void
plucked(struct seek *s, redisReply *r)
{
	struct sup *sup = s->cancel->sup;
	struct admit_from from = { .q = s->q, .token = s->token, .number = 1,
		.lane = s->place == 0 ? LANE_NORMAL :
		lane_order[s->place - 1], .history = true };

	s->cancel->found = true;
	s->q->lease_until = mono_add(s->sent,
	    sup->conf->supervisor.lease_ttl);
	admit_claimed(sup, &from, r->element[2]);
	admit_histories(s->q);
}

static void
answered(void *priv, redisReply *r)
{
	struct seek *s = priv;
	struct cancel *c = s->cancel;
	long long next = -1;

	OBJ_CHECK(s, SEEK_MAGIC);
	if (r == NULL) {
		/* It may have taken the job: what it took is recovered, and
		 * met by admission, because the search goes on. */
		intake_lost(s->q, s->token, 1, false);
		c->broken = true;
	} else if (r->type != REDIS_REPLY_ARRAY || r->elements < 2)
		sup_redis_error(c->sup, "pluck", place_key(s), r);
	else {
		queue_saw_redis(s->q, r->element[0]->integer, s->sent);
		next = r->element[1]->integer;
		if (next == -2 && r->elements > 2)
			plucked(s, r);
		else if (next >= 0 && next < SEEK_MAX) {
			s->at = next;
			if (seek_on(s) == 0)
				return;
		} else if (++s->place < PLACES) {
			s->at = 0;
			if (seek_on(s) == 0)
				return;
		}
	}
	seek_end(&s);
}

static int
seek_on(struct seek *s)
{
	struct sup *sup = s->cancel->sup;
	struct script_args *a = script_begin(SCRIPT_PLUCK);

	intake_token(sup, s->token, sizeof(s->token));
	s->sent = mono_now();
	script_key(a, place_key(s));
	script_key(a, s->q->leased);
	script_key(a, s->q->key.leases);
	script_key(a, s->q->key.history);
	script_arg_str(a, s->cancel->id);
	script_arg_str(a, s->token);
	script_arg_str(a, sup->id);
	script_arg_int(a, queue_lease_ms(s->q));
	script_arg_int(a, s->at);
	script_arg_int(a, SEEK_CHUNK);
	script_arg_int(a, (long long)sup->conf->supervisor.max_job_size);
	if (script_call(s->q->redis->main, a, answered, s) == 0)
		return (0);
	s->cancel->broken = true;
	return (-1);
}

static void
search(struct cancel *c)
{
	struct queue *q;
	struct seek *s;

	c->broken = false;
	c->asked = 1;           /* ours, so that none of them drops it */
	TAILQ_FOREACH(q, &c->sup->queues, link) {
		s = xcalloc(1, sizeof(*s));
		s->magic = SEEK_MAGIC;
		s->cancel = c;
		s->q = q;
		c->asked++;
		q->asked++;
		if (seek_on(s) != 0)
			seek_end(&s);
	}
	if (--c->asked == 0)
		try_later(c);
}

static void
go_on(struct cancel *c)
{
	enum held held = cancel_held(c->sup, c->id);

	if (held == HELD_MARKED || mono_now() >= c->until)
		drop(c);
	else if (held == HELD_ENDING || !c->sup->ready)
		try_later(c);
	else
		search(c);
}

bool
cancel_begin(struct sup *sup, const char *id)
{
	struct cancel *c;

	if (!str_id_ok(slice_of(id)))
		return (false);
	if (cancel_wanted(sup, id))
		return (true);
	log_info("control", "id=%s is to be cancelled", id);
	c = xcalloc(1, sizeof(*c));
	c->magic = CANCEL_MAGIC;
	c->sup = sup;
	(void)snprintf(c->id, sizeof(c->id), "%s", id);
	c->until = mono_add(mono_now(), PATIENCE);
	TAILQ_INSERT_TAIL(&sup->cancels, c, link);
	go_on(c);
	return (true);
}

bool
cancel_here(struct sup *sup, const char *id)
{
	return (cancel_held(sup, id) == HELD_MARKED);
}

void
cancel_phase(struct sup *sup)
{
	struct cancel *c, *next;
	mono_t now;

	if (TAILQ_EMPTY(&sup->cancels))
		return;
	now = mono_now();
	for (c = TAILQ_FIRST(&sup->cancels); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		OBJ_CHECK(c, CANCEL_MAGIC);
		if (c->asked > 0)
			continue;
		if (now >= c->again)
			go_on(c);
		else
			sup_wake_at(sup, c->again);
	}
}

bool
cancel_wanted(const struct sup *sup, const char *id)
{
	const struct cancel *c;

	TAILQ_FOREACH(c, &sup->cancels, link)
		if (strcmp(c->id, id) == 0)
			return (true);
	return (false);
}

void
cancel_free_all(struct sup *sup)
{
	struct cancel *c;

	while ((c = TAILQ_FIRST(&sup->cancels)) != NULL) {
		c->asked = 0;
		drop(c);
	}
}
