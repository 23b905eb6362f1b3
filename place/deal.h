/*
 * Deals cores to slots: as many as asked for, as near to each other as can be.
 * A set of cores is an array of bool, one per core of the topology.
 */
#ifndef PLACE_DEAL_H
#define PLACE_DEAL_H

#include <stdbool.h>

struct topo;

struct deal {
	const struct topo *t;   /* borrows */
	unsigned *load;         /* owns; by core: slots that have it */
};

void deal_init(struct deal *d, const struct topo *t);
void deal_fini(struct deal *d);

/* Cores of a set that no slot has. */
unsigned deal_free(const struct deal *d, const bool *set);
/*
 * Gives `want` free cores of the set (or all there are), packed: out of one
 * cache, else one node, else one package, if it has enough, and there where
 * the least is left over. Marks them in got; how many.
 */
unsigned deal_pick(struct deal *d, const bool *set, unsigned want, bool *got);
/* Gives the core of the set that the fewest slots have, the first of equals.
 * False if the set is empty. */
bool deal_share(struct deal *d, const bool *set, bool *got);

#endif
