/*
 * One asynchronous connection to Redis on the supervisor's libevent loop.
 * Never blocks: names are resolved by evdns, every request has a deadline,
 * replies come as callbacks, and a lost connection comes back by itself with
 * back-off. What is written during a loop turn leaves in one write(2) at its
 * end (conn_flush_all). The files that include this header and redis's are
 * the only users of hiredis in the supervisor.
 */
#ifndef SUPERVISOR_CONN_H
#define SUPERVISOR_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "base/slice.h"

struct event_base;
struct evdns_base;
struct conn;
struct conn_group;

/* Where Redis is and how patient to be; borrowed, must outlive the group. */
struct conn_opts {
	const char *host;       /* NULL: unix socket */
	int port;
	const char *path;       /* unix socket; NULL: TCP */
	int db;
	const char *username;   /* "" none */
	const char *password;   /* "" none */
	const char *name;       /* CLIENT SETNAME */
	dur_t connect_timeout;
	dur_t command_timeout;
};

enum conn_state { CONN_DOWN, CONN_RESOLVING, CONN_CONNECTING, CONN_GREETING,
	CONN_READY };

/*
 * reply is NULL when the connection was lost, or the deadline passed, before
 * an answer came: whether the command ran is then unknown. The reply belongs
 * to the connection and is freed after the callback; an element's str may be
 * stolen by setting it to NULL (free(3) it).
 */
typedef void conn_reply_f(void *priv, redisReply *reply);
/* The connection became READY (why == NULL), or was lost / refused (why says
 * it, e.g. "connection refused", "WRONGPASS ..."). */
typedef void conn_state_f(void *priv, struct conn *c, const char *why);

/* All connections of one process; holds the loop, the DNS base and the list
 * of those with something to write. */
struct conn_group *conn_group_new(struct event_base *base,
    const struct conn_opts *opts);
void conn_group_free(struct conn_group **gp); /* frees its connections too */
struct event_base *conn_group_base(const struct conn_group *g); /* lends */
/* Writes what was queued since the last call; the loop calls it last. */
void conn_flush_all(struct conn_group *g);

/*
 * A connection that keeps itself up: connects at once, greets (AUTH, SELECT,
 * CLIENT SETNAME), then calls on_state. Retries with back-off from 50 ms to
 * 2 s plus jitter. label is for the log ("main", "control").
 */
struct conn *conn_open(struct conn_group *g, const char *label,
    conn_state_f *on_state, void *priv);
void conn_rename(struct conn *c, const char *label);
void conn_close(struct conn **cp);      /* pending callbacks get NULL */
enum conn_state conn_state(const struct conn *c);
/* Drops the link as if it had been lost (half-open, watchdog). */
void conn_reset(struct conn *c, const char *why);

/*
 * Sends one command of argc words with lengths. cb may be NULL. extra is
 * added to command_timeout (for blocking commands). Returns 0, or -ERR_CLOSED
 * if the connection is not READY, and then cb is not called.
 */
int conn_send(struct conn *c, dur_t extra, conn_reply_f *cb, void *priv,
    int argc, const char *const *argv, const size_t *argvlen);
/* printf-like convenience in hiredis's format language (%s %b). */
int conn_cmd(struct conn *c, conn_reply_f *cb, void *priv,
    const char *fmt, ...);
/* One command that is in Redis's wire format already, in n parts; the bytes
 * are copied before it returns. */
int conn_send_parts(struct conn *c, dur_t extra, conn_reply_f *cb, void *priv,
    const struct slice *parts, unsigned n);
/*
 * SUBSCRIBE: cb is called for each message (an array: "message", channel,
 * text), never with NULL, until the connection is lost; subscribe again from
 * on_state. A refusal counts as a loss. Such a connection is asked with PING
 * every 5 s whether it still lives; Redis takes no other command on it.
 */
int conn_subscribe(struct conn *c, conn_reply_f *cb, void *priv,
    int nchannels, const char *const *channels);

/* Commands sent and not answered yet. */
unsigned conn_pending(const struct conn *c);
/* True (and *why_p set) if reply is NULL or an error. */
bool conn_failed(const redisReply *reply, const char **why_p);

#endif
