/*
 * Processes found by a look through /proc, for hosts without cgroups: those
 * that descend from a slot's child, or carry the slot's mark in the
 * environment that they were started with. Also words one process.
 */
#ifndef SUPERVISOR_SWEEP_H
#define SUPERVISOR_SWEEP_H

#include <sys/types.h>
#include <stdbool.h>

#include "base/buf.h"
#include "supervisor/pids.h"

/*
 * Adds the processes of a slot, zombies left out. child: 0 if it is gone.
 * False: one may have been missed, look again.
 */
bool sweep_pids(const char *mark, pid_t child, struct pids *out);
/* Its first environment has GANGER_MARK=mark. A mark that ends with '/'
 * stands for all that begin with it. */
bool sweep_has_mark(pid_t pid, const char *mark);
/* Sends KILL to all that have such a mark, us left out; how many. */
unsigned sweep_kill(const char *mark);
/* "pid 12 (name) state D wchan x" */
void sweep_describe(pid_t pid, struct buf *b);

#endif
