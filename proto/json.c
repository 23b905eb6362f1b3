/*
 * The strict JSON scanner. One pass with an explicit stack, no recursion, no
 * tree; plain runs of strings go eight bytes at a time. It never changes or
 * copies the text, except for keys with escapes, which must be compared
 * decoded. Lone surrogates are refused: RFC 8259's grammar has them, but no
 * UTF-8 says them, and many readers refuse the whole text (section 8.2).
 * Decoding of values is in json_text.c.
 */
#include "config.h"

#include "proto/json.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "proto/keyset.h"

_Static_assert(JSON_DEPTH_MAX <= KEYSET_DEPTH, "a level per container");

struct scan {
	const char *text, *p, *end;
	json_member_f *fn;        /* NULL: only check */
	void *priv;
	struct json_error *err;
	bool loose;               /* json_scan_loose: see json.h */
	unsigned depth;
	char kind[JSON_DEPTH_MAX];   /* '{' or '[' per open container */
	struct json_member member;   /* the outermost member being read */
	struct keyset keys;
};

static int
fail(struct scan *s, const char *at, int code, const char *what)
{
	if (s->err != NULL) {
		s->err->at = (size_t)(at - s->text);
		s->err->what = what;
	}
	return (code);
}

static inline void
skip_space(struct scan *s)
{
	const char *p = s->p;

	while (p < s->end && (unsigned char)*p <= ' ' &&
	    (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	s->p = p;
}

/* --- strings ---------------------------------------------------------- */

#define EACH(c) (UINT64_C(0x0101010101010101) * (c))

/*
 * High bits mark bytes of w that are control characters, quotes, backslashes
 * or not ASCII. Borrows may mark further bytes above the first marked one,
 * never below it.
 */
static inline uint64_t
special_bytes(uint64_t w)
{
	uint64_t quote = w ^ EACH(0x22), back = w ^ EACH(0x5c);

	return ((w | (w - EACH(0x20)) | (quote - EACH(1)) |
	    (back - EACH(1))) & EACH(0x80));
}

static inline bool
is_plain(unsigned char c)
{
	return (c >= 0x20 && c < 0x80 && c != '"' && c != '\\');
}

/* First byte from p on that is not plain, or end. */
static inline const char *
skip_plain(const char *p, const char *end)
{
	uint64_t w, marks;

	while (end - p >= (ptrdiff_t)sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		marks = special_bytes(le64toh(w));
		if (marks != 0)
			return (p + (__builtin_ctzll(marks) >> 3));
		p += sizeof(w);
	}
	while (p < end && is_plain((unsigned char)*p))
		p++;
	return (p);
}

/* Length of the well-formed UTF-8 sequence at p, 0 if there is none. */
static unsigned
utf8_length(const char *text, const char *end)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = (size_t)(end - text);
	unsigned char low = 0x80, high = 0xbf;
	unsigned i, n;

	if (p[0] < 0xc2 || p[0] > 0xf4)
		return (0);
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return (0);
	if (p[0] == 0xe0)
		low = 0xa0;     /* overlong */
	else if (p[0] == 0xed)
		high = 0x9f;    /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;     /* overlong */
	else if (p[0] == 0xf4)
		high = 0x8f;    /* past U+10FFFF */
	if (p[1] < low || p[1] > high)
		return (0);
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return (0);
	return (n);
}

static int
skip_utf8(struct scan *s, const char **pp)
{
	unsigned n;

	while (*pp < s->end && (unsigned char)**pp >= 0x80) {
		n = utf8_length(*pp, s->end);
		if (n == 0 && !s->loose)
			return (fail(s, *pp, -ERR_UTF8, "invalid UTF-8"));
		*pp += n == 0 ? 1 : n;
	}
	return (0);
}

/* "\uXXXX" at p as a number; -1: it is not one. */
static long
hex_escape(const char *p, const char *end)
{
	long c = 0;
	int i;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return (-1);
	for (i = 2; i < 6; i++)
		if (p[i] >= '0' && p[i] <= '9')
			c = c << 4 | (p[i] - '0');
		else if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f')
			c = c << 4 | ((p[i] | 0x20) - 'a' + 10);
		else
			return (-1);
	return (c);
}

/* A high surrogate takes the low one behind it along. */
static int
skip_hex(struct scan *s, const char **pp)
{
	const char *p = *pp;
	long c = hex_escape(p, s->end), low;

	if (c < 0)
		return (fail(s, p, -ERR_SYNTAX, "bad \\u escape"));
	*pp = p + 6;
	if (c < 0xd800 || c > 0xdfff || s->loose)
		return (0);
	low = hex_escape(p + 6, s->end);
	if (c > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return (fail(s, p, -ERR_UTF8, "half of a surrogate pair"));
	*pp = p + 12;
	return (0);
}

/* *pp is at the backslash. */
static int
skip_escape(struct scan *s, const char **pp)
{
	const char *p = *pp + 1;

	if (p == s->end)
		return (fail(s, p, -ERR_SYNTAX, "unfinished string"));
	if (*p == 'u')
		return (skip_hex(s, pp));
	if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL)
		return (fail(s, *pp, -ERR_SYNTAX, "bad escape"));
	*pp = p + 1;
	return (0);
}

/* s->p is after the opening quote and ends up after the closing one. */
static int
scan_string(struct scan *s, bool *escapedp)
{
	const char *p = s->p;
	unsigned char c;
	int r;

	*escapedp = false;
	for (;;) {
		p = skip_plain(p, s->end);
		if (p == s->end)
			return (fail(s, p, -ERR_SYNTAX, "unfinished string"));
		c = (unsigned char)*p;
		if (c == '"')
			break;
		if (c == '\\') {
			*escapedp = true;
			r = skip_escape(s, &p);
		} else if (c >= 0x80)
			r = skip_utf8(s, &p);
		else
			r = fail(s, p, -ERR_SYNTAX,
			    "control character in a string");
		if (r != 0)
			return (r);
	}
	s->p = p + 1;
	return (0);
}

/* --- numbers and words ------------------------------------------------ */

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (p);
}

static int
scan_number(struct scan *s)
{
	const char *p = s->p, *from;

	if (*p == '-')
		p++;
	from = p;
	p = skip_digits(p, s->end);
	if (p == from || (*from == '0' && p - from > 1))
		return (fail(s, from, -ERR_SYNTAX, "bad number"));
	if (p < s->end && *p == '.') {
		from = p + 1;
		if ((p = skip_digits(from, s->end)) == from)
			return (fail(s, p, -ERR_SYNTAX, "bad number"));
	}
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		from = p + 1;
		if (from < s->end && (*from == '+' || *from == '-'))
			from++;
		if ((p = skip_digits(from, s->end)) == from)
			return (fail(s, p, -ERR_SYNTAX, "bad number"));
	}
	s->p = p;
	return (0);
}

static int
scan_word(struct scan *s, const char *word, size_t n)
{
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return (fail(s, s->p, -ERR_SYNTAX, "unexpected character"));
	s->p += n;
	return (0);
}

/* --- containers ------------------------------------------------------- */

/*
 * Loose only: past the depth limit, containers are skipped by counting
 * brackets outside strings, whatever their kinds.
 */
static int
skip_container(struct scan *s)
{
	unsigned long depth = 0;
	bool escaped;
	char c;
	int r;

	do {
		if (s->p == s->end)
			return (fail(s, s->p, -ERR_SYNTAX, "unfinished text"));
		c = *s->p++;
		if (c == '"') {
			if ((r = scan_string(s, &escaped)) != 0)
				return (r);
		} else if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
	} while (depth > 0);
	return (0);
}

static int
note_key(struct scan *s, const char *key, size_t n, bool escaped)
{
	struct buf *decoded = &s->keys.decoded;
	size_t at = decoded->len;
	int r;

	if (s->loose)
		return (0);
	if (!escaped)
		r = keyset_add(&s->keys, key, n);
	else {
		r = json_unescape((struct slice){ key, n }, decoded);
		if (r == 0)
			r = keyset_add_decoded(&s->keys, at);
	}
	if (r == -ERR_DUPLICATE)
		return (fail(s, key, r, "duplicate key"));
	if (r != 0)
		return (fail(s, key, -ERR_NOMEM, "out of memory"));
	return (0);
}

/* A key and its colon; s->p is at the quote. */
static int
scan_key(struct scan *s)
{
	const char *key;
	bool escaped;
	size_t n;
	int r;

	skip_space(s);
	if (s->p == s->end || *s->p != '"')
		return (fail(s, s->p, -ERR_SYNTAX, "expected a key"));
	key = ++s->p;
	if ((r = scan_string(s, &escaped)) != 0)
		return (r);
	n = (size_t)(s->p - key) - 1;
	if ((r = note_key(s, key, n, escaped)) != 0)
		return (r);
	if (s->depth == 1) {
		s->member.key = (struct slice){ key, n };
		s->member.key_escaped = escaped;
	}
	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return (fail(s, s->p, -ERR_SYNTAX, "expected a colon"));
	s->p++;
	return (0);
}

static void
close_container(struct scan *s)
{
	s->p++;
	if (s->kind[--s->depth] == '{' && !s->loose)
		keyset_pop(&s->keys);
}

/* s->p is at the bracket. *openp: a first value is to come. */
static int
open_container(struct scan *s, char kind, bool *openp)
{
	*openp = false;
	if (s->depth == JSON_DEPTH_MAX) {
		if (s->loose)
			return (skip_container(s));
		return (fail(s, s->p, -ERR_DEPTH, "nested too deep"));
	}
	s->kind[s->depth++] = kind;
	if (kind == '{' && !s->loose)
		keyset_push(&s->keys);
	s->p++;
	skip_space(s);
	if (s->p < s->end && *s->p == (kind == '{' ? '}' : ']')) {
		close_container(s);
		return (0);
	}
	*openp = true;
	return (kind == '{' ? scan_key(s) : 0);
}

static enum json_kind
kind_of(char c)
{
	switch (c) {
	case '"':
		return (JSON_STRING);
	case '{':
		return (JSON_OBJECT);
	case '[':
		return (JSON_ARRAY);
	case 't':
	case 'f':
		return (JSON_BOOL);
	case 'n':
		return (JSON_NULL);
	default:
		return (JSON_NUMBER);
	}
}

/* One scalar or empty container, or the head of a container (*openp). */
static int
scan_value(struct scan *s, bool *openp)
{
	bool escaped;

	*openp = false;
	skip_space(s);
	if (s->p == s->end)
		return (fail(s, s->p, -ERR_SYNTAX, "unfinished text"));
	if (s->depth == 1) {
		s->member.value.p = s->p;
		s->member.kind = kind_of(*s->p);
	}
	switch (*s->p) {
	case '"':
		s->p++;
		return (scan_string(s, &escaped));
	case '{':
	case '[':
		return (open_container(s, *s->p, openp));
	case 't':
		return (scan_word(s, "true", 4));
	case 'f':
		return (scan_word(s, "false", 5));
	case 'n':
		return (scan_word(s, "null", 4));
	case '-':
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return (scan_number(s));
	default:
		return (fail(s, s->p, -ERR_SYNTAX, "unexpected character"));
	}
}

/* A member of the outermost object is complete. */
static int
give_member(struct scan *s)
{
	s->member.value.n = (size_t)(s->p - s->member.value.p);
	return (s->fn(s->priv, &s->member));
}

/* What follows a value inside a container: a comma (*morep) or its end. */
static int
scan_after(struct scan *s, bool *morep)
{
	char kind = s->kind[s->depth - 1];
	int r;

	if (s->depth == 1 && s->fn != NULL && (r = give_member(s)) != 0)
		return (r);
	*morep = false;
	skip_space(s);
	if (s->p == s->end)
		return (fail(s, s->p, -ERR_SYNTAX, "unfinished text"));
	if (*s->p == (kind == '{' ? '}' : ']')) {
		close_container(s);
		return (0);
	}
	if (*s->p != ',')
		return (fail(s, s->p, -ERR_SYNTAX,
		    "expected a comma or the end"));
	s->p++;
	*morep = true;
	return (kind == '{' ? scan_key(s) : 0);
}

static int
scan_text(struct scan *s)
{
	bool open, more;
	int r;

	do {
		if ((r = scan_value(s, &open)) != 0)
			return (r);
		more = open;
		while (!more && s->depth > 0)
			if ((r = scan_after(s, &more)) != 0)
				return (r);
	} while (more);
	skip_space(s);
	if (s->p != s->end)
		return (fail(s, s->p, -ERR_SYNTAX,
		    "something after the value"));
	return (0);
}

static int
scan_all(const char *p, size_t n, json_member_f *fn, void *priv, bool loose,
    struct json_error *err)
{
	struct scan s;
	int r;

	s.text = s.p = p;
	s.end = p + n;
	s.fn = fn;
	s.priv = priv;
	s.err = err;
	s.loose = loose;
	s.depth = 0;
	if (n > KEYSET_TEXT_MAX)
		return (fail(&s, p, -ERR_NOMEM, "text too long"));
	keyset_init(&s.keys, p, n);
	skip_space(&s);
	if (fn != NULL && s.p < s.end && *s.p != '{')
		r = fail(&s, s.p, -ERR_TYPE, "not an object");
	else
		r = scan_text(&s);
	keyset_fini(&s.keys);
	return (r);
}

int
json_scan_object(const char *p, size_t n, json_member_f *fn, void *priv,
    struct json_error *err)
{
	ASSERT(fn != NULL);
	return (scan_all(p, n, fn, priv, false, err));
}

int
json_scan_loose(const char *p, size_t n, json_member_f *fn, void *priv)
{
	ASSERT(fn != NULL);
	return (scan_all(p, n, fn, priv, true, NULL));
}

int
json_check(const char *p, size_t n, struct json_error *err)
{
	return (scan_all(p, n, NULL, NULL, false, err));
}

/* --- lookup ----------------------------------------------------------- */

struct lookup {
	const char *key;
	size_t n;
	struct slice value;
	enum json_kind kind;
};

static bool
key_is(const struct json_member *m, const char *key, size_t n)
{
	struct buf b;
	bool same;

	if (!m->key_escaped)
		return (m->key.n == n && memcmp(m->key.p, key, n) == 0);
	buf_init(&b, m->key.n);
	same = json_unescape(m->key, &b) == 0 && b.len == n &&
	    memcmp(b.data, key, n) == 0;
	buf_fini(&b);
	return (same);
}

static int
match_member(void *priv, const struct json_member *m)
{
	struct lookup *l = priv;

	if (!key_is(m, l->key, l->n))
		return (0);
	l->value = m->value;
	l->kind = m->kind;
	return (1);
}

int
json_find(struct slice object, const char *path, struct slice *value,
    enum json_kind *kind)
{
	struct lookup l = { .value = object, .kind = JSON_OBJECT };

	for (;;) {
		l.key = path;
		l.n = strcspn(path, ".");
		if (l.kind != JSON_OBJECT || scan_all(l.value.p, l.value.n,
		    match_member, &l, true, NULL) != 1)
			return (-ERR_NOTFOUND);
		if (path[l.n] == '\0')
			break;
		path += l.n + 1;
	}
	*value = l.value;
	*kind = l.kind;
	return (0);
}
