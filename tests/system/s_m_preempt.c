/* A job of high priority displaces one that may be displaced, and no other. */
#include "config.h"

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

RIG_MAIN("s_m_preempt",
    t_a_high_job_displaces_a_preemptible_one,
    t_others_are_left_alone)
