/*
 * Everything that a slot's child starts, wherever it hides. Three ways, best
 * first: a cgroup v2 leaf per slot (cgroup.kill, cgroup.events); a leaf in the
 * v1 freezer (all stopped, killed, thawed, until none is left); else a sweep
 * of /proc over the child's descendants, the orphans that came to us as
 * subreaper, and whatever still carries the slot's mark in its environment.
 */
#ifndef SUPERVISOR_CONTAIN_H
#define SUPERVISOR_CONTAIN_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* In the order of the values of [supervisor] containment. */
#define CONTAIN_WAYS(X) X(AUTO, "auto") X(CGROUP2, "cgroup2") \
	X(FREEZER, "freezer") X(SWEEP, "sweep")
enum contain_way {
#define X(id, name) CONTAIN_##id,
	CONTAIN_WAYS(X)
#undef X
};

struct contain {
	enum contain_way way;   /* never AUTO */
	char *dir;          /* the leaf; NULL when swept */
	bool killed;        /* cgroup.kill was written into it */
	char mark[64];      /* value of GANGER_MARK of this slot's processes */
};

/*
 * Finds the way: the wanted one, or the best that this host allows (AUTO).
 * Makes the folder under which leaves are (owned by contain.c). Called once,
 * before the first child. worker_id and run_dir name our own branch. Ends what
 * a former run of this worker left, in any tree or in none; takes two seconds
 * for it at most. AUTO: the wanted one can't be had, and the log says so;
 * nothing is open then.
 */
enum contain_way contain_open(const char *worker_id, const char *run_dir,
    enum contain_way wanted);
void contain_close(void);
/* Ends what a dead run of that name left, as contain_open does for our own. */
void contain_end(const char *worker_id, const char *run_dir);
const char *contain_way_name(enum contain_way way);
/* Cgroups may be made: not where the configuration wants a sweep. */
bool contain_may_cgroups(void);

void contain_init(struct contain *c, const char *worker_id, unsigned slot);
void contain_fini(struct contain *c);
/* Before a spawn, when nothing is left: true if the leaf is a new one. Some
 * kernels kill what is cloned into a cgroup that was ever killed. */
bool contain_renew(struct contain *c);
/* In the new child, before exec: join. Async-signal-safe. 0 or -1. */
int contain_join(const struct contain *c);
/* Sends a signal to every process of the slot but `except` (0: none). child
 * is the slot's child, 0 if it is gone. Returns how many got it. */
unsigned contain_signal(struct contain *c, pid_t child, int sig, pid_t except);
/* Name of our branch of the cgroup trees; NULL before contain_open. */
const char *contain_branch_name(void);
/* Processes of the slot, at most max; how many. */
unsigned contain_list(struct contain *c, pid_t child, pid_t *pids,
    unsigned max);
/* Processes left; holder (may be NULL) gets "pid 12 (name) state D ..." of
 * one of them. */
unsigned contain_count(struct contain *c, pid_t child, struct buf *holder);

#endif
