/*
 * Dispatch: credits on their way to a child; see credit.h. What comes back,
 * and what is taken back, is in credit.c.
 */
#include "config.h"

#include "supervisor/credit.h"

#include "base/failpoint.h"
#include "base/obj.h"
#include "proto/page.h"

#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/limit.h"
#include "supervisor/route.h"
#include "supervisor/sup.h"

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
start_job(struct proc *p, struct job *j, const struct credit *c, unsigned at)
{
	j->stage = STAGE_RUNNING;
	j->proc = p;
	j->slot = p->slot.index;
	j->credit = c->number;
	j->at = at;
	j->started = c->sent;
	j->deadline = MONO_NEVER;       /* until it begins */
	j->started_at = sup_wall(p->sup);
	j->note_after = mono_add(c->sent, 150 * DUR_MS);
	p->sup->stat.n[STAT_STARTED]++;
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

void
credit_fence(struct proc *p)
{
	mono_t fence = MONO_NEVER, at;
	const struct job *j;

	TAILQ_FOREACH(j, &p->jobs, ready)
		if ((at = lease_fence(j->q)) < fence)
			fence = at;
	atomic_store(&proc_words(p)->fence_at, fence);
}

/* The child could not be reached: nothing of it began. */
static void
undo(struct proc *p)
{
	p->ncredits--;
	credit_give_back(p);
	slot_event(&p->slot, EV_FENCE, mono_now(), WHY_BUG);
}

static void
sent(struct proc *p, mono_t now)
{
	struct slot_arg arg = { .now = now };

	if (p->slot.state == SLOT_IDLE) {
		arg.deadline = limit_due(p, &arg.why);
		slot_post(&p->slot, EV_ASSIGN, &arg);
	} else
		credit_look_in_time(p);
	sup_wake_at(p->sup, mono_add(now, 160 * DUR_MS));
}

/* The jobs are the slot's from now on. */
static void
begin(struct proc *p, const struct credit *c, struct job_list *jobs)
{
	struct job *j;
	unsigned at = 0;

	TAILQ_FOREACH(j, jobs, ready)
		start_job(p, j, c, at++);
	TAILQ_CONCAT(&p->jobs, jobs, ready);
	p->njobs += c->njobs;
	credit_fence(p);
	if (p->ncredits > 1)
		return;
	p->load_since = 0;
	p->asked_stacks = false;
	if (p->cage.dir[CAGE_MEMORY] != NULL)
		cage_mark(&p->cage);
	atomic_store(&proc_words(p)->ask, ASK_NONE);
	atomic_store(&proc_words(p)->saved_at, 0);
}

static struct credit *
open_credit(struct proc *p, uint32_t number, const struct job *first,
    unsigned n)
{
	struct credit *c = &p->credits[p->ncredits];

	ASSERT(p->ncredits < FRAME_CREDITS_MAX && (p->ncredits == 0) ==
	    (p->slot.state == SLOT_IDLE));
	*c = (struct credit){ .number = number, .njobs = n,
		.handler = first->handler, .sent = mono_now(),
		.suspects = first->hist.crowd > 0 };
	p->ncredits++;
	p->resident = p->resident || p->sup->conf->handlers[c->handler].kind !=
	    CONF_COMMAND;
	return (c);
}

void
credit_send(struct proc *p, struct job_list *jobs, unsigned n)
{
	struct frame_do d = { .njobs = n };
	const struct credit *c;
	struct buf b;
	struct job *j;

	c = open_credit(p, ++p->last_credit, TAILQ_FIRST(jobs), n);
	d.credit = c->number;
	d.handler = c->handler;
	buf_init(&b, SIZE_MAX / 4);
	frame_put_do(&b, p->slot.gen, &d);
	TAILQ_FOREACH(j, jobs, ready) {
		j->timeout = timeout_of(p->sup, j);
		put_job(&b, j);
	}
	begin(p, c, jobs);
	page_offer(proc_words(p), c->number);
	FAILPOINT(DISPATCH_BUILT);
	if (route_send(p->sup->route, p->slot.index, p->slot.gen, &b) != 0)
		undo(p);
	else {
		sent(p, c->sent);
		FAILPOINT(DISPATCH_SENT);
	}
	buf_fini(&b);
}

/* ---- a job that is sent before it is claimed; see guess.c ---- */

uint32_t
credit_send_held(struct proc *p, struct job *j)
{
	struct frame_do d = { .njobs = 1, .credit = ++p->last_credit,
		.handler = j->handler };
	struct buf b;
	int r;

	buf_init(&b, SIZE_MAX / 4);
	j->timeout = timeout_of(p->sup, j);
	frame_put_do(&b, p->slot.gen, &d);
	put_job(&b, j);
	page_hold(proc_words(p), (uint32_t)d.credit);
	r = route_send(p->sup->route, p->slot.index, p->slot.gen, &b);
	buf_fini(&b);
	return (r == 0 ? (uint32_t)d.credit : 0);
}

void
credit_release(struct proc *p, struct job *j, uint32_t number)
{
	struct job_list one;
	const struct credit *c;

	TAILQ_INIT(&one);
	TAILQ_INSERT_TAIL(&one, j, ready);
	c = open_credit(p, number, j, 1);
	j->timeout = timeout_of(p->sup, j);
	begin(p, c, &one);
	FAILPOINT(DISPATCH_BUILT);
	page_release(proc_words(p), number);
	sent(p, c->sent);
	FAILPOINT(DISPATCH_SENT);
}
