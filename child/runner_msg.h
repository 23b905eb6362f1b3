/* Messages of docs/runner-protocol.md: reading and writing, no I/O. */
#ifndef CHILD_RUNNER_MSG_H
#define CHILD_RUNNER_MSG_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "proto/msg.h"
#include "proto/page.h"

#define RUNNER_PROTOCOL 1
#define RUNNER_MSG_MAX (64u << 20)
#define RUNNER_HEAD 4        /* the length before each message */

struct credit;
struct cjob;
struct start;

/* What a runner may say; slices borrow from the message. */
struct runner_msg {
	struct slice op;
	uint64_t protocol, pid, number, credit, makes_dirs;
	double fraction;
	struct slice name, message, text, result, error, cause;
	struct msg_reader models; /* at the list; p == NULL: absent */
};

/* 0 or a negative code: not a message of this protocol. */
int runner_msg_read(const void *p, size_t n, struct runner_msg *m);

/* Appends the list of models as "a,b". 0, or it is no list of text. */
int runner_msg_models(const struct runner_msg *m, struct buf *out);

/* Writers append one whole message, its length included; check b->failed. */
void runner_put_welcome(struct buf *b, const struct start *s);
void runner_put_jobs(struct buf *b, const struct credit *c, unsigned from,
    unsigned count);
void runner_put_ask(struct buf *b, enum ask why);
void runner_put_quit(struct buf *b);

#endif
