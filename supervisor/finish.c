/*
 * The end of an attempt. Reading order: verdict() says whether the job runs
 * again and when, by the row of its cause; end_for_good() and run_again()
 * word that as what settle.c writes.
 */
#include "config.h"

#include "supervisor/finish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"

#include "supervisor/intake.h"
#include "supervisor/job.h"
#include "supervisor/pool.h"
#include "supervisor/record.h"
#include "supervisor/settle.h"
#include "supervisor/sup.h"

static const char lane_letter[LANE_N] = { 'h', 'n', 'l' };

enum verdict { FINAL, AGAIN_FRONT, AGAIN_LATER };

static void
take(struct job *j)
{
	ASSERT(j->stage != STAGE_OVER);
	if (j->stage == STAGE_READY)
		pool_drop(j->pool, j);
	j->stage = STAGE_OVER;
}

/* Doubles from retry_backoff with each charged attempt, up to the cap; the
 * jitter only lengthens, so that the configured time is a lower bound. */
static dur_t
backoff(const struct job *j)
{
	const struct conf_supervisor *c = &j->q->sup->conf->supervisor;
	dur_t d = c->retry_backoff;
	unsigned i;

	for (i = 1; i < j->hist.attempts && d < c->retry_backoff_max; i++)
		d *= 2;
	if (d > c->retry_backoff_max)
		d = c->retry_backoff_max;
	return (d + d / 1000 * (random() % 200));
}

static bool
may_retry(const struct job *j, const struct cause_row *row)
{
	const struct conf_supervisor *c = &j->q->sup->conf->supervisor;
	unsigned max = j->spec.max_attempts > 0 ? j->spec.max_attempts :
	    (unsigned)c->max_attempts;

	switch (row->retry) {
	case RETRY_NEVER:
		return (false);
	case RETRY_LOST:
		return (j->hist.lost <= (unsigned)c->max_worker_lost);
	case RETRY_IF_TIMEOUTS:
		if (!c->retry_timeouts)
			return (false);
		break;
	case RETRY_ALWAYS:
		break;
	}
	return (!row->charged || j->hist.attempts < max);
}

/* Counts the attempt and decides. */
static enum verdict
verdict(struct job *j, const struct cause_row *row)
{
	if (row->charged)
		j->hist.attempts++;
	if (row->retry == RETRY_LOST)
		j->hist.lost++;
	if (!may_retry(j, row))
		return (FINAL);
	if (row->when == WHEN_FRONT ||
	    (row->when == WHEN_ONCE && j->hist.attempts <= 1))
		return (AGAIN_FRONT);
	return (AGAIN_LATER);
}

static void
put_record(struct settle *s, const struct record_extra *x)
{
	settle_open(s);
	record_put(&s->text, s->job, x);
	settle_shut(s);
}

static void
put_event(struct settle *s, const struct record_extra *x)
{
	settle_open(s);
	event_put(&s->text, s->job, x);
	settle_shut(s);
}

static void
put_number(struct settle *s, int64_t n)
{
	settle_open(s);
	(void)buf_int(&s->text, n);
	settle_shut(s);
}

static bool
has_history(const struct job *j)
{
	/* A second job with the id, or an earlier run, may have left one; the
	 * flag of the claim says whether the queue has any at all. */
	return (j->asked_seq != 0 || j->hist.attempts > 1 ||
	    j->hist.lost > 0 || j->hist.due > 0 || j->hist.ran ||
	    j->hist.crowd > 0 || j->hist.turn[0] != 0 ||
	    j->hist.turn[1] != 0);
}

/* What the end of a job leaves besides record and event. */
#define LEAVES_REPLY 0x01u
#define LEAVES_DEAD 0x02u
#define LEAVES_HISTORY 0x04u
#define LEAVES_LOG 0x08u
#define LEAVES_UNIQUE 0x10u

static unsigned
leaves(const struct job *j, const struct record_extra *x)
{
	unsigned f = 0;

	if (j->spec.reply_to.p != NULL && !j->anonymous)
		f |= LEAVES_REPLY;
	if (x->state == STATE_FAILED)
		f |= LEAVES_DEAD;
	if (has_history(j))
		f |= LEAVES_HISTORY;
	if (j->logged || j->log_lines > 0 || j->hist.ran || j->lost)
		f |= LEAVES_LOG;
	if (j->spec.unique.p != NULL && j->spec.unique_ttl == 0 &&
	    x->outcome->cause != CAUSE_DUPLICATE)
		f |= LEAVES_UNIQUE;
	return (f);
}

/* The words that follow a job's fixed ones; see lua/commit.lua. */
static void
put_extras(struct settle *s, const struct record_extra *x, unsigned f)
{
	struct job *j = s->job;

	put_number(s, __builtin_popcount(f));
	if ((f & LEAVES_REPLY) != 0) {
		settle_word(s, "reply");
		settle_slice(s, j->spec.reply_to);
	}
	if ((f & LEAVES_DEAD) != 0) {
		settle_word(s, "dead");
		settle_open(s);
		dead_put(&s->text, j, x);
		settle_shut(s);
	}
	if ((f & LEAVES_HISTORY) != 0) {
		settle_word(s, "history");
		settle_word(s, "");
	}
	if ((f & LEAVES_LOG) != 0) {
		settle_word(s, "log");
		settle_word(s, "");
	}
	if ((f & LEAVES_UNIQUE) != 0) {
		settle_word(s, "unique");
		settle_open(s);
		(void)buf_puts(&s->text, j->q->key.unique);
		(void)buf_slice(&s->text, j->spec.unique);
		settle_shut(s);
	}
}

/* Nearly all are: record and event say all, and the event follows from the
 * record. */
static bool
is_plain(const struct job *j, const struct record_extra *x, unsigned f)
{
	return (x->state == STATE_DONE && f == 0 && !j->anonymous &&
	    j->spec.result_ttl == 0 && j->progress < 0 &&
	    j->message[0] == '\0');
}

static enum stat_id
counter_of(enum record_state st)
{
	switch (st) {
	case STATE_DONE:
		return (STAT_DONE);
	case STATE_CANCELLED:
		return (STAT_CANCELLED);
	case STATE_EXPIRED:
		return (STAT_EXPIRED);
	case STATE_RUNNING:
	case STATE_WAITING:
	case STATE_MOVED:
	case STATE_FAILED:
		break;
	}
	return (STAT_FAILED);
}

static void
end_for_good(struct job *j, const struct outcome *o, unsigned attempt)
{
	static const enum record_state states[] = {
		[CSTATE_FAILED] = STATE_FAILED,
		[CSTATE_CANCELLED] = STATE_CANCELLED,
		[CSTATE_EXPIRED] = STATE_EXPIRED,
	};
	const struct conf *conf = j->q->sup->conf;
	dur_t life = j->spec.result_ttl > 0 ? j->spec.result_ttl :
	    conf->supervisor.result_ttl;
	struct record_extra x = { .attempt = attempt, .outcome = o,
		.now = sup_wall(j->q->sup) };
	struct settle *s;
	unsigned f;

	x.state = o->cause == CAUSE_NONE ? STATE_DONE :
	    states[cause_row(o->cause)->state];
	f = leaves(j, &x);
	s = settle_new(j, true, counter_of(x.state));
	settle_word(s, j->field);
	settle_word(s, j->anonymous ? "" : j->id);
	put_record(s, &x);
	s->plain = is_plain(j, &x, f);
	if (!s->plain) {
		put_number(s, life / DUR_MS);
		settle_word(s, record_state_name(x.state));
		put_event(s, &x);
		put_extras(s, &x, f);
	}
	settle_add(s);
}

/* Common to all that give a job back: see lua/requeue.lua for the words. */
static struct settle *
give_back(struct job *j, enum stat_id counted, const char *target,
    const char *counter, const char *where, const struct record_extra *x)
{
	struct settle *s = settle_new(j, false, counted);
	bool noted = x != NULL;
	char lane[2] = { lane_letter[j->spec.lane], '\0' };

	j->hist.ran = job_ran(j);
	if (j->started != 0)
		j->hist.gpu_since = 0;
	s->target = str_fmt("%s", target);
	settle_word(s, j->field);
	settle_word(s, j->id);
	if (noted)
		put_record(s, x);
	else
		settle_word(s, "");
	settle_word(s, x != NULL && x->state == STATE_MOVED ? "86400000" : "0");
	settle_word(s, where);
	settle_word(s, lane);
	settle_open(s);
	if (j->hist.unknown)
		(void)buf_putc(&s->text, '=');
	else if (x == NULL || x->state != STATE_MOVED)
		history_put(&j->hist, &s->text);
	settle_shut(s);
	settle_word(s, counter);
	if (noted)
		put_event(s, x);
	else
		settle_word(s, "");
	settle_slice(s, j->payload_new == NULL ? SLICE_NULL :
	    ((struct slice){ j->payload_new, j->payload_new_len }));
	return (s);
}

static void
run_again(struct job *j, const struct outcome *o, enum verdict v,
    unsigned attempt)
{
	struct record_extra x = { .state = STATE_WAITING, .attempt = attempt,
		.outcome = o, .now = sup_wall(j->q->sup) };
	bool charged = cause_row(o->cause)->charged;
	char where[24] = "front";
	const char *target = j->q->lane[j->spec.lane];
	wall_t due;

	if (v == AGAIN_LATER) {
		due = x.now + backoff(j) / DUR_MS;
		(void)snprintf(where, sizeof(where), "%" PRId64, due);
		target = j->q->key.delayed;
		intake_due(j->q, due);
	}
	settle_add(give_back(j, charged ? STAT_RETRIED : STAT_RETURNED, target,
	    charged ? "retried" : "returned", where, &x));
}

void
finish_job(struct job *j, const struct outcome *o)
{
	const struct cause_row *row = cause_row(o->cause);
	struct outcome cancelled = OUTCOME(CAUSE_CANCELLED);
	struct sup *sup = j->q->sup;
	unsigned attempt;
	enum verdict v;

	OBJ_CHECK(j, JOB_MAGIC);
	take(j);
	v = verdict(j, row);
	if (v != FINAL && j->hist.cancelled) {
		/* cancelled while it was on its way out for another reason */
		v = FINAL;
		o = &cancelled;
	}
	sup->stat.cause[o->cause]++;
	/* An uncharged or successful run still is the attempt that ended it,
	 * here or on the worker that was lost. */
	attempt = j->hist.attempts +
	    (v == FINAL && !row->charged && (j->started != 0 ||
	    o->cause == CAUSE_WORKER_LOST) ? 1 : 0);
	row = cause_row(o->cause);
	if (o->cause != CAUSE_NONE)
		log_info("job", "id=%s queue=%s slot=%u attempt=%u cause=%s %s",
		    j->id, j->q->name, j->slot, attempt, row->name,
		    v == FINAL ? "final" : "runs again");
	if (v == FINAL)
		end_for_good(j, o, attempt);
	else
		run_again(j, o, v, attempt);
}

void
finish_return(struct job *j, enum cause why)
{
	struct outcome o = OUTCOME(why);
	struct record_extra x = { .state = STATE_WAITING, .outcome = &o,
		.attempt = j->hist.attempts, .now = sup_wall(j->q->sup) };
	/* Another worker's run may have left a `running` record. One that
	 * waits for a retry keeps the cause of that. */
	bool known = j->started != 0 || j->lost;

	if (j->hist.cancelled) {
		o.cause = CAUSE_CANCELLED;
		finish_job(j, &o);
		return;
	}
	take(j);
	settle_add(give_back(j, STAT_RETURNED, j->q->lane[j->spec.lane],
	    "returned", "front", known ? &x : NULL));
}

void
finish_reject(struct job *j, const struct job_problem *problem)
{
	struct outcome o = OUTCOME(problem->cause);

	o.message = slice_of(problem->message);
	j->anonymous = j->spec.id.p == NULL;
	take(j);
	j->q->sup->stat.cause[o.cause]++;
	log_info("job", "id=%s queue=%s cause=%s message=\"%s\"",
	    j->anonymous ? "-" : j->id, j->q->name,
	    cause_row(o.cause)->name, problem->message);
	end_for_good(j, &o, 0);
}

void
finish_lane(struct job *j)
{
	take(j);
	settle_add(give_back(j, STAT_MOVED, j->q->lane[j->spec.lane], "moved",
	    "back", NULL));
}

void
finish_move(struct job *j, const char *queue)
{
	struct record_extra x = { .state = STATE_MOVED, .moved_to = queue,
		.attempt = j->hist.attempts, .now = sup_wall(j->q->sup) };
	char *target;

	take(j);
	target = j->lane_from == LANE_NORMAL && j->spec.lane == LANE_NORMAL ?
	    str_fmt("%s", queue) : str_fmt("{%s}:%s", queue,
	    job_lane_name(j->lane_from == LANE_NORMAL ? j->spec.lane :
	    j->lane_from));
	settle_add(give_back(j, STAT_MOVED, target, "moved", "back", &x));
	free(target);
}

void
finish_later(struct job *j, wall_t due, const char *message)
{
	struct record_extra x = { .state = STATE_WAITING,
		.attempt = j->hist.attempts, .now = sup_wall(j->q->sup),
		.message = message };
	char where[24];

	take(j);
	intake_due(j->q, due);
	(void)snprintf(where, sizeof(where), "%" PRId64, due);
	settle_add(give_back(j, STAT_RETURNED, j->q->key.delayed, "delayed",
	    where, &x));
}
