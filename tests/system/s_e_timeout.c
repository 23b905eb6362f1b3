/*
 * Timeouts: a job past its time is ended with all of its processes, its slot
 * is new, and the next job finds the place empty.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define COMMAND(name, file) \
	"[handler " name "]\nkind = command\ncommand = @SRC@/" file "\n" \
	"env.DUMP = @DIR@\n"
#define INI_CMD(top) top "kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"[pool p]\nslots = 1\n[handler selftest]\n" \
	COMMAND("stubborn", "stubborn.sh") COMMAND("alone", "alone.sh") \
	COMMAND("wait", "wait.sh")

/* Waits for `timeout`; says how long after `from` it was recorded. */
static double
wait_timeout(struct rig *r, const char *id, double from)
{
	json_t *rec = rig_wait_record(r, Q_INF, id, "failed");
	double took = rig_now() - from;

	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	return (took);
}

/*
 * Runs such jobs until one was recorded as soon as it ought to be; a loaded
 * machine may delay one, but not five in a row.
 */
static void
time_out_soon(struct rig *r, const char *input, double timeout, double bound)
{
	double from, took = 1e9;
	char id[16];
	int i;

	for (i = 0; i < 5 && took > bound; i++) {
		snprintf(id, sizeof(id), "soon%d", i);
		from = rig_now();
		rig_pushf(r, Q_INF, "{\"id\":\"%s\",\"type\":\"selftest\","
		    "\"timeout\":%g,\"input\":{%s}}", id, timeout, input);
		took = wait_timeout(r, id, from);
		ck_assert_double_ge(took, timeout);
		if (!rig_fast())
			return;
	}
	ck_assert_double_le(took, bound);
}

/*
 * The default kill_grace of 10 s is no excuse: what a TERM ends at once is
 * recorded at once. The slot's process is another one afterwards.
 */
START_TEST(t_sleeping_job_is_ended_in_time)
{
	struct rig *r = rig_start("[pool p]\nslots = 1\n[handler selftest]\n");
	long long pid = rig_slot_int(r, 0, 0, "pid");
	long long gen = rig_slot_int(r, 0, 0, "generation");

	time_out_soon(r, "\"op\":\"sleep\",\"seconds\":60", 1, 1.5);
	ck_assert_str_eq(js_str(rig_dead(r, Q_INF, 0), "cause"), "timeout");
	rig_push(r, Q_INF, ECHO("next"));
	rig_wait_record(r, Q_INF, "next", "done");
	ck_assert_int_ne(rig_slot_int(r, 0, 0, "pid"), pid);
	ck_assert_int_gt(rig_slot_int(r, 0, 0, "generation"), gen);
	ck_assert(!rig_alive((pid_t)pid));
	rig_stop(&r);
}
END_TEST

/* A busy loop never looks at a flag; only a signal ends it. */
START_TEST(t_spinning_job_is_ended_in_time)
{
	struct rig *r = rig_start(INI_ONE);

	time_out_soon(r, "\"op\":\"spin\",\"seconds\":60", 0.3,
	    0.3 + 0.2 + 0.5);
	rig_push(r, Q_INF, ECHO("next"));
	rig_wait_record(r, Q_INF, "next", "done");
	rig_stop(&r);
}
END_TEST

/*
 * Processes that ignore TERM, left their session and lost their parents die
 * with the job, and the next job of the slot starts only after that.
 */
START_TEST(t_stubborn_tree_is_gone_before_the_next_job)
{
	struct rig *r = rig_start(INI_CMD(""));
	double from;

	rig_push(r, Q_INF, "{\"id\":\"t3\",\"handler\":\"stubborn\","
	    "\"timeout\":1}");
	from = rig_now();
	rig_until(r, rig_exists(r, "up"));
	rig_push(r, Q_INF, "{\"id\":\"t4\",\"handler\":\"alone\","
	    "\"max_attempts\":1}");
	ck_assert_double_ge(wait_timeout(r, "t3", from), 1.0);
	rig_wait_record(r, Q_INF, "t4", "done");
	rig_until(r, rig_processes(r, NULL, 0) == 2);
	rig_stop(&r);
}
END_TEST

/* A job that succeeds and leaves processes behind leaves them to nobody. */
START_TEST(t_orphans_of_a_done_job_are_ended)
{
	struct rig *r = rig_start(INI_CMD(""));

	rig_push(r, Q_INF, "{\"id\":\"t5\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"orphans\",\"count\":3,\"setsid\":true,"
	    "\"ignore_term\":true,\"seconds\":600}}");
	rig_push(r, Q_INF, ECHO("next"));
	rig_wait_record(r, Q_INF, "t5", "done");
	rig_wait_record(r, Q_INF, "next", "done");
	ck_assert_int_eq(rig_processes(r, NULL, 0), 2);
	rig_stop(&r);
}
END_TEST

START_TEST(t_timeouts_are_retried_where_asked)
{
	struct rig *r = rig_start(INI_CMD("retry_timeouts = yes\n"));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"t6\",\"type\":\"selftest\","
	    "\"timeout\":0.2,\"max_attempts\":2,"
	    "\"input\":{\"op\":\"sleep\",\"seconds\":60}}");
	rec = rig_wait_record(r, Q_INF, "t6", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	ck_assert_int_eq(js_int(rec, "attempt"), 2);
	rig_stop(&r);
}
END_TEST

/* The configuration's own limits: a default, and a cap on what jobs ask. */
START_TEST(t_configured_timeouts_hold)
{
	struct rig *r = rig_start(INI_CMD("job_timeout = 300ms\n"
	    "max_job_timeout = 500ms\n"));
	double from = rig_now(), took;

	rig_push(r, Q_INF, "{\"id\":\"t7\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"sleep\",\"seconds\":60}}");
	ck_assert_double_ge(wait_timeout(r, "t7", from), 0.3);
	from = rig_now();
	rig_push(r, Q_INF, "{\"id\":\"t8\",\"type\":\"selftest\","
	    "\"timeout\":3600,\"input\":{\"op\":\"sleep\",\"seconds\":60}}");
	took = wait_timeout(r, "t8", from);
	ck_assert_double_ge(took, 0.5);
	rig_stop(&r);
}
END_TEST

START_TEST(t_silent_job_is_ended)
{
	struct rig *r = rig_start(INI_CMD("no_progress_timeout = 1s\n"));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"t9\",\"handler\":\"wait\"}");
	rec = rig_wait_record(r, Q_INF, "t9", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "no-progress");
	rig_push(r, Q_INF, "{\"id\":\"t10\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"progress\",\"steps\":20,\"seconds\":2}}");
	rig_wait_record(r, Q_INF, "t10", "done");
	rig_stop(&r);
}
END_TEST

#define RUNNER(name, cmd) \
	"[handler " name "]\nkind = runner\ncommand = " cmd "\n" \
	"env.DUMP = @DIR@\n"

/* A runner that never says hello is no job's timeout. */
START_TEST(t_runner_that_does_not_start_is_load_failed)
{
	struct rig *r = rig_start(INI_CMD("load_timeout = 1500ms\n")
	    RUNNER("mute", "@SRC@/wait.sh"));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"l1\",\"handler\":\"mute\","
	    "\"timeout\":0.7,\"max_attempts\":1}");
	rec = rig_wait_record(r, Q_INF, "l1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "load-failed");
	ck_assert_int_ge(js_int(rec, "finished_at") -
	    js_int(rec, "started_at"), 1500);
	rig_push(r, Q_INF, ECHO("next"));
	rig_wait_record(r, Q_INF, "next", "done");
	rig_stop(&r);
}
END_TEST

/* A job that ends in time is left alone, however close it was. */
START_TEST(t_job_within_its_timeout_is_done)
{
	struct rig *r = rig_start(INI_ONE);
	long long gen = rig_slot_int(r, 0, 0, "generation");

	rig_push(r, Q_INF, "{\"id\":\"t11\",\"type\":\"selftest\","
	    "\"timeout\":30,\"input\":{\"op\":\"sleep\",\"seconds\":0.3}}");
	rig_wait_record(r, Q_INF, "t11", "done");
	ck_assert_int_eq(rig_slot_int(r, 0, 0, "generation"), gen);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_e_timeout",
    t_sleeping_job_is_ended_in_time,
    t_spinning_job_is_ended_in_time,
    t_stubborn_tree_is_gone_before_the_next_job,
    t_orphans_of_a_done_job_are_ended,
    t_timeouts_are_retried_where_asked,
    t_configured_timeouts_hold,
    t_silent_job_is_ended,
    t_runner_that_does_not_start_is_load_failed,
    t_job_within_its_timeout_is_done)
