/*
 * Preemption: a job of high priority that finds every slot of a pool at work
 * displaces the running job that loses least, if one may be displaced.
 */
#ifndef SUPERVISOR_PREEMPT_H
#define SUPERVISOR_PREEMPT_H

struct pool;
struct queue;

/* Asks one job of the pool to make room for a high one of that queue, unless
 * that is under way already or none may be displaced now. */
void preempt_for(struct pool *p, struct queue *q);

#endif
