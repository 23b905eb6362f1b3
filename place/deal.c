/*
 * Dealing cores. The host is a tree of four levels (all of it, then package
 * and node, the larger one first, then shared cache); a slot goes down it as
 * long as some branch has all it wants, and takes the branch with the fewest
 * free cores that has: so large gaps stay for large slots. Where no branch
 * has enough it takes the fullest ones whole.
 */
#include "config.h"

#include "place/deal.h"

#include <stdlib.h>

#include "base/obj.h"
#include "base/xalloc.h"
#include "place/topo.h"

#define LEVELS 4   /* 0 is the host itself, the last are the caches */

void
deal_init(struct deal *d, const struct topo *t)
{
	d->t = t;
	d->load = xcalloc(t->ncores, sizeof(*d->load));
}

void
deal_fini(struct deal *d)
{
	free(d->load);
	d->load = NULL;
}

unsigned
deal_free(const struct deal *d, const bool *set)
{
	unsigned i, n = 0;

	for (i = 0; i < d->t->ncores; i++)
		n += set[i] && d->load[i] == 0;
	return (n);
}

/* Which branch of a level a core is on. */
static unsigned
branch_of(const struct topo *t, unsigned level, unsigned core)
{
	const struct topo_core *c = &t->cores[core];
	bool nodes_first = t->nnodes < t->npackages;

	switch (level) {
	case 0:
		return (0);
	case 1:
		return (nodes_first ? c->node : c->package);
	case 2:
		return (nodes_first ? c->package : c->node);
	default:
		return (c->cache);
	}
}

/* Free cores by branch of the level below; the caller frees. */
static unsigned *
count_below(const struct deal *d, const bool *set, unsigned level,
    unsigned branch)
{
	unsigned *n = xcalloc(d->t->ncores, sizeof(*n)), i;

	for (i = 0; i < d->t->ncores; i++)
		if (set[i] && d->load[i] == 0 &&
		    branch_of(d->t, level, i) == branch)
			n[branch_of(d->t, level + 1, i)]++;
	return (n);
}

/* The tightest branch that has enough, else the one with the most. */
static unsigned
choose(const unsigned *n, unsigned count, unsigned want)
{
	unsigned i, best = 0;

	for (i = 1; i < count; i++)
		if (n[best] >= want ? n[i] >= want && n[i] < n[best] :
		    n[i] > n[best])
			best = i;
	return (best);
}

static unsigned
take(struct deal *d, const bool *set, unsigned level, unsigned branch,
    unsigned want, bool *got)
{
	unsigned i, n = 0;

	for (i = 0; i < d->t->ncores && n < want; i++)
		if (set[i] && d->load[i] == 0 &&
		    branch_of(d->t, level, i) == branch) {
			d->load[i]++;
			got[i] = true;
			n++;
		}
	return (n);
}

static unsigned
pick(struct deal *d, const bool *set, unsigned level, unsigned branch,
    unsigned want, bool *got)
{
	unsigned *below, next, n, total = 0;

	if (level + 1 == LEVELS)
		return (take(d, set, level, branch, want, got));
	do {
		below = count_below(d, set, level, branch);
		next = choose(below, d->t->ncores, want - total);
		n = below[next] < want - total ? below[next] : want - total;
		free(below);
		if (n > 0)
			n = pick(d, set, level + 1, next, n, got);
		total += n;
	} while (n > 0 && total < want);
	return (total);
}

unsigned
deal_pick(struct deal *d, const bool *set, unsigned want, bool *got)
{
	return (pick(d, set, 0, 0, want, got));
}

bool
deal_share(struct deal *d, const bool *set, bool *got)
{
	unsigned i, best = d->t->ncores;

	for (i = 0; i < d->t->ncores; i++)
		if (set[i] && (best == d->t->ncores ||
		    d->load[i] < d->load[best] ||
		    (d->load[i] == d->load[best] &&
		    d->t->cores[i].kind < d->t->cores[best].kind)))
			best = i;
	if (best == d->t->ncores)
		return (false);
	d->load[best]++;
	got[best] = true;
	return (true);
}
