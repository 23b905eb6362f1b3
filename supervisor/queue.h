/*
 * One Redis queue as this worker knows it: the names of its keys, its bells,
 * the leases held in it, and what waits to be written. Queues are shared by
 * the pools that list them.
 */
#ifndef SUPERVISOR_QUEUE_H
#define SUPERVISOR_QUEUE_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "proto/job.h"

#include "supervisor/share.h"

#define QUEUE_MAGIC 0x71756575u

struct bell;
struct job;
struct settle;
struct claim;
struct redis;
struct sup;

TAILQ_HEAD(job_list, job);
TAILQ_HEAD(settle_list, settle);
TAILQ_HEAD(claim_list, claim);

/* The one list of a queue's keys: field, text after "{Q}". The lane keys,
 * and those with the worker's id, are made apart. */
#define QUEUE_KEYS(X) \
	X(delayed, ":delayed") X(dead, ":dead") X(stats, ":stats") \
	X(history, ":history") X(leases, ":leases") \
	X(job, ":job:") X(log, ":log:") X(leased_of, ":leased:") \
	X(unique, ":unique:") X(rate, ":rate")

struct queue {
	unsigned magic;
	TAILQ_ENTRY(queue) link;
	struct sup *sup;          /* borrows */
	struct redis *redis;      /* borrows; where it is */
	char *name;               /* Q, the full key */
	char *lane[LANE_N];       /* list of each lane */
	char *leased;             /* {Q}:leased:<this worker> */
	struct {
#define X(field, text) char *field;
		QUEUE_KEYS(X)
#undef X
	} key;

	/* Intake. A queue is worth asking while something may wait in it. */
	struct bell *bell[LANE_N];
	bool waiting;             /* something may wait: ask */
	char *shown;              /* owns; the job that a bell showed, */
	size_t shown_len;         /* until the turn's end */
	unsigned shy, chances;    /* see guess.c */
	unsigned asked;           /* claims in flight */
	struct share share;       /* whose turn it is among the lanes */
	bool urgent;              /* something may wait in the high lane */
	bool rung;                /* something waited since the last claim */
	bool stuck;               /* Redis refused a claim: try later */
	mono_t limited_until;     /* its limits allow no claim before; 0: none */
	bool limited_full;        /* because so many run; else by its rate */
	mono_t yield_until;       /* others may claim first until then */
	mono_t next_due;          /* promote then; MONO_NEVER: nothing known */
	unsigned history_seq;     /* 1: an answer about histories is awaited */
	bool promoting;
	bool sifting;             /* see sift.c */
	mono_t sift_after;        /* look into the normal list not before */
	TAILQ_HEAD(, sighting) sightings;

	/* Leases. */
	struct job_list jobs;     /* all jobs that this worker holds of it */
	unsigned njobs;
	mono_t lease_until;       /* no earlier than this ends our lease */
	mono_t fenced_at;         /* when the children were told of that */
	bool renewing;
	unsigned mismatch;        /* renewals in a row that counted otherwise */
	struct claim_list lost;   /* claims whose answer never came */

	/* Results on their way to Redis, in order. */
	struct settle_list settles;   /* not sent yet, or to be sent again */
	unsigned nsettles;
	size_t settle_bytes;
	mono_t settle_after;      /* Redis could not: not before then */
	unsigned in_flight;       /* calls of commit or requeue not answered */
	unsigned calls;           /* others that name the queue and that no
				   * flag of it tells of */

	bool closing;             /* no longer in the configuration */
};

TAILQ_HEAD(queue_list, queue);

/* The queue of that name, made if new. Never NULL. */
struct queue *queue_get(struct sup *sup, const char *name);
struct queue *queue_find(const struct sup *sup, const char *name); /* or NULL */
void queue_free(struct queue **qp); /* must hold no jobs */
/* No longer in the configuration: nothing more is claimed. */
void queue_close(struct queue *q);
/* The same queue by other connections. */
void queue_move(struct queue *q, struct redis *to);
/* sup_saw_redis, if the answer is of the Redis that we work with. */
void queue_saw_redis(const struct queue *q, long long redis_ms, mono_t sent);
/* Nothing of it is held, waits or is on its way. */
bool queue_idle(const struct queue *q);

/* Lease life as Redis is told it, ms. */
long long queue_lease_ms(const struct queue *q);

#endif
