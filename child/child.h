/*
 * The state of one ganger-child and the words its parts share.
 *
 * A child serves one slot. It gets credits (DO frames), runs each in one or
 * more steps through the handler's kind, sees to it that nothing of a step is
 * left, and reports. Everything hangs off struct child; there is no other
 * state in the process but the watchdog's.
 */
#ifndef CHILD_CHILD_H
#define CHILD_CHILD_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"
#include "child/credit.h"
#include "child/tree.h"
#include "proto/page.h"
#include "proto/startup.h"

#define CHILD_MAGIC 0x6368696cu

struct child;
struct child_handler;
struct link;
struct model_cache;
struct watchdog;

/* One descriptor that the loop polls; fd < 0: not now. */
struct watch {
	int fd;
	short events;
	void (*fn)(struct child *, void *arg, short revents);
	void *arg;
};

/* What the loop needs of a kind of handler. */
struct kind {
	/* Once at start-up. 0, or a CHILD_EXIT_ code with *why written. */
	int (*open)(struct child *, struct child_handler *, struct buf *why);
	/* How many jobs from credit->jobs[child->from] the next step takes, at
	 * least 1. NULL: one. */
	unsigned (*count)(struct child *, struct child_handler *);
	/* Begins the next step, child->count jobs at child->from; sets
	 * child->ended when it is over already. */
	void (*begin)(struct child *, struct child_handler *);
	/* After the step's processes are gone: settles all of its jobs. */
	void (*finish)(struct child *, struct child_handler *);
	/* The running step is asked to end early. May be NULL. */
	void (*ask)(struct child *, struct child_handler *, enum ask why);
	/* A signal for the running step, where the tree's list keeps its
	 * process from getting it. May be NULL. */
	void (*term)(struct child *, struct child_handler *, int sig);
	/* Each turn of the loop: deadlines of its own. May be NULL. */
	void (*tick)(struct child *, struct child_handler *);
	/* The child leaves; may be NULL. */
	void (*close)(struct child *, struct child_handler *);
};

struct child_handler {
	const struct start_handler *conf; /* borrows from start */
	const struct kind *kind;
	void *state;                      /* owns, by kind */
	struct spawn_user *user;          /* owns; NULL until first needed */
};

enum child_phase {
	PHASE_IDLE,     /* no credit */
	PHASE_RUNNING,  /* a step runs */
	PHASE_CLEANING, /* the step ended, its processes are being removed */
	PHASE_STUCK     /* reported, but some process still would not die */
};

struct child {
	unsigned magic;
	enum child_phase phase;
	struct start *start;            /* owns */
	struct page_slot *words;        /* of this slot, on the shared page */
	char **env;                     /* at start; owns the array */
	char *cpus;                     /* real affinity; owns */
	char *memory;                   /* real memory policy; owns */
	struct link *link;              /* owns */
	struct watch link_watch;
	bool link_hinted;               /* the descriptor told of something */
	struct watchdog *watchdog;      /* owns */
	struct model_cache *models;     /* owns */
	struct child_handler *handlers; /* owns, start->nhandlers of them */
	struct tree tree;
	struct watch **watches;         /* owns only the array */
	unsigned nwatches;

	/*
	 * Results that wait to go with the next ones: those of held->jobs
	 * before held_to that were not sent. The watchdog may send them, under
	 * the lock, while the main thread runs a later job of that credit.
	 */
	pthread_mutex_t held_lock;
	struct credit *held;            /* borrows; NULL: nothing is held */
	unsigned held_to;
	char models_told[256];          /* loaded ones, as last sent */

	struct credit *credit;          /* owns while not IDLE, else NULL */
	struct credit *next[FRAME_CREDITS_MAX]; /* owns; those that wait, in order */
	unsigned nnext;
	struct child_handler *handler;  /* of the credit */
	unsigned from, count;           /* the step: jobs[from, +count) */
	bool waits;                     /* the credit may not begin yet */
	bool ended;                     /* the step's work is over */
	mono_t ended_at;                /* when it ended */
	bool dirty;                     /* idle, but something may be left */
	mono_t look_at;                 /* idle: look for late orphans; 0: no */
	bool spoilt;                    /* a plugin met a GPU error in this
					 * process: no further job begins */
	bool leaving;                   /* QUIT came: leave when idle */
	mono_t alarm;                   /* earliest time a kind wants a turn */
};

/* A line on stderr, which the supervisor keeps with the job's log. */
void child_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What the supervisor asks of the running job now. */
enum ask child_asked(const struct child *c);

/* The cause to report for a job that ended early because it was asked to. */
enum cause child_stopped_cause(const struct child *c);

/* Registers a watch; it must live as long as the child. */
void child_watch(struct child *c, struct watch *w);

/* The loop takes a turn at `when` at the latest. */
void child_alarm(struct child *c, mono_t when);

extern const struct kind kind_command, kind_runner, kind_plugin;

#endif
