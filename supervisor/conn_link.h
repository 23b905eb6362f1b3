/*
 * The inside of a connection, shared by conn.c (what others call) and
 * conn_link.c (the link: coming up, requests and their answers, going down).
 * Nobody else includes this.
 */
#ifndef SUPERVISOR_CONN_LINK_H
#define SUPERVISOR_CONN_LINK_H

#include <sys/queue.h>
#include <stdbool.h>

#include <event2/util.h>

#include "supervisor/conn.h"

#define CONN_MAGIC 0x636f6e6eu
#define GROUP_MAGIC 0x636f6767u
#define PING_PERIOD (5 * DUR_S)         /* of a subscribed connection */

struct dial;
struct dialer;
struct event;

struct conn_group {
	unsigned magic;
	struct event_base *base;        /* borrows */
	const struct conn_opts *opts;   /* borrows */
	struct dialer *dialer;          /* owns */
	TAILQ_HEAD(, conn) conns;       /* owns */
	TAILQ_HEAD(, conn) dirty;       /* those with output not written yet */
};

/* One command that was sent and not answered. */
struct req {
	struct req *next;               /* the one sent after it */
	mono_t deadline;
	dur_t patience;                 /* what the deadline was made from */
	conn_reply_f *cb;               /* may be NULL */
	void *priv;
};

struct conn {
	unsigned magic;
	struct conn_group *group;
	TAILQ_ENTRY(conn) all;
	TAILQ_ENTRY(conn) to_write;     /* in group->dirty while is_dirty */
	bool is_dirty;
	bool closed;                    /* freed when depth is 0 */
	unsigned depth;                 /* callbacks that are running */
	char *label;                    /* owns */
	conn_state_f *on_state;
	void *priv;

	enum conn_state state;          /* RESOLVING is dial.c's to know */
	struct dial *dial;              /* owns while CONNECTING, else NULL */
	redisContext *ctx;              /* owns from GREETING on, else NULL */
	struct event *readable;         /* owns, with ctx */
	struct event *writable;         /* owns, with ctx */
	struct event *timer;            /* owns */
	mono_t timer_at;                /* when it fires; MONO_NEVER unarmed */
	mono_t retry_at;                /* while DOWN */
	mono_t ready_at;                /* since when READY */
	mono_t ping_at;                 /* while subscribed */
	dur_t backoff;
	unsigned greetings;             /* answers missing before READY */

	struct req *first;              /* owns; oldest, NULL if none */
	struct req *last;               /* newest; of no meaning if none */
	unsigned pending;               /* their number */
	conn_reply_f *on_message;       /* set while subscribed */
	void *message_priv;
	char why[200];                  /* of the last loss */
	char logged[200];               /* the last reason written to the log */
};

/* Between enter and leave, callbacks may close the connection; leave frees
 * it then. */
void link_enter(struct conn *c);
void link_leave(struct conn *c);
/* Begins to connect; a later turn of the loop goes on. */
void link_start(struct conn *c);
/* The only way down from any state: pending callbacks get NULL, a retry is
 * planned, on_state is told. Call between enter and leave. */
void link_drop(struct conn *c, const char *why);
/* The event of c->timer; arg is the connection. */
void link_on_timer(evutil_socket_t fd, short what, void *arg);

/* Appends a command to the output, and its request to the FIFO. */
void link_send(struct conn *c, dur_t extra, conn_reply_f *cb, void *priv,
    int argc, const char *const *argv, const size_t *argvlen);
/* The request only; the caller has appended the command. */
void link_push(struct conn *c, dur_t extra, conn_reply_f *cb, void *priv);
/* Takes the oldest request out and tells its owner. */
void link_answer(struct conn *c, redisReply *reply);
/* Writes what the socket takes; the rest when it takes more. */
void link_write(struct conn *c);
void link_unmark(struct conn *c);       /* nothing to write any more */

#endif
