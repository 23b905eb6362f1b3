/* Placement. See place.h. */
#include "config.h"

#include "supervisor/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/err.h"
#include "base/xalloc.h"

static bool
is_auto(const struct conf_pool *p)
{
	return (strcmp(p->cpus, "auto") == 0 || p->cpus[0] == '\0');
}

/* The at-th of n shares of a set: a run of its CPUs, or one CPU by turns. */
static void
share(const struct cpus *all, unsigned at, unsigned n, struct cpus *out)
{
	unsigned total = cpus_count(all), from, to, i = 0;
	int cpu;

	cpus_clear(out);
	if (n <= total) {
		from = at * total / n;
		to = (at + 1) * total / n;
	} else {
		from = at % total;
		to = from + 1;
	}
	for (cpu = cpus_next(all, -1); cpu >= 0; cpu = cpus_next(all, cpu), i++)
		if (i >= from && i < to)
			cpus_add(out, (unsigned)cpu);
}

static int
named_cpus(const struct conf_pool *p, const struct cpus *mine,
    struct cpus *out, struct buf *why)
{
	struct cpus both;

	if (cpus_parse(p->cpus, out) != 0) {
		(void)buf_printf(why, "[pool %s] cpus = %s is no list of CPUs",
		    p->name, p->cpus);
		return (-ERR_CONFIG);
	}
	both = *out;
	cpus_and(&both, mine);
	if (cpus_count(out) > 0 && cpus_equal(&both, out))
		return (0);
	(void)buf_printf(why, "[pool %s] cpus = %s: this host gives us only "
	    "CPUs ", p->name, p->cpus);
	(void)cpus_put(why, mine);
	return (-ERR_CONFIG);
}

int
place_slots(const struct conf *c, struct cpus **setsp, unsigned *np,
    bool *sharedp, struct buf *why)
{
	struct cpus mine, left, named;
	unsigned i, k, n = 0, autos = 0, at = 0, total;
	int cpu;

	*setsp = NULL;
	*sharedp = false;
	if (cpus_get_affinity(0, &mine) != 0) {
		(void)buf_puts(why, "the CPU affinity mask can't be read");
		return (-ERR_SYSTEM);
	}
	left = mine;
	for (i = 0; i < c->npools; i++) {
		n += c->pools[i].nslots;
		if (is_auto(&c->pools[i])) {
			autos += c->pools[i].nslots;
			continue;
		}
		if (named_cpus(&c->pools[i], &mine, &named, why) != 0)
			return (-ERR_CONFIG);
		for (cpu = 0; cpu < CPUS_MAX; cpu++)
			if (cpus_has(&named, (unsigned)cpu))
				left.w[cpu / 64] &= ~(UINT64_C(1) << cpu % 64);
	}
	if (cpus_count(&left) == 0)
		left = mine;    /* all are named: auto pools share them all */
	total = cpus_count(&left);
	*setsp = xcalloc(n == 0 ? 1 : n, sizeof(**setsp));
	*np = n;
	for (n = i = 0; i < c->npools; i++) {
		(void)(is_auto(&c->pools[i]) ? 0 :
		    cpus_parse(c->pools[i].cpus, &named));
		for (k = 0; k < c->pools[i].nslots; k++, n++)
			if (is_auto(&c->pools[i]))
				share(&left, at++, autos, *setsp + n);
			else {
				share(&named, k, c->pools[i].nslots,
				    *setsp + n);
				*sharedp = *sharedp || c->pools[i].nslots >
				    cpus_count(&named);
			}
	}
	*sharedp = *sharedp || autos > total;
	return (0);
}
