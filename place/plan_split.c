/*
 * Sharing out: equal parts of a set of cores for a number of slots. Where the
 * host has cores of several kinds (performance, efficiency) a slot gets those
 * of one, for threads that share work wait for the slowest of them; and a slot
 * whose GPUs are on several nodes gets its part near each of them.
 */
#include "config.h"

#include "place/make.h"

#include <stdlib.h>

#include "base/obj.h"
#include "base/xalloc.h"
#include "place/gpu.h"
#include "place/topo.h"

/* ---- one slot ---- */

/* Its GPUs have not all the same cores near them. */
static bool
is_spread(const struct make *m, const struct plan_slot *s)
{
	struct cpus first, other;
	unsigned i;

	for (i = 0; i < s->ngpus; i++) {
		make_near(m, &m->gpus->gpus[s->gpus[i]], &other);
		if (i == 0)
			first = other;
		else if (!cpus_equal(&first, &other))
			return (true);
	}
	return (false);
}

/* Cores for a slot: each GPU's part from near it, as far as there are, the
 * rest from anywhere in the set. */
static void
pick(struct make *m, const bool *set, unsigned want, unsigned slot)
{
	const struct plan_slot *s = &m->p->slots[slot];
	unsigned i, k, has = 0, upto;
	struct cpus near, unused;
	bool *part;

	if (s->ngpus > 1 && is_spread(m, s)) {
		part = xcalloc(m->t->ncores, sizeof(*part));
		for (i = 0; i < s->ngpus; i++) {
			make_near(m, &m->gpus->gpus[s->gpus[i]], &near);
			cpus_clear(&unused);
			for (k = 0; k < m->t->ncores; k++)
				part[k] = set[k] && topo_core_cpus(m->t, k,
				    &near, &unused) > 0;
			upto = want * (i + 1) / s->ngpus;
			if (upto > has)
				has += deal_pick(&m->deal, part, upto - has,
				    m->got[slot]);
		}
		free(part);
	}
	(void)deal_pick(&m->deal, set, want - has, m->got[slot]);
}

/* ---- slots of one kind of core ---- */

/* What does not come out even goes to the first ones, unless others wait for
 * it. */
static void
split_even(struct make *m, const bool *set, const unsigned *slot, unsigned n,
    unsigned most)
{
	unsigned have = deal_free(&m->deal, set), part = have / n, i;
	unsigned over = part < most ? have % n : 0;

	if (part > most)
		part = most;
	for (i = 0; i < n; i++)
		pick(m, set, part + (i < over), slot[i]);
}

/* ---- kinds ---- */

/* The set's cores of one kind; the caller frees. */
static bool *
of_kind(const struct make *m, const bool *set, unsigned kind)
{
	bool *some = xcalloc(m->t->ncores, sizeof(*some));
	unsigned i;

	for (i = 0; i < m->t->ncores; i++)
		some[i] = set[i] && m->t->cores[i].kind == kind;
	return (some);
}

/*
 * How many slots each kind gets: one each, the fastest first, as long as there
 * are slots; then where a slot gets the most cores.
 */
static void
choose_kinds(const unsigned *have, unsigned nkinds, unsigned n,
    enum make_how how, unsigned *slots)
{
	unsigned k, best;

	for (k = 0; k < nkinds && how == MAKE_FAST; k++)
		if (have[k] >= n) {
			slots[k] = n;
			return;
		}
	for (k = 0; k < nkinds && n > 0; k++)
		if (have[k] > 0) {
			slots[k] = 1;
			n--;
		}
	for (; n > 0; n--) {
		for (k = 1, best = 0; k < nkinds; k++)
			if (have[k] * (slots[best] + 1) >
			    have[best] * (slots[k] + 1))
				best = k;
		slots[best]++;
	}
}

void
make_split(struct make *m, const bool *set, const unsigned *slot, unsigned n,
    unsigned most, enum make_how how)
{
	unsigned nkinds = m->t->nkinds, k, at = 0, present = 0;
	unsigned *have, *slots;
	bool *some;

	have = xcalloc(nkinds, sizeof(*have));
	slots = xcalloc(nkinds, sizeof(*slots));
	for (k = 0; k < nkinds; k++) {
		some = of_kind(m, set, k);
		have[k] = deal_free(&m->deal, some);
		present += have[k] > 0;
		free(some);
	}
	if (present <= 1 || (how == MAKE_ALL && n < present))
		split_even(m, set, slot, n, most);
	else
		choose_kinds(have, nkinds, n, how, slots);
	for (k = 0; k < nkinds; k++) {
		if (slots[k] == 0)
			continue;
		some = of_kind(m, set, k);
		split_even(m, some, slot + at, slots[k], most);
		at += slots[k];
		free(some);
	}
	free(have);
	free(slots);
}
