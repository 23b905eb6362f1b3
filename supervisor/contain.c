/*
 * Containment. In the order of trust: a cgroup v2 leaf per slot, which no
 * process can leave without our rights; else /proc, where a process belongs
 * to a slot if it descends from the slot's child or carries the slot's mark
 * in the environment it was started with. We are the subreaper, so orphans
 * stay in sight either way.
 */
#include "config.h"

#include "supervisor/contain.h"

#include <sys/stat.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/cage.h"

#define PIDS_MAX 4096

/* Our branch of the cgroup tree; NULL: sweep. Set once by contain_open. */
static char *branch;
static char *mark_prefix;

struct pids {
	pid_t pid[PIDS_MAX];
	unsigned n;
};

const char *
contain_way_name(enum contain_way way)
{
	static const char *const names[] = {
#define X(id, name) name,
		CONTAIN_WAYS(X)
#undef X
	};

	return (names[way]);
}

static void
pids_add(struct pids *p, pid_t pid)
{
	unsigned i;

	for (i = 0; i < p->n; i++)
		if (p->pid[i] == pid)
			return;
	if (p->n < PIDS_MAX)
		p->pid[p->n++] = pid;
}

static bool
pids_has(const struct pids *p, pid_t pid)
{
	unsigned i;

	for (i = 0; i < p->n; i++)
		if (p->pid[i] == pid)
			return (true);
	return (false);
}

/* A small file of /proc or /sys; "" if it can't be read. The caller frees. */
static char *
read_small(const char *path)
{
	char *text = NULL;
	size_t n;

	if (fd_slurp(path, 1u << 20, &text, &n) != 0)
		return (xstrdup(""));
	return (text);
}

static int
write_text(const char *dir, const char *file, const char *text)
{
	char path[4352];
	int fd, r;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return (-1);
	r = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	(void)close(fd);
	return (r);
}

/* ---- cgroup v2 ---- */

/* Our own folder in the v2 tree, or NULL where none is mounted. */
static char *
own_cgroup(void)
{
	char *mounts = read_small("/proc/self/mountinfo"), *line, *save = NULL;
	char *own = read_small("/proc/self/cgroup"), *at = NULL, *dir = NULL;
	char point[4096];

	for (line = strtok_r(own, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "0::", 3) == 0)
			at = line + 3;
	for (line = strtok_r(mounts, "\n", &save); line != NULL && at != NULL &&
	    dir == NULL; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, " - cgroup2 ") != NULL &&
		    sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1)
			dir = str_fmt("%s%s", point,
			    strcmp(at, "/") == 0 ? "" : at);
	free(mounts);
	free(own);
	return (dir);
}

static bool
cgroup_empty(const char *dir)
{
	char *path = str_fmt("%s/cgroup.events", dir), *text;
	bool empty;

	text = read_small(path);
	empty = strstr(text, "populated 1") == NULL;
	free(text);
	free(path);
	return (empty);
}

/* Removes a branch with its leaves; kills what is left in them first. Waits
 * at most a second; only at start and end, never while jobs run. */
static void
remove_branch(const char *dir)
{
	mono_t until = mono_add(mono_now(), DUR_S);
	struct timespec ms = { 0, 1000000 };
	struct dirent *e;
	char *leaf;
	DIR *d;

	(void)write_text(dir, "cgroup.kill", "1");
	while (!cgroup_empty(dir) && mono_now() < until)
		(void)nanosleep(&ms, NULL);
	if ((d = opendir(dir)) != NULL) {
		while ((e = readdir(d)) != NULL) {
			if (e->d_type != DT_DIR || e->d_name[0] == '.')
				continue;
			leaf = str_fmt("%s/%s", dir, e->d_name);
			(void)rmdir(leaf);
			free(leaf);
		}
		(void)closedir(d);
	}
	(void)rmdir(dir);
}

/*
 * Our branch's name. Two daemons of one host may have the same id on different
 * Redis servers, but never the same run_dir (it holds the pidfile); a restart
 * must find what its former self left, so nothing else may be in it.
 */
static char *
safe_name(const char *id, const char *run_dir)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);   /* FNV-1a */
	char *name, *p;
	const char *c;

	for (c = run_dir; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	name = str_fmt("ganger-%s-%08x", id, (unsigned)(hash ^ hash >> 32));

	for (p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			*p = '_';
	return (name);
}

enum contain_way
contain_open(const char *worker_id, const char *run_dir)
{
	char *own = own_cgroup(), *name = safe_name(worker_id, run_dir);

	contain_close();
	mark_prefix = xstrdup(name);
	if (own != NULL) {
		branch = str_fmt("%s/%s", own, name);
		if (access(branch, F_OK) == 0)
			remove_branch(branch);
		if (mkdir(branch, 0755) != 0 ||
		    write_text(branch, "cgroup.kill", "1") != 0) {
			(void)rmdir(branch);
			free(branch);
			branch = NULL;
		}
	}
	if (branch != NULL)
		(void)cage_delegate(own, branch);
	free(own);
	free(name);
	return (branch != NULL ? CONTAIN_CGROUP2 : CONTAIN_SWEEP);
}

void
contain_close(void)
{
	if (branch != NULL)
		remove_branch(branch);
	free(branch);
	free(mark_prefix);
	branch = mark_prefix = NULL;
}

/* What all slots' marks begin with: as much of the prefix as fits. */
static const char *
mark_tail(void)
{
	size_t n = strlen(mark_prefix);

	return (mark_prefix + (n > 50 ? n - 50 : 0));
}

void
contain_init(struct contain *c, const char *worker_id, unsigned slot)
{
	*c = (struct contain){ .way = CONTAIN_SWEEP };
	(void)snprintf(c->mark, sizeof(c->mark), "%.*s/%u",
	    (int)sizeof(c->mark) - 8,
	    mark_prefix != NULL ? mark_tail() : worker_id, slot);
	if (branch == NULL)
		return;
	c->dir = str_fmt("%s/slot%u", branch, slot);
	if (mkdir(c->dir, 0755) == 0 || errno == EEXIST)
		c->way = CONTAIN_CGROUP2;
	else {
		log_warn("contain", "slot=%u no cgroup %s: %s", slot, c->dir,
		    strerror(errno));
		free(c->dir);
		c->dir = NULL;
	}
}

void
contain_fini(struct contain *c)
{
	if (c->dir != NULL)
		(void)rmdir(c->dir);
	free(c->dir);
	c->dir = NULL;
}

bool
contain_renew(struct contain *c)
{
	if (!c->killed)
		return (false);
	if (rmdir(c->dir) != 0 || mkdir(c->dir, 0755) != 0) {
		(void)mkdir(c->dir, 0755);
		return (false);
	}
	c->killed = false;
	return (true);
}

int
contain_join(const struct contain *c)
{
	char path[4352];
	size_t n;
	int fd, r;

	if (c->dir == NULL)
		return (0);
	/* no stdio between fork and exec */
	n = strlen(c->dir);
	if (n > sizeof(path) - 16)
		return (-1);
	memcpy(path, c->dir, n);
	memcpy(path + n, "/cgroup.procs", 14);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return (-1);
	r = write(fd, "0", 1) == 1 ? 0 : -1;
	(void)close(fd);
	return (r);
}

static void
cgroup_pids(const struct contain *c, struct pids *out)
{
	char *path = str_fmt("%s/cgroup.procs", c->dir), *text, *p;

	text = read_small(path);
	for (p = strtok(text, "\n"); p != NULL; p = strtok(NULL, "\n"))
		if (atoi(p) > 0)
			pids_add(out, atoi(p));
	free(text);
	free(path);
}

/* ---- sweep of /proc ---- */

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

/* A mark that ends with '/' stands for all that begin with it. */
static bool
has_mark(pid_t pid, const char *mark)
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

static void
sweep_pids(const struct contain *c, pid_t child, struct pids *out)
{
	static struct { pid_t pid, ppid; } all[65536];
	unsigned n = 0, i;
	struct dirent *e;
	bool grown;
	char state;
	pid_t pid;
	DIR *d;

	if ((d = opendir("/proc")) == NULL)
		return;
	while ((e = readdir(d)) != NULL && n < 65536) {
		if ((pid = atoi(e->d_name)) <= 0 || pid == getpid() ||
		    !read_stat(pid, &all[n].ppid, &state, NULL, 0))
			continue;
		/* a zombie holds nothing; its parent will take it away */
		if (state == 'Z' || state == 'X')
			continue;
		all[n++].pid = pid;
	}
	(void)closedir(d);
	if (child > 0)
		pids_add(out, child);
	for (i = 0; i < n; i++)
		if (has_mark(all[i].pid, c->mark))
			pids_add(out, all[i].pid);
	do {
		grown = false;
		for (i = 0; i < n; i++)
			if (!pids_has(out, all[i].pid) &&
			    pids_has(out, all[i].ppid)) {
				pids_add(out, all[i].pid);
				grown = out->n < PIDS_MAX;
			}
	} while (grown);
}

/* ---- both ---- */

static void
list_pids(const struct contain *c, pid_t child, struct pids *out)
{
	out->n = 0;
	if (c->way == CONTAIN_CGROUP2)
		cgroup_pids(c, out);
	else
		sweep_pids(c, child, out);
}

const char *
contain_branch_name(void)
{
	return (mark_prefix);
}

unsigned
contain_list(struct contain *c, pid_t child, pid_t *pids, unsigned max)
{
	static struct pids p;

	list_pids(c, child, &p);
	if (max > p.n)
		max = p.n;
	memcpy(pids, p.pid, max * sizeof(*pids));
	return (max);
}

unsigned
contain_signal(struct contain *c, pid_t child, int sig, pid_t except)
{
	static struct pids p;
	unsigned i, n = 0;

	if (c->way == CONTAIN_CGROUP2 && sig == SIGKILL && except == 0 &&
	    write_text(c->dir, "cgroup.kill", "1") == 0) {
		c->killed = true;
		return (1);
	}
	list_pids(c, child, &p);
	for (i = 0; i < p.n; i++)
		if (p.pid[i] != except && kill(p.pid[i], sig) == 0)
			n++;
	return (n);
}

static void
describe(pid_t pid, struct buf *holder)
{
	char path[64], name[64] = "?", state = '?', *wchan;
	pid_t ppid;

	(void)read_stat(pid, &ppid, &state, name, sizeof(name));
	(void)snprintf(path, sizeof(path), "/proc/%d/wchan", (int)pid);
	wchan = read_small(path);
	(void)buf_printf(holder, "pid %d (%s) state %c wchan %s", (int)pid,
	    name, state, wchan[0] != '\0' ? wchan : "?");
	free(wchan);
}

unsigned
contain_count(struct contain *c, pid_t child, struct buf *holder)
{
	static struct pids p;

	if (c->way == CONTAIN_CGROUP2 && cgroup_empty(c->dir))
		return (0);
	list_pids(c, child, &p);
	if (p.n > 0 && holder != NULL)
		describe(p.pid[0], holder);
	return (p.n > 0 ? p.n : c->way == CONTAIN_CGROUP2 ? 1 : 0);
}

unsigned
contain_end_former(void)
{
	mono_t until = mono_add(mono_now(), 2 * DUR_S);
	struct timespec ms = { 0, 1000000 };
	char mark[64];
	struct dirent *e;
	unsigned n;
	pid_t pid;
	DIR *d;

	(void)snprintf(mark, sizeof(mark), "%s/", mark_tail());
	do {
		if ((d = opendir("/proc")) == NULL)
			return (0);
		n = 0;
		while ((e = readdir(d)) != NULL)
			if ((pid = atoi(e->d_name)) > 0 && pid != getpid() &&
			    has_mark(pid, mark)) {
				(void)kill(pid, SIGKILL);
				n++;
			}
		(void)closedir(d);
		if (n > 0)
			(void)nanosleep(&ms, NULL);
	} while (n > 0 && mono_now() < until);
	return (n);
}
