/*
 * The end of an attempt: what an outcome means for the job (final, or run
 * again, and when), by the one table of causes. Nothing here talks to Redis;
 * settle.h carries it out.
 */
#ifndef SUPERVISOR_FINISH_H
#define SUPERVISOR_FINISH_H

#include "base/clock.h"
#include "base/slice.h"
#include "proto/cause.h"
#include "proto/job.h"

struct job;

/* How an attempt ended. Slices are borrowed for the call. */
struct outcome {
	enum cause cause;       /* CAUSE_NONE: done */
	struct slice result;    /* JSON; empty: null */
	struct slice message;   /* empty: the cause's own wording */
	int exit_code;          /* -1: none */
	int signal;             /* 0: none */
};
#define OUTCOME(c) { .cause = (c), .exit_code = -1 }

/* Every one of these takes the job: it is settled and freed later. */

void finish_job(struct job *j, const struct outcome *o);
/* Back to the front of its lane, uncharged; no record unless it began. */
void finish_return(struct job *j, enum cause why);
/* Not a valid job: to the dead list at once. */
void finish_reject(struct job *j, const struct job_problem *problem);
/* To the lane of its queue that its priority names. */
void finish_lane(struct job *j);
/* To another queue, same lane, bytes unchanged. */
void finish_move(struct job *j, const char *queue);
/* Not before `due`. message (may be NULL) goes to the waiting record. */
void finish_later(struct job *j, wall_t due, const char *message);

#endif
