/*
 * What must be written to Redis about a job whose fate is decided. Kept, in
 * order, until Redis has answered; sent again when the answer was lost. The
 * lease's field makes that safe: the second time it is not there any more.
 */
#ifndef SUPERVISOR_SETTLE_H
#define SUPERVISOR_SETTLE_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "supervisor/queue.h"
#include "supervisor/stat.h"

#define SETTLE_MAGIC 0x73746c65u
#define SETTLE_WORDS 24
/* Past this many bytes of results waiting for Redis no job is claimed. */
#define SETTLE_BYTES_MAX (256u << 20)

struct job;
struct sup;

struct settle {
	unsigned magic;
	TAILQ_ENTRY(settle) link;
	struct queue *q;          /* borrows */
	struct job *job;          /* owns until Redis has answered */
	bool final;               /* commit; else requeue */
	bool plain;               /* commit: in the short form */
	bool again;               /* sent before, the answer was lost */
	enum stat_id counted;     /* raised when it is written */
	struct buf text;          /* the words, one after the other */
	unsigned nwords;
	struct { size_t at, len; } word[SETTLE_WORDS];
	char *target;             /* requeue: list or delayed set; owned */
};

/* New and empty; takes the job (it must be in STAGE_OVER). */
struct settle *settle_new(struct job *j, bool final, enum stat_id counted);
/* Appends one word: settle_open, write into ->text, settle_shut; or: */
void settle_open(struct settle *s);
void settle_shut(struct settle *s);
void settle_word(struct settle *s, const char *text);
void settle_slice(struct settle *s, struct slice v);
/* Puts it in line. */
void settle_add(struct settle *s);

/* Sends what is in line, as far as the connection takes it. */
void settle_flush(struct sup *sup);
/* Forgets one with its job, at the very end. */
void settle_drop(struct settle **sp);
/* Nothing of the queue waits or is on its way. */
bool settle_idle(const struct queue *q);
/* Bytes waiting, all queues. */
size_t settle_waiting(const struct sup *sup);

/*
 * Notes about a running job (not kept when Redis is away): its record, an
 * event, new log lines, the id that was made for it.
 */
void settle_note(struct job *j, bool with_record, bool with_id);
/* The same for one that waits in this worker's hands: why it does. */
void settle_note_waiting(struct job *j, const char *message);

#endif
