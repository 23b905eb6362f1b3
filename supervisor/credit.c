/* Credits. See credit.h. */
#include "config.h"

#include "supervisor/credit.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "proto/page.h"

#include "supervisor/death.h"
#include "supervisor/finish.h"
#include "supervisor/gpu.h"
#include "supervisor/guess.h"
#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/limit.h"
#include "supervisor/pace.h"
#include "supervisor/pool.h"
#include "supervisor/preempt.h"
#include "supervisor/route.h"
#include "supervisor/split.h"
#include "supervisor/sup.h"

/* Past look_ahead by this much, a job that was thought short is not. */
#define STALL_SLACK (5 * DUR_MS)
/* A child that has not even begun its first job after this long is stuck; up
 * to then it only waits for a processor, and another would not be faster. */
#define STUCK_AFTER DUR_S
#define JUST_NOW UINT_MAX       /* of together, until a frame is read */

static struct credit *
find(struct proc *p, uint32_t number)
{
	unsigned i;

	for (i = 0; i < p->ncredits; i++)
		if (p->credits[i].number == number)
			return (&p->credits[i]);
	return (NULL);
}

static bool
has_begun(const struct proc *p, const struct job *j)
{
	return (j->at < page_begun(proc_words(p), j->credit, NULL));
}

static void
let_go(struct proc *p, struct job *j)
{
	TAILQ_REMOVE(&p->jobs, j, ready);
	p->njobs--;
	j->proc = NULL;
}

/* As if it had never been sent. */
static void
unstart(struct proc *p, struct job *j)
{
	let_go(p, j);
	j->started = 0;
	j->started_at = 0;
	p->sup->stat.n[STAT_STARTED]--;
}

struct job *
credit_running(const struct proc *p)
{
	struct job *j, *last = NULL;

	TAILQ_FOREACH(j, &p->jobs, ready) {
		if (last != NULL && !has_begun(p, j))
			break;
		last = j;
	}
	return (last);
}

unsigned
credit_unbegun(const struct proc *p)
{
	const struct job *j;
	unsigned n = 0;

	TAILQ_FOREACH_REVERSE(j, &p->jobs, job_list, ready) {
		if (has_begun(p, j))
			break;
		n++;
	}
	return (n);
}

unsigned
credit_yields(const struct proc *p)
{
	const struct job *j;
	unsigned n = 0;

	TAILQ_FOREACH_REVERSE(j, &p->jobs, job_list, ready) {
		if (has_begun(p, j))
			break;
		n += !j->urgent;
	}
	return (n);
}

/* ---- clocks ---- */

/* The step at work: jobs [from, begun) of the oldest credit with jobs out. */
struct step {
	uint32_t credit;
	unsigned from, begun;
	mono_t since;
};

static void
step_now(const struct proc *p, struct step *st)
{
	const struct job *j = TAILQ_FIRST(&p->jobs);
	unsigned i;

	st->credit = j->credit;
	st->begun = page_begun(proc_words(p), j->credit, &st->from);
	st->since = atomic_load(&proc_words(p)->begun_at);
	for (i = 0; i < p->ncredits; i++)
		if (p->credits[i].number == st->credit && (st->begun == 0 ||
		    p->credits[i].njobs == 1))
			st->since = p->credits[i].sent;
}

/* Nothing begun yet: the first job counts as at work, its child is at it. */
static bool
in_step(const struct step *st, const struct job *j)
{
	return (j->credit == st->credit && (st->begun == 0 ? j->at == 0 :
	    j->at >= st->from && j->at < st->begun));
}

void
credit_clock(struct proc *p)
{
	struct step st;
	struct job *j;

	if (TAILQ_EMPTY(&p->jobs))
		return;
	step_now(p, &st);
	TAILQ_FOREACH(j, &p->jobs, ready)
		if (j->deadline == MONO_NEVER && in_step(&st, j)) {
			j->started = st.since;
			j->deadline = mono_add(st.since, j->timeout);
		}
}

mono_t
credit_stall(const struct proc *p)
{
	struct step st;

	if (credit_unbegun(p) == 0)
		return (MONO_NEVER);
	step_now(p, &st);
	return (mono_add(st.since, st.begun == 0 ? STUCK_AFTER :
	    p->sup->conf->supervisor.look_ahead + STALL_SLACK));
}

void
credit_stalled(struct proc *p)
{
	pace_stalled(p->sup, TAILQ_FIRST(&p->jobs)->handler);
	credit_give_back(p);
}

/* A timer that comes too early looks again; only one that would come too
 * late costs a system call. */
void
credit_look_in_time(struct proc *p)
{
	enum slot_why why;
	mono_t at = limit_due(p, &why);

	if (at < p->slot.deadline)
		slot_rearm(&p->slot, at);
}

/* ---- taking back ---- */

/* From now on nothing more begins; what had not, is in `out`, in order. */
static void
recall(struct proc *p, struct job_list *out)
{
	struct job *j, *prev;
	unsigned i;

	TAILQ_INIT(out);
	p->recalled_at = mono_now();
	for (i = 0; i < p->ncredits; i++) {
		(void)page_recall(proc_words(p), p->credits[i].number);
		p->credits[i].recalled = true;
	}
	for (j = TAILQ_LAST(&p->jobs, job_list); j != NULL; j = prev) {
		prev = TAILQ_PREV(j, job_list, ready);
		if (has_begun(p, j))
			break;
		unstart(p, j);
		TAILQ_INSERT_HEAD(out, j, ready);
	}
}

bool
credit_withdraw(struct proc *p, const struct job *wanted)
{
	struct job_list list;
	struct job *j;
	bool found = false;

	recall(p, &list);
	while ((j = TAILQ_LAST(&list, job_list)) != NULL) {
		TAILQ_REMOVE(&list, j, ready);
		found = found || j == wanted;
		pool_put_back(p->pool, j);
	}
	return (found);
}

void
credit_give_back(struct proc *p)
{
	struct job_list list;
	struct job *j;

	recall(p, &list);
	/* the last one first, so that the first one ends up in front */
	while ((j = TAILQ_LAST(&list, job_list)) != NULL) {
		TAILQ_REMOVE(&list, j, ready);
		finish_return(j, CAUSE_SHUTDOWN);
	}
}

/* The last step that began; the credits before it had ended. */
static void
last_step(const struct proc *p, struct step *st)
{
	const struct job *j;

	step_now(p, st);
	TAILQ_FOREACH_REVERSE(j, &p->jobs, job_list, ready)
		if (j->credit == st->credit)
			return;
		else if (has_begun(p, j)) {
			st->credit = j->credit;
			st->begun = page_begun(proc_words(p), j->credit,
			    &st->from);
			return;
		}
}

/* The jobs of the step at work that have no end of their own yet. */
static unsigned
count_step(const struct proc *p, const struct step *st)
{
	const struct job *j;
	unsigned n = 0;

	TAILQ_FOREACH(j, &p->jobs, ready)
		n += in_step(st, j) && !j->kept;
	return (n);
}

void
credit_settle(struct proc *p)
{
	struct step st = { 0 };
	struct death d;
	struct outcome o;
	struct job *j;
	unsigned n = 0;

	credit_give_back(p);
	death_judge_slot(p);
	if ((j = TAILQ_FIRST(&p->jobs)) != NULL) {
		/* results that waited for each other are lost with it: the
		 * next ones go one by one until they have proved short */
		pace_stalled(p->sup, j->handler);
		last_step(p, &st);
		n = count_step(p, &st);
	}
	/* A job before the step at work had ended; only its answer is lost
	 * with the child. */
	while ((j = TAILQ_FIRST(&p->jobs)) != NULL) {
		if (in_step(&st, j) && !j->kept)
			j->together = n;
		let_go(p, j);
		death_of_job(p, j, &d, &o);
		if (!in_step(&st, j) && !j->kept) {
			o = (struct outcome)OUTCOME(CAUSE_SLOT_LOST);
			o.message = SLICE_LIT("the child was lost before the "
			    "job's result got out");
		}
		if (o.cause == CAUSE_PREEMPTED)
			preempt_done(j, p);
		gpu_judge(p, j, &o);
		split_or_finish(j, &o);
	}
	p->ncredits = 0;
}

/* ---- results ---- */

/* An ended run whose tree may still live must not begin elsewhere: an error
 * that leads to a rerun waits until the child says that all is gone. */
static void
keep_outcome(struct job *j, const struct frame_result *x)
{
	j->kept = true;
	j->kept_cause = x->cause;
	j->kept_exit = x->exit_code;
	j->kept_signal = x->signal;
	free(j->kept_message);
	j->kept_message = xstrndup(x->message.n > 0 ? x->message.p : "",
	    x->message.n);
	if (split_is_anybodys(&(struct outcome){ .cause = x->cause,
	    .exit_code = x->exit_code }))
		j->together = JUST_NOW;
}

/* A frame has the results of one step: those errors in it that are nobody's
 * in particular have suspects, all of them together. */
static void
count_suspects(struct proc *p)
{
	struct job *j;
	unsigned n = 0;

	TAILQ_FOREACH(j, &p->jobs, ready)
		n += j->together == JUST_NOW;
	TAILQ_FOREACH(j, &p->jobs, ready)
		if (j->together == JUST_NOW)
			j->together = n;
}

static void
one_result(struct proc *p, const struct frame_result *x, bool ending)
{
	struct job *j = proc_job(p, x->number);
	struct outcome o = { .cause = x->cause, .result = x->result,
		.message = x->message, .exit_code = x->exit_code,
		.signal = x->signal };

	if (j != NULL && p->load_since != 0 && !ending)
		limit_phase(p, j, false);       /* it has ended with the load */
	if (j == NULL || j->kept) {
		p->sup->stat.n[STAT_FRAMES_BAD]++;
		log_warn("slot", "slot=%u result for job %" PRIu64
		    " that it does not have, dropped", p->slot.index,
		    x->number);
		return;
	}
	/* Past its deadline or cancelled: the reason of the end stands. */
	if (ending && (p->slot.why == WHY_TIMEOUT ||
	    p->slot.why == WHY_NO_PROGRESS || p->slot.why == WHY_LOAD ||
	    p->slot.why == WHY_CANCEL || p->slot.why == WHY_FENCE ||
	    p->slot.why == WHY_DEVICE))
		return;
	if (x->cause == CAUSE_NONE) {
		let_go(p, j);
		finish_job(j, &o);
	} else if (!ending)
		keep_outcome(j, x);
}

static void
no_result(struct job *j, struct outcome *o)
{
	*o = (struct outcome)OUTCOME(CAUSE_HANDLER_ERROR);
	o->message = SLICE_LIT("the handler gave no result");
	if (!j->kept)
		return;
	*o = (struct outcome){ .cause = j->kept_cause,
		.exit_code = j->kept_exit, .signal = j->kept_signal,
		.message = slice_of(j->kept_message) };
}

static void
measure(struct proc *p, const struct credit *c, mono_t now)
{
	mono_t from = c->sent > p->last_back ? c->sent : p->last_back;
	unsigned ran = page_begun(proc_words(p), c->number, NULL);

	if (ran > 0)
		pace_saw(p->sup, c->handler, ran, (now - from) / ran);
	p->last_back = now;
}

/* The credit is back: whatever of it has no end yet ends now. */
static void
credit_back(struct proc *p, struct credit *c)
{
	mono_t now = mono_now();
	struct outcome o;
	struct job *j, *next;
	unsigned handler;

	for (j = TAILQ_FIRST(&p->jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, ready);
		if (j->credit != c->number)
			continue;
		let_go(p, j);
		no_result(j, &o);
		if (!gpu_doubt(p, j, &o))
			split_or_finish(j, &o);
	}
	measure(p, c, now);
	p->jobs_done += page_begun(proc_words(p), c->number, NULL);
	p->failures = 0;
	p->pool->done_at = now;
	handler = c->handler;
	p->ncredits--;
	memmove(c, c + 1, (size_t)(p->credits + p->ncredits - c) * sizeof(*c));
	if (p->ncredits == 0) {
		atomic_store(&proc_words(p)->fence_at, MONO_NEVER);
		slot_event(&p->slot, EV_DONE, now, WHY_NONE);
		limit_worn(p, handler);
		return;
	}
	credit_look_in_time(p);
	p->sup->pending.again = true;
}

static void
broken(struct proc *p)
{
	p->sup->stat.n[STAT_FRAMES_BAD]++;
	log_err("slot", "slot=%u gen=%" PRIu32 " sent a broken RESULT",
	    p->slot.index, p->slot.gen);
	slot_event(&p->slot, EV_FENCE, mono_now(), WHY_BUG);
}

/*
 * A plugin shares its process with the GPU's broken context: the child goes
 * before it runs anything else. It begins no further job by itself.
 */
static void
retire_spoilt(struct proc *p, const struct credit *c)
{
	if (p->sup->conf->handlers[c->handler].kind != CONF_PLUGIN ||
	    p->slot.state != SLOT_BUSY)
		return;
	log_warn("slot", "slot=%u gen=%" PRIu32 " is replaced: GPU error",
	    p->slot.index, p->slot.gen);
	(void)credit_withdraw(p, NULL);
	slot_event(&p->slot, EV_DRAIN, mono_now(), WHY_GPU);
}

void
credit_results(struct proc *p, struct frame_reader *r)
{
	struct frame_results s;
	struct frame_result x;
	struct slice models;
	struct credit *c;
	bool ending = p->slot.state == SLOT_STOPPING ||
	    p->slot.state == SLOT_KILLED, done, spoilt = false;
	uint32_t i;

	if (frame_read_results(r, &s) != 0) {
		broken(p);
		return;
	}
	if ((c = find(p, (uint32_t)s.credit)) == NULL) {
		if (!guess_returned(p, (uint32_t)s.credit))
			p->sup->stat.n[STAT_FRAMES_BAD]++;
		return;
	}
	FAILPOINT(RESULT_TAKEN);
	output_drain(p, true);  /* its last lines belong to the job still */
	for (i = 0; i < s.nresults; i++) {
		if (frame_read_result(r, &x) != 0) {
			broken(p);
			return;
		}
		if (x.cause != CAUSE_NONE && limit_memory_hit(p))
			death_by_memory(p, &x);
		spoilt = spoilt || x.cause == CAUSE_GPU_ERROR;
		one_result(p, &x, ending);
	}
	count_suspects(p);
	if (spoilt)
		retire_spoilt(p, c);
	if (frame_read_result_end(r, &done, &models) != 0) {
		broken(p);
		return;
	}
	(void)snprintf(p->models, sizeof(p->models), "%.*s", (int)models.n,
	    models.n > 0 ? models.p : "");
	if (done && !ending)
		credit_back(p, c);
	else if (done && --p->ncredits == 0)
		slot_event(&p->slot, EV_DONE, mono_now(), WHY_NONE);
}
