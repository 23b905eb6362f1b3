/*
 * Runs `ganger-gpuprobe --list` under a deadline. It blocks for as long as
 * that, so it is for start-up and tools. The prober may hang in the driver,
 * where even KILL has to wait: then it is left behind, never waited for.
 */
#include "config.h"

#include "place/gpu.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

#define LIST_BYTES (1u << 20)
#define KILL_WAIT (500 * DUR_MS)  /* for the end of a killed prober */

extern char **environ;

static int
fail(struct gpu_list *out, int code, const char *prober, const char *what)
{
	gpu_list_fini(out);
	(void)snprintf(out->why, sizeof(out->why), "%.120s %.120s", prober,
	    what);
	return (code);
}

/* In a group of its own, so that what it starts ends with it. */
static int
start(const char *prober, int out, pid_t *pidp)
{
	char name[] = "ganger-gpuprobe", list[] = "--list";
	char *argv[] = { name, list, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO,
	    "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_addopen(&files, STDERR_FILENO,
	    "/dev/null", O_WRONLY, 0);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = posix_spawn(pidp, prober, &files, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return (err);
}

/* 0 at the end of the text, -ERR_TIMEOUT, -ERR_SYSTEM, -ERR_NOSPACE. */
static int
read_list(int fd, mono_t end, struct buf *text)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char part[4096];
	ssize_t n;
	dur_t left;

	for (;;) {
		if ((left = end - mono_now()) <= 0)
			return (-ERR_TIMEOUT);
		if (poll(&p, 1, (int)(left / DUR_MS) + 1) < 0 &&
		    errno != EINTR)
			return (-ERR_SYSTEM);
		if ((n = read(fd, part, sizeof(part))) == 0)
			return (0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return (-ERR_SYSTEM);
		if (n > 0 && buf_put(text, part, (size_t)n) != 0)
			return (-ERR_NOSPACE);
	}
}

/* True if it has ended; its status is in *statusp then. */
static bool
ended_by(pid_t pid, mono_t end, int *statusp)
{
	const struct timespec nap = { 0, 2000000 };
	pid_t got;

	while ((got = waitpid(pid, statusp, WNOHANG)) == 0 &&
	    mono_now() < end)
		(void)nanosleep(&nap, NULL);
	return (got == pid);
}

static int
judge(const char *prober, int rc, bool ended, int status, struct buf *text,
    struct gpu_list *out)
{
	char what[64];

	if (rc == -ERR_TIMEOUT || (rc == 0 && !ended))
		return (fail(out, -ERR_TIMEOUT, prober, "did not answer in "
		    "time, the driver may hang"));
	if (rc != 0)
		return (fail(out, rc, prober, err_text(rc)));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)snprintf(what, sizeof(what), "ended with %s %d",
		    WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) :
		    WTERMSIG(status));
		return (fail(out, -ERR_SYNTAX, prober, what));
	}
	return (gpu_list_parse(buf_cstr(text), text->len, out));
}

int
gpu_list_probe(const char *prober, dur_t limit, struct gpu_list *out)
{
	mono_t end = mono_add(mono_now(), limit);
	int pair[2], err, rc, status = 0;
	struct buf text;
	bool ended;
	pid_t pid;

	memset(out, 0, sizeof(*out));
	if (pipe2(pair, O_CLOEXEC) != 0)
		return (fail(out, -ERR_SYSTEM, prober, strerror(errno)));
	if ((err = start(prober, pair[1], &pid)) != 0) {
		fd_close(&pair[0]);
		fd_close(&pair[1]);
		return (fail(out, -ERR_SYSTEM, prober, strerror(err)));
	}
	fd_close(&pair[1]);
	(void)fd_nonblock(pair[0]);
	buf_init(&text, LIST_BYTES);
	rc = read_list(pair[0], end, &text);
	ended = rc == 0 && ended_by(pid, end, &status);
	(void)kill(-pid, SIGKILL);
	if (!ended)
		(void)ended_by(pid, mono_now() + KILL_WAIT, &status);
	rc = judge(prober, rc, ended, status, &text, out);
	buf_fini(&text);
	fd_close(&pair[0]);
	return (rc);
}
