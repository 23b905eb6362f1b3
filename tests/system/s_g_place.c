/*
 * Places: the processes of a slot run where the plan says, whatever they
 * start, and a child that runs elsewhere gets no job. Read from /proc, never
 * from what the daemon says of itself.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <dirent.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_run.h"
#include "tests/rig/rig.h"

/* A line of /proc/PID/status, "" if it is gone. */
static const char *
status_line(struct rig *r, pid_t pid, const char *name)
{
	const char *text = rig_slurp(r, rig_fmt(r, "/proc/%d/status",
	    (int)pid)), *at;

	if (text == NULL || (at = strstr(text, name)) == NULL)
		return ("");
	at += strlen(name);
	return (rig_fmt(r, "%.*s", (int)strcspn(at, "\n"), at));
}

static pid_t
parent_of(struct rig *r, pid_t pid)
{
	return ((pid_t)atoi(status_line(r, pid, "PPid:\t")));
}

static int
slot_of(struct rig *r, pid_t pid)
{
	size_t n = 0;
	const char *p;
	char *env;
	int slot = -1;
	FILE *f = fopen(rig_fmt(r, "/proc/%d/environ", (int)pid), "r");

	if (f == NULL)
		return (-1);
	env = calloc(1, 1 << 16);
	n = fread(env, 1, (1 << 16) - 1, f);
	(void)fclose(f);
	for (p = env; p < env + n; p += strlen(p) + 1)
		if (strncmp(p, "GANGER_SLOT=", 12) == 0)
			slot = atoi(p + 12);
	free(env);
	return (slot);
}

static unsigned
ncpus(void)
{
	cpu_set_t set;

	return (sched_getaffinity(0, sizeof(set), &set) != 0 ? 0 :
	    (unsigned)CPU_COUNT(&set));
}

/* Processes of a slot that are not its child: those that its jobs started. */
static int
check_masks(struct rig *r, int nslots)
{
	int n, i, slot, deep = 0;
	const char *want;
	pid_t pids[64];

	n = rig_processes(r, pids, 64);
	for (i = 0; i < n; i++) {
		if (pids[i] == rig_daemon_pid(r, 0) ||
		    (slot = slot_of(r, pids[i])) < 0)
			continue;
		ck_assert_int_lt(slot, nslots);
		want = rig_slot_str(r, 0, slot, "cpus");
		ck_assert_str_eq(status_line(r, pids[i],
		    "Cpus_allowed_list:\t"), want);
		deep += parent_of(r, pids[i]) != rig_daemon_pid(r, 0);
	}
	return (deep);
}

/*
 * Children, and grandchildren in sessions of their own, too. If affinity were
 * set after exec, or for one thread only, what a job starts would differ.
 */
START_TEST(t_masks_equal_the_plan_for_grandchildren_too)
{
	struct rig *r;
	int i;

	r = rig_start("kill_grace = 100ms\nshutdown_grace = 0\n[pool p]\nslots = 2\n"
	    "[handler selftest]\n[handler tree]\nkind = command\n"
	    "command = /bin/sh -c 'sleep 60 & sleep 60 & wait'\n");
	ck_assert_str_ne(rig_slot_str(r, 0, 0, "cpus"),
	    rig_slot_str(r, 0, 1, "cpus"));
	for (i = 0; i < 2; i++)
		rig_pushf(r, Q_CPU, "{\"id\":\"j%d\",\"type\":\"x\","
		    "\"handler\":\"tree\",\"timeout\":60}", i);
	/* each: its shell and two of that */
	rig_until(r, check_masks(r, 2) >= 6);
	rig_stop(&r);
}
END_TEST

/* What runs outside of its place gets no job, and the status says why. */
START_TEST(t_child_that_runs_elsewhere_is_quarantined)
{
	const char *script;
	struct rig *r;
	FILE *f;
	int d;

	r = rig_new(0);
	d = rig_daemon(r, "w1", "[pool a]\nslots = 1\ncpus = 0\n"
	    "[pool b]\nslots = 1\ncpus = 1\nqueues = q\n"
	    "[handler selftest]\n");
	script = rig_fmt(r, "%s/child.sh", rig_dir(r));
	f = fopen(script, "w");
	ck_assert_ptr_nonnull(f);
	/* the child of the second pool moves to the first one's CPU */
	(void)fprintf(f, "#!/bin/sh\nexec taskset -c 0 %s\n", RIG_CHILD);
	ck_assert_int_eq(fchmod(fileno(f), 0700), 0);
	(void)fclose(f);
	ck_assert_int_eq(setenv("GANGER_CHILD", script, 1), 0);
	rig_daemon_start(r, d);
	rig_until(r, strcmp(rig_slot_str(r, 0, 1, "state"),
	    "quarantined") == 0);
	ck_assert_ptr_nonnull(strstr(rig_slot_str(r, 0, 1, "why"),
	    "it runs on CPUs 0, not 1"));
	ck_assert_str_eq(rig_slot_str(r, 0, 0, "state"), "idle");
	rig_push(r, Q_CPU, "{\"id\":\"a\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\",\"value\":1}}");
	(void)rig_wait_record(r, Q_CPU, "a", "done");
	rig_stop(&r);
}
END_TEST

/* The stand-ins of tests/gpu in place of NVIDIA's libraries: 8 GPUs. */
static void
use_standins(struct rig *r)
{
	rig_setenv(r, "LD_LIBRARY_PATH", RIG_CHILDREN_BIN "/../gpu");
	rig_setenv(r, "GANGER_STANDIN", "/dev/null");
}

#define UUID(n) "GPU-5742d1e5-0000-4000-8000-00000000000" #n

/* By UUID: numbers change with CUDA_DEVICE_ORDER and with what is lost. */
START_TEST(t_gpu_slots_see_their_own_devices_only)
{
	static const char *const want[] = { UUID(6), UUID(1), "" };
	struct rig *r = rig_new(0);
	json_t *rec;
	int d, i;

	use_standins(r);
	d = rig_daemon(r, "w1", "[pool g]\ndevices = 6,1\nqueues = q:0\n"
	    "[pool c]\nslots = 1\nqueues = q:2\n[handler selftest]\n");
	rig_daemon_start(r, d);
	for (i = 0; i < 3; i++) {
		ck_assert_str_eq(rig_fmt(r, "%s", js_str(rig_status(r, d),
		    rig_fmt(r, "slots.%d.devices.0", i))), want[i]);
		rig_pushf(r, i < 2 ? "q:0" : "q:2", "{\"id\":\"w%d\","
		    "\"type\":\"selftest\",\"input\":{\"op\":\"where\"}}", i);
		rec = rig_wait_record(r, i < 2 ? "q:0" : "q:2",
		    rig_fmt(r, "w%d", i), "done");
		ck_assert_str_eq(js_str(rec, "result.env.CUDA_VISIBLE_DEVICES"),
		    want[js_int(rec, "slot")]);
		ck_assert_str_eq(js_str(rec, "result.env.CUDA_DEVICE_ORDER"),
		    "PCI_BUS_ID");
	}
	rig_stop(&r);
}
END_TEST

/* A slot's own CPUs are not the daemon's where others are left. */
START_TEST(t_daemon_keeps_off_the_slots_cpus)
{
	struct rig *r;

	r = rig_start(INI_ONE);
	ck_assert_str_eq(rig_slot_str(r, 0, 0, "cpus"), "0");
	ck_assert_ptr_null(strchr(status_line(r, rig_daemon_pid(r, 0),
	    "Cpus_allowed_list:\t"), '0'));
	rig_stop(&r);
}
END_TEST

/* Threads of the daemon that are elsewhere than this. */
static int
threads_off(struct rig *r, const char *cpus)
{
	const char *dir = rig_fmt(r, "/proc/%d/task",
	    (int)rig_daemon_pid(r, 0));
	struct dirent *e;
	int off = 0;
	DIR *d = opendir(dir);

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		off += e->d_name[0] != '.' && strcmp(status_line(r,
		    (pid_t)atoi(e->d_name), "Cpus_allowed_list:\t"), cpus) != 0;
	(void)closedir(d);
	return (off);
}

/* A reload plans anew, from the mask of the start and not from what the
 * daemon has left itself; all its threads move. */
START_TEST(t_reload_moves_slots_and_the_daemon)
{
	struct rig *r = rig_start("housekeeping_cpus = 1\n[pool p]\nslots = 1\n"
	    "[handler selftest]\n");

	ck_assert_str_eq(rig_slot_str(r, 0, 0, "cpus"), "0");
	ck_assert_int_eq(threads_off(r, "1"), 0);
	rig_daemon_config(r, 0, "housekeeping_cpus = 0\n[pool p]\nslots = 1\n"
	    "[handler selftest]\n");
	rig_kill(rig_daemon_pid(r, 0), SIGHUP);
	rig_until(r, strcmp(rig_slot_str(r, 0, 0, "cpus"), "1") == 0);
	rig_until(r, strcmp(status_line(r,
	    (pid_t)rig_slot_int(r, 0, 0, "pid"), "Cpus_allowed_list:\t"),
	    "1") == 0);
	ck_assert_int_eq(threads_off(r, "0"), 0);
	rig_stop(&r);
}
END_TEST

/* A mask from outside holds: nothing runs beside it. */
START_TEST(t_mask_from_outside_is_kept)
{
	cpu_set_t had, one;
	struct rig *r;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(had), &had), 0);
	CPU_ZERO(&one);
	CPU_SET(1, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	r = rig_start("[pool p]\nslots = 2\n[handler selftest]\n");
	ck_assert_int_eq(sched_setaffinity(0, sizeof(had), &had), 0);
	ck_assert_str_eq(rig_slot_str(r, 0, 0, "cpus"), "1");
	ck_assert_str_eq(rig_slot_str(r, 0, 1, "cpus"), "1");
	rig_stop(&r);
}
END_TEST

/* Whether this host lets anybody bind memory: containers may not. */
static bool
may_bind(void)
{
	unsigned long node = 1;
	bool may = syscall(SYS_set_mempolicy, MPOL_BIND, &node,
	    8 * sizeof(node)) == 0;

	(void)syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0ul);
	return (may && access("/proc/self/numa_maps", R_OK) == 0);
}

/* Memory of a slot that is bound comes from its node only. */
START_TEST(t_memory_is_bound_to_the_node)
{
	const char *maps;
	struct rig *r;

	if (!may_bind())
		return;
	r = rig_start("[pool p]\nslots = 1\ncpus = 0\n"
	    "memory_node = bind\n[handler selftest]\n");
	maps = rig_slurp(r, rig_fmt(r, "/proc/%d/numa_maps",
	    (int)rig_slot_int(r, 0, 0, "pid")));
	ck_assert_ptr_nonnull(maps);
	ck_assert_ptr_nonnull(strstr(maps, " bind:"));
	ck_assert_int_eq(strncmp(js_str(rig_status(r, 0), "slots.0.memory"),
	    "bind:", 5), 0);
	rig_stop(&r);
}
END_TEST

/*
 * A child whose memory is not bound as it should be gets no job. The wrapper
 * gives up the policy that it was started with.
 */
START_TEST(t_child_with_other_memory_is_quarantined)
{
	const char *script;
	struct rig *r;
	FILE *f;
	int d;

	if (!may_bind())
		return;
	r = rig_new(0);
	d = rig_daemon(r, "w1", "[pool a]\nslots = 1\ncpus = 0\n"
	    "[pool b]\nslots = 1\ncpus = 1\nqueues = q\n"
	    "memory_node = bind\n[handler selftest]\n");
	script = rig_fmt(r, "%s/child.py", rig_dir(r));
	f = fopen(script, "w");
	ck_assert_ptr_nonnull(f);
	(void)fprintf(f, "#!/usr/bin/python3\nimport ctypes, os, sys\n"
	    "ctypes.CDLL(None).syscall(%d, %d, None, 0)\n"
	    "for fd in range(3, 64):\n    try: os.set_inheritable(fd, True)\n"
	    "    except OSError: pass\n"
	    "os.execv('%s', sys.argv)\n", (int)SYS_set_mempolicy,
	    (int)MPOL_DEFAULT, RIG_CHILD);
	ck_assert_int_eq(fchmod(fileno(f), 0700), 0);
	(void)fclose(f);
	ck_assert_int_eq(setenv("GANGER_CHILD", script, 1), 0);
	rig_daemon_start(r, d);
	rig_until(r, strcmp(rig_slot_str(r, 0, 1, "state"),
	    "quarantined") == 0);
	ck_assert_msg(strstr(rig_slot_str(r, 0, 1, "why"), "it has the memory "
	    "policy default, not bind:") != NULL, "%s",
	    rig_slot_str(r, 0, 1, "why"));
	rig_until(r, strcmp(rig_slot_str(r, 0, 0, "state"), "idle") == 0);
	rig_stop(&r);
}
END_TEST

/* With the v1 hierarchy, if it is ours: not even a job can leave. */
START_TEST(t_cpuset_holds_what_asks_to_leave)
{
	const char *set;
	struct rig *r;
	pid_t pid;

	r = rig_start("[pool p]\nslots = 1\ncpus = 0\ncpuset = yes\n"
	    "[handler selftest]\n[handler away]\nkind = command\n"
	    "command = /bin/sh -c 'taskset -c 1 true && exit 3; exit 0'\n");
	pid = (pid_t)rig_slot_int(r, 0, 0, "pid");
	set = rig_slurp(r, rig_fmt(r, "/proc/%d/cpuset", (int)pid));
	if (set != NULL && strstr(set, "/slot0") != NULL) {
		rig_push(r, Q_CPU, "{\"id\":\"a\",\"type\":\"x\","
		    "\"handler\":\"away\"}");
		(void)rig_wait_record(r, Q_CPU, "a", "done");
	}
	rig_stop(&r);
}
END_TEST

/* Each is refused before anything starts, and says what is missing. */
START_TEST(t_impossible_places_are_78)
{
	static const struct {
		const char *ini, *text;
	} cases[] = {
		{ "[pool a]\ncpus = 4000\n", "CPU 4000 is not on this host" },
		{ "[pool a]\ndevices = 0\n", "no GPU that can be used" },
		{ "use_gpu = yes\n", "use_gpu (USE_GPU): this host has no GPU" },
		{ "use_gpu = yes\ngpu_device = 8\n", "there is no GPU 8: this "
		    "host has 8" },
	};
	struct rig *r = rig_new(0);
	const char *out;
	size_t i;
	int d;

	rig_setenv(r, "GANGER_GPUPROBE", "/nonexistent/prober");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		d = i == 0 ? rig_daemon(r, "w1", cases[i].ini) : 0;
		if (strstr(cases[i].text, "has 8") != NULL) {
			rig_setenv(r, "GANGER_GPUPROBE", RIG_CHILDREN_BIN
			    "/../../ganger-gpuprobe");
			use_standins(r);
		}
		rig_daemon_config(r, d, cases[i].ini);
		ck_assert_int_eq(rig_gangerd(r, &out, (const char *const[]){
		    "-t", "-c", rig_daemon_file(r, d), NULL }), 78);
		ck_assert_msg(strstr(out, cases[i].text) != NULL, "%s", out);
		rig_daemon_spawn(r, d);
		ck_assert_int_eq(rig_daemon_wait(r, d), 78);
	}
	rig_stop(&r);
}
END_TEST

int
main(int argc, char **argv)
{
	const TTest *const tests[] = {
		t_masks_equal_the_plan_for_grandchildren_too,
		t_child_that_runs_elsewhere_is_quarantined,
		t_gpu_slots_see_their_own_devices_only,
		t_daemon_keeps_off_the_slots_cpus,
		t_reload_moves_slots_and_the_daemon, t_mask_from_outside_is_kept,
		t_memory_is_bound_to_the_node,
		t_child_with_other_memory_is_quarantined,
		t_cpuset_holds_what_asks_to_leave, t_impossible_places_are_78,
	};

	if (ncpus() < 2)
		return (check_skip("it takes two CPUs"));
	return (rig_main(argc, argv, "place", tests,
	    sizeof(tests) / sizeof(tests[0])));
}
