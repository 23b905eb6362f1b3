/*
 * Finding, ending and reaping the processes below this child, by the kernel's
 * own lists (/proc/PID/task/TID/children). A pass may miss what is being born
 * while it runs; that is why callers repeat it until nothing is found. A
 * process deeper than TREE_DEPTH is reached once those above it are gone.
 */
#include "config.h"

#include "child/tree.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/obj.h"

#define TREE_DEPTH 48

struct walk {
	const struct tree *tree; /* NULL: nothing is kept */
	int sig;
	unsigned found;
};

/* The kernel's record of getdents64; no libc has it in a header. */
struct dirent_raw {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

static void walk_process(struct walk *w, pid_t pid, unsigned depth);

static bool
is_kept(const struct walk *w, pid_t pid)
{
	const struct proc *p;

	if (w->tree == NULL)
		return (false);
	for (p = w->tree->known; p != NULL; p = p->next)
		if (p->pid == pid)
			return (p->kept && !p->ended);
	return (false);
}

static void
end_process(struct walk *w, pid_t pid, unsigned depth)
{

	if (is_kept(w, pid))
		return;
	w->found++;
	/* stopped first, so that it can't replace what dies below it */
	if (w->sig == SIGKILL) {
		kill(pid, SIGSTOP);
		walk_process(w, pid, depth + 1);
		kill(pid, SIGKILL);
		return;
	}
	walk_process(w, pid, depth + 1);
	kill(pid, w->sig);
}

/* "12 345 6789 ", read in pieces that may cut a number. */
static void
walk_children(struct walk *w, const char *path, unsigned depth)
{
	char text[256];
	pid_t pid = 0;
	ssize_t i, n;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	while ((n = read(fd, text, sizeof(text))) > 0)
		for (i = 0; i < n; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
				continue;
			}
			if (pid > 0)
				end_process(w, pid, depth);
			pid = 0;
		}
	close(fd);
}

/* Each thread has a list of the children that it started. */
static void
walk_process(struct walk *w, pid_t pid, unsigned depth)
{
	char path[96], dents[1024];
	const struct dirent_raw *d;
	long at, n;
	int fd;

	if (depth > TREE_DEPTH)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return;
	while ((n = syscall(SYS_getdents64, fd, dents, sizeof(dents))) > 0)
		for (at = 0; at < n; at += d->reclen) {
			d = (const void *)(dents + at);
			if (d->name[0] == '.')
				continue;
			snprintf(path, sizeof(path),
			    "/proc/%d/task/%.20s/children", (int)pid, d->name);
			walk_children(w, path, depth);
		}
	close(fd);
}

static void
note_end(struct tree *t, const siginfo_t *si)
{
	struct proc *p;

	for (p = t->known; p != NULL; p = p->next)
		if (p->pid == si->si_pid) {
			p->ended = true;
			p->code = si->si_code;
			p->status = si->si_status;
		}
}

void
tree_add(struct tree *t, struct proc *p)
{

	ASSERT(p->pid > 0);
	p->next = t->known;
	t->known = p;
}

void
tree_forget(struct tree *t, struct proc *p)
{
	struct proc **at;

	for (at = &t->known; *at != NULL; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	fd_close(&p->pidfd);
	p->pid = 0;
	p->next = NULL;
}

bool
tree_reap(struct tree *t)
{
	siginfo_t si;

	for (;;) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG) != 0) {
			if (errno == EINTR)
				continue;
			return (false);
		}
		if (si.si_pid == 0)
			return (true);
		note_end(t, &si);
	}
}

unsigned
tree_signal(const struct tree *t, int sig)
{
	struct walk w = { t, sig, 0 };

	walk_process(&w, getpid(), 0);
	return (w.found);
}

void
tree_signal_one(pid_t pid, int sig)
{
	struct walk w = { NULL, sig, 0 };

	end_process(&w, pid, 0);
}

bool
tree_clean(struct tree *t)
{

	if (!tree_reap(t))
		return (true);
	if (tree_signal(t, SIGKILL) == 0)
		return (true);
	/* most die at once: save the caller a turn */
	return (!tree_reap(t));
}

void
tree_kill_all(dur_t limit)
{
	const struct timespec pause = { 0, 1000000 };
	mono_t until = mono_add(mono_now(), limit);
	struct walk w = { NULL, SIGKILL, 0 };
	siginfo_t si;

	do {
		w.found = 0;
		walk_process(&w, getpid(), 0);
		while (si.si_pid = 0,
		    waitid(P_ALL, 0, &si, WEXITED | WNOHANG) == 0 &&
		    si.si_pid != 0)
			;
		if (w.found > 0)
			nanosleep(&pause, NULL);
	} while (w.found > 0 && mono_now() < until);
}
