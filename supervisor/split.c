/*
 * Division of failed batches. Each failed run at least halves the size that a
 * member may be batched at (hist.crowd, kept in the queue's history, so that
 * any worker goes on from there): a good job of n runs 1 + log2(n) times at
 * most. Suspects share batches only with suspects.
 */
#include "config.h"

#include "supervisor/split.h"

#include <string.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/job.h"
#include "supervisor/pool.h"
#include "supervisor/sup.h"

#define KNOWN 1024      /* ids remembered here, for jobs submitted again */

struct guilty {
	unsigned n, next;
	uint64_t id[KNOWN];     /* hashes; a wrong match only runs alone */
};

static uint64_t
hash_id(const char *id)
{
	uint64_t h = 14695981039346656037u;

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char)*id) * 1099511628211u;
	return (h);
}

bool
split_knows(const struct sup *sup, const char *id)
{
	const struct guilty *g = sup->guilty;
	uint64_t h;
	unsigned i;

	if (g == NULL)
		return (false);
	h = hash_id(id);
	for (i = 0; i < g->n; i++)
		if (g->id[i] == h)
			return (true);
	return (false);
}

static void
remember(struct sup *sup, const char *id)
{
	struct guilty *g;

	if (split_knows(sup, id))
		return;
	if (sup->guilty == NULL)
		sup->guilty = xcalloc(1, sizeof(*sup->guilty));
	g = sup->guilty;
	g->id[g->next] = hash_id(id);
	g->next = (g->next + 1) % KNOWN;
	if (g->n < KNOWN)
		g->n++;
}

bool
split_is_anybodys(const struct outcome *o)
{
	static const enum cause causes[] = {
		CAUSE_CRASHED, CAUSE_KILLED, CAUSE_OUT_OF_MEMORY,
		CAUSE_TIMEOUT, CAUSE_NO_PROGRESS, CAUSE_GPU_ERROR,
		CAUSE_BATCH_FAILED,
	};
	unsigned i;

	for (i = 0; i < NELEM(causes); i++)
		if (causes[i] == o->cause)
			return (true);
	/* the exit of a runner, not an error that a job was given */
	return (o->cause == CAUSE_HANDLER_ERROR && o->exit_code >= 0);
}

static bool
is_batched(const struct job *j)
{
	return (j->q->sup->conf->handlers[j->handler].batch_size > 1);
}

/* The results of several steps may have come in one frame. */
static unsigned
most_together(const struct job *j)
{
	unsigned most =
	    (unsigned)j->q->sup->conf->handlers[j->handler].batch_size;

	if (j->hist.crowd > 0 && j->hist.crowd < most)
		most = j->hist.crowd;
	return (most < 2 ? 2 : most);
}

/* As if it had not run, but for what its run left behind. */
static void
run_among(struct job *j, unsigned crowd)
{
	struct sup *sup = j->q->sup;

	j->hist.crowd = crowd;
	j->hist.ran = true;
	j->kept = false;
	j->loads = false;
	j->claimed = mono_now();        /* its wait for a slot begins again */
	if (sup_claims(sup))
		pool_put_back(j->pool, j);
	else
		finish_return(j, CAUSE_SHUTDOWN);
}

void
split_or_finish(struct job *j, const struct outcome *o)
{
	struct sup *sup = j->q->sup;
	unsigned n = j->together, most = most_together(j);
	struct outcome own = *o;

	j->together = 0;
	if (n > 1 && split_is_anybodys(o) && !j->hist.cancelled) {
		log_debug("split", "id=%s queue=%s one of %u in a batch ended "
		    "it as %s", j->id, j->q->name, n,
		    cause_row(o->cause)->name);
		sup->stat.n[STAT_SPLIT]++;
		run_among(j, (n < most ? n : most) / 2);
		return;
	}
	if (own.cause == CAUSE_BATCH_FAILED)
		own.cause = CAUSE_HANDLER_ERROR;
	if (is_batched(j) && o->cause != CAUSE_NONE &&
	    (j->hist.crowd == 1 || split_is_anybodys(o))) {
		log_info("split", "id=%s queue=%s is batched no more",
		    j->id, j->q->name);
		j->hist.crowd = 1;
		remember(sup, j->id);
	}
	finish_job(j, &own);
}
