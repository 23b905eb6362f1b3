/*
 * Preemption. The victim is asked, has preempt_grace to write a checkpoint,
 * then comes the ladder's KILL; it goes back to the front of its lane,
 * uncharged (cause preempted). A job that has not run for preempt_min_run, one
 * of high priority, and one that is not preemptible are left alone. One at a
 * time per pool: the slot that it frees is for the job it was freed for.
 */
#include "config.h"

#include "supervisor/preempt.h"

#include "base/log.h"

#include "supervisor/job.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

static bool
is_preemptible(const struct job *j)
{
	if (j->spec.lane == LANE_HIGH)
		return (false);
	return (j->spec.preemptible == TRI_YES ||
	    (j->spec.preemptible == TRI_UNSET &&
	    slice_is(j->spec.type, "training")));
}

static bool
may_go(const struct proc *p, mono_t now)
{
	dur_t least = p->sup->conf->supervisor.preempt_min_run;
	const struct job *j;

	if (p->slot.state != SLOT_BUSY || p->njobs == 0)
		return (false);
	TAILQ_FOREACH(j, &p->jobs, ready)
		if (!is_preemptible(j) || now - j->started < least)
			return (false);
	return (true);
}

void
preempt_for(struct pool *p, struct queue *q)
{
	const struct conf_supervisor *c = &p->sup->conf->supervisor;
	mono_t now = mono_now();
	struct proc *victim = NULL, *proc;
	unsigned i;

	if (p->preempting != NULL && now < p->preempt_until)
		return;
	/* who began last has least to do again */
	for (i = 0; i < p->nprocs; i++) {
		proc = p->procs[i];
		if (may_go(proc, now) && (victim == NULL ||
		    TAILQ_FIRST(&proc->jobs)->started >
		    TAILQ_FIRST(&victim->jobs)->started))
			victim = proc;
	}
	if (victim == NULL)
		return;
	p->preempting = q;
	/* a slot that is quarantined instead must not be waited for */
	p->preempt_until = mono_add(now, c->preempt_grace +
	    c->release_timeout);
	p->sup->stat.n[STAT_PREEMPTED] += victim->njobs;
	log_info("preempt", "id=%s slot=%u makes room for a high job of %s",
	    TAILQ_FIRST(&victim->jobs)->id, victim->slot.index, q->name);
	proc_end(victim, WHY_PREEMPT, c->preempt_grace);
}
