/*
 * Which GPUs a pool's slots own. The list of the host's GPUs is the prober's;
 * whether they are well is for the supervisor to see while it runs.
 */
#include "config.h"

#include "place/make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/conf.h"
#include "place/gpu.h"
#include "place/topo.h"

static bool
takes_queue(const struct conf *c, const struct conf_pool *p, const char *name)
{
	char *key = str_fmt("%s:%s:queue", c->redis.prefix, name);
	char *const *q = p->queues;

	while (*q != NULL && strcmp(*q, key) != 0)
		q++;
	free(key);
	return (*q != NULL);
}

/* Training jobs are the larger ones: fewer of them share a GPU. */
static bool
is_for_training(const struct conf *c, const struct conf_pool *p)
{
	return (takes_queue(c, p, "training") &&
	    !takes_queue(c, p, "inference"));
}

static void
add_gpu(struct ask *a, const struct gpu *g)
{
	a->gpus = xrealloc(a->gpus, (a->ngpus + 1) * sizeof(*a->gpus));
	a->gpus[a->ngpus++] = g;
}

static int
by_node(const void *ap, const void *bp)
{
	const struct gpu *a = *(const struct gpu *const *)ap;
	const struct gpu *b = *(const struct gpu *const *)bp;

	return (a->node != b->node ? (a->node < b->node ? -1 : 1) :
	    a < b ? -1 : a > b);
}

/* Every GPU that can be used; those of a node side by side where several go
 * to one slot. */
static void
take_all(struct make *m, struct ask *a)
{
	const char *why = m->gpus->why;
	size_t i;

	for (i = 0; i < m->gpus->ngpus; i++)
		if (gpu_usable(&m->gpus->gpus[i]))
			add_gpu(a, &m->gpus->gpus[i]);
	if (a->ngpus == 0)
		make_problem(m, a->pool, "gpus", "this host has no GPU that "
		    "can be used: %s", m->gpus->ngpus > 0 ? "all are sick" :
		    why[0] != '\0' ? why : "none is there");
	else if (a->pool->devices_per_slot > 1)
		qsort(a->gpus, a->ngpus, sizeof(*a->gpus), by_node);
}

static void
take_named(struct make *m, struct ask *a)
{
	const struct gpu *g;
	char *const *word;
	struct buf why;
	unsigned i;

	if (m->gpus->ngpus == 0) {
		take_all(m, a);         /* says why there is none */
		return;
	}
	buf_init(&why, 4096);
	for (word = a->pool->devices; *word != NULL; word++) {
		buf_reset(&why);
		g = gpu_list_find(m->gpus, *word, &why);
		if (g == NULL) {
			make_problem(m, a->pool, "devices", "%s",
			    buf_cstr(&why));
			continue;
		}
		for (i = 0; i < a->ngpus && a->gpus[i] != g; i++)
			;
		if (i < a->ngpus)
			make_problem(m, a->pool, "devices",
			    "%s is named twice", g->uuid);
		add_gpu(a, g);
	}
	buf_fini(&why);
}

/* A process sees one MIG device at most, whatever it is offered. */
static void
check_groups(struct make *m, const struct ask *a)
{
	unsigned i, per = (unsigned)a->pool->devices_per_slot;

	if (a->ngpus % per != 0)
		make_problem(m, a->pool, "devices_per_slot",
		    "%u devices can't be shared out by %u", a->ngpus, per);
	for (i = 0; i < a->ngpus && per > 1; i++)
		if (a->gpus[i]->mig) {
			make_problem(m, a->pool, "devices_per_slot",
			    "%s is a MIG device, of which a process can use "
			    "only one", a->gpus[i]->uuid);
			return;
		}
}

/* Slots of one group of GPUs for auto: by the smallest one's memory. */
static unsigned
slots_by_memory(const struct make *m, const struct ask *a, unsigned group)
{
	unsigned per = (unsigned)a->pool->devices_per_slot, i;
	uint64_t least = UINT64_MAX;

	for (i = group * per; i < (group + 1) * per; i++)
		if (a->gpus[i]->memory_total < least)
			least = a->gpus[i]->memory_total;
	return (conf_gpu_slots(least, is_for_training(m->c, a->pool)));
}

/* How many of the pool's slots own that group: each group its share, the
 * first ones one more. */
static unsigned
slots_of_group(const struct make *m, const struct ask *a, unsigned group)
{
	const struct conf_pool *p = a->pool;
	unsigned ngroups = a->ngpus / (unsigned)p->devices_per_slot;

	if (p->nslots > 0)
		return (p->nslots / ngroups + (group < p->nslots % ngroups));
	if (p->slots_per_device == CONF_AUTO)
		return (slots_by_memory(m, a, group));
	return ((unsigned)p->slots_per_device);
}

void
make_ask_gpus(struct make *m, struct ask *a)
{
	unsigned i, ngroups, before = m->nproblems;

	if (a->pool->ndevices == 0)
		return;
	if (m->gpus == NULL) {
		make_problem(m, a->pool, "gpus", "the GPUs of the host are "
		    "not known: they are listed at the start, or by --gpus");
		return;
	}
	if (a->pool->all_devices)
		take_all(m, a);
	else
		take_named(m, a);
	check_groups(m, a);
	if (m->nproblems > before)
		return;
	ngroups = a->ngpus / (unsigned)a->pool->devices_per_slot;
	for (i = 0; i < ngroups; i++)
		a->nslots += slots_of_group(m, a, i);
	if (a->nslots < ngroups)
		make_warning(m, "[pool %s] has %u slots for %u GPUs: some "
		    "have none", a->pool->name, a->nslots, ngroups);
}

void
make_near(const struct make *m, const struct gpu *g, struct cpus *set)
{
	unsigned i;

	if (cpus_parse(g->cpus, set) != 0)
		cpus_clear(set);
	if (cpus_count(set) == 0 && g->node >= 0)
		for (i = 0; i < m->t->ncores; i++)
			if (m->t->node_os[m->t->cores[i].node] == g->node)
				(void)topo_core_cpus(m->t, i, &m->p->usable,
				    set);
	cpus_and(set, &m->p->usable);
}

static void
add_near(const struct make *m, const struct gpu *g, struct cpus *near)
{
	struct cpus set;
	int cpu;

	make_near(m, g, &set);
	for (cpu = cpus_next(&set, -1); cpu >= 0; cpu = cpus_next(&set, cpu))
		cpus_add(near, (unsigned)cpu);
}

static void
give(struct make *m, const struct ask *a, unsigned group, unsigned slot)
{
	unsigned per = (unsigned)a->pool->devices_per_slot, i;
	struct plan_slot *s = &m->p->slots[slot];
	const struct gpu *g;
	struct buf uuids;

	buf_init(&uuids, 64u << 10);
	s->gpus = xcalloc(per, sizeof(*s->gpus));
	for (i = 0; i < per; i++) {
		g = a->gpus[group * per + i];
		s->gpus[s->ngpus++] = (unsigned)(g - m->gpus->gpus);
		(void)buf_printf(&uuids, "%s%s", i > 0 ? "," : "", g->uuid);
		add_near(m, g, &m->near[slot]);
	}
	free(s->devices);
	s->devices = xstrdup(buf_cstr(&uuids));
	buf_fini(&uuids);
}

void
make_give_gpus(struct make *m, const struct ask *a, unsigned first)
{
	unsigned group = 0, left, i;

	if (a->ngpus == 0)
		return;
	left = slots_of_group(m, a, 0);
	for (i = 0; i < a->nslots; i++) {
		while (left == 0)
			left = slots_of_group(m, a, ++group);
		give(m, a, group, first + i);
		left--;
	}
}
