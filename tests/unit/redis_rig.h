/*
 * What the tests of the broker share: a private redis-server on a unix socket
 * in a temporary folder, a second connection to it that tests use to look and
 * to push, a fake server that says what a test wants, and a loop that runs
 * until a condition holds. Everything is gone after rig_stop.
 */
#ifndef TESTS_REDIS_RIG_H
#define TESTS_REDIS_RIG_H

#include <sys/types.h>
#include <stdbool.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "supervisor/conn.h"

#define RIG_LIMIT (10 * DUR_S)  /* for any condition */
#define FAKE_MAX 8

struct rig {
	char dir[64];
	char path[96];                  /* of the server's socket */
	pid_t pid;                      /* of redis-server, or 0 */
	redisContext *side;             /* a blocking connection of the test */
	struct event_base *base;
	struct event *tick;             /* so that until() looks again */
	struct conn_opts opts;          /* change before rig_group */
	struct conn_group *group;
};

/* A server that answers the i-th packet of each connection with the i-th
 * text; a text of NULL is silence for ever, "" closes the connection. */
struct fake {
	const char *answer[FAKE_MAX];
	unsigned accepted;
	unsigned packets;               /* read, over all connections */
	unsigned port;                  /* if TCP */
	struct event *listener;
	int fd;
	struct fake_peer *peers;
};

/* What was told to a conn_state_f. */
struct seen {
	unsigned ready;
	unsigned lost;
	char why[200];
};

bool rig_possible(void);                /* is there a redis-server? */
void rig_start(struct rig *rig);        /* base, folder, opts; no server */
void rig_stop(struct rig *rig);
void rig_redis(struct rig *rig);        /* starts the server, connects side */
void rig_redis_stop(struct rig *rig);
struct conn_group *rig_group(struct rig *rig);
void rig_turn(struct rig *rig);         /* one turn of the loop */
/* One command on the side connection; the caller frees the reply. */
redisReply *rig_ask(struct rig *rig, const char *fmt, ...);
void rig_do(struct rig *rig, const char *fmt, ...);
long long rig_int(struct rig *rig, const char *fmt, ...);

/* Listens on rig's path, or on a port of 127.0.0.1. */
void fake_unix(struct rig *rig, struct fake *f);
void fake_tcp(struct rig *rig, struct fake *f);
void fake_stop(struct fake *f);

void see_state(void *priv, struct conn *c, const char *why);

/* Turns the loop until cond holds; fails the test after RIG_LIMIT. */
#define until(rig, cond) \
	do { \
		mono_t end_ = mono_now() + RIG_LIMIT; \
		while (!(cond)) { \
			ck_assert_msg(mono_now() < end_, "%s", #cond); \
			rig_turn(rig); \
		} \
	} while (0)

#endif
