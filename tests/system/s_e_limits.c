/*
 * Limits of a slot: its memory and processes, and when its child is replaced.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define INI(pool, handler) "kill_grace = 5s\nretry_backoff = 10ms\n" \
	"[pool p]\nslots = 1\n" pool "[handler selftest]\n" handler \
	"[handler eat]\nkind = command\ncommand = tail /dev/zero\n" \
	"[handler nest]\nkind = command\ncommand = sh -c 'tail /dev/zero; " \
	"sleep 600'\n" \
	"[handler many]\nkind = command\ncommand = sh -c 'for i in 1 2 3 4 5 " \
	"6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 600 & done; " \
	"wait'\n"

static void
fails_of_memory(struct rig *r, const char *id)
{
	json_t *rec = rig_wait_record(r, Q_INF, id, "failed");

	ck_assert_str_eq(js_str(rec, "error.cause"), "out-of-memory");
	ck_assert_ptr_nonnull(strstr(js_str(rec, "error.message"),
	    "memory_limit of 96 M"));
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rig_until(r, rig_processes(r, NULL, 0) == 2);
}

/* In the job's own process, in the child, and in one process of a tree whose
 * others would go on: each ends the whole job, at once and for its memory. */
static void
is_out_of_memory(const char *way)
{
	struct rig *r = rig_start_held(way, INI("memory_limit = 96M\n", ""));
	double from;

	if (r == NULL)
		return;
	rig_push(r, Q_INF, "{\"id\":\"m1\",\"handler\":\"eat\","
	    "\"max_attempts\":1}");
	fails_of_memory(r, "m1");
	rig_push(r, Q_INF, "{\"id\":\"m2\",\"type\":\"selftest\","
	    "\"max_attempts\":1,"
	    "\"input\":{\"op\":\"allocate\",\"bytes\":1000000000}}");
	fails_of_memory(r, "m2");
	from = rig_now();
	rig_push(r, Q_INF, "{\"id\":\"m3\",\"handler\":\"nest\","
	    "\"max_attempts\":1}");
	fails_of_memory(r, "m3");
	if (rig_fast())
		ck_assert_double_le(rig_now() - from, 4.0);
	rig_push(r, Q_INF, "{\"id\":\"m4\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"allocate\",\"bytes\":30000000}}");
	rig_wait_record(r, Q_INF, "m4", "done");
	rig_stop(&r);
}

START_TEST(t_job_over_its_memory_in_cgroup2)
{
	is_out_of_memory("cgroup2");
}
END_TEST

START_TEST(t_job_over_its_memory_in_the_freezer)
{
	is_out_of_memory("freezer");
}
END_TEST

/* Nothing but a look at /proc each 200 ms. */
START_TEST(t_job_over_its_memory_is_sampled)
{
	is_out_of_memory("sweep");
}
END_TEST

/* Somebody else's KILL is not taken for the limit. */
START_TEST(t_kill_within_the_limit_is_no_memory)
{
	struct rig *r = rig_start(INI("memory_limit = 96M\n", ""));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"k1\",\"type\":\"selftest\","
	    "\"max_attempts\":1,"
	    "\"input\":{\"op\":\"sleep\",\"seconds\":60}}");
	rig_wait_record(r, Q_INF, "k1", "running");
	rig_kill((pid_t)rig_slot_int(r, 0, 0, "pid"), 9);
	rec = rig_wait_record(r, Q_INF, "k1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "killed");
	rig_stop(&r);
}
END_TEST

/* A fork bomb gets no further than its slot. */
START_TEST(t_processes_are_limited)
{
	struct rig *r = rig_start(INI("pids_limit = 12\n", ""));
	json_t *rec;

	/* not every host hands the controller down */
	if (strstr(rig_slurp(r, rig_fmt(r, "%s/d0/log", rig_dir(r))),
	    "no pids controller") != NULL) {
		rig_skip("this host hands no pids controller down to us");
		rig_stop(&r);
		return;
	}
	rig_push(r, Q_INF, "{\"id\":\"p1\",\"handler\":\"many\","
	    "\"max_attempts\":1,\"timeout\":20}");
	rec = rig_wait_record(r, Q_INF, "p1", "failed");
	ck_assert_str_ne(js_str(rec, "error.cause"), "timeout");
	rig_push(r, Q_INF, ECHO("next"));
	rig_wait_record(r, Q_INF, "next", "done");
	rig_until(r, rig_processes(r, NULL, 0) == 2);
	rig_stop(&r);
}
END_TEST

#define INI_RIGHTS INI("limit_nofile = 321\nlimit_core = 0\n" \
	"limit_as = 100T\nlimit_memlock = 1M\nlimit_stack = 4M\n" \
	"limit_fsize = 1G\nlimit_nproc = 20000\nnice = 3\n" \
	"oom_score_adj = 321\ncpu_weight = 200\n", "") \
	"[handler look]\nkind = command\nenv.DUMP = @DIR@\n" \
	"command = sh -c 'cd /proc/self; grep . limits oom_score_adj " \
	"cgroup >$DUMP/seen; cut -d\" \" -f19 stat >$DUMP/nice'\n"

/* A line of what the job saw that begins so, without its blanks. */
static const char *
seen(struct rig *r, const char *what)
{
	const char *text = rig_slurp(r, rig_fmt(r, "%s/seen", rig_dir(r)));
	const char *at = strstr(text, what);
	static char line[256];
	size_t n = 0;

	ck_assert_msg(at != NULL, "no %s in %s", what, text);
	for (at += strlen(what); *at != '\n' && n + 1 < sizeof(line); at++)
		if (*at != ' ' || (n > 0 && line[n - 1] != ' '))
			line[n++] = *at;
	line[n] = '\0';
	return (line);
}

/* What each process of a slot may have is in force in a job's own. */
START_TEST(t_limits_of_a_pool_reach_its_jobs)
{
	struct rig *r = rig_start(INI_RIGHTS);

	rig_push(r, Q_INF, "{\"id\":\"l1\",\"handler\":\"look\"}");
	rig_wait_record(r, Q_INF, "l1", "done");
	ck_assert_str_eq(seen(r, "Max open files"), "321 321 files ");
	ck_assert_str_eq(seen(r, "Max core file size"), "0 0 bytes ");
	ck_assert_str_eq(seen(r, "Max address space"),
	    "109951162777600 109951162777600 bytes ");
	ck_assert_str_eq(seen(r, "Max locked memory"),
	    "1048576 1048576 bytes ");
	ck_assert_str_eq(seen(r, "Max stack size"), "4194304 4194304 bytes ");
	ck_assert_str_eq(seen(r, "Max file size"),
	    "1073741824 1073741824 bytes ");
	ck_assert_str_eq(seen(r, "Max processes"), "20000 20000 processes ");
	ck_assert_str_eq(seen(r, "oom_score_adj:"), "321");
	ck_assert_int_eq(atoi(rig_slurp(r, rig_fmt(r, "%s/nice",
	    rig_dir(r)))), 3);
	rig_stop(&r);
}
END_TEST

/* Here the controller may be in its own v1 tree or in the slot's v2 leaf. */
START_TEST(t_cpu_weight_is_set)
{
	struct rig *r = rig_start(INI_RIGHTS);
	const char *shares, *weight;

	rig_push(r, Q_INF, "{\"id\":\"c1\",\"handler\":\"look\"}");
	rig_wait_record(r, Q_INF, "c1", "done");
	if (strstr(rig_slurp(r, rig_fmt(r, "%s/d0/log", rig_dir(r))),
	    "no cpu controller") != NULL) {
		rig_skip("this host hands no cpu controller down to us");
		rig_stop(&r);
		return;
	}
	shares = strstr(rig_slurp(r, rig_fmt(r, "%s/seen", rig_dir(r))),
	    ":cpu:") == NULL ? NULL : rig_slurp(r, rig_fmt(r,
	    "/sys/fs/cgroup/cpu%s/cpu.shares", seen(r, ":cpu:")));
	weight = rig_slurp(r, rig_fmt(r, "/sys/fs/cgroup%s/cpu.weight",
	    seen(r, "cgroup:0::")));
	ck_assert(shares != NULL || weight != NULL);
	if (shares != NULL)
		ck_assert_int_eq(atoi(shares), 2048);
	else
		ck_assert_int_eq(atoi(weight), 200);
	rig_stop(&r);
}
END_TEST

/* More than the hard limit, without the right to raise it: the most there is,
 * and said so. */
START_TEST(t_limit_that_cannot_be_had_is_named)
{
	struct rig *r = rig_new(0);
	struct rlimit lim = { 500, 500 };

	/* for the daemon and all below it; only a privilege undoes it */
	ck_assert(geteuid() != 0 ||
	    prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0) == 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &lim), 0);
	rig_daemon(r, "w1", INI("limit_nofile = 600\n", "")
	    "[handler look]\nkind = command\nenv.DUMP = @DIR@\n"
	    "command = sh -c 'grep . /proc/self/limits >$DUMP/seen'\n");
	rig_daemon_start(r, 0);
	rig_push(r, Q_INF, "{\"id\":\"n1\",\"handler\":\"look\"}");
	rig_wait_record(r, Q_INF, "n1", "done");
	ck_assert_str_eq(seen(r, "Max open files"), "500 500 files ");
	ck_assert_ptr_nonnull(strstr(rig_slurp(r, rig_fmt(r, "%s/d0/log",
	    rig_dir(r))), "limit_nofile is more than we may have: it is 500"));
	rig_stop(&r);
}
END_TEST

START_TEST(t_worn_child_is_replaced_between_jobs)
{
	struct rig *r = rig_start(INI("", "max_jobs_per_child = 2\n"));
	int i;

	for (i = 0; i < 5; i++)
		rig_pushf(r, Q_INF, ECHO("w%d"), i);
	for (i = 0; i < 5; i++)
		rig_wait_record(r, Q_INF, rig_fmt(r, "w%d", i), "done");
	rig_until(r, rig_slot_int(r, 0, 0, "generation") == 3);
	ck_assert_int_eq(js_int(rig_status(r, 0), "counters.child_deaths"), 0);
	rig_stop(&r);
}
END_TEST

START_TEST(t_grown_child_is_replaced)
{
	struct rig *r = rig_start(INI("", "max_child_memory = 100K\n"));

	rig_push(r, Q_INF, ECHO("g1"));
	rig_wait_record(r, Q_INF, "g1", "done");
	rig_until(r, rig_slot_int(r, 0, 0, "generation") == 2);
	rig_push(r, Q_INF, ECHO("g2"));
	rig_wait_record(r, Q_INF, "g2", "done");
	rig_stop(&r);
}
END_TEST

START_TEST(t_aged_child_is_replaced)
{
	struct rig *r = rig_start(INI("", "max_child_age = 300ms\n"));

	rig_push(r, Q_INF, "{\"id\":\"a1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"sleep\",\"seconds\":0.4}}");
	rig_wait_record(r, Q_INF, "a1", "done");
	rig_until(r, rig_slot_int(r, 0, 0, "generation") == 2);
	rig_push(r, Q_INF, ECHO("a2"));
	rig_wait_record(r, Q_INF, "a2", "done");
	ck_assert_int_eq(js_int(rig_status(r, 0), "counters.child_deaths"), 0);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_e_limits",
    t_job_over_its_memory_in_cgroup2,
    t_job_over_its_memory_in_the_freezer,
    t_job_over_its_memory_is_sampled,
    t_kill_within_the_limit_is_no_memory,
    t_processes_are_limited,
    t_limits_of_a_pool_reach_its_jobs,
    t_cpu_weight_is_set,
    t_limit_that_cannot_be_had_is_named,
    t_worn_child_is_replaced_between_jobs,
    t_grown_child_is_replaced,
    t_aged_child_is_replaced)
