/*
 * Runners in the real ganger-child: the protocol as a second implementation
 * speaks it (tests/child/peer.c), and every way to break it.
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_run.h"
#include "tests/child/fake.h"

static void
start_runner(struct fake *f, const char *mode)
{
	const char *const argv[] = { fake_built("tests/child/peer"), mode,
	    NULL };

	fake_init(f);
	f->start.kill_grace = 300 * DUR_MS;
	fake_runner(f, argv);
	fake_run(f);
}

static const struct fake_result *
act(struct fake *f, const char *word)
{
	static char payload[128];

	snprintf(payload, sizeof(payload), "{\"input\":{\"do\":\"%s\"}}",
	    word);
	return (fake_one(f, 0, payload));
}

/* Its pid, and how many jobs it has served. */
static pid_t
ask_pid(struct fake *f, unsigned *servedp)
{
	const struct fake_result *x = act(f, "pid");
	int pid;

	ck_assert_msg(x->cause == CAUSE_NONE, "%s", x->message);
	ck_assert_int_eq(sscanf(x->result, "[%d,%u]", &pid, servedp), 2);
	ck_assert_uint_eq(f->nstarted, 1);
	ck_assert_int_eq(f->started[0], pid);
	return ((pid_t)pid);
}

START_TEST(t_a_runner_is_kept_across_jobs)
{
	struct fake f;
	unsigned served;
	pid_t pid;

	start_runner(&f, NULL);
	pid = ask_pid(&f, &served);
	ck_assert_uint_eq(served, 1);
	ck_assert_int_eq(ask_pid(&f, &served), pid);
	ck_assert_uint_eq(served, 2);
	ck_assert_str_eq(f.models, "m1,m2");
	fake_stop(&f);
	ck_assert(!fake_alive(pid));
}
END_TEST

static const struct {
	const char *word;
	enum cause cause;
	int exit_code, signal;
	const char *result, *message;
	bool kept;              /* the same process serves the next job */
} answers[] = {
	{ "job", CAUSE_NONE, -1, 0, "{\"input\":{\"do\":\"job\"}}", "", true },
	{ "junk-result", CAUSE_HANDLER_ERROR, -1, 0, "",
	    "result is not JSON", true },
	{ "error", CAUSE_HANDLER_ERROR, -1, 0, "", "Traceback: no luck",
	    true },
	{ "none", CAUSE_HANDLER_ERROR, -1, 0, "",
	    "the runner gave no result", true },
	{ "wrong", CAUSE_NONE, -1, 0, "2", "", true },
	{ "gpu", CAUSE_GPU_ERROR, -1, 0, "", "device lost", false },
	{ "garbage", CAUSE_CRASHED, -1, 0, "", "the runner sent", false },
	{ "exit0", CAUSE_HANDLER_ERROR, 0, 0, "",
	    "the runner ended: exit status 0", false },
	{ "exit75", CAUSE_TRY_AGAIN, 75, 0, "", "exit status 75", false },
	{ "answer-and-exit", CAUSE_NONE, -1, 0, "4", "", false },
	{ "abort", CAUSE_CRASHED, -1, SIGABRT, "", "signal 6 (ABRT)", false },
	{ "close", CAUSE_CRASHED, -1, 0, "", "closed its socket", false },
};

START_TEST(t_each_answer_has_its_cause)
{
	const struct fake_result *x;
	struct fake f;
	unsigned served;
	pid_t pid;

	start_runner(&f, NULL);
	pid = ask_pid(&f, &served);
	x = act(&f, answers[_i].word);
	ck_assert_msg(x->cause == answers[_i].cause, "%s: cause %d, %s",
	    answers[_i].word, (int)x->cause, x->message);
	ck_assert_int_eq(x->exit_code, answers[_i].exit_code);
	ck_assert_int_eq(x->signal, answers[_i].signal);
	ck_assert_str_eq(x->result, answers[_i].result);
	ck_assert_msg(strstr(x->message, answers[_i].message) != NULL, "%s",
	    x->message);
	ck_assert_int_eq(ask_pid(&f, &served) == pid, answers[_i].kept);
	fake_stop(&f);
}
END_TEST

START_TEST(t_progress_and_log_are_passed_on)
{
	struct fake f;

	start_runner(&f, NULL);
	act(&f, "talk");
	ck_assert_uint_eq(f.nprogress, 1);
	ck_assert_double_eq(f.progress[0], 0.5);
	ck_assert_str_eq(f.progress_text, "half");
	ck_assert_str_eq(buf_cstr(&f.log), "a line\n");
	fake_stop(&f);
}
END_TEST

START_TEST(t_a_credit_of_many_is_one_message)
{
	struct fake_job jobs[4] = {
		{ .payload = "{\"do\":\"pid\"}" },
		{ .payload = "{\"do\":\"error\"}" },
		{ .payload = "{}", .model = "absent" },
		{ .payload = "{\"do\":\"pid\"}" },
	};
	struct fake f;

	start_runner(&f, NULL);
	fake_do(&f, 0, jobs, 4);
	ck_assert_int_eq(f.results[0].cause, CAUSE_NONE);
	ck_assert_int_eq(f.results[1].cause, CAUSE_HANDLER_ERROR);
	ck_assert_int_eq(f.results[2].cause, CAUSE_UNKNOWN_MODEL);
	ck_assert_int_eq(f.results[3].cause, CAUSE_NONE);
	ck_assert_uint_eq(f.nstarted, 3);
	fake_stop(&f);
}
END_TEST

/* The orphan goes, the runner stays. */
START_TEST(t_orphans_of_a_runner_are_killed)
{
	const struct fake_result *x;
	struct fake f;
	unsigned served;
	pid_t pid;

	start_runner(&f, NULL);
	pid = ask_pid(&f, &served);
	x = act(&f, "orphan");
	ck_assert_int_eq(x->cause, CAUSE_NONE);
	ck_assert(!fake_alive((pid_t)atoi(x->result)));
	ck_assert_int_eq(ask_pid(&f, &served), pid);
	fake_stop(&f);
}
END_TEST

/* It loses its parent only after the result is out. */
START_TEST(t_late_orphans_of_a_runner_are_killed)
{
	const struct fake_result *x;
	struct fake f;
	unsigned served;
	pid_t runner, pid;

	start_runner(&f, NULL);
	runner = ask_pid(&f, &served);
	x = act(&f, "late-orphan");
	ck_assert_int_eq(x->cause, CAUSE_NONE);
	pid = (pid_t)atoi(x->result);
	while (fake_alive(pid))
		poll(NULL, 0, 1);
	ck_assert_int_eq(ask_pid(&f, &served), runner);
	fake_stop(&f);
}
END_TEST

START_TEST(t_ask_is_passed_on)
{
	struct fake_job job = { .payload = "{\"do\":\"until-asked\"}" };
	struct fake f;

	start_runner(&f, NULL);
	fake_send_do(&f, 0, &job, 1);
	fake_until(&f, fake_is_started, "the start");
	fake_send_ask(&f, ASK_PREEMPT);
	fake_until(&f, fake_is_done, "the end of a job that was asked");
	ck_assert_int_eq(f.results[0].cause, CAUSE_PREEMPTED);
	ck_assert_str_eq(f.results[0].message, "preempt");
	fake_stop(&f);
}
END_TEST

START_TEST(t_term_and_kill_reach_a_busy_runner)
{
	struct fake_job job = { .payload = "{\"do\":\"hang\"}" };
	struct fake f;

	start_runner(&f, NULL);
	fake_send_do(&f, 0, &job, 1);
	fake_until(&f, fake_is_started, "the start");
	fake_send_term(&f, _i == 0 ? SIGTERM : SIGKILL);
	fake_until(&f, fake_is_done, "the end of a job that was killed");
	ck_assert_int_eq(f.results[0].cause,
	    _i == 0 ? CAUSE_CRASHED : CAUSE_KILLED);
	ck_assert_int_eq(f.results[0].signal, _i == 0 ? SIGTERM : SIGKILL);
	fake_stop(&f);
}
END_TEST

/* It died while it had nothing to do: the next job must not pay for it. */
START_TEST(t_a_runner_that_died_idle_is_replaced)
{
	struct fake f;
	unsigned served;
	pid_t pid;

	start_runner(&f, NULL);
	pid = ask_pid(&f, &served);
	kill(pid, SIGKILL);
	while (fake_alive(pid))
		poll(NULL, 0, 1);
	ck_assert_int_ne(ask_pid(&f, &served), pid);
	ck_assert_uint_eq(served, 1);
	fake_stop(&f);
}
END_TEST

START_TEST(t_a_runner_that_never_greets_is_load_failed)
{
	const struct fake_result *x;
	struct fake f;

	start_runner(&f, "silent-exit");
	x = act(&f, "pid");
	ck_assert_int_eq(x->cause, CAUSE_LOAD_FAILED);
	ck_assert_int_eq(x->exit_code, 4);
	ck_assert_str_eq(x->message,
	    "the runner ended before its hello: exit status 4");
	x = act(&f, "pid");
	ck_assert_int_eq(x->cause, CAUSE_LOAD_FAILED);
	fake_stop(&f);
}
END_TEST

START_TEST(t_a_runner_of_another_protocol_is_refused)
{
	const struct fake_result *x;
	struct fake f;

	start_runner(&f, "old");
	x = act(&f, "pid");
	ck_assert_int_eq(x->cause, CAUSE_CRASHED);
	ck_assert_ptr_nonnull(strstr(x->message, "another version"));
	fake_stop(&f);
}
END_TEST

START_TEST(t_a_runner_that_is_not_there_is_load_failed)
{
	const char *const argv[] = { "/nowhere/runner", NULL };
	struct fake f;

	fake_init(&f);
	fake_runner(&f, argv);
	fake_run(&f);
	ck_assert_int_eq(act(&f, "pid")->cause, CAUSE_LOAD_FAILED);
	ck_assert_int_eq(act(&f, "pid")->cause, CAUSE_LOAD_FAILED);
	fake_stop(&f);
}
END_TEST

START_TEST(t_the_supervisors_death_ends_a_runner)
{
	struct fake f;
	unsigned served;
	pid_t pid;

	start_runner(&f, NULL);
	pid = ask_pid(&f, &served);
	close(f.start_fd);
	f.start_fd = -1;
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_LOST);
	ck_assert(!fake_alive(pid));
	fake_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("child_runner");
	TCase *tc = tcase_create("runner");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, t_a_runner_is_kept_across_jobs);
	tcase_add_loop_test(tc, t_each_answer_has_its_cause, 0,
	    sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tc, t_progress_and_log_are_passed_on);
	tcase_add_test(tc, t_a_credit_of_many_is_one_message);
	tcase_add_test(tc, t_orphans_of_a_runner_are_killed);
	tcase_add_test(tc, t_late_orphans_of_a_runner_are_killed);
	tcase_add_test(tc, t_ask_is_passed_on);
	tcase_add_loop_test(tc, t_term_and_kill_reach_a_busy_runner, 0, 2);
	tcase_add_test(tc, t_a_runner_that_died_idle_is_replaced);
	tcase_add_test(tc, t_a_runner_that_never_greets_is_load_failed);
	tcase_add_test(tc, t_a_runner_of_another_protocol_is_refused);
	tcase_add_test(tc, t_a_runner_that_is_not_there_is_load_failed);
	tcase_add_test(tc, t_the_supervisors_death_ends_a_runner);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
