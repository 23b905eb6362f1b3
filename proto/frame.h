/*
 * Frames between supervisor and child: encode and decode. Decoding never
 * allocates by a claimed count, checks every length against the bytes that
 * are left, and borrows from the message. See frame_tbl.h and
 * docs/protocol.md.
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/slice.h"
#include "proto/cause.h"
#include "proto/frame_tbl.h"

#define PROTO_VERSION 1
#define FRAME_JOBS_MAX 256          /* jobs in one DO frame */
#define FRAME_CREDITS_MAX 4         /* DO frames out at one child at once */

enum frame_type {
#define FRAME(id, number, direction, body) FRAME_##id = number,
	FRAME_TABLE(FRAME)
#undef FRAME
};

/* What one DO frame says of one job. Slices borrow. */
struct frame_job {
	uint64_t number;        /* the supervisor's own number for this attempt */
	uint32_t attempt;       /* from 1 */
	struct slice id;
	struct slice type;
	struct slice model;     /* n == 0: none */
	uint32_t model_version; /* 0: highest */
	struct slice publish;   /* n == 0: no */
	dur_t timeout;          /* information; the supervisor keeps the clock */
	struct slice payload;   /* as the producer wrote it: JSON or msgpack */
};

struct frame_result {
	uint64_t number;
	enum cause cause;       /* CAUSE_NONE: done */
	struct slice result;    /* JSON; n == 0: null */
	struct slice message;   /* the error's text */
	int32_t exit_code;      /* -1: none */
	int32_t signal;         /* 0: none */
};

struct frame_head {
	uint32_t version;
	uint32_t type;
	uint32_t gen;
};

/*
 * A reader over one received frame. frame_open checks the head; the typed
 * readers must then be called in the order of the body. Unknown types are the
 * caller's to skip. All return 0, -ERR_TRUNCATED, -ERR_TYPE, -ERR_RANGE or
 * -ERR_VERSION.
 */
struct frame_reader {
	const unsigned char *p, *end;
	unsigned left;          /* items of the outer array not yet read */
};
int frame_open(struct frame_reader *r, const void *p, size_t n,
    struct frame_head *head);

struct frame_hello {
	uint32_t slot;
	int64_t pid;
	struct slice version;
	struct slice cpus;
	struct slice devices;
	struct slice memory;    /* policy; of older children NULL: not known */
};
int frame_read_hello(struct frame_reader *r, struct frame_hello *h);

struct frame_do {
	uint64_t credit;
	uint32_t handler;
	uint32_t njobs;         /* then call frame_read_job that many times */
};
int frame_read_do(struct frame_reader *r, struct frame_do *d);
int frame_read_job(struct frame_reader *r, struct frame_job *j);

struct frame_results {
	uint64_t credit;
	uint32_t nresults;      /* then frame_read_result that many times, */
};                              /* then frame_read_result_end */
int frame_read_results(struct frame_reader *r, struct frame_results *s);
int frame_read_result(struct frame_reader *r, struct frame_result *x);
/* done: the credit is back and nothing of its jobs is left; models: names of
 * the loaded models, comma separated. */
int frame_read_result_end(struct frame_reader *r, bool *done,
    struct slice *models);

int frame_read_progress(struct frame_reader *r, uint64_t *number,
    double *fraction, struct slice *message);
int frame_read_log(struct frame_reader *r, uint64_t *number,
    struct slice *text);
/* What a job's process is at: its job, or getting ready for it. */
enum frame_phase { FRAME_RUNS, FRAME_LOADS };
int frame_read_started(struct frame_reader *r, uint64_t *number, int64_t *pid,
    uint32_t *phase);
int frame_read_ask(struct frame_reader *r, uint32_t *why);
int frame_read_term(struct frame_reader *r, uint32_t *signo);
int frame_read_forget(struct frame_reader *r, struct slice *id);
int frame_read_bug(struct frame_reader *r, struct slice *message);

/*
 * Writers append a whole frame, or begin / add / end one, to a buf. Errors
 * stick in buf.failed. Counts are given first, as msgpack wants them.
 */
void frame_put_hello(struct buf *b, uint32_t gen, const struct frame_hello *h);
void frame_put_do(struct buf *b, uint32_t gen, const struct frame_do *d);
void frame_put_job(struct buf *b, const struct frame_job *j);
void frame_put_results(struct buf *b, uint32_t gen,
    const struct frame_results *s);
void frame_put_result(struct buf *b, const struct frame_result *x);
void frame_put_result_end(struct buf *b, bool done, struct slice models);
void frame_put_progress(struct buf *b, uint32_t gen, uint64_t number,
    double fraction, struct slice message);
void frame_put_log(struct buf *b, uint32_t gen, uint64_t number,
    struct slice text);
void frame_put_started(struct buf *b, uint32_t gen, uint64_t number,
    int64_t pid, uint32_t phase);
void frame_put_ask(struct buf *b, uint32_t gen, uint32_t why);
void frame_put_term(struct buf *b, uint32_t gen, uint32_t signo);
void frame_put_quit(struct buf *b, uint32_t gen);
void frame_put_forget(struct buf *b, uint32_t gen, struct slice id);
void frame_put_bug(struct buf *b, uint32_t gen, struct slice message);

const char *frame_name(uint32_t type); /* "HELLO"; "?" if unknown */

#endif
