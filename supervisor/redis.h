/*
 * One Redis and our connections to it: `main` for all scripts, `control` for
 * orders. There is one that the daemon works with. While a reload leads to
 * another one there may be three more of them in turn: one that is tried, and
 * one that is being left, where the jobs that were claimed there run to their
 * end and are committed.
 */
#ifndef SUPERVISOR_REDIS_H
#define SUPERVISOR_REDIS_H

#include <sys/queue.h>
#include <stdbool.h>

#include "base/clock.h"
#include "supervisor/conn.h"

#define REDIS_MAGIC 0x72656469u

struct conf_redis;
struct sup;

/* CLOSING: the same Redis as ours, only its last answers are waited for. */
enum redis_role { REDIS_OURS, REDIS_TRIED, REDIS_LEFT, REDIS_CLOSING };

struct redis {
	unsigned magic;
	TAILQ_ENTRY(redis) link;    /* in sup->left */
	struct sup *sup;            /* borrows */
	enum redis_role role;
	struct conn_group *group;   /* owns */
	struct conn *main;          /* owns */
	struct conn *control;       /* owns; NULL while it is tried */
	bool ready;                 /* main is up, scripts are loaded */
	char *why;                  /* owns; why it is not, or was not */
	char *shown;                /* owns; its URL without the password */
	struct conn_opts opts;      /* its texts are owned */

	/* The trial. */
	bool judged;                /* it is over: */
	bool good;                  /* it can be used, else see why; */
	bool same;                  /* it has our own heartbeat: it is the
				     * Redis we have, by other words */
	mono_t give_up;
};

TAILQ_HEAD(redis_list, redis);

/* Connects and says in `judged` whether it could be worked with. */
struct redis *redis_try(struct sup *sup, const struct conf_redis *c);
/* Whether the configuration leads to where this one is, as the same user. */
bool redis_is(const struct redis *r, const struct conf_redis *c);
/* The trial's end, at its time limit too. */
bool redis_judged(struct redis *r);
/*
 * Works with a tried one from now on; takes it. If it is the same Redis the
 * queues go on with the new connections. Else all queues are closed on the old
 * one, which is left when nothing of them is held any more.
 */
void redis_take(struct sup *sup, struct redis **rp);
/* One that is being left, or NULL. */
const struct redis *redis_leaving(const struct sup *sup);
/* Closes what has been left, once no queue needs it. */
void redis_leave_phase(struct sup *sup);
void redis_free(struct redis **rp);

#endif
