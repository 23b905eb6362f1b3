/* A job of high priority displaces one that may be displaced, and no other. */
#include "config.h"

#include <sys/stat.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

#define INI "preempt_min_run = 100ms\npreempt_grace = 5s\n" INI_ONE

static void
push(struct rig *r, const char *id, const char *more, const char *seconds)
{
	rig_pushf(r, Q_INF, "{\"id\":\"%s\",\"type\":\"selftest\",%s"
	    "\"input\":{\"op\":\"sleep\",\"seconds\":%s}}", id, more, seconds);
}

/*
 * Without preemption the high job would wait for 600 seconds. The displaced
 * one goes back uncharged, so that two attempts would fail its limit of one.
 */
START_TEST(t_a_high_job_displaces_a_preemptible_one)
{
	struct rig *r = rig_start(INI);
	json_t *rec;

	push(r, "long", "\"preemptible\":true,\"max_attempts\":1,", "600");
	rig_wait_record(r, Q_INF, "long", "running");
	rig_push(r, "{" Q_INF "}:high", "{\"id\":\"first\",\"type\":\"selftest\","
	    "\"priority\":\"high\",\"input\":{\"op\":\"echo\",\"value\":1}}");
	rig_wait_record(r, Q_INF, "first", "done");
	rec = rig_wait_record(r, Q_INF, "long", "running");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	ck_assert_int_eq(js_int(js(rig_status(r, 0), "counters"),
	    "preempted"), 1);
	rig_cmd(r, "PUBLISH ai:control %s", "{\"op\":\"cancel\",\"id\":\"long\"}");
	rig_wait_record(r, Q_INF, "long", "cancelled");
	rig_stop(&r);
}
END_TEST

START_TEST(t_others_are_left_alone)
{
	struct rig *r = rig_start(INI);

	push(r, "mine", "", "1");       /* inference is not preemptible */
	rig_wait_record(r, Q_INF, "mine", "running");
	rig_push(r, "{" Q_INF "}:high", "{\"id\":\"next\",\"type\":\"selftest\","
	    "\"priority\":\"high\",\"input\":{\"op\":\"echo\",\"value\":1}}");
	rig_wait_record(r, Q_INF, "next", "done");
	ck_assert_int_eq(js_int(rig_wait_record(r, Q_INF, "mine", "done"),
	    "attempt"), 1);
	ck_assert_int_eq(js_int(js(rig_status(r, 0), "counters"),
	    "preempted"), 0);
	rig_stop(&r);
}
END_TEST

/* ---- training jobs, by tests/children/train.py ---- */

static const char *
python(void)
{
	const char *p = getenv("PYTHON3");

	return (p != NULL && *p != '\0' ? p : "python3");
}

static void
start_worker(struct rig *r, const char *id, const char *pool)
{
	rig_daemon_start(r, rig_daemon(r, id, rig_fmt(r,
	    "preempt_min_run = 300ms\npreempt_grace = 5s\n"
	    "kill_grace = 200ms\nretry_backoff = 10ms\n[pool p]\n%s"
	    "cpus = 0\nqueues = ai:training:queue, ai:inference:queue\n"
	    "[handler selftest]\n[handler train]\nkind = command\n"
	    "command = %s @SRC@/train.py\ntypes = training\n"
	    "env.STEPS = @DIR@\nenv.PYTHONPATH = @SRC@/../../python\n",
	    pool, python())));
}

static struct rig *
start_train(const char *pool)
{
	struct rig *r = rig_new(0);

	start_worker(r, "w1", pool);
	return (r);
}

#define TRAIN(id, more) "{\"id\":\"" id "\",\"type\":\"training\"," more \
	"\"input\":{\"steps\":400,\"every\":100,\"seconds\":2}}"

/* Steps that the job has done, repeated ones included. */
static long
steps_of(struct rig *r, const char *id)
{
	struct stat st;

	return (stat(rig_fmt(r, "%s/%s", rig_dir(r), id), &st) != 0 ? 0 :
	    (long)st.st_size);
}

static long long
started(json_t *rec)
{
	return (js_int(rec, "started_at"));
}

/*
 * Displaced three times, a training job ends with the result of an undisturbed
 * one, has repeated less than 5 % of its steps and was charged once.
 */
START_TEST(t_a_displaced_training_goes_on_from_its_checkpoint)
{
	struct rig *r = start_train("slots = 1\n");
	long long whole;
	long at = 0;
	json_t *rec;
	int i;

	rig_push(r, Q_TRAIN, TRAIN("calm", ""));
	rec = rig_wait_record(r, Q_TRAIN, "calm", "done");
	whole = js_int(rec, "result");
	ck_assert_int_eq(steps_of(r, "calm"), 400);
	rig_push(r, Q_TRAIN, TRAIN("torn", "\"max_attempts\":1,"));
	for (i = 0; i < 3; i++) {
		rig_until(r, steps_of(r, "torn") > at + 40);
		rig_pushf(r, "{" Q_INF "}:high", "{\"id\":\"h%d\","
		    "\"type\":\"selftest\",\"priority\":\"high\","
		    "\"input\":{\"op\":\"echo\",\"value\":1}}", i);
		rig_wait_record(r, Q_INF, rig_fmt(r, "h%d", i), "done");
		at = steps_of(r, "torn");
		ck_assert_int_lt(at, 400);
	}
	rec = rig_wait_record(r, Q_TRAIN, "torn", "done");
	ck_assert_int_eq(js_int(rec, "result"), whole);
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	ck_assert_int_eq(js_int(js(rig_status(r, 0), "counters"),
	    "preempted"), 3);
	ck_assert_int_ge(steps_of(r, "torn"), 400);
	ck_assert_int_lt(steps_of(r, "torn"), 420);
	rig_stop(&r);
}
END_TEST

/* Of two that run, the one that has just saved its state goes, although the
 * other one began later. */
START_TEST(t_the_one_that_loses_least_is_displaced)
{
	struct rig *r = start_train("slots = 2\n");

	rig_push(r, Q_TRAIN, "{\"id\":\"saves\",\"type\":\"training\","
	    "\"input\":{\"steps\":100000,\"every\":2,\"seconds\":2000}}");
	rig_until(r, steps_of(r, "saves") > 10);
	rig_push(r, Q_TRAIN, "{\"id\":\"hoards\",\"type\":\"training\","
	    "\"input\":{\"steps\":100000,\"every\":99999,"
	    "\"seconds\":2000}}");
	rig_until(r, steps_of(r, "hoards") > 30);
	rig_push(r, "{" Q_INF "}:high", "{\"id\":\"high\",\"type\":"
	    "\"selftest\",\"priority\":\"high\",\"input\":{\"op\":\"sleep\","
	    "\"seconds\":0.3}}");
	rig_wait_record(r, Q_INF, "high", "running");
	ck_assert_str_eq(js_str(rig_record(r, Q_TRAIN, "hoards"), "state"),
	    "running");
	rig_until(r, strcmp(js_str(rig_record(r, Q_TRAIN, "saves"), "state"),
	    "waiting") == 0);
	ck_assert_str_eq(js_str(rig_record(r, Q_TRAIN, "saves"),
	    "error.cause"), "preempted");
	rig_cmd(r, "PUBLISH ai:control %s",
	    "{\"op\":\"cancel\",\"id\":\"saves\"}");
	rig_cmd(r, "PUBLISH ai:control %s",
	    "{\"op\":\"cancel\",\"id\":\"hoards\"}");
	rig_wait_record(r, Q_TRAIN, "saves", "cancelled");
	rig_wait_record(r, Q_TRAIN, "hoards", "cancelled");
	rig_wait_record(r, Q_INF, "high", "done");
	rig_stop(&r);
}
END_TEST

/* In a pool that preempts, a normal job of another queue is enough. One of
 * the same queue waits. */
START_TEST(t_a_pool_that_preempts_serves_its_other_queues)
{
	struct rig *r = start_train("slots = 1\npreempts = yes\n");
	long long plain, ended;
	json_t *rec;

	rig_push(r, Q_TRAIN, TRAIN("one", ""));
	rig_until(r, steps_of(r, "one") > 100);
	rig_push(r, Q_TRAIN, TRAIN("two", ""));
	rig_push(r, Q_INF, "{\"id\":\"plain\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\",\"value\":1}}");
	plain = started(rig_wait_record(r, Q_INF, "plain", "done"));
	ck_assert_int_lt(steps_of(r, "one"), 400);
	/* a record is kept for a while only, less than the next wait takes */
	ended = js_int(rig_wait_record(r, Q_TRAIN, "one", "done"),
	    "finished_at");
	ck_assert_int_gt(ended, plain);
	rec = rig_wait_record(r, Q_TRAIN, "two", "done");
	ck_assert_int_ge(started(rec), ended - 1);
	ck_assert_int_eq(js_int(js(rig_status(r, 0), "counters"),
	    "preempted"), 1);
	ck_assert_int_lt(steps_of(r, "one"), 420);
	rig_stop(&r);
}
END_TEST

/* Another worker is idle, but the checkpoint is here. */
START_TEST(t_the_host_of_the_checkpoint_is_preferred)
{
	struct rig *r = start_train("slots = 1\n");
	json_t *rec;

	rig_push(r, Q_TRAIN, TRAIN("torn", ""));
	rig_until(r, steps_of(r, "torn") > 120);
	rig_push(r, "{" Q_INF "}:high", "{\"id\":\"high\",\"type\":"
	    "\"selftest\",\"priority\":\"high\",\"input\":{\"op\":\"sleep\","
	    "\"seconds\":2}}");
	rig_wait_record(r, Q_INF, "high", "running");
	start_worker(r, "w2", "slots = 1\n");
	rec = rig_wait_record(r, Q_TRAIN, "torn", "done");
	ck_assert_str_eq(js_str(rec, "worker"), "w1");
	ck_assert_int_lt(steps_of(r, "torn"), 420);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_m_preempt",
    t_a_high_job_displaces_a_preemptible_one,
    t_others_are_left_alone,
    t_a_displaced_training_goes_on_from_its_checkpoint,
    t_the_one_that_loses_least_is_displaced,
    t_a_pool_that_preempts_serves_its_other_queues,
    t_the_host_of_the_checkpoint_is_preferred)
