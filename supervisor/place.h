/* Which CPUs each slot has. */
#ifndef SUPERVISOR_PLACE_H
#define SUPERVISOR_PLACE_H

#include "base/buf.h"
#include "conf/conf.h"

struct cpus;

/*
 * CPU sets for all slots of all pools, in order: pool by pool, slot by slot.
 * Takes only CPUs of our own affinity mask. Slots of pools with cpus = auto
 * share what no other pool names, evenly: disjoint contiguous runs where
 * there are enough, else several slots to a CPU (then *sharedp is true). The
 * result is one allocation of *np sets, free(3). -ERR_CONFIG with the reason
 * in `why` if a pool names CPUs that we may not use.
 */
int place_slots(const struct conf *c, struct cpus **setsp, unsigned *np,
    bool *sharedp, struct buf *why);

#endif
