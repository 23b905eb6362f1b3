/*
 * The slot machine: states x events as a table of small actions. It is pure:
 * no system call, no clock but the `now` it is given, no Redis, no ZeroMQ.
 * Effects go through struct slot_ops, so every pair is tested without a
 * process. Where a slot is (state) and why (why) are two variables.
 *
 * Diagnostics: an impossible pair is logged as a bug and ends in a kill of
 * that slot's child.
 */
#ifndef SUPERVISOR_SLOT_H
#define SUPERVISOR_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "supervisor/slot_tbl.h"

#define SLOT_MAGIC 0x736c6f74u

enum slot_state {
#define X(id, name, text) SLOT_##id,
	SLOT_STATES(X)
#undef X
	SLOT_NSTATES
};

enum slot_event {
#define X(id, text) EV_##id,
	SLOT_EVENTS(X)
#undef X
	EV_N
};

enum slot_why {
#define X(id, text) WHY_##id,
	SLOT_WHYS(X)
#undef X
	WHY_N
};

enum slot_action {
	ACT_BUG, /* the cell is empty */
#define X(id, func, text) ACT_##id,
	SLOT_ACTIONS(X)
#undef X
	ACT_N
};

struct slot;

/* Effects. None may post to the same slot before it returns, but for
 * release(), which may find at once that nothing is left. */
struct slot_ops {
	int (*spawn)(struct slot *);            /* 0 or -ERR_x */
	void (*ready)(struct slot *);           /* it is IDLE now */
	void (*quit)(struct slot *);            /* QUIT frame */
	void (*terminate)(struct slot *);       /* ask, then TERM to the tree */
	void (*kill)(struct slot *);            /* KILL to the tree */
	void (*release)(struct slot *);         /* look until nothing is left,
						 * then post RELEASED */
	void (*settle)(struct slot *);          /* the jobs it held are over */
	void (*arm)(struct slot *, mono_t at);  /* MONO_NEVER disarms */
};

/* Limits of the moment; the owner may change them at any time. */
struct slot_limits {
	dur_t load_timeout;
	dur_t kill_grace;
	dur_t release_timeout;
	dur_t backoff_min, backoff_max;  /* between early deaths */
	dur_t quit_grace;                /* QUIT to KILL */
	unsigned early_max;              /* early deaths in a row that
					  * quarantine the slot; 0: none do */
	dur_t retry_failing;             /* it is tried again after this */
};

struct slot {
	unsigned magic;
	unsigned index;
	uint32_t gen;               /* of the child; 0 before the first */
	enum slot_state state;      /* written only by enter() */
	enum slot_why why;          /* why it is on its way out */
	enum slot_why held_why;     /* QUARANTINED: what why was before HELD
				     * or DEVICE */
	bool wanted;                /* false: ends in DOWN */
	mono_t deadline;            /* of this state; MONO_NEVER: none */
	mono_t since;               /* when the state was entered */
	mono_t killed_at;           /* the first KILL to this child */
	unsigned early_deaths;      /* in a row, without a finished job */
	uint64_t entered[SLOT_NSTATES];
	const struct slot_ops *ops;
	const struct slot_limits *limits;
	void *owner;
};

struct slot_arg {
	mono_t now;
	mono_t deadline;            /* ASSIGN: when to look again */
	enum slot_why why;          /* END, FENCE, DRAIN */
	dur_t grace;                /* END: instead of kill_grace; < 0: use it */
};

void slot_init(struct slot *s, unsigned index, const struct slot_ops *ops,
    const struct slot_limits *limits, void *owner);
void slot_post(struct slot *s, enum slot_event ev, const struct slot_arg *arg);
/* Shorthand for events that need no more than the time and a reason. */
void slot_event(struct slot *s, enum slot_event ev, mono_t now,
    enum slot_why why);

/* Another deadline for the state that it is in. */
void slot_rearm(struct slot *s, mono_t deadline);

/* A busy slot, or one that still has to settle the jobs it had. */
bool slot_holds_jobs(const struct slot *s);
/* Idle or at work: counts for readiness. */
bool slot_serves(const struct slot *s);

const char *slot_state_name(enum slot_state st);
const char *slot_event_name(enum slot_event ev);
const char *slot_why_text(enum slot_why w);
enum slot_action slot_cell(enum slot_state st, enum slot_event ev);
const char *slot_action_name(enum slot_action a);

#endif
