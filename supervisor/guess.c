/*
 * Guesses; see guess.h. At most one per slot, and none before the last one
 * came back. A worker whose guesses are wrong, because others are faster,
 * makes fewer: after each wrong one it lets one chance more go by.
 */
#include "config.h"

#include "supervisor/guess.h"

#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "proto/page.h"

#include "supervisor/credit.h"
#include "supervisor/job.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/queue.h"
#include "supervisor/sup.h"

#define LARGEST (64u << 10)       /* bytes; a large job is not sent in vain */
#define HOLD_FOR (100 * DUR_MS)   /* a claim that takes longer is no help */
#define SHY_MAX 16                /* chances that go by */

void
guess_rung(struct queue *q, redisReply *element)
{
	if (element == NULL || element->type != REDIS_REPLY_STRING ||
	    (size_t)element->len > LARGEST)
		return;
	if (q->shy > 0 && q->chances++ % (q->shy + 1) != 0)
		return;
	free(q->shown);
	q->shown = element->str;
	q->shown_len = (size_t)element->len;
	element->str = NULL;
	element->len = 0;
	q->sup->shown = true;
}

/* What may run as soon as it is claimed; whatever admission would end, move,
 * put off or ask about is not worth a guess. */
static bool
is_simple(const struct job_spec *s)
{
	return (s->id.p != NULL && s->delay == 0 && s->run_at == 0 &&
	    s->ttl == 0 && s->unique.p == NULL && !s->requires_gpu &&
	    s->gpus == 0 && s->gpu_memory == 0);
}

/* False: no slot for it. Takes the queue's text if so. */
static bool
send_to(struct pool *p, struct queue *q, struct job *j)
{
	struct proc *proc;
	struct guess *g;
	int h;

	if (p->nready > 0 || (h = pool_handler(p, j)) < 0)
		return (false);
	j->handler = (unsigned)h;
	if ((proc = pool_peek(p, j)) == NULL || proc->guess.credit != 0 ||
	    proc->guess.returning != 0)
		return (false);
	g = &proc->guess;
	g->number = j->number = ++q->sup->seq;
	if ((g->credit = credit_send_held(proc, j)) == 0)
		return (false);
	g->handler = j->handler;
	g->q = q;
	g->payload = q->shown;
	g->len = q->shown_len;
	g->at = mono_now();
	q->shown = NULL;
	q->sup->nguesses++;
	sup_wake_at(q->sup, mono_add(g->at, HOLD_FOR));
	FAILPOINT(GUESS_SENT);
	return (true);
}

static bool
serves(const struct pool *p, const struct queue *q)
{
	unsigned i;

	for (i = 0; i < p->nqueues; i++)
		if (p->queues[i] == q)
			return (true);
	return (false);
}

static void
make(struct queue *q)
{
	struct job *j = xcalloc(1, sizeof(*j));
	struct job_problem problem;
	struct pool *p;

	j->q = q;
	j->payload = q->shown;
	j->payload_len = q->shown_len;
	if (job_parse(q->shown, q->shown_len, LARGEST, &j->spec, &problem) == 0 &&
	    is_simple(&j->spec)) {
		job_name(j, 0);
		TAILQ_FOREACH(p, &q->sup->pools, link)
			if (serves(p, q) && send_to(p, q, j))
				break;
	}
	job_spec_fini(&j->spec);
	free(j);
}

static void
forget(struct proc *p)
{
	struct guess *g = &p->guess;

	free(g->payload);
	g->payload = NULL;
	g->q = NULL;
	g->credit = 0;
	p->sup->nguesses--;
}

void
guess_withdraw(struct proc *p)
{
	struct guess *g = &p->guess;

	if (g->credit == 0)
		return;
	(void)page_recall(proc_words(p), g->credit);
	p->sup->stat.n[STAT_MISGUESSED]++;
	g->returning = g->credit;
	if (g->q->shy < SHY_MAX)
		g->q->shy++;
	forget(p);
}

static bool
is_wrong(const struct proc *p, mono_t now)
{
	const struct guess *g = &p->guess;

	return (p->slot.state != SLOT_IDLE || now - g->at >= HOLD_FOR ||
	    (g->q->asked == 0 && g->q->history_seq == 0));
}

static void
look_at_all(struct sup *sup)
{
	mono_t now = mono_now();
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && sup->slots[i]->guess.credit != 0 &&
		    is_wrong(sup->slots[i], now))
			guess_withdraw(sup->slots[i]);
}

void
guess_phase(struct sup *sup)
{
	struct queue *q;

	if (sup->nguesses > 0)
		look_at_all(sup);
	if (!sup->shown)
		return;
	sup->shown = false;
	TAILQ_FOREACH(q, &sup->queues, link) {
		if (q->shown == NULL)
			continue;
		if (q->asked > 0 && sup_claims(sup))
			make(q);
		free(q->shown);
		q->shown = NULL;
	}
}

struct proc *
guess_find(const struct pool *p, const struct job *j)
{
	const struct guess *g;
	unsigned i;

	if (p->sup->nguesses == 0)
		return (NULL);
	for (i = 0; i < p->nprocs; i++) {
		g = &p->procs[i]->guess;
		if (g->credit != 0 && g->q == j->q && g->len == j->payload_len &&
		    g->handler == j->handler && j->payload_new == NULL &&
		    j->hist.attempts == 0 && j->hist.crowd == 0 &&
		    p->procs[i]->slot.state == SLOT_IDLE &&
		    memcmp(g->payload, j->payload, g->len) == 0)
			return (p->procs[i]);
	}
	return (NULL);
}

void
guess_confirm(struct proc *p, struct job *j)
{
	uint32_t credit = p->guess.credit;

	j->number = p->guess.number;
	p->sup->stat.n[STAT_GUESSED]++;
	p->guess.q->shy = 0;
	forget(p);
	credit_release(p, j, credit);
}

bool
guess_returned(struct proc *p, uint32_t credit)
{
	if (p->guess.returning != credit)
		return (false);
	p->guess.returning = 0;
	return (true);
}

void
guess_queue_gone(struct queue *q)
{
	unsigned i;

	for (i = 0; q->sup->nguesses > 0 && i < q->sup->nslots; i++)
		if (q->sup->slots[i] != NULL &&
		    q->sup->slots[i]->guess.q == q)
			guess_withdraw(q->sup->slots[i]);
}

void
guess_reset(struct proc *p)
{
	if (p->guess.credit != 0)
		forget(p);
	p->guess.returning = 0;
}
