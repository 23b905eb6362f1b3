/*
 * msgpack to JSON, one pass, iterative. The output buffer's cap bounds the
 * memory; keys are compared in place. Without an output the same walk only
 * checks (msgpack_check), so that what was accepted can always be turned
 * into JSON later.
 */
#include "config.h"

#include "proto/transcode.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "proto/json.h"
#include "proto/keyset.h"
#include "proto/msg.h"

struct open_level {
	bool map;
	uint32_t left;     /* items, or pairs, still to come */
	bool first;
};

struct walk {
	struct msg_reader r;
	struct buf *out;   /* borrows; NULL: check only */
	unsigned depth;
	struct open_level level[JSON_DEPTH_MAX];
	struct keyset keys;
};

static int
put(struct walk *w, const char *p, size_t n)
{
	return (w->out == NULL ? 0 : buf_put(w->out, p, n));
}

static int
put_char(struct walk *w, char c)
{
	return (w->out == NULL ? 0 : buf_putc(w->out, c));
}

static bool
must_escape(unsigned char c)
{
	return (c < 0x20 || c == '"' || c == '\\');
}

static int
put_escaped(struct walk *w, unsigned char c)
{
	static const char shorts[] = "btn\0fr";   /* 0x08 to 0x0d */
	char esc[8];

	if (c == '"' || c == '\\') {
		esc[0] = '\\';
		esc[1] = (char)c;
		return (put(w, esc, 2));
	}
	if (c >= 0x08 && c <= 0x0d && c != 0x0b) {
		esc[0] = '\\';
		esc[1] = shorts[c - 0x08];
		return (put(w, esc, 2));
	}
	snprintf(esc, sizeof(esc), "\\u%04x", (unsigned)c);
	return (put(w, esc, 6));
}

static int
put_string(struct walk *w, struct slice s)
{
	size_t i, from = 0;
	int r;

	if (!str_utf8_ok(s.p, s.n))
		return (-ERR_UTF8);
	if (w->out == NULL)
		return (0);
	r = put_char(w, '"');
	for (i = 0; r == 0 && i < s.n; i++) {
		if (!must_escape((unsigned char)s.p[i]))
			continue;
		if (i > from)
			r = put(w, s.p + from, i - from);
		if (r == 0)
			r = put_escaped(w, (unsigned char)s.p[i]);
		from = i + 1;
	}
	if (r == 0 && s.n > from)
		r = put(w, s.p + from, s.n - from);
	return (r != 0 ? r : put_char(w, '"'));
}

static int
put_base64(struct walk *w, struct slice s)
{
	int r;

	if (w->out == NULL)
		return (0);
	if ((r = buf_putc(w->out, '"')) != 0 ||
	    (r = str_b64(w->out, s.p, s.n)) != 0)
		return (r);
	return (buf_putc(w->out, '"'));
}

/* Whatever the locale put between the digits becomes one point. */
static size_t
fix_point(char *text, size_t n)
{
	size_t from, to = 0;

	for (from = 0; from < n; from++)
		if (strchr("0123456789-+e", text[from]) != NULL)
			text[to++] = text[from];
		else if (to == 0 || text[to - 1] != '.')
			text[to++] = '.';
	return (to);
}

/* The shortest of 15 and 17 digits that reads back as the same number. */
static int
put_float(struct walk *w, double v)
{
	char text[40];
	int n;

	if (!isfinite(v))
		return (-ERR_TYPE);
	n = snprintf(text, sizeof(text), "%.15g", v);
	if (strtod(text, NULL) != v)
		n = snprintf(text, sizeof(text), "%.17g", v);
	return (put(w, text, fix_point(text, (size_t)n)));
}

static int
put_integer(struct walk *w, const struct msg_item *it)
{
	char text[24];
	int n;

	if (w->out == NULL)
		return (0);
	if (it->kind == MSG_UINT)
		n = snprintf(text, sizeof(text), "%" PRIu64, it->v.u);
	else
		n = snprintf(text, sizeof(text), "%" PRId64, it->v.i);
	return (put(w, text, (size_t)n));
}

static int
open_level(struct walk *w, bool map, uint32_t count)
{
	if (w->depth == JSON_DEPTH_MAX)
		return (-ERR_DEPTH);
	w->level[w->depth++] = (struct open_level){ map, count, true };
	if (map)
		keyset_push(&w->keys);
	return (put_char(w, map ? '{' : '['));
}

static int
close_level(struct walk *w)
{
	bool map = w->level[--w->depth].map;

	if (map)
		keyset_pop(&w->keys);
	return (put_char(w, map ? '}' : ']'));
}

static int
put_item(struct walk *w, const struct msg_item *it)
{
	switch (it->kind) {
	case MSG_NIL:
		return (put(w, "null", 4));
	case MSG_BOOL:
		return (it->v.b ? put(w, "true", 4) : put(w, "false", 5));
	case MSG_UINT:
	case MSG_INT:
		return (put_integer(w, it));
	case MSG_FLOAT:
		return (put_float(w, it->v.f));
	case MSG_STR:
		return (put_string(w, it->v.s));
	case MSG_BIN:
		return (put_base64(w, it->v.s));
	case MSG_ARRAY:
	case MSG_MAP:
		return (open_level(w, it->kind == MSG_MAP, it->v.count));
	case MSG_EXT:
		break;
	}
	return (-ERR_TYPE);
}

static int
put_key(struct walk *w)
{
	struct msg_item it;
	int r;

	if ((r = msg_next(&w->r, &it)) != 0)
		return (r);
	if (it.kind != MSG_STR)
		return (-ERR_TYPE);
	if ((r = keyset_add(&w->keys, it.v.s.p, it.v.s.n)) != 0 ||
	    (r = put_string(w, it.v.s)) != 0)
		return (r);
	return (put_char(w, ':'));
}

/* Comma and key of the next item; closes the levels that are complete. */
static int
next_in_level(struct walk *w)
{
	struct open_level *l;
	int r;

	while (w->depth > 0 && w->level[w->depth - 1].left == 0)
		if ((r = close_level(w)) != 0)
			return (r);
	if (w->depth == 0)
		return (0);
	l = &w->level[w->depth - 1];
	l->left--;
	if (!l->first && (r = put_char(w, ',')) != 0)
		return (r);
	l->first = false;
	return (l->map ? put_key(w) : 0);
}

static int
walk_value(struct walk *w)
{
	struct msg_item it;
	int r;

	do {
		if ((r = msg_next(&w->r, &it)) != 0 ||
		    (r = put_item(w, &it)) != 0 ||
		    (r = next_in_level(w)) != 0)
			return (r);
	} while (w->depth > 0);
	return (w->r.p == w->r.end ? 0 : -ERR_TRAILING);
}

static int
walk_all(const void *p, size_t n, struct buf *out)
{
	struct walk w;
	int r;

	if (n > KEYSET_TEXT_MAX)
		return (-ERR_NOMEM);
	w.r.p = p;
	w.r.end = w.r.p + n;
	w.out = out;
	w.depth = 0;
	keyset_init(&w.keys, p, n);
	r = walk_value(&w);
	keyset_fini(&w.keys);
	return (r);
}

int
msgpack_to_json(const void *p, size_t n, struct buf *out)
{
	return (walk_all(p, n, out));
}

int
msgpack_check(const void *p, size_t n)
{
	return (walk_all(p, n, NULL));
}
