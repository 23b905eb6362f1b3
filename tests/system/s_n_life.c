/*
 * The life of the daemon's process: in the background for init scripts, with
 * a service manager that is told, with a log that rotates, and refused where
 * another one runs already.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define INI_WAIT \
	"kill_grace = 200ms\n[pool p]\nslots = 1\ncpus = 0\n" \
	"[handler wait]\nkind = command\ncommand = @SRC@/wait.sh\n" \
	"env.DUMP = @DIR@\n"
#define INI_LOGGED INI_ONE "[log]\ntarget = @DIR@/ganger.log\n"
#define WATCHDOG_MS 200

static int
run_gangerd(struct rig *r, int d, const char *flag, const char **outp)
{
	const char *args[] = { "-c", rig_daemon_file(r, d), flag, NULL };

	return (rig_gangerd(r, outp, args));
}

static pid_t
pidfile_pid(struct rig *r)
{
	const char *text = rig_slurp(r, rig_fmt(r, "%s/d0/run/gangerd.pid",
	    rig_dir(r)));

	return (text == NULL ? 0 : (pid_t)atoi(text));
}

/* The way of an init script. What it may rely on: the exit status, the
 * pidfile, and that the daemon is up when the command returns. */
START_TEST(t_background_returns_when_it_is_up)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI_LOGGED);
	const char *out;
	char cwd[64] = "";
	pid_t pid;

	ck_assert_int_eq(run_gangerd(r, d, NULL, &out), 0);
	ck_assert_str_eq(out, "");
	ck_assert_int_gt(rig_int(r, "EXISTS ai:worker:w1"), 0);
	ck_assert_int_eq(rig_http(r, d, "/healthz", NULL), 200);
	ck_assert_int_gt(pid = pidfile_pid(r), 0);
	ck_assert(rig_alive(pid));
	ck_assert_int_eq(getsid(pid), pid);
	ck_assert_int_gt(readlink(rig_fmt(r, "/proc/%d/cwd", (int)pid), cwd,
	    sizeof(cwd) - 1), 0);
	ck_assert_str_eq(cwd, "/");
	ck_assert_int_eq(run_gangerd(r, d, NULL, &out), 73);
	ck_assert_ptr_nonnull(strstr(out, rig_fmt(r, "held by process %d",
	    (int)pid)));
	ck_assert_int_eq(pidfile_pid(r), pid);
	rig_kill(pid, SIGTERM);
	rig_until(r, !rig_alive(pid));
	ck_assert_int_eq(pidfile_pid(r), 0);
	rig_stop(&r);
}
END_TEST

/* What keeps the daemon from coming up is the command's own exit status. */
START_TEST(t_background_fails_with_the_daemons_status)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	struct sockaddr_in a = { .sin_family = AF_INET };
	int d = rig_daemon(r, "w1", INI_ONE), fd;
	const char *out;

	ck_assert_int_eq(run_gangerd(r, d, NULL, &out), 69);
	rig_redis_start(r);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((uint16_t)rig_daemon_port(r, d));
	ck_assert_int_ge(fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(run_gangerd(r, d, NULL, &out), 71);
	ck_assert_ptr_nonnull(strstr(out, "cannot listen on"));
	close(fd);
	rig_stop(&r);
}
END_TEST

/* logrotate's way: move the file, then USR1. */
START_TEST(t_usr1_reopens_the_log)
{
	struct rig *r = rig_start(INI_LOGGED);
	const char *path = rig_fmt(r, "%s/ganger.log", rig_dir(r));
	const char *moved = rig_fmt(r, "%s/ganger.log.1", rig_dir(r));

	ck_assert_ptr_nonnull(strstr(rig_slurp(r, path), "worker w1"));
	ck_assert_int_eq(rename(path, moved), 0);
	rig_kill(rig_daemon_pid(r, 0), SIGUSR1);
	rig_until(r, access(path, F_OK) == 0);
	rig_kill(rig_daemon_pid(r, 0), SIGUSR2);
	rig_until(r, strstr(rig_slurp(r, path), "draining") != NULL);
	ck_assert_ptr_null(strstr(rig_slurp(r, moved), "draining"));
	rig_stop(&r);
}
END_TEST

/*
 * A second start is refused before it has touched anything: a job of the
 * first one goes on in its folder.
 */
START_TEST(t_second_start_leaves_jobs_alone)
{
	struct rig *r = rig_start(INI_WAIT);
	const char *out, *link;
	char cwd[400];
	ssize_t n;
	pid_t pid;

	rig_push(r, Q_INF, "{\"id\":\"j\",\"handler\":\"wait\"}");
	rig_until(r, rig_exists(r, "pid"));
	pid = (pid_t)atoi(rig_slurp(r, rig_fmt(r, "%s/pid", rig_dir(r))));
	link = rig_fmt(r, "/proc/%d/cwd", (int)pid);
	ck_assert_int_gt(n = readlink(link, cwd, sizeof(cwd) - 1), 0);
	cwd[n] = '\0';
	ck_assert_int_eq(access(cwd, F_OK), 0);
	ck_assert_int_eq(run_gangerd(r, 0, "-F", &out), 73);
	ck_assert_int_eq(run_gangerd(r, 0, NULL, &out), 73);
	ck_assert_msg(access(cwd, F_OK) == 0, "%s went away", cwd);
	ck_assert_int_ge(creat(rig_fmt(r, "%s/go", rig_dir(r)), 0600), 0);
	ck_assert_int_eq(js_int(rig_wait_record(r, Q_INF, "j", "done"),
	    "attempt"), 1);
	ck_assert_int_ne(access(cwd, F_OK), 0);
	rig_stop(&r);
}
END_TEST

/* A folder that anybody may write to is anybody's to put sockets into. */
START_TEST(t_open_run_dir_is_closed)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI_ONE);
	const char *run = rig_fmt(r, "%s/d0/run", rig_dir(r));
	struct stat st;

	ck_assert_int_eq(mkdir(run, 0700), 0);
	ck_assert_int_eq(chmod(run, 0777), 0);
	rig_daemon_start(r, d);
	ck_assert_int_eq(stat(run, &st), 0);
	ck_assert_int_eq(st.st_mode & 066, 0);
	rig_stop(&r);
}
END_TEST

/* ---- the service manager ---- */

static int
manager_open(struct rig *r)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *path = rig_fmt(r, "%s/notify", rig_dir(r));
	int fd;

	ck_assert_uint_lt(strlen(path), sizeof(sun.sun_path));
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	rig_setenv(r, "NOTIFY_SOCKET", path);
	return (fd);
}

/* The next message within ms milliseconds, or NULL. */
static const char *
manager_hear(int fd, int ms)
{
	static char text[512];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return (NULL);
	ck_assert_int_gt(n = recv(fd, text, sizeof(text) - 1, 0), 0);
	text[n] = '\0';
	return (text);
}

/* The next message with this word in it. */
static const char *
manager_expect(struct rig *r, int fd, const char *word)
{
	const char *text = NULL;

	rig_until(r, (text = manager_hear(fd, 0)) != NULL &&
	    strstr(text, word) != NULL);
	return (text);
}

START_TEST(t_manager_hears_of_start_reload_and_stop)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI_ONE), fd = manager_open(r);
	const char *text;

	rig_daemon_spawn(r, d);
	text = manager_expect(r, fd, "READY=1");
	ck_assert_ptr_nonnull(strstr(text, rig_fmt(r, "MAINPID=%d\n",
	    (int)rig_daemon_pid(r, d))));
	ck_assert_ptr_nonnull(strstr(text, "STATUS=running"));
	/* ready means ready: the id is held */
	ck_assert_int_eq(rig_int(r, "EXISTS ai:worker:w1"), 1);
	rig_kill(rig_daemon_pid(r, d), SIGHUP);
	text = manager_expect(r, fd, "RELOADING=1");
	ck_assert_ptr_nonnull(text = strstr(text, "MONOTONIC_USEC="));
	ck_assert(strtod(text + strlen("MONOTONIC_USEC="), NULL) / 1e6 <=
	    rig_now());
	(void)manager_expect(r, fd, "READY=1");
	rig_kill(rig_daemon_pid(r, d), SIGUSR2);
	(void)manager_expect(r, fd, "STATUS=draining");
	rig_kill(rig_daemon_pid(r, d), SIGTERM);
	text = manager_expect(r, fd, "STOPPING=1");
	ck_assert_ptr_nonnull(strstr(text, "EXTEND_TIMEOUT_USEC="));
	ck_assert_int_eq(rig_daemon_wait(r, d), 0);
	close(fd);
	rig_stop(&r);
}
END_TEST

/*
 * The watchdog is fed by the loop itself: a daemon that does not turn must
 * not look alive. Its jobs and children know nothing of the manager.
 */
START_TEST(t_watchdog_is_fed_by_the_loop)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI_ONE), fd = manager_open(r), i;

	rig_setenv(r, "WATCHDOG_USEC", rig_fmt(r, "%d", WATCHDOG_MS * 1000));
	rig_daemon_start(r, d);
	for (i = 0; i < 3; i++)
		(void)manager_expect(r, fd, "WATCHDOG=1");
	rig_kill(rig_daemon_pid(r, d), SIGSTOP);
	rig_until(r, strstr(rig_slurp(r, rig_fmt(r, "/proc/%d/stat",
	    (int)rig_daemon_pid(r, d))), ") T ") != NULL);
	while (manager_hear(fd, 0) != NULL)
		;
	ck_assert_ptr_null(manager_hear(fd, 2 * WATCHDOG_MS));
	rig_kill(rig_daemon_pid(r, d), SIGCONT);
	(void)manager_expect(r, fd, "WATCHDOG=1");
	rig_push(r, Q_INF, "{\"id\":\"e\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"where\"}}");
	(void)rig_wait_record(r, Q_INF, "e", "done");
	ck_assert_ptr_null(strstr(rig_str(r, "GET %s", REC(Q_INF, "e")),
	    "NOTIFY_SOCKET"));
	close(fd);
	rig_stop(&r);
}
END_TEST

/* Another process's watchdog is not ours to feed. */
START_TEST(t_watchdog_of_another_pid_is_left)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI_ONE), fd = manager_open(r);
	const char *text = NULL;

	rig_setenv(r, "WATCHDOG_USEC", "100000");
	rig_setenv(r, "WATCHDOG_PID", "1");
	rig_daemon_start(r, d);
	rig_kill(rig_daemon_pid(r, d), SIGTERM);
	while (text == NULL || strstr(text, "STOPPING") == NULL) {
		rig_until(r, (text = manager_hear(fd, 0)) != NULL);
		ck_assert_ptr_null(strstr(text, "WATCHDOG"));
	}
	ck_assert_int_eq(rig_daemon_wait(r, d), 0);
	close(fd);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_n_life",
    t_background_returns_when_it_is_up,
    t_background_fails_with_the_daemons_status,
    t_usr1_reopens_the_log,
    t_second_start_leaves_jobs_alone,
    t_open_run_dir_is_closed,
    t_manager_hears_of_start_reload_and_stop,
    t_watchdog_is_fed_by_the_loop,
    t_watchdog_of_another_pid_is_left)
