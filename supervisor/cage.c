/*
 * Limits kept by the kernel. See cage.h. A limit that this host does not let
 * us set costs a warning at start, never the start; memory is sampled then.
 */
#include "config.h"

#include "supervisor/cage.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/cgroup.h"
#include "supervisor/contain.h"

#define PIDS_SEEN 4096

/* Per controller: the file of the limit in v2 and in v1. */
static const struct {
	const char *name, *file2, *file1;
} kinds[CAGE_N] = {
	[CAGE_MEMORY] = { "memory", "memory.max", "memory.limit_in_bytes" },
	[CAGE_PIDS] = { "pids", "pids.max", "pids.max" },
	[CAGE_CPU] = { "cpu", "cpu.weight", "cpu.shares" },
};

/* The controllers of ours that dir has, as "+memory +pids"; "" for none. */
static void
wanted(const char *controllers, char *out, size_t size)
{
	unsigned k;

	out[0] = '\0';
	for (k = 0; k < CAGE_N; k++)
		if (cgroup_has_word(controllers, kinds[k].name, " \n"))
			(void)snprintf(out + strlen(out), size - strlen(out),
			    "%s+%s", out[0] != '\0' ? " " : "",
			    kinds[k].name);
}

/*
 * Whether processes lie in the group itself. The kernel then refuses memory
 * for the groups below, but takes cpu, pids and cpuset, and makes it a
 * threaded domain by that: no process can join a group below any more. The
 * root is an exception, and has no type.
 */
static bool
holds_processes(const char *dir)
{
	char *type = cgroup_read(dir, "cgroup.type");
	char *all = cgroup_read(dir, "cgroup.procs");
	bool holds = type[0] != '\0' && all[0] != '\0';

	free(type);
	free(all);
	return (holds);
}

static bool
hand_down(const char *dir)
{
	char *have, words[64];
	bool done, cpuset;

	if (holds_processes(dir)) {
		errno = EBUSY;
		return (false);
	}
	have = cgroup_read(dir, "cgroup.controllers");
	wanted(have, words, sizeof(words));
	cpuset = cgroup_has_word(have, "cpuset", " \n");
	free(have);
	done = words[0] != '\0' &&
	    cgroup_write(dir, "cgroup.subtree_control", words) == 0;
	/* for pin.c; apart, so that the others do not hang on it */
	if (done && cpuset)
		(void)cgroup_write(dir, "cgroup.subtree_control", "+cpuset");
	return (done);
}

/* systemd says so by an attribute; elsewhere whoever may write may. */
static bool
is_delegated(const char *own)
{
	char value[8];

	return (access("/run/systemd/system", F_OK) != 0 ||
	    getxattr(own, "user.delegate", value, sizeof(value)) > 0 ||
	    getxattr(own, "trusted.delegate", value, sizeof(value)) > 0);
}

static bool
is_alone(const char *own)
{
	char *all = cgroup_read(own, "cgroup.procs"), self[24];
	bool alone;

	(void)snprintf(self, sizeof(self), "%d\n", (int)getpid());
	alone = strcmp(all, self) == 0;
	free(all);
	return (alone);
}

/* Our branch in the controller's v1 hierarchy; NULL: it has none. */
static char *
branch_of(enum cage_kind k)
{
	char *own = cgroup_own(kinds[k].name);
	char *branch = own != NULL && contain_branch_name() != NULL ?
	    str_fmt("%s/%s", own, contain_branch_name()) : NULL;

	free(own);
	return (branch);
}

static void
limit_text(enum cage_kind k, bool v2, uint64_t limit, char out[24])
{
	/* weight 100 of v2 is 1024 shares of v1 */
	if (k == CAGE_CPU && !v2)
		limit = limit * 1024 / 100 < 2 ? 2 : limit * 1024 / 100;
	(void)snprintf(out, 24, "%" PRIu64, limit);
}

static int
write_v2(const struct cage *g, const char *dir, enum cage_kind k)
{
	char text[24];

	limit_text(k, true, g->limit[k], text);
	if (cgroup_write(dir, kinds[k].file2, text) != 0)
		return (-1);
	if (k == CAGE_MEMORY) {
		(void)cgroup_write(dir, "memory.swap.max", "0");
		(void)cgroup_write(dir, "memory.oom.group", "1");
	}
	return (0);
}

void
cage_renew(const struct cage *g)
{
	unsigned k;

	for (k = 0; k < CAGE_N; k++)
		if (g->v2[k])
			(void)write_v2(g, g->dir[k], (enum cage_kind)k);
}

static bool
cage_v2(struct cage *g, const struct contain *c, enum cage_kind k)
{
	if (c->way != CONTAIN_CGROUP2 || write_v2(g, c->dir, k) != 0)
		return (false);
	g->v2[k] = true;
	g->dir[k] = xstrdup(c->dir);
	return (true);
}

static bool
cage_v1(struct cage *g, unsigned slot, enum cage_kind k)
{
	char *branch = contain_may_cgroups() ? branch_of(k) : NULL;
	char *leaf, text[24];

	if (branch == NULL)
		return (false);
	(void)mkdir(branch, 0755);
	leaf = str_fmt("%s/slot%u", branch, slot);
	free(branch);
	limit_text(k, false, g->limit[k], text);
	if ((mkdir(leaf, 0755) != 0 && errno != EEXIST) ||
	    cgroup_write(leaf, kinds[k].file1, text) != 0) {
		(void)rmdir(leaf);
		free(leaf);
		return (false);
	}
	if (k == CAGE_MEMORY)
		(void)cgroup_write(leaf, "memory.memsw.limit_in_bytes", text);
	g->dir[k] = leaf;
	return (true);
}

bool
cage_delegate(const char *own, const char *branch)
{
	char *have = cgroup_read(own, "cgroup.controllers"), *leaf, words[64];
	bool done = false;

	wanted(have, words, sizeof(words));
	free(have);
	if (words[0] == '\0')
		return (false);
	if (hand_down(own))
		return (hand_down(branch));
	if (errno != EBUSY || !is_delegated(own) || !is_alone(own))
		return (false);
	leaf = str_fmt("%s.main", branch);
	if ((mkdir(leaf, 0755) == 0 || errno == EEXIST) &&
	    cgroup_write(leaf, "cgroup.procs", "0") == 0) {
		done = hand_down(own) && hand_down(branch);
		if (!done) {
			(void)cgroup_write(own, "cgroup.procs", "0");
			(void)rmdir(leaf);
		}
	}
	free(leaf);
	return (done);
}

void
cage_init(struct cage *g, const struct contain *c, unsigned slot,
    const uint64_t limit[CAGE_N])
{
	unsigned k;

	memset(g, 0, sizeof(*g));
	for (k = 0; k < CAGE_N; k++) {
		g->limit[k] = limit[k];
		if (limit[k] == 0 || cage_v2(g, c, (enum cage_kind)k) ||
		    cage_v1(g, slot, (enum cage_kind)k))
			continue;
		log_warn("cage", "slot=%u no %s controller is ours to use: "
		    "%s", slot, kinds[k].name, k == CAGE_MEMORY ?
		    "memory_limit is kept by sampling" :
		    "its limit has no effect");
	}
}

void
cage_fini(struct cage *g)
{
	unsigned k;

	for (k = 0; k < CAGE_N; k++) {
		if (g->dir[k] != NULL && !g->v2[k])
			(void)rmdir(g->dir[k]);
		free(g->dir[k]);
		g->dir[k] = NULL;
	}
}

void
cage_clean(void)
{
	struct dirent *e;
	char *branch, *leaf;
	unsigned k;
	DIR *d;

	for (k = 0; k < CAGE_N; k++) {
		if ((branch = branch_of((enum cage_kind)k)) == NULL)
			continue;
		if ((d = opendir(branch)) != NULL) {
			while ((e = readdir(d)) != NULL) {
				if (strncmp(e->d_name, "slot", 4) != 0)
					continue;
				leaf = str_fmt("%s/%s", branch, e->d_name);
				(void)cgroup_remove(leaf);
				free(leaf);
			}
			(void)closedir(d);
			(void)rmdir(branch);
		}
		free(branch);
	}
}

int
cage_join(const struct cage *g)
{
	unsigned k;
	int r = 0;

	for (k = 0; k < CAGE_N; k++)
		if (g->dir[k] != NULL && !g->v2[k] &&
		    cgroup_join(g->dir[k]) != 0)
			r = -1;
	return (r);
}

bool
cage_samples(const struct cage *g)
{
	return (g->limit[CAGE_MEMORY] > 0 && g->dir[CAGE_MEMORY] == NULL);
}

static uint64_t
count_kills(const struct cage *g)
{
	const char *dir = g->dir[CAGE_MEMORY], *at;
	uint64_t n = 0;
	char *text;

	if (dir == NULL)
		return (0);
	text = cgroup_read(dir, g->v2[CAGE_MEMORY] ? "memory.events" :
	    "memory.oom_control");
	/* "oom_kill_disable" comes first in v1: the blank tells them apart */
	if ((at = strstr(text, "oom_kill ")) != NULL)
		n = strtoull(at + 9, NULL, 10);
	free(text);
	return (n);
}

void
cage_mark(struct cage *g)
{
	g->kills = count_kills(g);
}

bool
cage_killed(const struct cage *g)
{
	return (count_kills(g) > g->kills);
}

static uint64_t
field_kb(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return (at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10));
}

uint64_t
cage_resident(struct contain *c, int child)
{
	static pid_t pids[PIDS_SEEN];
	uint64_t own = 0, shared = 0, kb;
	char dir[32], *status;
	unsigned i, n;

	n = contain_list(c, child, pids, PIDS_SEEN);
	for (i = 0; i < n; i++) {
		(void)snprintf(dir, sizeof(dir), "/proc/%d", (int)pids[i]);
		status = cgroup_read(dir, "status");
		own += field_kb(status, "RssAnon:");
		kb = field_kb(status, "RssShmem:");
		shared = kb > shared ? kb : shared;
		free(status);
	}
	return ((own + shared) << 10);
}
