/*
 * A credit: the jobs of one DO frame, what became of each, and the frame
 * whose bytes they borrow.
 */
#ifndef CHILD_CREDIT_H
#define CHILD_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/slice.h"
#include "child/dirs.h"
#include "proto/cause.h"
#include "proto/frame.h"

#define CREDIT_MAGIC 0x63726564u

struct link_frame;

struct cjob {
	struct frame_job f;         /* slices borrow from the credit's frame */
	struct slice text;          /* the job as JSON text */
	struct buf json;            /* owns the text where it came as msgpack */
	struct dirs dirs;
	uint32_t model_version;     /* resolved; 0: none */
	char *model_path;           /* owns; NULL: not in the store */

	bool settled;               /* the fields below are final */
	bool sent;
	bool succeeded;             /* by the handler; not yet settled */
	enum cause cause;
	int exit_code;              /* -1: none */
	int signal;                 /* 0: none */
	struct buf result;          /* JSON; empty: null */
	struct buf message;

	bool progress_held;         /* a value waits for its turn */
	mono_t progress_at;         /* when the last one was sent */
	double fraction;
	char progress_text[256];
};

struct credit {
	unsigned magic;
	uint64_t number;
	uint32_t handler;
	unsigned njobs;
	struct cjob *jobs;          /* owns */
	struct link_frame *frame;   /* owns */
	mono_t held_since;          /* first result that waits; 0: none */
};

/*
 * Reads a DO frame's body. Takes *frame on success. 0 or the reader's error.
 * max_result caps each job's result.
 */
int credit_read(struct frame_reader *r, struct link_frame **frame,
    size_t max_result, struct credit **cp);
void credit_free(struct credit **cp);

/*
 * Records how a job failed, unless it is settled. The message is UTF-8 text
 * for the record.
 */
void cjob_fail(struct cjob *j, enum cause cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Records success; what is in j->result stands. */
void cjob_done(struct cjob *j);
/* How a process that should have done the job ended: code is a CLD_ value of
 * waitid, status its exit status or signal. Not for exit status 0. */
void cjob_ended(struct cjob *j, const char *who, int code, int status);

/*
 * Takes JSON text as the job's result: 0, or the job has failed as
 * handler-error (not JSON) or result-too-large and it is -ERR_SYNTAX or
 * -ERR_RANGE. Empty text is null.
 */
int cjob_set_result(struct cjob *j, const char *p, size_t n);

#endif
