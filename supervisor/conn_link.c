/*
 * The link of a connection; see conn.h and conn_link.h. hiredis does the
 * protocol (redisContext and its reader), libevent the waiting, dial.c the
 * connecting.
 *
 * hiredis's own asynchronous layer is not used: it aborts the process on an
 * answer that nobody asked for, hands a message of a subscription to the
 * PING before it (0.14), and must not be freed inside its callbacks. Here a
 * link can be dropped anywhere; only struct conn itself waits for the end of
 * the outermost callback (link_enter, link_leave).
 *
 * Answers come in order, so one FIFO of requests and one timer do. A deadline
 * is never earlier than the one before it: Redis can't answer sooner than it
 * answered the blocking command in front.
 */
#include "config.h"

#include "supervisor/conn_link.h"

#include <ctype.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/dial.h"

#define BACKOFF_MIN (50 * DUR_MS)
#define BACKOFF_MAX (2 * DUR_S)
#define READ_CHUNK (16 * 1024)          /* of hiredis's redisBufferRead */
#define READS_PER_TURN 16

static void
destroy(struct conn *c)
{
	ASSERT(c->first == NULL && c->ctx == NULL && c->dial == NULL);
	event_free(c->timer);
	free(c->label);
	c->magic = 0;
	free(c);
}

/* Between enter and leave, callbacks may close the connection. */
void
link_enter(struct conn *c)
{
	OBJ_CHECK(c, CONN_MAGIC);
	c->depth++;
}

void
link_leave(struct conn *c)
{
	if (--c->depth == 0 && c->closed)
		destroy(c);
}

/* Makes the timer fire at `at` or before; early ones do no harm. */
static void
wake_by(struct conn *c, mono_t at)
{
	struct timeval tv;
	dur_t wait;

	if (at >= c->timer_at)
		return;
	c->timer_at = at;
	wait = at - mono_now();
	if (wait < 0)
		wait = 0;
	wait += DUR_US - 1;             /* never a moment too early */
	tv.tv_sec = wait / DUR_S;
	tv.tv_usec = wait % DUR_S / DUR_US;
	evtimer_add(c->timer, &tv);
}

static void
mark_dirty(struct conn *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	TAILQ_INSERT_TAIL(&c->group->dirty, c, to_write);
}

void
link_unmark(struct conn *c)
{
	if (!c->is_dirty)
		return;
	c->is_dirty = false;
	TAILQ_REMOVE(&c->group->dirty, c, to_write);
}

void
link_push(struct conn *c, dur_t extra, conn_reply_f *cb, void *priv)
{
	struct req *r = xmalloc(sizeof(*r));

	r->patience = mono_add(c->group->opts->command_timeout, extra);
	r->deadline = mono_add(mono_now(), r->patience);
	r->cb = cb;
	r->priv = priv;
	r->next = NULL;
	if (c->first == NULL) {
		c->first = r;
	} else {
		c->last->next = r;
		if (c->last->deadline > r->deadline) {
			r->deadline = c->last->deadline;
			r->patience = c->last->patience;
		}
	}
	c->last = r;
	c->pending++;
	wake_by(c, r->deadline);
	mark_dirty(c);
}

/* Takes the oldest request out and tells its owner. */
void
link_answer(struct conn *c, redisReply *reply)
{
	struct req *r = c->first;
	conn_reply_f *cb = r->cb;
	void *priv = r->priv;

	c->first = r->next;
	c->pending--;
	free(r);
	if (cb != NULL)
		cb(priv, reply);
}

/* Keeps the reason; the C library's words begin in upper case, ours don't,
 * and Redis's error codes stay as they are. */
static void
keep_why(struct conn *c, const char *why)
{
	snprintf(c->why, sizeof(c->why), "%s", why);
	if (c->why[0] != '\0' && islower((unsigned char)c->why[1]))
		c->why[0] = (char)tolower((unsigned char)c->why[0]);
}

/* One line per outage and reason, not one per attempt. */
/* There are three to a queue; when Redis is away, `main` says so for all. */
static bool
is_bell(const struct conn *c)
{
	return (strncmp(c->label, "bell:", 5) == 0);
}

static void
log_loss(struct conn *c, bool was_ready)
{
	if (!was_ready && strcmp(c->logged, c->why) == 0) {
		log_debug("redis", "still down conn=%s why=\"%s\"", c->label,
		    c->why);
		return;
	}
	log_put(is_bell(c) ? LOG_L_DEBUG : LOG_L_WARN, "redis",
	    "%s conn=%s why=\"%s\"",
	    was_ready ? "connection lost" : "could not connect", c->label,
	    c->why);
	memcpy(c->logged, c->why, sizeof(c->logged));
}

static void
free_link(struct conn *c)
{
	dial_cancel(&c->dial);
	link_unmark(c);
	if (c->ctx == NULL)
		return;
	event_free(c->readable);
	event_free(c->writable);
	c->readable = c->writable = NULL;
	redisFree(c->ctx);
	c->ctx = NULL;
}

/* Doubles up to the limit; a connection that held starts from the bottom. */
static void
plan_retry(struct conn *c, bool was_ready)
{
	mono_t now = mono_now();
	uint32_t noise;

	if (c->backoff == 0 || (was_ready && now - c->ready_at >= BACKOFF_MAX))
		c->backoff = BACKOFF_MIN;
	else if ((c->backoff *= 2) > BACKOFF_MAX)
		c->backoff = BACKOFF_MAX;
	evutil_secure_rng_get_bytes(&noise, sizeof(noise));
	c->retry_at = now + c->backoff +
	    (dur_t)(noise % 256) * (c->backoff / 1024);
	wake_by(c, c->retry_at);
}

/* The only way down from any state. Call between enter and leave. */
void
link_drop(struct conn *c, const char *why)
{
	bool was_ready = c->state == CONN_READY;

	if (c->state == CONN_DOWN)
		return;
	keep_why(c, why);
	c->state = CONN_DOWN;
	c->on_message = NULL;
	c->retry_at = MONO_NEVER;
	free_link(c);
	while (c->first != NULL)
		link_answer(c, NULL);
	if (c->closed)
		return;
	log_loss(c, was_ready);
	plan_retry(c, was_ready);
	c->on_state(c->priv, c, c->why);
}

void
link_write(struct conn *c)
{
	int done = 0;

	if (redisBufferWrite(c->ctx, &done) != REDIS_OK)
		link_drop(c, c->ctx->errstr);
	else if (!done)
		event_add(c->writable, NULL);
}

static bool
is_message(const redisReply *r)
{
	return (r->type == REDIS_REPLY_ARRAY && r->elements == 3 &&
	    r->element[0]->type == REDIS_REPLY_STRING &&
	    strcmp(r->element[0]->str, "message") == 0);
}

static void
dispatch(struct conn *c, redisReply *reply)
{
	if (c->on_message != NULL && is_message(reply))
		c->on_message(c->message_priv, reply);
	else if (c->first != NULL)
		link_answer(c, reply);
	else if (reply->type == REDIS_REPLY_ERROR)
		link_drop(c, reply->str);       /* its farewell */
	else
		link_drop(c, "answer without a question");
}

/* Hands out all complete replies; stops if a callback dropped the link. */
static void
deliver(struct conn *c)
{
	redisContext *ctx = c->ctx;
	void *reply;

	while (c->ctx == ctx) {
		reply = NULL;
		if (redisGetReplyFromReader(ctx, &reply) != REDIS_OK) {
			link_drop(c, ctx->errstr);
			return;
		}
		if (reply == NULL)
			return;
		dispatch(c, reply);
		freeReplyObject(reply);
	}
}

/* Reads what is there, up to a limit that leaves others their turn. */
static void
read_some(struct conn *c)
{
	redisContext *ctx = c->ctx;
	size_t before;
	unsigned i;

	for (i = 0; i < READS_PER_TURN && c->ctx == ctx; i++) {
		before = ctx->reader->len;
		if (redisBufferRead(ctx) != REDIS_OK) {
			link_drop(c, ctx->errstr);
			return;
		}
		if (ctx->reader->len - before < READ_CHUNK)
			i = READS_PER_TURN;     /* that was all */
		deliver(c);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	link_enter(c);
	read_some(c);
	link_leave(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	link_enter(c);
	link_write(c);
	link_leave(c);
}

static void
become_ready(struct conn *c)
{
	c->state = CONN_READY;
	c->ready_at = mono_now();
	c->logged[0] = '\0';
	log_put(is_bell(c) ? LOG_L_DEBUG : LOG_L_INFO, "redis",
	    "connected conn=%s", c->label);
	c->on_state(c->priv, c, NULL);
}

static void
on_greeting(void *priv, redisReply *reply)
{
	struct conn *c = priv;
	const char *why;

	if (c->state != CONN_GREETING)
		return;                 /* dropped; that was told already */
	if (conn_failed(reply, &why))
		link_drop(c, why);
	else if (--c->greetings == 0)
		become_ready(c);
}

void
link_send(struct conn *c, dur_t extra, conn_reply_f *cb, void *priv,
    int argc, const char *const *argv, const size_t *argvlen)
{
	/* hiredis takes char ** but only reads. */
	const char **words = (const char **)(uintptr_t)argv;

	int r = redisAppendCommandArgv(c->ctx, argc, words, argvlen);

	ASSERT(r == REDIS_OK);          /* else memory is out */
	link_push(c, extra, cb, priv);
}

static void
greet_with(struct conn *c, int argc, const char *const *argv)
{
	c->greetings++;
	link_send(c, 0, on_greeting, c, argc, argv, NULL);
}

/* All in one write. PING last: a server that is still loading its data lets
 * the others pass, but not that one. */
static void
greet(struct conn *c)
{
	const struct conn_opts *o = c->group->opts;
	char db[16];

	c->greetings = 0;
	if (o->username[0] != '\0')
		greet_with(c, 3, (const char *[]){ "AUTH", o->username,
		    o->password });
	else if (o->password[0] != '\0')
		greet_with(c, 2, (const char *[]){ "AUTH", o->password });
	if (o->db != 0) {
		snprintf(db, sizeof(db), "%d", o->db);
		greet_with(c, 2, (const char *[]){ "SELECT", db });
	}
	if (o->name != NULL && o->name[0] != '\0')
		greet_with(c, 3, (const char *[]){ "CLIENT", "SETNAME",
		    o->name });
	greet_with(c, 1, (const char *[]){ "PING" });
}

static void
open_link(struct conn *c, int fd)
{
	struct event_base *base = c->group->base;

	c->ctx = redisConnectFd(fd);
	ASSERT(c->ctx != NULL);
	/* It takes a descriptor for a blocking one; ours isn't. */
	c->ctx->flags &= ~REDIS_BLOCK;
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable,
	    c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	ASSERT(c->readable != NULL && c->writable != NULL);
	event_add(c->readable, NULL);
	c->state = CONN_GREETING;
	greet(c);
}

static void
on_dialed(void *priv, int fd, const char *why)
{
	struct conn *c = priv;

	link_enter(c);
	c->dial = NULL;
	if (fd < 0)
		link_drop(c, why);
	else
		open_link(c, fd);
	link_leave(c);
}

void
link_start(struct conn *c)
{
	c->state = CONN_CONNECTING;
	c->dial = dial_start(c->group->dialer,
	    c->group->opts->connect_timeout, on_dialed, c);
}

/* An answer that is here already beats its deadline, however late we are. */
static void
check_deadline(struct conn *c)
{
	redisContext *ctx = c->ctx;
	struct pollfd pfd = { .fd = ctx->fd, .events = POLLIN };
	struct req *r;
	char why[64];

	for (;;) {
		r = c->first;
		if (r == NULL || mono_now() < r->deadline)
			return;
		if (poll(&pfd, 1, 0) <= 0)
			break;
		read_some(c);
		if (c->ctx != ctx)
			return;
	}
	snprintf(why, sizeof(why), "no answer for %gs",
	    (double)r->patience / DUR_S);
	link_drop(c, why);
}

static void
ping_subscribed(struct conn *c)
{
	if (c->on_message == NULL || c->first != NULL ||
	    mono_now() < c->ping_at)
		return;
	c->ping_at = mono_now() + PING_PERIOD;
	link_send(c, 0, NULL, NULL, 1, (const char *[]){ "PING" }, NULL);
}

/* Arms the timer for what is due next. */
static void
plan_wake(struct conn *c)
{
	struct req *r = c->first;

	if (c->state == CONN_DOWN)
		wake_by(c, c->retry_at);
	if (r != NULL)
		wake_by(c, r->deadline);
	else if (c->on_message != NULL)
		wake_by(c, c->ping_at);
}

void
link_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	link_enter(c);
	c->timer_at = MONO_NEVER;
	if (c->state == CONN_DOWN && mono_now() >= c->retry_at)
		link_start(c);
	else if (c->ctx != NULL)
		check_deadline(c);
	if (c->ctx != NULL)
		ping_subscribed(c);
	if (!c->closed)
		plan_wake(c);
	link_leave(c);
}
