/*
 * Growable byte buffer with a hard cap. The allocation is always one byte
 * longer than `size`, so that a NUL behind the text never needs room of its
 * own and never counts against the cap.
 */
#include "config.h"

#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"

#define SIZE_MIN 256           /* first allocation, bytes */
#define SIZE_KEEP (64 * 1024)  /* what a reset keeps, bytes */

static int
refuse(struct buf *b, int code)
{
	b->failed = true;
	return (code);
}

/* The size to grow to so that need bytes fit: doubles, never over the cap. */
static size_t
grown_size(const struct buf *b, size_t need)
{
	size_t size = b->size < SIZE_MIN ? SIZE_MIN : b->size;

	while (size < need)
		size = size > SIZE_MAX / 2 ? need : size * 2;
	return (size > b->cap ? b->cap : size);
}

void
buf_init(struct buf *b, size_t cap)
{
	*b = (struct buf){ .magic = BUF_MAGIC,
		.cap = cap < SIZE_MAX ? cap : SIZE_MAX - 1 };
}

void
buf_fini(struct buf *b)
{
	OBJ_CHECK(b, BUF_MAGIC);
	free(b->data);
	*b = (struct buf){ .magic = 0 };
}

void
buf_reset(struct buf *b)
{
	OBJ_CHECK(b, BUF_MAGIC);
	if (b->size > SIZE_KEEP) {
		free(b->data);
		b->data = NULL;
		b->size = 0;
	}
	b->len = 0;
	b->failed = false;
}

int
buf_reserve(struct buf *b, size_t more)
{
	char *data;
	size_t size;

	OBJ_CHECK(b, BUF_MAGIC);
	if (more <= b->size - b->len)
		return (0);
	if (more > b->cap - b->len)
		return (refuse(b, -ERR_NOSPACE));
	size = grown_size(b, b->len + more);
	if ((data = realloc(b->data, size + 1)) == NULL)
		return (refuse(b, -ERR_NOMEM));
	b->data = data;
	b->size = size;
	return (0);
}

int
buf_put(struct buf *b, const void *p, size_t n)
{
	int r;

	if ((b->magic != BUF_MAGIC || n > b->size - b->len) &&
	    (r = buf_reserve(b, n)) != 0)
		return (r);
	if (n == 0)
		return (0);
	memcpy(b->data + b->len, p, n);
	b->len += n;
	return (0);
}

int
buf_putc(struct buf *b, char c)
{
	if (b->magic != BUF_MAGIC || b->len >= b->size)
		return (buf_put(b, &c, 1));
	b->data[b->len++] = c;
	return (0);
}

int
buf_puts(struct buf *b, const char *s)
{
	return (buf_put(b, s, strlen(s)));
}

int
buf_slice(struct buf *b, struct slice s)
{
	return (buf_put(b, s.p, s.n));
}

static int
put_decimal(struct buf *b, bool negative, uint64_t v)
{
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	if (negative)
		*--p = '-';
	return (buf_put(b, p, (size_t)(text + sizeof(text) - p)));
}

int
buf_int(struct buf *b, int64_t v)
{
	/* the negation of the smallest number is its own absolute value */
	return (put_decimal(b, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v));
}

int
buf_uint(struct buf *b, uint64_t v)
{
	return (put_decimal(b, false, v));
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return (r);
}

int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n, r;

	OBJ_CHECK(b, BUF_MAGIC);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return (refuse(b, -ERR_SYSTEM));
	if ((r = buf_reserve(b, (size_t)n)) != 0 || n == 0)
		return (r);
	/* The byte behind `size` takes the NUL. */
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return (0);
}

void
buf_consume(struct buf *b, size_t n)
{
	OBJ_CHECK(b, BUF_MAGIC);
	ASSERT(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
}

const char *
buf_cstr(struct buf *b)
{
	OBJ_CHECK(b, BUF_MAGIC);
	if (b->data == NULL)
		return ("");
	b->data[b->len] = '\0';
	return (b->data);
}

char *
buf_take(struct buf *b, size_t *lenp)
{
	char *data;

	OBJ_CHECK(b, BUF_MAGIC);
	if (b->data != NULL)
		b->data[b->len] = '\0';
	if (lenp != NULL)
		*lenp = b->len;
	data = b->data;
	buf_init(b, b->cap);
	return (data);
}
