/*
 * A runner's process and its socket: starting, reading whole messages,
 * writing, ending. What the messages mean is runner.c's.
 */
#ifndef CHILD_RUNNER_PROC_H
#define CHILD_RUNNER_PROC_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"
#include "child/child.h"

#define RUNNER_MAGIC 0x72756e72u

enum runner_phase {
	RUNNER_DOWN, RUNNER_STARTING, RUNNER_READY, RUNNER_BUSY, RUNNER_ENDING
};

struct runner {
	unsigned magic;
	enum runner_phase phase;
	struct child *child;             /* borrows */
	struct child_handler *handler;   /* borrows */
	struct proc proc;
	struct watch end;                /* pidfd */
	struct watch sock;               /* owns the fd */
	struct buf in, out;
	struct buf models;               /* "a,b" as of its last done */
	char *work;                      /* its own directory; owns */
	bool open;                       /* a step waits for its done */
	bool owes;                       /* and this process is to serve it */
	bool greeted;                    /* it has said hello, */
	bool makes_dirs;                 /* and makes jobs' folders itself */
	bool replace;                    /* after done: GPU error */
	enum ask asked;                  /* to pass on with the jobs */
	mono_t kill_at;                  /* it closed its socket; 0: not */
	char fault[200];                 /* why we ended it; "" */

	/* One whole message. Not 0: r->fault says what was wrong with it. */
	int (*take)(struct runner *, const void *p, size_t n);
};

void runner_proc_init(struct runner *r);
void runner_proc_fini(struct runner *r);

/* Starts the process: 0, or a negative code with a line in why. */
int runner_proc_start(struct runner *r, struct buf *why);

/* KILLs it and all below it; what is left to do comes with its end. */
void runner_proc_kill(struct runner *r);

/* Forgets a process that has ended and removes what it had. */
void runner_proc_drop(struct runner *r);

/* Reads what its socket holds, so that no last word of it is lost. */
void runner_proc_drain(struct runner *r);

/* Writes as much of r->out as goes now. */
void runner_proc_flush(struct runner *r);

/* Asks it to leave and waits for that, at most for kill_grace; one that is at
 * work is not asked. */
void runner_proc_quit(struct runner *r);

/* Notes what it did wrong; always -ERR_PROTOCOL. */
int runner_proc_blame(struct runner *r, const char *what);

#endif
