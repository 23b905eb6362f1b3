/*
 * The plan. See plan.h. In order: what each pool asks for (GPUs, then CPUs,
 * then how many slots that makes), all that is wrong with it, and then who
 * gets what.
 */
#include "config.h"

#include "place/plan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "conf/conf.h"
#include "place/gpu.h"
#include "place/make.h"
#include "place/topo.h"

#define TEXT_MAX (1u << 20)

/* The keys of the pool that exists without a [pool], by those of a pool. */
static const struct {
	const char *key, *of_default;
} default_keys[] = {
	{ "devices", "gpu_device (GPU_DEVICE)" },
	{ "gpus", "use_gpu (USE_GPU)" },
	{ "slots", "max_concurrent_jobs (MAX_CONCURRENT_JOBS)" },
};

static const char *
key_name(const struct conf_pool *p, const char *key)
{
	unsigned i;

	for (i = 0; p != NULL && p->line == 0 && i < NELEM(default_keys); i++)
		if (strcmp(key, default_keys[i].key) == 0)
			return (default_keys[i].of_default);
	return (strcmp(key, "gpus") == 0 ? "devices" : key);
}

static int
line_of(const struct conf_pool *p, const char *key)
{
	int line = 0;

	if (p == NULL)
		return (0);
	if (strcmp(key, "cpus") == 0)
		line = p->cpus_line;
	else if (strcmp(key, "devices") == 0)
		line = p->devices_line;
	else if (strcmp(key, "gpus") == 0 && p->line > 0)
		line = p->devices_line;
	return (line != 0 ? line : p->line);
}

void
make_problem(struct make *m, const struct conf_pool *p, const char *key,
    const char *fmt, ...)
{
	va_list ap;

	m->nproblems++;
	if (m->c->path != NULL)
		conf_put_at(m->c, line_of(p, key), m->problems);
	(void)buf_printf(m->problems, "%s: ", key_name(p, key));
	va_start(ap, fmt);
	(void)buf_vprintf(m->problems, fmt, ap);
	va_end(ap);
	(void)buf_putc(m->problems, '\n');
}

void
make_warning(struct make *m, const char *fmt, ...)
{
	va_list ap;

	m->p->nwarnings++;
	va_start(ap, fmt);
	(void)buf_vprintf(&m->p->warnings, fmt, ap);
	va_end(ap);
	(void)buf_putc(&m->p->warnings, '\n');
}

bool
plan_wants_gpus(const struct conf *c)
{
	unsigned i;

	for (i = 0; i < c->npools; i++)
		if (c->pools[i].ndevices > 0)
			return (true);
	return (false);
}

static void
count_slots(struct make *m)
{
	struct plan *p = m->p;
	struct ask *a;
	unsigned i;

	p->npools = m->c->npools;
	p->pools = xcalloc(p->npools, sizeof(*p->pools));
	for (i = 0; i < p->npools; i++) {
		a = &m->asks[i];
		if (a->pool->ndevices == 0)
			a->nslots = a->pool->nslots > 0 ? a->pool->nslots :
			    make_auto_slots(m, a);
		p->pools[i] = (struct plan_pool){
			.name = xstrdup(a->pool->name), .first = p->nslots,
			.nslots = a->nslots, .gpu = a->pool->ndevices > 0 };
		p->nslots += a->nslots;
		if (p->nslots > CONF_SLOTS_MAX)
			make_problem(m, a->pool, "slots", "%u slots up to "
			    "[pool %s], more than the %u of one daemon",
			    p->nslots, a->pool->name, CONF_SLOTS_MAX);
	}
}

static void
make_slots(struct make *m)
{
	struct plan *p = m->p;
	struct plan_slot *s;
	unsigned i, k;

	p->slots = xcalloc(p->nslots + 1, sizeof(*p->slots));
	m->near = xcalloc(p->nslots + 1, sizeof(*m->near));
	m->got = xcalloc(p->nslots + 1, sizeof(*m->got));
	for (i = 0; i < p->npools; i++)
		for (k = 0; k < p->pools[i].nslots; k++) {
			s = &p->slots[p->pools[i].first + k];
			s->pool = xstrdup(p->pools[i].name);
			s->at = k;
			s->devices = xstrdup("");
			m->got[p->pools[i].first + k] =
			    xcalloc(m->t->ncores, sizeof(bool));
		}
}

static char *
list_text(const struct cpus *set)
{
	struct buf b;
	char *text;

	buf_init(&b, TEXT_MAX);
	(void)cpus_put(&b, set);
	text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return (text);
}

/* NUMA nodes by the kernel's numbers, as list text. */
static char *
nodes_text(const struct make *m, const bool *cores, unsigned *np)
{
	struct cpus nodes;
	unsigned i;

	cpus_clear(&nodes);
	for (i = 0; i < m->t->ncores; i++)
		if (cores[i] && m->t->node_os[m->t->cores[i].node] < CPUS_MAX)
			cpus_add(&nodes,
			    m->t->node_os[m->t->cores[i].node]);
	*np = cpus_count(&nodes);
	return (list_text(&nodes));
}

static const char *
kind_of(const struct make *m, const bool *cores)
{
	const char *kind = NULL, *k;
	unsigned i;

	for (i = 0; i < m->t->ncores; i++) {
		if (!cores[i])
			continue;
		k = topo_kind_name(m->t, m->t->cores[i].kind);
		if (kind != NULL && strcmp(kind, k) != 0)
			return ("mixed");
		kind = k;
	}
	return (kind != NULL ? kind : "");
}

/* Texts of the slots, and what people should know of them. */
static void
describe_slots(struct make *m)
{
	unsigned i, n, shared = 0, far = 0;
	struct plan_slot *s;
	struct cpus near;

	for (i = 0; i < m->p->nslots; i++) {
		s = &m->p->slots[i];
		s->cpus_text = list_text(&s->cpus);
		s->nodes = nodes_text(m, m->got[i], &n);
		s->kind = kind_of(m, m->got[i]);
		if (strcmp(s->kind, "mixed") == 0)
			make_warning(m, "slot %u of [pool %s] has cores of "
			    "several kinds", s->at, s->pool);
		shared += s->shared;
		near = s->cpus;
		cpus_and(&near, &m->near[i]);
		far += cpus_count(&m->near[i]) > 0 && cpus_count(&near) == 0;
		if (n > 1 && s->ngpus <= 1)
			make_warning(m, "slot %u of [pool %s] has cores of "
			    "nodes %s", s->at, s->pool, s->nodes);
	}
	if (shared > 0)
		make_warning(m, "%u of %u slots share cores with others: "
		    "there are more slots than cores for them", shared,
		    m->p->nslots);
	if (far > 0)
		make_warning(m, "%u slot(s) have no core near their GPU", far);
}

/* GPUs that two pools hand out at the same time. */
static void
warn_of_sharers(struct make *m)
{
	const struct ask *a, *b;
	unsigned i, k;

	for (a = m->asks; a < m->asks + m->c->npools; a++)
		for (b = m->asks; b < a; b++)
			for (i = 0; i < a->ngpus; i++)
				for (k = 0; k < b->ngpus; k++)
					if (a->gpus[i] == b->gpus[k])
						make_warning(m, "%s is shared "
						    "by [pool %s] and [pool "
						    "%s]", a->gpus[i]->uuid,
						    b->pool->name,
						    a->pool->name);
}

/* Cores of a kind that slots have, all of them together. */
static unsigned
used_of_kind(const struct make *m, unsigned kind)
{
	unsigned i, s, n = 0;

	for (i = 0; i < m->t->ncores; i++)
		for (s = 0; s < m->p->nslots; s++)
			n += m->t->cores[i].kind == kind && m->got[s][i];
	return (n);
}

/* Fewer slots than kinds: some kind is no slot's. */
static void
warn_of_kinds(struct make *m)
{
	struct cpus mine;
	unsigned k, i, n;

	for (k = 0; k < m->t->nkinds && m->t->nkinds > 1; k++) {
		for (i = n = 0; i < m->t->ncores; i++) {
			cpus_clear(&mine);
			n += m->t->cores[i].kind == k && topo_core_cpus(m->t,
			    i, &m->p->usable, &mine) > 0;
		}
		if (n > 0 && used_of_kind(m, k) == 0)
			make_warning(m, "no slot has one of the %u %s cores, "
			    "because each has cores of one kind: name CPUs "
			    "for a pool to mix them", n,
			    topo_kind_name(m->t, k));
	}
}

/* What is left, and where the daemon itself is to run. */
static void
keep_rest(struct make *m)
{
	const char *keep = m->c->supervisor.housekeeping_cpus;
	struct plan *p = m->p;
	unsigned i;
	int cpu;

	for (cpu = cpus_next(&p->usable, -1); cpu >= 0;
	    cpu = cpus_next(&p->usable, cpu)) {
		for (i = 0; i < p->nslots && !cpus_has(&p->slots[i].cpus,
		    (unsigned)cpu); i++)
			;
		if (i == p->nslots)
			cpus_add(&p->left, (unsigned)cpu);
	}
	if (cpus_count(&m->keep) > 0)
		p->keeper = m->keep;
	else if (strcasecmp(keep, "auto") == 0)
		p->keeper = p->left;
}

static void
ask(struct make *m)
{
	unsigned i;

	for (i = 0; i < m->t->ncores; i++)
		(void)topo_core_cpus(m->t, i, &m->t->allowed, &m->p->usable);
	m->asks = xcalloc(m->c->npools + 1, sizeof(*m->asks));
	for (i = 0; i < m->c->npools; i++) {
		m->asks[i].pool = &m->c->pools[i];
		make_ask_gpus(m, &m->asks[i]);
	}
	make_ask_cpus(m);
	if (cpus_count(&m->p->usable) == 0)
		make_problem(m, NULL, "cpus", "no CPU of %s may be used",
		    m->t->what);
	if (m->nproblems == 0)
		count_slots(m);
}

static void
give(struct make *m)
{
	unsigned i;

	make_slots(m);
	deal_init(&m->deal, m->t);
	for (i = 0; i < m->c->npools; i++)
		make_give_gpus(m, &m->asks[i], m->p->pools[i].first);
	make_give_cpus(m);
	describe_slots(m);
	warn_of_sharers(m);
	warn_of_kinds(m);
	keep_rest(m);
}

static void
clean(struct make *m)
{
	unsigned i;

	for (i = 0; i < m->c->npools; i++)
		free(m->asks[i].gpus);
	free(m->asks);
	for (i = 0; m->got != NULL && i < m->p->nslots; i++)
		free(m->got[i]);
	free(m->got);
	free(m->near);
	deal_fini(&m->deal);
}

int
plan_make(const struct conf *c, const struct topo *t,
    const struct gpu_list *gpus, struct plan **pp, struct buf *problems)
{
	struct make m = { .c = c, .t = t, .gpus = gpus,
		.problems = problems };

	OBJ_CHECK(t, TOPO_MAGIC);
	*pp = NULL;
	m.p = xcalloc(1, sizeof(*m.p));
	m.p->magic = PLAN_MAGIC;
	buf_init(&m.p->warnings, TEXT_MAX);
	ask(&m);
	if (m.nproblems == 0)
		give(&m);
	clean(&m);
	if (m.nproblems > 0) {
		plan_free(&m.p);
		return (-ERR_CONFIG);
	}
	*pp = m.p;
	return (0);
}

void
plan_slot_fini(struct plan_slot *s)
{
	free(s->pool);
	free(s->cpus_text);
	free(s->nodes);
	free(s->devices);
	free(s->gpus);
	memset(s, 0, sizeof(*s));
}

void
plan_slot_copy(struct plan_slot *to, const struct plan_slot *from)
{
	struct plan_slot copy = *from;

	copy.pool = xstrdup(from->pool);
	copy.cpus_text = xstrdup(from->cpus_text);
	copy.nodes = xstrdup(from->nodes);
	copy.devices = xstrdup(from->devices);
	copy.gpus = xcalloc(from->ngpus + 1, sizeof(*copy.gpus));
	if (from->ngpus > 0)
		memcpy(copy.gpus, from->gpus,
		    from->ngpus * sizeof(*copy.gpus));
	plan_slot_fini(to);
	*to = copy;
}

void
plan_free(struct plan **pp)
{
	struct plan *p = *pp;
	unsigned i;

	if (p == NULL)
		return;
	OBJ_CHECK(p, PLAN_MAGIC);
	*pp = NULL;
	for (i = 0; p->slots != NULL && i < p->nslots; i++)
		plan_slot_fini(&p->slots[i]);
	for (i = 0; p->pools != NULL && i < p->npools; i++)
		free(p->pools[i].name);
	free(p->slots);
	free(p->pools);
	buf_fini(&p->warnings);
	p->magic = 0;
	free(p);
}

const struct plan_slot *
plan_find(const struct plan *p, const char *pool, unsigned at)
{
	unsigned i;

	OBJ_CHECK(p, PLAN_MAGIC);
	for (i = 0; i < p->npools; i++)
		if (strcmp(p->pools[i].name, pool) == 0)
			return (at < p->pools[i].nslots ?
			    &p->slots[p->pools[i].first + at] : NULL);
	return (NULL);
}

bool
plan_same(const struct plan_slot *a, const struct plan_slot *b)
{
	return (cpus_equal(&a->cpus, &b->cpus) &&
	    strcmp(a->nodes, b->nodes) == 0 &&
	    strcmp(a->devices, b->devices) == 0);
}
