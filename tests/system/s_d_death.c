/*
 * Deaths: of a job, of the child that drives it, of the daemon itself. The
 * job runs again where it may, is charged where it is to blame, and nothing
 * of the dead is left.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define COMMAND(name, file) \
	"[handler " name "]\nkind = command\ncommand = @SRC@/" file "\n" \
	"env.DUMP = @DIR@\n"

/* A rig whose processes may dump core: here they crash on purpose. */
static struct rig *
start_crashing(const char *ini)
{
	struct rig *r = rig_new(RIG_CORES);

	rig_daemon_start(r, rig_daemon(r, "w1", ini));
	rig_until(r, js_int(rig_status(r, 0), "available_slots") > 0);
	return (r);
}

/* The pid that a script wrote, once it has. */
static pid_t
script_pid(struct rig *r)
{
	rig_until(r, rig_exists(r, "pid"));
	return ((pid_t)atoi(rig_slurp(r, rig_fmt(r, "%s/pid", rig_dir(r)))));
}

/* Another process serves the slot now, and runs jobs. */
static void
check_replaced(struct rig *r, long long pid, long long gen)
{
	rig_push(r, Q_INF, ECHO("next"));
	rig_wait_record(r, Q_INF, "next", "done");
	ck_assert_int_ne(rig_slot_int(r, 0, 0, "pid"), pid);
	ck_assert_int_gt(rig_slot_int(r, 0, 0, "generation"), gen);
	ck_assert(!rig_alive((pid_t)pid));
}

/*
 * A plugin that crashes takes its child along, not the daemon. It is tried
 * again, charged, and ends in the dead list; a poisonous job that came back
 * for ever would take a slot for ever.
 */
START_TEST(t_crashing_job_ends_in_the_dead_list)
{
	struct rig *r = start_crashing(INI_ONE);
	long long pid = rig_slot_int(r, 0, 0, "pid");
	long long gen = rig_slot_int(r, 0, 0, "generation");
	json_t *rec, *dead;

	rig_push(r, Q_INF, "{\"id\":\"c1\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"crash\",\"signal\":6}}");
	rec = rig_wait_record(r, Q_INF, "c1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "crashed");
	ck_assert_int_eq(js_int(rec, "error.signal"), 6);
	ck_assert_int_eq(js_int(rec, "attempt"), 3);
	dead = rig_dead(r, Q_INF, 0);
	ck_assert_str_eq(js_str(dead, "cause"), "crashed");
	ck_assert_int_eq(js_int(dead, "attempts"), 3);
	ck_assert_int_eq(rig_int(r, "LLEN {" Q_INF "}:dead"), 1);
	check_replaced(r, pid, gen + 2);
	rig_stop(&r);
}
END_TEST

START_TEST(t_plugin_that_exits_is_crashed)
{
	struct rig *r = start_crashing(INI_ONE);
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"x1\",\"type\":\"selftest\","
	    "\"max_attempts\":1,\"input\":{\"op\":\"exit\",\"code\":7}}");
	rec = rig_wait_record(r, Q_INF, "x1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "crashed");
	ck_assert_int_eq(js_int(rec, "error.exit_code"), 7);
	rig_push(r, Q_INF, ECHO("next"));
	rig_wait_record(r, Q_INF, "next", "done");
	rig_stop(&r);
}
END_TEST

/* Exit 0 in the middle of a job is no success. */
START_TEST(t_plugin_that_exits_0_is_crashed)
{
	struct rig *r = start_crashing(INI_ONE);
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"x0\",\"type\":\"selftest\","
	    "\"max_attempts\":1,\"input\":{\"op\":\"exit\",\"code\":0}}");
	rec = rig_wait_record(r, Q_INF, "x0", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "crashed");
	rig_stop(&r);
}
END_TEST

/* Somebody kills the child of a plugin job: the job runs again, charged. */
START_TEST(t_killed_plugin_child_reruns_the_job)
{
	struct rig *r = start_crashing(INI_ONE);
	long long gen = rig_slot_int(r, 0, 0, "generation");
	pid_t pid = (pid_t)rig_slot_int(r, 0, 0, "pid");
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"k1\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"sleep\",\"seconds\":0.6}}");
	rig_wait_record(r, Q_INF, "k1", "running");
	rig_kill(pid, SIGKILL);
	rec = rig_wait_record(r, Q_INF, "k1", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 2);
	check_replaced(r, pid, gen);
	rig_stop(&r);
}
END_TEST

START_TEST(t_killed_plugin_child_names_the_cause)
{
	struct rig *r = start_crashing(INI_ONE);
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"k2\",\"type\":\"selftest\","
	    "\"max_attempts\":1,\"input\":{\"op\":\"sleep\",\"seconds\":30}}");
	rig_wait_record(r, Q_INF, "k2", "running");
	rig_kill((pid_t)rig_slot_int(r, 0, 0, "pid"), SIGKILL);
	rec = rig_wait_record(r, Q_INF, "k2", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "killed");
	ck_assert_int_eq(js_int(rec, "error.signal"), 9);
	rig_stop(&r);
}
END_TEST

/* An idle child that dies is replaced before anybody needs it. */
START_TEST(t_idle_child_is_replaced)
{
	struct rig *r = start_crashing(INI_ONE);
	long long gen = rig_slot_int(r, 0, 0, "generation");
	pid_t pid = (pid_t)rig_slot_int(r, 0, 0, "pid");

	rig_kill(pid, SIGKILL);
	rig_until(r, rig_slot_int(r, 0, 0, "generation") > gen &&
	    strcmp(rig_slot_str(r, 0, 0, "state"), "idle") == 0);
	check_replaced(r, pid, gen);
	rig_stop(&r);
}
END_TEST

/* The command itself is killed by others: charged, and run again. */
START_TEST(t_killed_command_is_run_again)
{
	struct rig *r = rig_start(INI_ONE COMMAND("once", "once.sh"));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"m1\",\"handler\":\"once\"}");
	rig_kill(script_pid(r), SIGKILL);
	rec = rig_wait_record(r, Q_INF, "m1", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 2);
	rig_stop(&r);
}
END_TEST

/*
 * The child dies while its command lives: the job is not to blame, so it
 * runs again uncharged, and only after the first run's process is gone.
 */
START_TEST(t_lost_slot_reruns_the_job_uncharged)
{
	struct rig *r = rig_start(INI_ONE COMMAND("once", "once.sh"));
	pid_t script;
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"m2\",\"handler\":\"once\"}");
	script = script_pid(r);
	rig_kill((pid_t)rig_slot_int(r, 0, 0, "pid"), SIGKILL);
	rec = rig_wait_record(r, Q_INF, "m2", "done");
	ck_assert(!rig_alive(script));
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	ck_assert_int_eq(js_int(rec, "result"), 1);
	rig_stop(&r);
}
END_TEST

/*
 * gangerd is killed: its children, their jobs and the jobs' own descendants
 * are gone within 2 s; a new one with the same id reruns the jobs, as lost
 * and not as failed.
 */
START_TEST(t_killed_daemon_leaves_nothing_and_reruns)
{
	struct rig *r = rig_start("kill_grace = 200ms\n[pool p]\nslots = 2\n"
	    "[handler selftest]\n" COMMAND("once", "once.sh"));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"d1\",\"handler\":\"once\"}");
	rig_push(r, Q_INF, "{\"id\":\"d2\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"sleep\",\"seconds\":1}}");
	script_pid(r);
	rig_wait_record(r, Q_INF, "d2", "running");
	rig_kill(rig_daemon_pid(r, 0), SIGKILL);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 128 + SIGKILL);
	rig_until_in(r, rig_fast() ? 2.0 : rig_limit(),
	    rig_processes(r, NULL, 0) == 0);
	ck_assert_int_eq(rig_leased(r), 2);
	rig_daemon_start(r, 0);
	rec = rig_wait_record(r, Q_INF, "d1", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rec = rig_wait_record(r, Q_INF, "d2", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rig_stop(&r);
}
END_TEST

/* A job that costs one worker after the other its life is not run for ever. */
START_TEST(t_lost_worker_reruns_the_job_so_many_times)
{
	struct rig *r = rig_start("max_worker_lost = 1\n" INI_ONE);
	json_t *rec, *dead;
	int i;

	rig_push(r, Q_INF, "{\"id\":\"l1\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"sleep\",\"seconds\":60}}");
	for (i = 0; i < 2; i++) {
		rig_until(r, js_int(rig_status(r, 0), "active_jobs") == 1);
		rig_kill(rig_daemon_pid(r, 0), SIGKILL);
		rig_daemon_wait(r, 0);
		rig_daemon_start(r, 0);
	}
	rec = rig_wait_record(r, Q_INF, "l1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "worker-lost");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	dead = rig_dead(r, Q_INF, 0);
	ck_assert_str_eq(js_str(dead, "cause"), "worker-lost");
	ck_assert_int_eq(js_int(dead, "attempts"), 1);
	rig_stop(&r);
}
END_TEST

/* The same with a job whose tree ignores TERM and has left its session. */
START_TEST(t_killed_daemon_leaves_no_stubborn_tree)
{
	struct rig *r = rig_start(INI_ONE COMMAND("stubborn", "stubborn.sh"));

	rig_push(r, Q_INF, "{\"id\":\"s1\",\"handler\":\"stubborn\"}");
	rig_until(r, rig_exists(r, "up"));
	rig_kill(rig_daemon_pid(r, 0), SIGKILL);
	rig_daemon_wait(r, 0);
	rig_until_in(r, rig_fast() ? 2.0 : rig_limit(),
	    rig_processes(r, NULL, 0) == 0);
	rig_cmd(r, "FLUSHALL");
	rig_daemon_start(r, 0);
	rig_stop(&r);
}
END_TEST

/* Another worker takes over what a dead one held, once its lease is over. */
START_TEST(t_other_worker_takes_over)
{
	struct rig *r = rig_new(0);
	int a = rig_daemon(r, "w1", "lease_ttl = 1s\n" INI_ONE
	    COMMAND("once", "once.sh"));
	int b = rig_daemon(r, "w2", "lease_ttl = 1s\n" INI_ONE
	    COMMAND("once", "once.sh"));
	json_t *rec;

	rig_daemon_start(r, a);
	rig_push(r, Q_INF, "{\"id\":\"o1\",\"handler\":\"once\"}");
	script_pid(r);
	rig_daemon_start(r, b);
	rig_kill(rig_daemon_pid(r, a), SIGKILL);
	rig_daemon_wait(r, a);
	rec = rig_wait_record(r, Q_INF, "o1", "done");
	ck_assert_str_eq(js_str(rec, "worker"), "w2");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	ck_assert_int_eq(rig_stat(r, Q_INF, "done"), 1);
	rig_daemon_start(r, a);
	rig_stop(&r);
}
END_TEST

/*
 * An init system starts anew the moment it sees the end, and a killed daemon
 * is a zombie until its parent looks: neither its id nor its pidfile may
 * refuse the next one.
 */
START_TEST(t_start_right_after_a_kill)
{
	static const char ini[] = "pidfile = @DIR@/w1.pid\n" INI_ONE;
	struct rig *r = rig_new(0);
	int a = rig_daemon(r, "w1", ini), b = rig_daemon(r, "w1", ini), i, t;

	rig_daemon_start(r, a);
	for (i = 0; i < 20; i++) {
		rig_kill(rig_daemon_pid(r, a), SIGKILL);
		rig_daemon_start(r, b);
		ck_assert_int_eq(rig_daemon_wait(r, a), 128 + SIGKILL);
		t = a;
		a = b;
		b = t;
	}
	rig_daemon_end(r, a);
	rig_daemon_start(r, b);         /* takes away what its kill left */
	rig_stop(&r);
}
END_TEST

/*
 * Two daemons of one id with a Redis and folders of their own are strangers:
 * neither the start nor the death of one may cost the other its processes.
 */
START_TEST(t_same_id_elsewhere_is_left_alone)
{
	static const char ini[] = INI_ONE COMMAND("wait", "wait.sh");
	struct rig *a = rig_start(ini), *b;
	long long child = rig_slot_int(a, 0, 0, "pid");
	pid_t job;

	rig_push(a, Q_INF, "{\"id\":\"a1\",\"handler\":\"wait\"}");
	job = script_pid(a);
	b = rig_start(ini);
	rig_kill(rig_daemon_pid(b, 0), SIGKILL);
	rig_daemon_wait(b, 0);
	rig_daemon_start(b, 0);
	rig_push(b, Q_INF, ECHO("b1"));
	rig_wait_record(b, Q_INF, "b1", "done");
	rig_stop(&b);
	ck_assert(rig_alive(job));
	ck_assert_int_eq(rig_slot_int(a, 0, 0, "pid"), child);
	fclose(fopen(rig_fmt(a, "%s/go", rig_dir(a)), "w"));
	ck_assert_int_eq(js_int(rig_wait_record(a, Q_INF, "a1", "done"),
	    "attempt"), 1);
	rig_stop(&a);
}
END_TEST

RIG_MAIN("s_d_death",
    t_crashing_job_ends_in_the_dead_list,
    t_plugin_that_exits_is_crashed,
    t_plugin_that_exits_0_is_crashed,
    t_killed_plugin_child_reruns_the_job,
    t_killed_plugin_child_names_the_cause,
    t_idle_child_is_replaced,
    t_killed_command_is_run_again,
    t_lost_slot_reruns_the_job_uncharged,
    t_killed_daemon_leaves_nothing_and_reruns,
    t_lost_worker_reruns_the_job_so_many_times,
    t_killed_daemon_leaves_no_stubborn_tree,
    t_other_worker_takes_over,
    t_start_right_after_a_kill,
    t_same_id_elsewhere_is_left_alone)
