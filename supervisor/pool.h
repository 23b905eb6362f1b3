/*
 * A pool: slots of one kind, the queues they take from and the handlers they
 * offer. Which slot takes which job is decided here and nowhere else.
 */
#ifndef SUPERVISOR_POOL_H
#define SUPERVISOR_POOL_H

#include <sys/queue.h>
#include <stdbool.h>

#include "supervisor/queue.h"

#define POOL_MAGIC 0x706f6f6cu

struct conf_pool;
struct proc;
struct sup;

struct pool {
	unsigned magic;
	TAILQ_ENTRY(pool) link;
	struct sup *sup;              /* borrows */
	char *name;
	const struct conf_pool *conf; /* borrows; changes with a reload; NULL:
				       * the pool is leaving, see reshape.h */
	bool gpu;
	unsigned nqueues;
	struct queue **queues;        /* owns the array, borrows the queues */
	unsigned next_queue;          /* round robin over the queues */
	unsigned nprocs;
	struct proc **procs;          /* owns */
	unsigned next_proc;           /* round robin over the slots */
	unsigned reserved;            /* idle slots that claims in flight may
				       * fill */
	unsigned claims;              /* that name it, answered or not */
	struct job_list ready;        /* admitted, waiting for a slot */
	unsigned nready;
	mono_t done_at;               /* a credit came back last */
	struct queue *preempting;     /* a slot is being freed for its high lane, */
	bool preempt_high;            /* or for any lane, if this is false */
	mono_t preempt_until;         /* and should be free by then */
	int last_handler;             /* of the job taken last; -1: none yet */
};

TAILQ_HEAD(pool_list, pool);

/* nslots: as planned; the slots themselves are added to procs. */
struct pool *pool_new(struct sup *sup, const struct conf_pool *conf,
    unsigned nslots);
void pool_free(struct pool **pp);
/* Takes the queues of the configuration, or of none. */
void pool_set_queues(struct pool *p, const struct conf_pool *conf);
/* Room for n slots in all. */
void pool_grow(struct pool *p, unsigned n);

/* Slots that could take a job at once. */
unsigned pool_idle(const struct pool *p);
/* Jobs that the slots could take, as far ahead as the pace of the last jobs
 * allows; claims in flight and waiting jobs are counted off. */
unsigned pool_room(const struct pool *p);
/* No room is left, but jobs are out that could be taken back for a job of
 * high priority. */
bool pool_can_yield(const struct pool *p);
/* GPUs that each of the slots owns, and those that a job must have: all of
 * one slot, or it does not start. */
unsigned pool_gpus(const struct pool *p);
unsigned pool_gpus_for(const struct job *j);
/* Handler index for a job, or -1: none of this pool's serves it. */
int pool_handler(const struct pool *p, const struct job *j);
/* A job that may run: gives it a slot, or lets it wait for one. */
void pool_take(struct pool *p, struct job *j);
/* The idle slot that would get this job now, or NULL. */
struct proc *pool_peek(struct pool *p, const struct job *j);
/* Gives waiting jobs to idle slots. */
void pool_feed(struct pool *p);
/* A job that waited apart from the line, on that idle slot, at once. */
void pool_start(struct pool *p, struct job *j, struct proc *proc);
/* Takes a job that was out and never began; it is the next one to go. */
void pool_put_back(struct pool *p, struct job *j);
/* Takes a waiting job out again (cancel, drain). */
void pool_drop(struct pool *p, struct job *j);

#endif
