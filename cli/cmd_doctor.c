/*
 * ganger doctor: a table of checks of Redis, the fleet and this host; each
 * says ok, warn or fail, and what helps. Changes nothing, but for a cgroup
 * that is made and removed again to see whether that is allowed.
 */
#include "config.h"

#include "cli/cli.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/rds.h"

#define SKEW_WARN 1000.0      /* ms between two hosts' clocks */
#define SKEW_FAIL 10000.0
#define BEAT_OLD 15000.0      /* ms without a heartbeat */
#define FILES_WANTED 4096
#define PROCS_WANTED 2048

enum verdict { DOC_OK, DOC_WARN, DOC_FAIL };

struct doctor {
	struct cli *cli;        /* borrows */
	struct fleet *fleet;    /* owns; NULL: Redis can't be used */
	char *info;             /* owns; INFO's text, "" */
	enum verdict verdict;   /* of the check that runs */
	char found[256];
	const char *remedy;     /* "" if none is needed */
	unsigned fails;
};

typedef void check_f(struct doctor *d);

static void __attribute__((format(printf, 4, 5)))
say(struct doctor *d, enum verdict verdict, const char *remedy,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->found, sizeof(d->found), fmt, ap);
	va_end(ap);
	d->verdict = verdict;
	d->remedy = remedy;
}

/* A value of INFO, in buf; false if it is not there. */
static bool
info_get(const struct doctor *d, const char *key, char *buf, size_t size)
{
	const char *p = d->info;
	size_t n = strlen(key);

	while ((p = strstr(p, key)) != NULL) {
		if ((p == d->info || p[-1] == '\n') && p[n] == ':') {
			p += n + 1;
			snprintf(buf, size, "%.*s", (int)strcspn(p, "\r\n"),
			    p);
			return (true);
		}
		p += n;
	}
	return (false);
}

/* CONFIG GET, which managed servers may refuse; false then. */
static bool
config_get(struct doctor *d, const char *key, char *buf, size_t size)
{
	redisReply *r = rds_try(d->cli, "CONFIG GET %s", key);
	bool got = r->type == REDIS_REPLY_ARRAY && r->elements == 2;

	if (got)
		snprintf(buf, size, "%s", r->element[1]->str);
	freeReplyObject(r);
	return (got);
}

static void
check_reachable(struct doctor *d)
{
	char why[200];
	char *where = rds_where(d->cli);
	redisReply *r;
	mono_t start;

	d->cli->redis = rds_connect(d->cli, why, sizeof(why));
	if (d->cli->redis == NULL) {
		say(d, DOC_FAIL, "start it, or name the right one with "
		    "--redis or REDIS_URL", "%s: %s", where, why);
		free(where);
		return;
	}
	start = mono_now();
	freeReplyObject(rds_cmd(d->cli, "PING"));
	say(d, DOC_OK, "", "%s answers in %.1f ms", where,
	    (double)(mono_now() - start) / DUR_MS);
	free(where);
	r = rds_try(d->cli, "INFO");
	if (r->type == REDIS_REPLY_STRING) {
		free(d->info);
		d->info = xstrdup(r->str);
	}
	freeReplyObject(r);
	d->fleet = fleet_load(d->cli);
}

static void
check_version(struct doctor *d)
{
	char text[64];

	if (!info_get(d, "redis_version", text, sizeof(text)))
		say(d, DOC_WARN, "allow INFO to this user",
		    "the server does not tell its version");
	else if (strtod(text, NULL) < 6.2)
		say(d, DOC_FAIL, "install Redis 6.2 or newer",
		    "Redis %s lacks commands that are used", text);
	else
		say(d, DOC_OK, "", "Redis %s", text);
}

static void
check_persistence(struct doctor *d)
{
	char aof[16], fsync[32] = "?";

	if (!config_get(d, "appendonly", aof, sizeof(aof)) ||
	    !config_get(d, "appendfsync", fsync, sizeof(fsync))) {
		say(d, DOC_WARN, "look at the provider's settings: "
		    "appendonly yes", "the server does not tell (CONFIG GET "
		    "is refused)");
		return;
	}
	if (strcmp(aof, "yes") != 0)
		say(d, DOC_WARN, "CONFIG SET appendonly yes, and write it "
		    "into redis.conf", "no append-only file: jobs since the "
		    "last snapshot are lost in a crash of Redis");
	else if (strcmp(fsync, "no") == 0)
		say(d, DOC_WARN, "CONFIG SET appendfsync everysec",
		    "append-only file, but appendfsync no");
	else
		say(d, DOC_OK, "", "append-only file, appendfsync %s", fsync);
}

static void
check_writes(struct doctor *d)
{
	char text[32];

	if (info_get(d, "aof_last_write_status", text, sizeof(text)) &&
	    strcmp(text, "ok") != 0)
		say(d, DOC_FAIL, "free space on Redis's disk, see its log",
		    "the last write of the append-only file failed");
	else if (info_get(d, "role", text, sizeof(text)) &&
	    strcmp(text, "master") != 0)
		say(d, DOC_FAIL, "name the primary", "this server is a "
		    "replica: nothing can be queued here");
	else
		say(d, DOC_OK, "", "primary, writes succeed");
}

static void
check_eviction(struct doctor *d)
{
	char policy[64], memory[32];

	if (!info_get(d, "maxmemory_policy", policy, sizeof(policy)))
		say(d, DOC_WARN, "allow INFO to this user", "unknown");
	else if (strcmp(policy, "noeviction") == 0)
		say(d, DOC_OK, "", "noeviction");
	else if (info_get(d, "maxmemory", memory, sizeof(memory)) &&
	    strcmp(memory, "0") == 0)
		say(d, DOC_WARN, "CONFIG SET maxmemory-policy noeviction",
		    "%s, harmless only while maxmemory is not set", policy);
	else
		say(d, DOC_FAIL, "CONFIG SET maxmemory-policy noeviction",
		    "%s: Redis may throw queued jobs away", policy);
}

/* Our clock against Redis's, as its answer was half the way. */
static void
check_skew(struct doctor *d)
{
	double before = (double)wall_now(), after, theirs, skew;
	redisReply *r = rds_cmd(d->cli, "TIME");

	after = (double)wall_now();
	theirs = r->elements != 2 ? before :
	    1000 * strtod(r->element[0]->str, NULL) +
	    strtod(r->element[1]->str, NULL) / 1000;
	freeReplyObject(r);
	skew = fabs((before + after) / 2 - theirs);
	if (skew < SKEW_WARN)
		say(d, DOC_OK, "", "%.0f ms from Redis's", skew);
	else
		say(d, skew < SKEW_FAIL ? DOC_WARN : DOC_FAIL,
		    "keep both clocks by NTP", "%.1f s from Redis's: delays, "
		    "ttl and ages are off by that", skew / 1000);
}

static void
check_workers(struct doctor *d)
{
	size_t i, alive = json_array_size(d->fleet->workers), idle = 0;
	const json_t *w;

	for (i = 0; i < alive; i++) {
		w = json_array_get(d->fleet->workers, i);
		idle += strcmp(js_str(w, "state"), "running") != 0;
	}
	if (alive == 0)
		say(d, DOC_FAIL, "start gangerd, or try \"ganger up\"",
		    "no live worker");
	else if (idle > 0)
		say(d, DOC_WARN, "ganger workers, ganger resume WORKER",
		    "%zu alive, %zu of them take no jobs", alive, idle);
	else
		say(d, DOC_OK, "", "%zu alive", alive);
}

static void
check_slots(struct doctor *d)
{
	const json_t *slots;
	size_t i, k, n = 0, sick = 0;
	const char *state;

	for (i = 0; i < json_array_size(d->fleet->workers); i++) {
		slots = json_object_get(json_array_get(d->fleet->workers, i),
		    "slots");
		for (k = 0; k < json_array_size(slots); k++, n++) {
			state = js_str(json_array_get(slots, k), "state");
			sick += strcasecmp(state, "quarantined") == 0 ||
			    strcasecmp(state, "backoff") == 0;
		}
	}
	if (sick > 0)
		say(d, DOC_WARN, "ganger status says why",
		    "%zu of %zu slots are quarantined or in back-off", sick,
		    n);
	else
		say(d, DOC_OK, "", "%zu, none quarantined or in back-off",
		    n);
}

static void
check_gpus(struct doctor *d)
{
	const json_t *w, *gpus;
	size_t i, k, n = 0, sick = 0, blind = 0;
	const char *state;

	for (i = 0; i < json_array_size(d->fleet->workers); i++) {
		w = json_array_get(d->fleet->workers, i);
		state = js_str(json_object_get(w, "gpu_prober"), "state");
		blind += strcmp(state, "down") == 0;
		gpus = json_object_get(w, "gpus");
		for (k = 0; k < json_array_size(gpus); k++, n++) {
			state = js_str(json_array_get(gpus, k), "state");
			sick += strcmp(state, "quarantined") == 0 ||
			    strcmp(state, "lost") == 0;
		}
	}
	if (sick > 0 || blind > 0)
		say(d, DOC_WARN, "ganger status --json says why, under gpus "
		    "and gpu_prober; docs/gpu.md what it means", "%zu of %zu "
		    "GPUs are quarantined or lost, %zu probers are down",
		    sick, n, blind);
	else
		say(d, DOC_OK, "", "%zu, none quarantined or lost", n);
}

/*
 * Leases whose end has passed: live workers take them over within a lease's
 * length, so those that lie long mean that nobody serves the queue.
 */
static void
check_leases(struct doctor *d)
{
	long long over = 0;
	char *which = NULL;
	size_t i;

	for (i = 0; i < d->fleet->nqueues; i++) {
		long long n = rds_int(d->cli, "ZCOUNT {%s}:leases -inf %lld",
		    d->fleet->queues[i],
		    (long long)(wall_now() - (wall_t)BEAT_OLD));

		over += n;
		if (n > 0 && which == NULL)
			which = d->fleet->queues[i];
	}
	if (over > 0)
		say(d, DOC_FAIL, "start a worker that serves this queue: it "
		    "takes the jobs over", "%lld worker(s) left leased jobs "
		    "behind, in %s first", over, which);
	else
		say(d, DOC_OK, "", "none is left behind");
}

static void
check_limit(struct doctor *d, __rlimit_resource_t which, rlim_t wanted,
    const char *remedy)
{
	struct rlimit lim;

	if (getrlimit(which, &lim) != 0)
		say(d, DOC_WARN, "", "%s", strerror(errno));
	else if (lim.rlim_cur == RLIM_INFINITY)
		say(d, DOC_OK, "", "unlimited");
	else
		say(d, lim.rlim_cur < wanted ? DOC_WARN : DOC_OK,
		    lim.rlim_cur < wanted ? remedy : "", "%llu%s",
		    (unsigned long long)lim.rlim_cur,
		    lim.rlim_cur < wanted ? ", few for many slots" : "");
}

static void
check_files(struct doctor *d)
{
	check_limit(d, RLIMIT_NOFILE, FILES_WANTED,
	    "ulimit -n 65536, or LimitNOFILE= of the unit");
}

static void
check_procs(struct doctor *d)
{
	check_limit(d, RLIMIT_NPROC, PROCS_WANTED,
	    "ulimit -u 65536, or LimitNPROC= and TasksMax= of the unit");
}

/* How many workers hold their jobs' processes which way. */
static void
check_containment(struct doctor *d)
{
	static const char *const ways[] = { "cgroup2", "freezer", "sweep" };
	size_t i, k, n[NELEM(ways)] = { 0 };
	const char *way;

	for (i = 0; i < json_array_size(d->fleet->workers); i++) {
		way = js_str(json_array_get(d->fleet->workers, i),
		    "containment");
		for (k = 0; k < NELEM(ways); k++)
			n[k] += strcmp(way, ways[k]) == 0;
	}
	say(d, n[2] > 0 ? DOC_WARN : DOC_OK, n[2] > 0 ? "ganger workers says "
	    "which sweep /proc instead of using cgroups; run them under "
	    "systemd with Delegate=yes" : "", "%zu by cgroup2, %zu by the v1 "
	    "freezer, %zu by sweep", n[0], n[1], n[2]);
}

/* Our own cgroup: the v2 tree's line of /proc/self/cgroup has no controller.
 * Whether its folder is mounted is seen when it is used. Gives it. */
static char *
own_cgroup(const char *line_start, const char *mount)
{
	char *text = NULL, *line, *save = NULL, *path = NULL;
	size_t n;

	if (fd_slurp("/proc/self/cgroup", 65536, &text, &n) != 0)
		return (NULL);
	for (line = strtok_r(text, "\n", &save); line != NULL && path == NULL;
	    line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, "0123456789");
		n = strlen(line_start);
		if (strncmp(line, line_start, n) == 0)
			path = str_fmt("%s%s", mount, line + n);
	}
	free(text);
	return (path);
}

static void
check_cgroup(struct doctor *d)
{
	static const struct {
		const char *name, *line, *mount, *file;
	} trees[] = {
		{ "v2", "::", "/sys/fs/cgroup", "cgroup.kill" },
		{ "v2", "::", "/sys/fs/cgroup/unified", "cgroup.kill" },
		{ "the v1 freezer", ":freezer:", "/sys/fs/cgroup/freezer",
		    "freezer.state" },
	};
	char *path, *leaf, *file;
	bool good = false;
	size_t i;

	for (i = 0; i < NELEM(trees) && !good; i++) {
		if ((path = own_cgroup(trees[i].line, trees[i].mount)) == NULL)
			continue;
		leaf = str_fmt("%s/ganger-doctor-%d", path, (int)getpid());
		file = str_fmt("%s/%s", leaf, trees[i].file);
		if (mkdir(leaf, 0755) == 0) {
			good = access(file, W_OK) == 0;
			(void)rmdir(leaf);
		}
		if (good)
			say(d, DOC_OK, "", "%s, groups can be made in %s",
			    trees[i].name, path);
		free(file);
		free(leaf);
		free(path);
	}
	if (!good)
		say(d, DOC_WARN, "run under systemd with Delegate=yes, or give "
		    "this user its cgroup; without it /proc is swept instead",
		    "no cgroup, v2 or v1 freezer, can be made below ours");
}

static const struct {
	const char *name;
	bool redis;        /* needs a Redis that answers */
	check_f *run;
} checks[] = {
	{ "redis", false, check_reachable },
	{ "redis version", true, check_version },
	{ "persistence", true, check_persistence },
	{ "writes", true, check_writes },
	{ "eviction", true, check_eviction },
	{ "clock", true, check_skew },
	{ "workers", true, check_workers },
	{ "slots", true, check_slots },
	{ "gpus", true, check_gpus },
	{ "containment", true, check_containment },
	{ "leases", true, check_leases },
	{ "open files", false, check_files },
	{ "processes", false, check_procs },
	{ "cgroup", false, check_cgroup },
};

static void
report(struct doctor *d, const char *name)
{
	static const char *const words[] = { "ok", "warn", "fail" };
	json_t *o;

	d->fails += d->verdict == DOC_FAIL;
	if (cli_json(d->cli)) {
		o = json_pack("{s:s, s:s, s:s, s:s}", "check", name,
		    "verdict", words[d->verdict], "found", d->found,
		    "remedy", d->remedy);
		out_json(o);
		json_decref(o);
		return;
	}
	printf("%-4s  %-14s  ", words[d->verdict], name);
	out_text(stdout, d->found, strlen(d->found));
	putchar('\n');
	if (d->remedy[0] != '\0')
		printf("%22s  -> %s\n", "", d->remedy);
}

int
cmd_doctor(struct cli *cli)
{
	struct doctor d = { .cli = cli, .info = xstrdup("") };
	bool reached;
	size_t i;

	for (i = 0; i < NELEM(checks); i++) {
		if (checks[i].redis && d.fleet == NULL)
			continue;
		checks[i].run(&d);
		report(&d, checks[i].name);
	}
	reached = d.fleet != NULL;
	fleet_free(&d.fleet);
	free(d.info);
	if (!reached)
		return (CLI_UNREACHABLE);
	return (d.fails > 0 ? CLI_FAILED : CLI_OK);
}
