/* A set of processes, bounded. */
#ifndef SUPERVISOR_PIDS_H
#define SUPERVISOR_PIDS_H

#include <sys/types.h>
#include <stdbool.h>

#define PIDS_MAX 4096

struct pids {
	pid_t pid[PIDS_MAX];
	unsigned n;
};

static inline bool
pids_has(const struct pids *p, pid_t pid)
{
	unsigned i;

	for (i = 0; i < p->n; i++)
		if (p->pid[i] == pid)
			return (true);
	return (false);
}

/* What does not fit is left out: whoever asks looks again. */
static inline void
pids_add(struct pids *p, pid_t pid)
{
	if (p->n < PIDS_MAX && !pids_has(p, pid))
		p->pid[p->n++] = pid;
}

#endif
