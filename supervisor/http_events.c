/*
 * GET /events: what is published on PREFIX:events, as server-sent events. One
 * connection to Redis for all listeners, open while there is one. Nobody is
 * waited for: a listener that does not read is dropped.
 *
 * Unlike with an ask, evhttp reads while a stream is open, so it notices a
 * close: it takes the request off the connection, frees the connection, and
 * leaves the request to us. Where we free the connection ourselves, the
 * request goes with it. `dropped` tells the two apart.
 */
#include "config.h"

#include "supervisor/http_ask.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/sup.h"

#define EVENTS_MAGIC 0x65767473u
#define LISTENERS_MAX 64
#define BACKLOG_MAX (256 * 1024)  /* unread bytes before we give up */
#define INPUT_MAX 4096            /* what a listener may say; it should not */
#define BEAT_S 15
#define WRITE_TIMEOUT_S 60

struct listener {
	TAILQ_ENTRY(listener) link;
	struct events *events;            /* borrows */
	struct evhttp_request *req;
	struct evhttp_connection *evcon;  /* lent by evhttp */
	bool dropped;
};

struct events {
	unsigned magic;
	struct http *http;                /* borrows; points back to us */
	struct conn *conn;                /* owns */
	struct event *beat;               /* owns */
	TAILQ_HEAD(, listener) listeners; /* owns */
	unsigned n;
	unsigned depth;                   /* of walks over the listeners */
	bool live;                        /* Redis confirmed the subscription */
};

static void
free_events(struct events *ev)
{
	ASSERT(ev->n == 0 && ev->depth == 0);
	ev->http->events = NULL;
	conn_close(&ev->conn);
	event_free(ev->beat);
	ev->magic = 0;
	free(ev);
}

/* The connection goes down, whoever decided so. */
static void
on_close(struct evhttp_connection *evcon, void *priv)
{
	struct listener *l = priv;
	struct events *ev = l->events;

	OBJ_CHECK(ev, EVENTS_MAGIC);
	TAILQ_REMOVE(&ev->listeners, l, link);
	ev->n--;
	if (!l->dropped)
		evhttp_send_reply_end(l->req);  /* frees it */
	free(l);
	if (ev->n == 0 && ev->depth == 0)
		free_events(ev);
}

static void
drop(struct listener *l)
{
	l->dropped = true;
	evhttp_connection_free(l->evcon);
}

/* The listener may be gone afterwards. */
static void
say(struct listener *l, const struct buf *text)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(l->evcon);
	struct evbuffer *chunk;

	if (evbuffer_get_length(bufferevent_get_output(bev)) + text->len >
	    BACKLOG_MAX) {
		log_info("http", "listener to events does not read, dropped");
		drop(l);
		return;
	}
	chunk = evbuffer_new();
	ASSERT(chunk != NULL);
	(void)evbuffer_add(chunk, text->data, text->len);
	evhttp_send_reply_chunk(l->req, chunk);
	evbuffer_free(chunk);
}

static void
say_all(struct events *ev, const struct buf *text)
{
	struct listener *l, *next;

	OBJ_CHECK(ev, EVENTS_MAGIC);
	ev->depth++;
	for (l = TAILQ_FIRST(&ev->listeners); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		say(l, text);
	}
	ev->depth--;
	if (ev->n == 0 && ev->depth == 0)
		free_events(ev);
}

static void
remark(struct events *ev, const char *text)
{
	struct buf b;

	buf_init(&b, 256);
	(void)buf_printf(&b, ": %s\n\n", text);
	say_all(ev, &b);
	buf_fini(&b);
}

/* ---- from Redis ---- */

/* Each line of the text is a line of data: anybody may publish there. */
static void
on_message(void *priv, redisReply *r)
{
	const redisReply *m = r->element[2];
	const char *p, *end, *eol;
	struct buf b;

	if (m->type != REDIS_REPLY_STRING || m->len > BACKLOG_MAX / 2)
		return;
	buf_init(&b, BACKLOG_MAX);
	p = m->str;
	end = p + m->len;
	for (;;) {
		eol = p + strcspn(p, "\r\n");
		(void)buf_puts(&b, "data: ");
		(void)buf_put(&b, p, (size_t)(eol - p));
		(void)buf_putc(&b, '\n');
		if (eol >= end || *eol == '\0')
			break;
		p = eol + 1;
	}
	(void)buf_putc(&b, '\n');
	if (!b.failed)
		say_all(priv, &b);
	buf_fini(&b);
}

/* The answer to a PING behind the SUBSCRIBE: from now on nothing is missed. */
static void
on_subscribed(void *priv, redisReply *r)
{
	struct events *ev = priv;

	if (conn_failed(r, NULL))
		return;
	ev->live = true;
	remark(ev, "listening");
}

static void
on_state(void *priv, struct conn *c, const char *why)
{
	const char *const ping[] = { "PING" };
	struct events *ev = priv;
	const char *channel;

	OBJ_CHECK(ev, EVENTS_MAGIC);
	if (why == NULL) {
		channel = ev->http->sup->events;
		(void)conn_subscribe(c, on_message, ev, 1, &channel);
		(void)conn_send(c, 0, on_subscribed, ev, 1, ping, NULL);
		return;
	}
	if (ev->live) {
		ev->live = false;
		remark(ev, "connection to Redis lost, events may be missing");
	}
}

static void
on_beat(evutil_socket_t fd, short what, void *priv)
{
	remark(priv, "beat");
}

/* ---- listeners ---- */

static struct events *
new_events(struct http *h)
{
	const struct timeval tv = { .tv_sec = BEAT_S };
	struct events *ev = xcalloc(1, sizeof(*ev));

	ev->magic = EVENTS_MAGIC;
	ev->http = h;
	TAILQ_INIT(&ev->listeners);
	ev->beat = event_new(h->sup->base, -1, EV_PERSIST, on_beat, ev);
	ASSERT(ev->beat != NULL);
	(void)event_add(ev->beat, &tv);
	ev->conn = conn_open(h->sup->group, "events", on_state, ev);
	return (ev);
}

/* A stream has nothing to read, and its end is not for a timer to decide. */
static void
set_limits(struct evhttp_connection *evcon)
{
	const struct timeval tv = { .tv_sec = WRITE_TIMEOUT_S };
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);

	bufferevent_set_timeouts(bev, NULL, &tv);
	bufferevent_setwatermark(bev, EV_READ, 0, INPUT_MAX);
}

static void
begin_stream(struct listener *l)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(l->req);
	struct buf hello;

	(void)evhttp_add_header(out, "Content-Type", "text/event-stream");
	(void)evhttp_add_header(out, "Cache-Control", "no-store");
	(void)evhttp_add_header(out, "X-Content-Type-Options", "nosniff");
	(void)evhttp_add_header(out, "Connection", "close");
	evhttp_send_reply_start(l->req, 200, NULL);
	buf_init(&hello, 256);
	(void)buf_puts(&hello, l->events->live ?
	    "retry: 2000\n: listening\n\n" : "retry: 2000\n: connecting\n\n");
	say(l, &hello);
	buf_fini(&hello);
}

void
events_listen(struct ask *a)
{
	struct http *h = a->http;
	struct listener *l;

	if (evhttp_request_get_command(a->req) == EVHTTP_REQ_HEAD) {
		ask_reply(a, 200, "text/event-stream", NULL);
		return;
	}
	if (h->events == NULL)
		h->events = new_events(h);
	if (h->events->n >= LISTENERS_MAX) {
		ask_error(a, 503, "%d listeners are here already",
		    LISTENERS_MAX);
		return;
	}
	l = xcalloc(1, sizeof(*l));
	l->events = h->events;
	l->req = ask_give(a);
	l->evcon = evhttp_request_get_connection(l->req);
	TAILQ_INSERT_TAIL(&h->events->listeners, l, link);
	h->events->n++;
	evhttp_connection_set_closecb(l->evcon, on_close, l);
	set_limits(l->evcon);
	begin_stream(l);
}

void
events_close(struct events **ep)
{
	struct events *ev = *ep;
	struct listener *l;

	if (ev == NULL)
		return;
	OBJ_CHECK(ev, EVENTS_MAGIC);
	ev->depth++;
	while ((l = TAILQ_FIRST(&ev->listeners)) != NULL)
		drop(l);
	ev->depth--;
	free_events(ev);
}
