/*
 * Intake: which queue is asked for how many jobs, and what becomes of the
 * answer. Takes no more than idle slots can start at once.
 */
#ifndef SUPERVISOR_INTAKE_H
#define SUPERVISOR_INTAKE_H

#include <sys/queue.h>

#include "supervisor/conn.h"
#include "supervisor/queue.h"

struct pool;
struct sup;

#define CLAIM_MAX 128       /* jobs in one call */

/*
 * How a claim shares its turns: by the lanes' weights; the same, but no lane
 * gives its turns to others, for a high job that should not wait for room; or
 * for the slot that a preemption freed, which is no turn of the pattern.
 */
enum claim_for { BY_SHARE, FOR_URGENT, FOR_PREEMPTION };

/* One claim on its way, kept until its answer is here or it is recovered. */
struct claim {
	unsigned magic;
	TAILQ_ENTRY(claim) link;   /* in queue->lost, else unlinked */
	struct queue *q;           /* borrows */
	struct pool *pool;         /* borrows */
	unsigned want, high;       /* jobs asked for; of them from high */
	enum claim_for why;
	unsigned urgent;           /* so many of its high jobs go before those
				    * that wait; known with the answer */
	bool reaped;               /* a reap: its jobs were others' */
	bool limited;              /* of a queue with limits; then where the
				    * pattern of turns was before: */
	struct share share;
	bool high_first;           /* of the turns that it took */
	mono_t sent;
	char token[40];
	unsigned char turns[CLAIM_MAX]; /* lanes, in the order of their turns */
};
#define CLAIM_MAGIC 0x636c616du

/* The last phase of a turn: asks for jobs where slots are idle. */
void intake_phase(struct sup *sup);
/* A bell of the queue (priv) rang, and showed what waits (or NULL). */
void intake_rung(void *priv, redisReply *element);
/* That of its high lane. */
void intake_rung_high(void *priv, redisReply *element);
/* Redis is back: what became of claims without an answer? */
void intake_recover(struct queue *q);
/* The queue is going away. */
void intake_forget(struct queue *q);
/* Asks Redis to bring due jobs to their lanes, if it is time. */
void intake_promote(struct queue *q);
/* The queue's limits allow no claim now. */
bool intake_limited(const struct queue *q);
/* A job was put off until `due` (Redis's unix ms): look then. */
void intake_due(struct queue *q, wall_t due);
/* The answer to a call with that token was lost, or a lease of ours with it
 * is not known to us: ask what it took, up to `want` jobs. reaped: they were
 * taken over from another worker. */
void intake_lost(struct queue *q, const char *token, unsigned want,
    bool reaped);
/* A new token for a claim or reap: "<run>-<number>". */
void intake_token(struct sup *sup, char *out, size_t size);

#endif
