/*
 * What one slot may use, kept by the kernel: memory, processes, share of the
 * CPU. By the slot's cgroup v2 leaf where the controller is handed down to us,
 * else by a leaf in the controller's own v1 hierarchy, below our own place in
 * it. Memory without either is sampled: the resident memory of the slot's
 * processes is added up every so often, which is late but better than nothing.
 */
#ifndef SUPERVISOR_CAGE_H
#define SUPERVISOR_CAGE_H

#include <stdbool.h>
#include <stdint.h>

struct contain;

/* Controllers: id, name. */
#define CAGE_TABLE(X) X(MEMORY, memory) X(PIDS, pids) X(CPU, cpu)
enum cage_kind {
#define X(id, name) CAGE_##id,
	CAGE_TABLE(X)
#undef X
	CAGE_N
};

struct cage {
	uint64_t limit[CAGE_N];  /* bytes, processes, weight 1-10000; 0: none */
	char *dir[CAGE_N];       /* v1 leaf to join, or the v2 leaf; owned;
				  * NULL: not kept by the kernel */
	bool v2[CAGE_N];
	uint64_t kills;          /* by the kernel, for memory, up to the last
				  * cage_mark */
};

/* Makes the leaves and writes the limits; what can't be had is left out. c
 * must be initialised; name is that of our own branch of the trees. */
void cage_init(struct cage *g, const struct contain *c, unsigned slot,
    const uint64_t limit[CAGE_N]);
void cage_fini(struct cage *g);
/* The slot's v2 leaf is a new one: its limits again. */
void cage_renew(const struct cage *g);
/*
 * Hands the v2 controllers down to the slots' leaves, where there are any:
 * from own, our cgroup's folder, to branch below it. A cgroup that has
 * processes can't do that; where it is delegated to us and we are alone in it,
 * we go into a leaf of our own first. True: they are handed down.
 */
bool cage_delegate(const char *own, const char *branch);
/* Removes what this or a former run left in the v1 hierarchies. Called by
 * contain_open and at the end. */
void cage_clean(void);
/* In the new child before exec. Async-signal-safe. 0 or -1. */
int cage_join(const struct cage *g);

/* The memory limit is kept by sampling. */
bool cage_samples(const struct cage *g);
/* From now on cage_killed tells of what comes. */
void cage_mark(struct cage *g);
/* The kernel killed something of the slot for its memory since cage_mark. */
bool cage_killed(const struct cage *g);
/* Resident memory of the slot's processes: private parts added up, plus the
 * largest shared one. child: 0 if it is gone. */
uint64_t cage_resident(struct contain *c, int child);

#endif
