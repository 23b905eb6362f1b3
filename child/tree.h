/*
 * The processes below this child. It is their subreaper, so whatever a job
 * leaves behind, in whatever session, ends up here and can be found, ended
 * and reaped. A process named in the tree's list is known: its end is
 * recorded there, and if it is kept (a runner), it and all below it are left
 * alone.
 */
#ifndef CHILD_TREE_H
#define CHILD_TREE_H

#include <sys/types.h>
#include <stdbool.h>

#include "base/clock.h"

struct proc {
	pid_t pid;          /* 0: none */
	int pidfd;          /* -1: none; readable when the process has ended */
	bool kept;          /* outlives the job */
	bool ended;
	int code;           /* CLD_EXITED, CLD_KILLED or CLD_DUMPED */
	int status;         /* exit status or signal */
	struct proc *next;
};

struct tree {
	struct proc *known;
};

void tree_add(struct tree *t, struct proc *p);
/* Forgets the process and closes its pidfd. No-op if it is not known. */
void tree_forget(struct tree *t, struct proc *p);

/* Reaps all that has ended. False: this process has no children at all. */
bool tree_reap(struct tree *t);

/* Sends sig to every descendant that is not kept; returns how many. */
unsigned tree_signal(const struct tree *t, int sig);

/* Sends sig to a process and to all below it. */
void tree_signal_one(pid_t pid, int sig);

/* KILLs what is not kept and reaps; true when nothing of it is left. */
bool tree_clean(struct tree *t);

/*
 * For the watchdog: KILLs every descendant, kept ones too, until none is left
 * or the limit is over. Allocates nothing and takes no lock, because the
 * thread that holds it may be the one that hangs.
 */
void tree_kill_all(dur_t limit);

#endif
