/*
 * Limits. A slot has one deadline, that of the limit which is passed first.
 * Progress and output move it away; that is only seen when the old deadline
 * comes, so a chatty job costs no timer calls. While any job of a credit loads
 * what it needs, load_timeout counts and the clocks of all of them stand.
 */
#include "config.h"

#include "supervisor/limit.h"

#include "base/log.h"

#include "supervisor/credit.h"
#include "supervisor/evidence.h"
#include "supervisor/job.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

#define SAMPLE_EVERY (200 * DUR_MS)
#define STACKS_TAKE (20 * DUR_MS)  /* for a runner to write its stacks */

/* For a child that has no job left to give its credit back. */
#define ANSWER_WITHIN (10 * DUR_S)

static bool
is_at_work(const struct proc *p)
{
	return (p->slot.state == SLOT_BUSY || p->slot.state == SLOT_DRAINING);
}

mono_t
limit_due(struct proc *p, enum slot_why *why)
{
	const struct conf_supervisor *c = &p->sup->conf->supervisor;
	mono_t due = MONO_NEVER, at;
	const struct job *j;

	if (TAILQ_EMPTY(&p->jobs)) {
		/* all was taken back; the child has only to say so */
		*why = WHY_STUCK;
		return (mono_add(p->recalled_at, ANSWER_WITHIN));
	}
	*why = WHY_TIMEOUT;
	credit_clock(p);
	if (p->load_since != 0) {
		*why = WHY_LOAD;
		return (mono_add(p->load_since, c->load_timeout));
	}
	TAILQ_FOREACH(j, &p->jobs, ready) {
		if (j->deadline < due) {
			*why = WHY_TIMEOUT;
			due = j->deadline;
		}
		if (c->no_progress_timeout == 0 || j->deadline == MONO_NEVER)
			continue;
		at = mono_add(job_sign(j), c->no_progress_timeout);
		if (at < due) {
			*why = WHY_NO_PROGRESS;
			due = at;
		}
	}
	if ((at = credit_stall(p)) < due) {
		*why = WHY_NONE;        /* nobody's limit: only a look */
		due = at;
	}
	return (due);
}

void
limit_phase(struct proc *p, struct job *j, bool loads)
{
	mono_t now = mono_now(), due;
	enum slot_why why;
	struct job *k;

	if (loads && p->load_since == 0)
		p->load_since = now;
	if (!loads && p->load_since != 0) {
		TAILQ_FOREACH(k, &p->jobs, ready) {
			k->deadline = mono_add(k->deadline,
			    now - p->load_since);
			k->loads = false;
			k->output_at = now;     /* a sign of life */
		}
		p->load_since = 0;
	}
	j->loads = loads;
	if (is_at_work(p) && (due = limit_due(p, &why)) < p->slot.deadline)
		slot_rearm(&p->slot, due);
}

void
limit_passed(struct proc *p)
{
	mono_t now = mono_now(), due;
	enum slot_why why = WHY_NONE;

	p->due = false;
	due = is_at_work(p) ? limit_due(p, &why) : p->slot.deadline;
	/* Whatever it is, jobs that wait behind it need not suffer it. */
	if (due <= now && is_at_work(p) && (credit_stall(p) <= now ||
	    (why != WHY_NONE && credit_unbegun(p) > 0))) {
		credit_stalled(p);
		due = limit_due(p, &why);
	}
	if (due > now) {
		slot_rearm(&p->slot, due);
		return;
	}
	if (is_at_work(p) && !p->asked_stacks && evidence_ask(p)) {
		p->asked_stacks = true;
		slot_rearm(&p->slot, mono_add(now, STACKS_TAKE));
		return;
	}
	if (why == WHY_TIMEOUT)
		p->sup->stat.n[STAT_TIMEOUTS] += p->njobs;
	slot_event(&p->slot, EV_DEADLINE, now, why);
}

bool
limit_memory_hit(const struct proc *p)
{
	return (p->cage.dir[CAGE_MEMORY] != NULL && cage_killed(&p->cage));
}

/* cgroup v1 ends one process where the whole job is to end. */
static void
look_at_memory(struct proc *p)
{
	const struct cage *g = &p->cage;

	if (!is_at_work(p) || g->limit[CAGE_MEMORY] == 0)
		return;
	if (cage_samples(g) ? cage_resident(&p->contain, p->pid) >
	    g->limit[CAGE_MEMORY] : cage_killed(g))
		proc_end(p, WHY_MEMORY, 0);
}

void
limit_watch(struct sup *sup, mono_t now)
{
	unsigned i;

	if (now < sup->memory_at)
		return;
	sup->memory_at = mono_add(now, SAMPLE_EVERY);
	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL)
			look_at_memory(sup->slots[i]);
}

void
limit_worn(struct proc *p, unsigned handler)
{
	const struct conf_handler *h = &p->sup->conf->handlers[handler];
	const char *what = NULL;

	if (h->max_jobs_per_child > 0 &&
	    p->jobs_done >= (uint64_t)h->max_jobs_per_child)
		what = "max_jobs_per_child";
	else if (h->max_child_age > 0 &&
	    mono_now() - p->spawned >= h->max_child_age)
		what = "max_child_age";
	else if (h->max_child_memory > 0 && cage_resident(&p->contain,
	    p->pid) > h->max_child_memory)
		what = "max_child_memory";
	if (what == NULL || p->slot.state != SLOT_IDLE)
		return;
	log_info("slot", "slot=%u gen=%u is replaced: %s", p->slot.index,
	    p->slot.gen, what);
	slot_event(&p->slot, EV_DRAIN, mono_now(), WHY_RETIRED);
}
