/*
 * Upgrade in place: the program is started anew beside us, takes our place,
 * and we end when the jobs that run here have ended by themselves.
 *
 * The old process starts the new one with the pidfile's lock, the HTTP socket
 * and a socket to talk on. The new one reads its configuration, connects to
 * Redis, makes its slots and says so; until then nothing has changed. Then the
 * old one stops claiming, moves its leases to a name of its own, gives the
 * worker id back and says go. The new one takes the id and is the daemon. Each
 * of its slots waits for the old one's slot on the same CPUs and devices.
 * docs/service.md tells what may go wrong when.
 */
#ifndef SUPERVISOR_UPGRADE_H
#define SUPERVISOR_UPGRADE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"

struct bufferevent;
struct event;
struct proc;
struct sup;

/* ---- the old process ---- */

enum upgrade_state {
	UPGRADE_NONE,
	UPGRADE_STARTING,   /* the new one makes itself ready */
	UPGRADE_MOVING,     /* our leases get their other name */
	UPGRADE_GOING,      /* the new one takes the worker id */
	UPGRADE_LEFT        /* it is the daemon; our jobs end here */
};

struct upgrade {
	enum upgrade_state state;
	pid_t pid;                /* of the new one; 0: it has ended */
	struct bufferevent *talk; /* owns; NULL: not under way */
	struct event *timer;      /* owns */
	int stderr_fd;            /* what the new one had to say; -1 */
	char *id;                 /* owns; the name our leases go to */
	const char *own_id;       /* borrows; the one they had */
	bool broken;              /* a lease did not get its other name */
	bool was_draining;        /* and so the new one will be */
	unsigned ntold;
	bool *told;               /* owns; slots that we said are free */
	/* Outcome of the last one, for status. */
	bool ok;
	wall_t at;                /* 0: none was tried */
	char text[600];
};

/* Begins; why not is the outcome in the status. */
void upgrade_begin(struct sup *sup);
/* A process of that id ended; true if it was the new one. */
bool upgrade_exited(struct sup *sup, pid_t pid, int status);
/* Redis is back: what was on its way is sent again, before all else. */
void upgrade_reconnected(struct sup *sup);
/* Each turn. */
void upgrade_phase(struct sup *sup);
/* We are to stop: the new process must not take over any more. */
void upgrade_abort(struct sup *sup);
/* Another process is, or is about to be, the daemon. */
bool upgrade_leaving(const struct sup *sup);
void upgrade_close(struct sup *sup);

/* ---- the new process ---- */

struct heir {
	int sock, pid_fd, http_fd, stderr_fd;  /* inherited; -1: none */
	char listen[200];         /* what http_fd was opened for */
	struct bufferevent *talk; /* owns; NULL: there is no old one any more */
	bool waiting;             /* for the word to go */
	bool draining;            /* the old one was */
	bool up;
	bool clearing;            /* the old one ended; what it left may not have */
	mono_t clear_at, clear_until;
	unsigned nold;
	struct heir_slot {
		bool busy;
		char *what;       /* owns; pool, CPUs and devices */
	} *old;                   /* owns; the old one's, by number */
};

/* Whether we were started by an upgrade; reads and removes the variable. */
bool heir_open(struct heir *h);
/* On the loop; nothing of the worker id before the old one says go. */
void heir_begin(struct sup *sup);
/* Redis is there and so is everything else. */
void heir_prepared(struct sup *sup);
/* The worker id is ours. */
void heir_up(struct sup *sup);
/* Each turn: once the old process has ended, its slots are ours. */
void heir_phase(struct sup *sup);
/* The slot must stay down: the old process still has a job there. */
bool heir_holds(const struct sup *sup, const struct proc *p);
/* Passes on to the old process: "stop", "quick" or "reopen". */
void heir_pass(struct sup *sup, const char *word);
/* The old process is still there. */
bool heir_has_old(const struct sup *sup);
void heir_close(struct sup *sup);

#endif
