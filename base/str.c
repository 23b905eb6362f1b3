/*
 * Text to values and back. Nothing here depends on the locale, and nothing
 * accepts leading or trailing characters that are not part of the value.
 */
#include "config.h"

#include "base/str.h"

#include <sys/random.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"

struct dur_unit {
	const char *name;
	dur_t len;
};

/* Longest first: str_dur_put takes the first that divides. */
static const struct dur_unit dur_units[] = {
	{ "d", 86400 * DUR_S }, { "h", 3600 * DUR_S }, { "m", 60 * DUR_S },
	{ "s", DUR_S }, { "ms", DUR_MS }, { "us", DUR_US }, { "ns", 1 },
};

static const char size_units[] = "KMGTPE"; /* powers of 1024, from 1 */

static bool
is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

/* Digits at *sp into *vp; *sp moves behind them. At least one is needed. */
static int
take_digits(const char **sp, uint64_t *vp)
{
	const char *s = *sp;
	uint64_t v = 0;

	if (!is_digit(*s))
		return (-ERR_SYNTAX);
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return (-ERR_RANGE);
	*sp = s;
	*vp = v;
	return (0);
}

int
str_int(const char *s, int64_t *vp)
{
	bool negative = *s == '-';
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	uint64_t v;
	const char *p = s + (negative || *s == '+');

	if (!is_digit(*p) || p[strspn(p, "0123456789")] != '\0')
		return (-ERR_SYNTAX);
	if (take_digits(&p, &v) != 0 || v > limit)
		return (-ERR_RANGE);
	*vp = negative ? (int64_t)(0 - v) : (int64_t)v;
	return (0);
}

int
str_bool(const char *s, bool *vp)
{
	static const char *const words[] = {
		"no", "yes", "false", "true", "off", "on", "0", "1",
	};
	unsigned i;

	for (i = 0; i < NELEM(words); i++)
		if (strcasecmp(s, words[i]) == 0) {
			*vp = i % 2 == 1;
			return (0);
		}
	return (-ERR_SYNTAX);
}

/* The unit that s names; "" is seconds, NULL for one that doesn't exist. */
static const struct dur_unit *
find_dur_unit(const char *s)
{
	unsigned i;

	if (*s == '\0')
		s = "s";
	for (i = 0; i < NELEM(dur_units); i++)
		if (strcmp(s, dur_units[i].name) == 0)
			return (&dur_units[i]);
	return (NULL);
}

/* The value of the decimals in [s, end) of a unit, cut to nanoseconds. */
static dur_t
decimals_of(const char *s, const char *end, dur_t unit)
{
	dur_t d = 0;

	for (; s < end && (unit /= 10) > 0; s++)
		d += (*s - '0') * unit;
	return (d);
}

int
str_dur(const char *s, dur_t *vp)
{
	const struct dur_unit *unit;
	const char *decimals = "", *end = decimals, *rest;
	uint64_t whole;
	dur_t d;
	int r;

	rest = s + strspn(s, "0123456789");
	if (*rest == '.') {
		decimals = rest + 1;
		end = rest = decimals + strspn(decimals, "0123456789");
		if (decimals == end)
			return (-ERR_SYNTAX);
	}
	if (!is_digit(*s) || (unit = find_dur_unit(rest)) == NULL)
		return (-ERR_SYNTAX);
	if ((r = take_digits(&s, &whole)) != 0)
		return (r);
	if (__builtin_mul_overflow(whole, unit->len, &d) ||
	    __builtin_add_overflow(d, decimals_of(decimals, end, unit->len),
	    &d))
		return (-ERR_RANGE);
	*vp = d;
	return (0);
}

int
str_size(const char *s, uint64_t *vp)
{
	const char *rest = s + strspn(s, "0123456789"), *unit;
	unsigned shift = 0;
	uint64_t v;
	int r;

	if (!is_digit(*s))
		return (-ERR_SYNTAX);
	if (*rest != '\0') {
		unit = strchr(size_units, *rest & ~0x20); /* either case */
		if (unit == NULL || *unit == '\0' || rest[1] != '\0')
			return (-ERR_SYNTAX);
		shift = 10 * (unsigned)(unit - size_units + 1);
	}
	if ((r = take_digits(&s, &v)) != 0)
		return (r);
	if (v > UINT64_MAX >> shift)
		return (-ERR_RANGE);
	*vp = v << shift;
	return (0);
}

void
str_dur_put(struct buf *b, dur_t d)
{
	unsigned i;

	if (d == 0) {
		(void)buf_putc(b, '0');
		return;
	}
	for (i = 0; d % dur_units[i].len != 0;)
		i++;
	(void)buf_printf(b, "%" PRId64 "%s", d / dur_units[i].len,
	    dur_units[i].name);
}

void
str_size_put(struct buf *b, uint64_t n)
{
	unsigned i = 0;

	while (n != 0 && n % 1024 == 0 && size_units[i] != '\0') {
		n /= 1024;
		i++;
	}
	(void)buf_printf(b, "%" PRIu64, n);
	if (i > 0)
		(void)buf_putc(b, size_units[i - 1]);
}

/*
 * Copies one word from *sp to *outp, quotes taken off; both move behind it.
 * False if a quote stays open.
 */
static bool
take_word(const char **sp, char **outp)
{
	const char *s = *sp;
	char *out = *outp, quote = '\0';

	for (; *s != '\0' && (quote != '\0' || strchr(" \t\r\n", *s) == NULL);
	    s++) {
		if (*s == quote)
			quote = '\0';
		else if (quote == '\0' && (*s == '\'' || *s == '"'))
			quote = *s;
		else if (*s == '\\' && (quote == '\0' ||
		    (quote == '"' && s[1] != '\0' &&
		    strchr("\"\\$`", s[1]) != NULL))) {
			if (*++s == '\0')
				return (false);
			*out++ = *s;
		} else
			*out++ = *s;
	}
	*out++ = '\0';
	*sp = s;
	*outp = out;
	return (quote == '\0');
}

int
str_words(const char *s, char ***argvp, unsigned *argcp)
{
	size_t n = strlen(s), slots;
	unsigned argc = 0;
	char **argv, *out;

	/* n bytes hold at most n / 2 + 1 words, plus the NULL. */
	slots = n / 2 + 2;
	if ((argv = malloc(slots * sizeof(*argv) + n + 1)) == NULL)
		return (-ERR_NOMEM);
	out = (char *)(argv + slots);
	for (;;) {
		s += strspn(s, " \t\r\n");
		if (*s == '\0')
			break;
		argv[argc++] = out;
		if (!take_word(&s, &out)) {
			free(argv);
			return (-ERR_SYNTAX);
		}
	}
	argv[argc] = NULL;
	*argvp = argv;
	*argcp = argc;
	return (0);
}

bool
str_id_ok(struct slice s)
{
	size_t i;
	char c;

	if (s.n < 1 || s.n > 128)
		return (false);
	for (i = 0; i < s.n; i++) {
		c = s.p[i];
		if (!is_digit(c) && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && c != '.' && c != '_' &&
		    c != ':' && c != '-')
			return (false);
	}
	return (true);
}

size_t
str_utf8_len(const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t len, i;
	unsigned lo = 0x80, hi = 0xbf; /* of the second byte */

	if (n == 0)
		return (0);
	if (s[0] < 0x80)
		return (1);
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return (0);
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		lo = 0xa0; /* else overlong */
	else if (s[0] == 0xed)
		hi = 0x9f; /* else a surrogate */
	else if (s[0] == 0xf0)
		lo = 0x90; /* else overlong */
	else if (s[0] == 0xf4)
		hi = 0x8f; /* else over U+10FFFF */
	if (n < len || s[1] < lo || s[1] > hi)
		return (0);
	for (i = 2; i < len; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return (0);
	return (len);
}

bool
str_utf8_ok(const char *p, size_t n)
{
	size_t len;

	for (; n > 0; p += len, n -= len) {
		for (len = 0; len < n && (unsigned char)p[len] < 0x80;)
			len++;
		if (len == 0 && (len = str_utf8_len(p, n)) == 0)
			return (false);
	}
	return (true);
}

int
str_b64(struct buf *b, const void *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = p;
	unsigned v;
	char *out;
	int r;

	if (n > SIZE_MAX / 4 * 3 - 3)
		return (-ERR_NOSPACE);
	if ((r = buf_reserve(b, (n + 2) / 3 * 4)) != 0)
		return (r);
	out = b->data + b->len;
	b->len += (n + 2) / 3 * 4;
	for (; n > 0; s += 3, n -= n < 3 ? n : 3) {
		v = (unsigned)s[0] << 16;
		if (n > 1)
			v |= (unsigned)s[1] << 8;
		if (n > 2)
			v |= s[2];
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = n > 2 ? digits[v & 63] : '=';
	}
	return (0);
}

void
str_uuid7(char out[37], wall_t ms)
{
	unsigned char u[16];
	unsigned i, at = 0;

	for (i = 0; i < 6; i++)
		u[i] = (unsigned char)(ms >> (40 - 8 * i));
	/* Ten bytes are given whole or, before the pool is up, not at all. */
	while (getrandom(u + 6, 10, 0) != 10)
		;
	u[6] = (u[6] & 0x0f) | 0x70; /* version 7 */
	u[8] = (u[8] & 0x3f) | 0x80; /* variant */
	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = "0123456789abcdef"[u[i] >> 4];
		out[at++] = "0123456789abcdef"[u[i] & 15];
	}
	out[at] = '\0';
}

char *
str_fmt(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		log_bug("alloc", "out of memory for text");
		abort();
	}
	return (s);
}
