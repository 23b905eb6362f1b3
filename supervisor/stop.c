/*
 * Stops. The first TERM: no new claims, jobs may end until shutdown_grace,
 * then the ladder, what is left goes back uncharged. A second one, INT or
 * QUIT: the ladder at once. Either way the process ends only when every
 * slot is empty and Redis has what it must know, or can't be told.
 */
#include "config.h"

#include "supervisor/stop.h"

#include "base/log.h"

#include "supervisor/credit.h"
#include "supervisor/finish.h"
#include "supervisor/job.h"
#include "supervisor/proc.h"
#include "supervisor/settle.h"
#include "supervisor/sup.h"

/* How long results may wait for a Redis that is away, once all else is done. */
#define FLUSH_GRACE (5 * DUR_S)

static void
give_back_waiting(struct sup *sup)
{
	struct pool *p;
	struct job *j;
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && sup->slots[i]->njobs > 0)
			credit_give_back(sup->slots[i]);
	TAILQ_FOREACH(p, &sup->pools, link)
		while ((j = TAILQ_FIRST(&p->ready)) != NULL)
			finish_return(j, CAUSE_SHUTDOWN);
}

void
stop_drain(struct sup *sup)
{
	if (sup->mode != MODE_RUNNING)
		return;
	sup->mode = MODE_DRAINING;
	give_back_waiting(sup);
	log_info("stop", "draining: no new jobs are claimed");
}

void
stop_resume(struct sup *sup)
{
	struct queue *q;
	unsigned i;

	if (sup->mode == MODE_DRAINING) {
		sup->mode = MODE_RUNNING;
		sup->drain_why[0] = '\0';
		log_info("stop", "resumed: claiming jobs again");
	}
	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && !sup->slots[i]->leaving &&
		    sup->mode == MODE_RUNNING &&
		    !heir_holds(sup, sup->slots[i]))
			slot_event(&sup->slots[i]->slot, EV_START, mono_now(),
			    WHY_NONE);
	TAILQ_FOREACH(q, &sup->queues, link)
		q->waiting = true;
}

static void
post_all(struct sup *sup, enum slot_event busy, enum slot_event rest)
{
	mono_t now = mono_now();
	struct slot *s;
	unsigned i;

	for (i = 0; i < sup->nslots; i++) {
		if (sup->slots[i] == NULL)
			continue;
		s = &sup->slots[i]->slot;
		s->wanted = false;
		slot_event(s, s->state == SLOT_BUSY ||
		    s->state == SLOT_DRAINING ? busy : rest, now, WHY_STOP);
	}
}

/* It may take the grace, the ladder with all it waits for, and Redis. */
static void
tell_manager(struct sup *sup, dur_t grace)
{
	const struct conf_supervisor *c = &sup->conf->supervisor;

	notify_stopping(sup, grace + c->kill_grace + c->release_timeout +
	    FLUSH_GRACE + 5 * DUR_S);
}

static void
begin(struct sup *sup)
{
	dur_t grace = sup->conf->supervisor.shutdown_grace;

	sup->mode = MODE_STOPPING;
	sup->left_alone = false;
	upgrade_abort(sup);
	heir_pass(sup, "stop");
	sup->stop_deadline = mono_add(mono_now(), grace);
	log_info("stop", "stopping: %u job(s) may end within %g s",
	    sup->njobs, (double)grace / (double)DUR_S);
	tell_manager(sup, grace);
	give_back_waiting(sup);
	post_all(sup, EV_DRAIN, EV_STOP);
	sup_wake_at(sup, sup->stop_deadline);
}

static void
hasten(struct sup *sup)
{
	if (sup->hastened)
		return;
	sup->hastened = true;
	upgrade_abort(sup);
	heir_pass(sup, "quick");
	sup->mode = MODE_STOPPING;
	log_info("stop", "stopping now: %u job(s) are ended by the ladder",
	    sup->njobs);
	tell_manager(sup, 0);
	give_back_waiting(sup);
	post_all(sup, EV_STOP, EV_STOP);
}

void
stop_leave(struct sup *sup)
{
	sup->mode = MODE_STOPPING;
	sup->left_alone = true;
	give_back_waiting(sup);
	post_all(sup, EV_DRAIN, EV_STOP);
}

void
stop_by_heir(struct sup *sup)
{
	sup->pending.stop++;
}

void
stop_by_heir_quickly(struct sup *sup)
{
	sup->pending.stop += 2;
}

void
stop_reopen(struct sup *sup)
{
	(void)log_reopen();
	heir_pass(sup, "reopen");
}

void
stop_process(struct sup *sup)
{
	if (sup->pending.stop >= 2)
		hasten(sup);
	else if (sup->mode != MODE_STOPPING || sup->left_alone)
		begin(sup);
	else if (mono_now() >= sup->stop_deadline)
		hasten(sup);
	else
		sup_wake_at(sup, sup->stop_deadline);
}

static bool
slots_empty(const struct sup *sup)
{
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL &&
		    sup->slots[i]->slot.state != SLOT_DOWN &&
		    sup->slots[i]->slot.state != SLOT_QUARANTINED)
			return (false);
	return (true);
}

static bool
redis_told(const struct sup *sup)
{
	const struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->njobs > 0 || q->asked > 0 || !settle_idle(q))
			return (false);
	return (true);
}

bool
stop_complete(struct sup *sup)
{
	mono_t now = mono_now();

	if (sup->mode != MODE_STOPPING || !slots_empty(sup) ||
	    (sup->heir.up && heir_has_old(sup)))
		return (false);
	if (redis_told(sup) || !sup->beaten)
		return (true);
	if (sup->flush_deadline == 0)
		sup->flush_deadline = mono_add(now, FLUSH_GRACE);
	if (now < sup->flush_deadline) {
		sup_wake_at(sup, sup->flush_deadline);
		return (false);
	}
	log_err("stop", "Redis could not be told about %u job(s); their leases "
	    "run out and another worker takes them over", sup->njobs);
	return (true);
}

void
stop_receipt(struct sup *sup, const struct job *j, bool final)
{
	if (sup->mode != MODE_STOPPING)
		return;
	if (final)
		sup->receipt_finished++;
	else if (j->started != 0)
		sup->receipt_killed++;
	else
		sup->receipt_returned++;
	log_info("stop", "receipt id=%s queue=%s %s", j->id, j->q->name,
	    final ? "finished" : j->started != 0 ?
	    "killed at the end of grace and handed back" : "handed back");
}
