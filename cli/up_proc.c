/*
 * Children of `ganger up`. They are in process groups of their own, so that
 * Ctrl-C reaches only us and the order of the stop is ours to keep.
 */
#include "config.h"

#include "cli/up_proc.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

#include "cli/out.h"

void
up_proc_init(struct up_proc *p, const char *name)
{
	memset(p, 0, sizeof(*p));
	p->name = name;
	p->out = -1;
}

/* In the child, between fork and exec. */
_Noreturn static void
become(char *const *argv, char *const *env, int out, int keep_fd,
    pid_t parent)
{
	sigset_t none;
	int null;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(127);
	if (null > STDERR_FILENO)
		close(null);
	if (keep_fd >= 0)
		fcntl(keep_fd, F_SETFD, 0);
	execve(argv[0], argv, env);
	_exit(127);
}

int
up_proc_start(struct up_proc *p, char *const *argv, char *const *env,
    int keep_fd)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return (-ERR_SYSTEM);
	p->pid = fork();
	if (p->pid == 0)
		become(argv, env, ends[1], keep_fd, parent);
	close(ends[1]);
	if (p->pid < 0) {
		close(ends[0]);
		p->pid = 0;
		return (-ERR_SYSTEM);
	}
	p->out = ends[0];
	p->started = true;
	fd_nonblock(p->out);
	return (0);
}

static void
put_line(struct up_proc *p, const char *text, size_t n)
{
	fprintf(stderr, "%-8s| ", p->name);
	out_text(stderr, text, n);
	fputc('\n', stderr);
}

/* A line that does not fit is passed on in pieces. */
static void
put_lines(struct up_proc *p, bool rest)
{
	char *nl, *at = p->line;

	while ((nl = memchr(at, '\n', p->have)) != NULL) {
		put_line(p, at, (size_t)(nl - at));
		p->have -= (size_t)(nl + 1 - at);
		at = nl + 1;
	}
	if (p->have > 0 && (rest || p->have == sizeof(p->line))) {
		put_line(p, at, p->have);
		p->have = 0;
	}
	memmove(p->line, at, p->have);
}

void
up_proc_relay(struct up_proc *p)
{
	ssize_t n;

	if (p->out < 0)
		return;
	for (;;) {
		n = read(p->out, p->line + p->have,
		    sizeof(p->line) - p->have);
		if (n <= 0)
			break;
		p->have += (size_t)n;
		put_lines(p, false);
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	put_lines(p, true);
	fd_close(&p->out);
}

void
up_proc_reap(struct up_proc *p)
{
	if (p->pid == 0 || waitpid(p->pid, &p->status, WNOHANG) != p->pid)
		return;
	p->pid = 0;
	p->ended = true;
	up_proc_relay(p);
}

bool
up_proc_running(const struct up_proc *p)
{
	return (p->pid != 0);
}

void
up_proc_signal(struct up_proc *p, int signo)
{
	if (p->pid != 0)
		kill(p->pid, signo);
}

/* The exit codes of gangerd that a user can do something about. */
static const char *
word_code(int code)
{
	static const struct { int code; const char *text; } words[] = {
		{ 0, "" },
		{ 64, " (usage)" },
		{ 69, " (Redis missing or refused)" },
		{ 71, " (HTTP or ipc address can't be had)" },
		{ 73, " (already running)" },
		{ 78, " (bad configuration)" },
		{ 127, " (could not be started)" },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].code == code)
			return (words[i].text);
	return ("");
}

const char *
up_proc_end(const struct up_proc *p, char buf[96])
{
	if (WIFSIGNALED(p->status))
		snprintf(buf, 96, "signal %d (%s)", WTERMSIG(p->status),
		    strsignal(WTERMSIG(p->status)));
	else
		snprintf(buf, 96, "exit status %d%s", WEXITSTATUS(p->status),
		    word_code(WEXITSTATUS(p->status)));
	return (buf);
}
