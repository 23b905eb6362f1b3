/*
 * Preemption. The victim is asked, has preempt_grace to write a checkpoint,
 * then comes the ladder's KILL; it goes back to the front of its lane,
 * uncharged (cause preempted). A job that has not run for preempt_min_run, one
 * of high priority, and one that is not preemptible are left alone. One at a
 * time per pool: the slot that it frees is for the job it was freed for.
 */
#include "config.h"

#include "supervisor/preempt.h"

#include <stdio.h>

#include "base/log.h"
#include "proto/page.h"

#include "supervisor/job.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

/* How long its host is preferred; then any worker may begin it anew. */
#define HOME_FOR (30 * DUR_S)

static bool
is_preemptible(const struct job *j)
{
	if (j->spec.lane == LANE_HIGH)
		return (false);
	return (j->spec.preemptible == TRI_YES ||
	    (j->spec.preemptible == TRI_UNSET &&
	    slice_is(j->spec.type, "training")));
}

/* When the slot may be freed at the earliest; MONO_NEVER: not at all. */
static mono_t
may_go(const struct proc *p, const struct queue *spared)
{
	dur_t least = p->sup->conf->supervisor.preempt_min_run;
	const struct job *j;
	mono_t at = 0;

	if (p->slot.state != SLOT_BUSY || p->njobs == 0)
		return (MONO_NEVER);
	TAILQ_FOREACH(j, &p->jobs, ready) {
		if (!is_preemptible(j) || j->q == spared)
			return (MONO_NEVER);
		if (mono_add(j->started, least) > at)
			at = mono_add(j->started, least);
	}
	return (at);
}

bool
preempt_can(const struct pool *p)
{
	unsigned i;

	for (i = 0; i < p->nprocs; i++)
		if (may_go(p->procs[i], NULL) != MONO_NEVER)
			return (true);
	return (false);
}

/* The work that would have to be done again: all of it since the start or
 * since the last checkpoint. */
static dur_t
loss(const struct proc *p, mono_t now)
{
	mono_t from = TAILQ_FIRST(&p->jobs)->started;
	mono_t saved = atomic_load(&proc_words(p)->saved_at);

	return (now - (saved > from ? saved : from));
}

void
preempt_for(struct pool *p, struct queue *q, bool high)
{
	const struct conf_supervisor *c = &p->sup->conf->supervisor;
	mono_t now = mono_now(), soonest = MONO_NEVER, at;
	struct proc *victim = NULL, *proc;
	unsigned i;

	if (p->preempting != NULL && now < p->preempt_until)
		return;
	for (i = 0; i < p->nprocs; i++) {
		proc = p->procs[i];
		if ((at = may_go(proc, high ? NULL : q)) < soonest)
			soonest = at;
		if (at <= now && (victim == NULL ||
		    loss(proc, now) < loss(victim, now)))
			victim = proc;
	}
	if (victim == NULL) {
		sup_wake_at(p->sup, soonest);
		return;
	}
	p->preempting = q;
	p->preempt_high = high;
	/* a slot that is quarantined instead must not be waited for */
	p->preempt_until = mono_add(now, c->preempt_grace +
	    c->release_timeout);
	p->sup->stat.n[STAT_PREEMPTED] += victim->njobs;
	log_info("preempt", "id=%s slot=%u makes room for a %sjob of %s, "
	    "and loses up to %.1f s of work", TAILQ_FIRST(&victim->jobs)->id,
	    victim->slot.index, high ? "high " : "", q->name,
	    (double)loss(victim, now) / (double)DUR_S);
	proc_end(victim, WHY_PREEMPT, c->preempt_grace);
}

void
preempt_done(struct job *j, struct proc *p)
{
	struct sup *sup = p->sup;

	if (atomic_load(&proc_words(p)->saved_at) == 0)
		return;
	(void)snprintf(j->hist.home, sizeof(j->hist.home), "%s", sup->id);
	j->hist.home_until = sup_wall(sup) + HOME_FOR / DUR_MS;
}
