/*
 * The processes of one slot. The slot machine decides (slot.c); this file
 * carries out: it is the machine's struct slot_ops, and it turns frames, ends
 * of processes and timers into the machine's events.
 */
#include "config.h"

#include "supervisor/proc.h"

#include <sys/wait.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/err.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "proto/page.h"
#include "proto/startup.h"

#include "supervisor/death.h"
#include "supervisor/evidence.h"
#include "supervisor/finish.h"
#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/limit.h"
#include "supervisor/pool.h"
#include "supervisor/route.h"
#include "supervisor/sup.h"

static struct page_slot *
words_of(const struct proc *p)
{
	return (&p->sup->page->slot[p->slot.index]);
}

void
proc_fence(struct proc *p, mono_t at)
{
	atomic_store(&words_of(p)->fence_at, at);
}

static void
set_ask(struct proc *p, enum ask ask)
{
	struct buf b;

	atomic_store(&words_of(p)->ask, ask);
	if (ask == ASK_NONE)
		return;
	buf_init(&b, 256);
	frame_put_ask(&b, p->slot.gen, ask);
	(void)route_send(p->sup->route, p->slot.index, p->slot.gen, &b);
	buf_fini(&b);
}

/* ---- effects of the slot machine ---- */

static int
op_spawn(struct slot *s)
{
	struct proc *p = s->owner;
	int r;

	p->dead = false;
	p->models[0] = '\0';
	p->jobs_done = 0;
	p->last_words[0] = '\0';
	proc_fence(p, MONO_NEVER);
	atomic_store(&words_of(p)->ask, ASK_NONE);
	atomic_store(&words_of(p)->gen, s->gen);
	if ((r = spawn_child_of(p)) != 0) {
		log_err("slot", "slot=%u could not start a child: %s",
		    s->index, err_text(r));
		return (r);
	}
	p->spawned = mono_now();
	p->sup->stat.n[STAT_CHILD_STARTS]++;
	return (0);
}

static void
op_ready(struct slot *s)
{
	struct proc *p = s->owner;

	p->sup->pending.again = true;   /* the intake phase comes this turn */
}

static void
op_quit(struct slot *s)
{
	struct proc *p = s->owner;
	struct buf b;

	buf_init(&b, 64);
	frame_put_quit(&b, s->gen);
	(void)route_send(p->sup->route, s->index, s->gen, &b);
	buf_fini(&b);
}

static enum ask
ask_for(enum slot_why why)
{
	return (why == WHY_CANCEL ? ASK_CANCEL : why == WHY_PREEMPT ?
	    ASK_PREEMPT : why == WHY_STOP ? ASK_STOP : ASK_TIMEOUT);
}

static void
op_terminate(struct slot *s)
{
	struct proc *p = s->owner;
	struct buf b;

	p->ended_at = mono_now();
	if (s->why == WHY_TIMEOUT || s->why == WHY_NO_PROGRESS ||
	    s->why == WHY_LOAD)
		evidence_take(p);
	set_ask(p, ask_for(s->why));
	/* The child forwards TERM to its job; the rest of the tree gets it
	 * from us, whether or not the child can act. */
	buf_init(&b, 64);
	frame_put_term(&b, s->gen, SIGTERM);
	(void)route_send(p->sup->route, s->index, s->gen, &b);
	buf_fini(&b);
	(void)contain_signal(&p->contain, p->pid, SIGTERM, p->pid);
}

static void
op_kill(struct slot *s)
{
	struct proc *p = s->owner;

	p->sup->stat.n[STAT_CHILD_KILLS]++;
	(void)contain_signal(&p->contain, p->pid, SIGKILL, 0);
	if (p->pid > 0)
		(void)kill(p->pid, SIGKILL);
}

static void
look_later(struct proc *p)
{
	/* 1 2 4 ... 64 ms, and once a second when quarantined */
	unsigned ms = p->slot.state == SLOT_QUARANTINED ? 1000 :
	    1u << (p->looks < 6 ? p->looks : 6);
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	p->looks++;
	(void)event_add(p->look, &tv);
}

static void
op_release(struct slot *s)
{
	struct proc *p = s->owner;

	if (contain_count(&p->contain, p->pid, NULL) == 0) {
		(void)event_del(p->look);
		p->looks = 0;
		slot_event(s, EV_RELEASED, mono_now(), WHY_NONE);
		return;
	}
	(void)contain_signal(&p->contain, p->pid, SIGKILL, 0);
	look_later(p);
}

static void
looked(evutil_socket_t fd, short what, void *priv)
{
	struct proc *p = priv;

	OBJ_CHECK(p, PROC_MAGIC);
	if (p->slot.state == SLOT_RELEASING ||
	    p->slot.state == SLOT_QUARANTINED)
		op_release(&p->slot);
}

/* The jobs that the slot had when it was lost or ended. */
static void
op_settle(struct slot *s)
{
	struct proc *p = s->owner;
	struct death d;
	struct outcome o;
	struct job *j;

	p->credit = 0;
	death_judge_slot(p);
	while ((j = TAILQ_FIRST(&p->jobs)) != NULL) {
		TAILQ_REMOVE(&p->jobs, j, ready);
		p->njobs--;
		j->proc = NULL;
		death_of_job(p, j, &d, &o);
		finish_job(j, &o);
	}
	if (s->state == SLOT_QUARANTINED) {
		death_tell_held(p);
		look_later(p);
	}
}

static void
op_arm(struct slot *s, mono_t at)
{
	struct proc *p = s->owner;
	struct timeval tv;
	dur_t left;

	p->due = false;
	(void)event_del(p->timer);
	if (at == MONO_NEVER)
		return;
	left = at - mono_now();
	if (left < 0)
		left = 0;
	/* up to the next microsecond, never early */
	left += DUR_US - 1;
	tv.tv_sec = left / DUR_S;
	tv.tv_usec = left % DUR_S / DUR_US;
	(void)event_add(p->timer, &tv);
}

static const struct slot_ops ops = {
	.spawn = op_spawn, .ready = op_ready, .quit = op_quit,
	.terminate = op_terminate, .kill = op_kill, .release = op_release,
	.settle = op_settle, .arm = op_arm,
};

/* ---- events for the slot machine ---- */

static void
timer_fired(evutil_socket_t fd, short what, void *priv)
{
	struct proc *p = priv;

	OBJ_CHECK(p, PROC_MAGIC);
	p->due = true;          /* answers that are here already come first */
}

void
proc_exited(struct proc *p, int status)
{
	struct death d;

	output_drain(p);
	output_close(p);
	fd_close(&p->start_fd);
	p->status = status;
	p->dead = true;
	death_of_child(p, &d);
	if (d.unasked) {
		p->sup->stat.n[STAT_CHILD_DEATHS]++;
		log_warn("slot", "slot=%u gen=%" PRIu32 " pid=%d state=%s %s%s%s",
		    p->slot.index, p->slot.gen, (int)p->pid,
		    slot_state_name(p->slot.state), d.text,
		    p->last_words[0] != '\0' ? " last_words=" : "",
		    p->last_words);
	}
	p->pid = 0;
	p->looks = 0;
	slot_event(&p->slot, EV_EXIT, mono_now(), WHY_NONE);
}

static bool
fits(const struct proc *p, const struct frame_hello *h)
{
	if (h->pid != p->pid)
		log_err("slot", "slot=%u HELLO of pid %" PRId64 ", not %d",
		    p->slot.index, h->pid, (int)p->pid);
	else if (!slice_is(h->cpus, p->cpus_text))
		log_err("slot", "slot=%u runs on CPUs %.*s, not %s",
		    p->slot.index, (int)h->cpus.n, h->cpus.p, p->cpus_text);
	else if (!slice_is(h->devices, p->devices))
		log_err("slot", "slot=%u sees devices \"%.*s\", not \"%s\"",
		    p->slot.index, (int)h->devices.n, h->devices.p,
		    p->devices);
	else
		return (true);
	return (false);
}

void
proc_hello(struct proc *p, const struct frame_hello *h)
{
	if (p->slot.state != SLOT_STARTING)
		return;
	if (fits(p, h))
		slot_event(&p->slot, EV_HELLO, mono_now(), WHY_NONE);
	else {
		p->slot.early_deaths++;
		slot_event(&p->slot, EV_FENCE, mono_now(), WHY_MISFIT);
	}
}

void
proc_bug(struct proc *p, struct slice message)
{
	log_err("slot", "slot=%u gen=%" PRIu32 " child says: %.*s",
	    p->slot.index, p->slot.gen, (int)message.n, message.p);
	(void)snprintf(p->last_words, sizeof(p->last_words), "%.*s",
	    (int)message.n, message.p);
}

struct job *
proc_job(struct proc *p, uint64_t number)
{
	struct job *j;

	TAILQ_FOREACH(j, &p->jobs, ready)
		if (j->number == number)
			return (j);
	return (NULL);
}

static void
let_go(struct proc *p, struct job *j)
{
	TAILQ_REMOVE(&p->jobs, j, ready);
	p->njobs--;
	j->proc = NULL;
}

/* An ended run whose tree may still live must not begin elsewhere: an error
 * that leads to a rerun waits until the child says that all is gone. */
static void
keep_outcome(struct job *j, const struct frame_result *x)
{
	j->kept = true;
	j->kept_cause = x->cause;
	j->kept_exit = x->exit_code;
	j->kept_signal = x->signal;
	j->kept_message = xstrndup(x->message.n > 0 ? x->message.p : "",
	    x->message.n);
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
	    p->slot.why == WHY_CANCEL ||
	    p->slot.why == WHY_FENCE))
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

/* The credit is back: whatever of it has no end yet ends now. */
static void
credit_back(struct proc *p)
{
	struct outcome o;
	struct job *j;

	while ((j = TAILQ_FIRST(&p->jobs)) != NULL) {
		let_go(p, j);
		no_result(j, &o);
		finish_job(j, &o);
	}
	p->credit = 0;
	p->jobs_done += p->credit_jobs;
	p->failures = 0;
	p->pool->done_at = mono_now();
	proc_fence(p, MONO_NEVER);
	slot_event(&p->slot, EV_DONE, mono_now(), WHY_NONE);
	limit_worn(p, p->credit_handler);
}

void
proc_results(struct proc *p, struct frame_reader *r)
{
	struct frame_results s;
	struct frame_result x;
	struct slice models;
	bool ending = p->slot.state == SLOT_STOPPING ||
	    p->slot.state == SLOT_KILLED, done;
	uint32_t i;

	if (frame_read_results(r, &s) != 0)
		goto bad;
	if (s.credit != p->credit || p->credit == 0) {
		p->sup->stat.n[STAT_FRAMES_BAD]++;
		return;
	}
	FAILPOINT(RESULT_TAKEN);
	output_drain(p);        /* its last lines belong to the job still */
	for (i = 0; i < s.nresults; i++) {
		if (frame_read_result(r, &x) != 0)
			goto bad;
		if (x.cause != CAUSE_NONE && limit_memory_hit(p))
			death_by_memory(p, &x);
		one_result(p, &x, ending);
	}
	if (frame_read_result_end(r, &done, &models) != 0)
		goto bad;
	(void)snprintf(p->models, sizeof(p->models), "%.*s", (int)models.n,
	    models.n > 0 ? models.p : "");
	if (!done)
		return;
	if (ending)
		slot_event(&p->slot, EV_DONE, mono_now(), WHY_NONE);
	else
		credit_back(p);
	return;
bad:
	p->sup->stat.n[STAT_FRAMES_BAD]++;
	log_err("slot", "slot=%u gen=%" PRIu32 " sent a broken RESULT",
	    p->slot.index, p->slot.gen);
	slot_event(&p->slot, EV_FENCE, mono_now(), WHY_BUG);
}

/* ---- dispatch ---- */

static void
start_job(struct proc *p, struct job *j, mono_t now)
{
	j->stage = STAGE_RUNNING;
	j->proc = p;
	j->slot = p->slot.index;
	j->started = now;
	j->started_at = sup_wall(p->sup);
	j->deadline = mono_add(now, j->timeout);
	j->note_after = mono_add(now, 150 * DUR_MS);
	p->sup->stat.n[STAT_STARTED]++;
}

static dur_t
timeout_of(const struct sup *sup, const struct job *j)
{
	const struct conf_supervisor *c = &sup->conf->supervisor;
	dur_t t = j->spec.timeout;

	if (t == 0)
		t = sup->conf->handlers[j->handler].job_timeout;
	if (t == 0)
		t = c->job_timeout;
	return (t < c->max_job_timeout ? t : c->max_job_timeout);
}

static void
put_job(struct buf *b, const struct job *j)
{
	struct frame_job f = { .number = j->number,
		.attempt = j->hist.attempts + 1, .id = slice_of(j->id),
		.type = j->spec.type, .model = j->spec.model,
		.model_version = j->spec.model_version,
		.publish = j->spec.publish, .timeout = j->timeout,
		.payload = { j->payload, j->payload_len } };

	frame_put_job(b, &f);
}

/* The child could not be reached: its jobs never began. */
static void
undo_dispatch(struct proc *p)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&p->jobs)) != NULL) {
		let_go(p, j);
		j->started = 0;
		finish_return(j, CAUSE_SHUTDOWN);
	}
	p->credit = 0;
	slot_event(&p->slot, EV_FENCE, mono_now(), WHY_BUG);
}

void
proc_dispatch(struct proc *p, struct job_list *jobs, unsigned n)
{
	struct frame_do d = { .credit = ++p->sup->seq, .njobs = n };
	struct slot_arg arg = { .now = mono_now(), .deadline = MONO_NEVER };
	struct buf b;
	struct job *j;
	mono_t fence = MONO_NEVER, at;

	ASSERT(p->slot.state == SLOT_IDLE && p->njobs == 0);
	d.handler = TAILQ_FIRST(jobs)->handler;
	buf_init(&b, SIZE_MAX / 4);
	frame_put_do(&b, p->slot.gen, &d);
	TAILQ_CONCAT(&p->jobs, jobs, ready);
	p->njobs = p->credit_jobs = n;
	p->credit_handler = d.handler;
	p->credit = d.credit;
	TAILQ_FOREACH(j, &p->jobs, ready) {
		j->timeout = timeout_of(p->sup, j);
		start_job(p, j, arg.now);
		put_job(&b, j);
		if ((at = lease_fence(j->q)) < fence)
			fence = at;
	}
	p->load_since = 0;
	p->asked_stacks = false;
	if (p->cage.dir[CAGE_MEMORY] != NULL)
		cage_mark(&p->cage);
	arg.deadline = limit_due(p, &arg.why);
	proc_fence(p, fence);
	atomic_store(&words_of(p)->ask, ASK_NONE);
	FAILPOINT(DISPATCH_BUILT);
	if (route_send(p->sup->route, p->slot.index, p->slot.gen, &b) != 0)
		undo_dispatch(p);
	else {
		slot_post(&p->slot, EV_ASSIGN, &arg);
		sup_wake_at(p->sup, mono_add(arg.now, 160 * DUR_MS));
		FAILPOINT(DISPATCH_SENT);
	}
	buf_fini(&b);
}

void
proc_end(struct proc *p, enum slot_why why, dur_t grace)
{
	struct slot_arg arg = { .now = mono_now(), .deadline = MONO_NEVER,
		.why = why, .grace = grace };

	if (p->slot.state == SLOT_BUSY || p->slot.state == SLOT_DRAINING)
		slot_post(&p->slot, EV_END, &arg);
}

/* ---- life ---- */

struct proc *
proc_new(struct sup *sup, struct pool *pool, unsigned index)
{
	struct proc *p = xcalloc(1, sizeof(*p));

	p->magic = PROC_MAGIC;
	p->sup = sup;
	p->pool = pool;
	p->start_fd = p->out[0].fd = p->out[1].fd = -1;
	p->devices = xstrdup("");
	p->cpus_text = xstrdup("");
	TAILQ_INIT(&p->jobs);
	slot_init(&p->slot, index, &ops, &sup->limits, p);
	contain_init(&p->contain, sup->id, index);
	cage_init(&p->cage, &p->contain, index, (uint64_t[CAGE_N]){
	    [CAGE_MEMORY] = pool->conf->memory_limit,
	    [CAGE_PIDS] = (uint64_t)pool->conf->pids_limit,
	    [CAGE_CPU] = (uint64_t)pool->conf->cpu_weight });
	p->timer = evtimer_new(sup->base, timer_fired, p);
	p->look = evtimer_new(sup->base, looked, p);
	ASSERT(p->timer != NULL && p->look != NULL);
	return (p);
}

void
proc_free(struct proc **pp)
{
	struct proc *p = *pp;

	if (p == NULL)
		return;
	OBJ_CHECK(p, PROC_MAGIC);
	ASSERT(p->pid == 0 && TAILQ_EMPTY(&p->jobs));
	*pp = NULL;
	output_close(p);
	fd_close(&p->start_fd);
	event_free(p->timer);
	event_free(p->look);
	cage_fini(&p->cage);
	contain_fini(&p->contain);
	free(p->devices);
	free(p->cpus_text);
	p->magic = 0;
	free(p);
}
