/*
 * Reads the host's topology with hwloc into a struct topo, and drops hwloc.
 *
 * Three things are kept away from the supervisor: plugins (hwloc would open
 * those of CUDA, NVML, OpenCL and GL at its first use), the x86 component
 * (it visits every CPU to ask CPUID, which moves us around and takes 8 of 9
 * ms in a virtual machine, for what Linux says in /sys), and variables HWLOC_*
 * of whoever started us (they could show us another host).
 */
#include "config.h"

#include "place/topo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hwloc.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

/* More are no kinds, but cores that are measured one by one. */
#define KINDS_MAX 4

extern char **environ;

/* Components that open libraries, devices, or every CPU. */
static const char *const kept_out[] = {
	"x86", "cuda", "nvml", "opencl", "gl", "rsmi", "levelzero", "pci",
	"linuxio",
};

/* The variables HWLOC_* that are put aside; NULL-terminated, owned. */
struct aside {
	char **var;
	unsigned n;
};

static void
hide_variables(struct aside *a)
{
	char **e, *name;
	unsigned n = 0;

	for (e = environ; *e != NULL; e++)
		n++;
	a->n = 0;
	a->var = xcalloc(n + 1, sizeof(*a->var));
	for (e = environ; *e != NULL; e++)
		if (strncmp(*e, "HWLOC_", 6) == 0)
			a->var[a->n++] = xstrdup(*e);
	for (n = 0; n < a->n; n++) {
		name = xstrndup(a->var[n], strcspn(a->var[n], "="));
		(void)unsetenv(name);
		free(name);
	}
	(void)setenv("HWLOC_PLUGINS_PATH", "/dev/null", 1);
	(void)setenv("HWLOC_HIDE_ERRORS", "2", 1);
}

static void
show_variables(struct aside *a)
{
	char *value;
	unsigned i;

	(void)unsetenv("HWLOC_PLUGINS_PATH");
	(void)unsetenv("HWLOC_HIDE_ERRORS");
	for (i = 0; i < a->n; i++) {
		if ((value = strchr(a->var[i], '=')) != NULL) {
			*value++ = '\0';
			(void)setenv(a->var[i], value, 1);
		}
		free(a->var[i]);
	}
	free(a->var);
}

/* What hwloc knows of a set, as far as we can name it. */
static void
take_cpus(struct cpus *to, hwloc_const_cpuset_t from)
{
	unsigned cpu;

	cpus_clear(to);
	for (cpu = 0; cpu < CPUS_MAX; cpu++)
		if (hwloc_bitmap_isset(from, cpu))
			cpus_add(to, cpu);
}

/*
 * The node that is nearest: of those that hold all of the core, the one with
 * the fewest CPUs; of equals, the first (memory of several kinds may lie at
 * the same CPUs, and ordinary memory is numbered first).
 */
static hwloc_obj_t
nearest_node(hwloc_topology_t h, hwloc_obj_t core)
{
	hwloc_obj_t node = NULL, best = NULL;

	while ((node = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE,
	    node)) != NULL) {
		if (!hwloc_bitmap_isincluded(core->cpuset, node->cpuset))
			continue;
		if (best == NULL || hwloc_bitmap_weight(node->cpuset) <
		    hwloc_bitmap_weight(best->cpuset))
			best = node;
	}
	return (best);
}

/* The largest cache over the core that another core shares. */
static hwloc_obj_t
shared_cache(hwloc_obj_t core)
{
	hwloc_obj_t up, found = NULL;

	for (up = core->parent; up != NULL; up = up->parent)
		if (hwloc_obj_type_is_cache(up->type) &&
		    hwloc_bitmap_weight(up->cpuset) >
		    hwloc_bitmap_weight(core->cpuset))
			found = up;
	return (found);
}

static hwloc_obj_t
package_of(hwloc_obj_t core)
{
	hwloc_obj_t up = core->parent;

	while (up != NULL && up->type != HWLOC_OBJ_PACKAGE)
		up = up->parent;
	return (up);
}

/* Numbers objects in the order in which they are first seen. */
struct seen {
	hwloc_obj_t *obj;
	unsigned n;
};

static uint16_t
number_of(struct seen *s, hwloc_obj_t obj)
{
	unsigned i;

	for (i = s->n; i > 0; i--)
		if (s->obj[i - 1] == obj)
			return ((uint16_t)(i - 1));
	s->obj[s->n++] = obj;
	return ((uint16_t)(s->n - 1));
}

static void
fill_core(struct topo_core *c, hwloc_obj_t obj)
{
	int cpu = -1;

	while ((cpu = hwloc_bitmap_next(obj->cpuset, cpu)) >= 0 &&
	    cpu < CPUS_MAX && c->ncpus < TOPO_SMT_MAX)
		c->cpu[c->ncpus++] = (uint16_t)cpu;
}

static void
fill_cores(struct topo *t, hwloc_topology_t h, hwloc_obj_type_t type)
{
	struct seen seen[3] = { { NULL, 0 } };
	hwloc_obj_t obj = NULL, cache, node;
	struct topo_core *c;
	unsigned i;

	for (i = 0; i < NELEM(seen); i++)
		seen[i].obj = xcalloc(t->ncores + 1, sizeof(hwloc_obj_t));
	for (i = 0; i < t->ncores; i++) {
		obj = hwloc_get_next_obj_by_type(h, type, obj);
		c = &t->cores[i];
		fill_core(c, obj);
		t->ncpus += c->ncpus;
		node = nearest_node(h, obj);
		cache = shared_cache(obj);
		c->package = number_of(&seen[0], package_of(obj));
		c->node = number_of(&seen[1], node);
		c->cache = number_of(&seen[2], cache != NULL ? cache : node);
		t->node_os[c->node] = node != NULL ?
		    (uint16_t)node->os_index : 0;
	}
	t->npackages = seen[0].n;
	t->nnodes = seen[1].n;
	t->ncaches = seen[2].n;
	for (i = 0; i < NELEM(seen); i++)
		free(seen[i].obj);
}

/*
 * hwloc ranks kinds of cores (performance, efficiency) from the slowest to the
 * fastest, by what the kernel says of them. Where it can't rank them all are
 * the same to us.
 */
static void
fill_kinds(struct topo *t, hwloc_topology_t h)
{
	int n = hwloc_cpukinds_get_nr(h, 0), efficiency, i;
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	unsigned k;

	t->nkinds = 1;
	for (i = 0; i < n && n > 1 && n <= KINDS_MAX && set != NULL; i++) {
		if (hwloc_cpukinds_get_info(h, (unsigned)i, set, &efficiency,
		    NULL, NULL, 0) != 0 || efficiency < 0)
			break;
		t->nkinds = (unsigned)n;
		for (k = 0; k < t->ncores; k++)
			if (t->cores[k].ncpus > 0 && hwloc_bitmap_isset(set,
			    t->cores[k].cpu[0]))
				t->cores[k].kind = (uint8_t)(n - 1 - i);
	}
	hwloc_bitmap_free(set);
}

static int
convert(hwloc_topology_t h, struct topo **tp, struct buf *why)
{
	hwloc_obj_type_t type = HWLOC_OBJ_CORE;
	struct topo *t;
	int n = hwloc_get_nbobjs_by_type(h, type);

	if (n <= 0) {           /* some virtual machines tell CPUs only */
		type = HWLOC_OBJ_PU;
		n = hwloc_get_nbobjs_by_type(h, type);
	}
	if (n <= 0 || n > CPUS_MAX) {
		(void)buf_printf(why, "the topology has %d cores", n);
		return (-ERR_RANGE);
	}
	t = xcalloc(1, sizeof(*t));
	t->magic = TOPO_MAGIC;
	t->ncores = (unsigned)n;
	t->cores = xcalloc(t->ncores, sizeof(*t->cores));
	t->node_os = xcalloc(t->ncores, sizeof(*t->node_os));
	fill_cores(t, h, type);
	fill_kinds(t, h);
	take_cpus(&t->allowed, hwloc_topology_get_allowed_cpuset(h));
	*tp = t;
	return (0);
}

struct source {
	const char *xml, *synthetic; /* neither: this host */
};

static int
load(hwloc_topology_t h, const struct source *from)
{
	unsigned i;

	for (i = 0; i < NELEM(kept_out); i++)
		(void)hwloc_topology_set_components(h,
		    HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, kept_out[i]);
	if (hwloc_topology_set_flags(h,
	    HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) != 0 ||
	    hwloc_topology_set_io_types_filter(h,
	    HWLOC_TYPE_FILTER_KEEP_NONE) != 0)
		return (-1);
	if (from->xml != NULL && hwloc_topology_set_xml(h, from->xml) != 0)
		return (-1);
	if (from->synthetic != NULL &&
	    hwloc_topology_set_synthetic(h, from->synthetic) != 0)
		return (-1);
	return (hwloc_topology_load(h));
}

static int
read_topology(const struct source *from, struct topo **tp, struct buf *why)
{
	hwloc_topology_t h = NULL;
	struct aside aside;
	int r;

	hide_variables(&aside);
	r = hwloc_topology_init(&h);
	if (r == 0)
		r = load(h, from);
	if (r != 0) {
		(void)buf_printf(why, "hwloc can't read it: %s",
		    strerror(errno));
		r = from->xml != NULL || from->synthetic != NULL ?
		    -ERR_SYNTAX : -ERR_SYSTEM;
	} else
		r = convert(h, tp, why);
	if (h != NULL)
		hwloc_topology_destroy(h);
	show_variables(&aside);
	return (r);
}

static void
name_it(struct topo *t, const char *what)
{
	(void)snprintf(t->what, sizeof(t->what), "%s", what);
}

int
topo_host(struct topo **tp, struct buf *why)
{
	const struct source here = { NULL, NULL };
	char name[128] = "this host";
	struct cpus mine;
	int r;

	*tp = NULL;
	if (cpus_get_affinity(0, &mine) != 0) {
		(void)buf_puts(why, "the CPU affinity mask can't be read");
		return (-ERR_SYSTEM);
	}
	if ((r = read_topology(&here, tp, why)) != 0)
		return (r);
	topo_allow(*tp, &mine);
	(void)gethostname(name, sizeof(name) - 1);
	name_it(*tp, name);
	return (0);
}

int
topo_file(const char *path, struct topo **tp, struct buf *why)
{
	const struct source from = { path, NULL };
	const char *base = strrchr(path, '/');
	int r;

	*tp = NULL;
	if (access(path, R_OK) != 0) {
		(void)buf_printf(why, "%s: %s", path, strerror(errno));
		return (-ERR_SYSTEM);
	}
	(void)buf_printf(why, "%s: ", path);
	if ((r = read_topology(&from, tp, why)) != 0)
		return (r);
	buf_reset(why);
	name_it(*tp, base != NULL ? base + 1 : path);
	return (0);
}

int
topo_synthetic(const char *text, struct topo **tp, struct buf *why)
{
	const struct source from = { NULL, text };
	int r;

	*tp = NULL;
	if ((r = read_topology(&from, tp, why)) == 0)
		name_it(*tp, text);
	return (r);
}

void
topo_allow(struct topo *t, const struct cpus *set)
{
	struct topo_core *c;
	int cpu;

	OBJ_CHECK(t, TOPO_MAGIC);
	t->allowed = *set;
	for (cpu = cpus_next(set, -1); cpu >= 0; cpu = cpus_next(set, cpu)) {
		if (topo_core_of(t, (unsigned)cpu) >= 0)
			continue;
		t->cores = xrealloc(t->cores,
		    (t->ncores + 1) * sizeof(*t->cores));
		t->node_os = xrealloc(t->node_os,
		    (t->ncores + 1) * sizeof(*t->node_os));
		t->node_os[t->ncores] = 0;
		c = &t->cores[t->ncores++];
		*c = (struct topo_core){ .cpu = { (uint16_t)cpu },
			.ncpus = 1 };
		t->ncpus++;
	}
}

void
topo_free(struct topo **tp)
{
	struct topo *t = *tp;

	if (t == NULL)
		return;
	OBJ_CHECK(t, TOPO_MAGIC);
	*tp = NULL;
	free(t->cores);
	free(t->node_os);
	t->magic = 0;
	free(t);
}

const char *
topo_kind_name(const struct topo *t, unsigned kind)
{
	return (t->nkinds <= 1 ? "" : kind == 0 ? "P" :
	    kind + 1 == t->nkinds ? "E" : "M");
}

int
topo_core_of(const struct topo *t, unsigned cpu)
{
	unsigned i, k;

	for (i = 0; i < t->ncores; i++)
		for (k = 0; k < t->cores[i].ncpus; k++)
			if (t->cores[i].cpu[k] == cpu)
				return ((int)i);
	return (-1);
}

unsigned
topo_core_cpus(const struct topo *t, unsigned core, const struct cpus *of,
    struct cpus *to)
{
	const struct topo_core *c = &t->cores[core];
	unsigned k, n = 0;

	for (k = 0; k < c->ncpus; k++)
		if (cpus_has(of, c->cpu[k])) {
			cpus_add(to, c->cpu[k]);
			n++;
		}
	return (n);
}
