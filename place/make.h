/* A plan while it is being made: shared by plan.c, plan_gpus.c, plan_cpus.c. */
#ifndef PLACE_MAKE_H
#define PLACE_MAKE_H

#include <stdbool.h>

#include "place/deal.h"
#include "place/plan.h"

struct conf_pool;
struct gpu;

/* What one pool asks for. */
struct ask {
	const struct conf_pool *pool;   /* borrows */
	struct cpus named;              /* cpus as given; empty: auto */
	unsigned nslots;
	const struct gpu **gpus;        /* owns the array; NULL: no GPU pool */
	unsigned ngpus;
};

struct make {
	const struct conf *c;
	const struct topo *t;
	const struct gpu_list *gpus;    /* NULL: not looked for */
	struct plan *p;                 /* owns until success */
	struct buf *problems;
	unsigned nproblems;
	struct ask *asks;               /* owns; by pool */
	struct cpus keep;               /* housekeeping_cpus as given */
	struct deal deal;
	bool **got;                     /* owns; by slot: its cores */
	struct cpus *near;              /* owns; by slot: CPUs near its GPUs;
	                                 * empty: no matter */
};

/* A problem with a key of a pool: "cpus", "devices", "gpus" (that there are
 * any at all), or another one. */
void make_problem(struct make *m, const struct conf_pool *p, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void make_warning(struct make *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* plan_gpus.c: the pools' devices, and slots that follow from them. */
void make_ask_gpus(struct make *m, struct ask *a);
void make_give_gpus(struct make *m, const struct ask *a, unsigned first);
/* CPUs near a GPU, as far as they are known and ours. */
void make_near(const struct make *m, const struct gpu *g, struct cpus *set);

/*
 * plan_split.c: slots share out the free cores of a set, `most` each. How they
 * go about kinds of cores: each slot has one, and each kind some slot; or all
 * have the fastest that is enough for all; or fewer slots than kinds have all
 * there is, because somebody named it for them.
 */
enum make_how { MAKE_EACH, MAKE_FAST, MAKE_ALL };
void make_split(struct make *m, const bool *set, const unsigned *slot,
    unsigned n, unsigned most, enum make_how how);

/* plan_cpus.c: whose CPUs are whose; what each pool may use counts slots. */
void make_ask_cpus(struct make *m);
unsigned make_auto_slots(const struct make *m, const struct ask *a);
void make_give_cpus(struct make *m);

#endif
