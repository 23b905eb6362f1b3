/*
 * ganger up: a private redis-server and gangerd in the foreground, for a
 * first try and for tests. One poll loop in phases; nothing is left behind:
 * the children die with us (PDEATHSIG) and the stop has an order, the daemon
 * first so that it can hand its jobs back, then Redis.
 */
#include "config.h"

#include "cli/cli.h"

#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "cli/out.h"
#include "cli/rds.h"
#include "cli/up_conf.h"
#include "cli/up_find.h"
#include "cli/up_http.h"
#include "cli/up_proc.h"

#define UP_MAGIC 0x75702121u
#define REDIS_START (60 * DUR_S)   /* reading the append-only file included */
#define READY_WITHIN (30 * DUR_S)
#define DAEMON_ORPHAN (15 * DUR_S) /* to end without a Redis */
#define REDIS_STOP (20 * DUR_S)
#define LOCK_WITHIN (15 * DUR_S)
#define TICK 50                    /* ms, while something is polled for */
#define CONF_MAX (4u << 20)

enum phase {
	UP_REDIS,        /* waiting for Redis to answer */
	UP_DAEMON,       /* waiting for /readyz */
	UP_RUNNING,
	UP_STOP_DAEMON,  /* told to end */
	UP_STOP_REDIS,
	UP_OVER
};

struct up {
	unsigned magic;
	struct cli *cli;         /* borrows */
	char *dir;               /* owns; absolute */
	char *socket;            /* owns */
	char *ini, *redis_conf;  /* own */
	char *user;              /* owns; text of --config, "" */
	char listen[160];        /* "": HTTP is off */
	char url[192];
	struct up_paths paths;   /* the programs */
	struct up_probe probe;
	struct up_proc redis, daemon;
	enum phase phase;
	mono_t deadline;         /* of the phase; MONO_NEVER: none */
	unsigned stops;          /* signals that asked us to end */
	bool warned;             /* not ready in time was said */
	int lock, signals;       /* descriptors */
	int rc;
};

static char *
default_dir(void)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (state != NULL && state[0] == '/')
		return (str_fmt("%s/ganger/up", state));
	if (home == NULL || home[0] != '/')
		cli_die(CLI_USAGE, "HOME is not set: name a folder with "
		    "--dir");
	return (str_fmt("%s/.local/state/ganger/up", home));
}

/* Paths of sockets are short: 107 bytes and a NUL. */
static void
check_socket(const char *path)
{
	struct sockaddr_un un;

	if (strlen(path) >= sizeof(un.sun_path))
		cli_die(CLI_USAGE, "%s is too long for a socket (%zu bytes, "
		    "at most %zu): choose a shorter --dir", path,
		    strlen(path), sizeof(un.sun_path) - 1);
}

static void
make_dirs(struct up *up)
{
	const char *given = cli_text(up->cli, OPT_DIR);
	char *dir = given != NULL ? xstrdup(given) : default_dir();
	char *redis, *ipc;

	if (dir_make(dir, 0700) != 0 ||
	    (up->dir = realpath(dir, NULL)) == NULL)
		cli_die(CLI_FAILED, "could not make %s: %s", dir,
		    strerror(errno));
	free(dir);
	if (strpbrk(up->dir, "\"\\\n;#") != NULL)
		cli_die(CLI_USAGE, "%s: quotes, ; and # are not possible in "
		    "--dir", up->dir);
	up->socket = str_fmt("%s/redis.sock", up->dir);
	up->ini = str_fmt("%s/ganger.ini", up->dir);
	up->redis_conf = str_fmt("%s/redis.conf", up->dir);
	check_socket(up->socket);
	ipc = str_fmt("%s/run/gangerd.0000000000.ipc", up->dir);
	check_socket(ipc);
	free(ipc);
	redis = str_fmt("%s/redis", up->dir);
	if (dir_make(redis, 0700) != 0)
		cli_die(CLI_FAILED, "could not make %s: %s", redis,
		    strerror(errno));
	free(redis);
}

static pid_t
lock_holder(int fd)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return (n <= 0 ? 0 : (pid_t)strtol(text, NULL, 10));
}

/*
 * The lock is held by us and, inherited, by our redis-server: after a KILL
 * of ours, the next run waits until that server has ended too.
 */
static void
take_lock(struct up *up)
{
	mono_t end = mono_add(mono_now(), LOCK_WITHIN);
	char *path = str_fmt("%s/up.lock", up->dir), text[32];
	pid_t pid;

	up->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (up->lock < 0)
		cli_die(CLI_FAILED, "could not open %s: %s", path,
		    strerror(errno));
	while (flock(up->lock, LOCK_EX | LOCK_NB) != 0) {
		pid = lock_holder(up->lock);
		if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
			cli_die(CLI_FAILED, "ganger up is running already in "
			    "%s (pid %d)", up->dir, (int)pid);
		if (mono_now() >= end)
			cli_die(CLI_FAILED, "the redis-server of an earlier "
			    "run still holds %s", path);
		poll(NULL, 0, TICK);
	}
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(up->lock, 0) != 0 ||
	    pwrite(up->lock, text, strlen(text), 0) < 0)
		cli_die(CLI_FAILED, "could not write %s: %s", path,
		    strerror(errno));
	free(path);
}

static void
read_user_conf(struct up *up)
{
	const char *path = cli_text(up->cli, OPT_CONFIG);
	size_t n;
	int r;

	if (path == NULL) {
		up->user = xstrdup("");
		return;
	}
	r = fd_slurp(path, CONF_MAX, &up->user, &n);
	if (r != 0)
		cli_die(CLI_USAGE, "could not read %s: %s", path,
		    err_text(r));
}

/* --listen, else the user's, else the first free port from 8000. */
static void
choose_listen(struct up *up)
{
	const char *given = cli_text(up->cli, OPT_LISTEN);
	char theirs[128] = "";
	bool theirs_set = given == NULL && up_ini_get(up->user, "http",
	    "listen", theirs, sizeof(theirs));
	int r;

	if (theirs_set && theirs[0] == '\0')
		return;
	if (given == NULL)
		given = theirs_set ? theirs : "127.0.0.1:8000";
	r = up_listen_choose(given, !theirs_set &&
	    !cli_has(up->cli, OPT_LISTEN), up->listen, sizeof(up->listen));
	if (r == 0)
		r = up_probe_init(&up->probe, up->listen, up->url,
		    sizeof(up->url));
	if (r != 0)
		cli_die(r == -ERR_SYNTAX ? CLI_USAGE : CLI_FAILED,
		    "can't listen on \"%s\": %s", given, r == -ERR_SYNTAX ?
		    "address:port or [IPv6]:port is wanted" :
		    strerror(errno));
}

static void
write_files(struct up *up)
{
	const char *path = cli_text(up->cli, OPT_CONFIG);
	struct up_conf c = { .dir = up->dir, .socket = up->socket,
	    .user = up->user, .user_path = path == NULL ? "" : path,
	    .listen = up->listen[0] == '\0' ? NULL : up->listen };

	if (up_write_redis(&c, up->redis_conf) != 0 ||
	    up_write_ini(&c, up->ini) != 0)
		cli_die(CLI_FAILED, "could not write to %s: %s", up->dir,
		    strerror(errno));
}

static void
catch_signals(struct up *up)
{
	static const int caught[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP,
	    SIGQUIT };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < NELEM(caught); i++)
		sigaddset(&set, caught[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	up->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (up->signals < 0)
		cli_die(CLI_FAILED, "could not catch signals: %s",
		    strerror(errno));
}

static void
enter(struct up *up, enum phase phase, dur_t within)
{
	up->phase = phase;
	up->deadline = within == 0 ? MONO_NEVER :
	    mono_add(mono_now(), within);
}

/* Ends all, in order; also where something went wrong. */
static void
begin_stop(struct up *up, dur_t within)
{
	up_proc_signal(&up->daemon, SIGTERM);
	enter(up, UP_STOP_DAEMON, within);
}

static void
fail(struct up *up, int rc)
{
	if (up->rc == CLI_OK)
		up->rc = rc;
	begin_stop(up, DAEMON_ORPHAN);
}

static void
start_redis(struct up *up)
{
	char *argv[] = { up->paths.redis, up->redis_conf, NULL };

	if (up_proc_start(&up->redis, argv, up->paths.redis_env,
	    up->lock) != 0)
		cli_die(CLI_FAILED, "could not start %s: %s",
		    up->paths.redis, strerror(errno));
	enter(up, UP_REDIS, REDIS_START);
}

static void
start_daemon(struct up *up)
{
	char fg[] = "-F", conf[] = "-c";
	char *argv[] = { up->paths.daemon, fg, conf, up->ini, NULL };

	if (up_proc_start(&up->daemon, argv, up->paths.daemon_env, -1) != 0) {
		cli_warn("could not start %s: %s", up->paths.daemon,
		    strerror(errno));
		fail(up, CLI_FAILED);
		return;
	}
	enter(up, UP_DAEMON, READY_WITHIN);
}

static int
write_ready_file(struct up *up)
{
	const char *path = cli_text(up->cli, OPT_READY_FILE);
	char *tmp;
	FILE *f;
	int r = -1;

	if (path == NULL)
		return (0);
	tmp = str_fmt("%s.new", path);
	f = fopen(tmp, "we");
	if (f != NULL) {
		fprintf(f, "%s\n%s\n", up->url, up->socket);
		r = fclose(f) == 0 ? rename(tmp, path) : -1;
	}
	if (r != 0)
		cli_warn("could not write %s: %s", path, strerror(errno));
	free(tmp);
	return (r);
}

static void
say_running(struct up *up)
{
	json_t *o;

	if (cli_json(up->cli)) {
		o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}",
		    "redis", up->socket, "http", up->url, "dir", up->dir,
		    "config", up->ini, "gangerd", (int)up->daemon.pid,
		    "redis_server", (int)up->redis.pid);
		out_json(o);
		json_decref(o);
	} else {
		printf("http    %s\nredis   %s\nconfig  %s\n\ntry:\n"
		    "  %s --redis unix:%s submit --wait '{\"type\":"
		    "\"selftest\",\"input\":{\"op\":\"echo\",\"value\":42}}'\n"
		    "  redis-cli -s %s LLEN ai:cpu:queue\n\n"
		    "Ctrl-C ends all\n", up->url[0] == '\0' ? "off" :
		    up->url, up->socket, up->ini, up->paths.self, up->socket,
		    up->socket);
	}
	fflush(stdout);
}

static void
become_ready(struct up *up)
{
	enter(up, UP_RUNNING, 0);
	say_running(up);
	if (write_ready_file(up) != 0)
		fail(up, CLI_FAILED);
}

static void
step_redis(struct up *up)
{
	if (rds_alive(up->socket)) {
		start_daemon(up);
		return;
	}
	if (mono_now() < up->deadline)
		return;
	cli_warn("redis-server does not answer on %s", up->socket);
	fail(up, CLI_UNREACHABLE);
}

/* Without HTTP there is nobody to ask: started is all that can be said. */
static void
step_daemon(struct up *up)
{
	if (up->listen[0] == '\0' || up_probe_step(&up->probe)) {
		become_ready(up);
		return;
	}
	if (mono_now() < up->deadline || up->warned)
		return;
	up->warned = true;
	cli_warn("not ready after %d s: %s", (int)(READY_WITHIN / DUR_S),
	    up_probe_reason(&up->probe));
	if (cli_has(up->cli, OPT_READY_FILE))
		fail(up, CLI_TIMEOUT);
}

static void
step_running(struct up *up)
{
}

static void
step_stop_daemon(struct up *up)
{
	if (!up_proc_running(&up->daemon)) {
		up_proc_signal(&up->redis, SIGTERM);
		enter(up, UP_STOP_REDIS, REDIS_STOP);
	} else if (mono_now() >= up->deadline) {
		cli_warn("gangerd does not end, killing it");
		up_proc_signal(&up->daemon, SIGKILL);
		enter(up, UP_STOP_DAEMON, DAEMON_ORPHAN);
	}
}

static void
step_stop_redis(struct up *up)
{
	if (!up_proc_running(&up->redis))
		enter(up, UP_OVER, 0);
	else if (mono_now() >= up->deadline) {
		cli_warn("redis-server does not end, killing it");
		up_proc_signal(&up->redis, SIGKILL);
		enter(up, UP_STOP_REDIS, REDIS_STOP);
	}
}

typedef void step_f(struct up *up);

static step_f *const steps[] = {
	[UP_REDIS] = step_redis,
	[UP_DAEMON] = step_daemon,
	[UP_RUNNING] = step_running,
	[UP_STOP_DAEMON] = step_stop_daemon,
	[UP_STOP_REDIS] = step_stop_redis,
};

/* First: gracefully. Second: gangerd's quick stop. Third: no more patience. */
static void
asked_to_stop(struct up *up)
{
	up->stops++;
	if (up->stops == 1 && up->phase < UP_STOP_DAEMON) {
		if (up_proc_running(&up->daemon))
			cli_warn("stopping; running jobs may end, again "
			    "Ctrl-C stops them");
		begin_stop(up, 0);
	} else if (up->stops == 2)
		up_proc_signal(&up->daemon, SIGINT);
	else if (up->stops > 2)
		up_proc_signal(&up->daemon, SIGKILL);
}

static void
read_signals(struct up *up)
{
	struct signalfd_siginfo si;

	while (read(up->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			asked_to_stop(up);
}

/* Says which of the two ended although nobody asked it to. */
static void
check_deaths(struct up *up)
{
	char buf[96];

	up_proc_reap(&up->redis);
	up_proc_reap(&up->daemon);
	if (up->phase < UP_STOP_REDIS && up->redis.ended && up->rc == 0) {
		cli_warn("redis-server ended: %s",
		    up_proc_end(&up->redis, buf));
		fail(up, CLI_FAILED);
	}
	if (up->phase < UP_STOP_DAEMON && up->daemon.ended) {
		cli_warn("gangerd ended: %s", up_proc_end(&up->daemon, buf));
		fail(up, CLI_FAILED);
	}
	if (up->phase == UP_STOP_REDIS && up->daemon.ended &&
	    up->daemon.status != 0 && up->rc == CLI_OK &&
	    /* our TERM came before gangerd had begun */
	    !(WIFSIGNALED(up->daemon.status) &&
	    WTERMSIG(up->daemon.status) == SIGTERM)) {
		cli_warn("gangerd did not end cleanly: %s",
		    up_proc_end(&up->daemon, buf));
		up->rc = CLI_FAILED;
	}
}

static int
patience(const struct up *up)
{
	dur_t left;

	if (up->phase == UP_REDIS || up->phase == UP_DAEMON)
		return (TICK);
	if (up->deadline == MONO_NEVER)
		return (-1);
	left = up->deadline - mono_now();
	return (left <= 0 ? 0 : (int)(left / DUR_MS) + 1);
}

static void
turn(struct up *up)
{
	struct pollfd fds[] = {
		{ up->signals, POLLIN, 0 },
		{ up->redis.out, POLLIN, 0 },
		{ up->daemon.out, POLLIN, 0 },
		{ up->phase == UP_DAEMON ? up->probe.fd : -1,
		    up_probe_events(&up->probe), 0 },
	};

	if (poll(fds, NELEM(fds), patience(up)) < 0 && errno != EINTR)
		cli_die(CLI_FAILED, "poll: %s", strerror(errno));
	up_proc_relay(&up->redis);
	up_proc_relay(&up->daemon);
	read_signals(up);
	check_deaths(up);
	if (up->phase != UP_OVER)
		steps[up->phase](up);
	check_deaths(up);
}

static void
up_fini(struct up *up)
{
	const char *ready = cli_text(up->cli, OPT_READY_FILE);

	if (ready != NULL)
		unlink(ready);
	unlink(up->socket);
	up_probe_fini(&up->probe);
	up_paths_fini(&up->paths);
	fd_close(&up->signals);
	fd_close(&up->lock);
	free(up->dir);
	free(up->socket);
	free(up->ini);
	free(up->redis_conf);
	free(up->user);
}

int
cmd_up(struct cli *cli)
{
	struct up up = { .magic = UP_MAGIC, .cli = cli, .lock = -1,
	    .signals = -1, .probe = { .fd = -1 } };

	if (cli_has(cli, OPT_REDIS))
		cli_usage(cli->cmd, "up starts a Redis of its own and takes "
		    "no --redis");
	up_proc_init(&up.redis, "redis");
	up_proc_init(&up.daemon, "gangerd");
	up_paths_find(&up.paths);
	make_dirs(&up);
	take_lock(&up);
	read_user_conf(&up);
	choose_listen(&up);
	if (up.listen[0] == '\0' && cli_has(cli, OPT_READY_FILE))
		cli_usage(cli->cmd, "--ready-file needs HTTP, which the "
		    "configuration turns off");
	write_files(&up);
	catch_signals(&up);
	start_redis(&up);
	while (up.phase != UP_OVER)
		turn(&up);
	up_fini(&up);
	return (up.rc);
}
