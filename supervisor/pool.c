/* Pools and the choice of a slot. See pool.h. */
#include "config.h"

#include "supervisor/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/finish.h"
#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

struct pool *
pool_new(struct sup *sup, const struct conf_pool *conf)
{
	struct pool *p = xcalloc(1, sizeof(*p));
	unsigned i;

	p->magic = POOL_MAGIC;
	p->sup = sup;
	p->conf = conf;
	p->name = xstrdup(conf->name);
	p->gpu = conf->ndevices > 0 || conf->all_devices;
	TAILQ_INIT(&p->ready);
	while (conf->queues[p->nqueues] != NULL)
		p->nqueues++;
	p->queues = xcalloc(p->nqueues, sizeof(*p->queues));
	for (i = 0; i < p->nqueues; i++)
		p->queues[i] = queue_get(sup, conf->queues[i]);
	p->procs = xcalloc(conf->nslots, sizeof(*p->procs));
	TAILQ_INSERT_TAIL(&sup->pools, p, link);
	return (p);
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

unsigned
pool_idle(const struct pool *p)
{
	unsigned i, n = 0;

	for (i = 0; i < p->nprocs; i++)
		n += p->procs[i]->slot.state == SLOT_IDLE;
	return (n);
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

	for (i = 0; i < c->nhandlers; i++) {
		if (!pool_offers(p, c->handlers[i].name))
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

/* Idle slots in turn; one that has the model loaded goes before the others. */
static struct proc *
pick(struct pool *p, const struct job *j)
{
	struct proc *found = NULL, *proc;
	unsigned i, at;

	for (i = 0; i < p->nprocs; i++) {
		at = (p->next_proc + i) % p->nprocs;
		proc = p->procs[at];
		if (proc->slot.state != SLOT_IDLE)
			continue;
		if (holds_model(proc, j->spec.model)) {
			found = proc;
			break;
		}
		if (found == NULL)
			found = proc;
	}
	if (found != NULL)
		p->next_proc = (found->slot.index - p->procs[0]->slot.index +
		    1) % p->nprocs;
	return (found);
}

static void
give(struct pool *p, struct proc *proc, struct job *j)
{
	struct job_list list;

	if (mono_now() >= lease_fence(j->q)) {
		/* The lease may be over before a renewal: don't begin. */
		finish_return(j, CAUSE_SHUTDOWN);
		return;
	}
	TAILQ_INIT(&list);
	TAILQ_INSERT_TAIL(&list, j, ready);
	proc_dispatch(proc, &list, 1);
}

void
pool_take(struct pool *p, struct job *j)
{
	struct proc *proc;

	OBJ_CHECK(p, POOL_MAGIC);
	j->pool = p;
	if (TAILQ_EMPTY(&p->ready) && (proc = pick(p, j)) != NULL) {
		give(p, proc, j);
		return;
	}
	j->stage = STAGE_READY;
	TAILQ_INSERT_TAIL(&p->ready, j, ready);
	p->nready++;
}

void
pool_drop(struct pool *p, struct job *j)
{
	ASSERT(j->stage == STAGE_READY);
	TAILQ_REMOVE(&p->ready, j, ready);
	p->nready--;
	j->stage = STAGE_CHECKING;
}

void
pool_feed(struct pool *p)
{
	struct proc *proc;
	struct job *j;

	while ((j = TAILQ_FIRST(&p->ready)) != NULL &&
	    (proc = pick(p, j)) != NULL) {
		pool_drop(p, j);
		give(p, proc, j);
	}
}
