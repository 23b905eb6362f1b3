/* Looks through /proc. See sweep.h. */
#include "config.h"

#include "supervisor/sweep.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/xalloc.h"

#define SEEN_MAX 65536

/* "" if it can't be read. Gives the text. */
static char *
read_small(const char *path)
{
	char *text = NULL;
	size_t n;

	if (fd_slurp(path, 1u << 20, &text, &n) != 0)
		return (xstrdup(""));
	return (text);
}

/* Parent and state of a process; false if it is gone. */
static bool
read_stat(pid_t pid, pid_t *ppid, char *state, char *name, size_t size)
{
	char path[64], *text, *close;
	int parent = 0;
	bool ok = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	text = read_small(path);
	/* the name may hold anything, also ')' */
	if ((close = strrchr(text, ')')) != NULL &&
	    sscanf(close + 1, " %c %d", state, &parent) == 2) {
		*ppid = parent;
		ok = true;
		if (name != NULL && strchr(text, '(') != NULL)
			(void)snprintf(name, size, "%.*s",
			    (int)(close - strchr(text, '(') - 1),
			    strchr(text, '(') + 1);
	}
	free(text);
	return (ok);
}

bool
sweep_has_mark(pid_t pid, const char *mark)
{
	char path[64], *text = NULL, *p;
	char want[96];
	size_t n = 0, len;
	bool found = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	(void)snprintf(want, sizeof(want), "GANGER_MARK=%s", mark);
	if (fd_slurp(path, 1u << 20, &text, &n) != 0)
		return (false);
	len = strlen(want);
	for (p = text; p < text + n && !found; p += strlen(p) + 1)
		found = strncmp(p, want, len) == 0 &&
		    (p[len] == '\0' || want[len - 1] == '/');
	free(text);
	return (found);
}

/* The newest pid of the system; 0: can't be told. */
static int
last_pid(void)
{
	char *text = read_small("/proc/loadavg"), *at = strrchr(text, ' ');
	int pid = at != NULL ? atoi(at) : 0;

	free(text);
	return (pid);
}

/*
 * A process that forks and leaves is always ahead of the look, which goes up
 * as new pids do: it can't be missed, if its mark is read when it is met, and
 * the numbers don't start again from below in the meantime.
 */
bool
sweep_pids(const char *mark, pid_t child, struct pids *out)
{
	static struct { pid_t pid, ppid; } all[SEEN_MAX];
	int before = last_pid();
	unsigned n = 0, i;
	struct dirent *e;
	bool grown;
	char state;
	pid_t pid;
	DIR *d;

	if ((d = opendir("/proc")) == NULL)
		return (false);
	while ((e = readdir(d)) != NULL && n < SEEN_MAX) {
		if ((pid = atoi(e->d_name)) <= 0 || pid == getpid() ||
		    !read_stat(pid, &all[n].ppid, &state, NULL, 0))
			continue;
		/* a zombie holds nothing; its parent will take it away */
		if (state == 'Z' || state == 'X')
			continue;
		all[n++].pid = pid;
		if (sweep_has_mark(pid, mark))
			pids_add(out, pid);
	}
	(void)closedir(d);
	if (child > 0)
		pids_add(out, child);
	do {
		grown = false;
		for (i = 0; i < n; i++)
			if (!pids_has(out, all[i].pid) &&
			    pids_has(out, all[i].ppid)) {
				pids_add(out, all[i].pid);
				grown = out->n < PIDS_MAX;
			}
	} while (grown);
	return (n < SEEN_MAX && last_pid() >= before);
}

unsigned
sweep_kill(const char *mark)
{
	struct dirent *e;
	unsigned n = 0;
	pid_t pid;
	DIR *d;

	if ((d = opendir("/proc")) == NULL)
		return (0);
	while ((e = readdir(d)) != NULL)
		if ((pid = atoi(e->d_name)) > 0 && pid != getpid() &&
		    sweep_has_mark(pid, mark)) {
			(void)kill(pid, SIGKILL);
			n++;
		}
	(void)closedir(d);
	return (n);
}

void
sweep_describe(pid_t pid, struct buf *b)
{
	char path[64], name[64] = "?", state = '?', *wchan;
	pid_t ppid;

	(void)read_stat(pid, &ppid, &state, name, sizeof(name));
	(void)snprintf(path, sizeof(path), "/proc/%d/wchan", (int)pid);
	wchan = read_small(path);
	(void)buf_printf(b, "pid %d (%s) state %c wchan %s", (int)pid, name,
	    state, wchan[0] != '\0' ? wchan : "?");
	free(wchan);
}
