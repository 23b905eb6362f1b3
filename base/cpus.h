/* A set of logical CPUs, up to 4096, and its list text ("0-2,4"). */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define CPUS_MAX 4096

struct cpus {
	uint64_t w[CPUS_MAX / 64];
};

void cpus_clear(struct cpus *c);
void cpus_add(struct cpus *c, unsigned cpu);
bool cpus_has(const struct cpus *c, unsigned cpu);
unsigned cpus_count(const struct cpus *c);
bool cpus_equal(const struct cpus *a, const struct cpus *b);
void cpus_and(struct cpus *c, const struct cpus *other);
int cpus_next(const struct cpus *c, int after); /* next set bit > after, or -1 */
/* Blanks around commas and a final newline pass; "" is the empty set. */
int cpus_parse(const char *text, struct cpus *c); /* 0, -ERR_SYNTAX, -ERR_RANGE */
int cpus_put(struct buf *b, const struct cpus *c);
int cpus_get_affinity(pid_t pid, struct cpus *c); /* 0: self. 0 or -ERR_SYSTEM */
int cpus_set_affinity(pid_t pid, const struct cpus *c); /* 0 or -ERR_SYSTEM */

#endif
