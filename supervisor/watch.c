/* The look-out. See watch.h. */
#include "config.h"

#include "supervisor/watch.h"

#include "base/log.h"

#include "supervisor/bell.h"
#include "supervisor/beat.h"
#include "supervisor/intake.h"
#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/limit.h"
#include "supervisor/proc.h"
#include "supervisor/settle.h"
#include "supervisor/sift.h"
#include "supervisor/sup.h"

#define LOOK_EVERY (50 * DUR_MS)      /* while jobs are held or wait */
#define NOTE_EVERY (200 * DUR_MS)     /* running records of one job */
#define SIFT_EVERY (100 * DUR_MS)     /* the contract's number */
#define HUNG_AFTER (5 * DUR_S)        /* waiting jobs, idle slots, no claim */

static void
note_job(struct job *j, mono_t now)
{
	bool record = now >= j->note_after && (!j->noted || j->changed);

	if (!record && j->log_lines == 0)
		return;
	settle_note(j, record, false);
	if (record)
		j->note_after = mono_add(now, NOTE_EVERY);
}

static void
watch_queue(struct queue *q, mono_t now)
{
	struct job *j;

	TAILQ_FOREACH(j, &q->jobs, link)
		if (j->stage == STAGE_RUNNING)
			note_job(j, now);
	if (q->waiting && !q->closing && now >= q->sift_after) {
		q->sift_after = mono_add(now, SIFT_EVERY);
		sift_look(q);
	}
}

/* Once a second or so, for each queue. */
static void
watch_slowly(struct queue *q, mono_t now)
{
	if (q->closing)
		return;
	if (q->next_due == MONO_NEVER)
		q->next_due = now;
	if (q->stuck) {
		q->stuck = false;
		q->waiting = true;
	}
}

/* Something waits, slots are idle, and yet nothing is claimed: whatever the
 * connection believes, it is of no use. */
static void
watch_intake(struct sup *sup, mono_t now)
{
	struct pool *p;
	struct queue *q;
	bool idle = false, waits = false;

	TAILQ_FOREACH(p, &sup->pools, link)
		idle = idle || pool_idle(p) > p->nready;
	TAILQ_FOREACH(q, &sup->queues, link)
		waits = waits || (q->waiting && !q->stuck && !q->closing &&
		    !intake_limited(q));
	if (!idle || !waits || !sup_claims(sup)) {
		sup->hung_since = 0;
		return;
	}
	if (sup->hung_since == 0)
		sup->hung_since = now;
	else if (now - sup->hung_since > HUNG_AFTER) {
		sup->hung_since = 0;
		log_warn("redis", "jobs wait and slots are idle, but no claim "
		    "is answered: connecting anew");
		conn_reset(sup->main, "no claim was answered");
	}
}

static bool
anything_waits(const struct sup *sup)
{
	const struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->waiting && !q->closing)
			return (true);
	return (false);
}

void
watch_phase(struct sup *sup)
{
	mono_t now = mono_now();
	struct queue *q;

	lease_check(sup);
	beat_phase(sup, now);
	/* An idle daemon looks once a second; a job has come since then. */
	if (sup->njobs > 0 && sup->watch_at > mono_add(now, LOOK_EVERY))
		sup->watch_at = mono_add(now, LOOK_EVERY);
	if (now < sup->watch_at)
		goto out;
	limit_watch(sup, now);
	lease_renew(sup);
	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->redis->ready)
			watch_queue(q, now);
	sup->watch_at = mono_add(now, LOOK_EVERY);
	if (now >= sup->slow_at) {
		sup->slow_at = mono_add(now, DUR_S);
		if (sup->ready) {
			TAILQ_FOREACH(q, &sup->queues, link)
				watch_slowly(q, now);
			beat_send(sup);
			watch_intake(sup, now);
		}
	}
out:
	if (sup->ready)
		TAILQ_FOREACH(q, &sup->queues, link)
			if (now >= q->next_due && !q->closing)
				intake_promote(q);
	if (sup->njobs > 0 || (sup->ready && anything_waits(sup)))
		sup_wake_at(sup, sup->watch_at);
	else {
		sup->watch_at = sup->slow_at;
		sup_wake_at(sup, sup->slow_at);
	}
}
