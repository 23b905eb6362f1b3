/* Requests under way: life, answers, calls to Redis. See http_ask.h. */
#include "config.h"

#include "supervisor/http_ask.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/http.h"
#include "supervisor/script.h"
#include "supervisor/sup.h"

/* One command that was sent for an ask. */
struct call {
	struct ask *ask;
	ask_reply_f *fn;
	unsigned i;
};

static void
free_ask(struct ask *a)
{
	ASSERT(a->req == NULL && a->calls == 0);
	if (a->http != NULL) {
		TAILQ_REMOVE(&a->http->asks, a, link);
		a->http->nasks--;
	}
	if (a->limit != NULL)
		event_free(a->limit);
	if (a->free_state != NULL)
		a->free_state(a->state);
	fleet_free(&a->fleet);
	free(a->queue);
	a->magic = 0;
	free(a);
}

/* After each step: goes on when all replies are here, ends when answered. */
static void
step(struct ask *a)
{
	ask_f *next;

	if (a->busy)
		return;
	while (a->calls == 0 && a->req != NULL) {
		next = a->next;
		a->next = NULL;
		a->busy = true;
		if (next != NULL)
			next(a);
		else
			ask_error(a, 500, "the request has no answer");
		a->busy = false;
	}
	if (a->calls == 0)
		free_ask(a);
}

static struct evbuffer *
new_body(void)
{
	struct evbuffer *body = evbuffer_new();

	ASSERT(body != NULL);
	return (body);
}

static void
free_body(const void *p, size_t n, void *priv)
{
	free(priv);
}

/* Moves the bytes of b, without a copy. */
static void
fill_body(struct evbuffer *body, struct buf *b)
{
	size_t n;
	char *text;

	if (b == NULL || b->len == 0)
		return;
	text = buf_take(b, &n);
	if (evbuffer_add_reference(body, text, n, free_body, text) != 0)
		free(text);
}

static void
send_reply(struct evhttp_request *req, int code, const char *type,
    struct buf *b)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(req);
	struct evbuffer *body = new_body();
	char length[24];

	if (type != NULL)
		(void)evhttp_add_header(out, "Content-Type", type);
	(void)evhttp_add_header(out, "Cache-Control", "no-store");
	(void)evhttp_add_header(out, "X-Content-Type-Options", "nosniff");
	fill_body(body, b);
	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD) {
		/* evhttp would send the body, and not say its length. */
		(void)snprintf(length, sizeof(length), "%zu",
		    evbuffer_get_length(body));
		(void)evhttp_add_header(out, "Content-Length", length);
		(void)evbuffer_drain(body, evbuffer_get_length(body));
	}
	evhttp_send_reply(req, code, NULL, body);
	evbuffer_free(body);
}

static void
put_error(struct buf *b, const char *text)
{
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "error", text);
	jsonw_end(&w);
	(void)buf_putc(b, '\n');
}

static char *
read_queue(struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *query = uri == NULL ? NULL : evhttp_uri_get_query(uri);
	const char *value;
	struct evkeyvalq params;
	char *queue = NULL;

	if (query == NULL || evhttp_parse_query_str(query, &params) != 0)
		return (NULL);
	value = evhttp_find_header(&params, "queue");
	if (value != NULL)
		queue = xstrdup(value);
	evhttp_clear_headers(&params);
	return (queue);
}

struct ask *
ask_new(struct http *h, struct evhttp_request *req)
{
	struct ask *a;
	struct buf b;

	if (h->nasks >= ASKS_MAX) {
		buf_init(&b, 256);
		put_error(&b, "too many requests are waiting for an answer");
		send_reply(req, 503, "application/json", &b);
		buf_fini(&b);
		return (NULL);
	}
	a = xcalloc(1, sizeof(*a));
	a->magic = ASK_MAGIC;
	a->http = h;
	a->sup = h->sup;
	a->req = req;
	a->queue = read_queue(req);
	TAILQ_INSERT_TAIL(&h->asks, a, link);
	h->nasks++;
	return (a);
}

void
ask_run(struct ask *a, ask_f *func)
{
	OBJ_CHECK(a, ASK_MAGIC);
	a->next = func;
	step(a);
}

void
ask_abandon(struct ask *a)
{
	OBJ_CHECK(a, ASK_MAGIC);
	if (a->req != NULL)
		ask_error(a, 503, "the daemon ends");
	TAILQ_REMOVE(&a->http->asks, a, link);
	a->http = NULL;
	step(a);
}

struct evhttp_request *
ask_give(struct ask *a)
{
	struct evhttp_request *req = a->req;

	ASSERT(req != NULL);
	a->req = NULL;
	if (a->limit != NULL)
		(void)event_del(a->limit);
	return (req);
}

void
ask_reply(struct ask *a, int code, const char *type, struct buf *b)
{
	OBJ_CHECK(a, ASK_MAGIC);
	if (b != NULL && b->failed) {
		ask_error(a, 500, "the answer is too large");
		return;
	}
	send_reply(ask_give(a), code, type, b);
}

void
ask_json(struct ask *a, int code, struct buf *b)
{
	(void)buf_putc(b, '\n');
	ask_reply(a, code, "application/json", b);
}

void
ask_error(struct ask *a, int code, const char *fmt, ...)
{
	char text[512];
	struct buf b;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&b, 8192);
	put_error(&b, text);
	ask_reply(a, code, "application/json", &b);
	buf_fini(&b);
}

void
ask_no_redis(struct ask *a, const redisReply *r)
{
	if (r != NULL && r->type == REDIS_REPLY_ERROR)
		ask_error(a, 503, "Redis refused: %s", r->str);
	else
		ask_error(a, 503, "Redis does not answer");
}

void
ask_header(struct ask *a, const char *name, const char *value)
{
	(void)evhttp_add_header(evhttp_request_get_output_headers(a->req),
	    name, value);
}

bool
ask_redis(const struct ask *a)
{
	return (a->sup->ready && conn_state(a->sup->main) == CONN_READY);
}

static void
on_reply(void *priv, redisReply *reply)
{
	struct call *c = priv;
	struct ask *a = c->ask;
	bool was_busy = a->busy;

	OBJ_CHECK(a, ASK_MAGIC);
	a->calls--;
	if (a->req != NULL) {
		a->busy = true;
		c->fn(a, c->i, reply);
		a->busy = was_busy;
	}
	free(c);
	step(a);
}

static struct call *
new_call(struct ask *a, ask_reply_f *fn, unsigned i)
{
	struct call *c = xmalloc(sizeof(*c));

	*c = (struct call){ .ask = a, .fn = fn, .i = i };
	return (c);
}

static int
sent(struct call *c, int r)
{
	if (r == 0)
		c->ask->calls++;
	else
		free(c);
	return (r);
}

int
ask_call(struct ask *a, ask_reply_f *fn, unsigned i, int argc,
    const char *const *argv, const size_t *lens)
{
	struct call *c;

	if (!ask_redis(a))
		return (-ERR_CLOSED);
	c = new_call(a, fn, i);
	return (sent(c, conn_send(a->sup->main, 0, on_reply, c, argc, argv,
	    lens)));
}

int
ask_script(struct ask *a, ask_reply_f *fn, unsigned i,
    struct script_args *args)
{
	struct call *c = new_call(a, fn, i);

	return (sent(c, script_call(a->sup->main, args, on_reply, c)));
}

static void
at_limit(evutil_socket_t fd, short what, void *priv)
{
	struct ask *a = priv;

	OBJ_CHECK(a, ASK_MAGIC);
	if (a->req == NULL)
		return;
	a->busy = true;
	a->late(a);
	a->busy = false;
	step(a);
}

void
ask_set_limit(struct ask *a, dur_t limit, ask_f *late)
{
	struct timeval tv = { .tv_sec = limit / DUR_S,
	    .tv_usec = limit % DUR_S / DUR_US };

	a->late = late;
	if (a->limit == NULL)
		a->limit = evtimer_new(a->sup->base, at_limit, a);
	ASSERT(a->limit != NULL);
	(void)event_add(a->limit, &tv);
}
