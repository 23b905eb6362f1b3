/*
 * Pinning. See pin.h. cgroup v2 costs nothing: the leaf is there, nothing runs
 * in it, and the child is cloned into it. A v1 leaf must be joined, which
 * waits for an RCU grace period; so it is used only where the pool asks.
 */
#include "config.h"

#include "supervisor/pin.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/conf.h"
#include "place/plan.h"

#include "supervisor/cgroup.h"
#include "supervisor/contain.h"

#define PREFERRED_MANY 5        /* Linux 5.15; older headers lack the name */

enum { MEMORY_PREFER, MEMORY_BIND, MEMORY_ANY };        /* memory_node */
enum { CPUSET_AUTO, CPUSET_YES, CPUSET_NO };            /* cpuset */

static char *
v1_branch(void)
{
	char *own = cgroup_own("cpuset");
	char *branch = own != NULL && contain_branch_name() != NULL ?
	    str_fmt("%s/%s", own, contain_branch_name()) : NULL;

	free(own);
	return (branch);
}

/* A v1 cpuset is empty when it is made; this fills it from the one above. */
static int
inherit(const char *dir, const char *file)
{
	char *above = str_fmt("%s/..", dir), *text = cgroup_read(above, file);
	int r;

	text[strcspn(text, "\n")] = '\0';
	r = cgroup_write(dir, file, text);
	free(above);
	free(text);
	return (r);
}

static int
make_v1(const char *branch, const char *leaf, const struct plan_slot *where)
{
	if ((mkdir(branch, 0755) != 0 && errno != EEXIST) ||
	    inherit(branch, "cpuset.mems") != 0 ||
	    inherit(branch, "cpuset.cpus") != 0 ||
	    (mkdir(leaf, 0755) != 0 && errno != EEXIST) ||
	    inherit(leaf, "cpuset.mems") != 0 ||
	    cgroup_write(leaf, "cpuset.cpus", where->cpus_text) != 0)
		return (-1);
	return (0);
}

static int
use_v1(struct pin *p, const struct plan_slot *where, unsigned slot)
{
	char *branch = v1_branch(), *leaf;
	int r;

	if (branch == NULL)
		return (-1);
	leaf = str_fmt("%s/slot%u", branch, slot);
	r = make_v1(branch, leaf, where);
	free(branch);
	if (r == 0)
		p->leaf = leaf;
	else
		free(leaf);
	return (r);
}

static void
set_cpuset(struct pin *p, const struct plan_slot *where,
    const struct conf_pool *conf, const struct contain *c, unsigned slot)
{
	if (conf->cpuset == CPUSET_NO || !contain_may_cgroups())
		return;
	if (c->way == CONTAIN_CGROUP2 && c->dir != NULL &&
	    cgroup_write(c->dir, "cpuset.cpus", where->cpus_text) == 0)
		return;
	if (conf->cpuset == CPUSET_YES && use_v1(p, where, slot) != 0)
		log_warn("pin", "slot=%u has no cpuset (no controller is ours "
		    "to use): a job can leave its CPUs", slot);
}

/* The nodes of the CPUs, as a mask. */
static unsigned
set_nodes(struct pin *p, const char *list)
{
	unsigned long *mask = p->memory.nodes;
	const unsigned bits = 8 * sizeof(mask[0]);
	struct cpus nodes;
	int node;

	memset(&p->memory, 0, sizeof(p->memory));
	if (cpus_parse(list, &nodes) != 0)
		cpus_clear(&nodes);
	for (node = cpus_next(&nodes, -1); node >= 0;
	    node = cpus_next(&nodes, node))
		mask[(unsigned)node / bits] |= 1ul << (unsigned)node % bits;
	return (cpus_count(&nodes));
}

static void
set_policy(struct pin *p, const struct plan_slot *where, int wish,
    unsigned nnodes)
{
	unsigned n = set_nodes(p, where->nodes);

	p->memory.mode = -1;
	p->strict = wish == MEMORY_BIND;
	if (n == 0 || wish == MEMORY_ANY)
		return;
	if (wish == MEMORY_BIND)
		p->memory.mode = MPOL_BIND;
	else if (nnodes > 1)
		p->memory.mode = n == 1 ? MPOL_PREFERRED : PREFERRED_MANY;
}

void
pin_prepare(struct pin *p, const struct plan_slot *where,
    const struct conf_pool *conf, const struct contain *c, unsigned slot,
    unsigned nnodes)
{
	free(p->leaf);
	p->leaf = NULL;
	p->cpus = where->cpus;
	set_policy(p, where, conf->memory_node, nnodes);
	set_cpuset(p, where, conf, c, slot);
}

void
pin_fini(struct pin *p)
{
	if (p->leaf != NULL)
		(void)rmdir(p->leaf);
	free(p->leaf);
	p->leaf = NULL;
}

static int
fail(int fd, const char *what)
{
	if (write(fd, what, strlen(what)) < 0)
		errno = 0;
	return (-1);
}

int
pin_self(const struct pin *p, int errfd)
{
	if (p->leaf != NULL && cgroup_join(p->leaf) != 0)
		return (fail(errfd, "could not join the slot's cpuset\n"));
	if (cpus_set_affinity(0, &p->cpus) != 0)
		return (fail(errfd, "could not run on the slot's CPUs\n"));
	/* a wish of ours that some containers forbid, unless it is a must */
	if (p->memory.mode >= 0 && syscall(SYS_set_mempolicy, p->memory.mode,
	    p->memory.nodes, 8 * sizeof(p->memory.nodes)) != 0 && p->strict)
		return (fail(errfd, "could not bind memory to the slot's NUMA "
		    "node\n"));
	return (0);
}

void
pin_put_memory(const struct pin *p, struct buf *b)
{
	if (p->memory.mode >= 0)
		mempol_put(b, &p->memory);
}

void
pin_clean(void)
{
	char *branch = v1_branch();

	if (branch != NULL)
		(void)cgroup_remove(branch);
	free(branch);
}
