/*
 * What a job may not do: no more rights than it was given, and in a sandbox
 * less. Each is tried by tests/children/box.c from inside.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define SHORT "kill_grace = 200ms\nretry_backoff = 10ms\nmax_attempts = 1\n"
#define POOL(name, handlers) "[pool " name "]\nslots = 1\ncpus = 0\n" \
	"handlers = " handlers "\n"
#define BOX(name, more) "[handler " name "]\nkind = command\n" \
	"command = @BIN@/box\nenv.OUTSIDE = @OUT@\n" more

/* A folder that is neither a job's nor below /tmp; goes with outside_end. */
static char outside[300];

/* The build may lie where every job may write. */
static bool
is_shared(const char *dir)
{
	static const char *const places[] = { "/tmp/", "/var/tmp/",
	    "/dev/shm/" };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strncmp(dir, places[i], strlen(places[i])) == 0)
			return (true);
	return (false);
}

static void
outside_make(void)
{
	const char *home = getenv("HOME");
	char cwd[200] = "";
	const char *places[] = { getcwd(cwd, sizeof(cwd)), "/run", home };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i] == NULL || is_shared(places[i]))
			continue;
		snprintf(outside, sizeof(outside), "%.200s/ganger-box-XXXXXX",
		    places[i]);
		if (mkdtemp(outside) != NULL)
			return;
	}
	ck_abort_msg("no folder outside of /tmp can be written");
}

static void
outside_begin(void)
{
	char path[350];
	int fd;

	outside_make();
	ck_assert_int_eq(chmod(outside, 0755), 0);
	snprintf(path, sizeof(path), "%s/given", outside);
	ck_assert_int_ge(fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644),
	    0);
	close(fd);
	snprintf(path, sizeof(path), "%s/models", outside);
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void
outside_end(void)
{
	char path[350];

	snprintf(path, sizeof(path), "%s/given", outside);
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/models", outside);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(outside), 0);
}

/* @OUT@ stands for that folder. */
static struct rig *
start(const char *text)
{
	struct rig *r = rig_new(0);
	const char *ini = "", *at;

	outside_begin();
	while ((at = strstr(text, "@OUT@")) != NULL) {
		ini = rig_fmt(r, "%s%.*s%s", ini, (int)(at - text), text,
		    outside);
		text = at + strlen("@OUT@");
	}
	rig_daemon_start(r, rig_daemon(r, "w1", rig_fmt(r, "%s%s", ini,
	    text)));
	return (r);
}

static void
stop(struct rig *r)
{
	rig_stop(&r);
	outside_end();
}

static json_t *
run(struct rig *r, const char *handler)
{
	const char *id = rig_fmt(r, "j-%s", handler);

	rig_pushf(r, Q_INF, "{\"id\":\"%s\",\"handler\":\"%s\"}", id,
	    handler);
	return (js(rig_wait_record(r, Q_INF, id, "done"), "result"));
}

/* errno of an attempt; 0: it went well. */
#define TRIED(o, name, want) \
	ck_assert_msg(js_int(o, name) == (want), "%s: errno %lld, not %d", \
	    name, js_int(o, name), (int)(want))

static void
check_own_places(const json_t *o)
{
	TRIED(o, "work", 0);
	TRIED(o, "output", 0);
	TRIED(o, "checkpoint", 0);
	TRIED(o, "move", 0);
	TRIED(o, "tmp", 0);
	TRIED(o, "shm", 0);
	TRIED(o, "read", 0);
	TRIED(o, "null", 0);
	TRIED(o, "unix", 0);
	TRIED(o, "thread", 0);
	TRIED(o, "program", 0);
	ck_assert_int_eq(js_int(o, "privs"), 1);
	ck_assert_int_eq(js_int(o, "umask"), 077);
}

START_TEST(t_no_sandbox_takes_nothing_away)
{
	struct rig *r = start(SHORT POOL("p", "box")
	    BOX("box", "") "[models]\ndir = @OUT@/models\n");
	json_t *o = run(r, "box");

	check_own_places(o);
	TRIED(o, "outside", 0);
	TRIED(o, "model", 0);
	TRIED(o, "write", 0);
	TRIED(o, "inet", 0);
	TRIED(o, "ptrace", ESRCH);
	stop(r);
}
END_TEST

/* EPERM from the filter, whoever we are: root would be allowed all of it. */
static void
check_default(const json_t *o)
{
	check_own_places(o);
	TRIED(o, "mount", EPERM);
	TRIED(o, "ptrace", EPERM);
	TRIED(o, "bpf", EPERM);
	TRIED(o, "keyctl", EPERM);
	TRIED(o, "clone", EPERM);
	TRIED(o, "unshare", EPERM);
}

START_TEST(t_default_refuses_the_kernels_levers)
{
	struct rig *r = start(SHORT POOL("p", "box")
	    BOX("box", "sandbox = default\n") "[models]\ndir = @OUT@/models\n");
	json_t *o = run(r, "box");

	check_default(o);
	TRIED(o, "outside", 0);
	TRIED(o, "model", 0);
	TRIED(o, "inet", 0);
	stop(r);
}
END_TEST

static bool
has_landlock(void)
{
	/* landlock_create_ruleset for its version */
	return (syscall(444, NULL, (size_t)0, 1u) > 0);
}

static void
check_strict(const json_t *o)
{
	check_default(o);
	TRIED(o, "outside", EACCES);
	TRIED(o, "model", EACCES);
	TRIED(o, "write", EACCES);
	TRIED(o, "truncate", EACCES);
	TRIED(o, "inet", EAFNOSUPPORT);
	TRIED(o, "inet6", EAFNOSUPPORT);
	TRIED(o, "netlink", EAFNOSUPPORT);
}

START_TEST(t_strict_leaves_only_the_jobs_own_places)
{
	struct rig *r = start(SHORT POOL("p", "box")
	    BOX("box", "sandbox = strict\n") "[models]\ndir = @OUT@/models\n");

	check_strict(run(r, "box"));
	stop(r);
}
END_TEST

/* Seccomp's mode of a process: 0 none, 2 a filter. */
static int
seccomp_of(struct rig *r, pid_t pid)
{
	const char *text = rig_slurp(r, rig_fmt(r, "/proc/%d/status",
	    (int)pid));

	ck_assert_ptr_nonnull(text = strstr(text, "\nSeccomp:"));
	return (atoi(text + strlen("\nSeccomp:")));
}

/* A runner keeps its sandbox over its jobs; the child that drives it has
 * none. */
START_TEST(t_runner_is_confined)
{
	struct rig *r = rig_start(SHORT POOL("p", "r") "[handler r]\n"
	    "kind = runner\ncommand = @BIN@/runner\nsandbox = strict\n");
	json_t *rec;
	int i;

	for (i = 0; i < 2; i++) {
		rig_pushf(r, Q_INF, "{\"id\":\"r%d\",\"handler\":\"r\","
		    "\"input\":{\"do\":\"echo\",\"value\":1}}", i);
		rec = rig_wait_record(r, Q_INF, rig_fmt(r, "r%d", i), "done");
		ck_assert_int_eq(js_int(rec, "result.served"), i + 1);
		ck_assert_int_eq(seccomp_of(r,
		    (pid_t)js_int(rec, "result.pid")), 2);
	}
	ck_assert_int_eq(seccomp_of(r, (pid_t)rig_slot_int(r, 0, 0, "pid")),
	    0);
	rig_stop(&r);
}
END_TEST

/* A plugin's sandbox is its child's, and that of all it starts; a pool that
 * does not serve the plugin is free. */
START_TEST(t_plugin_confines_its_child)
{
	struct rig *r = start(SHORT POOL("a", "selftest, box")
	    "queues = ai:inference:queue\n" POOL("b", "free")
	    "queues = ai:cpu:queue\n"
	    BOX("box", "sandbox = strict\n") BOX("free", "")
	    "[handler selftest]\nsandbox = strict\n"
	    "[models]\ndir = @OUT@/models\n");
	int i;

	for (i = 0; i < 2; i++)
		ck_assert_int_eq(seccomp_of(r,
		    (pid_t)rig_slot_int(r, 0, i, "pid")), i == 0 ? 2 : 0);
	rig_push(r, Q_INF, "{\"id\":\"e\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\",\"value\":7}}");
	ck_assert_int_eq(js_int(rig_wait_record(r, Q_INF, "e", "done"),
	    "result"), 7);
	rig_push(r, Q_INF, "{\"id\":\"o\",\"type\":\"selftest\",\"timeout\":"
	    "0.2,\"max_attempts\":1,\"input\":{\"op\":\"orphans\","
	    "\"count\":2,\"setsid\":true,\"ignore_term\":true,"
	    "\"seconds\":600}}");
	rig_until(r, js(rig_record(r, Q_INF, "o"), "finished_at") != NULL);
	check_strict(run(r, "box"));
	stop(r);
}
END_TEST

/* What the daemon knows is not the job's to know. */
START_TEST(t_secrets_stay_out_of_the_environment)
{
	static const char *const names[] = { "REDISCLI_AUTH",
	    "GANGER_TOKEN_FILE", "CREDENTIALS_DIRECTORY", "INVOCATION_ID" };
	struct rig *r = rig_new(0);
	const char *result;
	size_t i;

	rig_setenv(r, "REDIS_URL", rig_fmt(r, "unix:%s", rig_socket(r)));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		rig_setenv(r, names[i], "s3cret");
	rig_daemon_start(r, rig_daemon(r, "w1", SHORT "[handler e]\n"
	    "kind = command\ncommand = /bin/sh -c '(printf [; env | tr -d "
	    "\\\"\\\\\\\\ | sed s/.*/\\\"\\&\\\",/; echo 0]) "
	    ">$GANGER_RESULT'\n"));
	rig_push(r, Q_INF, "{\"id\":\"e\",\"handler\":\"e\"}");
	(void)rig_wait_record(r, Q_INF, "e", "done");
	result = rig_str(r, "GET %s", REC(Q_INF, "e"));
	ck_assert_ptr_nonnull(strstr(result, "GANGER_WORKDIR="));
	ck_assert_ptr_null(strstr(result, "s3cret"));
	ck_assert_ptr_null(strstr(result, "REDIS_URL"));
	rig_stop(&r);
}
END_TEST

/* A handler that thinks itself free would not be. */
START_TEST(t_weaker_neighbour_of_a_plugin_is_78)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	int d = rig_daemon(r, "w1", SHORT "[handler c]\nkind = command\n"
	    "command = /bin/true\n[handler selftest]\nsandbox = default\n");
	const char *args[] = { "-t", "-c", rig_daemon_file(r, d), NULL }, *out;

	ck_assert_int_eq(rig_gangerd(r, &out, args), 78);
	ck_assert_ptr_nonnull(strstr(out, "weaker than that of the plugin "
	    "selftest"));
	rig_stop(&r);
}
END_TEST

/* Only root can give groups away; a plugin runs in the child and has none. */
START_TEST(t_groups_of_a_handler)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", SHORT POOL("p", "box")
	    "[handler box]\nkind = command\ncommand = @BIN@/box\n"
	    "group = daemon\ngroups = video, audio\n");
	const char *args[] = { "-t", "-c", rig_daemon_file(r, d), NULL }, *out;
	json_t *o;

	if (geteuid() != 0) {
		ck_assert_int_eq(rig_gangerd(r, &out, args), 78);
		ck_assert_ptr_nonnull(strstr(out, "only root"));
		rig_stop(&r);
		return;
	}
	rig_daemon_start(r, d);
	o = run(r, "box");
	ck_assert_int_eq(js_int(o, "uid"), 0);
	ck_assert_int_eq(js_int(o, "gid"), getgrnam("daemon")->gr_gid);
	ck_assert_uint_eq(json_array_size(js(o, "groups")), 2);
	/* the kernel gives them in the order of their numbers */
	ck_assert_int_eq(js_int(o, "groups.0") + js_int(o, "groups.1"),
	    getgrnam("video")->gr_gid + getgrnam("audio")->gr_gid);
	rig_stop(&r);
}
END_TEST

START_TEST(t_plugin_with_a_user_is_78)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	int d = rig_daemon(r, "w1", "[handler selftest]\nuser = nobody\n");
	const char *args[] = { "-t", "-c", rig_daemon_file(r, d), NULL }, *out;

	ck_assert_int_eq(rig_gangerd(r, &out, args), 78);
	ck_assert_ptr_nonnull(strstr(out, "not for kind = plugin"));
	rig_stop(&r);
}
END_TEST

int
main(int argc, char **argv)
{
	const TTest *const tests[] = { t_no_sandbox_takes_nothing_away,
	    t_default_refuses_the_kernels_levers,
	    t_weaker_neighbour_of_a_plugin_is_78, t_groups_of_a_handler,
	    t_plugin_with_a_user_is_78, t_secrets_stay_out_of_the_environment,
	    t_strict_leaves_only_the_jobs_own_places, t_runner_is_confined,
	    t_plugin_confines_its_child };
	size_t n = sizeof(tests) / sizeof(tests[0]);
	const char *asan = getenv("ASAN_OPTIONS");
	char options[1024];

	/* looking for leaks is done by ptrace, which no sandbox allows */
	snprintf(options, sizeof(options), "%s:detect_leaks=0",
	    asan != NULL ? asan : "");
	setenv("ASAN_OPTIONS", options, 1);
	/* the last three are about Landlock */
	return (rig_main(argc, argv, "s_b_box", tests,
	    has_landlock() ? n : n - 3));
}
