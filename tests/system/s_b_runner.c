/*
 * The runner protocol, spoken by hand (tests/children/runner.c): a process
 * that is kept across jobs, and all the ways in which it may misbehave.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tests/rig/rig.h"

#define INI_RUNNER "kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"load_timeout = 1s\n[pool p]\nslots = 1\n" \
	"[handler r]\nkind = runner\ncommand = @BIN@/runner\ntypes = r\n" \
	"[handler mute]\nkind = runner\ncommand = @BIN@/runner mute\n" \
	"[handler leave]\nkind = runner\ncommand = @BIN@/runner leave\n"

/* Pushes a job with input {"do": what, more} and waits for its end. */
static json_t *
run(struct rig *r, const char *id, const char *input, const char *state)
{
	rig_pushf(r, Q_INF, "{\"id\":\"%s\",\"type\":\"r\","
	    "\"max_attempts\":1,\"input\":{%s}}", id, input);
	return (rig_wait_record(r, Q_INF, id, state));
}

static void
run_failing(struct rig *r, const char *id, const char *input,
    const char *cause)
{
	json_t *rec = run(r, id, input, "failed");

	ck_assert_msg(strcmp(js_str(rec, "error.cause"), cause) == 0,
	    "%s ended with cause %s (%s) instead of %s", input,
	    js_str(rec, "error.cause"), js_str(rec, "error.message"), cause);
}

/* Were it started per job, every job would load its model again. */
START_TEST(t_runner_is_kept_across_jobs)
{
	struct rig *r = rig_start(INI_RUNNER);
	json_t *rec;
	long long pid;

	rec = run(r, "k1", "\"do\":\"echo\",\"value\":[1,null]", "done");
	ck_assert_int_eq(js_int(rec, "result.value.0"), 1);
	ck_assert_int_eq(js_int(rec, "result.served"), 1);
	pid = js_int(rec, "result.pid");
	rec = run(r, "k2", "\"do\":\"echo\"", "done");
	ck_assert_int_eq(js_int(rec, "result.served"), 2);
	ck_assert_int_eq(js_int(rec, "result.pid"), pid);
	rig_until(r, strcmp(js_str(rig_status(r, 0), "slots.0.models.0"),
	    "digits") == 0);
	rig_stop(&r);
}
END_TEST

/* Errors of the runner are its own words, and it lives on. */
START_TEST(t_errors_keep_the_runner)
{
	struct rig *r = rig_start(INI_RUNNER);
	json_t *rec;
	long long pid;

	pid = js_int(run(r, "e0", "\"do\":\"echo\"", "done"), "result.pid");
	rec = run(r, "e1", "\"do\":\"error\"", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "handler-error");
	ck_assert_ptr_nonnull(strstr(js_str(rec, "error.message"),
	    "as it was asked to"));
	run_failing(r, "e2", "\"do\":\"error\",\"cause\":\"try-again\"",
	    "try-again");
	run_failing(r, "e3", "\"do\":\"error\",\"cause\":\"unknown-model\"",
	    "unknown-model");
	run_failing(r, "e4", "\"do\":\"silent\"", "handler-error");
	run_failing(r, "e5", "\"do\":\"text\",\"text\":\"{half\"",
	    "handler-error");
	rec = run(r, "e6", "\"do\":\"stranger\"", "done");
	ck_assert_int_eq(js_int(rec, "result"), 2);
	rec = run(r, "e9", "\"do\":\"twice\"", "done");
	ck_assert_int_eq(js_int(rec, "result"), 1);
	ck_assert_int_eq(rig_stat(r, Q_INF, "done"), 3);
	rec = run(r, "e7", "\"do\":\"text\"", "done");
	ck_assert_ptr_null(js(rec, "result"));
	rec = run(r, "e8", "\"do\":\"echo\"", "done");
	ck_assert_int_eq(js_int(rec, "result.pid"), pid);
	rig_stop(&r);
}
END_TEST

/* One that died or spoke nonsense is replaced for the next job. */
START_TEST(t_dead_runner_is_replaced)
{
	static const char *const ends[][2] = {
		{ "\"do\":\"exit\",\"code\":3", "handler-error" },
		{ "\"do\":\"exit\",\"code\":75", "try-again" },
		{ "\"do\":\"exit\",\"code\":0", "handler-error" },
		{ "\"do\":\"signal\",\"signal\":6", "crashed" },
		{ "\"do\":\"signal\",\"signal\":9", "killed" },
		{ "\"do\":\"junk\"", "crashed" },
		{ "\"do\":\"huge\"", "crashed" },
	};
	struct rig *r = rig_new(RIG_CORES);
	long long pid = 0, now;
	size_t i;

	rig_daemon_start(r, rig_daemon(r, "w1", INI_RUNNER));
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		run_failing(r, rig_fmt(r, "x%zu", i), ends[i][0], ends[i][1]);
		now = js_int(run(r, rig_fmt(r, "y%zu", i), "\"do\":\"echo\"",
		    "done"), "result.pid");
		ck_assert_int_ne(now, pid);
		pid = now;
	}
	rig_stop(&r);
}
END_TEST

/* A runner that never says hello must not hold its slot for ever. */
START_TEST(t_runner_that_does_not_start_fails_the_job)
{
	struct rig *r = rig_start(INI_RUNNER);
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"m1\",\"handler\":\"mute\","
	    "\"max_attempts\":1}");
	rec = rig_wait_record(r, Q_INF, "m1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "load-failed");
	rig_push(r, Q_INF, "{\"id\":\"m2\",\"handler\":\"leave\","
	    "\"max_attempts\":1}");
	rec = rig_wait_record(r, Q_INF, "m2", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "load-failed");
	run(r, "m3", "\"do\":\"echo\"", "done");
	rig_stop(&r);
}
END_TEST

/* Lines and progress come while it runs; a timeout ends it like any job. */
START_TEST(t_runner_reports_and_times_out)
{
	struct rig *r = rig_start(INI_RUNNER);
	json_t *rec;

	run(r, "l1", "\"do\":\"log\"", "done");
	ck_assert_ptr_nonnull(strstr(rig_log(r, Q_INF, "l1"), "by message"));
	rig_push(r, Q_INF, "{\"id\":\"t1\",\"type\":\"r\",\"timeout\":0.3,"
	    "\"input\":{\"do\":\"hang\"}}");
	rec = rig_wait_record(r, Q_INF, "t1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	run(r, "t2", "\"do\":\"echo\"", "done");
	/* what comes after the deadline does not count */
	rig_push(r, Q_INF, "{\"id\":\"t3\",\"type\":\"r\",\"timeout\":0.3,"
	    "\"input\":{\"do\":\"late\"}}");
	rec = rig_wait_record(r, Q_INF, "t3", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	ck_assert_ptr_null(js(rec, "result"));
	run(r, "t4", "\"do\":\"echo\"", "done");
	rig_stop(&r);
}
END_TEST

/* A polite runner is asked before it is killed, and the job goes back. */
START_TEST(t_runner_is_asked_to_stop)
{
	struct rig *r = rig_start("shutdown_grace = 100ms\n" INI_RUNNER);

	rig_push(r, Q_INF, "{\"id\":\"a1\",\"type\":\"r\","
	    "\"input\":{\"do\":\"ask\"}}");
	rig_until(r, strcmp(js_str(rig_record(r, Q_INF, "a1"), "message"),
	    "waiting to be asked") == 0);
	rig_daemon_end(r, 0);
	ck_assert_str_eq(js_str(rig_record(r, Q_INF, "a1"), "state"),
	    "waiting");
	ck_assert_str_eq(js_str(rig_record(r, Q_INF, "a1"), "error.cause"),
	    "shutdown");
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 1);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_b_runner",
    t_runner_is_kept_across_jobs,
    t_errors_keep_the_runner,
    t_dead_runner_is_replaced,
    t_runner_that_does_not_start_fails_the_job,
    t_runner_reports_and_times_out,
    t_runner_is_asked_to_stop)
