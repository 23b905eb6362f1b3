/* Cron expressions. See cron.h. */
#include "config.h"

#include "base/cron.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/obj.h"

#define YEARS 4         /* a 29th of February is never further away */

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun",
	"jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const weekdays[] = { "sun", "mon", "tue", "wed", "thu",
	"fri", "sat", NULL };

/* The one list of fields, in order. */
static const struct field {
	const char *name;
	int min, max;
	const char *const *names;  /* of min, min + 1 ...; NULL: none */
} fields[] = {
	{ "second", 0, 59, NULL },
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day of month", 1, 31, NULL },
	{ "month", 1, 12, months },
	{ "day of week", 0, 7, weekdays },
};
#define NFIELDS NELEM(fields)

static const struct {
	const char *name, *text;
} shorthands[] = {
	{ "@yearly", "0 0 1 1 *" },
	{ "@annually", "0 0 1 1 *" },
	{ "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" },
	{ "@daily", "0 0 * * *" },
	{ "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

/* One number or name; false if there is none or it is out of range. */
static bool
read_value(const char **pp, const struct field *f, int *vp)
{
	const char *p = *pp;
	long v = 0;
	int i;

	for (i = 0; f->names != NULL && f->names[i] != NULL; i++)
		if (strncasecmp(p, f->names[i], 3) == 0 &&
		    !isalnum((unsigned char)p[3])) {
			*vp = f->min + i;
			*pp = p + 3;
			return (true);
		}
	if (!isdigit((unsigned char)*p))
		return (false);
	for (; isdigit((unsigned char)*p); p++)
		if ((v = v * 10 + (*p - '0')) > 9999)
			return (false);
	*vp = (int)v;
	*pp = p;
	return (v >= f->min && v <= f->max);
}

/* value, value-value, or *, each with an optional /step. */
static bool
read_range(const char **pp, const struct field *f, uint64_t *bits)
{
	static const struct field step_field = { "step", 1, 9999, NULL };
	int from = f->min, to = f->max, step = 1, i;
	bool single = false;

	if (**pp == '*')
		(*pp)++;
	else {
		if (!read_value(pp, f, &from))
			return (false);
		to = from;
		single = true;
		if (**pp == '-') {
			(*pp)++;
			single = false;
			if (!read_value(pp, f, &to) || to < from)
				return (false);
		}
	}
	if (**pp == '/') {
		(*pp)++;
		if (!read_value(pp, &step_field, &step))
			return (false);
		if (single)
			to = f->max;    /* "5/15" is from 5 on */
	}
	for (i = from; i <= to; i += step)
		*bits |= UINT64_C(1) << i;
	return (true);
}

static bool
read_field(const char **pp, const struct field *f, uint64_t *bits, bool *anyp)
{
	*bits = 0;
	*anyp = **pp == '*';
	for (;;) {
		if (!read_range(pp, f, bits))
			return (false);
		if (**pp != ',')
			break;
		(*pp)++;
	}
	return (**pp == '\0' || isspace((unsigned char)**pp));
}

static unsigned
count_words(const char *p)
{
	unsigned n = 0;

	while (*p != '\0') {
		while (isspace((unsigned char)*p))
			p++;
		if (*p == '\0')
			break;
		n++;
		while (*p != '\0' && !isspace((unsigned char)*p))
			p++;
	}
	return (n);
}

static const char *
expand(const char *text)
{
	size_t i;

	for (i = 0; i < NELEM(shorthands); i++)
		if (strcasecmp(text, shorthands[i].name) == 0)
			return (shorthands[i].text);
	return (text);
}

int
cron_parse(const char *text, struct cron *c, const char **whyp)
{
	uint64_t bits[NFIELDS] = { 1 };
	bool any[NFIELDS] = { false };
	const char *p = expand(text), *unused;
	unsigned n = count_words(p), i;

	if (whyp == NULL)
		whyp = &unused;
	*whyp = "five fields are needed (minute hour day month weekday), or "
	    "six with seconds first";
	if (n != NFIELDS && n != NFIELDS - 1)
		return (-ERR_SYNTAX);
	for (i = n == NFIELDS ? 0 : 1; i < NFIELDS; i++) {
		while (isspace((unsigned char)*p))
			p++;
		if (!read_field(&p, &fields[i], &bits[i], &any[i])) {
			*whyp = fields[i].name;
			return (-ERR_RANGE);
		}
	}
	if ((bits[5] & 1u << 7) != 0)
		bits[5] |= 1;           /* both 0 and 7 are Sunday */
	*c = (struct cron){ .second = bits[0], .minute = bits[1],
		.hour = (uint32_t)bits[2], .day = (uint32_t)bits[3],
		.month = (uint32_t)bits[4], .weekday = (uint32_t)bits[5] & 0x7f,
		.any_day = any[3], .any_weekday = any[5] };
	return (0);
}

static bool
day_matches(const struct cron *c, const struct tm *t)
{
	bool day = (c->day >> t->tm_mday & 1) != 0;
	bool weekday = (c->weekday >> t->tm_wday & 1) != 0;

	if (c->any_day || c->any_weekday)
		return (day && weekday);
	return (day || weekday);
}

/* Moves to the start of the next day, hour, minute; mktime normalises. */
static time_t
step_to(struct tm *t, int day, int hour, int minute)
{
	t->tm_mday += day;
	t->tm_hour = day != 0 ? 0 : t->tm_hour + hour;
	t->tm_min = day != 0 || hour != 0 ? 0 : t->tm_min + minute;
	t->tm_sec = 0;
	t->tm_isdst = -1;
	return (mktime(t));
}

time_t
cron_next(const struct cron *c, time_t after)
{
	time_t at = after + 1, last = after + (time_t)YEARS * 366 * 86400, was;
	struct tm t;

	while (at <= last) {
		if (localtime_r(&at, &t) == NULL)
			return (-1);
		was = at;
		if ((c->month >> (t.tm_mon + 1) & 1) == 0 ||
		    !day_matches(c, &t))
			at = step_to(&t, 1, 0, 0);
		else if ((c->hour >> t.tm_hour & 1) == 0)
			at = step_to(&t, 0, 1, 0);
		else if ((c->minute >> t.tm_min & 1) == 0)
			at = step_to(&t, 0, 0, 1);
		else if ((c->second >> t.tm_sec & 1) == 0)
			at++;
		else
			return (at);
		/* an hour that a clock change repeats must not hold us up */
		if (at <= was)
			at = was + 1;
	}
	return (-1);
}
