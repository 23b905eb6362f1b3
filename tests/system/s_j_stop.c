/*
 * Stops with work at hand: jobs get their grace, what does not end in time
 * goes back to the front of its lane uncharged, and a drained worker stays.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define LONG "{ \"id\":\"long\", \"type\":\"selftest\"," \
	"\"input\":{\"op\":\"sleep\",\"seconds\":60} }"
#define COMMAND(name, file) \
	"[handler " name "]\nkind = command\ncommand = @SRC@/" file "\n" \
	"env.DUMP = @DIR@\n"

/* The long job runs, and another one waits behind it. */
static struct rig *
start_long(const char *ini)
{
	struct rig *r = rig_start(ini);

	rig_push(r, Q_INF, LONG);
	rig_wait_record(r, Q_INF, "long", "running");
	rig_push(r, Q_INF, ECHO("behind"));
	return (r);
}

/*
 * It lies where it will be taken next, byte for byte, not charged, and its
 * record says why it waits.
 */
static void
check_handed_back(struct rig *r)
{
	json_t *rec = rig_record(r, Q_INF, "long");

	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 2);
	ck_assert_str_eq(rig_str(r, "LINDEX " Q_INF " -1"), LONG);
	ck_assert_str_eq(rig_str(r, "LINDEX " Q_INF " 0"), ECHO("behind"));
	ck_assert_str_eq(js_str(rec, "state"), "waiting");
	ck_assert_str_eq(js_str(rec, "error.cause"), "shutdown");
	ck_assert_int_eq(js_int(rec, "attempt"), 0);
	ck_assert_int_eq(rig_leased(r), 0);
}

/* A stop in the middle of the day must not cost anybody a result. */
START_TEST(t_term_lets_the_job_finish)
{
	struct rig *r = rig_start(INI_ONE COMMAND("wait", "wait.sh"));

	rig_push(r, Q_INF, "{\"id\":\"f1\",\"handler\":\"wait\"}");
	rig_wait_record(r, Q_INF, "f1", "running");
	rig_kill(rig_daemon_pid(r, 0), SIGTERM);
	rig_until(r, rig_http(r, 0, "/readyz", NULL) != 200);
	rig_push(r, Q_INF, ECHO("later"));
	ck_assert(!rig_daemon_gone(r, 0));
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	ck_assert_str_eq(js_str(rig_record(r, Q_INF, "f1"), "state"), "done");
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 1);
	ck_assert_ptr_null(rig_record(r, Q_INF, "later"));
	rig_stop(&r);
}
END_TEST

/* Grace is not for ever. */
START_TEST(t_job_past_the_grace_is_handed_back)
{
	struct rig *r = start_long("shutdown_grace = 300ms\n" INI_ONE);
	double from = rig_now();

	rig_kill(rig_daemon_pid(r, 0), SIGTERM);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	ck_assert_double_ge(rig_now() - from, 0.3);
	check_handed_back(r);
	rig_stop(&r);
}
END_TEST

/* The operator in a hurry; well before the 30 s of grace. */
static void
stop_quickly(int first, int second)
{
	struct rig *r = start_long(INI_ONE);

	rig_kill(rig_daemon_pid(r, 0), first);
	if (second != 0) {
		rig_until(r, rig_http(r, 0, "/readyz", NULL) != 200);
		ck_assert(!rig_daemon_gone(r, 0));
		rig_kill(rig_daemon_pid(r, 0), second);
	}
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	check_handed_back(r);
	rig_stop(&r);
}

START_TEST(t_second_term_stops_at_once)
{
	stop_quickly(SIGTERM, SIGTERM);
}
END_TEST

START_TEST(t_int_stops_at_once)
{
	stop_quickly(SIGINT, 0);
}
END_TEST

START_TEST(t_quit_stops_at_once)
{
	stop_quickly(SIGQUIT, 0);
}
END_TEST

/* What ignores TERM is killed; the stop waits for that and leaves nothing. */
START_TEST(t_stubborn_tree_goes_with_the_stop)
{
	struct rig *r = rig_start(INI_ONE COMMAND("stubborn", "stubborn.sh"));

	rig_push(r, Q_INF, "{\"id\":\"s1\",\"handler\":\"stubborn\"}");
	rig_until(r, rig_exists(r, "up"));
	rig_kill(rig_daemon_pid(r, 0), SIGINT);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	ck_assert_int_eq(rig_processes(r, NULL, 0), 0);
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 1);
	rig_stop(&r);
}
END_TEST

/* What was handed back runs elsewhere, and its first run never counted. */
START_TEST(t_handed_back_job_runs_again)
{
	struct rig *r = rig_start(INI_ONE COMMAND("once", "once.sh"));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"o1\",\"handler\":\"once\","
	    "\"max_attempts\":1}");
	rig_until(r, rig_exists(r, "pid"));
	rig_kill(rig_daemon_pid(r, 0), SIGINT);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	rig_daemon_start(r, 0);
	rec = rig_wait_record(r, Q_INF, "o1", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rig_stop(&r);
}
END_TEST

/*
 * The first run's log goes with the job's record, although the run that ended
 * the job logged nothing: keys without an expiry would stay for ever.
 */
START_TEST(t_log_of_a_handed_back_run_expires)
{
	struct rig *r = rig_start(INI_ONE "[handler talk]\nkind = command\n"
	    "command = /bin/sh -c 'mkdir $DUMP/ran 2>$DUMP/err || exit 0; "
	    "echo one; exec sleep 600'\nenv.DUMP = @DIR@\n");

	rig_push(r, Q_INF, "{\"id\":\"t1\",\"handler\":\"talk\"}");
	rig_until(r, strstr(rig_log(r, Q_INF, "t1"), "one") != NULL);
	ck_assert_int_lt(rig_int(r, "PTTL {" Q_INF "}:log:t1"), 0);
	rig_kill(rig_daemon_pid(r, 0), SIGINT);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	rig_daemon_start(r, 0);
	rig_wait_record(r, Q_INF, "t1", "done");
	ck_assert_int_gt(rig_int(r, "PTTL {" Q_INF "}:log:t1"), 0);
	rig_stop(&r);
}
END_TEST

/*
 * A drained worker finishes what it has, takes nothing, says so to the load
 * balancer, and stays up.
 */
START_TEST(t_drain_stops_claiming)
{
	struct rig *r = rig_start(INI_ONE COMMAND("wait", "wait.sh"));
	const char *why;

	rig_push(r, Q_INF, "{\"id\":\"d1\",\"handler\":\"wait\"}");
	rig_wait_record(r, Q_INF, "d1", "running");
	rig_kill(rig_daemon_pid(r, 0), SIGUSR2);
	rig_until(r, rig_http(r, 0, "/readyz", &why) == 503);
	ck_assert_str_ne(why, "");
	ck_assert_int_eq(rig_http(r, 0, "/healthz", NULL), 200);
	ck_assert_str_eq(js_str(rig_status(r, 0), "state"), "draining");
	rig_push(r, Q_INF, ECHO("d2"));
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rig_wait_record(r, Q_INF, "d1", "done");
	rig_until(r, js_int(rig_status(r, 0), "active_jobs") == 0);
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 1);
	ck_assert_int_eq(rig_leased(r), 0);
	rig_stop(&r);
}
END_TEST

/* USR1 is logrotate's; it must not end anything. */
START_TEST(t_usr1_reopens_the_log)
{
	struct rig *r = rig_new(0);
	const char *log = rig_fmt(r, "%s/ganger.log", rig_dir(r));
	int d = rig_daemon(r, "w1", INI_ONE "[log]\n"
	    "target = @DIR@/ganger.log\n");

	rig_daemon_start(r, d);
	log = rig_fmt(r, "%s/ganger.log", rig_dir(r));
	rig_until(r, rig_exists(r, "ganger.log"));
	ck_assert_int_eq(rename(log, rig_fmt(r, "%s.1", log)), 0);
	rig_kill(rig_daemon_pid(r, d), SIGUSR1);
	rig_until(r, rig_exists(r, "ganger.log"));
	rig_push(r, Q_INF, ECHO("u1"));
	rig_wait_record(r, Q_INF, "u1", "done");
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_j_stop",
    t_term_lets_the_job_finish,
    t_job_past_the_grace_is_handed_back,
    t_second_term_stops_at_once,
    t_int_stops_at_once,
    t_quit_stops_at_once,
    t_stubborn_tree_goes_with_the_stop,
    t_handed_back_job_runs_again,
    t_log_of_a_handed_back_run_expires,
    t_drain_stops_claiming,
    t_usr1_reopens_the_log)
