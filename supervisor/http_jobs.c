/*
 * GET /jobs/ID and its log, DELETE /jobs/ID. A record is looked for in every
 * queue that the fleet serves and given as it is stored.
 */
#include "config.h"

#include "supervisor/http_ask.h"

#include <stdlib.h>
#include <string.h>

#include <event2/http.h>

#include "base/jsonw.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "proto/json.h"

#include "supervisor/control.h"
#include "supervisor/sup.h"

#define LOG_LINES_MAX "20000"   /* log_max_lines may be large */
#define PATIENCE (1500 * DUR_MS)

/* The best record so far, and the log that is found along with it. */
struct search {
	struct buf record;        /* empty: none */
	bool moved;
	long long newest;         /* the record's last instant */
	char *moved_to;           /* owns; looked into once */
	bool busy;                /* some queue may hold jobs */
	bool any_log;
	struct buf log;           /* text, or items of a JSON array */
	char log_end[32];         /* id of the log's last entry */
	bool as_text;
	struct jsonw w;
};

static void
free_search(void *state)
{
	struct search *s = state;

	buf_fini(&s->record);
	buf_fini(&s->log);
	free(s->moved_to);
	free(s);
}

static void
begin_search(struct ask *a)
{
	struct search *s = xcalloc(1, sizeof(*s));

	buf_init(&s->record, ANSWER_MAX);
	buf_init(&s->log, ANSWER_MAX);
	a->state = s;
	a->free_state = free_search;
}

static void
too_late(struct ask *a)
{
	ask_no_redis(a, NULL);
}

/* Runs `look` once it is known which queues to look into. */
static void
begin(struct ask *a, ask_f *look)
{
	if (a->queue != NULL &&
	    (a->queue[0] == '\0' || strlen(a->queue) > QUEUE_NAME_MAX)) {
		ask_error(a, 400, "queue: 1 to %d bytes", QUEUE_NAME_MAX);
		return;
	}
	if (!ask_redis(a)) {
		ask_no_redis(a, NULL);
		return;
	}
	begin_search(a);
	ask_set_limit(a, PATIENCE, too_late);
	if (a->queue != NULL)
		look(a);
	else
		fleet_load(a, look);
}

/* Sends VERB {Q}:KIND:<id> REST... */
static void
send_for(struct ask *a, const char *queue, ask_reply_f *fn, const char *verb,
    const char *kind, const char *const *rest, unsigned nrest)
{
	char *key = str_fmt("{%s}:%s:%s", queue, kind, a->arg);
	const char *argv[8] = { verb, key };

	ASSERT(nrest + 2 <= NELEM(argv));
	if (nrest > 0)
		memcpy(argv + 2, rest, nrest * sizeof(*rest));
	(void)ask_call(a, fn, 0, 2 + (int)nrest, argv, NULL);
	free(key);
}

typedef void send_f(struct ask *a, const char *queue);

static void
send_to_all(struct ask *a, send_f *send)
{
	unsigned i;

	if (a->queue != NULL)
		send(a, a->queue);
	else
		for (i = 0; i < fleet_nqueues(a->fleet); i++)
			send(a, fleet_queue(a->fleet, i));
}

/* ---- the record ---- */

static long long
last_instant(struct slice record)
{
	static const char *const keys[] = { "finished_at", "started_at",
	    "queued_at" };
	enum json_kind kind;
	struct slice v;
	long long t;
	size_t i;

	for (i = 0; i < NELEM(keys); i++)
		if (json_find(record, keys[i], &v, &kind) == 0 &&
		    kind == JSON_NUMBER && json_int64(v, &t) == 0)
			return (t);
	return (0);
}

static void
keep_moved_to(struct search *s, struct slice record)
{
	enum json_kind kind;
	struct slice v;
	struct buf b;

	if (s->moved_to != NULL ||
	    json_find(record, "moved_to", &v, &kind) != 0 ||
	    kind != JSON_STRING)
		return;
	buf_init(&b, QUEUE_NAME_MAX + 1);
	if (json_unescape(v, &b) == 0)
		s->moved_to = xstrdup(buf_cstr(&b));
	buf_fini(&b);
}

/* A record of a job that went elsewhere is worth less than any other; of two
 * others, the newer one. */
static void
on_record(struct ask *a, unsigned i, redisReply *r)
{
	struct search *s = a->state;
	enum json_kind kind;
	struct slice text, state;
	long long newest;
	bool moved;

	if (r == NULL || r->type != REDIS_REPLY_STRING ||
	    json_check(r->str, r->len, NULL) != 0)
		return;
	text = (struct slice){ r->str, r->len };
	moved = json_find(text, "state", &state, &kind) == 0 &&
	    slice_is(state, "\"moved\"");
	newest = last_instant(text);
	if (moved)
		keep_moved_to(s, text);
	if (s->record.len > 0 && (moved != s->moved ? moved :
	    newest <= s->newest))
		return;
	s->moved = moved;
	s->newest = newest;
	buf_reset(&s->record);
	(void)buf_slice(&s->record, text);
}

static void
send_get(struct ask *a, const char *queue)
{
	send_for(a, queue, on_record, "GET", "job", NULL, 0);
}

static void
show_record(struct ask *a)
{
	struct search *s = a->state;

	if (s->record.len > 0)
		ask_json(a, 200, &s->record);
	else if (!ask_redis(a))
		ask_no_redis(a, NULL);
	else
		ask_error(a, 404, "job %s has no record%s: it waits for its "
		    "first start, its record has expired, or it is unknown",
		    a->arg, a->queue != NULL ? " in this queue" : "");
}

/* Perhaps into a queue that nobody of the living serves. */
static void
follow(struct ask *a)
{
	struct search *s = a->state;

	a->next = show_record;
	if (s->moved && s->moved_to != NULL && a->queue == NULL)
		send_get(a, s->moved_to);
}

static void
look_for_record(struct ask *a)
{
	a->next = follow;
	send_to_all(a, send_get);
}

void
jobs_record(struct ask *a)
{
	begin(a, look_for_record);
}

/* ---- the log ---- */

static struct slice
field_of(const redisReply *fields, const char *name)
{
	const redisReply *k, *v;
	size_t i;

	for (i = 0; i + 1 < fields->elements; i += 2) {
		k = fields->element[i];
		v = fields->element[i + 1];
		if (k->type == REDIS_REPLY_STRING && strcmp(k->str, name) ==
		    0 && v->type == REDIS_REPLY_STRING)
			return ((struct slice){ v->str, v->len });
	}
	return (SLICE_NULL);
}

static void
put_line(struct search *s, const redisReply *entry)
{
	struct slice line, stream;

	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
	    entry->element[0]->type != REDIS_REPLY_STRING ||
	    entry->element[1]->type != REDIS_REPLY_ARRAY)
		return;
	line = field_of(entry->element[1], "line");
	stream = field_of(entry->element[1], "stream");
	if (line.p == NULL)
		return;
	if (s->as_text) {
		(void)buf_slice(&s->log, line);
		if (line.n == 0 || line.p[line.n - 1] != '\n')
			(void)buf_putc(&s->log, '\n');
		return;
	}
	jsonw_obj(&s->w);
	jsonw_kslice(&s->w, "stream", stream);
	jsonw_kslice(&s->w, "line", line);
	jsonw_kint(&s->w, "ts", strtoll(entry->element[0]->str, NULL, 10));
	jsonw_end(&s->w);
}

static void
begin_log(struct ask *a)
{
	struct search *s = a->state;

	buf_reset(&s->log);
	if (s->as_text)
		return;
	jsonw_init(&s->w, &s->log);
	jsonw_obj(&s->w);
	jsonw_kstr(&s->w, "id", a->arg);
	jsonw_key(&s->w, "lines");
	jsonw_arr(&s->w);
}

/* Of two logs the one that was written to last: ids of a stream begin with
 * unix ms of equal length. */
static void
on_log(struct ask *a, unsigned i, redisReply *r)
{
	struct search *s = a->state;
	const redisReply *last;
	size_t k;

	if (r == NULL || r->type != REDIS_REPLY_ARRAY || r->elements == 0)
		return;
	last = r->element[r->elements - 1];
	if (last->type != REDIS_REPLY_ARRAY || last->elements != 2 ||
	    last->element[0]->type != REDIS_REPLY_STRING ||
	    (s->any_log && strcmp(last->element[0]->str, s->log_end) <= 0))
		return;
	s->any_log = true;
	(void)snprintf(s->log_end, sizeof(s->log_end), "%s",
	    last->element[0]->str);
	begin_log(a);
	for (k = 0; k < r->elements; k++)
		put_line(s, r->element[k]);
}

static void
send_log(struct ask *a, const char *queue)
{
	static const char *const range[] = { "-", "+", "COUNT",
	    LOG_LINES_MAX };

	send_get(a, queue);
	send_for(a, queue, on_log, "XRANGE", "log", range, NELEM(range));
}

static void
show_log(struct ask *a)
{
	struct search *s = a->state;

	if (!s->any_log && s->record.len == 0) {
		show_record(a);
		return;
	}
	if (!s->any_log)
		begin_log(a);
	if (s->as_text) {
		ask_reply(a, 200, "text/plain; charset=utf-8", &s->log);
		return;
	}
	jsonw_end(&s->w);
	jsonw_end(&s->w);
	ask_json(a, 200, &s->log);
}

static void
follow_log(struct ask *a)
{
	struct search *s = a->state;

	a->next = show_log;
	if (s->moved && s->moved_to != NULL && a->queue == NULL)
		send_log(a, s->moved_to);
}

static void
look_for_log(struct ask *a)
{
	struct search *s = a->state;
	const char *accept = evhttp_find_header(
	    evhttp_request_get_input_headers(a->req), "Accept");

	s->as_text = accept != NULL && strstr(accept, "text/plain") != NULL;
	a->next = follow_log;
	send_to_all(a, send_log);
}

void
jobs_log(struct ask *a)
{
	begin(a, look_for_log);
}

/* ---- cancel ---- */

static void
say_cancelled(struct ask *a)
{
	struct jsonw w;
	struct buf b;

	buf_init(&b, 1024);
	jsonw_init(&w, &b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "id", a->arg);
	jsonw_kstr(&w, "op", "cancel");
	jsonw_end(&w);
	ask_json(a, 202, &b);
	buf_fini(&b);
}

static void
on_published(struct ask *a, unsigned i, redisReply *r)
{
	if (conn_failed(r, NULL))
		ask_no_redis(a, r);
}

static void
on_held(struct ask *a, unsigned i, redisReply *r)
{
	struct search *s = a->state;
	struct glance g;
	unsigned k;

	if (!glance_read(r, &g)) {
		s->busy = true;
		return;
	}
	for (k = 0; k < GLANCE_N; k++)
		s->busy = s->busy || (k != GLANCE_DEAD && g.n[k] > 0);
}

static void
send_held(struct ask *a, const char *queue)
{
	send_get(a, queue);
	glance_send(a, on_held, queue, 0);
}

/* The order is out. Whether a job without a record waits somewhere is not
 * looked up: only where nothing does, it is known that there is none. */
static void
answer_cancel(struct ask *a)
{
	const struct search *s = a->state;

	if (s->record.len > 0 || s->busy)
		say_cancelled(a);
	else
		ask_error(a, 404, "job %s is unknown: it has no record, and "
		    "nothing waits or runs in %s", a->arg, a->queue != NULL ?
		    "this queue" : "the queues that the fleet serves");
}

static void
order_cancel(struct ask *a)
{
	const char *argv[3] = { "PUBLISH" };
	char *channel, *order;

	channel = str_fmt("%s:control", a->sup->conf->redis.prefix);
	order = str_fmt("{\"op\":\"cancel\",\"id\":\"%s\"}", a->arg);
	argv[1] = channel;
	argv[2] = order;
	a->next = answer_cancel;
	if (ask_call(a, on_published, 0, 3, argv, NULL) != 0)
		ask_no_redis(a, NULL);
	else
		send_to_all(a, send_held);
	free(channel);
	free(order);
}

/* Ours at once; any other worker's by the channel that all listen to. */
void
jobs_cancel(struct ask *a)
{
	if (control_cancel(a->sup, a->arg))
		say_cancelled(a);
	else
		begin(a, order_cancel);
}
