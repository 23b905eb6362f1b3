/*
 * Upgrade in place: the program is replaced while jobs run, and none fails,
 * runs twice or is lost, whichever of the two processes ends when.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define HANDLERS "[handler selftest]\n[handler wait]\nkind = command\n" \
	"command = @SRC@/wait.sh\nenv.DUMP = @DIR@\n"
#define INI "kill_grace = 200ms\nretry_backoff = 10ms\nlease_ttl = 2s\n" \
	"[pool p]\nslots = 2\ncpus = 0\n" HANDLERS
#define JOBS 300

static pid_t
daemon_pid(struct rig *r)
{
	const char *text = rig_slurp(r, rig_fmt(r, "%s/d0/run/gangerd.pid",
	    rig_dir(r)));

	return (text == NULL ? 0 : (pid_t)atoi(text));
}

static void
background(struct rig *r)
{
	const char *args[] = { "-c", rig_daemon_file(r, 0), NULL }, *out;
	int code = rig_gangerd(r, &out, args);

	ck_assert_msg(code == 0, "ended with %d: %s", code, out);
}

static struct rig *
start(void)
{
	struct rig *r = rig_new(0);

	(void)rig_daemon(r, "w1", INI);
	background(r);
	return (r);
}

/* The worker's status, by its name; NULL between two processes. */
static json_t *
worker(struct rig *r, const char *id)
{
	static json_t *last;
	const char *text = rig_str(r, "GET ai:worker:%s", id);

	json_decref(last);
	last = json_loads(text, 0, NULL);
	return (last);
}

static bool
has_taken_over(struct rig *r, pid_t old)
{
	pid_t pid = daemon_pid(r);

	/* it has not seen yet that the process before it is gone */
	if (strstr(js_str(worker(r, "w1"), "upgrade.message"),
	    "before this one") != NULL)
		rig_kill(old, SIGURG);
	return (pid != 0 && pid != old &&
	    js_int(worker(r, "w1"), "pid") == pid);
}

/* The old process knows it too; before that it would take all back if the new
 * one ended. */
static bool
has_left(struct rig *r, pid_t old)
{
	redisReply *keys = rig_cmd(r, "KEYS ai:worker:w1-old-*");
	json_t *o;
	bool left = !rig_alive(old);

	if (!left && keys->elements == 1) {
		o = json_loads(rig_str(r, "GET %s", keys->element[0]->str), 0,
		    NULL);
		left = strcmp(js_str(o, "state"), "stopping") == 0;
		json_decref(o);
	}
	return (left);
}

/* Gives the new process. */
static pid_t
upgrade(struct rig *r)
{
	pid_t old = daemon_pid(r);

	rig_kill(old, SIGURG);
	rig_until(r, has_taken_over(r, old));
	rig_until(r, has_left(r, old));
	return (daemon_pid(r));
}

static void
stop(struct rig *r, pid_t pid)
{
	rig_kill(pid, SIGTERM);
	rig_until(r, !rig_alive(pid));
	rig_stop(&r);
}

/* A job that runs until let_go; its process. */
static pid_t
push_waiting(struct rig *r)
{
	rig_push(r, Q_INF, "{\"id\":\"long\",\"handler\":\"wait\"}");
	rig_until(r, rig_exists(r, "pid"));
	return ((pid_t)atoi(rig_slurp(r, rig_fmt(r, "%s/pid", rig_dir(r)))));
}

static void
let_go(struct rig *r)
{
	int fd = creat(rig_fmt(r, "%s/go", rig_dir(r)), 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void
run_echo(struct rig *r, const char *id)
{
	rig_pushf(r, Q_INF, "{\"id\":\"%s\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\",\"value\":1}}", id);
	ck_assert_int_eq(js_int(rig_wait_record(r, Q_INF, id, "done"),
	    "attempt"), 1);
}

/* The number of a slot that is in this state; -1: none is. */
static int
slot_in(struct rig *r, const char *state)
{
	json_t *w = worker(r, "w1");
	int i;

	for (i = 0; i < 2; i++)
		if (strcmp(js_str(w, rig_fmt(r, "slots.%d.state", i)),
		    state) == 0)
			return (i);
	return (-1);
}

/* Once, and at its first attempt. */
static void
check_long(struct rig *r)
{
	json_t *rec = rig_wait_record(r, Q_INF, "long", "done");

	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	ck_assert_int_eq(js_int(rec, "result"), 1);
}

/*
 * The point of it: a job that runs sees nothing, others run meanwhile, and
 * its slot is taken only when it is free.
 */
START_TEST(t_running_job_outlives_the_upgrade)
{
	struct rig *r = start();
	pid_t old = daemon_pid(r), job = push_waiting(r), new;

	new = upgrade(r);
	ck_assert(rig_alive(job));
	ck_assert(rig_alive(old));
	run_echo(r, "meanwhile");
	ck_assert_str_eq(js_str(rig_record(r, Q_INF, "meanwhile"), "worker"),
	    "w1");
	rig_until(r, slot_in(r, "idle") >= 0);
	ck_assert_int_ge(slot_in(r, "down"), 0);
	ck_assert_int_eq(rig_int(r, "ZCARD ai:workers"), 2);
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 200);
	let_go(r);
	check_long(r);
	rig_until(r, !rig_alive(old));
	rig_until(r, slot_in(r, "down") < 0);
	ck_assert_int_eq(rig_int(r, "ZCARD ai:workers"), 1);
	ck_assert_int_eq(rig_int(r, "EXISTS ai:worker:w1"), 1);
	run_echo(r, "after");
	stop(r, new);
}
END_TEST

/* Again and again, under load: 0 failed, 0 charged twice, 0 lost. */
START_TEST(t_upgrades_under_load)
{
	struct rig *r = start();
	pid_t old;
	int i, k = 0;

	for (i = 0; i < 4; i++) {
		for (; k < JOBS * (i + 1) / 4; k++)
			rig_pushf(r, k % 2 == 0 ? Q_INF : Q_CPU,
			    "{\"id\":\"j%d\",\"type\":\"selftest\",\"input\":"
			    "{\"op\":\"sleep\",\"seconds\":0.005}}", k);
		if (i == 3)
			break;
		old = daemon_pid(r);
		(void)upgrade(r);
		rig_until(r, !rig_alive(old));
	}
	for (i = 0; i < JOBS; i++)
		ck_assert_int_eq(js_int(rig_wait_record(r, i % 2 == 0 ? Q_INF :
		    Q_CPU, rig_fmt(r, "j%d", i), "done"), "attempt"), 1);
	ck_assert_int_eq(rig_stat(r, Q_INF, "done") +
	    rig_stat(r, Q_CPU, "done"), JOBS);
	ck_assert_int_eq(rig_stat(r, Q_INF, "failed") +
	    rig_stat(r, Q_CPU, "failed"), 0);
	ck_assert_int_eq(js_int(worker(r, "w1"), "counters.taken_over"), 0);
	stop(r, daemon_pid(r));
}
END_TEST

/* Of a handler that may run once in the fleet the old process's job counts. */
START_TEST(t_limits_hold_across_an_upgrade)
{
	struct rig *r = rig_new(0);
	pid_t old, job;
	int i;

	(void)rig_daemon(r, "w1", INI "max_running = 1\n");
	background(r);
	old = daemon_pid(r);
	job = push_waiting(r);
	(void)upgrade(r);
	rig_push(r, Q_INF, "{\"id\":\"second\",\"handler\":\"wait\"}");
	for (i = 0; i < 5; i++)
		run_echo(r, rig_fmt(r, "e%d", i));
	/* each run writes its own process there */
	ck_assert_int_eq(atoi(rig_slurp(r, rig_fmt(r, "%s/pid",
	    rig_dir(r)))), job);
	let_go(r);
	check_long(r);
	(void)rig_wait_record(r, Q_INF, "second", "done");
	rig_until(r, !rig_alive(old));
	stop(r, daemon_pid(r));
}
END_TEST

/* What keeps the new program from starting is said, and nothing changed. */
START_TEST(t_failed_upgrade_changes_nothing)
{
	struct rig *r = start();
	pid_t old = daemon_pid(r);
	json_t *w;

	(void)push_waiting(r);
	rig_daemon_config(r, 0, "no_such_key = 1\n" INI);
	rig_kill(old, SIGURG);
	rig_until(r, js(worker(r, "w1"), "upgrade.message") != NULL);
	w = worker(r, "w1");
	ck_assert(json_is_false(js(w, "upgrade.ok")));
	ck_assert_ptr_nonnull(strstr(js_str(w, "upgrade.message"),
	    "ended with status 78"));
	ck_assert_ptr_nonnull(strstr(js_str(w, "upgrade.message"),
	    "no_such_key"));
	ck_assert_int_eq(daemon_pid(r), old);
	run_echo(r, "e1");
	let_go(r);
	check_long(r);
	rig_daemon_config(r, 0, INI);
	(void)upgrade(r);
	rig_until(r, !rig_alive(old));
	stop(r, daemon_pid(r));
}
END_TEST

/* Whoever stops the daemon means all of it. */
START_TEST(t_stop_reaches_the_old_process_too)
{
	struct rig *r = start();
	pid_t old = daemon_pid(r), new;

	(void)push_waiting(r);
	new = upgrade(r);
	rig_kill(new, SIGTERM);
	rig_until(r, strcmp(js_str(worker(r, "w1"), "state"), "stopping") ==
	    0);
	ck_assert(rig_alive(old));
	let_go(r);
	check_long(r);
	rig_until(r, !rig_alive(old) && !rig_alive(new));
	rig_stop(&r);
}
END_TEST

START_TEST(t_quick_stop_hands_back_what_the_old_process_runs)
{
	struct rig *r = start();
	pid_t old = daemon_pid(r), new;

	(void)push_waiting(r);
	new = upgrade(r);
	rig_kill(new, SIGINT);
	rig_until(r, !rig_alive(old) && !rig_alive(new));
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF) +
	    rig_int(r, "LLEN {" Q_INF "}:high"), 1);
	rig_stop(&r);
}
END_TEST

/* Its jobs are any dead worker's, and its slots are free. */
START_TEST(t_old_process_killed)
{
	struct rig *r = start();
	pid_t old = daemon_pid(r), job = push_waiting(r), new;

	new = upgrade(r);
	rig_kill(old, SIGKILL);
	rig_until(r, !rig_alive(job));
	let_go(r);
	rig_until(r, rig_record(r, Q_INF, "long") != NULL &&
	    strcmp(js_str(rig_record(r, Q_INF, "long"), "state"), "done") ==
	    0);
	ck_assert_str_eq(js_str(rig_record(r, Q_INF, "long"), "worker"),
	    "w1");
	rig_until(r, slot_in(r, "down") < 0);
	run_echo(r, "after");
	stop(r, new);
}
END_TEST

/*
 * The old process's jobs are not the dead daemon's: a start anew takes over
 * what that one held, and nothing of theirs.
 */
START_TEST(t_new_process_killed_and_started_anew)
{
	struct rig *r = start();
	pid_t old = daemon_pid(r), job = push_waiting(r), new;

	new = upgrade(r);
	rig_kill(new, SIGKILL);
	rig_until(r, !rig_alive(new));
	background(r);
	run_echo(r, "anew");
	ck_assert(rig_alive(job));
	let_go(r);
	check_long(r);
	rig_until(r, !rig_alive(old));
	run_echo(r, "alone");
	stop(r, daemon_pid(r));
}
END_TEST

/* Whoever started it there would take the end of the old process for ours. */
START_TEST(t_foreground_is_refused)
{
	struct rig *r = rig_start(INI_ONE);

	rig_kill(rig_daemon_pid(r, 0), SIGURG);
	rig_until(r, js(rig_status(r, 0), "upgrade.message") != NULL);
	ck_assert(json_is_false(js(rig_status(r, 0), "upgrade.ok")));
	ck_assert_ptr_nonnull(strstr(js_str(rig_status(r, 0),
	    "upgrade.message"), "foreground"));
	run_echo(r, "e1");
	rig_stop(&r);
}
END_TEST

static bool
heard(int fd, const char *word)
{
	char text[512];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return (strstr(text, word) != NULL);
}

/* Under systemd it names its successor, which then speaks for itself. */
START_TEST(t_manager_follows)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI), fd;
	const char *path = rig_fmt(r, "%s/notify", rig_dir(r));
	pid_t new;

	ck_assert_uint_lt(strlen(path), sizeof(sun.sun_path));
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	rig_setenv(r, "NOTIFY_SOCKET", path);
	rig_setenv(r, "WATCHDOG_USEC", "400000");
	rig_daemon_start(r, d);
	rig_until(r, heard(fd, "READY=1"));
	new = upgrade(r);
	rig_until(r, heard(fd, rig_fmt(r, "MAINPID=%d\nSTATUS=handed",
	    (int)new)));
	rig_until(r, heard(fd, rig_fmt(r, "READY=1\nMAINPID=%d", (int)new)));
	rig_until(r, heard(fd, "WATCHDOG=1"));
	ck_assert_int_eq(rig_daemon_wait(r, d), 0);
	close(fd);
	stop(r, new);
}
END_TEST

RIG_MAIN("s_n_upgrade",
    t_running_job_outlives_the_upgrade,
    t_upgrades_under_load,
    t_limits_hold_across_an_upgrade,
    t_failed_upgrade_changes_nothing,
    t_stop_reaches_the_old_process_too,
    t_quick_stop_hands_back_what_the_old_process_runs,
    t_old_process_killed,
    t_new_process_killed_and_started_anew,
    t_foreground_is_refused,
    t_manager_follows)
