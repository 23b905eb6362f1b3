/*
 * Redis goes away and comes back. What runs goes on while its lease lasts,
 * its result is committed once, and no job outlives a lease that nobody
 * could renew.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define COMMAND(name, file) \
	"[handler " name "]\nkind = command\ncommand = @SRC@/" file "\n" \
	"env.DUMP = @DIR@\n"
#define LEASE 2.4
#define INI_LEASE "lease_ttl = 2400ms\n" INI_ONE COMMAND("once", "once.sh")

static pid_t
script_pid(struct rig *r)
{
	rig_until(r, rig_exists(r, "pid"));
	return ((pid_t)atoi(rig_slurp(r, rig_fmt(r, "%s/pid", rig_dir(r)))));
}

/* The job that ran meanwhile is done, once, and the queue goes on. */
static void
check_survived_with(struct rig *r, int done)
{
	json_t *rec = rig_wait_record(r, Q_INF, "r1", "done");

	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	ck_assert_int_eq(rig_stat(r, Q_INF, "done"), done);
	rig_push(r, Q_INF, ECHO("r2"));
	rig_wait_record(r, Q_INF, "r2", "done");
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 200);
	ck_assert_int_eq(rig_leased(r), 0);
}

static void
check_survived(struct rig *r)
{
	check_survived_with(r, 1);
}

/* A restart with the append-only file loses nothing of ours. */
START_TEST(t_job_survives_a_restart_of_redis)
{
	struct rig *r = rig_new(RIG_AOF);

	rig_daemon_start(r, rig_daemon(r, "w1", INI_ONE));
	rig_push(r, Q_INF, "{\"id\":\"r1\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"sleep\",\"seconds\":0.8}}");
	rig_wait_record(r, Q_INF, "r1", "running");
	rig_redis_stop(r);
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 503);
	ck_assert_int_eq(rig_http(r, 0, "/healthz", NULL), 200);
	rig_redis_start(r);
	check_survived(r);
	rig_stop(&r);
}
END_TEST

/* The job ends while there is no Redis: its result is kept until there is. */
START_TEST(t_result_waits_for_redis)
{
	struct rig *r = rig_new(RIG_AOF);

	rig_daemon_start(r, rig_daemon(r, "w1", INI_ONE
	    COMMAND("wait", "wait.sh")));
	rig_push(r, Q_INF, "{\"id\":\"r1\",\"handler\":\"wait\"}");
	rig_wait_record(r, Q_INF, "r1", "running");
	rig_redis_stop(r);
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rig_until(r, !rig_alive(script_pid(r)));
	rig_redis_start(r);
	check_survived(r);
	rig_stop(&r);
}
END_TEST

/*
 * A limit is the supervisor's own: a job that hangs while there is no Redis is
 * ended all the same.
 */
START_TEST(t_limits_hold_without_redis)
{
	struct rig *r = rig_new(RIG_AOF);
	pid_t pid;
	json_t *rec;

	rig_daemon_start(r, rig_daemon(r, "w1", "lease_ttl = 1m\n"
	    "no_progress_timeout = 500ms\n" INI_ONE
	    COMMAND("once", "once.sh")));
	rig_push(r, Q_INF, "{\"id\":\"n1\",\"handler\":\"once\"}");
	pid = script_pid(r);
	rig_redis_stop(r);
	rig_until(r, !rig_alive(pid));
	rig_redis_start(r);
	rec = rig_wait_record(r, Q_INF, "n1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "no-progress");
	rig_stop(&r);
}
END_TEST

/* A Redis that hangs for a while is no worse than one that is away. */
START_TEST(t_job_survives_a_hanging_redis)
{
	struct rig *r = rig_start(INI_ONE COMMAND("wait", "wait.sh"));

	rig_push(r, Q_INF, "{\"id\":\"r1\",\"handler\":\"wait\"}");
	rig_wait_record(r, Q_INF, "r1", "running");
	rig_kill(rig_redis_pid(r), SIGSTOP);
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rig_until(r, !rig_alive(script_pid(r)));
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 503);
	ck_assert_int_eq(rig_http(r, 0, "/healthz", NULL), 200);
	rig_kill(rig_redis_pid(r), SIGCONT);
	check_survived(r);
	rig_stop(&r);
}
END_TEST

/* A Redis that forgot everything (no persistence) must not wedge the worker. */
START_TEST(t_empty_redis_is_taken_as_it_is)
{
	struct rig *r = rig_start(INI_ONE);

	rig_push(r, Q_INF, ECHO("e1"));
	rig_wait_record(r, Q_INF, "e1", "done");
	rig_redis_stop(r);
	rig_redis_start(r);
	rig_push(r, Q_INF, ECHO("e2"));
	rig_wait_record(r, Q_INF, "e2", "done");
	rig_until(r, rig_int(r, "EXISTS ai:worker:w1") == 1);
	rig_stop(&r);
}
END_TEST

/* SCRIPT FLUSH: an operator's or a failover's; scripts are loaded again. */
START_TEST(t_lost_scripts_are_loaded_again)
{
	struct rig *r = rig_start(INI_ONE);

	rig_push(r, Q_INF, ECHO("f1"));
	rig_wait_record(r, Q_INF, "f1", "done");
	rig_cmd(r, "SCRIPT FLUSH");
	rig_push(r, Q_INF, ECHO("f2"));
	rig_wait_record(r, Q_INF, "f2", "done");
	rig_stop(&r);
}
END_TEST

/*
 * Redis answers but takes no writes, which /readyz tells; the job that ended
 * meanwhile is committed once it does, and the one that waits is run.
 */
static void
check_refusal(const char *begin, const char *end, const char *word)
{
	struct rig *r = rig_start("lease_ttl = 1m\n" INI_ONE
	    COMMAND("wait", "wait.sh"));
	const char *body;

	rig_push(r, Q_INF, "{\"id\":\"r1\",\"handler\":\"wait\"}");
	rig_wait_record(r, Q_INF, "r1", "running");
	rig_push(r, Q_INF, ECHO("w1"));
	rig_cmd(r, begin);
	rig_until(r, rig_http(r, 0, "/readyz", &body) == 503 &&
	    strstr(body, word) != NULL);
	ck_assert_int_eq(rig_http(r, 0, "/healthz", NULL), 200);
	ck_assert_ptr_nonnull(strstr(js_str(rig_status(r, 0), "redis.why"),
	    word));
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rig_until(r, !rig_alive(script_pid(r)));
	rig_cmd(r, end);
	rig_wait_record(r, Q_INF, "w1", "done");
	check_survived_with(r, 2);
	rig_stop(&r);
}

START_TEST(t_read_only_redis_is_waited_for)
{
	check_refusal("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY");
}
END_TEST

START_TEST(t_full_redis_is_waited_for)
{
	check_refusal("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0",
	    "OOM");
}
END_TEST

/*
 * The password changed under the daemon. What it has is kept while it is
 * refused, and goes on when the password is right again.
 */
START_TEST(t_refused_password_is_waited_for)
{
	struct rig *r = rig_start("lease_ttl = 1m\n" INI_ONE
	    COMMAND("wait", "wait.sh"));

	rig_push(r, Q_INF, "{\"id\":\"r1\",\"handler\":\"wait\"}");
	rig_wait_record(r, Q_INF, "r1", "running");
	rig_cmd(r, "CONFIG SET requirepass secret");
	rig_cmd(r, "CLIENT KILL TYPE normal SKIPME yes");
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 503);
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rig_until(r, !rig_alive(script_pid(r)));
	rig_until(r, strstr(js_str(rig_status(r, 0), "redis.why"),
	    "NOAUTH") != NULL);
	rig_cmd(r, "CONFIG SET requirepass %s", "");
	check_survived(r);
	rig_stop(&r);
}
END_TEST

/*
 * Stops Redis, or the daemon, under a running job; gives how long the job's
 * process lived after that. The job must run again, uncharged.
 */
static double
outlive(bool daemon)
{
	struct rig *r = rig_start(INI_LEASE);
	double from, took;
	json_t *rec;
	pid_t pid, stopped;

	stopped = daemon ? rig_daemon_pid(r, 0) : rig_redis_pid(r);
	rig_push(r, Q_INF, "{\"id\":\"l1\",\"handler\":\"once\"}");
	pid = script_pid(r);
	rig_wait_record(r, Q_INF, "l1", "running");
	from = rig_now();
	rig_kill(stopped, SIGSTOP);
	rig_until(r, !rig_alive(pid));
	took = rig_now() - from;
	rig_kill(stopped, SIGCONT);
	rec = rig_wait_record(r, Q_INF, "l1", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rig_stop(&r);
	return (took);
}

/* A machine that stands still for a moment may spoil one try, not three. */
static void
check_fence(bool daemon)
{
	double took = LEASE;
	int i;

	for (i = 0; i < 3 && took >= LEASE; i++)
		took = outlive(daemon);
	if (rig_fast())
		ck_assert_double_lt(took, LEASE);
}

/*
 * No renewal possible: the worker ends its own job before the lease can run
 * out, because afterwards another worker may start it.
 */
START_TEST(t_job_ends_before_its_lease)
{
	check_fence(false);
}
END_TEST

/* A supervisor that is stuck renews nothing: its child does the same. */
START_TEST(t_job_of_a_stuck_daemon_ends_before_its_lease)
{
	check_fence(true);
}
END_TEST

/*
 * The stuck one's plugin job, which no process of its own can be killed for:
 * the child itself goes. Another worker runs the job meanwhile; what the
 * first one says when it wakes is stale and changes nothing.
 */
START_TEST(t_stale_worker_commits_nothing)
{
	struct rig *r = rig_new(0);
	const char *ini = "lease_ttl = 1s\n" INI_ONE;
	int a = rig_daemon(r, "w1", ini), b = rig_daemon(r, "w2", ini);
	json_t *rec;

	rig_daemon_start(r, a);
	rig_push(r, Q_INF, "{\"id\":\"s1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"sleep\",\"seconds\":1.6}}");
	rig_wait_record(r, Q_INF, "s1", "running");
	rig_kill(rig_daemon_pid(r, a), SIGSTOP);
	rig_daemon_start(r, b);
	rec = rig_wait_record(r, Q_INF, "s1", "done");
	ck_assert_str_eq(js_str(rec, "worker"), "w2");
	rig_kill(rig_daemon_pid(r, a), SIGCONT);
	rig_push(r, "ai:worker:w1:queue", ECHO("s2"));
	rig_wait_record(r, "ai:worker:w1:queue", "s2", "done");
	rec = rig_record(r, Q_INF, "s1");
	ck_assert_str_eq(js_str(rec, "worker"), "w2");
	ck_assert_str_eq(js_str(rec, "state"), "done");
	ck_assert_int_eq(rig_stat(r, Q_INF, "done"), 1);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_h_redis",
    t_job_survives_a_restart_of_redis,
    t_result_waits_for_redis,
    t_limits_hold_without_redis,
    t_job_survives_a_hanging_redis,
    t_empty_redis_is_taken_as_it_is,
    t_lost_scripts_are_loaded_again,
    t_read_only_redis_is_waited_for,
    t_full_redis_is_waited_for,
    t_refused_password_is_waited_for,
    t_job_ends_before_its_lease,
    t_job_of_a_stuck_daemon_ends_before_its_lease,
    t_stale_worker_commits_nothing)
