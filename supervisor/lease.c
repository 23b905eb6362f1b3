/* Leases. See lease.h and guarantee 3 of the contract. */
#include "config.h"

#include "supervisor/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/admit.h"
#include "supervisor/credit.h"
#include "supervisor/intake.h"
#include "supervisor/job.h"
#include "supervisor/proc.h"
#include "supervisor/script.h"
#include "supervisor/settle.h"
#include "supervisor/sup.h"

#define REAP_MAX 64     /* jobs taken over in one call */

/* A call whose answer must know when it was sent. */
struct asked {
	unsigned magic;
	struct queue *q;
	mono_t sent;
	char token[40];
};
#define ASKED_MAGIC 0x61736b64u

static struct asked *
asked_new(struct queue *q)
{
	struct asked *a = xcalloc(1, sizeof(*a));

	a->magic = ASKED_MAGIC;
	a->q = q;
	a->sent = mono_now();
	return (a);
}

static dur_t
ttl(const struct queue *q)
{
	return (q->sup->conf->supervisor.lease_ttl);
}

mono_t
lease_fence(const struct queue *q)
{
	return (q->lease_until - ttl(q) / 3);
}

static bool
holds_of(const struct proc *p, const struct queue *q)
{
	const struct job *j;

	TAILQ_FOREACH(j, &p->jobs, ready)
		if (j->q == q)
			return (true);
	return (false);
}

static void
fence_queue(struct queue *q, mono_t now)
{
	struct sup *sup = q->sup;
	struct proc *p;
	unsigned i, n = 0;

	for (i = 0; i < sup->nslots; i++) {
		p = sup->slots[i];
		if (p == NULL || p->njobs == 0 || !holds_of(p, q) ||
		    p->slot.state == SLOT_KILLED ||
		    p->slot.state == SLOT_RELEASING ||
		    p->slot.state == SLOT_QUARANTINED)
			continue;
		n += p->njobs;
		slot_event(&p->slot, EV_FENCE, now, WHY_FENCE);
	}
	if (n == 0)
		return;
	sup->stat.n[STAT_FENCED] += n;
	log_err("lease", "queue=%s no renewal for %" PRId64 " ms, killed %u "
	    "job(s) before the lease ends in %" PRId64 " ms", q->name,
	    (now - (q->lease_until - ttl(q))) / DUR_MS, n,
	    (q->lease_until - now) / DUR_MS);
}

/* The lease of what we hold may be over: nothing of it goes on or begins,
 * also when a later call prolongs the lease of what is claimed from now on. */
static void
lapse(struct queue *q, mono_t now)
{
	struct job *j;

	TAILQ_FOREACH(j, &q->jobs, link)
		j->lapsed = true;
	fence_queue(q, now);
}

/* The children keep the same time in case we fall silent. */
void
lease_extend(struct queue *q, mono_t sent)
{
	struct sup *sup = q->sup;
	mono_t now = mono_now();
	unsigned i;

	/* We may have been stopped since the fence was looked at. */
	if (q->njobs > 0 && now >= lease_fence(q))
		lapse(q, now);
	q->lease_until = mono_add(sent, ttl(q));
	/* Each claim extends it. A fence that lags by a thirtieth only ends
	 * a job sooner. */
	if (sent < mono_add(q->fenced_at, ttl(q) / 30))
		return;
	q->fenced_at = sent;
	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && sup->slots[i]->njobs > 0)
			credit_fence(sup->slots[i]);
}

/* Leases that Redis holds for us and we know nothing of: recover them. */
static void
fields_answered(void *priv, redisReply *r)
{
	struct queue *q = priv;
	char token[JOB_FIELD_MAX], *colon;
	const struct job *j;
	unsigned number;
	size_t i;

	q->calls--;
	if (r == NULL || r->type != REDIS_REPLY_ARRAY || q->asked > 0)
		return;
	for (i = 0; i < r->elements; i++) {
		TAILQ_FOREACH(j, &q->jobs, link)
			if (strcmp(j->field, r->element[i]->str) == 0)
				break;
		(void)snprintf(token, sizeof(token), "%s", r->element[i]->str);
		if (j != NULL || (colon = strrchr(token, ':')) == NULL)
			continue;
		*colon = '\0';
		number = (unsigned)strtoul(colon + 1, NULL, 10);
		log_warn("lease", "queue=%s lease %s is held and not known, "
		    "recovering it", q->name, r->element[i]->str);
		intake_lost(q, token, number, true);
	}
	intake_recover(q);
}

/* A lease more than we know of, three times in a row with no call on its way,
 * is one whose answer got lost. */
static void
compare_count(struct queue *q, long long held)
{
	if (held <= (long long)q->njobs || q->asked > 0 || q->in_flight > 0) {
		q->mismatch = 0;
		return;
	}
	if (++q->mismatch < 3)
		return;
	q->mismatch = 0;
	if (conn_cmd(q->redis->main, fields_answered, q, "HKEYS %s",
	    q->leased) == 0)
		q->calls++;
}

static void
renew_answered(void *priv, redisReply *r)
{
	struct asked *a = priv;
	struct queue *q = a->q;
	const char *why;

	OBJ_CHECK(a, ASKED_MAGIC);
	q->renewing = false;
	if (conn_failed(r, &why) || r->type != REDIS_REPLY_ARRAY ||
	    r->elements < 2) {
		if (r != NULL)
			sup_redis_error(q->sup, "renew", q->name, r);
	} else {
		queue_saw_redis(q, r->element[0]->integer, a->sent);
		FAILPOINT(RENEW_ANSWERED);
		if (r->element[1]->integer > 0)
			lease_extend(q, a->sent);
		compare_count(q, r->element[1]->integer);
	}
	a->magic = 0;
	free(a);
}

static void
renew(struct queue *q)
{
	struct script_args *s = script_begin(SCRIPT_RENEW);
	struct asked *a = asked_new(q);

	script_key(s, q->key.leases);
	script_key(s, q->leased);
	script_arg_str(s, q->sup->id);
	script_arg_int(s, queue_lease_ms(q));
	q->renewing = true;
	if (script_call(q->redis->main, s, renew_answered, a) != 0) {
		q->renewing = false;
		free(a);
	}
	FAILPOINT_MARK(RENEW_SENT);
}

void
lease_renew(struct sup *sup)
{
	mono_t now = mono_now();
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->redis->ready && q->njobs > 0 && !q->renewing &&
		    now >= q->lease_until - ttl(q) + ttl(q) / 5)
			renew(q);
}

void
lease_check(struct sup *sup)
{
	mono_t now = mono_now();
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->njobs > 0 && now >= lease_fence(q))
			lapse(q, now);
}

static void
reap_answered(void *priv, redisReply *r)
{
	struct asked *a = priv;
	struct queue *q = a->q;
	struct sup *sup = q->sup;
	struct admit_from from;
	const char *why;
	size_t i, n = 0;

	OBJ_CHECK(a, ASKED_MAGIC);
	q->calls--;
	if (conn_failed(r, &why) || r->type != REDIS_REPLY_ARRAY ||
	    r->elements < 2) {
		if (r != NULL)
			sup_redis_error(sup, "reap", q->name, r);
		else
			intake_lost(q, a->token, REAP_MAX, true);
		goto out;
	}
	queue_saw_redis(q, r->element[0]->integer, a->sent);
	if (r->elements > 2)
		FAILPOINT(REAP_ANSWERED);
	for (i = 2; i + 1 < r->elements; i += 2, n++) {
		log_info("lease", "queue=%s took over a lease of worker %s",
		    q->name, r->element[i]->str);
		from = (struct admit_from){ .q = q, .token = a->token,
			.number = (unsigned)n + 1, .lane = LANE_NORMAL,
			.history = r->element[1]->integer != 0, .lost = true };
		admit_claimed(sup, &from, r->element[i + 1]);
	}
	sup->stat.n[STAT_LOST_TAKEN] += n;
	if (n > 0) {
		lease_extend(q, a->sent);
		admit_histories(q);
	}
	if (n == REAP_MAX)
		lease_reap(q);
out:
	a->magic = 0;
	free(a);
}

void
lease_reap(struct queue *q)
{
	struct script_args *s = script_begin(SCRIPT_REAP);
	struct asked *a = asked_new(q);
	char status[256], mark[40];

	intake_token(q->sup, a->token, sizeof(a->token));
	(void)snprintf(status, sizeof(status), "%s:worker:%s",
	    q->sup->conf->redis.prefix, q->sup->id);
	(void)snprintf(mark, sizeof(mark), "\"run\":\"%s\"", q->sup->run);
	script_key(s, q->key.leases);
	script_key(s, q->leased);
	script_key(s, q->key.history);
	script_key(s, status);
	script_arg_str(s, q->sup->id);
	script_arg_str(s, a->token);
	script_arg_int(s, queue_lease_ms(q));
	script_arg_int(s, REAP_MAX);
	script_arg_str(s, q->key.leased_of);
	script_arg_str(s, mark);
	q->calls++;
	if (script_call(q->redis->main, s, reap_answered, a) != 0) {
		q->calls--;
		free(a);
	}
	FAILPOINT_MARK(REAP_SENT);
}
