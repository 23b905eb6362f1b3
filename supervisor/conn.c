/*
 * Connections to Redis: what others call. See conn.h; conn_link.c has the
 * link itself.
 */
#include "config.h"

#include "supervisor/conn.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/conn_link.h"
#include "supervisor/dial.h"

/* A refusal comes once for many channels, so answers would not match. */
static void
on_subscribed(void *priv, redisReply *reply)
{
	const char *why;

	if (reply != NULL && conn_failed(reply, &why))
		link_drop(priv, why);
}

struct conn_group *
conn_group_new(struct event_base *base, const struct conn_opts *opts)
{
	struct conn_group *g = xcalloc(1, sizeof(*g));

	g->magic = GROUP_MAGIC;
	g->base = base;
	g->opts = opts;
	g->dialer = dialer_new(base, opts->path, opts->host, opts->port);
	TAILQ_INIT(&g->conns);
	TAILQ_INIT(&g->dirty);
	return (g);
}

void
conn_group_free(struct conn_group **gp)
{
	struct conn_group *g = *gp;
	struct conn *c;

	if (g == NULL)
		return;
	OBJ_CHECK(g, GROUP_MAGIC);
	*gp = NULL;
	while ((c = TAILQ_FIRST(&g->conns)) != NULL)
		conn_close(&c); /* takes it out of the list */
	dialer_free(&g->dialer);
	g->magic = 0;
	free(g);
}

struct event_base *
conn_group_base(const struct conn_group *g)
{
	OBJ_CHECK(g, GROUP_MAGIC);
	return (g->base);
}

void
conn_flush_all(struct conn_group *g)
{
	struct conn *c;

	OBJ_CHECK(g, GROUP_MAGIC);
	while ((c = TAILQ_FIRST(&g->dirty)) != NULL) {
		link_enter(c);
		link_unmark(c);
		link_write(c);
		link_leave(c);
	}
}

struct conn *
conn_open(struct conn_group *g, const char *label, conn_state_f *on_state,
    void *priv)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	OBJ_CHECK(g, GROUP_MAGIC);
	c->magic = CONN_MAGIC;
	c->group = g;
	c->label = xstrdup(label);
	c->on_state = on_state;
	c->priv = priv;
	c->timer_at = MONO_NEVER;
	c->timer = evtimer_new(g->base, link_on_timer, c);
	ASSERT(c->timer != NULL);
	TAILQ_INSERT_TAIL(&g->conns, c, all);
	link_start(c);
	return (c);
}

void
conn_rename(struct conn *c, const char *label)
{
	OBJ_CHECK(c, CONN_MAGIC);
	free(c->label);
	c->label = xstrdup(label);
}

void
conn_close(struct conn **cp)
{
	struct conn *c = *cp;

	if (c == NULL)
		return;
	link_enter(c);
	*cp = NULL;
	if (!c->closed) {
		c->closed = true;
		TAILQ_REMOVE(&c->group->conns, c, all);
		link_drop(c, "closed");
		/* Closed by the callback of a link that was just lost. */
		while (c->first != NULL)
			link_answer(c, NULL);
		event_del(c->timer);
	}
	link_leave(c);
}

enum conn_state
conn_state(const struct conn *c)
{
	OBJ_CHECK(c, CONN_MAGIC);
	if (c->dial != NULL && dial_resolving(c->dial))
		return (CONN_RESOLVING);
	return (c->state);
}

void
conn_reset(struct conn *c, const char *why)
{
	link_enter(c);
	link_drop(c, why);
	link_leave(c);
}

int
conn_send(struct conn *c, dur_t extra, conn_reply_f *cb, void *priv,
    int argc, const char *const *argv, const size_t *argvlen)
{
	OBJ_CHECK(c, CONN_MAGIC);
	if (c->state != CONN_READY)
		return (-ERR_CLOSED);
	link_send(c, extra, cb, priv, argc, argv, argvlen);
	return (0);
}

int
conn_cmd(struct conn *c, conn_reply_f *cb, void *priv, const char *fmt, ...)
{
	struct slice cmd;
	va_list ap;
	char *text;
	int n, r;

	va_start(ap, fmt);
	n = redisvFormatCommand(&text, fmt, ap);
	va_end(ap);
	ASSERT(n > 0);                  /* the format is ours */
	cmd = (struct slice){ text, (size_t)n };
	r = conn_send_parts(c, 0, cb, priv, &cmd, 1);
	redisFreeCommand(text);
	return (r);
}

int
conn_send_parts(struct conn *c, dur_t extra, conn_reply_f *cb, void *priv,
    const struct slice *parts, unsigned n)
{
	unsigned i;
	int r;

	OBJ_CHECK(c, CONN_MAGIC);
	if (c->state != CONN_READY)
		return (-ERR_CLOSED);
	for (i = 0; i < n; i++) {
		if (parts[i].n == 0)
			continue;
		r = redisAppendFormattedCommand(c->ctx, parts[i].p,
		    parts[i].n);
		ASSERT(r == REDIS_OK);  /* else memory is out */
	}
	link_push(c, extra, cb, priv);
	return (0);
}

int
conn_subscribe(struct conn *c, conn_reply_f *cb, void *priv, int nchannels,
    const char *const *channels)
{
	const char **words;
	int i;

	OBJ_CHECK(c, CONN_MAGIC);
	if (c->state != CONN_READY)
		return (-ERR_CLOSED);
	words = xcalloc((size_t)nchannels + 1, sizeof(*words));
	words[0] = "SUBSCRIBE";
	memcpy(words + 1, channels, (size_t)nchannels * sizeof(*words));
	c->on_message = cb;
	c->message_priv = priv;
	c->ping_at = mono_now() + PING_PERIOD;
	link_send(c, 0, on_subscribed, c, nchannels + 1, words, NULL);
	/* Redis confirms each channel by an answer of its own. */
	for (i = 1; i < nchannels; i++)
		link_push(c, 0, on_subscribed, c);
	free(words);
	return (0);
}

unsigned
conn_pending(const struct conn *c)
{
	OBJ_CHECK(c, CONN_MAGIC);
	return (c->pending);
}

bool
conn_failed(const redisReply *reply, const char **why_p)
{
	const char *why = NULL;

	if (reply == NULL)
		why = "connection lost";
	else if (reply->type == REDIS_REPLY_ERROR)
		why = reply->str;
	if (why != NULL && why_p != NULL)
		*why_p = why;
	return (why != NULL);
}
