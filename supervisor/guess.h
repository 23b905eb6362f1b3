/*
 * Guesses. When a bell rings, Redis has shown us the job that waits. While its
 * claim is on the way, an idle slot gets it already: the child reads it and
 * waits, on the shared page, for the claim's answer. If that brings the very
 * bytes, the child begins at once, two wake-ups sooner; else it hands the
 * credit back unseen. Nothing runs before its lease is ours.
 */
#ifndef SUPERVISOR_GUESS_H
#define SUPERVISOR_GUESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "supervisor/conn.h"

struct job;
struct pool;
struct proc;
struct queue;
struct sup;

/* Of a slot: what its child holds. */
struct guess {
	uint32_t credit;          /* 0: nothing */
	uint32_t returning;       /* a withdrawn one that has not come back */
	uint64_t number;          /* of the job */
	unsigned handler;
	struct queue *q;          /* borrows */
	char *payload;            /* owns */
	size_t len;
	mono_t at;
};

/* A bell of the queue rang with that element; may take its text. */
void guess_rung(struct queue *q, redisReply *element);
/* After the turn has written to Redis: makes guesses, ends wrong ones. */
void guess_phase(struct sup *sup);
/* The slot of the pool that holds this very job, or NULL. */
struct proc *guess_find(const struct pool *p, const struct job *j);
/* That job is claimed, and begins there. */
void guess_confirm(struct proc *p, struct job *j);
/* The slot gets other work, or its child is gone. */
void guess_withdraw(struct proc *p);
/* The child gave back a credit that we don't know; true if it was a guess. */
bool guess_returned(struct proc *p, uint32_t credit);
/* The queue is about to be freed. */
void guess_queue_gone(struct queue *q);
/* The slot has a new child, or ends. */
void guess_reset(struct proc *p);

#endif
