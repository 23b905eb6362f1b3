/*
 * Values of JSON text: strings decoded, numbers read. The text was scanned
 * before or not: bad text is an error here, never an overrun.
 */
#include "config.h"

#include "proto/json.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define REPLACEMENT 0xfffdu
#define DIGITS_EXACT 19        /* decimal digits that fit in 64 bits */
#define POW10_EXACT 22         /* powers of ten that a double holds exactly */

/* --- strings ---------------------------------------------------------- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	c = (char)(c | 0x20);
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/* The four digits at p, or -1. */
static long
hex4(const char *p, const char *end)
{
	long v = 0;
	int i, d;

	if (end - p < 4)
		return (-1);
	for (i = 0; i < 4; i++) {
		if ((d = hex_digit(p[i])) < 0)
			return (-1);
		v = v << 4 | d;
	}
	return (v);
}

static int
put_utf8(struct buf *out, uint32_t c)
{
	char u[4];

	if (c < 0x80)
		return (buf_putc(out, (char)c));
	if (c < 0x800) {
		u[0] = (char)(0xc0 | c >> 6);
		u[1] = (char)(0x80 | (c & 0x3f));
		return (buf_put(out, u, 2));
	}
	if (c < 0x10000) {
		u[0] = (char)(0xe0 | c >> 12);
		u[1] = (char)(0x80 | (c >> 6 & 0x3f));
		u[2] = (char)(0x80 | (c & 0x3f));
		return (buf_put(out, u, 3));
	}
	u[0] = (char)(0xf0 | c >> 18);
	u[1] = (char)(0x80 | (c >> 12 & 0x3f));
	u[2] = (char)(0x80 | (c >> 6 & 0x3f));
	u[3] = (char)(0x80 | (c & 0x3f));
	return (buf_put(out, u, 4));
}

static bool
is_low_surrogate(long c)
{
	return (c >= 0xdc00 && c <= 0xdfff);
}

/* *pp is after "\u"; a pair of surrogates is taken as one character. */
static int
put_unicode(struct buf *out, const char **pp, const char *end)
{
	long c = hex4(*pp, end), low;

	if (c < 0)
		return (-ERR_SYNTAX);
	*pp += 4;
	if (c >= 0xd800 && c <= 0xdbff && end - *pp >= 6 &&
	    (*pp)[0] == '\\' && (*pp)[1] == 'u' &&
	    is_low_surrogate(low = hex4(*pp + 2, end))) {
		*pp += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xd800 && c <= 0xdfff)
		c = REPLACEMENT;
	return (put_utf8(out, (uint32_t)c));
}

/* *pp is after the backslash. */
static int
put_escape(struct buf *out, const char **pp, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	char c;

	if (*pp == end)
		return (-ERR_SYNTAX);
	c = *(*pp)++;
	if (c == 'u')
		return (put_unicode(out, pp, end));
	at = c == '\0' ? NULL : strchr(from, c);
	return (at == NULL ? -ERR_SYNTAX : buf_putc(out, to[at - from]));
}

int
json_unescape(struct slice raw, struct buf *out)
{
	const char *p = raw.p, *end = raw.p + raw.n, *back;
	int r = 0;

	if (raw.n > 0 && *p == '"') {
		if (raw.n < 2 || end[-1] != '"')
			return (-ERR_SYNTAX);
		p++;
		end--;
	}
	while (r == 0 && p < end) {
		back = memchr(p, '\\', (size_t)(end - p));
		if (back == NULL)
			back = end;
		if (back > p)
			r = buf_put(out, p, (size_t)(back - p));
		p = back;
		if (r == 0 && p < end) {
			p++;
			r = put_escape(out, &p, end);
		}
	}
	return (r);
}

/* --- numbers ---------------------------------------------------------- */

/* A number's text taken apart: digits * 10^exponent, if exact. */
struct decimal {
	bool negative;
	bool exact;            /* all digits are in `digits` */
	uint64_t digits;
	int exponent;
};

static void
add_digit(struct decimal *d, char c, unsigned *countp)
{
	if (d->digits == 0 && c == '0')
		return;
	if (++*countp > DIGITS_EXACT)
		d->exact = false;
	else
		d->digits = d->digits * 10 + (unsigned)(c - '0');
}

/* Reads the exponent's digits; sticks at a value that is out of any range. */
static const char *
read_exponent(const char *p, const char *end, int *ep)
{
	bool negative = p < end && *p == '-';
	int e = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (e < 100000)
			e = e * 10 + (*p - '0');
	*ep = negative ? -e : e;
	return (p);
}

/* False if the text is not a number (of a form that scan_number accepts or
 * that is at least harmless). */
static bool
read_decimal(struct slice raw, struct decimal *d)
{
	const char *p = raw.p, *end = raw.p + raw.n, *from;
	unsigned count = 0;
	int e;

	*d = (struct decimal){ .exact = true };
	if (p < end && *p == '-') {
		d->negative = true;
		p++;
	}
	for (from = p; p < end && *p >= '0' && *p <= '9'; p++)
		add_digit(d, *p, &count);
	if (p == from)
		return (false);
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
			add_digit(d, *p, &count);
			if (d->exponent > -100000)
				d->exponent--;
		}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p = read_exponent(p + 1, end, &e);
		d->exponent += e;
	}
	return (p == end);
}

/* Whatever the program's locale takes for a decimal point. */
static int
slow_double(struct slice raw, double *vp)
{
	locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	char *text = strndup(raw.p, raw.n);
	int r = -ERR_NOMEM;

	if (c != (locale_t)0 && text != NULL) {
		*vp = strtod_l(text, NULL, c);
		r = isfinite(*vp) ? 0 : -ERR_RANGE;
	}
	if (c != (locale_t)0)
		freelocale(c);
	free(text);
	return (r);
}

int
json_double(struct slice raw, double *vp)
{
	static const double pow10[POW10_EXACT + 1] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
		1e22
	};
	struct decimal d;
	double v;

	if (!read_decimal(raw, &d))
		return (-ERR_TYPE);
	/* one correctly rounded operation on two exact numbers is exact */
	if (!d.exact || d.digits > UINT64_C(1) << 53 ||
	    d.exponent < -POW10_EXACT || d.exponent > POW10_EXACT)
		return (slow_double(raw, vp));
	v = (double)d.digits;
	if (d.exponent < 0)
		v /= pow10[-d.exponent];
	else
		v *= pow10[d.exponent];
	*vp = d.negative ? -v : v;
	return (0);
}

/* Brings the exponent to 0; -ERR_TYPE if a fraction would be lost. */
static int
make_whole(struct decimal *d)
{
	if (d->digits == 0)
		return (0);
	for (; d->exponent < 0; d->exponent++) {
		if (d->digits % 10 != 0)
			return (-ERR_TYPE);
		d->digits /= 10;
	}
	for (; d->exponent > 0; d->exponent--) {
		if (d->digits > UINT64_MAX / 10)
			return (-ERR_RANGE);
		d->digits *= 10;
	}
	return (0);
}

int
json_int64(struct slice raw, long long *vp)
{
	struct decimal d;
	int r;

	if (!read_decimal(raw, &d))
		return (-ERR_TYPE);
	if (!d.exact)
		return (-ERR_RANGE);
	if ((r = make_whole(&d)) != 0)
		return (r);
	if (d.digits > (uint64_t)INT64_MAX + (d.negative ? 1 : 0))
		return (-ERR_RANGE);
	*vp = d.negative ? (long long)(0 - d.digits) : (long long)d.digits;
	return (0);
}
