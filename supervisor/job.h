/*
 * A job that this worker holds: claimed, admitted, running or being settled.
 * Its life: claim.c makes it, admit.c decides what becomes of it, pool.c
 * gives it a slot, finish.c ends it, settle.c writes that and frees it.
 */
#ifndef SUPERVISOR_JOB_H
#define SUPERVISOR_JOB_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "proto/cause.h"
#include "proto/job.h"
#include "proto/page.h"

#define JOB_MAGIC 0x6a6f6221u
#define JOB_FIELD_MAX 64    /* "<run>-<seq>:<i>" and NUL */
#define JOB_TAIL_LINES 20   /* last log lines kept for the dead letter */
#define JOB_TAIL_LINE 512   /* bytes kept of each */

struct pool;
struct proc;
struct queue;

enum job_stage {
	STAGE_HISTORY,   /* waits for its history from Redis */
	STAGE_CHECKING,  /* waits for another answer before it may run */
	STAGE_READY,     /* waits for a slot of its pool */
	STAGE_RUNNING,
	STAGE_OVER       /* outcome known; being settled */
};

/* What earlier runs left in {Q}:history; all zero: the first time. */
struct history {
	unsigned attempts;  /* charged so far */
	unsigned lost;      /* reruns after worker-lost, slot-lost */
	wall_t due;         /* delay or run_at were waited for until then */
	wall_t first;       /* when first seen, for ttl without queued_at */
	bool cancelled;     /* cancelled while it waited */
	bool unknown;       /* not answered: what Redis has of it stays */
	bool ran;           /* it began before; log and folders may be left */
	unsigned crowd;     /* at most so many may run as one batch with it,
			     * because a larger one failed; 0: any number */
	int64_t turn[2];    /* given to it under the rate limits of its handler
			     * and model, see lua/permit.lua; 0: none */
	wall_t gpu_since;   /* it waits for GPU memory since then; 0: no */
	wall_t home_until;  /* its checkpoint is on that worker's host, which */
	char home[129];     /* may have it first until then; "": nowhere */
};

struct log_tail {
	char *line[JOB_TAIL_LINES];
	unsigned next;          /* slot of the ring for the next line */
};

struct job {
	unsigned magic;
	TAILQ_ENTRY(job) link;      /* in queue->jobs */
	TAILQ_ENTRY(job) ready;     /* in pool->ready, proc->jobs */
	uint64_t number;            /* of this attempt, unique in this run */
	enum job_stage stage;
	struct queue *q;            /* borrows */
	struct pool *pool;          /* borrows; the one that claimed it */
	struct proc *proc;          /* borrows; RUNNING only */
	unsigned slot;              /* of the last run; valid once started */
	uint32_t credit;            /* RUNNING: the credit, */
	unsigned at;                /* and its place in it, from 0 */
	bool anonymous;             /* no usable id: not a valid job */
	char field[JOB_FIELD_MAX];  /* the lease's field */
	enum job_lane lane_from;    /* the list it was taken from */
	char *payload;              /* owns (free) */
	size_t payload_len;
	char *payload_new;          /* owns; the payload with its id put in */
	size_t payload_new_len;
	bool had_id;
	unsigned asked_seq;         /* 1: its history was asked for */
	char id[129];
	struct job_spec spec;       /* borrows payload */
	struct history hist;
	unsigned handler;           /* index into conf->handlers */
	dur_t timeout;
	bool urgent;                /* claimed to go before those that wait */
	bool lost;                  /* taken over from a worker that died */
	bool never_ran;             /* taken over, but surely not begun */
	bool lapsed;                /* held past a fence: it must not begin */

	mono_t claimed;
	mono_t started;             /* 0: not yet */
	wall_t started_at;
	mono_t deadline;
	bool loads;                 /* its process gets ready for it */
	mono_t progress_at;         /* last progress; 0: none */
	mono_t output_at;           /* last line of output; 0: none */
	bool noted;                 /* a running record was written */
	bool changed;               /* progress or message newer than it */
	mono_t note_after;          /* next running record not before */
	double progress;            /* < 0: none reported */
	char message[256];
	int64_t pid;                /* of the job's own process; 0: none */
	enum ask asked;

	mono_t stacks_at;           /* its runner was asked for stacks; 0: no */
	char *said;                 /* owns; its last line before that, or NULL */
	char *evidence;             /* owns; what it was doing when it was ended */

	uint64_t doubt;             /* sample of the GPUs that its verdict */
	mono_t doubt_until;         /* waits for, and no longer than this */

	/* An error that waits until all of the run is gone. */
	bool kept;
	enum cause kept_cause;
	int kept_exit, kept_signal;
	char *kept_message;         /* owns */
	unsigned together;          /* jobs of its step that ended without a
				     * word on whose fault it was; 0: none */

	/* Log lines not yet written: stream NUL, length in decimal NUL, bytes. */
	struct buf log;
	unsigned log_lines;
	bool logged;                /* the log key exists */
	struct log_tail tail;
	unsigned *line_sizes;       /* ring of the last log_max_lines sizes */
	unsigned line_at, line_count, line_cap;
	size_t line_bytes;
};

struct job *job_new(struct queue *q, struct pool *pool, uint64_t number);
void job_free(struct job **jp);   /* also leaves queue->jobs */

/* When the running job last gave a sign of life: its start, progress, output. */
mono_t job_sign(const struct job *j);

/* This run or an earlier one began. */
bool job_ran(const struct job *j);

/* Charged attempts, the running one included where it is charged. */
unsigned job_attempt(const struct job *j);

/* The lease's field of the number-th job of a call with that token. */
void job_field(char out[JOB_FIELD_MAX], const char *token, unsigned number);

/* Makes the id known everywhere: from the spec, or a new UUIDv7. */
void job_name(struct job *j, wall_t now);

/* Adds a line to what is written next and to the tail. */
void job_log(struct job *j, const char *stream, const char *line, size_t n);
/* How many log entries may stay so that the newest fit 256 KiB. */
unsigned job_log_room(const struct job *j);

void history_parse(struct history *h, const char *text, size_t n);
void history_put(const struct history *h, struct buf *b);

#endif
