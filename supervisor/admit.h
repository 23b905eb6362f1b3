/* Admission: what becomes of a claimed job before it may have a slot. */
#ifndef SUPERVISOR_ADMIT_H
#define SUPERVISOR_ADMIT_H

#include <stdbool.h>

#include "proto/job.h"
#include "supervisor/conn.h"

struct job;
struct pool;
struct queue;
struct sup;

/* Where a claimed payload came from. */
struct admit_from {
	struct queue *q;
	struct pool *pool;      /* that asked for it; NULL: taken over */
	const char *token;
	unsigned number;        /* its lease is "<token>:<number>" */
	enum job_lane lane;     /* the list it was in */
	bool history;           /* the queue has histories: look its up */
	bool urgent;            /* goes before jobs that wait for a slot */
	bool lost;              /* taken over from a worker that is gone */
};

/* Takes one payload out of the answer (its bytes are stolen from it). */
void admit_claimed(struct sup *sup, const struct admit_from *from,
    redisReply *payload);
/* Asks for the histories of the jobs just claimed; call after a batch. */
void admit_histories(struct queue *q);
/* Nothing has come between while it was away for an answer: a drain, a reload
 * of its pool or handler. */
bool admit_may_start(const struct job *j);
/* It waited in our hands. True if it must not wait any longer, and was ended
 * or given back: cancelled, expired, its lease nearly over, a drain. */
bool admit_is_over(struct job *j);
/* The job's history is known: decides what becomes of it. */
void admit_job(struct job *j);

#endif
