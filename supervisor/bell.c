/*
 * Doorbells; see bell.h. At most one BLMOVE is under way. It asks Redis to
 * block for 5 s, and an empty answer just asks again while armed, so that a
 * connection that died in silence is noticed.
 */
#include "config.h"

#include "supervisor/bell.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#define BELL_MAGIC 0x62656c6cu
#define BLOCK_FOR (5 * DUR_S)
#define BLOCK_WORD "5"

struct bell {
	unsigned magic;
	struct conn *conn;              /* owns */
	char *list;                     /* owns */
	bell_ring_f *on_ring;
	void *priv;
	bool armed;
	bool waiting;                   /* a BLMOVE is under way */
	bool was_ready;                 /* this is not the first connection */
	struct event *retry;            /* owns; pending after an error */
};

/* The last thing that a caller does: the bell may be freed in on_ring. */
static void
ring(struct bell *b, redisReply *element)
{
	b->armed = false;
	b->on_ring(b->priv, element);
}

static void wait_for(struct bell *b);

static void
refused(struct bell *b, const char *why)
{
	static struct log_limit lim = LOG_LIMIT(3, 60 * DUR_S);
	static const struct timeval pause = { 1, 0 };

	if (log_limit(&lim))
		log_warn("redis", "could not wait for queue=%s why=\"%s\"",
		    b->list, why);
	evtimer_add(b->retry, &pause);
}

static void
on_moved(void *priv, redisReply *reply)
{
	struct bell *b = priv;

	OBJ_CHECK(b, BELL_MAGIC);
	b->waiting = false;
	if (reply == NULL)
		return;                 /* on_state goes on from here */
	if (reply->type == REDIS_REPLY_ERROR)
		refused(b, reply->str);
	else if (reply->type == REDIS_REPLY_NIL)
		wait_for(b);
	else if (b->armed)
		ring(b, reply);
}

/* Blocks if armed and nothing else is due first. */
static void
wait_for(struct bell *b)
{
	const char *words[] = { "BLMOVE", b->list, b->list, "RIGHT", "RIGHT",
	    BLOCK_WORD };

	if (!b->armed || b->waiting || evtimer_pending(b->retry, NULL))
		return;
	if (conn_send(b->conn, BLOCK_FOR, on_moved, b, (int)NELEM(words),
	    words, NULL) == 0)
		b->waiting = true;
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct bell *b = arg;

	OBJ_CHECK(b, BELL_MAGIC);
	wait_for(b);
}

static void
on_state(void *priv, struct conn *c, const char *why)
{
	struct bell *b = priv;
	bool again;

	OBJ_CHECK(b, BELL_MAGIC);
	if (why != NULL) {
		evtimer_del(b->retry);
		return;
	}
	again = b->was_ready;
	b->was_ready = true;
	if (again && b->armed)
		ring(b, NULL);
	else
		wait_for(b);
}

struct bell *
bell_new(struct conn_group *g, const char *list, bell_ring_f *on_ring,
    void *priv)
{
	struct bell *b = xcalloc(1, sizeof(*b));
	char *label;

	b->magic = BELL_MAGIC;
	b->list = xstrdup(list);
	b->on_ring = on_ring;
	b->priv = priv;
	b->retry = evtimer_new(conn_group_base(g), on_retry, b);
	ASSERT(b->retry != NULL);
	label = str_fmt("bell:%s", list);
	b->conn = conn_open(g, label, on_state, b);
	free(label);
	return (b);
}

void
bell_free(struct bell **bp)
{
	struct bell *b = *bp;

	if (b == NULL)
		return;
	OBJ_CHECK(b, BELL_MAGIC);
	*bp = NULL;
	conn_close(&b->conn);
	event_free(b->retry);
	free(b->list);
	b->magic = 0;
	free(b);
}

void
bell_arm(struct bell *b)
{
	OBJ_CHECK(b, BELL_MAGIC);
	b->armed = true;
	wait_for(b);
}

bool
bell_armed(const struct bell *b)
{
	OBJ_CHECK(b, BELL_MAGIC);
	return (b->armed);
}
