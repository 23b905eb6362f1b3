/*
 * The control channels of Redis, by which the CLI and other tools reach the
 * workers: cancel, drain, resume, reload.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"reply_to\":\"re\",\"input\":{\"op\":\"echo\",\"value\":1}}"
#define LONG(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"reply_to\":\"re\",\"input\":{\"op\":\"sleep\",\"seconds\":60}}"
#define COMMAND(name, file) \
	"[handler " name "]\nkind = command\ncommand = @SRC@/" file "\n" \
	"env.DUMP = @DIR@\n"

/* All workers listen, or the message would reach nobody. */
static void
tell(struct rig *r, const char *channel, const char *text)
{
	ck_assert_int_ge(rig_int(r, "PUBLISH %s %s", channel, text), 1);
}

/* A cancelled job ends now, not at its timeout, and is nobody's failure. */
START_TEST(t_running_job_is_cancelled)
{
	struct rig *r = rig_start(INI_ONE);
	json_t *rec;

	rig_push(r, Q_INF, LONG("c1"));
	rig_wait_record(r, Q_INF, "c1", "running");
	tell(r, "ai:control", "{\"op\":\"cancel\",\"id\":\"c1\"}");
	rec = rig_wait_record(r, Q_INF, "c1", "cancelled");
	ck_assert_str_eq(js_str(rec, "error.cause"), "cancelled");
	ck_assert_int_eq(rig_int(r, "LLEN re"), 1);
	ck_assert_int_eq(rig_int(r, "LLEN {" Q_INF "}:dead"), 0);
	rig_push(r, Q_INF, ECHO("c2"));
	rig_wait_record(r, Q_INF, "c2", "done");
	rig_stop(&r);
}
END_TEST

/* The whole tree of a command goes, however stubborn it is. */
START_TEST(t_cancelled_tree_is_gone)
{
	struct rig *r = rig_start(INI_ONE COMMAND("stubborn", "stubborn.sh"));

	rig_push(r, Q_INF, "{\"id\":\"s1\",\"handler\":\"stubborn\"}");
	rig_until(r, rig_exists(r, "up"));
	tell(r, "ai:control", "{\"op\":\"cancel\",\"id\":\"s1\"}");
	rig_wait_record(r, Q_INF, "s1", "cancelled");
	rig_until(r, rig_processes(r, NULL, 0) == 2);
	rig_stop(&r);
}
END_TEST

/*
 * A job that waits is cancelled at once, record, event and reply included,
 * while the slot is busy with another one, and in any place.
 */
START_TEST(t_waiting_jobs_are_cancelled)
{
	struct rig *r = rig_start(INI_ONE);
	static const char *const lanes[] = { Q_INF, "{" Q_INF "}:high",
	    "{" Q_INF "}:low" };
	json_t *rec;
	int i;

	rig_push(r, Q_INF, LONG("busy"));
	rig_wait_record(r, Q_INF, "busy", "running");
	for (i = 0; i < 3; i++)
		rig_pushf(r, lanes[i], ECHO("w%d"), i);
	rig_cmd(r, "ZADD {" Q_INF "}:delayed 9999999999999 %s", ECHO("w3"));
	for (i = 0; i < 4; i++)
		tell(r, "ai:control", rig_fmt(r,
		    "{\"op\":\"cancel\",\"id\":\"w%d\"}", i));
	for (i = 0; i < 4; i++) {
		rec = rig_wait_record(r, Q_INF, rig_fmt(r, "w%d", i),
		    "cancelled");
		ck_assert_str_eq(js_str(rec, "error.cause"), "cancelled");
		ck_assert_int_eq(js_int(rec, "attempt"), 0);
	}
	rig_until(r, rig_int(r, "LLEN re") == 4);
	ck_assert_int_eq(rig_int(r, "EXISTS {" Q_INF "}:history {" Q_INF
	    "}:delayed " Q_INF), 0);
	ck_assert_int_eq(rig_leased(r), 1);
	ck_assert_int_eq(rig_stat(r, Q_INF, "cancelled"), 4);
	tell(r, "ai:control", "{\"op\":\"cancel\",\"id\":\"busy\"}");
	rig_wait_record(r, Q_INF, "busy", "cancelled");
	rig_stop(&r);
}
END_TEST

/* Of two workers that hear it one acts; each job gets one end and reply. */
START_TEST(t_two_workers_cancel_once)
{
	struct rig *r = rig_new(0);
	int i;

	rig_daemon_start(r, rig_daemon(r, "w1", INI_ONE));
	rig_daemon_start(r, rig_daemon(r, "w2", INI_ONE));
	for (i = 0; i < 2; i++) {
		rig_pushf(r, Q_INF, LONG("b%d"), i);
		rig_wait_record(r, Q_INF, rig_fmt(r, "b%d", i), "running");
	}
	for (i = 0; i < 50; i++)
		rig_pushf(r, Q_INF, ECHO("t%d"), i);
	for (i = 0; i < 50; i++)
		tell(r, "ai:control", rig_fmt(r,
		    "{\"op\":\"cancel\",\"id\":\"t%d\"}", i));
	for (i = 0; i < 50; i++)
		rig_wait_record(r, Q_INF, rig_fmt(r, "t%d", i), "cancelled");
	rig_until(r, rig_int(r, "LLEN re") >= 50);
	ck_assert_int_eq(rig_stat(r, Q_INF, "cancelled"), 50);
	for (i = 0; i < 2; i++)
		tell(r, "ai:control", rig_fmt(r,
		    "{\"op\":\"cancel\",\"id\":\"b%d\"}", i));
	rig_until(r, rig_leased(r) == 0);
	ck_assert_int_eq(rig_int(r, "EXISTS {" Q_INF "}:history"), 0);
	rig_stop(&r);
}
END_TEST

/* Also one that failed and waits for its next attempt, and in a drain. */
START_TEST(t_retry_is_cancelled_in_a_drain)
{
	struct rig *r = rig_start("retry_backoff = 1h\nretry_backoff_max = 1h\n"
	    "[pool p]\nslots = 1\n[handler selftest]\n");
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"r1\",\"type\":\"selftest\","
	    "\"reply_to\":\"re\",\"input\":{\"op\":\"fail\"}}");
	rig_wait_record(r, Q_INF, "r1", "waiting");
	tell(r, "ai:control", "{\"op\":\"drain\"}");
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 503);
	tell(r, "ai:control", "{\"op\":\"cancel\",\"id\":\"r1\"}");
	rec = rig_wait_record(r, Q_INF, "r1", "cancelled");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rig_until(r, rig_int(r, "LLEN re") == 1);
	ck_assert_int_eq(rig_int(r, "EXISTS {" Q_INF "}:delayed"), 0);
	rig_stop(&r);
}
END_TEST

/* A job that is ended for its time, and would run again, does not if it is
 * cancelled meanwhile. A final record stays as it is. */
START_TEST(t_cancel_meets_other_ends)
{
	struct rig *r = rig_start("kill_grace = 5s\nretry_timeouts = yes\n"
	    "retry_backoff = 10ms\n[pool p]\nslots = 1\n[handler selftest]\n"
	    COMMAND("stubborn", "stubborn.sh"));

	rig_push(r, Q_INF, "{\"id\":\"m1\",\"handler\":\"stubborn\","
	    "\"timeout\":0.5}");
	rig_until(r, strcmp(rig_slot_str(r, 0, 0, "state"), "stopping") == 0);
	tell(r, "ai:control", "{\"op\":\"cancel\",\"id\":\"m1\"}");
	rig_wait_record(r, Q_INF, "m1", "cancelled");
	rig_push(r, Q_INF, ECHO("m2"));
	rig_wait_record(r, Q_INF, "m2", "done");
	tell(r, "ai:control", "{\"op\":\"cancel\",\"id\":\"m2\"}");
	rig_push(r, Q_INF, ECHO("m3"));
	rig_wait_record(r, Q_INF, "m3", "done");
	ck_assert_str_eq(js_str(rig_record(r, Q_INF, "m2"), "state"), "done");
	rig_stop(&r);
}
END_TEST

/* What the workers do not know must not end them. */
START_TEST(t_nonsense_on_the_channel_is_ignored)
{
	static const char *const texts[] = { "", "x", "[]", "{}",
	    "{\"op\":5}", "{\"op\":\"dance\"}", "{\"op\":\"cancel\"}",
	    "{\"op\":\"cancel\",\"id\":7}",
	    "{\"op\":\"cancel\",\"id\":\"nobody\"}" };
	struct rig *r = rig_start(INI_ONE);
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		tell(r, "ai:control", texts[i]);
	rig_push(r, Q_INF, ECHO("n1"));
	rig_wait_record(r, Q_INF, "n1", "done");
	rig_stop(&r);
}
END_TEST

/* One worker rests while the other one works, until it is called back. */
START_TEST(t_drain_and_resume_by_name)
{
	struct rig *r = rig_new(0);
	int i;

	rig_daemon_start(r, rig_daemon(r, "w1", INI_ONE));
	rig_daemon_start(r, rig_daemon(r, "w2", INI_ONE));
	tell(r, "ai:control:w1", "{\"op\":\"drain\"}");
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 503);
	ck_assert_int_eq(rig_http(r, 1, "/readyz", NULL), 200);
	for (i = 0; i < 20; i++)
		rig_pushf(r, Q_INF, ECHO("d%d"), i);
	for (i = 0; i < 20; i++)
		ck_assert_str_eq(js_str(rig_wait_record(r, Q_INF,
		    rig_fmt(r, "d%d", i), "done"), "worker"), "w2");
	tell(r, "ai:control:w1", "{\"op\":\"resume\"}");
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 200);
	rig_push(r, "ai:worker:w1:queue", ECHO("d20"));
	rig_wait_record(r, "ai:worker:w1:queue", "d20", "done");
	rig_stop(&r);
}
END_TEST

START_TEST(t_reload_over_the_channel)
{
	struct rig *r = rig_start("max_attempts = 1\n" INI_ONE);
	json_t *rec;

	rig_daemon_config(r, 0, "max_attempts = 2\n" INI_ONE);
	tell(r, "ai:control:w1", "{\"op\":\"reload\"}");
	rig_until(r, js_int(rig_status(r, 0), "counters.reloads") == 1);
	rig_push(r, Q_INF, "{\"id\":\"l1\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"fail\"}}");
	rec = rig_wait_record(r, Q_INF, "l1", "failed");
	ck_assert_int_eq(js_int(rec, "attempt"), 2);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_i_control",
    t_running_job_is_cancelled,
    t_cancelled_tree_is_gone,
    t_waiting_jobs_are_cancelled,
    t_two_workers_cancel_once,
    t_retry_is_cancelled_in_a_drain,
    t_cancel_meets_other_ends,
    t_nonsense_on_the_channel_is_ignored,
    t_drain_and_resume_by_name,
    t_reload_over_the_channel)
