/*
 * Cuts, checks and completes jobs before they are queued. What the user wrote
 * stays as it is, byte for byte, but for the keys that the CLI sets: a member
 * that exists has its value replaced in place, another is put in front.
 * Never talks to Redis.
 */
#include "config.h"

#include "cli/payload.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "proto/json.h"
#include "proto/msg.h"

/* A key that the CLI sets, in both encodings. */
struct edit {
	const char *key;
	bool on;
	char json[160];      /* value as JSON text */
	bool number, flag;   /* msgpack: a number, true; else a string */
	wall_t value;
	const char *text;
	bool found;          /* the object has it already */
	const char *at;      /* its value there */
	size_t len;
};

enum { EDIT_ID, EDIT_QUEUED_AT, EDIT_PRIORITY, EDIT_GPU, EDIT_N };

struct scan {
	struct edit *edits;
	struct buf key;
};

static bool
is_msgpack(const char *p)
{
	unsigned char c = (unsigned char)*p;

	return ((c & 0xf0) == 0x80 || c == 0xde || c == 0xdf);
}

/* End of the object by its brackets alone; what is inside is checked later. */
static size_t
cut_json(const char *p, size_t n)
{
	bool in_string = false;
	size_t i, depth = 0;

	for (i = 0; i < n; i++) {
		if (in_string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in_string = false;
		} else if (p[i] == '"')
			in_string = true;
		else if (p[i] == '{' || p[i] == '[')
			depth++;
		else if ((p[i] == '}' || p[i] == ']') && --depth == 0)
			return (i + 1);
	}
	return (0);
}

static size_t
cut_msgpack(const char *p, size_t n)
{
	struct msg_reader r;

	r.p = (const unsigned char *)p;
	r.end = r.p + n;
	if (msg_skip(&r, JSON_DEPTH_MAX + 1) != 0)
		return (0);
	return ((size_t)((const char *)r.p - p));
}

size_t
payload_cut(const char *p, size_t n, size_t *skipp)
{
	size_t skip = 0;

	while (skip < n && isspace((unsigned char)p[skip]))
		skip++;
	*skipp = skip;
	if (skip == n)
		return (0);
	if (p[skip] == '{')
		return (cut_json(p + skip, n - skip));
	if (is_msgpack(p + skip))
		return (cut_msgpack(p + skip, n - skip));
	return (0);
}

static void
note_member(struct edit *edits, struct slice key, const char *at, size_t len)
{
	unsigned i;

	for (i = 0; i < EDIT_N; i++)
		if (slice_is(key, edits[i].key)) {
			edits[i].found = true;
			edits[i].at = at;
			edits[i].len = len;
		}
}

static int
see_member(void *priv, const struct json_member *m)
{
	struct scan *scan = priv;
	struct slice key = m->key;

	if (m->key_escaped) {
		buf_reset(&scan->key);
		if (json_unescape(m->key, &scan->key) != 0)
			return (0);
		key = (struct slice){ scan->key.data, scan->key.len };
	}
	note_member(scan->edits, key, m->value.p, m->value.n);
	return (0);
}

static int
by_place(const void *a, const void *b)
{
	const struct edit *const *x = a, *const *y = b;

	return (((*x)->at > (*y)->at) - ((*x)->at < (*y)->at));
}

/* Edits of members that exist, in the order of their places. */
static unsigned
sort_edits(struct edit *edits, struct edit **order)
{
	unsigned i, n = 0;

	for (i = 0; i < EDIT_N; i++)
		if (edits[i].on && edits[i].found)
			order[n++] = &edits[i];
	qsort(order, n, sizeof(*order), by_place);
	return (n);
}

static void
put_value(struct buf *out, const struct edit *e, bool msgpack)
{
	msgpack_packer pk;

	if (!msgpack) {
		buf_puts(out, e->json);
		return;
	}
	msg_packer(&pk, out);
	if (e->flag)
		msgpack_pack_true(&pk);
	else if (e->number)
		msgpack_pack_int64(&pk, e->value);
	else
		msg_put_str(&pk, slice_of(e->text));
}

/* Everything from `from` on, with the values of existing members replaced. */
static void
put_rest(struct buf *out, struct edit *edits, const char *from,
    const char *end, bool msgpack)
{
	struct edit *order[EDIT_N];
	unsigned i, n = sort_edits(edits, order);

	for (i = 0; i < n; i++) {
		buf_put(out, from, (size_t)(order[i]->at - from));
		put_value(out, order[i], msgpack);
		from = order[i]->at + order[i]->len;
	}
	buf_put(out, from, (size_t)(end - from));
}

static void
edit_json(struct buf *out, struct edit *edits, const char *p, size_t n)
{
	const char *rest = p + 1;
	bool empty;
	unsigned i;

	while (isspace((unsigned char)*rest))
		rest++;
	empty = *rest == '}';
	buf_putc(out, '{');
	for (i = 0; i < EDIT_N; i++) {
		if (!edits[i].on || edits[i].found)
			continue;
		buf_printf(out, "%s\"%s\":%s", out->len > 1 ? "," : "",
		    edits[i].key, edits[i].json);
	}
	if (!empty && out->len > 1)
		buf_putc(out, ',');
	put_rest(out, edits, p + 1, p + n, false);
}

static void
edit_msgpack(struct buf *out, struct edit *edits, const char *p, size_t n)
{
	struct msg_reader r;
	msgpack_packer pk;
	uint32_t count = 0, more = 0;
	unsigned i;

	r.p = (const unsigned char *)p;
	r.end = r.p + n;
	msg_map(&r, &count);
	for (i = 0; i < EDIT_N; i++)
		more += edits[i].on && !edits[i].found;
	msg_packer(&pk, out);
	msgpack_pack_map(&pk, count + more);
	for (i = 0; i < EDIT_N; i++)
		if (edits[i].on && !edits[i].found) {
			msg_put_str(&pk, slice_of(edits[i].key));
			put_value(out, &edits[i], true);
		}
	put_rest(out, edits, (const char *)r.p, p + n, true);
}

/* Where the keys of a checked job are. */
static void
find_members(struct edit *edits, const char *p, size_t n, bool msgpack)
{
	struct scan scan = { .edits = edits };
	struct msg_reader r;
	struct slice key;
	uint32_t count = 0, i;
	const char *at;

	if (!msgpack) {
		buf_init(&scan.key, 1u << 20);
		json_scan_object(p, n, see_member, &scan, NULL);
		buf_fini(&scan.key);
		return;
	}
	r.p = (const unsigned char *)p;
	r.end = r.p + n;
	msg_map(&r, &count);
	for (i = 0; i < count; i++) {
		if (msg_str(&r, &key) != 0)
			return;
		at = (const char *)r.p;
		if (msg_skip(&r, JSON_DEPTH_MAX) != 0)
			return;
		note_member(edits, key, at,
		    (size_t)((const char *)r.p - at));
	}
}

static void
plan_edits(struct edit *e, const struct job_spec *spec,
    const struct payload_opts *opts, char uuid[37])
{
	memset(e, 0, EDIT_N * sizeof(*e));
	e[EDIT_ID].key = "id";
	e[EDIT_ID].on = spec->id.p == NULL;
	str_uuid7(uuid, opts->now);
	e[EDIT_ID].text = uuid;
	snprintf(e[EDIT_ID].json, sizeof(e->json), "\"%s\"", uuid);
	e[EDIT_QUEUED_AT].key = "queued_at";
	e[EDIT_QUEUED_AT].on = spec->queued_at == 0;
	e[EDIT_QUEUED_AT].number = true;
	e[EDIT_QUEUED_AT].value = opts->now;
	snprintf(e[EDIT_QUEUED_AT].json, sizeof(e->json), "%lld",
	    (long long)opts->now);
	e[EDIT_PRIORITY].key = "priority";
	e[EDIT_PRIORITY].on = opts->priority != NULL;
	e[EDIT_PRIORITY].text = opts->priority;
	if (opts->priority != NULL)
		snprintf(e[EDIT_PRIORITY].json, sizeof(e->json), "\"%s\"",
		    opts->priority);
	e[EDIT_GPU].key = "requires_gpu";
	e[EDIT_GPU].on = opts->gpu && !spec->requires_gpu;
	e[EDIT_GPU].flag = true;
	snprintf(e[EDIT_GPU].json, sizeof(e->json), "true");
}

/* Keeps what routing needs of the job as it is now. */
static int
keep(struct payload_list *list, struct buf *bytes, size_t max, char *why,
    size_t size)
{
	struct job_problem problem;
	struct job_spec spec;
	struct payload *p;
	int r;

	ASSERT(!bytes->failed);
	r = job_parse(bytes->data, bytes->len, max, &spec, &problem);
	if (r != 0) {
		snprintf(why, size, "%s", problem.message);
		goto out;
	}
	list->v = xrealloc(list->v, (list->n + 1) * sizeof(*list->v));
	p = &list->v[list->n++];
	memset(p, 0, sizeof(*p));
	snprintf(p->id, sizeof(p->id), "%.*s", (int)spec.id.n, spec.id.p);
	p->type = xstrndup(spec.type.p, spec.type.n);
	p->requires_gpu = spec.requires_gpu;
	p->lane = spec.lane;
	p->data = buf_take(bytes, &p->len);
 out:
	job_spec_fini(&spec);
	return (r);
}

static int
read_one(struct payload_list *list, const char *p, size_t n,
    const struct payload_opts *opts, char *why, size_t size)
{
	struct edit edits[EDIT_N];
	struct job_problem problem;
	struct job_spec spec;
	struct buf out;
	char uuid[37];
	bool msgpack;
	int r;

	buf_init(&out, n + 1024);
	r = job_parse(p, n, opts->max_size, &spec, &problem);
	if (r != 0) {
		snprintf(why, size, "%s", problem.message);
		goto end;
	}
	msgpack = spec.is_msgpack;
	plan_edits(edits, &spec, opts, uuid);
	find_members(edits, p, n, msgpack);
	if (msgpack)
		edit_msgpack(&out, edits, p, n);
	else
		edit_json(&out, edits, p, n);
	r = keep(list, &out, opts->max_size, why, size);
 end:
	buf_fini(&out);
	job_spec_fini(&spec);
	return (r);
}

static unsigned
line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return (line);
}

/* Says what is wrong with bytes that are not even the start of a job. */
static void
word_problem(const char *p, size_t n, char *why, size_t size)
{
	struct job_problem problem;
	struct job_spec spec;

	if (job_parse(p, n, SIZE_MAX, &spec, &problem) == 0)
		snprintf(problem.message, sizeof(problem.message),
		    "not a job");
	job_spec_fini(&spec);
	snprintf(why, size, "%s", problem.message);
}

int
payload_read(struct payload_list *list, const char *what, const char *text,
    size_t n, const struct payload_opts *opts, char *why, size_t size)
{
	const char *p = text, *end = text + n;
	size_t skip, len, found = 0;
	char problem[200];

	for (;; p += len, found++) {
		len = payload_cut(p, (size_t)(end - p), &skip);
		p += skip;
		if (p == end && found > 0)
			return (0);
		if (p == end)
			snprintf(problem, sizeof(problem), "no job in it");
		else if (len == 0)
			word_problem(p, (size_t)(end - p), problem,
			    sizeof(problem));
		else if (read_one(list, p, len, opts, problem,
		    sizeof(problem)) == 0)
			continue;
		snprintf(why, size, "%s:%u: %s", what, line_of(text, p),
		    problem);
		return (-ERR_SYNTAX);
	}
}

void
payload_list_fini(struct payload_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		free(list->v[i].data);
		free(list->v[i].type);
	}
	free(list->v);
	memset(list, 0, sizeof(*list));
}

bool
payload_member(const char *json, size_t n, const char *key,
    const char **valuep, size_t *lenp)
{
	struct slice value;
	enum json_kind kind;

	if (json_check(json, n, NULL) != 0 ||
	    json_find((struct slice){ json, n }, key, &value, &kind) != 0)
		return (false);
	*valuep = value.p;
	*lenp = value.n;
	return (true);
}

static int
digit_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c == '\0' ? NULL : strchr(digits, c);

	return (p == NULL ? -1 : (int)(p - digits));
}

int
payload_unbase64(struct buf *b, const char *p, size_t n)
{
	unsigned bits = 0, have = 0;
	size_t i;
	int d;

	for (i = 0; i < n && p[i] != '='; i++) {
		if ((d = digit_of(p[i])) < 0)
			return (-ERR_SYNTAX);
		bits = bits << 6 | (unsigned)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_putc(b, (char)(bits >> have & 0xff));
		}
	}
	if (n % 4 != 0)
		return (-ERR_SYNTAX);
	return (b->failed ? -ERR_NOSPACE : 0);
}
