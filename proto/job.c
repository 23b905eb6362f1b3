/*
 * A job's payload, JSON or msgpack, read into a struct job_spec. Both forms
 * are brought to the same struct value, so that the rules of the keys exist
 * once, in the readers below. What is not in job_tbl.h is checked for form
 * only. A payload that is refused is read as far as it can be, because its
 * producer waits for an answer under its id.
 */
#include "config.h"

#include "proto/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "proto/job_tbl.h"
#include "proto/json.h"
#include "proto/msg.h"
#include "proto/transcode.h"

/* Escaped text is at most six times as long; each key occurs once. */
#define RAW_MAX (JOB_TEXT_MAX * 6)
#define TEXT_CAP (RAW_MAX * 20)
#define KEY_RAW_MAX (16 * 6)
#define LOOSE_DEPTH 512        /* nesting that the second look walks over */

/* One member's value. */
struct value {
	enum json_kind kind;
	struct slice s;        /* STRING, decoded */
	bool b;                /* BOOL */
	double d;              /* NUMBER; infinite if out of a double's range */
	bool whole;            /* NUMBER without a fraction, within 64 bits */
	int64_t i;             /* its value */
};

struct job_key;
/* NULL, or what the value must be; then nothing was stored. */
typedef const char *read_f(struct job_spec *spec, const struct job_key *k,
    const struct value *v);

struct job_key {
	const char *name;
	size_t n;              /* length of name */
	read_f *read;
	size_t at;             /* offset of the field */
	double least, most;
};

static void *
field(struct job_spec *spec, const struct job_key *k)
{
	return ((char *)spec + k->at);
}

/* --- the rules of the keys -------------------------------------------- */

static const char *
read_id(struct job_spec *spec, const struct job_key *k, const struct value *v)
{
	if (v->kind != JSON_STRING || !str_id_ok(v->s))
		return ("must be a string of 1 to 128 of [A-Za-z0-9._:-]");
	/* of two in a broken payload the first counts */
	if (spec->id.p == NULL)
		spec->id = v->s;
	return (NULL);
}

static const char *
read_text(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	struct slice *s = field(spec, k);

	if (v->kind != JSON_STRING)
		return ("must be a string");
	if (v->s.n < (size_t)k->least)
		return ("must not be empty");
	if (v->s.n > (size_t)k->most)
		return ("is too long");
	*s = v->s;
	return (NULL);
}

static bool
name_char(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-');
}

/* Names become parts of paths: no separator, nothing hidden, no "..". */
static bool
name_ok(struct slice s)
{
	size_t i;

	if (s.n == 0 || s.n > JOB_NAME_MAX || s.p[0] == '.')
		return (false);
	for (i = 0; i < s.n; i++)
		if (!name_char(s.p[i]))
			return (false);
	return (true);
}

static const char *
read_name(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	struct slice *s = field(spec, k);

	if (v->kind != JSON_STRING || !name_ok(v->s))
		return ("must be a name, 1 to 128 of [A-Za-z0-9._-], "
		    "not starting with a dot");
	*s = v->s;
	return (NULL);
}

/* "1" to "4294967295", no leading zero. */
static bool
version_ok(struct slice s, uint32_t *vp)
{
	uint64_t v = 0;
	size_t i;

	if (s.n == 0 || s.n > 10 || s.p[0] == '0')
		return (false);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return (false);
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*vp = (uint32_t)v;
	return (v <= UINT32_MAX);
}

static const char *
read_model(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	const char *at;
	struct slice name = v->s, version;
	uint32_t number = 0;

	if (v->kind != JSON_STRING)
		return ("must be a string");
	at = name.n == 0 ? NULL : memchr(name.p, '@', name.n);
	if (at != NULL) {
		version.p = at + 1;
		version.n = name.n - (size_t)(version.p - name.p);
		name.n = (size_t)(at - name.p);
		if (!version_ok(version, &number))
			return ("must have a version of 1 or more after '@'");
	}
	if (!name_ok(name))
		return ("must be a name, 1 to 128 of [A-Za-z0-9._-], not "
		    "starting with a dot, or name@version");
	spec->model = name;
	spec->model_version = number;
	return (NULL);
}

static const char *
read_flag(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	bool *b = field(spec, k);

	if (v->kind != JSON_BOOL)
		return ("must be true or false");
	*b = v->b;
	return (NULL);
}

static const char *
read_tri(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	enum job_tri *t = field(spec, k);

	if (v->kind != JSON_BOOL)
		return ("must be true or false");
	*t = v->b ? TRI_YES : TRI_NO;
	return (NULL);
}

static const char *
read_priority(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	unsigned lane;

	if (v->kind == JSON_STRING)
		for (lane = 0; lane < LANE_N; lane++)
			if (slice_is(v->s, job_lane_name(lane))) {
				spec->lane = lane;
				return (NULL);
			}
	return ("must be \"high\", \"normal\" or \"low\"");
}

/* Ranges are inclusive; JOB_OVER_0 is the least number above 0. */
static const char *
check_range(const struct job_key *k, const struct value *v)
{
	if (v->kind != JSON_NUMBER)
		return ("must be a number");
	if (v->d < k->least)
		return (k->least >= 1 ? "must be at least 1" :
		    k->least > 0 ? "must be over 0" : "must not be negative");
	if (v->d > k->most)
		return ("is out of range");
	return (NULL);
}

static const char *
read_span(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	dur_t *d = field(spec, k);
	const char *why;

	if ((why = check_range(k, v)) != NULL)
		return (why);
	*d = (dur_t)llrint(fmin(v->d, JOB_SECONDS_MAX) * (double)DUR_S);
	if (*d == 0 && v->d > 0)
		*d = 1;        /* 0 would mean that none was given */
	return (NULL);
}

static const char *
read_instant(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	wall_t *w = field(spec, k);
	const char *why;

	if ((why = check_range(k, v)) != NULL)
		return (why);
	*w = (wall_t)llrint(v->d * 1e3);
	return (NULL);
}

static const char *
read_unix_ms(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	wall_t *w = field(spec, k);
	const char *why;

	if ((why = check_range(k, v)) != NULL)
		return (why);
	*w = (wall_t)llrint(v->d);
	return (NULL);
}

static const char *
read_count(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	uint32_t *n = field(spec, k);
	const char *why;

	if ((why = check_range(k, v)) != NULL)
		return (why);
	if (!v->whole)
		return ("must be a whole number");
	*n = (uint32_t)v->i;
	return (NULL);
}

/* "6G": the text form of a size. */
static const char *
read_size_text(struct job_spec *spec, const struct job_key *k,
    struct slice s)
{
	uint64_t *bytes = field(spec, k), size;
	char text[32];

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
		return ("must be bytes or a size such as \"6G\"");
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (str_size(text, &size) != 0)
		return ("must be bytes or a size such as \"6G\"");
	if ((double)size > k->most)
		return ("is out of range");
	*bytes = size;
	return (NULL);
}

static const char *
read_bytes(struct job_spec *spec, const struct job_key *k,
    const struct value *v)
{
	uint64_t *bytes = field(spec, k);
	const char *why;

	if (v->kind == JSON_STRING)
		return (read_size_text(spec, k, v->s));
	if (v->kind != JSON_NUMBER)
		return ("must be bytes or a size such as \"6G\"");
	if ((why = check_range(k, v)) != NULL)
		return (why);
	if (!v->whole)
		return ("must be a whole number");
	*bytes = (uint64_t)v->i;
	return (NULL);
}

static const struct job_key keys[] = {
#define JOB_KEY(name, reader, member, least, most) \
	{ #name, sizeof(#name) - 1, reader, offsetof(struct job_spec, member), \
	    least, most },
	JOB_TABLE(JOB_KEY)
#undef JOB_KEY
};

/* --- both forms ------------------------------------------------------- */

struct parse {
	struct job_spec *spec;
	struct job_problem *problem;
	bool refused;          /* problem is filled */
	bool loose;            /* the text may not be UTF-8 */
};

/* The first problem is the one to tell. */
static void __attribute__((format(printf, 2, 3)))
refuse(struct parse *ps, const char *fmt, ...)
{
	va_list ap;

	if (ps->refused)
		return;
	ps->refused = true;
	va_start(ap, fmt);
	vsnprintf(ps->problem->message, sizeof(ps->problem->message), fmt, ap);
	va_end(ap);
}

static const struct job_key *
find_key(struct slice name)
{
	const struct job_key *k;

	for (k = keys; k < keys + NELEM(keys); k++)
		if (k->n == name.n && k->name[0] == name.p[0] &&
		    memcmp(k->name, name.p, name.n) == 0)
			return (k);
	return (NULL);
}

static void
take_value(struct parse *ps, const struct job_key *k, const struct value *v)
{
	const char *why;

	if (v->kind == JSON_NULL)
		return;
	if ((why = k->read(ps->spec, k, v)) != NULL)
		refuse(ps, "%s %s", k->name, why);
}

/* --- JSON ------------------------------------------------------------- */

/*
 * Decodes into spec->text, whose storage is reserved whole the first time,
 * so that slices into it stay.
 */
static int
decode(struct job_spec *spec, struct slice raw, struct slice *sp)
{
	size_t at = spec->text.len;
	int r;

	if (raw.n > RAW_MAX + 2)
		return (-ERR_RANGE);
	if (spec->text.size == 0 &&
	    (r = buf_reserve(&spec->text, TEXT_CAP)) != 0)
		return (r);
	if ((r = json_unescape(raw, &spec->text)) != 0)
		return (r);
	sp->p = spec->text.data + at;
	sp->n = spec->text.len - at;
	return (0);
}

/* The text of a string that was scanned: borrowed, unless it is escaped. */
static int
string_text(struct job_spec *spec, struct slice raw, struct slice *sp)
{
	if (memchr(raw.p, '\\', raw.n) != NULL)
		return (decode(spec, raw, sp));
	*sp = (struct slice){ raw.p + 1, raw.n - 2 };
	return (0);
}

static int
number_value(struct slice raw, struct value *v)
{
	long long i;
	int r;

	v->whole = json_int64(raw, &i) == 0;
	if (v->whole) {
		v->i = i;
		v->d = (double)i;
		return (0);
	}
	r = json_double(raw, &v->d);
	if (r != -ERR_RANGE)
		return (r);
	v->d = raw.p[0] == '-' ? -INFINITY : INFINITY;
	return (0);
}

static int
json_value(struct job_spec *spec, const struct json_member *m,
    struct value *v)
{
	v->kind = m->kind;
	if (m->kind == JSON_STRING)
		return (string_text(spec, m->value, &v->s));
	if (m->kind == JSON_NUMBER)
		return (number_value(m->value, v));
	v->b = m->value.p[0] == 't';
	return (0);
}

/* An escaped key is decoded for the comparison only. A longer one than ours
 * can be, even with every character escaped, is none of ours. */
static const struct job_key *
find_escaped_key(struct job_spec *spec, struct slice raw)
{
	const struct job_key *k = NULL;
	size_t at = spec->text.len;
	struct slice name;

	if (raw.n <= KEY_RAW_MAX && decode(spec, raw, &name) == 0)
		k = find_key(name);
	spec->text.len = at;
	return (k);
}

static int
take_member(void *priv, const struct json_member *m)
{
	struct parse *ps = priv;
	const struct job_key *k;
	struct value v;
	int r;

	k = m->key_escaped ? find_escaped_key(ps->spec, m->key) :
	    find_key(m->key);
	if (k == NULL)
		return (0);
	r = json_value(ps->spec, m, &v);
	if (r != 0)
		refuse(ps, "%s %s", k->name, r == -ERR_RANGE ? "is too long" :
		    err_text(r));
	else if (!ps->loose || v.kind != JSON_STRING ||
	    str_utf8_ok(v.s.p, v.s.n))
		take_value(ps, k, &v);
	return (0);
}

static void
parse_json(struct parse *ps, const char *p, size_t n)
{
	struct json_error err = { 0, "" };
	struct parse again = *ps;
	struct job_problem ignored;
	int r;

	r = json_scan_object(p, n, take_member, ps, &err);
	ps->spec->is_json = r == 0;
	if (r == 0)
		return;
	/* the form comes before the values */
	ps->refused = false;
	if (r == -ERR_TYPE)
		refuse(ps, "the payload is not a JSON object");
	else
		refuse(ps, "the payload is not valid JSON: %s at byte %zu",
		    err.what, err.at);
	if (r == -ERR_TYPE || r == -ERR_SYNTAX)
		return;
	again.problem = &ignored;
	again.loose = true;
	json_scan_loose(p, n, take_member, &again);
}

/* --- msgpack ---------------------------------------------------------- */

static bool
is_map(const unsigned char *p)
{
	return ((*p & 0xf0) == 0x80 || *p == 0xde || *p == 0xdf);
}

/* The kinds' numbers as JSON sees them; bin is no string here, because it
 * would become base64. */
static void
msgpack_value(const struct msg_item *it, struct value *v)
{
	static const enum json_kind kinds[] = {
		[MSG_NIL] = JSON_NULL, [MSG_BOOL] = JSON_BOOL,
		[MSG_UINT] = JSON_NUMBER, [MSG_INT] = JSON_NUMBER,
		[MSG_FLOAT] = JSON_NUMBER, [MSG_STR] = JSON_STRING,
		[MSG_BIN] = JSON_ARRAY, [MSG_ARRAY] = JSON_ARRAY,
		[MSG_MAP] = JSON_OBJECT, [MSG_EXT] = JSON_OBJECT,
	};

	v->kind = kinds[it->kind];
	v->whole = false;
	if (it->kind == MSG_BOOL)
		v->b = it->v.b;
	else if (it->kind == MSG_STR)
		v->s = it->v.s;
	else if (it->kind == MSG_UINT) {
		v->d = (double)it->v.u;
		v->whole = it->v.u <= INT64_MAX;
		v->i = v->whole ? (int64_t)it->v.u : 0;
	} else if (it->kind == MSG_INT) {
		v->d = (double)it->v.i;
		v->whole = true;
		v->i = it->v.i;
	} else if (it->kind == MSG_FLOAT) {
		v->d = it->v.f;
		v->whole = fabs(v->d) < 9e18 && v->d == rint(v->d);
		v->i = v->whole ? (int64_t)v->d : 0;
	}
}

/* One pair of the outermost map; stops at the first that can't be read. */
static int
take_pair(struct parse *ps, struct msg_reader *r)
{
	struct msg_reader value;
	const struct job_key *k = NULL;
	struct msg_item it;
	struct value v;
	int e;

	if ((e = msg_next(r, &it)) != 0)
		return (e);
	if (it.kind == MSG_ARRAY || it.kind == MSG_MAP)
		return (-ERR_TYPE);
	if (it.kind == MSG_STR)
		k = find_key(it.v.s);
	value = *r;
	if ((e = msg_skip(r, LOOSE_DEPTH)) != 0 || k == NULL)
		return (e);
	if ((e = msg_next(&value, &it)) != 0)
		return (e);
	if (it.kind == MSG_FLOAT && isnan(it.v.f))
		return (0);    /* msgpack_check has refused it */
	if (it.kind == MSG_STR && !str_utf8_ok(it.v.s.p, it.v.s.n))
		return (0);
	msgpack_value(&it, &v);
	take_value(ps, k, &v);
	return (0);
}

static void
parse_msgpack(struct parse *ps, const unsigned char *p, size_t n)
{
	struct msg_reader r = { p, p + n };
	uint32_t count;
	int e;

	ps->spec->is_msgpack = true;
	e = msgpack_check(p, n);
	if (e != 0)
		refuse(ps, "the payload is not valid msgpack: %s",
		    err_text(e));
	if (msg_map(&r, &count) != 0)
		return;
	for (; count > 0; count--)
		if (take_pair(ps, &r) != 0)
			return;
}

/* ---------------------------------------------------------------------- */

int
job_parse(const void *payload, size_t n, size_t max_size,
    struct job_spec *spec, struct job_problem *problem)
{
	struct parse ps = { spec, problem, false, false };

	memset(spec, 0, sizeof(*spec));
	buf_init(&spec->text, TEXT_CAP);
	spec->payload = (struct slice){ payload, n };
	spec->type = SLICE_LIT("inference");
	spec->lane = LANE_NORMAL;
	problem->cause = n > max_size ? CAUSE_TOO_LARGE : CAUSE_INVALID_JOB;
	problem->message[0] = '\0';
	if (n == 0)
		refuse(&ps, "the payload is empty");
	else if (is_map(payload))
		parse_msgpack(&ps, payload, n);
	else
		parse_json(&ps, payload, n);
	if (n > max_size) {
		ps.refused = false;
		refuse(&ps, "the payload's %zu bytes are over max_job_size "
		    "(%zu)", n, max_size);
	}
	return (ps.refused ? -ERR_SYNTAX : 0);
}

void
job_spec_fini(struct job_spec *spec)
{
	buf_fini(&spec->text);
}

wall_t
job_not_before(const struct job_spec *spec, wall_t first_seen)
{
	wall_t from = spec->queued_at != 0 ? spec->queued_at : first_seen;
	wall_t due;

	if (spec->delay == 0)
		return (spec->run_at);
	due = from + (spec->delay + DUR_MS - 1) / DUR_MS;
	return (due > spec->run_at ? due : spec->run_at);
}

const char *
job_lane_name(enum job_lane lane)
{
	static const char *const names[LANE_N] = {
		[LANE_HIGH] = "high", [LANE_NORMAL] = "normal",
		[LANE_LOW] = "low"
	};

	ASSERT((unsigned)lane < LANE_N);
	return (names[lane]);
}
