/*
 * Slots, pools and queues that come and go while the daemon works. A slot
 * that is to go takes no more jobs, ends with the one it has, and is freed
 * when nothing of it is left; a pool goes after its slots, a queue after its
 * jobs. What leaves and is wanted again before it has gone, stays.
 */
#ifndef SUPERVISOR_RESHAPE_H
#define SUPERVISOR_RESHAPE_H

#include <stdbool.h>

#include "base/buf.h"
#include "conf/conf.h"

struct plan;
struct sup;

/* What the slots of a configuration are to have, pool by pool. */
struct shape {
	const struct conf *conf;  /* borrows */
	struct plan *plan;        /* owns until it is applied */
	bool *touched;            /* owns; by pool: all its slots get a new
				   * child, whatever their place */
};

/* Plans; nothing changes. -ERR_CONFIG with the reasons. */
int reshape_plan(struct sup *sup, const struct conf *c, struct shape *s,
    struct buf *why);
void reshape_fini(struct shape *s);

/*
 * sup->conf is the new configuration already: makes pools, slots and queues
 * what it says, and takes the plan. Only slots whose place changes, whose pool is touched or that
 * go are drained. Jobs that wait here for a slot that they can't have any
 * more go back to their queue, uncharged.
 */
void reshape_apply(struct sup *sup, struct shape *s);

/* Frees what has left. */
void reshape_phase(struct sup *sup);

#endif
