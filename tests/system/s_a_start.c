/*
 * Starts and stops: what gangerd says about its configuration, when it
 * refuses to run and with which exit status, and that an idle one comes up,
 * tells the truth over HTTP and goes without a trace.
 */
#include "config.h"

#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

static int
run_gangerd(struct rig *r, int d, const char *flag, const char **outp)
{
	const char *args[] = { flag, "-c", rig_daemon_file(r, d), NULL };

	return (rig_gangerd(r, outp, args));
}

/* A good file must pass -t; if it does not, nothing else here can start. */
START_TEST(t_good_file_passes_the_check)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *out;
	int d = rig_daemon(r, "w1", INI_FOUR);

	ck_assert_int_eq(run_gangerd(r, d, "-t", &out), 0);
	rig_stop(&r);
}
END_TEST

/*
 * -t names every problem with file and line, not only the first. A reader
 * that stops early would show one line only.
 */
START_TEST(t_bad_file_is_78_and_names_every_line)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *out, *file;
	int d = rig_daemon(r, "w1", "no_such_key = 1\nkill_grace = soon\n"
	    "max_attempts = 0\nmax_attempts = 2\n[nowhere]\n");

	file = rig_daemon_file(r, d);
	ck_assert_int_eq(run_gangerd(r, d, "-t", &out), 78);
	ck_assert_ptr_nonnull(strstr(out, rig_fmt(r, "%s:5: ", file)));
	ck_assert_ptr_nonnull(strstr(out, rig_fmt(r, "%s:6: ", file)));
	ck_assert_ptr_nonnull(strstr(out, rig_fmt(r, "%s:7: ", file)));
	ck_assert_ptr_nonnull(strstr(out, rig_fmt(r, "%s:8: ", file)));
	ck_assert_ptr_nonnull(strstr(out, rig_fmt(r, "%s:9: ", file)));
	rig_stop(&r);
}
END_TEST

/* The same file must also keep the daemon itself from starting. */
START_TEST(t_bad_file_is_78_at_start)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", "no_such_key = 1\n");

	rig_daemon_spawn(r, d);
	ck_assert_int_eq(rig_daemon_wait(r, d), 78);
	rig_stop(&r);
}
END_TEST

START_TEST(t_missing_file_is_78)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *args[] = { "-t", "-c", "/nonexistent/ganger.ini", NULL };
	const char *out;

	ck_assert_int_eq(rig_gangerd(r, &out, args), 78);
	ck_assert_ptr_nonnull(strstr(out, "/nonexistent/ganger.ini"));
	rig_stop(&r);
}
END_TEST

/* Whoever can write the file can run anything as the daemon. */
START_TEST(t_file_that_others_may_write_is_78)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *out;
	int d = rig_daemon(r, "w1", INI_ONE);

	ck_assert_int_eq(chmod(rig_daemon_file(r, d), 0666), 0);
	ck_assert_int_eq(run_gangerd(r, d, "-t", &out), 78);
	rig_stop(&r);
}
END_TEST

/* A handler that can never run is found at start, not by the first job. */
START_TEST(t_missing_command_is_78)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *out;
	int d = rig_daemon(r, "w1", "[handler x]\nkind = command\n"
	    "command = /nonexistent/program\n");

	ck_assert_int_eq(run_gangerd(r, d, "-t", &out), 78);
	ck_assert_ptr_nonnull(strstr(out, "/nonexistent/program"));
	rig_stop(&r);
}
END_TEST

START_TEST(t_missing_plugin_is_78)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *out;
	int d = rig_daemon(r, "w1", "[handler x]\nkind = plugin\n"
	    "path = no_such_plugin.so\n");

	ck_assert_int_eq(run_gangerd(r, d, "-t", &out), 78);
	rig_stop(&r);
}
END_TEST

/* A bad variable is named; silently taking the default would hide it. */
START_TEST(t_bad_variable_is_78_and_named)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *out;
	int d = rig_daemon(r, "w1", "");

	rig_setenv(r, "MAX_CONCURRENT_JOBS", "several");
	ck_assert_int_eq(run_gangerd(r, d, "-t", &out), 78);
	ck_assert_ptr_nonnull(strstr(out, "MAX_CONCURRENT_JOBS"));
	rig_stop(&r);
}
END_TEST

/* Variables win over the file, and without a pool they make one. */
START_TEST(t_variables_win_over_the_file)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", "max_concurrent_jobs = 1\n"
	    "[handler selftest]\n");

	rig_setenv(r, "MAX_CONCURRENT_JOBS", "3");
	rig_daemon_start(r, d);
	ck_assert_uint_eq(json_array_size(js(rig_status(r, d), "slots")), 3);
	rig_until(r, js_int(rig_status(r, d), "available_slots") == 3);
	rig_stop(&r);
}
END_TEST

START_TEST(t_unknown_option_is_64)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *args[] = { "-Z", NULL };

	ck_assert_int_eq(rig_gangerd(r, NULL, args), 64);
	rig_stop(&r);
}
END_TEST

START_TEST(t_version_is_printed)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *args[] = { "-V", NULL };
	const char *out;

	ck_assert_int_eq(rig_gangerd(r, &out, args), 0);
	ck_assert_ptr_nonnull(strstr(out, PACKAGE_VERSION));
	rig_stop(&r);
}
END_TEST

/* What -T prints is a configuration that means the same. */
START_TEST(t_dump_is_a_configuration)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	const char *out, *again, *path = rig_fmt(r, "%s/dump.ini", rig_dir(r));
	const char *args[] = { "-T", "-c", path, NULL };
	int d = rig_daemon(r, "w1", "retry_backoff = 1500ms\n[pool p]\n"
	    "slots = 4\n[handler selftest]\n");
	FILE *f;

	ck_assert_int_eq(run_gangerd(r, d, "-T", &out), 0);
	ck_assert_ptr_nonnull(strstr(out, "retry_backoff"));
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs(out, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_eq(rig_gangerd(r, &again, args), 0);
	/* The first line names the file it came from. */
	ck_assert_ptr_nonnull(strchr(out, '\n'));
	ck_assert_str_eq(strchr(out, '\n'), strchr(again, '\n'));
	rig_stop(&r);
}
END_TEST

/* A daemon that came up without Redis would look healthy and do nothing. */
START_TEST(t_no_redis_is_69)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	int d = rig_daemon(r, "w1", INI_ONE);

	rig_daemon_spawn(r, d);
	ck_assert_int_eq(rig_daemon_wait(r, d), 69);
	rig_stop(&r);
}
END_TEST

START_TEST(t_wrong_password_is_69)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI_ONE);

	rig_cmd(r, "CONFIG SET requirepass secret");
	rig_daemon_spawn(r, d);
	ck_assert_int_eq(rig_daemon_wait(r, d), 69);
	rig_cmd(r, "AUTH secret");
	rig_cmd(r, "CONFIG SET requirepass %s", "");
	rig_stop(&r);
}
END_TEST

/* Two daemons on one port: the second must say so, not serve half of it. */
START_TEST(t_taken_port_is_71)
{
	struct rig *r = rig_start(INI_ONE);
	const char *text;
	int d = rig_daemon(r, "w2", INI_ONE), port = rig_daemon_port(r, 0);
	FILE *f;

	text = rig_slurp(r, rig_daemon_file(r, d));
	ck_assert_ptr_nonnull(f = fopen(rig_daemon_file(r, d), "w"));
	fwrite(text, 1, (size_t)(strstr(text, "127.0.0.1:") - text), f);
	fprintf(f, "127.0.0.1:%d\n", port);
	fclose(f);
	rig_daemon_spawn(r, d);
	ck_assert_int_eq(rig_daemon_wait(r, d), 71);
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 200);
	rig_stop(&r);
}
END_TEST

/*
 * One pidfile, one daemon: a second one would steal the first one's ipc
 * address without any error.
 */
START_TEST(t_held_pidfile_is_73)
{
	struct rig *r = rig_start(INI_ONE);
	const char *out, *pid;

	pid = rig_slurp(r, rig_fmt(r, "%s/d0/run/gangerd.pid", rig_dir(r)));
	ck_assert_ptr_nonnull(pid);
	ck_assert_int_eq(atoi(pid), rig_daemon_pid(r, 0));
	ck_assert_int_eq(run_gangerd(r, 0, "-F", &out), 73);
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 200);
	pid = rig_slurp(r, rig_fmt(r, "%s/d0/run/gangerd.pid", rig_dir(r)));
	ck_assert_int_eq(atoi(pid), rig_daemon_pid(r, 0));
	rig_stop(&r);
}
END_TEST

/*
 * Two live workers of one id would settle each other's leases. The refused
 * one must not have touched anything of the first one's, such as its child.
 */
START_TEST(t_held_worker_id_is_73)
{
	struct rig *r = rig_start(INI_ONE);
	pid_t child = (pid_t)rig_slot_int(r, 0, 0, "pid");
	int d = rig_daemon(r, "w1", INI_ONE);

	rig_daemon_spawn(r, d);
	ck_assert_int_eq(rig_daemon_wait(r, d), 73);
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 200);
	ck_assert(rig_alive(child));
	rig_stop(&r);
}
END_TEST

/* The way a service manager and a terminal end it; rig_stop does TERM. */
static void
stop_with(int sig)
{
	struct rig *r = rig_start(INI_FOUR);

	rig_kill(rig_daemon_pid(r, 0), sig);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	rig_stop(&r);
}

START_TEST(t_idle_stop_by_term_leaves_nothing)
{
	stop_with(SIGTERM);
}
END_TEST

START_TEST(t_idle_stop_by_int_leaves_nothing)
{
	stop_with(SIGINT);
}
END_TEST

START_TEST(t_idle_stop_by_quit_leaves_nothing)
{
	stop_with(SIGQUIT);
}
END_TEST

/* An id that was given back by a clean stop is free at once. */
START_TEST(t_restart_with_the_same_id)
{
	struct rig *r = rig_start(INI_ONE);

	rig_daemon_end(r, 0);
	rig_daemon_start(r, 0);
	rig_push(r, Q_INF, "{\"id\":\"a1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\",\"value\":1}}");
	rig_wait_record(r, Q_INF, "a1", "done");
	rig_stop(&r);
}
END_TEST

static void
check_worker(struct rig *r, const json_t *w)
{
	ck_assert_str_eq(js_str(w, "worker_id"), "w1");
	ck_assert_str_ne(js_str(w, "host"), "");
	ck_assert_int_eq(js_int(w, "pid"), rig_daemon_pid(r, 0));
	ck_assert_str_eq(js_str(w, "version"), PACKAGE_VERSION);
	ck_assert_str_eq(js_str(w, "state"), "running");
	ck_assert_int_eq(js_int(w, "active_jobs"), 0);
	ck_assert_int_eq(js_int(w, "available_slots"), 4);
	ck_assert(json_is_false(js(w, "gpu_enabled")));
	ck_assert_int_gt(js_int(w, "started_at"), 1600000000000LL);
	ck_assert_ptr_nonnull(js(w, "redis"));
	ck_assert_ptr_nonnull(json_object_get(w, "config"));
	ck_assert(json_is_object(js(w, "counters")));
	ck_assert_uint_eq(json_array_size(js(w, "slots")), 4);
}

static void
check_slot(const json_t *s, int i)
{
	ck_assert_int_eq(js_int(s, "slot"), i);
	ck_assert_str_eq(js_str(s, "pool"), "p");
	ck_assert_str_eq(js_str(s, "state"), "idle");
	ck_assert(rig_alive((pid_t)js_int(s, "pid")));
	ck_assert_int_ge(js_int(s, "generation"), 1);
	ck_assert_str_ne(js_str(s, "cpus"), "");
	ck_assert_ptr_nonnull(json_object_get(s, "devices"));
	ck_assert_ptr_nonnull(json_object_get(s, "job"));
	ck_assert_ptr_nonnull(json_object_get(s, "handler"));
	ck_assert_ptr_nonnull(json_object_get(s, "models"));
	ck_assert_ptr_nonnull(json_object_get(s, "why"));
}

/* Dashboards of the system that Ganger replaces read these very names. */
START_TEST(t_status_has_the_fields_of_the_contract)
{
	struct rig *r = rig_start(INI_FOUR);
	const char *body;
	json_t *all;
	int i;

	ck_assert_int_eq(rig_http(r, 0, "/healthz", NULL), 200);
	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 4);
	check_worker(r, rig_status(r, 0));
	for (i = 0; i < 4; i++)
		check_slot(js(rig_status(r, 0), rig_fmt(r, "slots.%d", i)),
		    i);
	ck_assert_int_eq(rig_http(r, 0, "/workers/status", &body), 200);
	ck_assert_ptr_nonnull(all = json_loads(body, 0, NULL));
	ck_assert_int_eq(js_int(all, "active_jobs"), 0);
	ck_assert_int_eq(js_int(all, "available_slots"), 4);
	ck_assert(json_is_false(js(all, "gpu_enabled")));
	json_decref(all);
	ck_assert_int_eq(rig_http(r, 0, "/no/such/page", NULL), 404);
	rig_stop(&r);
}
END_TEST

/* The fleet sees a worker in Redis, and no longer once it has stopped. */
START_TEST(t_worker_is_known_while_it_lives)
{
	struct rig *r = rig_start(INI_ONE);
	const char *text;
	json_t *w;

	rig_until(r, rig_int(r, "ZCARD ai:workers") == 1);
	text = rig_str(r, "GET ai:worker:w1");
	ck_assert_ptr_nonnull(w = json_loads(text, 0, NULL));
	ck_assert_str_eq(js_str(w, "worker_id"), "w1");
	json_decref(w);
	ck_assert_int_gt(rig_int(r, "PTTL ai:worker:w1"), 0);
	rig_daemon_end(r, 0);
	ck_assert_int_eq(rig_int(r, "EXISTS ai:worker:w1"), 0);
	ck_assert_int_eq(rig_int(r, "ZCARD ai:workers"), 0);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_a_start",
    t_good_file_passes_the_check,
    t_bad_file_is_78_and_names_every_line,
    t_bad_file_is_78_at_start,
    t_missing_file_is_78,
    t_file_that_others_may_write_is_78,
    t_missing_command_is_78,
    t_missing_plugin_is_78,
    t_bad_variable_is_78_and_named,
    t_variables_win_over_the_file,
    t_unknown_option_is_64,
    t_version_is_printed,
    t_dump_is_a_configuration,
    t_no_redis_is_69,
    t_wrong_password_is_69,
    t_taken_port_is_71,
    t_held_pidfile_is_73,
    t_held_worker_id_is_73,
    t_idle_stop_by_term_leaves_nothing,
    t_idle_stop_by_int_leaves_nothing,
    t_idle_stop_by_quit_leaves_nothing,
    t_restart_with_the_same_id,
    t_status_has_the_fields_of_the_contract,
    t_worker_is_known_while_it_lives)
