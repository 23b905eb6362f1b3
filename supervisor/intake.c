/*
 * Intake. The first stop of a job's way: list -> claim -> admit.
 *
 * A pool asks its queues in turn, for no more jobs in all than it has idle
 * slots that no claim in flight will fill. A queue that answered with fewer
 * than it was asked for is empty: its bells are armed and it is left alone
 * until one rings. A claim whose answer is lost with the connection may have
 * taken jobs; `recover` fetches them by the claim's token.
 */
#include "config.h"

#include "supervisor/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/admit.h"
#include "supervisor/bell.h"
#include "supervisor/guess.h"
#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/pool.h"
#include "supervisor/preempt.h"
#include "supervisor/script.h"
#include "supervisor/sup.h"

#define PROMOTE_MAX 128
#define URGENT_MOST 8         /* turns taken at once for one that is high's */
#define FULL_LOOK (25 * DUR_MS)  /* while others run what the limit allows */

/* What claim.lua's answer says of the queue. */
enum {
	ANSWER_HISTORY = 1,
	ANSWER_NO_HIGH = 2,
	ANSWER_FULL = 4,
	ANSWER_MS = 8           /* so many times the time to wait */
};

void
intake_token(struct sup *sup, char *out, size_t size)
{
	(void)snprintf(out, size, "%s-%" PRIu64, sup->run, ++sup->seq);
}

/* The limits that the configuration has for a queue; NULL: none. */
static const struct conf_queue *
limits_of(const struct queue *q)
{
	const struct conf *c = q->sup->conf;
	unsigned i;

	for (i = 0; i < c->nqueues; i++)
		if (strcmp(c->queues[i].name, q->name) == 0)
			return (&c->queues[i]);
	return (NULL);
}

static const unsigned *
weights_of(const struct queue *q)
{
	return (q->sup->conf->supervisor.weights);
}

/* A queue with limits has one claim at a time: what its lanes did not use of
 * their turns is known before the next one. */
static bool
is_limited(const struct queue *q)
{
	if (q->sup->conf->nqueues == 0 || limits_of(q) == NULL)
		return (false);
	if (q->limited_until > mono_now()) {
		sup_wake_at(q->sup, q->limited_until);
		return (true);
	}
	return (q->asked > 0);
}

bool
intake_limited(const struct queue *q)
{
	return (q->sup->conf->nqueues > 0 && limits_of(q) != NULL &&
	    q->limited_until > mono_now());
}

static void
arm_bells(struct queue *q)
{
	unsigned i;

	for (i = 0; i < LANE_N && !q->closing; i++)
		bell_arm(q->bell[i]);
}

void
intake_rung(void *priv, redisReply *element)
{
	struct queue *q = priv;

	OBJ_CHECK(q, QUEUE_MAGIC);
	q->waiting = q->rung = true;
	guess_rung(q, element);
}

void
intake_rung_high(void *priv, redisReply *element)
{
	struct queue *q = priv;

	intake_rung(q, element);
	q->urgent = true;
}

static void
free_claim(struct claim **cp)
{
	struct claim *c = *cp;

	*cp = NULL;
	c->pool->claims--;
	c->magic = 0;
	free(c);
}

static bool
is_known(struct queue *q, const char *token, unsigned number)
{
	char field[JOB_FIELD_MAX];
	const struct job *j;

	job_field(field, token, number);
	TAILQ_FOREACH(j, &q->jobs, link)
		if (strcmp(j->field, field) == 0)
			return (true);
	return (false);
}

/*
 * The bell of the high lane rings also while the others have jobs. It is waited
 * for while the lane is empty; so what comes while it is, or after it rang, is
 * urgent, but no more of it than high has turns in a round. Else the shares of
 * the lanes decide.
 */
static void
look_at_high(struct claim *c, const redisReply *r)
{
	struct queue *q = c->q;

	if (c->why == BY_SHARE && (q->urgent || (!q->closing &&
	    bell_armed(q->bell[LANE_HIGH]))))
		c->urgent = weights_of(q)[LANE_HIGH];
	if (c->high > 0)
		q->urgent = false;
	if ((r->element[1]->integer & ANSWER_NO_HIGH) != 0 && !q->closing)
		bell_arm(q->bell[LANE_HIGH]);
}

static bool
is_urgent(struct claim *c, enum job_lane lane)
{
	if (lane != LANE_HIGH || c->urgent == 0)
		return (false);
	c->urgent--;
	return (true);
}

static void
admit_one(struct claim *c, redisReply *r, size_t i, unsigned number)
{
	enum job_lane lane = (enum job_lane)r->element[i]->integer;
	struct admit_from from = { .q = c->q, .pool = c->pool,
		.token = c->token, .number = number,
		.lane = lane,
		.history = (r->element[1]->integer & ANSWER_HISTORY) != 0,
		.lost = c->reaped, .urgent = is_urgent(c, lane) };

	admit_claimed(c->q->sup, &from, r->element[i + 1]);
}

/* Where in the answer to look on: for each lane, and for any. */
struct places {
	size_t lane[LANE_N], any;
};

/* The first job in the answer that is of that lane and not taken yet, else
 * the first one at all. */
static size_t
next_of(const redisReply *r, unsigned lane, struct places *at)
{
	size_t i;

	for (i = at->lane[lane]; i + 1 < r->elements; i += 2)
		if (r->element[i + 1]->str != NULL &&
		    r->element[i]->integer == (long long)lane)
			break;
	at->lane[lane] = i;
	if (i + 1 < r->elements)
		return (i);
	for (i = at->any; i + 1 < r->elements; i += 2)
		if (r->element[i + 1]->str != NULL)
			break;
	at->any = i;
	return (i + 1 < r->elements ? i : 0);
}

/*
 * Answer of claim: { now, history, lane, payload ... }, lane after lane. They
 * are admitted in the order of their turns, so that the share of the lanes
 * also holds within one call. Returns how many there were.
 */
static unsigned
take_jobs(struct claim *c, redisReply *r)
{
	unsigned n = (unsigned)(r->elements - 2) / 2, k;
	struct places at = { { 2, 2, 2 }, 2 };
	size_t i;

	queue_saw_redis(c->q, r->element[0]->integer, c->sent);
	lease_extend(c->q, c->sent);
	for (k = 0; k < n && k < c->want; k++)
		if ((i = next_of(r, c->turns[k], &at)) != 0)
			admit_one(c, r, i, (unsigned)i / 2);
	/* it looks through all that we hold */
	if (n > 0 && (r->element[1]->integer & ANSWER_HISTORY) != 0)
		admit_histories(c->q);
	return (n);
}

/* Answer of recover: as claim's, and the list of the jobs' numbers. */
static void
take_recovered(struct claim *c, redisReply *r)
{
	const redisReply *numbers = r->element[r->elements - 1];
	unsigned n = 0, number;
	size_t i;

	queue_saw_redis(c->q, r->element[0]->integer, c->sent);
	lease_extend(c->q, c->sent);
	for (i = 2; i + 1 < r->elements - 1; i += 2, n++) {
		number = (unsigned)numbers->element[n]->integer;
		if (!is_known(c->q, c->token, number))
			admit_one(c, r, i, number);
	}
	if (n > 0)
		admit_histories(c->q);
}

/*
 * What the limits left of the turns goes back to the lanes, else the last ones
 * of each claim would never come. Returns whether there were less than asked
 * for because of a limit.
 */
static bool
look_at_limits(struct claim *c, const redisReply *r, unsigned n)
{
	struct queue *q = c->q;
	long long flags = r->element[1]->integer;
	unsigned quota[LANE_N];

	if (!c->limited)
		return (false);
	q->share = c->share;
	share_turns(&q->share, weights_of(q), c->why == FOR_PREEMPTION ? 0 : n,
	    c->high_first, quota, c->turns);
	if (flags < ANSWER_FULL)
		return (false);
	q->limited_full = flags < ANSWER_MS;
	q->limited_until = mono_add(mono_now(), q->limited_full ? FULL_LOOK :
	    flags / ANSWER_MS * DUR_MS);
	sup_wake_at(q->sup, q->limited_until);
	return (true);
}

static bool
is_claim_answer(const redisReply *r)
{
	return (r->type == REDIS_REPLY_ARRAY && r->elements >= 2 &&
	    r->element[0]->type == REDIS_REPLY_INTEGER &&
	    r->element[1]->type == REDIS_REPLY_INTEGER);
}

static void
claim_answered(void *priv, redisReply *r)
{
	struct claim *c = priv;
	struct queue *q = c->q;
	const char *why;
	unsigned n;

	OBJ_CHECK(c, CLAIM_MAGIC);
	q->asked--;
	c->pool->reserved -= c->want;
	if (r == NULL) {
		TAILQ_INSERT_TAIL(&q->lost, c, link);
		return;
	}
	if (conn_failed(r, &why) || !is_claim_answer(r)) {
		sup_redis_error(q->sup, "claim", q->name, r);
		q->waiting = false;   /* the slow timer tries again */
		q->stuck = true;
		free_claim(&c);
		return;
	}
	if (r->elements > 2)
		FAILPOINT(CLAIM_ANSWERED);
	look_at_high(c, r);
	n = take_jobs(c, r);
	q->sup->stat.n[STAT_CLAIMED] += n;
	q->rung = false;
	if (look_at_limits(c, r, n)) {
		free_claim(&c);
		return;
	}
	if (n < c->want && c->why == BY_SHARE && q->asked == 0) {
		q->waiting = false;
		arm_bells(q);
	}
	free_claim(&c);
}

/* digits: CLAIM_MAX bytes that live until the call is sent. */
static void
put_limits(struct script_args *a, const struct claim *c,
    const struct conf_queue *limits, char *digits)
{
	unsigned i;

	for (i = 0; i < c->want; i++)
		digits[i] = (char)('0' + c->turns[i]);
	script_arg_int(a, limits->max_running);
	script_arg_str(a, c->q->key.leased_of);
	script_arg_int(a, limits->rate_us);
	script_arg_int(a, limits->burst);
	script_arg(a, (struct slice){ digits, c->want });
}

static void
ask(struct pool *p, struct queue *q, unsigned want, enum claim_for why)
{
	struct sup *sup = p->sup;
	struct script_args *a;
	const struct conf_queue *limits = sup->conf->nqueues == 0 ? NULL :
	    limits_of(q);
	struct claim *c = xcalloc(1, sizeof(*c));
	unsigned quota[LANE_N] = { 0 }, i;
	char digits[CLAIM_MAX];

	c->magic = CLAIM_MAGIC;
	c->limited = limits != NULL;
	c->share = q->share;
	c->high_first = q->urgent;
	c->q = q;
	c->pool = p;
	p->claims++;
	c->want = want;
	c->sent = mono_now();
	intake_token(sup, c->token, sizeof(c->token));
	if (why == FOR_PREEMPTION)
		quota[c->turns[0] = LANE_HIGH] = 1;
	else
		share_turns(&q->share, weights_of(q), want, c->high_first,
		    quota, c->turns);
	c->high = quota[LANE_HIGH];
	c->why = why;
	c->urgent = why != BY_SHARE ? want : 0;
	a = script_begin(SCRIPT_CLAIM);
	script_key(a, q->lane[LANE_NORMAL]);
	script_key(a, q->lane[LANE_HIGH]);
	script_key(a, q->lane[LANE_LOW]);
	script_key(a, q->leased);
	script_key(a, q->key.leases);
	script_key(a, q->key.history);
	if (limits != NULL)
		script_key(a, q->key.rate);
	script_arg_str(a, c->token);
	script_arg_str(a, sup->id);
	script_arg_int(a, queue_lease_ms(q));
	for (i = 0; i < LANE_N; i++)
		script_arg_int(a, quota[i]);
	script_arg_int(a, why != BY_SHARE ? 1 : 0);
	if (limits != NULL)
		put_limits(a, c, limits, digits);
	q->asked++;
	p->reserved += want;
	if (script_call(q->redis->main, a, claim_answered, c) != 0) {
		q->asked--;
		p->reserved -= want;
		free_claim(&c);
	}
	FAILPOINT(CLAIM_BUILT);
	FAILPOINT_MARK(CLAIM_SENT);
}

/* No room, and something runs that may be displaced: the bells tell whether
 * anything waits that would be worth it. */
static void
look_for_cause(struct pool *p, struct queue *q)
{
	if (!preempt_can(p))
		return;
	if (!p->conf->preempts)
		bell_arm(q->bell[LANE_HIGH]);
	else if (q->rung)
		preempt_for(p, q, false);
	else
		arm_bells(q);
}

static bool
may_ask(const struct queue *q)
{
	if (q->yield_until > 0 && q->yield_until > mono_now()) {
		sup_wake_at(q->sup, q->yield_until);
		return (false);
	}
	return (q->waiting && !q->closing && !is_limited(q));
}

/* Only the jobs of so many turns, whatever room there is: where high has had
 * all of its turns in this round of the pattern, the few of others that are
 * left come first and wait behind it. */
static void
ask_for_urgent(struct pool *p, struct queue *q)
{
	unsigned n = share_to_high(&q->share, weights_of(q));

	if (n > 0 && n <= URGENT_MOST)
		ask(p, q, n, FOR_URGENT);
}

/* Asks the pool's queues where something may wait, each for its share. */
static void
feed_pool(struct pool *p)
{
	unsigned room, i, left = 0, want;
	struct queue *q;

	room = pool_room(p);
	if (room > 0 && p->preempting != NULL) {
		ask(p, p->preempting, 1, p->preempt_high ? FOR_PREEMPTION :
		    BY_SHARE);
		p->preempting = NULL;
		room--;
	}
	for (i = 0; i < p->nqueues; i++)
		left += may_ask(p->queues[i]);
	for (i = 0; i < p->nqueues && room > 0 && left > 0; i++) {
		q = p->queues[(p->next_queue + i) % p->nqueues];
		if (!may_ask(q))
			continue;
		want = (room + left - 1) / left;
		if (want > CLAIM_MAX)
			want = CLAIM_MAX;
		left--;
		room -= want;
		ask(p, q, want, BY_SHARE);
	}
	for (i = 0; i < p->nqueues && room == 0; i++) {
		q = p->queues[i];
		if (q->asked > 0 || q->closing || is_limited(q))
			continue;
		if (!q->urgent) {
			look_for_cause(p, q);
			continue;
		}
		if (!pool_can_yield(p))
			preempt_for(p, q, true);
		else
			ask_for_urgent(p, q);
	}
	if (p->nqueues > 0)
		p->next_queue = (p->next_queue + 1) % p->nqueues;
}

void
intake_phase(struct sup *sup)
{
	struct pool *p;

	if (!sup_claims(sup))
		return;
	TAILQ_FOREACH(p, &sup->pools, link)
		feed_pool(p);
}

static void
recover_answered(void *priv, redisReply *r)
{
	struct claim *c = priv;
	const char *why;

	OBJ_CHECK(c, CLAIM_MAGIC);
	c->q->calls--;
	if (r == NULL) {
		TAILQ_INSERT_TAIL(&c->q->lost, c, link);
		return;
	}
	if (conn_failed(r, &why) || !is_claim_answer(r))
		sup_redis_error(c->q->sup, "recover", c->q->name, r);
	else if (r->elements > 3) {
		FAILPOINT(RECOVER_ANSWERED);
		take_recovered(c, r);
	}
	free_claim(&c);
}

void
intake_recover(struct queue *q)
{
	struct sup *sup = q->sup;
	struct script_args *a;
	struct claim *c;

	while ((c = TAILQ_FIRST(&q->lost)) != NULL) {
		c->sent = mono_now();
		a = script_begin(SCRIPT_RECOVER);
		script_key(a, q->leased);
		script_key(a, q->key.leases);
		script_key(a, q->key.history);
		script_arg_str(a, c->token);
		script_arg_int(a, c->want);
		script_arg_str(a, sup->id);
		script_arg_int(a, queue_lease_ms(q));
		TAILQ_REMOVE(&q->lost, c, link);
		q->calls++;
		if (script_call(q->redis->main, a, recover_answered, c) != 0) {
			q->calls--;
			TAILQ_INSERT_HEAD(&q->lost, c, link);
			return;
		}
		FAILPOINT_MARK(RECOVER_SENT);
	}
}

void
intake_lost(struct queue *q, const char *token, unsigned want, bool reaped)
{
	struct claim *c = xcalloc(1, sizeof(*c));

	c->magic = CLAIM_MAGIC;
	c->q = q;
	c->pool = TAILQ_FIRST(&q->sup->pools);
	c->pool->claims++;
	c->want = want;
	c->reaped = reaped;
	(void)snprintf(c->token, sizeof(c->token), "%s", token);
	TAILQ_INSERT_TAIL(&q->lost, c, link);
}

void
intake_forget(struct queue *q)
{
	struct claim *c;

	while ((c = TAILQ_FIRST(&q->lost)) != NULL) {
		TAILQ_REMOVE(&q->lost, c, link);
		free_claim(&c);
	}
}

static void
promote_answered(void *priv, redisReply *r)
{
	struct queue *q = priv;
	const char *why;
	mono_t now = mono_now();
	long long due;

	q->promoting = false;
	if (conn_failed(r, &why) || r->type != REDIS_REPLY_ARRAY ||
	    r->elements < 3) {
		q->next_due = mono_add(now, DUR_S);
		return;
	}
	if (r->element[1]->integer > 0) {
		FAILPOINT(PROMOTE_ANSWERED);
		q->waiting = true;
	}
	due = r->element[2]->integer;
	/* Others may add something earlier: look at least every second. */
	q->next_due = mono_add(now, DUR_S);
	if (due > 0) {
		due -= r->element[0]->integer;
		if (due < 1000)
			q->next_due = now + (due > 0 ? due : 0) * DUR_MS;
	}
	sup_wake_at(q->sup, q->next_due);
}

void
intake_promote(struct queue *q)
{
	struct script_args *a;

	if (q->promoting || mono_now() < q->next_due)
		return;
	a = script_begin(SCRIPT_PROMOTE);
	script_key(a, q->key.delayed);
	script_key(a, q->lane[LANE_HIGH]);
	script_key(a, q->lane[LANE_NORMAL]);
	script_key(a, q->lane[LANE_LOW]);
	script_arg_int(a, PROMOTE_MAX);
	q->promoting = script_call(q->redis->main, a, promote_answered,
	    q) == 0;
}

void
intake_due(struct queue *q, wall_t due)
{
	wall_t left = due - sup_wall(q->sup);
	mono_t at = mono_add(mono_now(), (left > 0 ? left : 0) * DUR_MS);

	if (at < q->next_due)
		q->next_due = at;
	sup_wake_at(q->sup, q->next_due);
}
