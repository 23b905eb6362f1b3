/*
 * The memory policy of a process: where in the NUMA nodes its pages come from.
 * As text it is what /proc/PID/numa_maps says of it, "prefer:0" or "bind:0-1".
 */
#ifndef BASE_MEMPOL_H
#define BASE_MEMPOL_H

#include "base/buf.h"
#include "base/cpus.h"

#define MEMPOL_WORDS (CPUS_MAX / 8 / sizeof(unsigned long))

/* A mode of <linux/mempolicy.h> and a mask of nodes. */
struct mempol {
	int mode;
	unsigned long nodes[MEMPOL_WORDS];
};

/* Our own. 0, or -ERR_SYSTEM: containers may forbid the question. */
int mempol_get(struct mempol *m);
void mempol_put(struct buf *b, const struct mempol *m);

#endif
