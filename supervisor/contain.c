/*
 * Containment: which way, and each slot's leaf. How a cgroup is read and
 * ended is in cgroup.c, how /proc is swept in sweep.c. We are the subreaper,
 * so orphans stay in sight either way.
 */
#include "config.h"

#include "supervisor/contain.h"

#include <sys/stat.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/cage.h"
#include "supervisor/cgroup.h"
#include "supervisor/sweep.h"

#define SWEEP_TIME (5 * DUR_MS) /* the loop stands still meanwhile */

/* Our branch of the cgroup tree; NULL: sweep. Set once by contain_open. */
static char *branch;
static enum contain_way branch_way = CONTAIN_SWEEP;
static bool no_cgroups;
static char *mark_prefix;

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

bool
contain_may_cgroups(void)
{
	return (!no_cgroups);
}

/* ---- the branch ---- */

/* Ends all in a branch: v2 in one go, v1 leaf by leaf. */
static unsigned
kill_branch(const char *dir)
{
	if (cgroup_write(dir, "cgroup.kill", "1") == 0)
		return (cgroup_populated(dir));
	return (cgroup_freeze_and_kill(dir));
}

/* Removes a branch with its leaves; kills what is left in them first. Waits
 * at most a second; only at start and end, never while jobs run. */
static void
remove_branch(const char *dir)
{
	mono_t until = mono_add(mono_now(), DUR_S);
	struct timespec ms = { 0, 1000000 };

	while (kill_branch(dir) > 0 && mono_now() < until)
		(void)nanosleep(&ms, NULL);
	(void)cgroup_remove(dir);
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

/* What all slots' marks begin with: as much of the prefix as fits. */
static const char *
mark_tail(void)
{
	size_t n = strlen(mark_prefix);

	return (mark_prefix + (n > 50 ? n - 50 : 0));
}

/* Per way that uses cgroups, in order of trust: whose hierarchy, and the file
 * that must be there for us to write what ends its processes. */
static const struct {
	enum contain_way way;
	const char *controller;         /* NULL: v2 */
	const char *file, *probe;
} trees[] = {
	{ CONTAIN_CGROUP2, NULL, "cgroup.kill", "1" },
	{ CONTAIN_FREEZER, "freezer", "freezer.state", "THAWED" },
};

/* What a former run left, whichever way it had. */
static void
remove_former(const char *name)
{
	char *own, *dir;
	size_t i;

	for (i = 0; i < NELEM(trees); i++) {
		if ((own = cgroup_own(trees[i].controller)) == NULL)
			continue;
		dir = str_fmt("%s/%s", own, name);
		if (access(dir, F_OK) == 0)
			remove_branch(dir);
		free(dir);
		free(own);
	}
}

/* What it left outside of its branch: without cgroups, or begun from another
 * one. */
static void
end_former(void)
{
	mono_t until = mono_add(mono_now(), 2 * DUR_S);
	struct timespec ms = { 0, 1000000 };
	char mark[64];
	unsigned n;

	(void)snprintf(mark, sizeof(mark), "%s/", mark_tail());
	while ((n = sweep_kill(mark)) > 0 && mono_now() < until)
		(void)nanosleep(&ms, NULL);
	if (n > 0)
		log_err("contain", "%u process(es) of a former run of this "
		    "worker can't be ended", n);
}

void
contain_end(const char *worker_id, const char *run_dir)
{
	char *ours = mark_prefix;

	mark_prefix = safe_name(worker_id, run_dir);
	remove_former(mark_prefix);
	end_former();
	cage_clean();
	free(mark_prefix);
	mark_prefix = ours;
}

static bool
open_branch(size_t i, const char *name)
{
	char *own = cgroup_own(trees[i].controller);

	if (own == NULL)
		return (false);
	branch = str_fmt("%s/%s", own, name);
	if ((mkdir(branch, 0755) != 0 && errno != EEXIST) ||
	    cgroup_write(branch, trees[i].file, trees[i].probe) != 0) {
		(void)rmdir(branch);
		free(branch);
		branch = NULL;
	} else if (trees[i].way == CONTAIN_CGROUP2)
		(void)cage_delegate(own, branch);
	free(own);
	return (branch != NULL);
}

enum contain_way
contain_open(const char *worker_id, const char *run_dir,
    enum contain_way wanted)
{
	char *name = safe_name(worker_id, run_dir);
	size_t i;

	contain_close();
	mark_prefix = xstrdup(name);
	remove_former(name);
	end_former();
	cage_clean();
	branch_way = CONTAIN_SWEEP;
	no_cgroups = wanted == CONTAIN_SWEEP;
	for (i = 0; i < NELEM(trees) && branch == NULL; i++)
		if ((wanted == trees[i].way || wanted == CONTAIN_AUTO) &&
		    open_branch(i, name))
			branch_way = trees[i].way;
	free(name);
	if (wanted == CONTAIN_AUTO || wanted == branch_way)
		return (branch_way);
	log_err("contain", "containment = %s can't be had: this host has no "
	    "such cgroup tree, or none that we may write to",
	    contain_way_name(wanted));
	return (CONTAIN_AUTO);
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

const char *
contain_branch_name(void)
{
	return (mark_prefix);
}

/* ---- a slot ---- */

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
		c->way = branch_way;
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
		(void)cgroup_remove(c->dir);
	free(c->dir);
	c->dir = NULL;
}

bool
contain_renew(struct contain *c)
{
	if (!c->killed)
		return (false);
	if (cgroup_remove(c->dir) != 0 || mkdir(c->dir, 0755) != 0) {
		(void)mkdir(c->dir, 0755);
		return (false);
	}
	c->killed = false;
	return (true);
}

int
contain_join(const struct contain *c)
{
	return (c->dir == NULL ? 0 : cgroup_join(c->dir));
}

/* False: some may be missing. */
static bool
list_pids(const struct contain *c, pid_t child, struct pids *out)
{
	out->n = 0;
	if (c->way == CONTAIN_SWEEP)
		return (sweep_pids(c->mark, child, out));
	cgroup_pids(c->dir, out);
	return (true);
}

unsigned
contain_list(struct contain *c, pid_t child, pid_t *pids, unsigned max)
{
	static struct pids p;

	(void)list_pids(c, child, &p);
	if (max > p.n)
		max = p.n;
	memcpy(pids, p.pid, max * sizeof(*pids));
	return (max);
}

/* Each as soon as it is seen: one that leaves a successor before a list of
 * them is complete would always be ahead of its KILL. */
static void
kill_swept(const struct contain *c)
{
	mono_t until = mono_add(mono_now(), SWEEP_TIME);

	while (sweep_kill(c->mark) > 0 && mono_now() < until)
		;
}

unsigned
contain_signal(struct contain *c, pid_t child, int sig, pid_t except)
{
	static struct pids p;
	unsigned i, n = 0;

	if (sig == SIGKILL && except == 0 && c->way == CONTAIN_CGROUP2 &&
	    cgroup_write(c->dir, "cgroup.kill", "1") == 0) {
		c->killed = true;
		return (1);
	}
	if (sig == SIGKILL && except == 0 && c->way == CONTAIN_FREEZER)
		return (cgroup_freeze_and_kill(c->dir));
	if (sig == SIGKILL && except == 0)
		kill_swept(c);
	(void)list_pids(c, child, &p);
	for (i = 0; i < p.n; i++)
		if (p.pid[i] != except && kill(p.pid[i], sig) == 0)
			n++;
	return (n);
}

unsigned
contain_count(struct contain *c, pid_t child, struct buf *holder)
{
	static struct pids p;
	bool whole;

	if (c->way == CONTAIN_CGROUP2 && !cgroup_populated(c->dir))
		return (0);
	whole = list_pids(c, child, &p);
	if (p.n > 0 && holder != NULL)
		sweep_describe(p.pid[0], holder);
	/* unseen: a populated group, or what a look through /proc missed */
	return (p.n > 0 ? p.n : c->way == CONTAIN_CGROUP2 || !whole ? 1 : 0);
}
