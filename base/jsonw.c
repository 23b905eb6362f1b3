/*
 * JSON writer. It appends straight to the buffer, keeps only the kind of each
 * open level, and never looks at what it wrote before.
 */
#include "config.h"

#include "base/jsonw.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/str.h"

#define WHOLE_MAX 1e15 /* from here on %.15g writes an exponent */
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* What must precede a value, and what the next item will need. */
static void
begin_value(struct jsonw *w)
{
	if (w->depth > 0 && w->kind[w->depth - 1] == '{')
		ASSERT(w->keyed);
	else if (w->comma)
		(void)buf_putc(w->b, ',');
	w->keyed = false;
	w->comma = true;
}

static void
open_level(struct jsonw *w, char kind)
{
	begin_value(w);
	ASSERT(w->depth < JSONW_DEPTH);
	w->kind[w->depth++] = kind;
	w->comma = false;
	(void)buf_putc(w->b, kind);
}

/* The short escape of a control character, a quote or a backslash. */
static void
put_escape(struct buf *b, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *at = c == 0 ? NULL : strchr(from, c);

	if (at != NULL)
		(void)buf_printf(b, "\\%c", to[at - from]);
	else
		(void)buf_printf(b, "\\u%04x", c);
}

/* What can't stand in a string as it is, or has to be looked at. */
static const bool special[256] = {
	[0 ... 0x1f] = true, ['"'] = true, ['\\'] = true,
	[0x80 ... 0xff] = true,
};

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes at once; true also for some that are plain (a borrow from the
 * byte before), which are looked at singly then. */
static bool
may_be_special(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return (((v | (v - EACH(0x20)) | ((v ^ EACH('"')) - EACH(1)) |
	    ((v ^ EACH('\\')) - EACH(1))) & EACH(0x80)) != 0);
}

static size_t
plain_len(const char *p, size_t n)
{
	size_t i = 0;

	while (i + 8 <= n && !may_be_special(p + i))
		i += 8;
	while (i < n && !special[(unsigned char)p[i]])
		i++;
	return (i);
}

static void
put_text(struct buf *b, const char *p, size_t n)
{
	size_t run, seq;

	while (n > 0) {
		run = plain_len(p, n);
		(void)buf_put(b, p, run);
		p += run;
		if ((n -= run) == 0)
			return;
		seq = str_utf8_len(p, n);
		if (seq > 1)
			(void)buf_put(b, p, seq);
		else if (seq == 1)
			put_escape(b, (unsigned char)*p);
		else
			(void)buf_puts(b, REPLACEMENT);
		p += seq == 0 ? 1 : seq;
		n -= seq == 0 ? 1 : seq;
	}
}

static void
put_string(struct buf *b, struct slice s)
{
	/* nearly always plain: one look for room, not one for each part */
	if (s.n < b->cap && buf_reserve(b, s.n + 2) == 0 &&
	    plain_len(s.p, s.n) == s.n) {
		b->data[b->len] = '"';
		if (s.n > 0)
			memcpy(b->data + b->len + 1, s.p, s.n);
		b->data[b->len + 1 + s.n] = '"';
		b->len += s.n + 2;
		return;
	}
	(void)buf_putc(b, '"');
	put_text(b, s.p, s.n);
	(void)buf_putc(b, '"');
}

void
jsonw_init(struct jsonw *w, struct buf *b)
{
	*w = (struct jsonw){ .b = b };
}

void
jsonw_obj(struct jsonw *w)
{
	open_level(w, '{');
}

void
jsonw_arr(struct jsonw *w)
{
	open_level(w, '[');
}

void
jsonw_end(struct jsonw *w)
{
	ASSERT(w->depth > 0 && !w->keyed);
	w->depth--;
	(void)buf_putc(w->b, w->kind[w->depth] == '{' ? '}' : ']');
	w->comma = true;
}

void
jsonw_key(struct jsonw *w, const char *key)
{
	size_t n = strlen(key);
	struct buf *b = w->b;
	char *p;

	ASSERT(w->depth > 0 && w->kind[w->depth - 1] == '{' && !w->keyed);
	w->keyed = true;
	if (buf_reserve(b, n + 4) == 0 && plain_len(key, n) == n) {
		p = b->data + b->len;
		if (w->comma)
			*p++ = ',';
		*p++ = '"';
		memcpy(p, key, n);
		p += n;
		*p++ = '"';
		*p++ = ':';
		b->len = (size_t)(p - b->data);
		return;
	}
	if (w->comma)
		(void)buf_putc(b, ',');
	put_string(b, slice_of(key));
	(void)buf_putc(b, ':');
}

void
jsonw_str(struct jsonw *w, const char *s)
{
	jsonw_slice(w, slice_of(s));
}

void
jsonw_slice(struct jsonw *w, struct slice s)
{
	if (s.p == NULL) {
		jsonw_null(w);
		return;
	}
	begin_value(w);
	put_string(w->b, s);
}

void
jsonw_int(struct jsonw *w, int64_t v)
{
	begin_value(w);
	(void)buf_int(w->b, v);
}

void
jsonw_uint(struct jsonw *w, uint64_t v)
{
	begin_value(w);
	(void)buf_uint(w->b, v);
}

void
jsonw_num(struct jsonw *w, double v)
{
	char text[40], *p;
	int digits;

	if (!isfinite(v)) {
		jsonw_null(w);
		return;
	}
	if (v == trunc(v) && fabs(v) < WHOLE_MAX && !(v == 0 && signbit(v))) {
		jsonw_int(w, (int64_t)v);
		return;
	}
	/* The fewest digits that read back as the same number. */
	for (digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	/* A plugin may have set a locale with another decimal point. */
	for (p = text; *p != '\0'; p++)
		if (strchr("0123456789+-e", *p) == NULL)
			*p = '.';
	begin_value(w);
	(void)buf_puts(w->b, text);
}

void
jsonw_bool(struct jsonw *w, bool v)
{
	begin_value(w);
	(void)buf_puts(w->b, v ? "true" : "false");
}

void
jsonw_null(struct jsonw *w)
{
	begin_value(w);
	(void)buf_puts(w->b, "null");
}

void
jsonw_raw(struct jsonw *w, struct slice json)
{
	begin_value(w);
	(void)buf_slice(w->b, json);
}

void
jsonw_kstr(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	jsonw_str(w, s);
}

void
jsonw_kslice(struct jsonw *w, const char *key, struct slice s)
{
	jsonw_key(w, key);
	jsonw_slice(w, s);
}

void
jsonw_kint(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_key(w, key);
	jsonw_int(w, v);
}

void
jsonw_kuint(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	jsonw_uint(w, v);
}

void
jsonw_knum(struct jsonw *w, const char *key, double v)
{
	jsonw_key(w, key);
	jsonw_num(w, v);
}

void
jsonw_kbool(struct jsonw *w, const char *key, bool v)
{
	jsonw_key(w, key);
	jsonw_bool(w, v);
}

void
jsonw_kraw(struct jsonw *w, const char *key, struct slice json)
{
	jsonw_key(w, key);
	jsonw_raw(w, json);
}
