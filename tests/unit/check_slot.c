/*
 * The slot machine without a process: effects are counted, time is a number.
 * If a cell of the table were wrong, one of the walks below would end in
 * another state; if one were missing, the machine would call it a bug.
 */
#include "config.h"

#include "supervisor/slot.h"

#include <stdlib.h>

#include "base/log.h"
#include "tests/check_run.h"

struct seen {
	int spawn, ready, quit, terminate, kill, release, settle;
	int spawn_answer;
	mono_t armed;
};

static struct slot slot;
static struct seen seen;
static mono_t now;
static const struct slot_limits limits = {
	.load_timeout = 50, .kill_grace = 10, .release_timeout = 20,
	.backoff_min = 4, .backoff_max = 15, .quit_grace = 7,
};

static int
op_spawn(struct slot *s)
{
	seen.spawn++;
	return (seen.spawn_answer);
}

static void
op_arm(struct slot *s, mono_t at)
{
	seen.armed = at;
}

#define COUNTING(name) \
	static void op_##name(struct slot *s) { seen.name++; }
COUNTING(ready)
COUNTING(quit)
COUNTING(terminate)
COUNTING(kill)
COUNTING(release)
COUNTING(settle)

static const struct slot_ops ops = {
	.spawn = op_spawn, .ready = op_ready, .quit = op_quit,
	.terminate = op_terminate, .kill = op_kill, .release = op_release,
	.settle = op_settle, .arm = op_arm,
};

static void
setup(void)
{
	seen = (struct seen){ 0 };
	now = 1000;
	(void)log_open("check", "/dev/null", LOG_TEXT, LOG_L_DEBUG);
	slot_init(&slot, 3, &ops, &limits, NULL);
}

static void
post(enum slot_event ev, enum slot_why why)
{
	slot_event(&slot, ev, now, why);
}

static void
assign(mono_t deadline)
{
	struct slot_arg arg = { .now = now, .deadline = deadline };

	slot_post(&slot, EV_ASSIGN, &arg);
}

#define IS(st) ck_assert_str_eq(slot_state_name(slot.state), \
	slot_state_name(SLOT_##st))

static void
make_idle(void)
{
	post(EV_START, WHY_NONE);
	post(EV_HELLO, WHY_NONE);
	IS(IDLE);
}

static void
make_busy(void)
{
	make_idle();
	assign(now + 100);
	IS(BUSY);
	ck_assert_int_eq(seen.armed, 1100);
}

START_TEST(t_a_job_comes_and_goes)
{
	make_busy();
	ck_assert_uint_eq(slot.gen, 1);
	post(EV_DONE, WHY_NONE);
	IS(IDLE);
	ck_assert_int_eq(seen.ready, 2);
	ck_assert(seen.armed == MONO_NEVER);
	ck_assert_int_eq(seen.kill, 0);
}
END_TEST

START_TEST(t_timeout_asks_then_kills_then_starts_a_new_generation)
{
	make_busy();
	now = 1100;
	post(EV_DEADLINE, WHY_NONE);
	IS(STOPPING);
	ck_assert_int_eq(seen.terminate, 1);
	ck_assert_int_eq(seen.kill, 0);
	ck_assert_int_eq(seen.armed, 1110);
	now = 1110;
	post(EV_DEADLINE, WHY_NONE);
	IS(KILLED);
	ck_assert_int_eq(slot.why, WHY_TIMEOUT);
	post(EV_EXIT, WHY_NONE);
	IS(RELEASING);
	ck_assert_int_eq(seen.release, 1);
	ck_assert_int_eq(seen.settle, 0);
	post(EV_RELEASED, WHY_NONE);
	IS(STARTING);
	ck_assert_int_eq(seen.settle, 1);
	ck_assert_uint_eq(slot.gen, 2);
}
END_TEST

START_TEST(t_a_job_that_obeys_still_costs_the_child)
{
	make_busy();
	post(EV_END, WHY_CANCEL);
	IS(STOPPING);
	post(EV_DONE, WHY_NONE);
	IS(KILLED);
	ck_assert_int_eq(slot.why, WHY_CANCEL);
}
END_TEST

START_TEST(t_without_grace_the_kill_comes_at_once)
{
	struct slot_arg arg = { .now = now, .why = WHY_CANCEL, .grace = 0 };

	make_busy();
	slot_post(&slot, EV_END, &arg);
	IS(KILLED);
	ck_assert_int_eq(seen.terminate, 1);
	ck_assert_int_eq(seen.kill, 1);
}
END_TEST

START_TEST(t_what_is_not_released_is_quarantined_and_comes_back)
{
	make_busy();
	post(EV_EXIT, WHY_NONE);
	now += 20;
	post(EV_DEADLINE, WHY_NONE);
	IS(QUARANTINED);
	ck_assert_int_eq(seen.settle, 1);
	ck_assert_int_eq(slot.held_why, WHY_DIED);
	post(EV_START, WHY_NONE);
	ck_assert_int_eq(seen.release, 2);
	post(EV_RELEASED, WHY_NONE);
	IS(STARTING);
	ck_assert_int_eq(seen.settle, 1);
}
END_TEST

START_TEST(t_early_deaths_wait_longer_each_time_up_to_the_cap)
{
	static const mono_t waits[] = { 4, 8, 15, 15 };
	size_t i;

	post(EV_START, WHY_NONE);
	for (i = 0; i < 4; i++) {
		post(EV_EXIT, WHY_NONE);
		post(EV_RELEASED, WHY_NONE);
		IS(BACKOFF);
		ck_assert_int_eq(seen.armed - now, waits[i]);
		post(EV_DEADLINE, WHY_NONE);
		IS(STARTING);
	}
	post(EV_HELLO, WHY_NONE);
	assign(now + 100);
	post(EV_DONE, WHY_NONE);
	ck_assert_uint_eq(slot.early_deaths, 0);
}
END_TEST

/* Tried now and then; an operator's START forgives at once. */
START_TEST(t_a_slot_that_keeps_failing_is_quarantined)
{
	struct slot_limits few = limits;

	few.early_max = 2;
	few.retry_failing = 100;
	slot.limits = &few;
	post(EV_START, WHY_NONE);
	post(EV_EXIT, WHY_NONE);
	post(EV_RELEASED, WHY_NONE);
	IS(BACKOFF);
	post(EV_DEADLINE, WHY_NONE);
	post(EV_EXIT, WHY_NONE);
	post(EV_RELEASED, WHY_NONE);
	IS(QUARANTINED);
	ck_assert_int_eq(slot.why, WHY_FAILING);
	ck_assert_int_eq(seen.armed, now + 100);
	post(EV_DEADLINE, WHY_NONE);
	post(EV_RELEASED, WHY_NONE);
	IS(STARTING);
	post(EV_EXIT, WHY_NONE);
	post(EV_RELEASED, WHY_NONE);
	IS(QUARANTINED);
	post(EV_START, WHY_NONE);
	ck_assert_uint_eq(slot.early_deaths, 0);
	post(EV_RELEASED, WHY_NONE);
	IS(STARTING);
}
END_TEST

START_TEST(t_a_spawn_that_fails_backs_off)
{
	seen.spawn_answer = -1;
	post(EV_START, WHY_NONE);
	IS(BACKOFF);
	ck_assert_int_eq(slot.why, WHY_SPAWN);
	seen.spawn_answer = 0;
	post(EV_DEADLINE, WHY_NONE);
	IS(STARTING);
	ck_assert_uint_eq(slot.gen, 2);
}
END_TEST

START_TEST(t_a_late_start_is_killed)
{
	post(EV_START, WHY_NONE);
	ck_assert_int_eq(seen.armed, 1050);
	post(EV_DEADLINE, WHY_NONE);
	IS(KILLED);
	ck_assert_int_eq(slot.why, WHY_LOAD);
	ck_assert_uint_eq(slot.early_deaths, 1);
}
END_TEST

START_TEST(t_a_drain_lets_the_job_end_and_replaces_the_child)
{
	make_busy();
	post(EV_DRAIN, WHY_DRAIN);
	IS(DRAINING);
	ck_assert_int_eq(seen.armed, 1100);
	post(EV_DONE, WHY_NONE);
	IS(STOPPING);
	ck_assert_int_eq(seen.quit, 1);
	post(EV_EXIT, WHY_NONE);
	post(EV_RELEASED, WHY_NONE);
	IS(STARTING);
}
END_TEST

START_TEST(t_a_stop_ends_in_down)
{
	make_busy();
	post(EV_STOP, WHY_STOP);
	IS(STOPPING);
	post(EV_EXIT, WHY_NONE);
	post(EV_RELEASED, WHY_NONE);
	IS(DOWN);
	ck_assert_int_eq(seen.spawn, 1);
}
END_TEST

START_TEST(t_a_fence_gives_no_grace)
{
	make_busy();
	post(EV_FENCE, WHY_FENCE);
	IS(KILLED);
	ck_assert_int_eq(seen.terminate, 0);
	ck_assert_int_eq(seen.kill, 1);
	ck_assert_int_eq(slot.why, WHY_FENCE);
}
END_TEST

START_TEST(t_kill_is_repeated_until_it_works)
{
	make_busy();
	post(EV_FENCE, WHY_FENCE);
	post(EV_DEADLINE, WHY_NONE);
	post(EV_DEADLINE, WHY_NONE);
	IS(KILLED);
	ck_assert_int_eq(seen.kill, 3);
}
END_TEST

/* A child that is frozen in the kernel: its jobs don't wait with it, and the
 * slot comes back with its end. */
START_TEST(t_a_child_that_outlives_kill_is_held)
{
	make_busy();
	post(EV_DEADLINE, WHY_NONE);
	IS(STOPPING);
	now += 10;
	post(EV_DEADLINE, WHY_NONE);
	IS(KILLED);
	ck_assert_int_eq(seen.armed, now + 20);
	now += 20;
	post(EV_DEADLINE, WHY_NONE);
	IS(QUARANTINED);
	ck_assert_int_eq(slot.why, WHY_HELD);
	ck_assert_int_eq(slot.held_why, WHY_TIMEOUT);
	ck_assert_int_eq(seen.settle, 1);
	ck_assert_int_eq(seen.release, 0);
	post(EV_EXIT, WHY_NONE);
	IS(QUARANTINED);
	ck_assert_int_eq(seen.release, 1);
	post(EV_RELEASED, WHY_NONE);
	IS(STARTING);
	ck_assert_uint_eq(slot.gen, 2);
}
END_TEST

/* Puts the slot into a state by hand; only this test may. */
static void
force(enum slot_state st)
{
	setup();
	slot.state = st;
	slot.wanted = true;
	slot.gen = 1;
}

START_TEST(t_every_pair_is_safe)
{
	enum slot_action act;
	int st, ev;

	for (st = 0; st < SLOT_NSTATES; st++)
		for (ev = 0; ev < EV_N; ev++) {
			force((enum slot_state)st);
			act = slot_cell(slot.state, (enum slot_event)ev);
			post((enum slot_event)ev, WHY_STOP);
			ck_assert_msg(slot.state < SLOT_NSTATES, "%s x %s",
			    slot_state_name((enum slot_state)st),
			    slot_event_name((enum slot_event)ev));
			if (act == ACT_IGNORE)
				ck_assert_int_eq(slot.state, st);
			/* a bug costs the child, and only where there is one */
			if (act == ACT_BUG)
				ck_assert_int_eq(slot.state, seen.kill == 1 ?
				    SLOT_KILLED : (enum slot_state)st);
		}
}
END_TEST

/* From every state a stop leads to DOWN once the world answers. */
START_TEST(t_a_stop_gets_out_of_every_state)
{
	static const enum slot_event answers[] = { EV_DEADLINE, EV_EXIT,
		EV_RELEASED };
	size_t i;
	int st;

	for (st = 0; st < SLOT_NSTATES; st++) {
		force((enum slot_state)st);
		post(EV_STOP, WHY_STOP);
		for (i = 0; i < 3 && slot.state != SLOT_DOWN; i++)
			if (slot_cell(slot.state, answers[i]) != ACT_BUG)
				post(answers[i], WHY_NONE);
		IS(DOWN);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("slot");
	TCase *tc = tcase_create("machine");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, t_a_job_comes_and_goes);
	tcase_add_test(tc, t_timeout_asks_then_kills_then_starts_a_new_generation);
	tcase_add_test(tc, t_a_job_that_obeys_still_costs_the_child);
	tcase_add_test(tc, t_without_grace_the_kill_comes_at_once);
	tcase_add_test(tc, t_what_is_not_released_is_quarantined_and_comes_back);
	tcase_add_test(tc, t_early_deaths_wait_longer_each_time_up_to_the_cap);
	tcase_add_test(tc, t_a_slot_that_keeps_failing_is_quarantined);
	tcase_add_test(tc, t_a_spawn_that_fails_backs_off);
	tcase_add_test(tc, t_a_late_start_is_killed);
	tcase_add_test(tc, t_a_drain_lets_the_job_end_and_replaces_the_child);
	tcase_add_test(tc, t_a_stop_ends_in_down);
	tcase_add_test(tc, t_a_fence_gives_no_grace);
	tcase_add_test(tc, t_kill_is_repeated_until_it_works);
	tcase_add_test(tc, t_a_child_that_outlives_kill_is_held);
	tcase_add_test(tc, t_every_pair_is_safe);
	tcase_add_test(tc, t_a_stop_gets_out_of_every_state);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
