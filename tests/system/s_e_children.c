/*
 * Children that misbehave (tests/children/bad.c): each job ends with the right
 * cause, nothing of it is alive a second after kill_grace or the slot says
 * what holds it, the next job runs, and the supervisor is as it was before.
 * RIG_REPEAT says how often the cheap ones are repeated (20; 1,000 in
 * check-slow).
 */
#include "config.h"

#include <sys/stat.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define GRACE 0.2
#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define BAD(name) "[handler " name "]\nkind = command\n" \
	"command = @BIN@/bad " name "\n"
#define INI "kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"release_timeout = 500ms\n[pool p]\nslots = 1\n[handler selftest]\n" \
	BAD("block") BAD("ignore") BAD("daemon") BAD("leave") BAD("runaway") \
	BAD("breed") BAD("stop") BAD("nest") BAD("flood") BAD("nothing")

/* Only the daemon and its child are left. */
static bool
alone(struct rig *r)
{
	return (rig_processes(r, NULL, 0) == 2);
}

static int
open_fds(pid_t pid)
{
	char path[64];
	DIR *d;
	int n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	ck_assert_ptr_nonnull(d = opendir(path));
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return (n);
}

static long
resident_kb(struct rig *r, pid_t pid)
{
	const char *text = rig_slurp(r, rig_fmt(r, "/proc/%d/status",
	    (int)pid));
	const char *at = text == NULL ? NULL : strstr(text, "VmRSS:");

	ck_assert_ptr_nonnull(at);
	return (strtol(at + 6, NULL, 10));
}

static void
push_bad(struct rig *r, const char *how, int i)
{
	/* those that end by themselves have time for it on a busy host */
	bool ends = strcmp(how, "leave") == 0 || strcmp(how, "nothing") == 0;

	rig_pushf(r, Q_INF, "{\"id\":\"%s-%d\",\"handler\":\"%s\","
	    "\"timeout\":%s,\"max_attempts\":1}", how, i, how,
	    ends ? "60" : "0.1");
}

/* One that is to be ended: by its timeout, tree and all. */
static void
is_ended(struct rig *r, const char *how, int i)
{
	const char *id = rig_fmt(r, "%s-%d", how, i);
	double from = rig_now();
	json_t *rec;

	push_bad(r, how, i);
	rec = rig_wait_record(r, Q_INF, id, "failed");
	ck_assert_msg(strcmp(js_str(rec, "error.cause"), "timeout") == 0,
	    "%s: %s", id, js_str(rec, "error.cause"));
	/* the record is written when nothing is left */
	rig_until(r, alone(r));
	if (rig_fast())
		ck_assert_msg(rig_now() - from < 0.1 + GRACE + 1.0,
		    "%s took %.3f s", id, rig_now() - from);
}

static void
next_runs(struct rig *r, int i)
{
	rig_pushf(r, Q_INF, ECHO("next-%d"), i);
	rig_wait_record(r, Q_INF, rig_fmt(r, "next-%d", i), "done");
}

static void
each_is_ended(const char *way)
{
	static const char *const hows[] = { "ignore", "block", "daemon",
	    "runaway", "breed", "stop", "nest" };
	struct rig *r = rig_start_held(way, INI);
	int i;

	if (r == NULL)
		return;
	for (i = 0; i < (int)(sizeof(hows) / sizeof(hows[0])); i++) {
		is_ended(r, hows[i], i);
		next_runs(r, i);
	}
	rig_stop(&r);
}

START_TEST(t_each_is_ended_in_cgroup2)
{
	each_is_ended("cgroup2");
}
END_TEST

START_TEST(t_each_is_ended_in_the_freezer)
{
	each_is_ended("freezer");
}
END_TEST

START_TEST(t_each_is_ended_by_the_sweep)
{
	each_is_ended("sweep");
}
END_TEST

static bool
any_alive(const pid_t *pids, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (rig_alive(pids[i]))
			return (true);
	return (false);
}

/*
 * The daemon and its child are killed together, so nobody ends the job's
 * process that left its session: the next start does, whichever way it has.
 */
static void
next_start_ends(const char *way, const char *next)
{
	struct rig *r = rig_start_held(way, "shutdown_grace = 0\n" INI);
	pid_t pids[16], child;
	int n;

	if (r == NULL)
		return;
	child = (pid_t)rig_slot_int(r, 0, 0, "pid");
	rig_push(r, Q_INF, "{\"id\":\"f1\",\"handler\":\"daemon\"}");
	rig_until(r, rig_processes(r, pids, 16) == 4);
	rig_kill(child, SIGSTOP);
	rig_kill(rig_daemon_pid(r, 0), SIGKILL);
	rig_kill(child, SIGKILL);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 128 + SIGKILL);
	n = rig_processes(r, pids, 16);
	ck_assert_int_ge(n, 1);
	rig_daemon_config(r, 0, rig_fmt(r, "containment = %s\n"
	    "shutdown_grace = 0\n" INI, next));
	rig_daemon_start(r, 0);
	ck_assert(!any_alive(pids, n));
	rig_wait_record(r, Q_INF, "f1", "running");
	rig_stop(&r);
}

START_TEST(t_next_start_ends_what_is_left_in_cgroup2)
{
	next_start_ends("cgroup2", "sweep");
}
END_TEST

START_TEST(t_next_start_ends_what_is_left_in_the_freezer)
{
	next_start_ends("freezer", "auto");
}
END_TEST

START_TEST(t_next_start_ends_what_the_sweep_had)
{
	next_start_ends("sweep", "auto");
}
END_TEST

/* It ends well and leaves a process behind that holds its output open. */
START_TEST(t_what_a_job_leaves_is_ended_with_it)
{
	struct rig *r = rig_start(INI);
	int i;

	for (i = 0; i < 5; i++) {
		push_bad(r, "leave", i);
		rig_wait_record(r, Q_INF, rig_fmt(r, "leave-%d", i), "done");
		rig_until(r, alone(r));
		push_bad(r, "nothing", i);
		ck_assert_ptr_null(js(rig_wait_record(r, Q_INF,
		    rig_fmt(r, "nothing-%d", i), "done"), "result"));
	}
	rig_stop(&r);
}
END_TEST

/* A gigabyte of output costs neither the loop nor memory. */
START_TEST(t_flood_of_output_is_borne)
{
	struct rig *r = rig_start(INI);
	pid_t pid = rig_daemon_pid(r, 0);
	long before = resident_kb(r, pid);

	rig_push(r, Q_INF, "{\"id\":\"f1\",\"handler\":\"flood\","
	    "\"max_attempts\":1,\"timeout\":2}");
	rig_until(r, rig_record(r, Q_INF, "f1") != NULL);
	ck_assert_int_eq(rig_http(r, 0, "/healthz", NULL), 200);
	rig_until(r, js(rig_record(r, Q_INF, "f1"), "finished_at") != NULL &&
	    js_int(rig_record(r, Q_INF, "f1"), "finished_at") > 0);
	ck_assert_int_le(rig_int(r, "XLEN {" Q_INF "}:log:f1"), 1000);
	next_runs(r, 1);
	if (rig_fast())         /* sanitizers keep what was freed */
		ck_assert_int_le(resident_kb(r, pid) - before, 32 << 10);
	rig_stop(&r);
}
END_TEST

/* The cheap ones: the job, and what it ends as. */
#define BAD_JOB(name) "\"handler\":\"" name "\",\"timeout\":0.1"
#define RUNNER_JOB(what) "\"handler\":\"runner\",\"input\":{" what "}"
static const struct {
	const char *job, *cause;        /* NULL: done */
} cheap[] = {
	{ "\"handler\":\"leave\"", NULL },
	{ "\"handler\":\"nothing\"", NULL },
	{ BAD_JOB("block"), "timeout" },
	{ BAD_JOB("ignore"), "timeout" },
	{ BAD_JOB("daemon"), "timeout" },
	{ BAD_JOB("stop"), "timeout" },
	{ RUNNER_JOB("\"do\":\"twice\""), NULL },
	{ RUNNER_JOB("\"do\":\"stranger\""), NULL },
	{ RUNNER_JOB("\"do\":\"silent\""), "handler-error" },
	{ RUNNER_JOB("\"do\":\"junk\""), "crashed" },
	{ RUNNER_JOB("\"do\":\"late\"") ",\"timeout\":0.1", "timeout" },
	{ "\"type\":\"selftest\",\"input\":{\"op\":\"exit\",\"code\":0}",
	    "crashed" },
};
#define CHEAP (int)(sizeof(cheap) / sizeof(cheap[0]))
#define AT_ONCE 20

static long long
ends_of(struct rig *r, const char *cause)
{
	json_t *w = rig_status(r, 0);

	return (cause == NULL ? js_int(w, "counters.done") :
	    js_int(w, rig_fmt(r, "counters.causes.%s", cause)));
}

/* n jobs of one kind; all end as they should, and nothing of them is left. */
static void
repeat(struct rig *r, int how, int n)
{
	const char *cause = cheap[how].cause;
	long long want = ends_of(r, cause) + n;
	int i, k;

	for (i = 0; i < n; i += AT_ONCE) {
		for (k = i; k < n && k < i + AT_ONCE; k++)
			rig_pushf(r, Q_INF, "{%s,\"max_attempts\":1}",
			    cheap[how].job);
		k = n - k;      /* that are not out yet */
		rig_until(r, ends_of(r, cause) == want - k);
	}
	/* each slot's child, and the runner that it may keep */
	rig_until(r, rig_processes(r, NULL, 0) <= 1 + 2 * 4);
}

/* Over and over: no descriptor and no memory stays with the supervisor. */
START_TEST(t_supervisor_is_as_before)
{
	const char *often = getenv("RIG_REPEAT");
	int n = often != NULL ? atoi(often) : 4, i, fds, fds_after;
	struct rig *r = rig_start("kill_grace = 20ms\nlog_max_lines = 10\n"
	    "retry_backoff = 10ms\n[pool p]\nslots = 4\n"
	    "[handler selftest]\n[handler runner]\nkind = runner\n"
	    "command = @BIN@/runner\n" BAD("block") BAD("ignore")
	    BAD("daemon") BAD("leave") BAD("stop") BAD("nothing"));
	pid_t pid = rig_daemon_pid(r, 0);
	long before, after;

	for (i = 0; i < CHEAP; i++)
		repeat(r, i, 4);
	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 4);
	fds = open_fds(pid);
	before = resident_kb(r, pid);
	for (i = 0; i < CHEAP; i++) {
		repeat(r, i, n);
		printf("# %d times %s: descriptors %d, %ld K resident\n", n,
		    cheap[i].job, open_fds(pid), resident_kb(r, pid));
	}
	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 4);
	rig_until(r, (fds_after = open_fds(pid)) <= fds);
	after = resident_kb(r, pid);
	printf("# %d jobs: descriptors %d before, %d after; %ld K resident "
	    "before, %ld K after\n", CHEAP * n, fds, fds_after, before, after);
	if (rig_fast())
		ck_assert_int_le(after - before, 4 << 10);
	rig_stop(&r);
}
END_TEST

static void
put_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_msg(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0,
	    "could not write %s", path);
}

/*
 * Freezes a process as a device that does not answer does: no signal ends it,
 * KILL included. Where the daemon holds it in a freezer of its own, in a group
 * below that one. "" where this host has no v1 freezer.
 */
static const char *
freeze(struct rig *r, pid_t pid, const char *way)
{
	const char *groups = rig_slurp(r, rig_fmt(r, "/proc/%d/cgroup",
	    (int)pid)), *at, *root = "/sys/fs/cgroup/freezer";
	static char dir[256];

	if (access(rig_fmt(r, "%s/cgroup.procs", root), W_OK) != 0)
		return ("");
	if (strcmp(way, "freezer") == 0) {
		ck_assert_ptr_nonnull(at = strstr(groups, ":freezer:"));
		root = rig_fmt(r, "%s%.*s", root, (int)strcspn(at + 9, "\n"),
		    at + 9);
	}
	(void)snprintf(dir, sizeof(dir), "%s/ganger-test-%d", root,
	    (int)getpid());
	rig_note_freezer(dir);
	if (mkdir(dir, 0700) != 0)
		return ("");
	put_text(rig_fmt(r, "%s/cgroup.procs", dir), rig_fmt(r, "%d",
	    (int)pid));
	put_text(rig_fmt(r, "%s/freezer.state", dir), "FROZEN");
	return (dir);
}

static void
thaw(struct rig *r, const char *dir)
{
	put_text(rig_fmt(r, "%s/freezer.state", dir), "THAWED");
	/* or the daemon has, with all that was in the slot */
	rig_until(r, rmdir(dir) == 0 || access(dir, F_OK) != 0);
}

/*
 * What even KILL can't end: its slot is quarantined and says what holds it,
 * the job has its end, the other slot works, and the slot comes back when the
 * hold ends: by itself, or at once by resume.
 */
static void
is_quarantined(const char *way, bool resume)
{
	struct rig *r = rig_start_held(way, "kill_grace = 100ms\n"
	    "release_timeout = 300ms\n[pool p]\nslots = 2\n"
	    "[handler selftest]\n"
	    "[handler wait]\nkind = command\ncommand = @SRC@/wait.sh\n"
	    "env.DUMP = @DIR@\n");
	const char *dir, *why, *at;
	json_t *rec;
	pid_t pid;
	int slot;

	if (r == NULL)
		return;
	rig_push(r, Q_INF, "{\"id\":\"u1\",\"handler\":\"wait\","
	    "\"timeout\":1}");
	rig_until(r, rig_exists(r, "pid"));
	pid = atoi(rig_slurp(r, rig_fmt(r, "%s/pid", rig_dir(r))));
	dir = freeze(r, pid, way);
	if (*dir == '\0') {
		rig_skip("this host has no v1 freezer for us");
		rig_stop(&r);
		return;
	}
	rec = rig_wait_record(r, Q_INF, "u1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	slot = (int)js_int(rec, "slot");
	ck_assert_str_eq(rig_slot_str(r, 0, slot, "state"), "quarantined");
	why = rig_slot_str(r, 0, slot, "why");
	at = strstr(why, rig_fmt(r, "pid %d (wait.sh) state ", (int)pid));
	ck_assert_msg(at != NULL && strstr(at, " wchan ") != NULL, "why: %s",
	    why);
	rig_push(r, Q_INF, ECHO("other"));
	rec = rig_wait_record(r, Q_INF, "other", "done");
	ck_assert_int_ne(js_int(rec, "slot"), slot);
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 200);
	thaw(r, dir);
	if (resume)
		rig_int(r, "PUBLISH ai:control %s", "{\"op\":\"resume\"}");
	rig_until(r, strcmp(rig_slot_str(r, 0, slot, "state"), "idle") == 0);
	ck_assert(!rig_alive(pid));
	rig_stop(&r);
}

/* The same of a child that runs a plugin: nothing tells of its end, since it
 * does not come. */
START_TEST(t_unkillable_child_quarantines_its_slot)
{
	struct rig *r = rig_start_held("cgroup2", "kill_grace = 100ms\n"
	    "release_timeout = 300ms\n[pool p]\nslots = 2\n"
	    "[handler selftest]\n");
	const char *dir;
	json_t *rec;
	pid_t pid;
	int slot;

	if (r == NULL)
		return;
	rig_push(r, Q_INF, "{\"id\":\"u2\",\"type\":\"selftest\","
	    "\"timeout\":1,\"input\":{\"op\":\"sleep\",\"seconds\":60}}");
	rec = rig_wait_record(r, Q_INF, "u2", "running");
	slot = (int)js_int(rec, "slot");
	pid = (pid_t)rig_slot_int(r, 0, slot, "pid");
	dir = freeze(r, pid, "cgroup2");
	if (*dir == '\0') {
		rig_skip("this host has no v1 freezer for us");
		rig_stop(&r);
		return;
	}
	rec = rig_wait_record(r, Q_INF, "u2", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	ck_assert_str_eq(rig_slot_str(r, 0, slot, "state"), "quarantined");
	ck_assert_ptr_nonnull(strstr(rig_slot_str(r, 0, slot, "why"),
	    rig_fmt(r, "pid %d (", (int)pid)));
	rig_push(r, Q_INF, ECHO("other"));
	rec = rig_wait_record(r, Q_INF, "other", "done");
	ck_assert_int_ne(js_int(rec, "slot"), slot);
	thaw(r, dir);
	rig_until(r, strcmp(rig_slot_str(r, 0, slot, "state"), "idle") == 0);
	ck_assert_int_eq(rig_slot_int(r, 0, slot, "generation"), 2);
	rig_stop(&r);
}
END_TEST

/* It does not keep the daemon from its end either. */
START_TEST(t_unkillable_child_does_not_hold_the_stop)
{
	struct rig *r = rig_start_held("cgroup2", "kill_grace = 100ms\n"
	    "release_timeout = 300ms\nshutdown_grace = 100ms\n"
	    "[pool p]\nslots = 1\n[handler selftest]\n");
	const char *dir;
	pid_t pid;

	if (r == NULL)
		return;
	rig_push(r, Q_INF, "{\"id\":\"u3\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"sleep\",\"seconds\":60}}");
	rig_wait_record(r, Q_INF, "u3", "running");
	pid = (pid_t)rig_slot_int(r, 0, 0, "pid");
	dir = freeze(r, pid, "cgroup2");
	if (*dir != '\0') {
		rig_daemon_end(r, 0);
		ck_assert_str_eq(js_str(rig_record(r, Q_INF, "u3"), "state"),
		    "waiting");
		thaw(r, dir);
		rig_until(r, !rig_alive(pid));
	} else
		rig_skip("this host has no v1 freezer for us");
	rig_stop(&r);
}
END_TEST

START_TEST(t_unkillable_process_quarantines_its_slot)
{
	is_quarantined("cgroup2", false);
}
END_TEST

START_TEST(t_unkillable_process_in_the_freezer)
{
	is_quarantined("freezer", true);
}
END_TEST

START_TEST(t_unkillable_process_in_the_sweep)
{
	is_quarantined("sweep", true);
}
END_TEST

/*
 * A slot that loses its child with every job it gets, while the other one
 * works, takes no more of them; resume gives it another chance.
 */
START_TEST(t_sick_slot_is_quarantined_uncharged)
{
	struct rig *r = rig_start("max_worker_lost = 100\n[pool p]\nslots = 2\n"
	    "[handler selftest]\n[handler sick]\nkind = command\n"
	    "command = sh -c '[ $GANGER_SLOT = 0 ] || kill -9 $PPID'\n");
	json_t *rec;
	int i;

	for (i = 0; i < 40; i++)
		rig_pushf(r, Q_INF, "{\"id\":\"q%d\",\"handler\":\"sick\"}", i);
	for (i = 0; i < 40; i++) {
		rec = rig_wait_record(r, Q_INF, rig_fmt(r, "q%d", i), "done");
		ck_assert_int_eq(js_int(rec, "attempt"), 1);
		ck_assert_int_eq(js_int(rec, "slot"), 0);
	}
	if (strcmp(rig_slot_str(r, 0, 1, "state"), "quarantined") == 0) {
		ck_assert_str_eq(rig_slot_str(r, 0, 1, "why"), "keeps failing");
		rig_int(r, "PUBLISH ai:control %s", "{\"op\":\"resume\"}");
	}
	rig_until(r, strcmp(rig_slot_str(r, 0, 1, "state"), "idle") == 0);
	rig_stop(&r);
}
END_TEST

#define INI_GPU "kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"max_attempts = 1\n[pool p]\nslots = 1\n[handler gpu]\n" \
	"kind = plugin\npath = @BIN@/.libs/gpu.so\nenv.DUMP = @DIR@\n"

/* Many jobs, so that some are out at the child when its GPU breaks. */
static void
break_gpu(const char *ini)
{
	struct rig *r = rig_start(ini);
	long long gen = rig_slot_int(r, 0, 0, "generation");
	int i;

	for (i = 0; i < 200; i++)
		rig_pushf(r, Q_INF, "{\"id\":\"g%d\",\"handler\":\"gpu\","
		    "\"input\":{%s}}", i, i % 70 == 50 ? "\"break\":1" : "");
	for (i = 0; i < 200; i++)
		ck_assert_int_eq(js_int(rig_wait_record(r, Q_INF,
		    rig_fmt(r, "g%d", i), "done"), "attempt"), 1);
	ck_assert_int_eq(rig_slot_int(r, 0, 0, "generation"), gen + 3);
	ck_assert_int_eq(rig_stat(r, Q_INF, "retried"), 0);
	rig_stop(&r);
}

/*
 * A GPU error leaves the process's context unusable: each job that ran in the
 * same child after it would fail, and be charged for it.
 */
START_TEST(t_child_with_a_gpu_error_is_replaced)
{
	break_gpu(INI_GPU);
}
END_TEST

START_TEST(t_child_with_a_gpu_error_in_a_batch_is_replaced)
{
	break_gpu(INI_GPU "batch_size = 8\n");
}
END_TEST

RIG_MAIN("s_e_children",
    t_each_is_ended_in_cgroup2,
    t_each_is_ended_in_the_freezer,
    t_each_is_ended_by_the_sweep,
    t_next_start_ends_what_is_left_in_cgroup2,
    t_next_start_ends_what_is_left_in_the_freezer,
    t_next_start_ends_what_the_sweep_had,
    t_what_a_job_leaves_is_ended_with_it,
    t_flood_of_output_is_borne,
    t_supervisor_is_as_before,
    t_unkillable_child_quarantines_its_slot,
    t_unkillable_child_does_not_hold_the_stop,
    t_unkillable_process_quarantines_its_slot,
    t_unkillable_process_in_the_freezer,
    t_unkillable_process_in_the_sweep,
    t_sick_slot_is_quarantined_uncharged,
    t_child_with_a_gpu_error_is_replaced,
    t_child_with_a_gpu_error_in_a_batch_is_replaced)
