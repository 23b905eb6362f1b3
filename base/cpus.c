/*
 * Sets of logical CPUs, their list text as in sysfs and taskset, and a
 * process's affinity. It knows nothing of cores, nodes or policy.
 */
#include "config.h"

#include "base/cpus.h"

#include <sched.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"

#define WORD(cpu) ((cpu) / 64)
#define BIT(cpu) (UINT64_C(1) << ((cpu) % 64))

/* cpu_set_t holds CPU_SETSIZE CPUs; an array of them is one longer set. */
struct mask {
	cpu_set_t set[CPUS_MAX / CPU_SETSIZE];
};

void
cpus_clear(struct cpus *c)
{
	memset(c, 0, sizeof(*c));
}

void
cpus_add(struct cpus *c, unsigned cpu)
{
	ASSERT(cpu < CPUS_MAX);
	c->w[WORD(cpu)] |= BIT(cpu);
}

bool
cpus_has(const struct cpus *c, unsigned cpu)
{
	return (cpu < CPUS_MAX && (c->w[WORD(cpu)] & BIT(cpu)) != 0);
}

unsigned
cpus_count(const struct cpus *c)
{
	unsigned i, n = 0;

	for (i = 0; i < NELEM(c->w); i++)
		n += (unsigned)__builtin_popcountll(c->w[i]);
	return (n);
}

bool
cpus_equal(const struct cpus *a, const struct cpus *b)
{
	return (memcmp(a, b, sizeof(*a)) == 0);
}

void
cpus_and(struct cpus *c, const struct cpus *other)
{
	unsigned i;

	for (i = 0; i < NELEM(c->w); i++)
		c->w[i] &= other->w[i];
}

int
cpus_next(const struct cpus *c, int after)
{
	unsigned from = after < 0 ? 0 : (unsigned)after + 1, i;
	uint64_t word;

	for (i = WORD(from); i < NELEM(c->w); i++) {
		word = c->w[i];
		if (i == WORD(from))
			word &= ~UINT64_C(0) << from % 64;
		if (word != 0)
			return ((int)(i * 64) + __builtin_ctzll(word));
	}
	return (-1);
}

static const char *
skip_blanks(const char *s)
{
	return (s + strspn(s, " \t"));
}

/* One number of the list; *sp moves behind it. */
static int
parse_cpu(const char **sp, unsigned *cpup)
{
	const char *s = *sp;
	unsigned cpu = 0;

	if (*s < '0' || *s > '9')
		return (-ERR_SYNTAX);
	for (; *s >= '0' && *s <= '9'; s++) {
		cpu = cpu * 10 + (unsigned)(*s - '0');
		if (cpu >= CPUS_MAX)
			return (-ERR_RANGE);
	}
	*sp = s;
	*cpup = cpu;
	return (0);
}

/* "4" or "0-2"; *sp moves behind it. */
static int
parse_run(const char **sp, struct cpus *c)
{
	unsigned first, last;
	int r;

	if ((r = parse_cpu(sp, &first)) != 0)
		return (r);
	last = first;
	if (**sp == '-') {
		++*sp;
		if ((r = parse_cpu(sp, &last)) != 0)
			return (r);
	}
	if (last < first)
		return (-ERR_SYNTAX);
	for (; first <= last; first++)
		cpus_add(c, first);
	return (0);
}

int
cpus_parse(const char *text, struct cpus *c)
{
	const char *s = skip_blanks(text);
	int r;

	cpus_clear(c);
	if (*s == '\0' || strcmp(s, "\n") == 0)
		return (0);
	for (;;) {
		s = skip_blanks(s);
		if ((r = parse_run(&s, c)) != 0)
			return (r);
		s = skip_blanks(s);
		if (*s == '\0' || strcmp(s, "\n") == 0)
			return (0);
		if (*s++ != ',')
			return (-ERR_SYNTAX);
	}
}

int
cpus_put(struct buf *b, const struct cpus *c)
{
	const char *comma = "";
	int first, last, r;

	for (first = cpus_next(c, -1); first >= 0; first = cpus_next(c, last)) {
		last = first;
		while (cpus_has(c, (unsigned)last + 1))
			last++;
		if (last == first)
			r = buf_printf(b, "%s%d", comma, first);
		else
			r = buf_printf(b, "%s%d-%d", comma, first, last);
		if (r != 0)
			return (r);
		comma = ",";
	}
	return (0);
}

int
cpus_get_affinity(pid_t pid, struct cpus *c)
{
	struct mask m;
	unsigned cpu;

	memset(&m, 0, sizeof(m));
	if (sched_getaffinity(pid, sizeof(m), m.set) == -1)
		return (-ERR_SYSTEM);
	cpus_clear(c);
	for (cpu = 0; cpu < CPUS_MAX; cpu++)
		if (CPU_ISSET_S(cpu, sizeof(m), m.set))
			cpus_add(c, cpu);
	return (0);
}

int
cpus_set_affinity(pid_t pid, const struct cpus *c)
{
	struct mask m;
	int cpu;

	memset(&m, 0, sizeof(m));
	for (cpu = cpus_next(c, -1); cpu >= 0; cpu = cpus_next(c, cpu))
		CPU_SET_S((size_t)cpu, sizeof(m), m.set);
	if (sched_setaffinity(pid, sizeof(m), m.set) == -1)
		return (-ERR_SYSTEM);
	return (0);
}
