/*
 * The CPUs of a host: cores in the order of their nearness, each with its
 * package, NUMA node and shared cache, and which of them we may use. A plain
 * value; hwloc is loaded, read and dropped in topo.c, and nobody else sees it.
 */
#ifndef PLACE_TOPO_H
#define PLACE_TOPO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cpus.h"

#define TOPO_MAGIC 0x746f706fu
#define TOPO_SMT_MAX 8             /* CPUs of one core */

/* package, node and cache count from 0 in the order of the cores; cache is
 * the largest that several cores share, else the node; kind 0 is that of the
 * fastest cores. */
struct topo_core {
	uint16_t cpu[TOPO_SMT_MAX]; /* logical CPUs, SMT siblings together */
	uint8_t ncpus, kind;
	uint16_t package, node, cache;
};

struct topo {
	unsigned magic;
	unsigned ncores, ncpus;
	struct topo_core *cores;    /* owns */
	unsigned npackages, nnodes, ncaches, nkinds;
	uint16_t *node_os;          /* owns; by node: its number in the kernel */
	struct cpus allowed;        /* that we may use. Here: the affinity mask,
	                             * in which the kernel has seen to the
	                             * cgroup's cpuset; of a file: what it says */
	char what[160];             /* where it comes from, for people */
};

/* This host. GPU libraries are kept out, whatever hwloc plugins there are.
 * 0, or -ERR_SYSTEM with the reason in why. */
int topo_host(struct topo **tp, struct buf *why);
/* A recorded one: XML as lstopo writes it. 0, -ERR_SYNTAX, -ERR_SYSTEM. */
int topo_file(const char *path, struct topo **tp, struct buf *why);
/* By hwloc's synthetic description ("pack:2 core:4 pu:2"); all allowed. */
int topo_synthetic(const char *text, struct topo **tp, struct buf *why);
void topo_free(struct topo **tp);
/* "P" for the fastest kind of core, "E" for the slowest, "M" between them; ""
 * where all are of one. Static. */
const char *topo_kind_name(const struct topo *t, unsigned kind);
/*
 * Only these may be used. Those that no core has become cores of their own, in
 * the first package and node: some containers hide /sys from hwloc, which then
 * guesses, and what the kernel lets us run on is never wrong.
 */
void topo_allow(struct topo *t, const struct cpus *set);

/* Core that a CPU belongs to, or -1. */
int topo_core_of(const struct topo *t, unsigned cpu);
/* The CPUs of a core that are in `of`, added to `to`; how many. */
unsigned topo_core_cpus(const struct topo *t, unsigned core,
    const struct cpus *of, struct cpus *to);

#endif
