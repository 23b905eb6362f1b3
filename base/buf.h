/*
 * Growable byte buffer with a hard cap. Everything whose size a peer decides
 * goes through one of these. After a failed append the buffer is unchanged
 * but for `failed`, which sticks until buf_reset, so a run of appends may be
 * checked once at its end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define BUF_MAGIC 0x62756621u

struct buf {
	unsigned magic;
	bool failed;  /* an append was refused since the last reset */
	char *data;   /* owns; NULL while nothing was stored */
	size_t len;   /* bytes in use */
	size_t size;  /* bytes allocated */
	size_t cap;   /* bytes this buffer may ever hold */
};

void buf_init(struct buf *b, size_t cap);
void buf_fini(struct buf *b);  /* frees; the struct may be init'ed again */
void buf_reset(struct buf *b); /* empties; keeps up to 64 KiB of storage */

/* 0, -ERR_NOSPACE (over the cap) or -ERR_NOMEM. */
int buf_reserve(struct buf *b, size_t more);
int buf_put(struct buf *b, const void *p, size_t n);
int buf_putc(struct buf *b, char c);
int buf_puts(struct buf *b, const char *s);
int buf_slice(struct buf *b, struct slice s);
int buf_int(struct buf *b, int64_t v);    /* in decimal */
int buf_uint(struct buf *b, uint64_t v);
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Drops the first n bytes (n <= len), moving the rest down. */
void buf_consume(struct buf *b, size_t n);

/*
 * NUL-terminates without counting the NUL and lends the text until the next
 * change. Never NULL: "" where the buffer is empty or out of memory.
 */
const char *buf_cstr(struct buf *b);

/* Gives the storage to the caller (free(3)); the buffer is empty afterwards. */
char *buf_take(struct buf *b, size_t *lenp);

#endif
