/*
 * The place of this daemon: the host's topology, its GPUs and the plan that
 * follows from them and the configuration. Read once, before anything
 * starts; kept small for plans of later configurations.
 */
#ifndef SUPERVISOR_PLACE_H
#define SUPERVISOR_PLACE_H

#include <stdbool.h>

#include "base/buf.h"
#include "place/gpu.h"
#include "place/plan.h"
#include "place/topo.h"

struct conf;

struct place {
	struct topo *topo;        /* owns */
	struct gpu_list gpus;     /* as they were at start */
	bool listed;              /* gpus was asked for */
	struct plan *plan;        /* owns; the one in force */
};

/*
 * Looks at the host and makes the first plan; runs the prober if GPUs are
 * wanted, and waits for it. 0, or -ERR_CONFIG, -ERR_SYSTEM with the reasons
 * in problems, a line each.
 */
int place_open(struct place *pl, const struct conf *c, struct buf *problems);
void place_close(struct place *pl);

/* The plan of another configuration on this host; the one in force stays.
 * Never blocks: GPUs are those of the start. 0 or -ERR_CONFIG. */
int place_plan(const struct place *pl, const struct conf *c,
    struct plan **planp, struct buf *problems);

/* The plan as people read it. */
void place_text(const struct place *pl, struct buf *b);

/* The plan is in force from now on: logs its warnings, and keeps the daemon
 * itself off the slots' cores as it says. */
void place_begin(const struct place *pl);
/* Takes another plan, and begins it. */
void place_take(struct place *pl, struct plan **planp);

#endif
