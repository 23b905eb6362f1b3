/*
 * Pools: how many slots they have, on what, which queues feed them, and that
 * every job type has one handler in each. Whether CPUs and GPUs are really
 * there, and how many slots auto makes of them, is for place/ to see.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/load.h"

#define DEVICE_INDEX_LEN 3  /* digits */

/* In the order in which a pool takes from them. */
static const struct {
	const char *name;
	bool gpu_only;
} default_queues[] = {
	{ "training", false }, { "inference", false }, { "gpu", true },
	{ "cpu", false }
};

static void
fill_queues(struct load *ld, struct conf_pool *p)
{
	unsigned i;

	if (p->queues[0] != NULL)
		return;
	for (i = 0; i < NELEM(default_queues); i++)
		if (!default_queues[i].gpu_only || p->ndevices > 0)
			value_list_add(&p->queues, str_fmt("%s:%s:queue",
			    ld->c->redis.prefix, default_queues[i].name));
}

static void
check_repeats(struct load *ld, const struct conf_pool *p, const char *key,
    char **list)
{
	unsigned i;

	for (i = 0; list[i] != NULL; i++)
		if (value_list_has(list + i + 1, list[i]))
			load_problem(ld, CONF_S_pool, p->name, key,
			    "\"%.120s\" is given twice", list[i]);
}

static void
resolve_queues(struct load *ld, struct conf_pool *p)
{
	char *const *q;

	check_repeats(ld, p, "queues", p->queues);
	for (q = p->queues; *q != NULL; q++)
		if (strpbrk(*q, "{}") != NULL)
			load_problem(ld, CONF_S_pool, p->name, "queues",
			    "\"%.120s\" has a brace; they mark the slot in a "
			    "Redis Cluster and are added by ganger", *q);
	fill_queues(ld, p);
	if (!value_list_has(p->queues, ld->c->direct_queue))
		value_list_add(&p->queues, xstrdup(ld->c->direct_queue));
}

static bool
device_ok(const char *d)
{
	size_t n = strspn(d, "0123456789");

	if (strncmp(d, "GPU-", 4) == 0 || strncmp(d, "MIG-", 4) == 0)
		return (strlen(d) > 8 && strlen(d) < 96);
	return (n >= 1 && n <= DEVICE_INDEX_LEN && d[n] == '\0');
}

static void
check_devices(struct load *ld, char *const *devices,
    enum conf_section section, const char *name, const char *key)
{
	char *const *d;

	for (d = devices; *d != NULL; d++) {
		if (!device_ok(*d))
			load_problem(ld, section, name, key, "\"%.80s\" is "
			    "not an index, GPU-UUID, MIG-UUID or, alone, all",
			    *d);
		if (value_list_has(d + 1, *d))
			load_problem(ld, section, name, key,
			    "\"%.80s\" is given twice", *d);
	}
}

static bool
is_all(char *const *devices)
{
	return (value_list_len(devices) == 1 &&
	    strcasecmp(devices[0], "all") == 0);
}

/* section and name say whose list it is: a pool's, or gpu_device. */
static void
resolve_devices(struct load *ld, struct conf_pool *p,
    enum conf_section section, const char *key)
{
	const char *name = section == CONF_S_pool ? p->name : "";

	p->ndevices = value_list_len(p->devices);
	p->all_devices = is_all(p->devices);
	if (!p->all_devices)
		check_devices(ld, p->devices, section, name, key);
}

static void
check_cpus(struct load *ld, const struct conf_pool *p)
{
	struct cpus set;

	if (strcasecmp(p->cpus, "auto") != 0 &&
	    (cpus_parse(p->cpus, &set) != 0 || cpus_count(&set) == 0))
		load_problem(ld, CONF_S_pool, p->name, "cpus",
		    "\"%.80s\" is not a list such as 0-3,8, or auto", p->cpus);
}

static void
count_cpu_slots(struct load *ld, struct conf_pool *p)
{
	p->nslots = p->slots == CONF_AUTO ? 0 : (unsigned)p->slots;
	if (p->slots_per_device != 1)
		load_problem(ld, CONF_S_pool, p->name, "slots_per_device",
		    "only with devices");
	if (p->devices_per_slot != 1)
		load_problem(ld, CONF_S_pool, p->name, "devices_per_slot",
		    "only with devices");
}

static void
count_gpu_slots(struct load *ld, struct conf_pool *p)
{
	unsigned group = (unsigned)p->devices_per_slot;

	if (p->slots != CONF_AUTO)
		load_problem(ld, CONF_S_pool, p->name, "slots",
		    "not with devices: slots_per_device says it there");
	if (p->all_devices)
		return;         /* how many is for the plan to say */
	if (p->ndevices % group != 0)
		load_problem(ld, CONF_S_pool, p->name, "devices_per_slot",
		    "%u devices can't be shared out by %u", p->ndevices,
		    group);
	if (p->slots_per_device != CONF_AUTO)
		p->nslots = p->ndevices / group *
		    (unsigned)p->slots_per_device;
}

static void
check_handler_names(struct load *ld, const struct conf_pool *p)
{
	char *const *name;
	unsigned i;

	check_repeats(ld, p, "handlers", p->handlers);
	for (name = p->handlers; *name != NULL; name++) {
		for (i = 0; i < ld->c->nhandlers; i++)
			if (strcmp(ld->c->handlers[i].name, *name) == 0)
				break;
		if (i == ld->c->nhandlers)
			load_problem(ld, CONF_S_pool, p->name, "handlers",
			    "no [handler %.80s]", *name);
	}
}

static bool
serves(const struct conf_pool *p, const struct conf_handler *h)
{
	return (p->handlers[0] == NULL || value_list_has(p->handlers, h->name));
}

/* A type must lead to one handler. */
static void
check_types(struct load *ld, const struct conf_pool *p)
{
	const struct conf_handler *a, *b, *h = ld->c->handlers;
	char *const *type;

	if (h == NULL)          /* no arithmetic with it then */
		return;
	for (b = h; b < h + ld->c->nhandlers; b++)
		for (a = h; a < b; a++) {
			if (!serves(p, a) || !serves(p, b))
				continue;
			for (type = b->types; *type != NULL; type++)
				if (value_list_has(a->types, *type))
					load_problem(ld, CONF_S_handler,
					    b->name, "types", "\"%.80s\" is "
					    "served by [handler %s] too, in "
					    "[pool %s]", *type, a->name,
					    p->name);
		}
}

/* A plugin confines the child that it runs in, and so whatever that child
 * starts. */
static void
check_sandboxes(struct load *ld, const struct conf_pool *p)
{
	const struct conf_handler *a, *b, *h = ld->c->handlers;

	if (h == NULL)
		return;
	for (a = h; a < h + ld->c->nhandlers; a++)
		for (b = h; b < h + ld->c->nhandlers; b++)
			if (a->kind == CONF_PLUGIN && serves(p, a) &&
			    serves(p, b) && b->sandbox < a->sandbox)
				load_problem(ld, CONF_S_handler, b->name,
				    "sandbox", "weaker than that of the plugin "
				    "%s, which confines all of [pool %s]: make "
				    "it as strict, or give it another pool",
				    a->name, p->name);
}

static void
resolve_pool(struct load *ld, struct conf_pool *p)
{
	p->cpus_line = load_line(ld, CONF_S_pool, p->name, "cpus");
	p->devices_line = load_line(ld, CONF_S_pool, p->name, "devices");
	resolve_devices(ld, p, CONF_S_pool, "devices");
	check_cpus(ld, p);
	if (p->ndevices > 0)
		count_gpu_slots(ld, p);
	else
		count_cpu_slots(ld, p);
	resolve_queues(ld, p);
	check_handler_names(ld, p);
	check_types(ld, p);
	check_sandboxes(ld, p);
}

/* The pool that exists where the file has none. */
static void
add_default_pool(struct load *ld)
{
	const struct conf_supervisor *s = &ld->c->supervisor;
	const struct conf_row *row;
	struct conf_pool *p;
	char *const *d;

	p = conf_instance_add(ld->c, CONF_S_pool, xstrdup("default"), 0);
	for (row = conf_rows; row < conf_rows + conf_nrows; row++)
		if (row->section == CONF_S_pool)
			value_set_good(row, p, row->def);
	p->nslots = s->slots;
	if (s->use_gpu) {
		for (d = s->gpu_device; *d != NULL; d++)
			value_list_add(&p->devices, xstrdup(*d));
		resolve_devices(ld, p, CONF_S_supervisor, "gpu_device");
		if (p->ndevices == 0)
			load_problem(ld, CONF_S_supervisor, "", "gpu_device",
			    "empty, but use_gpu is set");
		p->devices_line = load_line(ld, CONF_S_supervisor, "",
		    "gpu_device");
		/* for people: the plan goes by nslots */
		p->slots_per_device = s->slots == 0 ? CONF_AUTO :
		    p->all_devices || p->ndevices == 0 ? 1 :
		    (s->slots + p->ndevices - 1) / p->ndevices;
	} else
		p->slots = s->max_concurrent_jobs;
	resolve_queues(ld, p);
	check_types(ld, p);
	check_sandboxes(ld, p);
}

static void
check_total(struct load *ld)
{
	const struct conf_pool *p = ld->c->pools;
	unsigned long total = 0;
	unsigned i;

	for (i = 0; i < ld->c->npools; i++) {
		total += p[i].nslots;
		if (total > CONF_SLOTS_MAX) {
			load_problem(ld, CONF_S_pool, p[i].name, "slots",
			    "%lu slots up to here, more than the %u of one "
			    "daemon", total, CONF_SLOTS_MAX);
			return;
		}
	}
}

void
resolve_pools(struct load *ld)
{
	unsigned i;

	value_replace(&ld->c->direct_queue, str_fmt("%s:worker:%s:queue",
	    ld->c->redis.prefix, ld->c->supervisor.worker_id));
	/* A typing error is told also where the value is not used. */
	if ((ld->c->npools > 0 || !ld->c->supervisor.use_gpu) &&
	    !is_all(ld->c->supervisor.gpu_device))
		check_devices(ld, ld->c->supervisor.gpu_device,
		    CONF_S_supervisor, "", "gpu_device");
	if (ld->c->npools == 0)
		add_default_pool(ld);
	else
		for (i = 0; i < ld->c->npools; i++)
			resolve_pool(ld, &ld->c->pools[i]);
	check_total(ld);
}
