/*
 * Preemption: a job of high priority that finds every slot of a pool at work
 * displaces the running job that loses least, if one may be displaced.
 */
#ifndef SUPERVISOR_PREEMPT_H
#define SUPERVISOR_PREEMPT_H

#include <stdbool.h>

struct job;
struct pool;
struct proc;
struct queue;

/* Something runs in the pool that may be displaced, now or soon. */
bool preempt_can(const struct pool *p);
/*
 * Asks one job of the pool to make room for one of that queue, unless that is
 * under way already or none may be displaced now. high: for its high lane;
 * else for whatever waits there, at the cost of other queues only.
 */
void preempt_for(struct pool *p, struct queue *q, bool high);
/* The job was displaced: its host may have it first, if it has a checkpoint. */
void preempt_done(struct job *j, struct proc *p);

#endif
