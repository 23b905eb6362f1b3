/*
 * The supervisor as a whole: what hangs where. One thread, one loop, no
 * global but this (and the log's). Everything else has a header of its own.
 */
#ifndef SUPERVISOR_SUP_H
#define SUPERVISOR_SUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/pid.h"
#include "conf/conf.h"
#include "supervisor/berth.h"
#include "supervisor/cancel.h"
#include "supervisor/conn.h"
#include "supervisor/contain.h"
#include "supervisor/forget.h"
#include "supervisor/notify.h"
#include "supervisor/place.h"
#include "supervisor/pool.h"
#include "supervisor/queue.h"
#include "supervisor/redis.h"
#include "supervisor/slot.h"
#include "supervisor/stat.h"
#include "supervisor/upgrade.h"

#define SUP_MAGIC 0x73757021u

struct conn;
struct conn_group;
struct event;
struct event_base;
struct guilty;
struct gpus;
struct http;
struct pace;
struct reload;
struct route;
struct schedules;

enum sup_mode { MODE_RUNNING, MODE_DRAINING, MODE_STOPPING };

/* What signals and timers asked for; acted on in the phases of a turn. */
struct pending {
	bool upgrade, reload, reopen, drain, resume, deaths, replies;
	unsigned stop;      /* TERMs so far; INT and QUIT count as two */
	bool again;         /* a phase left work: do not sleep */
};

struct sup {
	unsigned magic;
	struct conf *conf;            /* owns; swapped by a reload */
	struct conf *boot_conf;       /* owns; identity, Redis, folders */
	char *conf_path;              /* owns; absolute; NULL: none */
	char *pidfile_arg;            /* owns; of -p; NULL: none */
	struct place place;           /* owns; host, GPUs, plan */
	struct event_base *base;
	const char *id;               /* worker id; lives in conf, or in upgrade */
	char *events;                 /* PREFIX:events */
	char run[17];                 /* mark of this run, 16 hex digits */
	char pid_space[PID_SPACE_MAX]; /* where our pid means something */
	uint64_t seq;                 /* of tokens, credits, jobs */
	wall_t started_at;
	enum sup_mode mode;
	struct pending pending;
	struct stats stat;

	/* Redis. The next four are those of `redis`. */
	struct redis *redis;          /* owns */
	struct conn_group *group;
	struct conn *main;            /* all scripts */
	struct conn *control;         /* subscriptions */
	bool ready;                   /* main is up, scripts are loaded */
	struct redis_list left;       /* owns; those that are being left */
	struct redis *trial;          /* owns; of the reload under way */
	int64_t redis_skew;           /* Redis's unix ms - our monotonic ms */
	bool skew_known;
	mono_t redis_seen;            /* last answer */
	char redis_refuses[160];      /* the last heartbeat's error, or "" */
	mono_t redial_at;             /* not before: leave a read-only Redis */
	bool beaten;                  /* the first heartbeat was accepted */
	mono_t beat_sent;
	mono_t beat_again;            /* the first one once more; MONO_NEVER: - */
	mono_t beat_until;            /* when to give that up; 0: not tried */
	char *beat_found;             /* who was found first; NULL: nobody */

	/* Children */
	struct route *route;
	char *endpoint;
	char *child_path;             /* ganger-child */
	struct slot_limits limits;
	enum contain_way way;
	bool no_clone_into;           /* see spawn.c */

	struct queue_list queues;
	struct cancel_list cancels;   /* under way, see cancel.h */
	struct forget_list forgets;   /* folders to be removed */
	struct pool_list pools;       /* in the configuration's order, those
				       * that are leaving last */
	bool parting;                 /* a slot, pool or queue is leaving */
	uint32_t gen_floor;           /* generations of slots that left */
	unsigned ncpus;               /* of the host */
	unsigned nslots;              /* size of slots, holes included */
	struct proc **slots;          /* by slot index; borrows from pools */
	unsigned njobs;               /* jobs held, all queues */
	struct job_list parked;       /* wait for a permit here, job.ready */
	unsigned nparked, put_off;    /* and those sent away since the last
				       * one that was let through */
	mono_t permit_at;             /* they ask again then, or when a job */
	uint64_t ended, permit_ended; /* has ended since */
	struct pace *pace;            /* owns; by handler */
	bool shown;                   /* a bell showed a job this turn */
	unsigned nguesses;            /* slots that hold one; see guess.h */
	struct guilty *guilty;        /* owns; see split.c */

	struct gpus *gpus;            /* owns; see gpu.h */
	char drain_why[192];          /* "": an operator asked for it, if at all */
	struct schedules *schedules;  /* owns; see schedule.c */
	struct http *http;
	struct event *wake;           /* the next turn that no event brings */
	mono_t wake_at;               /* when it is due; MONO_NEVER: unarmed */
	mono_t memory_at;             /* next look at the slots' memory */
	mono_t watch_at, slow_at;     /* next looks, see watch.c */
	mono_t hung_since;            /* jobs wait, slots idle, no claim; 0: no */
	struct event *sig[8];
	unsigned nsig;
	mono_t stop_deadline;
	mono_t flush_deadline;        /* results wait for Redis till then; 0: - */
	bool hastened;                /* the quick stop began */
	unsigned receipt_finished, receipt_returned, receipt_killed;
	int exit_code;
	int announce_fd;              /* the parent waits there; -1: nobody */
	struct notify notify;         /* the service manager */
	struct cpus born;             /* our affinity when we were started */
	bool foreground;              /* -F */
	bool is_heir;                 /* started by an upgrade */
	int pid_fd;                   /* of the pidfile; -1: no longer ours */
	char **argv;                  /* borrows; as we were started */
	char *program;                /* owns; our own program's path */
	struct berth berth;
	struct upgrade upgrade;       /* to the next process */
	struct heir heir;             /* from the one before */
	bool left_alone;              /* another one is the daemon: jobs may end
				       * whatever that takes */
	bool no_stderr;               /* it was let go: syslog instead */

	/* Outcome of the last reload, for status. */
	struct reload *reload;        /* owns; one that waits for its Redis */
	char *reload_text;            /* owns */
	unsigned reload_count;        /* attempts */
	wall_t reload_at;
	bool reload_ok;
};

/* Redis's unix milliseconds now, by the skew of the last answer; our own
 * clock until one came. */
wall_t sup_wall(const struct sup *sup);
/* Takes the Redis time of an answer to a call sent at `sent`. */
void sup_saw_redis(struct sup *sup, long long redis_ms, mono_t sent);

/* Counts and words (rate limited) an error that Redis answered a script
 * with; r may be NULL. */
void sup_redis_error(struct sup *sup, const char *what, const char *key,
    const redisReply *r);
/* Makes sure that a turn of the loop comes at that time at the latest. */
void sup_wake_at(struct sup *sup, mono_t at);

/* Tells whoever started us (a parent that waits, systemd) that we are up
 * (code 0) or have failed with that exit code. Only the first call counts. */
void sup_announce(struct sup *sup, int code);

/* redis.c: opens the connections, keeps `ready`. */
void sup_connect(struct sup *sup);
void sup_flush(struct sup *sup);            /* what was queued leaves */
void sup_disconnect_links(struct sup *sup); /* main and control */
void sup_disconnect(struct sup *sup);       /* and the group */

/* loop.c: turns until the stop is complete; the exit code. */
int sup_run(struct sup *sup);
/* From start-up to sup_signals: a signal waits instead of killing us. */
void sup_hold_signals(void);
int sup_signals(struct sup *sup);
/* The daemon takes new jobs. */
bool sup_claims(const struct sup *sup);
/* NULL if able to take work, else why not (static text). */
const char *sup_unready(const struct sup *sup);

#endif
