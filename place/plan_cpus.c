/*
 * Which CPUs each slot gets. First what pools name, then the rest for those
 * with cpus = auto; slots with a GPU before others, because they have fewer
 * cores to choose from. Whole cores, SMT siblings together.
 */
#include "config.h"

#include "place/make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/obj.h"
#include "base/xalloc.h"
#include "conf/conf.h"
#include "place/topo.h"

#define KEEP_FROM 4     /* cores per slot from which one is worth keeping */

/* Slots that share out one set of cores. */
struct party {
	bool *set;              /* owns; by core */
	unsigned *slot;         /* owns */
	unsigned n;
	bool named;             /* the cores are those that the pool names */
};

static bool
meet(const struct cpus *a, const struct cpus *b)
{
	struct cpus both = *a;

	cpus_and(&both, b);
	return (cpus_count(&both) > 0);
}

static void
add_all(struct cpus *to, const struct cpus *from)
{
	int cpu;

	for (cpu = cpus_next(from, -1); cpu >= 0; cpu = cpus_next(from, cpu))
		cpus_add(to, (unsigned)cpu);
}

static void
drop_all(struct cpus *from, const struct cpus *what)
{
	struct cpus left;
	int cpu;

	cpus_clear(&left);
	for (cpu = cpus_next(from, -1); cpu >= 0; cpu = cpus_next(from, cpu))
		if (!cpus_has(what, (unsigned)cpu))
			cpus_add(&left, (unsigned)cpu);
	*from = left;
}

/* The list of a pool must be of this host, and ours. */
static void
check_named(struct make *m, const struct conf_pool *p, const char *key,
    const struct cpus *named)
{
	struct cpus strange = *named, known;
	struct buf text;
	unsigned i;

	drop_all(&strange, &m->p->usable);
	if (cpus_count(&strange) == 0)
		return;
	cpus_clear(&known);
	for (i = 0; i < m->t->ncores; i++)
		(void)topo_core_cpus(m->t, i, &strange, &known);
	buf_init(&text, 64u << 10);
	(void)cpus_put(&text, &strange);
	(void)buf_puts(&text, cpus_equal(&known, &strange) ?
	    " may not be used here, only " :
	    cpus_count(&known) == 0 ? " is not on this host, we may use " :
	    " is not on this host or may not be used, only ");
	(void)cpus_put(&text, &m->p->usable);
	make_problem(m, p, key, "CPU %s", buf_cstr(&text));
	buf_fini(&text);
}

/* Allowed: an operator may know that the pools are not busy together. */
static void
warn_of_overlap(struct make *m, const struct ask *a,
    const struct cpus *other, const char *whose)
{
	struct cpus both = a->named;
	struct buf text;

	cpus_and(&both, other);
	if (cpus_count(&both) == 0)
		return;
	buf_init(&text, 64u << 10);
	(void)cpus_put(&text, &both);
	make_warning(m, "CPU %s of [pool %s] is named by %s too",
	    buf_cstr(&text), a->pool->name, whose);
	buf_fini(&text);
}

static void
check_others(struct make *m, const struct ask *a)
{
	const struct ask *b;
	char whose[160];

	for (b = m->asks; b < a; b++) {
		(void)snprintf(whose, sizeof(whose), "[pool %.140s]",
		    b->pool->name);
		warn_of_overlap(m, a, &b->named, whose);
	}
	warn_of_overlap(m, a, &m->keep, "housekeeping_cpus");
}

void
make_ask_cpus(struct make *m)
{
	const char *keep = m->c->supervisor.housekeeping_cpus;
	struct ask *a;

	/* conf/ has refused what is neither a list nor a word */
	if (cpus_parse(keep, &m->keep) != 0)
		cpus_clear(&m->keep);
	check_named(m, NULL, "housekeeping_cpus", &m->keep);
	for (a = m->asks; a < m->asks + m->c->npools; a++) {
		if (cpus_parse(a->pool->cpus, &a->named) != 0)
			cpus_clear(&a->named);
		check_named(m, a->pool, "cpus", &a->named);
		check_others(m, a);
	}
}

/*
 * Cores of a pool: those it names, in whole or in part; for auto those of
 * which nobody names a part. If there are none, auto shares with the others.
 */
static bool *
cores_of(const struct make *m, const struct ask *a)
{
	bool *set = xcalloc(m->t->ncores, sizeof(*set)), any = false;
	struct cpus taken = m->keep, mine;
	unsigned i;

	for (i = 0; i < m->c->npools; i++)
		add_all(&taken, &m->asks[i].named);
	for (i = 0; i < m->t->ncores; i++) {
		cpus_clear(&mine);
		(void)topo_core_cpus(m->t, i, &m->p->usable, &mine);
		set[i] = cpus_count(&a->named) > 0 ? meet(&mine, &a->named) :
		    cpus_count(&mine) > 0 && !meet(&mine, &taken);
		any = any || set[i];
	}
	for (i = 0; i < m->t->ncores && !any; i++) {
		cpus_clear(&mine);
		set[i] = topo_core_cpus(m->t, i, &m->p->usable, &mine) > 0;
	}
	return (set);
}

static unsigned
count(const struct make *m, const bool *set)
{
	unsigned i, n = 0;

	for (i = 0; i < m->t->ncores; i++)
		n += set[i];
	return (n);
}

unsigned
make_auto_slots(const struct make *m, const struct ask *a)
{
	bool *set = cores_of(m, a);
	unsigned n = conf_cpu_slots(count(m, set));

	free(set);
	return (n);
}

/* The cores of a set that a slot finds near its GPU. */
static bool *
near_cores(const struct make *m, const struct party *y, unsigned slot)
{
	bool *near = xcalloc(m->t->ncores, sizeof(*near));
	struct cpus unused;
	unsigned i;

	cpus_clear(&unused);
	for (i = 0; i < m->t->ncores; i++)
		near[i] = y->set[i] &&
		    topo_core_cpus(m->t, i, &m->near[slot], &unused) > 0;
	return (near);
}

/* More slots than cores: everybody gets the least used one that suits. */
static void
share(struct make *m, const struct party *y)
{
	bool *near;
	unsigned i;

	for (i = 0; i < y->n; i++) {
		near = near_cores(m, y, y->slot[i]);
		if (!deal_share(&m->deal, near, m->got[y->slot[i]]))
			(void)deal_share(&m->deal, y->set, m->got[y->slot[i]]);
		free(near);
	}
}

/* Fewer free cores than slots: those are shared among these slots. */
static void
crowd(struct make *m, const bool *set, const unsigned *slot, unsigned n)
{
	bool *free_now = xcalloc(m->t->ncores, sizeof(*free_now));
	unsigned i;

	for (i = 0; i < m->t->ncores; i++)
		free_now[i] = set[i] && m->deal.load[i] == 0;
	for (i = 0; i < n; i++)
		(void)deal_share(&m->deal, free_now, m->got[slot[i]]);
	free(free_now);
}

/*
 * Domains: slots of a party that are near the same CPUs. By slot of the party
 * the first one of its domain; the caller frees.
 */
static unsigned *
find_domains(const struct make *m, const struct party *y)
{
	unsigned *domain = xcalloc(y->n + 1, sizeof(*domain)), i, k;

	for (i = 0; i < y->n; i++) {
		for (k = 0; k < i && (domain[k] != k ||
		    !cpus_equal(&m->near[y->slot[i]],
		    &m->near[y->slot[k]])); k++)
			;
		domain[i] = k;
	}
	return (domain);
}

static unsigned
size_of(const struct party *y, const unsigned *domain, unsigned d)
{
	unsigned i, n = 0;

	for (i = d; i < y->n; i++)
		n += domain[i] == d;
	return (n);
}

/*
 * The domain that is yet to be served with the fewest near cores per slot: so
 * what the poorest leave of their fair part is for the others. y->n: none has
 * near cores.
 */
static unsigned
poorest(const struct make *m, const struct party *y, const bool *todo,
    const unsigned *domain)
{
	unsigned i, n, size, least = 0, of = 1, best = y->n;
	bool *near;

	for (i = 0; i < y->n; i++) {
		if (!todo[i] || domain[i] != i)
			continue;
		near = near_cores(m, y, y->slot[i]);
		n = deal_free(&m->deal, near);
		free(near);
		size = size_of(y, domain, i);
		if (n > 0 && (best == y->n || n * of < least * size)) {
			best = i;
			least = n;
			of = size;
		}
	}
	return (best);
}

/* Whether a slot that is still to come may want one of these cores. */
static bool
wanted_by_others(const struct make *m, const struct party *y,
    const bool *todo, const bool *set)
{
	bool *near, found = false;
	unsigned i, k;

	for (i = 0; i < y->n && !found; i++) {
		if (!todo[i])
			continue;
		near = near_cores(m, y, y->slot[i]);
		found = deal_free(&m->deal, near) == 0;
		for (k = 0; k < m->t->ncores && !found; k++)
			found = near[k] && set[k];
		free(near);
	}
	return (found);
}

/* Serves one domain; a slot gets no more than its fair part of all if others
 * wait for the same cores. */
static void
serve_domain(struct make *m, const struct party *y, bool *todo,
    const unsigned *domain, unsigned d, unsigned *leftp)
{
	unsigned *slot = xcalloc(y->n, sizeof(*slot)), n = 0, i, fair, have;
	bool *near = near_cores(m, y, y->slot[d]);

	fair = deal_free(&m->deal, y->set) / *leftp;
	if (fair == 0)
		fair = 1;
	have = deal_free(&m->deal, near);
	for (i = d; i < y->n; i++)
		if (domain[i] == d) {
			todo[i] = false;
			slot[n++] = y->slot[i];
		}
	*leftp -= n;
	if (have < n)
		crowd(m, near, slot, n);
	else
		make_split(m, near, slot, n,
		    wanted_by_others(m, y, todo, near) ? fair : have,
		    MAKE_FAST);
	free(near);
	free(slot);
}

static void
deal_party(struct make *m, const struct party *y)
{
	unsigned left = y->n, d, i, n = 0;
	unsigned *rest, *domain;
	bool *todo;

	if (deal_free(&m->deal, y->set) < y->n) {
		share(m, y);
		return;
	}
	todo = xcalloc(y->n, sizeof(*todo));
	rest = xcalloc(y->n, sizeof(*rest));
	domain = find_domains(m, y);
	memset(todo, true, y->n);
	while ((d = poorest(m, y, todo, domain)) < y->n)
		serve_domain(m, y, todo, domain, d, &left);
	for (i = 0; i < y->n; i++)
		if (todo[i])
			rest[n++] = y->slot[i];
	if (n > 0 && deal_free(&m->deal, y->set) >= n)
		make_split(m, y->set, rest, n, m->t->ncores, y->named ?
		    MAKE_ALL : MAKE_EACH);
	else if (n > 0)
		crowd(m, y->set, rest, n);
	free(domain);
	free(rest);
	free(todo);
}

static void
join_party(struct make *m, struct party *y, unsigned pool)
{
	unsigned i;

	y->slot = xrealloc(y->slot, (y->n + m->asks[pool].nslots + 1) *
	    sizeof(*y->slot));
	for (i = 0; i < m->asks[pool].nslots; i++)
		y->slot[y->n++] = m->p->pools[pool].first + i;
}

/* Whether some core of the set will be left because it is near no slot's
 * GPU. */
static bool
leaves_some(const struct make *m, const struct party *y)
{
	bool *near, *reached = xcalloc(m->t->ncores, sizeof(*reached));
	unsigned i, k, n;
	bool left = false;

	for (i = 0; i < y->n; i++) {
		near = near_cores(m, y, y->slot[i]);
		n = deal_free(&m->deal, near);
		for (k = 0; k < m->t->ncores; k++)
			reached[k] = reached[k] || n == 0 || near[k];
		free(near);
	}
	for (k = 0; k < m->t->ncores; k++)
		left = left || (y->set[k] && !reached[k]);
	free(reached);
	return (left);
}

/*
 * One core for the daemon where it costs little: where the cores can't be
 * shared out evenly anyway, or where each slot has many. The first one:
 * interrupts and the system's own work are there already. Where cores differ,
 * the first of the slowest kind.
 */
static void
keep_core(struct make *m, struct party *y)
{
	unsigned have = count(m, y->set), i, best = m->t->ncores;

	if (strcasecmp(m->c->supervisor.housekeeping_cpus, "auto") != 0 ||
	    y->n == 0 || have <= y->n ||
	    (have % y->n == 0 && have / y->n < KEEP_FROM) ||
	    leaves_some(m, y))
		return;
	for (i = 0; i < m->t->ncores; i++)
		if (y->set[i] && (best == m->t->ncores ||
		    m->t->cores[i].kind > m->t->cores[best].kind))
			best = i;
	y->set[best] = false;
}

/* CPUs of a slot's cores, as far as the pool may use them. */
static void
take_cpus(struct make *m, const struct ask *a, unsigned slot)
{
	const struct cpus *may = cpus_count(&a->named) > 0 ? &a->named :
	    &m->p->usable;
	struct plan_slot *s = &m->p->slots[slot];
	unsigned i;

	for (i = 0; i < m->t->ncores; i++)
		if (m->got[slot][i]) {
			(void)topo_core_cpus(m->t, i, may, &s->cpus);
			s->shared = s->shared || m->deal.load[i] > 1;
			s->ncores++;
		}
}

void
make_give_cpus(struct make *m)
{
	struct party autos = { NULL, NULL, 0, false }, y;
	const struct ask *a;
	unsigned i, k;

	for (i = 0; i < m->c->npools; i++) {
		a = &m->asks[i];
		if (cpus_count(&a->named) == 0) {
			if (autos.set == NULL)
				autos.set = cores_of(m, a);
			join_party(m, &autos, i);
			continue;
		}
		y = (struct party){ cores_of(m, a), NULL, 0, true };
		join_party(m, &y, i);
		deal_party(m, &y);
		free(y.set);
		free(y.slot);
	}
	if (autos.n > 0) {
		keep_core(m, &autos);
		deal_party(m, &autos);
	}
	free(autos.set);
	free(autos.slot);
	for (i = 0; i < m->c->npools; i++)
		for (k = 0; k < m->asks[i].nslots; k++)
			take_cpus(m, &m->asks[i], m->p->pools[i].first + k);
}
