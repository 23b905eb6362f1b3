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

struct cpus;
struct sup;

/* What the slots of a configuration are to have, pool by pool. */
struct shape {
	const struct conf *conf;  /* borrows */
	struct cpus *sets;        /* owns */
	unsigned n;
	bool shared;              /* more slots than CPUs */
	bool *touched;            /* owns; by pool: all its slots get a new
				   * child, whatever their CPUs */
};

/* Plans; nothing changes. -ERR_CONFIG, -ERR_SYSTEM with the reason. */
int reshape_plan(const struct conf *c, struct shape *s, struct buf *why);
void reshape_fini(struct shape *s);

/*
 * sup->conf is the new configuration already: makes pools, slots and queues
 * what it says. Only slots whose CPUs change, whose pool is touched or that
 * go are drained. Jobs that wait here for a slot that they can't have any
 * more go back to their queue, uncharged.
 */
void reshape_apply(struct sup *sup, const struct shape *s);

/* Frees what has left. */
void reshape_phase(struct sup *sup);

#endif
