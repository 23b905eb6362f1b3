/*
 * The slot machine. Reading order: slot_tbl.h (what may happen), the actions
 * below (what is done), slot_post (how it is dispatched). enter() is the only
 * writer of the state and logs every change.
 */
#include "config.h"

#include "supervisor/slot.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/log.h"
#include "base/obj.h"

typedef void slot_act_f(struct slot *, const struct slot_arg *);

/* The only writer of s->state. */
static void
enter(struct slot *s, enum slot_state to, mono_t now, mono_t deadline)
{
	log_debug("slot", "slot=%u gen=%" PRIu32 " from=%s to=%s why=\"%s\"",
	    s->index, s->gen, slot_state_name(s->state), slot_state_name(to),
	    slot_why_text(s->why));
	s->state = to;
	s->since = now;
	s->deadline = deadline;
	s->entered[to]++;
	s->ops->arm(s, deadline);
}

static void
ignore(struct slot *s, const struct slot_arg *arg)
{
}

/* 1, 2, 4 ... times the minimum for the first, second ... early death. */
static dur_t
backoff_of(const struct slot *s)
{
	dur_t d = s->limits->backoff_min;
	unsigned i;

	for (i = 1; i < s->early_deaths && d < s->limits->backoff_max; i++)
		d *= 2;
	return (d < s->limits->backoff_max ? d : s->limits->backoff_max);
}

/* Waits before the next start, longer each time; where that has led to
 * nothing often enough, the slot is quarantined, and tried now and then. */
static void
back_off(struct slot *s, mono_t now)
{
	if (s->limits->early_max > 0 &&
	    s->early_deaths >= s->limits->early_max) {
		log_err("slot", "slot=%u is quarantined: it failed %u times "
		    "in a row", s->index, s->early_deaths);
		if (s->why != WHY_MISFIT)
			s->why = WHY_FAILING;
		enter(s, SLOT_QUARANTINED, now,
		    mono_add(now, s->limits->retry_failing));
		return;
	}
	enter(s, SLOT_BACKOFF, now, mono_add(now, backoff_of(s)));
}

static void
spawn_child(struct slot *s, const struct slot_arg *arg)
{
	s->wanted = true;
	s->gen++;
	if (s->ops->spawn(s) != 0) {
		s->why = WHY_SPAWN;
		s->early_deaths++;
		back_off(s, arg->now);
		return;
	}
	s->why = WHY_NONE;
	enter(s, SLOT_STARTING, arg->now,
	    mono_add(arg->now, s->limits->load_timeout));
}

/* The slot is empty: start again, wait a little, or stay down. */
static void
go_on(struct slot *s, const struct slot_arg *arg)
{
	if (!s->wanted) {
		s->why = WHY_NONE;
		enter(s, SLOT_DOWN, arg->now, MONO_NEVER);
	} else if (s->early_deaths > 0)
		back_off(s, arg->now);
	else
		spawn_child(s, arg);
}

static void
become_ready(struct slot *s, const struct slot_arg *arg)
{
	enter(s, SLOT_IDLE, arg->now, MONO_NEVER);
	s->ops->ready(s);
}

static void
begin_jobs(struct slot *s, const struct slot_arg *arg)
{
	enter(s, SLOT_BUSY, arg->now, arg->deadline);
}

static void
finish_jobs(struct slot *s, const struct slot_arg *arg)
{
	s->early_deaths = 0;
	enter(s, SLOT_IDLE, arg->now, MONO_NEVER);
	s->ops->ready(s);
}

static void
quit_child(struct slot *s, const struct slot_arg *arg)
{
	s->why = arg->why;
	s->ops->quit(s);
	enter(s, SLOT_STOPPING, arg->now,
	    mono_add(arg->now, s->limits->quit_grace));
}

static void
leave_after_jobs(struct slot *s, const struct slot_arg *arg)
{
	s->early_deaths = 0;
	s->ops->quit(s);
	enter(s, SLOT_STOPPING, arg->now,
	    mono_add(arg->now, s->limits->quit_grace));
}

static void
drain_after_jobs(struct slot *s, const struct slot_arg *arg)
{
	s->why = arg->why;
	enter(s, SLOT_DRAINING, arg->now, s->deadline);
}

/* What KILL has not ended in a second gets another one and a line. */
static mono_t
look_after_kill(const struct slot *s, mono_t now)
{
	mono_t again = mono_add(now, DUR_S);
	mono_t held = mono_add(s->killed_at, s->limits->release_timeout);

	return (again < held || held <= now ? again : held);
}

static void
hold_slot(struct slot *s, const struct slot_arg *arg)
{
	s->held_why = s->why;
	s->why = WHY_HELD;
	enter(s, SLOT_QUARANTINED, arg->now, MONO_NEVER);
	s->ops->settle(s);
}

static void
kill_for(struct slot *s, mono_t now, enum slot_why why)
{
	if (s->why == WHY_NONE || s->why == WHY_DRAIN || why == WHY_FENCE)
		s->why = why;
	s->ops->kill(s);
	s->killed_at = now;
	enter(s, SLOT_KILLED, now, look_after_kill(s, now));
}

static void
kill_tree(struct slot *s, const struct slot_arg *arg)
{
	kill_for(s, arg->now, arg->why == WHY_NONE ? WHY_BUG : arg->why);
}

/* The child itself may be what KILL can't end: it waits in the kernel, or is
 * frozen. Its jobs need not wait with it. */
static void
kill_again(struct slot *s, const struct slot_arg *arg)
{
	if (arg->now - s->killed_at >= s->limits->release_timeout) {
		hold_slot(s, arg);
		return;
	}
	log_warn("slot", "slot=%u gen=%" PRIu32
	    " is still there after KILL, killing again", s->index, s->gen);
	s->ops->kill(s);
	enter(s, SLOT_KILLED, arg->now, look_after_kill(s, arg->now));
}

static void
terminate_for(struct slot *s, mono_t now, enum slot_why why, dur_t grace)
{
	s->why = why;
	s->ops->terminate(s);
	if (grace <= 0)
		kill_for(s, now, why);
	else
		enter(s, SLOT_STOPPING, now, mono_add(now, grace));
}

static void
terminate_jobs(struct slot *s, const struct slot_arg *arg)
{
	terminate_for(s, arg->now, arg->why,
	    arg->grace < 0 ? s->limits->kill_grace : arg->grace);
}

static void
time_out(struct slot *s, const struct slot_arg *arg)
{
	terminate_for(s, arg->now,
	    arg->why == WHY_NONE ? WHY_TIMEOUT : arg->why,
	    s->limits->kill_grace);
}

static void
give_up_start(struct slot *s, const struct slot_arg *arg)
{
	s->early_deaths++;
	kill_for(s, arg->now, WHY_LOAD);
}

static void
wait_release(struct slot *s, mono_t now)
{
	enter(s, SLOT_RELEASING, now,
	    mono_add(now, s->limits->release_timeout));
	s->ops->release(s);
}

static void
lose_child(struct slot *s, const struct slot_arg *arg)
{
	if (s->why == WHY_NONE)
		s->why = WHY_DIED;
	s->ops->kill(s);
	wait_release(s, arg->now);
}

static void
die_early(struct slot *s, const struct slot_arg *arg)
{
	s->early_deaths++;
	lose_child(s, arg);
}

static void
settle_jobs(struct slot *s, const struct slot_arg *arg)
{
	s->ops->settle(s);
	go_on(s, arg);
}

static void
shelve_slot(struct slot *s, const struct slot_arg *arg)
{
	s->held_why = s->why;
	s->why = WHY_DEVICE;
	enter(s, SLOT_QUARANTINED, arg->now, MONO_NEVER);
	s->ops->settle(s);
}

static void
return_slot(struct slot *s, const struct slot_arg *arg)
{
	if ((s->why == WHY_FAILING || s->why == WHY_MISFIT) && s->wanted)
		spawn_child(s, arg);    /* one try */
	else
		go_on(s, arg);
}

static void
close_slot(struct slot *s, const struct slot_arg *arg)
{
	if (!s->wanted)
		enter(s, SLOT_DOWN, arg->now, MONO_NEVER);
}

static void
look_again(struct slot *s, const struct slot_arg *arg)
{
	s->ops->release(s);
}

static void
resume_slot(struct slot *s, const struct slot_arg *arg)
{
	s->early_deaths = 0;
	s->ops->release(s);
}

static slot_act_f *const act_func[ACT_N] = {
#define X(id, func, text) [ACT_##id] = func,
	SLOT_ACTIONS(X)
#undef X
};

static const unsigned char cells[SLOT_NSTATES][EV_N] = {
#define X(state, event, action) [SLOT_##state][EV_##event] = ACT_##action,
	SLOT_CELLS(X)
#undef X
};

void
slot_init(struct slot *s, unsigned index, const struct slot_ops *ops,
    const struct slot_limits *limits, void *owner)
{
	*s = (struct slot){ .magic = SLOT_MAGIC, .index = index, .ops = ops,
		.limits = limits, .owner = owner, .deadline = MONO_NEVER };
}

static bool
has_child(const struct slot *s)
{
	return (s->state == SLOT_STARTING || s->state == SLOT_IDLE ||
	    s->state == SLOT_BUSY || s->state == SLOT_DRAINING ||
	    s->state == SLOT_STOPPING || s->state == SLOT_KILLED);
}

void
slot_post(struct slot *s, enum slot_event ev, const struct slot_arg *arg)
{
	enum slot_action act;

	OBJ_CHECK(s, SLOT_MAGIC);
	ASSERT(ev < EV_N);
	if (ev == EV_STOP)
		s->wanted = false;
	act = slot_cell(s->state, ev);
	if (act == ACT_BUG) {
		log_bug("slot", "slot=%u gen=%" PRIu32 " state=%s event=%s",
		    s->index, s->gen, slot_state_name(s->state),
		    slot_event_name(ev));
		act = has_child(s) ? ACT_KILL : ACT_IGNORE;
	}
	act_func[act](s, arg);
}

void
slot_event(struct slot *s, enum slot_event ev, mono_t now, enum slot_why why)
{
	struct slot_arg arg = { .now = now, .deadline = MONO_NEVER,
		.why = why, .grace = -1 };

	slot_post(s, ev, &arg);
}

void
slot_rearm(struct slot *s, mono_t deadline)
{
	OBJ_CHECK(s, SLOT_MAGIC);
	s->deadline = deadline;
	s->ops->arm(s, deadline);
}

bool
slot_holds_jobs(const struct slot *s)
{
	return (s->state == SLOT_BUSY || s->state == SLOT_DRAINING ||
	    s->state == SLOT_STOPPING || s->state == SLOT_KILLED ||
	    s->state == SLOT_RELEASING);
}

bool
slot_serves(const struct slot *s)
{
	return (s->state == SLOT_IDLE || s->state == SLOT_BUSY);
}

const char *
slot_state_name(enum slot_state st)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		SLOT_STATES(X)
#undef X
	};

	return (st < SLOT_NSTATES ? names[st] : "?");
}

const char *
slot_event_name(enum slot_event ev)
{
	static const char *const names[] = {
#define X(id, text) #id,
		SLOT_EVENTS(X)
#undef X
	};

	return (ev < EV_N ? names[ev] : "?");
}

const char *
slot_why_text(enum slot_why w)
{
	static const char *const texts[] = {
#define X(id, text) text,
		SLOT_WHYS(X)
#undef X
	};

	return (w < WHY_N ? texts[w] : "?");
}

enum slot_action
slot_cell(enum slot_state st, enum slot_event ev)
{
	return ((enum slot_action)cells[st][ev]);
}

const char *
slot_action_name(enum slot_action a)
{
	static const char *const names[] = {
		"BUG",
#define X(id, func, text) #id,
		SLOT_ACTIONS(X)
#undef X
	};

	return (a < ACT_N ? names[a] : "?");
}
