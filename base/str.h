/* Text to values and back. All parsers are strict: the whole text must fit. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/slice.h"

/* 0, -ERR_SYNTAX or -ERR_RANGE. */
int str_int(const char *s, int64_t *vp);
int str_bool(const char *s, bool *vp);   /* yes no true false on off 1 0, any case */
int str_dur(const char *s, dur_t *vp);   /* 500ms 30s 5m 2h 7d 1.5s; bare = seconds */
int str_size(const char *s, uint64_t *vp); /* 512 64K 16M 6G 1T; powers of 1024 */
void str_dur_put(struct buf *b, dur_t d);  /* shortest exact form, e.g. 30s */
void str_size_put(struct buf *b, uint64_t n);

/*
 * Splits words as a shell quotes them (single, double, backslash); nothing is
 * expanded. *argvp: NULL-terminated, one allocation, free(3). -ERR_SYNTAX on
 * an open quote, -ERR_NOMEM.
 */
int str_words(const char *s, char ***argvp, unsigned *argcp);

bool str_id_ok(struct slice s);          /* 1 to 128 of [A-Za-z0-9._:-] */
bool str_utf8_ok(const char *p, size_t n);
/* Bytes of the valid UTF-8 sequence at p, 1 to 4; 0 if there is none. */
size_t str_utf8_len(const char *p, size_t n);
int str_b64(struct buf *b, const void *p, size_t n);  /* RFC 4648, padded */

/* UUIDv7 as 36 characters and NUL, from unix ms and the kernel's randomness. */
void str_uuid7(char out[37], wall_t ms);

/* printf into an allocation that the caller frees; never NULL (aborts). */
char *str_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
