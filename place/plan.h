/*
 * The plan of a host: pools become slots, and each slot gets CPUs, the NUMA
 * node of its memory, and GPUs. A pure function of configuration, topology and
 * list of GPUs, made before anything starts; a value that can be compared
 * slot by slot. It starts, pins and asks nothing.
 */
#ifndef PLACE_PLAN_H
#define PLACE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/cpus.h"

#define PLAN_MAGIC 0x706c616eu

struct conf;
struct gpu_list;
struct topo;

struct plan_slot {
	char *pool;           /* owns; with `at` the name of the slot */
	unsigned at;          /* number in its pool, from 0 */
	struct cpus cpus;
	char *cpus_text;      /* owns; the same as list text */
	unsigned ncores;
	const char *kind;     /* of its cores: "P", "M", "E", "mixed"; "" where
	                       * all of the host are of one kind */
	char *nodes;          /* owns; NUMA nodes of its CPUs, list text */
	char *devices;        /* owns; UUIDs, comma separated; "": no GPU */
	unsigned ngpus;
	unsigned *gpus;       /* owns; their places in the list of GPUs */
	bool shared;          /* other slots have (some of) its cores too */
};

struct plan_pool {
	char *name;           /* owns */
	unsigned first, nslots;
	bool gpu;
};

struct plan {
	unsigned magic;
	unsigned nslots;
	struct plan_slot *slots;  /* owns; pool by pool */
	unsigned npools;
	struct plan_pool *pools;  /* owns; in the order of the configuration */
	struct cpus usable;       /* all CPUs that we may use */
	struct cpus keeper;       /* the daemon's own; empty: wherever it may */
	struct cpus left;         /* of ours, that no slot has */
	unsigned nwarnings;
	struct buf warnings;      /* a line each */
};

/* Whether the configuration asks for GPUs at all. */
bool plan_wants_gpus(const struct conf *c);

/*
 * gpus may be NULL if it does not. 0 with *pp, or -ERR_CONFIG with all that is
 * missing or contradicts itself, "FILE:LINE: key: message\n" each.
 */
int plan_make(const struct conf *c, const struct topo *t,
    const struct gpu_list *gpus, struct plan **pp, struct buf *problems);
void plan_free(struct plan **pp);

/* Borrowed; NULL: no such pool, or not so many slots. */
const struct plan_slot *plan_find(const struct plan *p, const char *pool,
    unsigned at);
/* A copy that owns all it has; frees what *to had. A zeroed one is good. */
void plan_slot_copy(struct plan_slot *to, const struct plan_slot *from);
void plan_slot_fini(struct plan_slot *s);
/* A child that runs in one of them would be right in the other. */
bool plan_same(const struct plan_slot *a, const struct plan_slot *b);

/* For people: a table of the slots and a picture of the host. */
void plan_text(const struct plan *p, const struct topo *t,
    const struct gpu_list *gpus, struct buf *b);
void plan_json(const struct plan *p, const struct topo *t,
    const struct gpu_list *gpus, struct buf *b);

#endif
