/*
 * A runner written with the Python SDK, under the real daemon. Skipped where
 * no python3 with msgpack is found.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_run.h"
#include "tests/rig/rig.h"

static const char *
python(void)
{
	const char *p = getenv("PYTHON3");

	return (p != NULL && *p != '\0' ? p : "python3");
}

static struct rig *
start_sdk_with(const char *top)
{
	struct rig *r = rig_new(0);
	const char *ini = rig_fmt(r, "%skill_grace = 1s\nload_timeout = 3s\n"
	    "[pool p]\nslots = 1\n"
	    "[handler py]\nkind = runner\ncommand = %s @SRC@/sdk.py\n"
	    "types = inference\nenv.PYTHONPATH = @SRC@/../../python\n",
	    top, python());

	rig_daemon_start(r, rig_daemon(r, "w1", ini));
	return (r);
}

static struct rig *
start_sdk(void)
{
	return (start_sdk_with(""));
}

/* One process answers both jobs; were it not kept the pids would differ. */
START_TEST(t_sdk_runner_serves_jobs)
{
	struct rig *r = start_sdk();
	long long pid;
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"p1\","
	    "\"input\":{\"do\":\"echo\",\"value\":\"\\u00fc\"}}");
	rec = rig_wait_record(r, Q_INF, "p1", "done");
	ck_assert_str_eq(js_str(rec, "result.value"), "\xc3\xbc");
	pid = js_int(rec, "result.pid");
	rig_push(r, Q_INF, "{\"id\":\"p2\",\"input\":{\"do\":\"echo\"}}");
	rec = rig_wait_record(r, Q_INF, "p2", "done");
	ck_assert_int_eq(js_int(rec, "result.pid"), pid);
	ck_assert_ptr_nonnull(strstr(rig_log(r, Q_INF, "p2"),
	    "said by print"));
	rig_stop(&r);
}
END_TEST

/*
 * The SDK makes the folders that a job uses; none is made for one that uses
 * none. They are kept and removed like those of any other handler.
 */
START_TEST(t_sdk_makes_the_folders)
{
	struct rig *r = start_sdk();
	json_t *rec;
	int i;

	rig_push(r, Q_INF, "{\"id\":\"m0\",\"input\":{\"do\":\"echo\"}}");
	rig_wait_record(r, Q_INF, "m0", "done");
	rig_push(r, Q_INF, "{\"id\":\"m1\",\"input\":{\"do\":\"keep\"}}");
	rec = rig_wait_record(r, Q_INF, "m1", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 2);
	ck_assert(!json_is_true(js(rec, "result.made.0")));
	ck_assert(json_is_true(js(rec, "result.made.2")));
	for (i = 0; i < 3; i++)
		ck_assert_int_ne(access(js_str(rec, rig_fmt(r,
		    "result.folders.%d", i)), F_OK), 0);
	rig_stop(&r);
}
END_TEST

/* Who debugs a job reads its traceback in the record, nowhere else. */
START_TEST(t_sdk_exception_is_the_jobs_error)
{
	struct rig *r = start_sdk();
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"p3\",\"max_attempts\":1,"
	    "\"input\":{\"do\":\"raise\"}}");
	rec = rig_wait_record(r, Q_INF, "p3", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "handler-error");
	ck_assert_ptr_nonnull(strstr(js_str(rec, "error.message"),
	    "ValueError: no luck in python"));
	rig_push(r, Q_INF, "{\"id\":\"p4\",\"input\":{\"do\":\"progress\"}}");
	rig_wait_record(r, Q_INF, "p4", "done");
	rig_stop(&r);
}
END_TEST

/* The time that a model takes to load is not the job's, and has its own end. */
START_TEST(t_load_has_a_clock_of_its_own)
{
	struct rig *r = start_sdk();
	json_t *rec;

	ck_assert_int_eq(system(rig_fmt(r, "cd %s/d0/state && "
	    "mkdir -p models/slow/1 models/never/1", rig_dir(r))), 0);
	rig_push(r, Q_INF, "{\"id\":\"l1\",\"timeout\":0.5,"
	    "\"model\":\"slow\",\"input\":{\"do\":\"echo\"}}");
	rec = rig_wait_record(r, Q_INF, "l1", "done");
	ck_assert_int_ge(js_int(rec, "finished_at") -
	    js_int(rec, "started_at"), 900);
	rig_push(r, Q_INF, "{\"id\":\"l2\",\"max_attempts\":1,"
	    "\"model\":\"never\",\"input\":{\"do\":\"echo\"}}");
	rec = rig_wait_record(r, Q_INF, "l2", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "load-failed");
	rig_stop(&r);
}
END_TEST

/* A runner that hangs in C code: where, in Python's terms and the kernel's. */
START_TEST(t_hung_runner_leaves_its_stacks)
{
	struct rig *r = start_sdk();
	const char *log, *message;
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"h1\",\"timeout\":1,"
	    "\"input\":{\"do\":\"hang\"}}");
	rec = rig_wait_record(r, Q_INF, "h1", "failed");
	message = js_str(rec, "error.message");
	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	ck_assert_ptr_nonnull(strstr(message, "ran past its timeout of 1 s"));
	ck_assert_ptr_nonnull(strstr(message, "wchan "));
	ck_assert_ptr_nonnull(strstr(message, "(0.25)"));
	/* what it said itself, not what it was made to say */
	ck_assert_ptr_nonnull(strstr(message, ": \"about to hang\""));
	log = rig_log(r, Q_INF, "h1");
	ck_assert_ptr_nonnull(strstr(log, "sdk.py\", line"));
	ck_assert_ptr_nonnull(strstr(log, "in infer"));
	/* names of kernel functions are for root */
	ck_assert(strstr(log, "nanosleep") != NULL || geteuid() != 0);
	ck_assert_ptr_nonnull(strstr(log, "timeout after 1."));
	rig_push(r, Q_INF, "{\"id\":\"h2\",\"input\":{\"do\":\"echo\"}}");
	rig_wait_record(r, Q_INF, "h2", "done");
	rig_stop(&r);
}
END_TEST

/* The stacks that it prints are no sign of life. */
START_TEST(t_hung_runner_without_progress_is_ended_in_time)
{
	struct rig *r = start_sdk_with("no_progress_timeout = 2s\n");
	const char *message;
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"n1\",\"timeout\":60,"
	    "\"max_attempts\":1,\"input\":{\"do\":\"hang\"}}");
	rec = rig_wait_record(r, Q_INF, "n1", "failed");
	message = js_str(rec, "error.message");
	ck_assert_str_eq(js_str(rec, "error.cause"), "no-progress");
	ck_assert_ptr_nonnull(strstr(message, "last progress 2."));
	ck_assert_ptr_nonnull(strstr(message, "last output 2."));
	ck_assert_ptr_nonnull(strstr(rig_log(r, Q_INF, "n1"), "in infer"));
	rig_stop(&r);
}
END_TEST

static void
must_fail(struct rig *r, const char *id, const char *cause, const char *text)
{
	json_t *rec = rig_wait_record(r, Q_INF, id, "failed");

	ck_assert_str_eq(js_str(rec, "error.cause"), cause);
	ck_assert_ptr_nonnull(strstr(js_str(rec, "error.message"), text));
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
}

/* An exception, a death and an exit in one batch of 16: each of the three has
 * its own error, the others their results. */
START_TEST(t_sdk_batch_is_divided)
{
	struct rig *r = rig_new(RIG_CORES);
	json_t *rec;
	int i;

	rig_daemon_start(r, rig_daemon(r, "w1", rig_fmt(r,
	    "max_attempts = 1\n[pool p]\nslots = 1\n[handler py]\n"
	    "kind = runner\ncommand = %s @SRC@/sdk_batch.py\n"
	    "types = inference\nbatch_size = 16\nenv.GO = @DIR@/go\n"
	    "env.PYTHONPATH = @SRC@/../../python\n", python())));
	rig_push(r, Q_INF, "{\"id\":\"first\",\"input\":\"wait\"}");
	rig_wait_record(r, Q_INF, "first", "running");
	for (i = 0; i < 16; i++)
		rig_pushf(r, Q_INF, "{\"id\":\"b%d\",\"input\":\"%s\"}", i,
		    i == 2 ? "raise" : i == 7 ? "die" : i == 13 ? "exit" :
		    "good");
	ck_assert_int_eq(system(rig_fmt(r, ": > %s/go", rig_dir(r))), 0);
	must_fail(r, "b2", "handler-error", "ValueError: no luck in python");
	must_fail(r, "b7", "crashed", "runner ended");
	must_fail(r, "b13", "handler-error", "exit status 3");
	for (i = 0; i < 16; i++) {
		if (i == 2 || i == 7 || i == 13)
			continue;
		rec = rig_wait_record(r, Q_INF, rig_fmt(r, "b%d", i), "done");
		ck_assert_int_eq(js_int(rec, "attempt"), 1);
		ck_assert_int_lt(js_int(rec, "result"), 16);
	}
	rig_stop(&r);
}
END_TEST

int
main(int argc, char **argv)
{
	const TTest *const tests[] = { t_sdk_runner_serves_jobs,
	    t_sdk_makes_the_folders,
	    t_sdk_exception_is_the_jobs_error,
	    t_load_has_a_clock_of_its_own,
	    t_hung_runner_leaves_its_stacks,
	    t_hung_runner_without_progress_is_ended_in_time,
	    t_sdk_batch_is_divided };
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "%s -c 'import msgpack' 2>/dev/null",
	    python());
	if (system(cmd) != 0)
		return (check_skip("no python3 with msgpack"));
	return (rig_main(argc, argv, "s_b_python", tests,
	    sizeof(tests) / sizeof(tests[0])));
}
