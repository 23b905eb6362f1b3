/*
 * The processes of one slot: ganger-child and all that its jobs start. Joins
 * the pure slot machine to spawn, containment, output and jobs.
 */
#ifndef SUPERVISOR_PROC_H
#define SUPERVISOR_PROC_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "place/plan.h"
#include "proto/frame.h"
#include "supervisor/cage.h"
#include "supervisor/contain.h"
#include "supervisor/guess.h"
#include "supervisor/pin.h"
#include "supervisor/queue.h"
#include "supervisor/slot.h"

#define PROC_MAGIC 0x70726f63u

struct event;
struct page;
struct page_slot;
struct pool;
struct sup;

/* One DO frame that is out. */
struct credit {
	uint32_t number;
	unsigned handler;
	unsigned njobs;           /* that were sent */
	mono_t sent;
	bool recalled;            /* no further job of it begins */
	bool suspects;            /* of a failed batch: nothing goes behind,
				   * whose fault would cost their results */
};

/* One of the child's output pipes. */
struct outlet {
	struct proc *proc;
	const char *stream;       /* "stdout" or "stderr" */
	int fd;
	struct event *ev;
	struct buf line;          /* the line that has no end yet */
};

struct proc {
	unsigned magic;
	struct slot slot;
	struct sup *sup;          /* borrows */
	struct pool *pool;        /* borrows */
	bool leaving;             /* goes when it is empty; see reshape.h */
	struct plan_slot where;   /* of the child there is, or comes next */
	struct plan_slot planned; /* what the next child gets */
	struct pin pin;           /* what keeps it there */
	char memory[96];          /* policy that the last child reported */
	char misfit[256];         /* how the last child differed; "": it fits */
	struct contain contain;
	struct cage cage;

	pid_t pid;                /* 0: none */
	int start_fd;             /* our end of the start-up socket */
	struct outlet out[2];
	struct event *timer;      /* the slot's deadline */
	bool due;                 /* it fired; handled in its phase */
	struct event *look;       /* next look whether all is released */
	unsigned looks;
	int status;               /* wait status of the last child */
	bool dead;                /* status is valid */
	mono_t ended_at;          /* when its jobs were told to end */
	char last_words[256];     /* last line of stderr, for start failures */

	/* Credits: frames of jobs that are out, oldest first; see credit.c. */
	struct page *page;        /* shared with the child */
	int page_fd;
	uint32_t last_credit;     /* number of the last one sent */
	unsigned ncredits;
	struct credit credits[FRAME_CREDITS_MAX];
	struct guess guess;       /* a job that it got before its claim */
	mono_t last_back;         /* when one came back */
	mono_t recalled_at;       /* when jobs were last taken back */
	unsigned njobs;
	struct job_list jobs;     /* all that are out, in order; job.ready */
	char gpu_why[192];        /* WHY_DEVICE: what its GPU did */
	uint64_t gpu_asked;       /* sample that shows its memory; 0: none */
	mono_t freed_since;       /* its processes are gone; 0: not yet */
	dur_t freed_in;           /* and its GPU memory was back so much later */
	bool resident;            /* the child runs plugins or keeps runners */
	char models[256];         /* loaded ones, as the child last said */
	mono_t load_since;        /* jobs load, their clocks stand; 0: no */
	unsigned failures;        /* children lost soon after they got a job,
				   * in a row, with a new job each time */
	char failed_id[129];      /* the job of the last one */
	mono_t failing_since;
	bool blamed;              /* the slot is to blame for this one */
	bool asked_stacks;        /* in this credit, before its end */
	uint64_t jobs_done;       /* by this child */
	mono_t spawned;
};

struct proc *proc_new(struct sup *sup, struct pool *pool, unsigned index,
    const struct plan_slot *where);
void proc_free(struct proc **pp);
/* The place of the next child. */
void proc_plan(struct proc *p, const struct plan_slot *where);

/* Looks again whether all of the last child is gone. */
void proc_look(struct proc *p);
/* waitpid said so. */
void proc_exited(struct proc *p, int status);
/* One frame of the live generation. */
void proc_hello(struct proc *p, const struct frame_hello *h);
void proc_bug(struct proc *p, struct slice message);

struct job *proc_job(struct proc *p, uint64_t number); /* or NULL */
/* Ends what runs there by the ladder. */
void proc_end(struct proc *p, enum slot_why why, dur_t grace);
/* The child's words on its page. */
struct page_slot *proc_words(const struct proc *p);

/* spawn.c: forks and execs the child of the slot's present generation. */
int spawn_child_of(struct proc *p);
/* A new child was killed by nobody that we know of. */
void spawn_died_at_birth(struct sup *sup);

/* output.c: the pipes of the child as lines of the jobs' log. */
int output_open(struct proc *p, int fds[2]);
/* Takes what is there. At a job's end a last line needs no newline: it is not
 * to wait for the next job's first one. */
void output_drain(struct proc *p, bool end);
void output_close(struct proc *p);

#endif
