/*
 * Reload by HUP: a bad file changes nothing, a good one takes effect, and
 * neither costs a running job.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define COMMAND(name, file) \
	"[handler " name "]\nkind = command\ncommand = @SRC@/" file "\n" \
	"env.DUMP = @DIR@\n"

static long long
counter(struct rig *r, const char *name)
{
	return (js_int(rig_status(r, 0), rig_fmt(r, "counters.%s", name)));
}

/* Writes ini, sends HUP, and waits for this counter to move. */
static void
reload(struct rig *r, const char *ini, const char *name)
{
	long long before = counter(r, name);

	rig_daemon_config(r, 0, ini);
	rig_kill(rig_daemon_pid(r, 0), SIGHUP);
	rig_until(r, counter(r, name) == before + 1);
}

/* Were half of a bad file taken, the worker would run on a mixture. */
START_TEST(t_bad_reload_changes_nothing)
{
	struct rig *r = rig_start(INI_ONE);
	long long pid, gen;
	char *text;

	rig_push(r, Q_INF, ECHO("a"));
	rig_wait_record(r, Q_INF, "a", "done");
	pid = rig_slot_int(r, 0, 0, "pid");
	gen = rig_slot_int(r, 0, 0, "generation");
	reload(r, INI_FOUR "no_such_key = 1\n", "reloads_failed");
	text = json_dumps(js(rig_status(r, 0), "config"), JSON_ENCODE_ANY);
	ck_assert_ptr_nonnull(strstr(text, "no_such_key"));
	free(text);
	ck_assert_uint_eq(json_array_size(js(rig_status(r, 0), "slots")), 1);
	rig_push(r, Q_INF, ECHO("b"));
	rig_wait_record(r, Q_INF, "b", "done");
	ck_assert_int_eq(rig_slot_int(r, 0, 0, "pid"), pid);
	ck_assert_int_eq(rig_slot_int(r, 0, 0, "generation"), gen);
	rig_stop(&r);
}
END_TEST

#define INI_END(top, how) top "kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"[pool p]\nslots = 1\n[handler end]\nkind = command\n" \
	"command = @SRC@/end.sh " how "\n[handler selftest]\n"

/* A new limit, and another command of a handler: no restart for that. */
START_TEST(t_good_reload_takes_effect)
{
	struct rig *r = rig_start(INI_END("max_attempts = 1\n", "exit 3"));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"u\",\"handler\":\"end\"}");
	rec = rig_wait_record(r, Q_INF, "u", "failed");
	ck_assert_int_eq(js_int(rec, "error.exit_code"), 3);
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	reload(r, INI_END("max_attempts = 2\n", "exit 4"), "reloads");
	rig_push(r, Q_INF, "{\"id\":\"v\",\"handler\":\"end\"}");
	rec = rig_wait_record(r, Q_INF, "v", "failed");
	ck_assert_int_eq(js_int(rec, "error.exit_code"), 4);
	ck_assert_int_eq(js_int(rec, "attempt"), 2);
	rig_stop(&r);
}
END_TEST

/* The job that runs while its handler changes ends as if nothing had. */
START_TEST(t_reload_costs_no_running_job)
{
	struct rig *r = rig_start(INI_ONE COMMAND("wait", "wait.sh"));
	long long gen = rig_slot_int(r, 0, 0, "generation");
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"w\",\"handler\":\"wait\"}");
	rig_wait_record(r, Q_INF, "w", "running");
	reload(r, INI_ONE COMMAND("wait", "wait.sh") "env.NEW = 1\n",
	    "reloads");
	rig_push(r, Q_INF, ECHO("behind"));
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rec = rig_wait_record(r, Q_INF, "w", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rig_wait_record(r, Q_INF, "behind", "done");
	rig_until(r, rig_slot_int(r, 0, 0, "generation") > gen);
	rig_stop(&r);
}
END_TEST

/* What a reload can't do is named and stays as it is; the rest applies. */
START_TEST(t_reload_names_what_needs_a_restart)
{
	struct rig *r = rig_start(INI_END("max_attempts = 1\n", "exit 3"));
	const char *text;
	json_t *rec;

	reload(r, "lease_ttl = 40s\n" INI_END("max_attempts = 2\n", "exit 3"),
	    "reloads");
	text = js_str(rig_status(r, 0), "config.message");
	ck_assert_msg(strstr(text, "needs a restart: supervisor lease_ttl")
	    != NULL, "%s", text);
	rig_push(r, Q_INF, "{\"id\":\"v\",\"handler\":\"end\"}");
	rec = rig_wait_record(r, Q_INF, "v", "failed");
	ck_assert_int_eq(js_int(rec, "attempt"), 2);
	/* the lease is what it was, not what the file says */
	rig_push(r, Q_INF, "{\"id\":\"s\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"sleep\",\"seconds\":0.5}}");
	rig_wait_record(r, Q_INF, "s", "running");
	ck_assert_int_le(rig_int(r, "EVAL %s 1 {" Q_INF "}:leases w1",
	    "local t = redis.call('TIME') return "
	    "redis.call('ZSCORE', KEYS[1], ARGV[1]) - t[1] * 1000"), 16000);
	reload(r, INI_END("max_attempts = 2\n", "exit 3"), "reloads");
	text = js_str(rig_status(r, 0), "config.message");
	ck_assert_msg(strstr(text, "restart") == NULL, "%s", text);
	rig_stop(&r);
}
END_TEST

static long long
outcomes(struct rig *r)
{
	return (js_int(rig_status(r, 0), "config.count"));
}

/* An address that somebody else has: nothing of the file is taken. */
START_TEST(t_a_taken_address_changes_nothing)
{
	struct rig *r = rig_start(INI_END("max_attempts = 1\n", "exit 3"));
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	const char *text;
	json_t *rec;
	int fd;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, n), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	rig_daemon_listen(r, 0, rig_fmt(r, "127.0.0.1:%d",
	    ntohs(a.sin_port)), 0);
	reload(r, INI_END("max_attempts = 2\n", "exit 4"), "reloads_failed");
	text = js_str(rig_status(r, 0), "config.message");
	ck_assert_msg(strstr(text, "ganger.ini:") != NULL && strstr(text,
	    "cannot listen on 127.0.0.1:") != NULL, "%s", text);
	rig_push(r, Q_INF, "{\"id\":\"u\",\"handler\":\"end\"}");
	rec = rig_wait_record(r, Q_INF, "u", "failed");
	ck_assert_int_eq(js_int(rec, "error.exit_code"), 3);
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	close(fd);
	rig_stop(&r);
}
END_TEST

static void
move_http(struct rig *r, const char *listen, int port)
{
	long long before = outcomes(r);

	rig_daemon_listen(r, 0, listen, 0);
	rig_daemon_config(r, 0, INI_ONE "[http]\nopen_read = yes\n");
	rig_kill(rig_daemon_pid(r, 0), SIGHUP);
	rig_daemon_listen(r, 0, listen, port);
	rig_until(r, rig_http(r, 0, "/healthz", NULL) == 200);
	rig_until(r, outcomes(r) == before + 1);
	ck_assert(json_is_true(js(rig_status(r, 0), "config.ok")));
}

/* To another port; to an address on the same port that overlaps with the
 * one before; and back. The port that was left is free. */
START_TEST(t_http_moves_to_another_address)
{
	struct rig *r = rig_start(INI_ONE "[http]\nopen_read = yes\n");
	int first = rig_daemon_port(r, 0), second = rig_free_port();

	move_http(r, rig_fmt(r, "127.0.0.1:%d", second), second);
	rig_daemon_listen(r, 0, "", first);
	ck_assert_int_eq(rig_http(r, 0, "/healthz", NULL), 0);
	rig_daemon_listen(r, 0, "", second);
	move_http(r, rig_fmt(r, "0.0.0.0:%d", second), second);
	move_http(r, rig_fmt(r, "127.0.0.1:%d", second), second);
	move_http(r, rig_fmt(r, "127.0.0.1:%d", first), first);
	rig_stop(&r);
}
END_TEST

START_TEST(t_http_goes_off_and_on)
{
	struct rig *r = rig_start(INI_ONE);
	int port = rig_daemon_port(r, 0);

	rig_daemon_listen(r, 0, "", 0);
	rig_daemon_config(r, 0, INI_ONE);
	rig_kill(rig_daemon_pid(r, 0), SIGHUP);
	rig_until(r, rig_http(r, 0, "/healthz", NULL) == 0);
	rig_push(r, Q_INF, ECHO("a"));
	rig_wait_record(r, Q_INF, "a", "done");
	rig_daemon_listen(r, 0, rig_fmt(r, "127.0.0.1:%d", port), port);
	rig_daemon_config(r, 0, INI_ONE);
	rig_kill(rig_daemon_pid(r, 0), SIGHUP);
	rig_until(r, rig_http(r, 0, "/healthz", NULL) == 200);
	rig_stop(&r);
}
END_TEST

/* The new log has what comes from now on, in the new form; one that can't be
 * opened changes nothing. */
START_TEST(t_the_log_moves)
{
	struct rig *r = rig_start(INI_ONE);
	const char *text;

	reload(r, "max_attempts = 1\n" INI_ONE
	    "[log]\ntarget = @DIR@/none/log\n", "reloads_failed");
	text = js_str(rig_status(r, 0), "config.message");
	ck_assert_msg(strstr(text, "cannot open the log") != NULL, "%s", text);
	reload(r, INI_ONE "[log]\ntarget = @DIR@/second.log\n"
	    "format = json\nlevel = debug\n", "reloads");
	rig_push(r, Q_INF, ECHO("a"));
	rig_wait_record(r, Q_INF, "a", "done");
	text = rig_slurp(r, rig_fmt(r, "%s/second.log", rig_dir(r)));
	ck_assert_msg(text != NULL && text[0] == '{' && strstr(text,
	    "\"level\":\"debug\"") != NULL, "%s", text);
	rig_stop(&r);
}
END_TEST

/* The file that a problem is in, by its name. */
START_TEST(t_a_bad_included_file_is_named)
{
	struct rig *r = rig_start(INI_ONE);
	const char *path = rig_fmt(r, "%s/extra.ini", rig_dir(r)), *text;
	FILE *f;

	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs("[handler x]\nkind = command\ncommand = /nonexistent\n", f);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0600), 0);
	reload(r, "include = @DIR@/extra.ini\n" INI_ONE, "reloads_failed");
	text = js_str(rig_status(r, 0), "config.message");
	ck_assert_msg(strstr(text, "extra.ini:3: command:") != NULL, "%s",
	    text);
	rig_stop(&r);
}
END_TEST

/* What the environment says stays above what the file says. */
START_TEST(t_the_environment_wins_on_reload_too)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", "job_timeout = 50s\n[handler selftest]\n");

	rig_setenv(r, "MAX_CONCURRENT_JOBS", "3");
	rig_daemon_start(r, d);
	reload(r, "max_concurrent_jobs = 1\n[handler selftest]\n", "reloads");
	ck_assert_uint_eq(json_array_size(js(rig_status(r, d), "slots")), 3);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_f_reload",
    t_bad_reload_changes_nothing,
    t_good_reload_takes_effect,
    t_reload_costs_no_running_job,
    t_reload_names_what_needs_a_restart,
    t_a_taken_address_changes_nothing,
    t_http_moves_to_another_address,
    t_http_goes_off_and_on,
    t_the_log_moves,
    t_a_bad_included_file_is_named,
    t_the_environment_wins_on_reload_too)
