/* Deaths in words and as causes. See death.h. */
#include "config.h"

#include "supervisor/death.h"

#include <sys/wait.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/obj.h"
#include "proto/startup.h"

#include "supervisor/finish.h"
#include "supervisor/gpu.h"
#include "supervisor/job.h"
#include "supervisor/limit.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

#define FAST_FAILURE (1 * DUR_S)  /* of a child, after it got its job */
#define FAILURES_MAX 8

/* Why we ended the slot -> what that is for its jobs. The rest (DIED) is
 * judged by the wait status. */
static const struct {
	enum slot_why why;
	enum cause cause;
	const char *text;
} asked_table[] = {
	{ WHY_TIMEOUT, CAUSE_TIMEOUT, NULL },
	{ WHY_NO_PROGRESS, CAUSE_NO_PROGRESS, NULL },
	{ WHY_MEMORY, CAUSE_OUT_OF_MEMORY, NULL },
	{ WHY_CANCEL, CAUSE_CANCELLED, NULL },
	{ WHY_PREEMPT, CAUSE_PREEMPTED, NULL },
	{ WHY_STOP, CAUSE_SHUTDOWN, NULL },
	{ WHY_FENCE, CAUSE_WORKER_LOST,
	    "the lease was not renewed in time, so the worker ended it" },
	{ WHY_MISFIT, CAUSE_SLOT_LOST, NULL },
	{ WHY_BUG, CAUSE_SLOT_LOST, NULL },
	{ WHY_DEVICE, CAUSE_GPU_ERROR, NULL },
	{ WHY_LOAD, CAUSE_LOAD_FAILED,
	    "what it needs was not loaded within load_timeout" },
};

void
death_of_child(const struct proc *p, struct death *d)
{
	const char *own;
	int sig, code;

	d->unasked = p->slot.state == SLOT_STARTING ||
	    p->slot.state == SLOT_IDLE || p->slot.state == SLOT_BUSY ||
	    p->slot.state == SLOT_DRAINING;
	if (WIFSIGNALED(p->status)) {
		sig = WTERMSIG(p->status);
		(void)snprintf(d->text, sizeof(d->text),
		    "child was killed by signal %d (%s)", sig, strsignal(sig));
		return;
	}
	code = WEXITSTATUS(p->status);
	if ((own = child_exit_text(code)) != NULL)
		(void)snprintf(d->text, sizeof(d->text),
		    "child exited with status %d: %s", code, own);
	else
		(void)snprintf(d->text, sizeof(d->text),
		    "child exited with status %d", code);
}

static enum cause
cause_of_exit(int code)
{
	switch (code) {
	case CHILD_EXIT_PLUGIN:
		return (CAUSE_LOAD_FAILED);
	case CHILD_EXIT_FENCED:
	case CHILD_EXIT_LOST:
		return (CAUSE_WORKER_LOST);
	case CHILD_EXIT_STARTUP:
	case CHILD_EXIT_LINK:
	case CHILD_EXIT_PROTOCOL:
	case CHILD_EXIT_DIRTY:
		return (CAUSE_SLOT_LOST);
	default:
		return (CAUSE_CRASHED);
	}
}

/* The child died of itself. A plugin's job is to blame for that; a command
 * or runner is a process of its own, so its job is not. */
static void
judge_status(const struct proc *p, const struct job *j, struct outcome *o)
{
	const struct conf *conf = p->sup->conf;
	bool plugin = conf->handlers[j->handler].kind == CONF_PLUGIN;

	if (WIFSIGNALED(p->status)) {
		o->signal = WTERMSIG(p->status);
		o->cause = o->signal == SIGKILL ? CAUSE_KILLED : CAUSE_CRASHED;
	} else {
		o->exit_code = WEXITSTATUS(p->status);
		o->cause = cause_of_exit(o->exit_code);
	}
	if (!plugin && (o->cause == CAUSE_CRASHED || o->cause == CAUSE_KILLED))
		o->cause = CAUSE_SLOT_LOST;
}

static void
word_memory(const struct proc *p, char *text, size_t size)
{
	(void)snprintf(text, size, "went over its slot's memory_limit of %g M",
	    (double)p->cage.limit[CAGE_MEMORY] / (double)(1 << 20));
}

void
death_by_memory(const struct proc *p, struct frame_result *x)
{
	static char text[128];

	word_memory(p, text, sizeof(text));
	x->cause = CAUSE_OUT_OF_MEMORY;
	x->message = slice_of(text);
}

static void
word_timeout(const struct job *j, struct death *d)
{
	(void)snprintf(d->text, sizeof(d->text), "ran past its timeout of %g s",
	    (double)j->timeout / (double)DUR_S);
}

static void
add_evidence(const struct job *j, struct death *d)
{
	size_t n = strlen(d->text);

	if (j->evidence != NULL)
		(void)snprintf(d->text + n, sizeof(d->text) - n, "; %s",
		    j->evidence);
}

/* A slot is ended for one job; what else it ran is not to blame. Which of a
 * batch hangs is not known: there all are suspects (split.c). */
static bool
is_bystander(const struct job *j, enum slot_why why, mono_t ended)
{
	return ((why == WHY_CANCEL && !j->hist.cancelled) ||
	    (why == WHY_TIMEOUT && j->together <= 1 && j->deadline > ended) ||
	    (why == WHY_LOAD && !j->loads));
}

void
death_of_job(const struct proc *p, const struct job *j, struct death *d,
    struct outcome *o)
{
	enum slot_why why = p->slot.state == SLOT_QUARANTINED &&
	    (p->slot.why == WHY_HELD || p->slot.why == WHY_DEVICE) ?
	    p->slot.held_why : p->slot.why;
	unsigned i;

	*o = (struct outcome)OUTCOME(CAUSE_SLOT_LOST);
	death_of_child(p, d);
	for (i = 0; i < NELEM(asked_table); i++) {
		if (asked_table[i].why != why)
			continue;
		if (is_bystander(j, why, p->ended_at)) {
			o->message = SLICE_LIT("its slot was ended because of "
			    "another job of its batch");
			return;
		}
		o->cause = asked_table[i].cause;
		if (why == WHY_TIMEOUT)
			word_timeout(j, d);
		else if (why == WHY_MEMORY)
			word_memory(p, d->text, sizeof(d->text));
		else if (why == WHY_DEVICE)
			(void)snprintf(d->text, sizeof(d->text), "%s",
			    p->gpu_why);
		else if (asked_table[i].text != NULL)
			(void)snprintf(d->text, sizeof(d->text), "%s",
			    asked_table[i].text);
		else
			(void)snprintf(d->text, sizeof(d->text), "%s",
			    cause_row(o->cause)->text);
		add_evidence(j, d);
		o->message = slice_of(d->text);
		return;
	}
	if (j->kept) {
		*o = (struct outcome){ .cause = j->kept_cause,
			.exit_code = j->kept_exit, .signal = j->kept_signal,
			.message = slice_of(j->kept_message) };
		return;
	}
	if (p->blamed) {
		o->message = SLICE_LIT("its slot failed with several jobs in a "
		    "row and was quarantined");
		return;
	}
	if (p->dead)
		judge_status(p, j, o);
	if (limit_memory_hit(p)) {
		o->cause = CAUSE_OUT_OF_MEMORY;
		word_memory(p, d->text, sizeof(d->text));
	}
	o->message = slice_of(d->text);
}

/*
 * A child that dies soon after it got a job may have died of the job. When it
 * happens to one slot with one job after another, while other slots of its
 * pool do their work, it is the slot: then the last job is not charged, and
 * the slot is quarantined as if it could not start.
 */
void
death_judge_slot(struct proc *p)
{
	const struct job *j = TAILQ_FIRST(&p->jobs);
	mono_t now = mono_now();

	p->blamed = false;
	if (p->slot.why != WHY_DIED || j == NULL ||
	    now - j->started > FAST_FAILURE ||
	    strcmp(p->failed_id, j->id) == 0)
		return;
	(void)snprintf(p->failed_id, sizeof(p->failed_id), "%s", j->id);
	if (p->failures++ == 0)
		p->failing_since = now;
	if (p->failures < FAILURES_MAX || p->pool->done_at < p->failing_since)
		return;
	p->failures = 0;
	p->blamed = true;
	p->slot.early_deaths = p->slot.limits->early_max;
}

void
death_tell_held(struct proc *p)
{
	struct buf b;

	buf_init(&b, 4096);
	(void)contain_count(&p->contain, p->pid, &b);
	gpu_put_held(p, &b);
	log_err("slot", "slot=%u gen=%" PRIu32 " is quarantined, %s: %s",
	    p->slot.index, p->slot.gen, p->slot.why == WHY_DEVICE ?
	    slot_why_text(WHY_DEVICE) : "not gone", buf_cstr(&b));
	buf_fini(&b);
}
