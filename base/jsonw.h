/*
 * JSON writer: appends well-formed JSON to a buf, commas included. Misuse (a
 * value without its key, unbalanced ends) is a bug and asserts. Strings are
 * escaped; bytes that are not UTF-8 become U+FFFD so that the output is
 * always valid. Overflow shows in buf.failed.
 */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

#define JSONW_DEPTH 32

struct jsonw {
	struct buf *b;               /* borrows */
	unsigned depth;
	bool comma;                  /* the next item needs a comma before it */
	bool keyed;                  /* a key was written, a value is due */
	char kind[JSONW_DEPTH];      /* '{' or '[' per open level */
};

void jsonw_init(struct jsonw *w, struct buf *b);
void jsonw_obj(struct jsonw *w);
void jsonw_arr(struct jsonw *w);
void jsonw_end(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_str(struct jsonw *w, const char *s);      /* NULL writes null */
void jsonw_slice(struct jsonw *w, struct slice s);   /* p == NULL: null */
void jsonw_int(struct jsonw *w, int64_t v);
void jsonw_uint(struct jsonw *w, uint64_t v);
void jsonw_num(struct jsonw *w, double v);           /* not finite: null */
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
/* A value that is JSON text already; the caller vouches for it. */
void jsonw_raw(struct jsonw *w, struct slice json);

/* key and value in one call */
void jsonw_kstr(struct jsonw *w, const char *key, const char *s);
void jsonw_kslice(struct jsonw *w, const char *key, struct slice s);
void jsonw_kint(struct jsonw *w, const char *key, int64_t v);
void jsonw_kuint(struct jsonw *w, const char *key, uint64_t v);
void jsonw_knum(struct jsonw *w, const char *key, double v);
void jsonw_kbool(struct jsonw *w, const char *key, bool v);
void jsonw_kraw(struct jsonw *w, const char *key, struct slice json);

#endif
