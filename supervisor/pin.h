/*
 * Keeps the processes of one slot in its place: the CPU affinity and the
 * memory policy that they inherit, and a cpuset of the slot's cgroup, which
 * they can't leave. Affinity is a must; the others are had where the host lets
 * us, or insisted on where the configuration does.
 */
#ifndef SUPERVISOR_PIN_H
#define SUPERVISOR_PIN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/cpus.h"
#include "base/mempol.h"

struct conf_pool;
struct contain;
struct plan_slot;

struct pin {
	struct cpus cpus;
	char *leaf;         /* owns; of the v1 cpuset hierarchy, to be joined;
	                     * NULL: none */
	struct mempol memory; /* mode -1: leave it */
	bool strict;        /* without that policy nothing starts */
};

/*
 * Before a spawn, while nothing runs in the slot. nnodes: NUMA nodes of this
 * host. What `yes` asks for and can't be had is logged.
 */
void pin_prepare(struct pin *p, const struct plan_slot *where,
    const struct conf_pool *conf, const struct contain *c, unsigned slot,
    unsigned nnodes);
void pin_fini(struct pin *p);
/* In the new child before exec; async-signal-safe. 0 or -1, with what failed
 * as a line on errfd. */
int pin_self(const struct pin *p, int errfd);
/* The policy that a child of it must report, as mempol_put; nothing if any is
 * right. */
void pin_put_memory(const struct pin *p, struct buf *b);
/* Removes what this or a former run left in the v1 hierarchy. */
void pin_clean(void);

#endif
