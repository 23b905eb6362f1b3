/*
 * Whose turn it is among the lanes of a queue. Of a+b+c turns (the weights)
 * each lane has exactly its weight, spread evenly; single claims keep the
 * share as well as large ones, because the place in the pattern is kept. Pure:
 * knows nothing of Redis or jobs.
 */
#ifndef SUPERVISOR_SHARE_H
#define SUPERVISOR_SHARE_H

#include <stdbool.h>

#include "proto/job.h"

struct share {
	unsigned at;              /* position in the pattern, */
	unsigned given[LANE_N];   /* and what each lane got of it so far */
};

/*
 * Takes the next n turns: how many are each lane's, and their order in
 * turns[n]. high_first: the first one that high has left in this round of the
 * pattern comes before the others'; it has no more of them for that.
 */
void share_turns(struct share *s, const unsigned w[LANE_N], unsigned n,
    bool high_first, unsigned quota[LANE_N], unsigned char *turns);
/* How many turns must be taken, high first, to have one of high's among them;
 * 0: it has none at all. */
unsigned share_to_high(const struct share *s, const unsigned w[LANE_N]);

#endif
