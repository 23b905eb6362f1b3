/* Slots, pools and queues that come and go. See reshape.h. */
#include "config.h"

#include "supervisor/reshape.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/xalloc.h"

#include "supervisor/credit.h"
#include "supervisor/finish.h"
#include "supervisor/job.h"
#include "supervisor/place.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

int
reshape_plan(struct sup *sup, const struct conf *c, struct shape *s,
    struct buf *why)
{
	int r;

	*s = (struct shape){ .conf = c };
	if ((r = place_plan(&sup->place, c, &s->plan, why)) != 0)
		return (r);
	s->touched = xcalloc(c->npools, sizeof(*s->touched));
	return (0);
}

void
reshape_fini(struct shape *s)
{
	plan_free(&s->plan);
	free(s->touched);
	*s = (struct shape){ 0 };
}

/* ---- one slot ---- */

static bool
is_busy(const struct proc *p)
{
	return (p->slot.state == SLOT_BUSY || p->slot.state == SLOT_DRAINING);
}

/* What has not begun there goes back; what has, ends as if nothing were. */
static void
leave_slot(struct proc *p)
{
	mono_t now = mono_now();
	struct slot *s = &p->slot;

	if (p->leaving)
		return;
	p->leaving = true;
	p->sup->parting = true;
	s->wanted = false;
	if (is_busy(p)) {
		credit_give_back(p);
		slot_event(s, EV_DRAIN, now, WHY_DRAIN);
		FAILPOINT(RELOAD_LEAVING);
	} else if (s->state != SLOT_QUARANTINED || s->why != WHY_HELD)
		slot_event(s, EV_STOP, now, WHY_DRAIN);
	/* one that holds something leaves when that is gone */
}

static void
keep_slot(struct proc *p, const struct plan_slot *where, bool touched)
{
	mono_t now = mono_now();

	proc_plan(p, where);
	p->leaving = false;
	p->slot.wanted = true;
	if (heir_holds(p->sup, p))
		return;         /* it is started when it may be */
	if (p->slot.state == SLOT_DOWN || (touched &&
	    (p->slot.state == SLOT_BACKOFF ||
	    p->slot.state == SLOT_QUARANTINED)))
		slot_event(&p->slot, EV_START, now, WHY_NONE);
	else if (touched || !plan_same(&p->where, &p->planned))
		slot_event(&p->slot, EV_DRAIN, now, WHY_DRAIN);
}

/* The lowest number that no slot has. */
static unsigned
free_index(struct sup *sup)
{
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] == NULL)
			return (i);
	sup->slots = xrealloc(sup->slots, (i + 1) * sizeof(*sup->slots));
	sup->slots[i] = NULL;
	sup->nslots++;
	return (i);
}

static void
add_slot(struct pool *pool, const struct plan_slot *where)
{
	struct sup *sup = pool->sup;
	unsigned i = free_index(sup);
	struct proc *p = proc_new(sup, pool, i, where);

	sup->slots[i] = p;
	pool_grow(pool, pool->nprocs + 1);
	pool->procs[pool->nprocs++] = p;
	if (!heir_holds(sup, p))
		slot_event(&p->slot, EV_START, mono_now(), WHY_NONE);
}

static void
free_slot(struct pool *pool, unsigned at)
{
	struct proc *p = pool->procs[at];
	struct sup *sup = pool->sup;

	if (p->slot.gen > sup->gen_floor)
		sup->gen_floor = p->slot.gen;
	sup->slots[p->slot.index] = NULL;
	while (sup->nslots > 0 && sup->slots[sup->nslots - 1] == NULL)
		sup->nslots--;
	log_info("reload", "slot=%u pool=%s is gone", p->slot.index,
	    pool->name);
	memmove(pool->procs + at, pool->procs + at + 1,
	    (pool->nprocs - at - 1) * sizeof(*pool->procs));
	pool->nprocs--;
	pool->next_proc = 0;
	proc_free(&p);
	FAILPOINT(RELOAD_PARTED);
}

/* ---- the slots of a pool ---- */

/* Who of the present slots is to be slot of a new place: in order, one that
 * has this place, one that stays anyway, one at work. */
static struct proc *
choose(const struct pool *p, const bool *taken,
    const struct plan_slot *where, bool exact, unsigned *atp)
{
	unsigned i, best = 0, rank;
	struct proc *found = NULL, *x;

	for (i = 0; i < p->nprocs; i++) {
		x = p->procs[i];
		if (taken[i] || (exact && !plan_same(&x->planned, where)))
			continue;
		rank = 1 + (x->leaving ? 0 : 2) + (is_busy(x) ? 1 : 0);
		if (rank > best) {
			best = rank;
			found = x;
			*atp = i;
		}
	}
	return (found);
}

static void
fit_slots(struct pool *p, const struct plan_slot *slots, unsigned n,
    bool touched)
{
	unsigned had = p->nprocs, i, at = 0, pass;
	bool *taken = xcalloc(had + 1, sizeof(*taken));
	bool *given = xcalloc(n + 1, sizeof(*given));
	struct proc *x;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < n; i++) {
			if (given[i] || (x = choose(p, taken, &slots[i],
			    pass == 0, &at)) == NULL)
				continue;
			given[i] = taken[at] = true;
			keep_slot(x, &slots[i], touched);
		}
	for (i = 0; i < had; i++)
		if (!taken[i])
			leave_slot(p->procs[i]);
	for (i = 0; i < n; i++)
		if (!given[i])
			add_slot(p, &slots[i]);
	free(taken);
	free(given);
}

/* ---- jobs that wait here ---- */

/* They were admitted by the old configuration. */
static void
look_at_ready(struct pool *p)
{
	struct job *j, *next;
	int h;

	/* the last one first, so that the first one ends up in front */
	for (j = TAILQ_LAST(&p->ready, job_list); j != NULL; j = next) {
		next = TAILQ_PREV(j, job_list, ready);
		h = p->conf == NULL || j->q->closing ? -1 :
		    pool_handler(p, j);
		if (h < 0)
			finish_return(j, CAUSE_SHUTDOWN);
		else
			j->handler = (unsigned)h;
	}
	p->last_handler = -1;
}

/* ---- pools ---- */

static struct pool *
find_pool(struct sup *sup, const char *name)
{
	struct pool *p;

	TAILQ_FOREACH(p, &sup->pools, link)
		if (strcmp(p->name, name) == 0)
			return (p);
	return (NULL);
}

static void
leave_pool(struct pool *p)
{
	unsigned i;

	p->conf = NULL;
	p->sup->parting = true;
	pool_set_queues(p, NULL);
	for (i = 0; i < p->nprocs; i++)
		leave_slot(p->procs[i]);
}

static bool
is_wanted(const struct conf *c, const char *name)
{
	unsigned i;

	for (i = 0; i < c->npools; i++)
		if (strcmp(c->pools[i].name, name) == 0)
			return (true);
	return (false);
}

/* It goes to the front of the list: called from the last one to the first,
 * so that those which leave come after all of them. */
static void
take_pool(struct sup *sup, const struct conf_pool *conf,
    const struct plan_slot *slots, unsigned n, bool touched)
{
	struct pool *p = find_pool(sup, conf->name);

	if (p == NULL)
		p = pool_new(sup, conf, n);
	TAILQ_REMOVE(&sup->pools, p, link);
	TAILQ_INSERT_HEAD(&sup->pools, p, link);
	p->conf = conf;
	p->gpu = conf->ndevices > 0 || conf->all_devices;
	pool_set_queues(p, conf);
	fit_slots(p, slots, n, touched);
}

/* ---- queues ---- */

static bool
is_served(const struct sup *sup, const struct queue *q)
{
	const struct pool *p;
	unsigned i;

	TAILQ_FOREACH(p, &sup->pools, link)
		for (i = 0; i < p->nqueues; i++)
			if (p->queues[i] == q)
				return (true);
	return (false);
}

static void
close_queues(struct sup *sup)
{
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (!is_served(sup, q)) {
			queue_close(q);
			sup->parting = true;
		}
}

void
reshape_apply(struct sup *sup, struct shape *s)
{
	const struct conf *c = s->conf;
	const struct plan_pool *planned;
	struct pool *p;
	unsigned i;

	TAILQ_FOREACH(p, &sup->pools, link)
		if (p->conf != NULL && !is_wanted(c, p->name))
			leave_pool(p);
	for (i = c->npools; i > 0; i--) {
		planned = &s->plan->pools[i - 1];
		take_pool(sup, &c->pools[i - 1],
		    s->plan->slots + planned->first, planned->nslots,
		    s->touched[i - 1]);
	}
	close_queues(sup);
	TAILQ_FOREACH(p, &sup->pools, link)
		look_at_ready(p);
	place_take(&sup->place, &s->plan);
}

/* ---- what has left ---- */

static bool
is_empty(const struct proc *p)
{
	return (p->leaving && p->slot.state == SLOT_DOWN && p->pid == 0 &&
	    p->njobs == 0);
}

/* True: one is still leaving. */
static bool
free_slots(struct pool *p)
{
	bool left = false;
	unsigned i;

	for (i = p->nprocs; i > 0; i--)
		if (is_empty(p->procs[i - 1]))
			free_slot(p, i - 1);
		else
			left = left || p->procs[i - 1]->leaving;
	return (left);
}

/* A job that is not over yet, or a claim, may still name it. */
static bool
is_named(const struct sup *sup, const struct pool *p)
{
	const struct queue *q;
	const struct job *j;

	if (p->claims > 0)
		return (true);
	TAILQ_FOREACH(q, &sup->queues, link)
		TAILQ_FOREACH(j, &q->jobs, link)
			if (j->pool == p)
				return (true);
	return (false);
}

void
reshape_phase(struct sup *sup)
{
	struct pool *p, *next_pool;
	struct queue *q, *next;

	if (!sup->parting)
		return;
	sup->parting = false;
	for (p = TAILQ_FIRST(&sup->pools); p != NULL; p = next_pool) {
		next_pool = TAILQ_NEXT(p, link);
		if (free_slots(p))
			sup->parting = true;
		if (p->conf != NULL)
			continue;
		if (p->nprocs > 0 || is_named(sup, p)) {
			sup->parting = true;
			continue;
		}
		log_info("reload", "pool=%s is gone", p->name);
		pool_free(&p);
	}
	for (q = TAILQ_FIRST(&sup->queues); q != NULL; q = next) {
		next = TAILQ_NEXT(q, link);
		if (!q->closing)
			continue;
		if (!queue_idle(q)) {
			sup->parting = true;
			continue;
		}
		log_info("reload", "queue=%s is left", q->name);
		queue_free(&q);
	}
	redis_leave_phase(sup);
}
