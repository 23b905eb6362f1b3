/*
 * The limits of running jobs: load_timeout, timeout, no_progress_timeout, and
 * memory; and when a child is worn out. The supervisor's monotonic clock keeps
 * them. Which one a slot is over is decided here; what happens then is the
 * slot machine's business.
 */
#ifndef SUPERVISOR_LIMIT_H
#define SUPERVISOR_LIMIT_H

#include <stdbool.h>

#include "base/clock.h"
#include "supervisor/slot.h"

struct job;
struct proc;
struct sup;

/* When the first of the running jobs is over one of its limits, and which. */
mono_t limit_due(struct proc *p, enum slot_why *why);
/* The job's process begins to load what it needs, or is done with that. */
void limit_phase(struct proc *p, struct job *j, bool loads);
/* Looks at the memory of slots that have a limit; every so often. */
void limit_watch(struct sup *sup, mono_t now);
/* The kernel ended something of the slot for its memory in this credit. */
bool limit_memory_hit(const struct proc *p);
/* A credit of the handler came back: may have the child replaced. */
void limit_worn(struct proc *p, unsigned handler);
/* The slot's timer fired and its phase has come. */
void limit_passed(struct proc *p);

#endif
