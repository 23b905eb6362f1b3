/* Pools and the choice of a slot. See pool.h. */
#include "config.h"

#include "supervisor/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/credit.h"
#include "supervisor/finish.h"
#include "supervisor/gpu.h"
#include "supervisor/guess.h"
#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/pace.h"
#include "supervisor/proc.h"
#include "supervisor/rlimit.h"
#include "supervisor/split.h"
#include "supervisor/sup.h"

/* Claimed jobs that found no slot after all wait here no longer than this:
 * another host may be idle. */
#define POOL_HOLD (100 * DUR_MS)
/* Jobs that may be out in all, beyond one or one batch for each slot: those
 * of many slots share few processors, and come back when that takes long. */
#define POOL_AHEAD 512
#define POOL_SIP 32     /* jobs; fewer are not claimed while short ones run */

struct pool *
pool_new(struct sup *sup, const struct conf_pool *conf, unsigned nslots)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->magic = POOL_MAGIC;
	p->sup = sup;
	p->conf = conf;
	p->name = xstrdup(conf->name);
	rlimit_check(conf);
	p->gpu = conf->ndevices > 0 || conf->all_devices;
	TAILQ_INIT(&p->ready);
	p->last_handler = -1;
	pool_set_queues(p, conf);
	pool_grow(p, nslots);
	TAILQ_INSERT_TAIL(&sup->pools, p, link);
	return (p);
}

void
pool_set_queues(struct pool *p, const struct conf_pool *conf)
{
	unsigned i;

	p->nqueues = 0;
	while (conf != NULL && conf->queues[p->nqueues] != NULL)
		p->nqueues++;
	p->queues = xrealloc(p->queues,
	    (p->nqueues + 1) * sizeof(*p->queues));
	for (i = 0; i < p->nqueues; i++)
		p->queues[i] = queue_get(p->sup, conf->queues[i]);
	p->preempting = NULL;
}

void
pool_grow(struct pool *p, unsigned n)
{
	p->procs = xrealloc(p->procs, (n + 1) * sizeof(*p->procs));
}

void
pool_free(struct pool **pp)
{
	struct pool *p = *pp;
	unsigned i;

	if (p == NULL)
		return;
	OBJ_CHECK(p, POOL_MAGIC);
	*pp = NULL;
	for (i = 0; i < p->nprocs; i++)
		proc_free(&p->procs[i]);
	TAILQ_REMOVE(&p->sup->pools, p, link);
	free(p->procs);
	free(p->queues);
	free(p->name);
	p->magic = 0;
	free(p);
}

/* As far as its GPUs are concerned. */
static bool
may_have(const struct proc *proc)
{
	return (gpu_fit(proc, NULL) == GPU_FIT && !gpu_kept(proc));
}

unsigned
pool_idle(const struct pool *p)
{
	unsigned i, n = 0;

	for (i = 0; i < p->nprocs; i++)
		n += p->procs[i]->slot.state == SLOT_IDLE &&
		    (!p->gpu || may_have(p->procs[i]));
	return (n);
}

unsigned
pool_gpus(const struct pool *p)
{
	return (p->gpu ? (unsigned)p->conf->devices_per_slot : 0);
}

unsigned
pool_gpus_for(const struct job *j)
{
	return (j->spec.gpus > 0 ? j->spec.gpus : j->spec.requires_gpu);
}

static bool
pool_offers(const struct pool *p, const char *handler)
{
	char *const *h = p->conf->handlers;

	if (h[0] == NULL)
		return (true);          /* a pool that names none offers all */
	for (; *h != NULL; h++)
		if (strcmp(*h, handler) == 0)
			return (true);
	return (false);
}

static bool
serves_type(const struct conf_handler *h, struct slice type)
{
	char *const *t;

	for (t = h->types; *t != NULL; t++)
		if (slice_is(type, *t))
			return (true);
	return (false);
}

int
pool_handler(const struct pool *p, const struct job *j)
{
	const struct conf *c = p->sup->conf;
	unsigned i;

	for (i = 0; i < c->nhandlers && p->conf != NULL; i++) {
		if (c->handlers[i].gone ||
		    !pool_offers(p, c->handlers[i].name))
			continue;
		if (j->spec.handler.p != NULL ?
		    slice_is(j->spec.handler, c->handlers[i].name) :
		    serves_type(&c->handlers[i], j->spec.type))
			return ((int)i);
	}
	return (-1);
}

static bool
holds_model(const struct proc *proc, struct slice model)
{
	const char *at = proc->models;

	if (model.n == 0)
		return (false);
	while (*at != '\0') {
		size_t n = strcspn(at, ",");

		if (n >= model.n && memcmp(at, model.p, model.n) == 0 &&
		    (n == model.n || at[model.n] == '@'))
			return (true);
		at += n + (at[n] == ',');
	}
	return (false);
}

/* What a slot may have of a handler's jobs; the same for all slots. */
struct measure {
	unsigned jobs, credits;
	unsigned least;         /* jobs, whatever the pace */
};

static struct measure
measure_of(const struct pool *p, unsigned handler)
{
	return ((struct measure){ .jobs = pace_jobs(p->sup, handler),
		.credits = pace_credits(p->sup, handler),
		.least = (unsigned)p->sup->conf->handlers[handler].batch_size });
}

/* Jobs of that handler that a slot could take now. */
static unsigned
room_of(const struct proc *proc, const struct measure *m)
{
	if (proc->pool->gpu && !may_have(proc))
		return (0);
	if (proc->slot.state == SLOT_IDLE)
		return (m->jobs * m->credits);
	if (proc->slot.state == SLOT_BUSY && proc->ncredits < m->credits &&
	    !proc->credits[0].recalled && !proc->credits[0].suspects)
		return (m->jobs);
	return (0);
}

static bool
is_urgent(const struct pool *p)
{
	unsigned i;

	for (i = 0; i < p->nqueues; i++)
		if (p->queues[i]->urgent)
			return (true);
	return (false);
}

unsigned
pool_room(const struct pool *p)
{
	unsigned i, n = 0, out = 0, most, sip, used = p->reserved + p->nready;
	struct measure m;

	if (p->last_handler < 0)
		n = pool_idle(p);
	else {
		m = measure_of(p, (unsigned)p->last_handler);
		for (i = 0; i < p->nprocs; i++) {
			n += room_of(p->procs[i], &m);
			out += p->procs[i]->njobs;
		}
		most = p->nprocs * m.least;
		most = most > POOL_AHEAD ? most : POOL_AHEAD;
		if (n + out > most)
			n = most > out ? most - out : 0;
		sip = out > 0 && m.credits > 1 ? m.jobs / 2 : 0;
		if (n < used + (sip < POOL_SIP ? sip : POOL_SIP) &&
		    !is_urgent(p))
			return (0);     /* more of it comes back soon */
	}
	return (n > used ? n - used : 0);
}

/* The slot with the most jobs that an urgent one may go before; j may be
 * NULL: any such job. */
static struct proc *
most_yielding(const struct pool *p, const struct job *j)
{
	struct proc *found = NULL;
	unsigned i, n, most = 0;

	for (i = 0; i < p->nprocs; i++) {
		if (p->procs[i]->slot.state != SLOT_BUSY ||
		    p->procs[i]->ncredits == FRAME_CREDITS_MAX ||
		    (j != NULL && !gpu_has_room(p->procs[i], j)))
			continue;
		n = credit_yields(p->procs[i]);
		if (n > most) {
			most = n;
			found = p->procs[i];
		}
	}
	return (found);
}

bool
pool_can_yield(const struct pool *p)
{
	return (p->reserved == 0 && most_yielding(p, NULL) != NULL);
}

/* The slot with the fewest jobs out, in turn; among the idle ones, one that
 * has the model loaded. *np gets how many slots have as few. */
static struct proc *
pick(struct pool *p, const struct job *j, unsigned *np)
{
	struct proc *found = NULL, *proc;
	unsigned i, at, found_at = 0;
	struct measure m = measure_of(p, j->handler);
	bool resident = false, idle = p->conf->policy == CONF_IDLE || j->urgent;

	*np = 0;
	at = p->conf->policy == CONF_PACKED ? 0 : p->next_proc;
	for (i = 0; i < p->nprocs; i++, at++) {
		if (at >= p->nprocs)
			at -= p->nprocs;
		proc = p->procs[at];
		if (room_of(proc, &m) == 0 ||
		    (j->hist.crowd > 0 && proc->ncredits > 0) ||
		    !gpu_has_room(proc, j))
			continue;
		if (found == NULL || (idle &&
		    proc->ncredits < found->ncredits)) {
			found = proc;
			found_at = at;
			resident = holds_model(proc, j->spec.model);
			*np = 1;
		} else if (!idle || proc->ncredits == found->ncredits) {
			(*np)++;
			if (idle && !resident && holds_model(proc, j->spec.model)) {
				found = proc;
				found_at = at;
				resident = true;
			}
		}
	}
	if (found == NULL)
		return (NULL);
	if (p->conf->policy == CONF_PACKED)
		*np = 1;
	p->next_proc = (found_at + 1) % p->nprocs;
	return (found);
}

struct proc *
pool_peek(struct pool *p, const struct job *j)
{
	unsigned n, next = p->next_proc;
	struct proc *proc = pick(p, j, &n);

	p->next_proc = next;
	return (proc != NULL && proc->slot.state == SLOT_IDLE ? proc : NULL);
}

static void
line_up(struct pool *p, struct job *j)
{
	struct job *other;

	j->stage = STAGE_READY;
	p->nready++;
	if (j->urgent) {
		TAILQ_FOREACH(other, &p->ready, ready)
			if (!other->urgent) {
				TAILQ_INSERT_BEFORE(other, j, ready);
				return;
			}
	}
	TAILQ_INSERT_TAIL(&p->ready, j, ready);
}

/* The lease may be over before a renewal, or was lost: begin nothing. */
static bool
is_late(const struct job *j, mono_t now)
{
	return (j->lapsed || now >= lease_fence(j->q));
}

/* An urgent job that finds no idle slot goes before jobs that are out and
 * have not begun: they come back, and it is the next one there. */
static void
make_room(struct pool *p, struct job *j)
{
	struct proc *proc = most_yielding(p, j);
	struct job_list one;

	if (proc == NULL)
		return;
	(void)credit_withdraw(proc, NULL);
	/* j itself, or one as urgent that was taken back and comes first */
	TAILQ_FOREACH(j, &p->ready, ready)
		if (gpu_has_room(proc, j))
			break;
	if (is_late(j, mono_now()))
		return;         /* pool_feed gives it back */
	pool_drop(p, j);
	TAILQ_INIT(&one);
	TAILQ_INSERT_TAIL(&one, j, ready);
	credit_send(proc, &one, 1);
}

void
pool_take(struct pool *p, struct job *j)
{
	OBJ_CHECK(p, POOL_MAGIC);
	j->pool = p;
	p->last_handler = (int)j->handler;
	if (p->sup->guilty != NULL && split_knows(p->sup, j->id))
		j->hist.crowd = 1;
	line_up(p, j);
	/* where one waits already, there was no room to be made for it */
	if (j->urgent && j->hist.crowd == 0 && TAILQ_FIRST(&p->ready) == j &&
	    pool_peek(p, j) == NULL)
		make_room(p, j);
}

void
pool_put_back(struct pool *p, struct job *j)
{
	struct job *other;

	j->stage = STAGE_READY;
	p->nready++;
	if (!j->urgent)
		TAILQ_FOREACH(other, &p->ready, ready)
			if (!other->urgent) {
				TAILQ_INSERT_BEFORE(other, j, ready);
				return;
			}
	if (j->urgent)
		TAILQ_INSERT_HEAD(&p->ready, j, ready);
	else
		TAILQ_INSERT_TAIL(&p->ready, j, ready);
}

void
pool_drop(struct pool *p, struct job *j)
{
	ASSERT(j->stage == STAGE_READY);
	TAILQ_REMOVE(&p->ready, j, ready);
	p->nready--;
	j->stage = STAGE_CHECKING;
}

/* May run in one credit with it. Suspects of a failed batch stay among
 * themselves (split.c). */
static bool
goes_with(const struct job *j, const struct job *first, bool batch)
{
	return (j->handler == first->handler &&
	    (batch || (j->spec.gpu_memory == 0 &&
	    first->spec.gpu_memory == 0)) &&
	    (j->hist.crowd > 0) == (first->hist.crowd > 0) &&
	    (!batch || (j->spec.model_version == first->spec.model_version &&
	    slice_eq(j->spec.model, first->spec.model))));
}

/* The next jobs of one handler and model, at most max, out of the line. A
 * handler that takes batches gets them also from behind others. */
static unsigned
take_some(struct pool *p, struct job_list *list, unsigned max)
{
	struct job *first = TAILQ_FIRST(&p->ready), *j, *next;
	const struct conf_handler *h = &p->sup->conf->handlers[first->handler];
	bool batch = h->batch_size > 1;
	size_t bytes = 0;
	unsigned n = 0;

	TAILQ_INIT(list);
	for (j = first; j != NULL && n < max; j = next) {
		next = TAILQ_NEXT(j, ready);
		if (j != first && !goes_with(j, first, batch)) {
			if (batch)
				continue;
			break;
		}
		bytes += j->payload_len;
		if (n > 0 && (bytes > h->max_batch_bytes ||
		    (j->hist.crowd > 0 && j->hist.crowd <= n)))
			break;
		if (j->hist.crowd > 0 && j->hist.crowd < max)
			max = j->hist.crowd;
		pool_drop(p, j);
		TAILQ_INSERT_TAIL(list, j, ready);
		n++;
	}
	return (n);
}

/*
 * A batch that is not full waits up to batch_window for jobs that are known
 * to be on their way: a claim is in flight, or a queue may hold more.
 */
static bool
may_fill(const struct pool *p, const struct job *first)
{
	const struct conf_handler *h = &p->sup->conf->handlers[first->handler];
	mono_t until = mono_add(first->claimed, h->batch_window);
	unsigned i;

	if (h->batch_size <= 1 || p->nready >= (unsigned)h->batch_size ||
	    first->hist.crowd > 0 || first->urgent || mono_now() >= until)
		return (false);
	for (i = 0; i < p->nqueues; i++)
		if (p->queues[i]->asked > 0 || p->queues[i]->waiting) {
			sup_wake_at(p->sup, until);
			return (true);
		}
	return (false);
}

static void
give_back_ready(struct pool *p)
{
	struct job *j;

	while ((j = TAILQ_LAST(&p->ready, job_list)) != NULL)
		finish_return(j, CAUSE_SHUTDOWN);
}

static void
give_back_late(struct pool *p)
{
	mono_t now = mono_now();
	struct job *j, *next;

	for (j = TAILQ_FIRST(&p->ready); j != NULL; j = next) {
		next = TAILQ_NEXT(j, ready);
		if (is_late(j, now))
			finish_return(j, CAUSE_SHUTDOWN);
	}
}

/* Slots at work for each processor. */
static double
crowd(const struct pool *p)
{
	unsigned i, n = 0;

	for (i = 0; i < p->nprocs; i++)
		n += p->procs[i]->slot.state == SLOT_BUSY;
	return ((double)n / (p->sup->ncpus > 0 ? p->sup->ncpus : 1));
}

/* The next one in turn is the one behind it. */
static void
had_turn(struct pool *p, const struct proc *proc)
{
	unsigned i;

	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i] == proc)
			p->next_proc = (i + 1) % p->nprocs;
}

void
pool_start(struct pool *p, struct job *j, struct proc *proc)
{
	struct job_list one;

	ASSERT(proc->slot.state == SLOT_IDLE && j->stage == STAGE_CHECKING);
	p->last_handler = (int)j->handler;
	TAILQ_INIT(&one);
	TAILQ_INSERT_TAIL(&one, j, ready);
	guess_withdraw(proc);
	had_turn(p, proc);
	credit_send(proc, &one, 1);
}

void
pool_feed(struct pool *p)
{
	struct job_list list;
	struct proc *proc;
	struct job *j;
	unsigned slots, n, each, least;

	give_back_late(p);
	while ((j = TAILQ_FIRST(&p->ready)) != NULL) {
		if ((proc = guess_find(p, j)) != NULL) {
			pool_drop(p, j);
			had_turn(p, proc);
			guess_confirm(proc, j);
			continue;
		}
		if (may_fill(p, j))
			break;
		if ((proc = pick(p, j, &slots)) == NULL) {
			if (gpu_put_off(j))
				continue;
			break;
		}
		each = pace_jobs(p->sup, j->handler);
		n = (p->nready + slots - 1) / slots;
		least = pace_least(p->sup, j->handler, crowd(p));
		n = n > least ? n : least;
		n = take_some(p, &list, n < each ? n : each);
		guess_withdraw(proc);
		credit_send(proc, &list, n);
	}
	if (j != NULL && mono_now() - j->claimed > POOL_HOLD)
		give_back_ready(p);
}
