/*
 * Low-level msgpack reading over borrowed bytes, shared by frames, start-up
 * packets, the runner link and the transcoder: no allocation, every claimed
 * count is checked against the bytes left. Writing uses msgpack-c's packer
 * on a buf through msg_packer().
 */
#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum msg_kind {
	MSG_NIL, MSG_BOOL, MSG_UINT, MSG_INT, MSG_FLOAT, MSG_STR, MSG_BIN,
	MSG_ARRAY, MSG_MAP, MSG_EXT
};

struct msg_reader {
	const unsigned char *p, *end;
};

struct msg_item {
	enum msg_kind kind;
	union {
		bool b;
		uint64_t u;
		int64_t i;          /* MSG_INT is negative */
		double f;
		struct slice s;     /* STR, BIN, EXT */
		uint32_t count;     /* ARRAY: items, MAP: pairs */
	} v;
};

/* Next item's head (containers are entered, not skipped). 0, -ERR_TRUNCATED,
 * -ERR_TYPE. A count that could not fit in the bytes left is TRUNCATED. */
int msg_next(struct msg_reader *r, struct msg_item *it);
/* Skips one whole value, at most depth levels. Also -ERR_DEPTH. */
int msg_skip(struct msg_reader *r, unsigned depth);

int msg_uint(struct msg_reader *r, uint64_t max, uint64_t *vp);
int msg_int(struct msg_reader *r, int64_t *vp);
int msg_double(struct msg_reader *r, double *vp); /* also takes integers */
int msg_bool(struct msg_reader *r, bool *vp);
int msg_str(struct msg_reader *r, struct slice *sp);   /* STR, BIN or NIL (p = NULL) */
int msg_array(struct msg_reader *r, uint32_t *countp);
int msg_map(struct msg_reader *r, uint32_t *countp);

void msg_packer(msgpack_packer *pk, struct buf *b);
void msg_put_str(msgpack_packer *pk, struct slice s);
void msg_put_bin(msgpack_packer *pk, struct slice s);

#endif
