/*
 * Many jobs: none lost, none run or committed twice, nothing left leased.
 * RIG_JOBS in the environment sets how many (make check-slow: 20,000).
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

static long
job_count(void)
{
	const char *text = getenv("RIG_JOBS");

	return (text != NULL ? strtol(text, NULL, 10) : 2000);
}

/* One transaction of Redis, so that pushing does not pace the worker. */
static void
push_many(struct rig *r, const char *queue, const char *prefix, long n)
{
	rig_cmd(r, "EVAL %s 1 %s %s %d",
	    "for i = 1, ARGV[2] do redis.call('LPUSH', KEYS[1], "
	    "'{\"id\":\"'..ARGV[1]..i..'\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"echo\",\"value\":'..i..'}}') end", queue, prefix,
	    (int)n);
}

/* How many of the n records are done and hold their own number. */
static long long
count_done(struct rig *r, const char *queue, const char *prefix, long n)
{
	return (rig_int(r, "EVAL %s 1 %s %s %d", "local n = 0 "
	    "for i = 1, ARGV[2] do "
	    "local t = redis.call('GET', '{'..KEYS[1]..'}:job:'..ARGV[1]..i) "
	    "if t then local j = cjson.decode(t) local v = j.result "
	    "if type(v) == 'table' then v = v.value end "
	    "if j.state == 'done' and v == i and j.attempt == 1 then "
	    "n = n + 1 end end end return n", queue, prefix, (int)n));
}

static bool
all_over(struct rig *r, long n)
{
	return (rig_stat(r, Q_INF, "done") >= n);
}

/* Twice the limit for every 10,000 jobs beyond the first. */
static double
patience(long n)
{
	return (rig_limit() * (1 + (double)n / 5000));
}

static void
check_all_done(struct rig *r, long n)
{
	ck_assert_int_eq(count_done(r, Q_INF, "j", n), n);
	ck_assert_int_eq(rig_stat(r, Q_INF, "done"), n);
	ck_assert_int_eq(rig_stat(r, Q_INF, "stale"), 0);
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 0);
	ck_assert_int_eq(rig_int(r, "LLEN {" Q_INF "}:dead"), 0);
	ck_assert_int_eq(rig_leased(r), 0);
}

/* What the daemon counted is what happened. */
static void
check_counters(struct rig *r, long n)
{
	json_t *c = js(rig_status(r, 0), "counters");

	/* one that found no slot in time went back and came again */
	ck_assert_int_eq(js_int(c, "claimed"), n + js_int(c, "returned"));
	ck_assert_int_eq(js_int(c, "started"), n);
	ck_assert_int_eq(js_int(c, "done"), n);
	ck_assert_int_eq(js_int(c, "failed"), 0);
	ck_assert_int_eq(js_int(c, "stale"), 0);
	ck_assert_int_eq(js_int(c, "child_deaths"), 0);
}

/*
 * A lost answer leaves a record missing, a lost commit a lease, a double one
 * a counter that is too high.
 */
START_TEST(t_every_job_is_done_once)
{
	struct rig *r = rig_start(INI_FOUR);
	long n = job_count();

	push_many(r, Q_INF, "j", n);
	rig_until_in(r, patience(n), all_over(r, n));
	rig_until(r, rig_leased(r) == 0);
	check_all_done(r, n);
	check_counters(r, n);
	rig_stop(&r);
}
END_TEST

/* Two daemons take from one list; each job must go to one of them. */
START_TEST(t_two_daemons_share_a_queue)
{
	struct rig *r = rig_new(0);
	long n = job_count();
	long long a, b;

	rig_daemon_start(r, rig_daemon(r, "w1", INI_ONE));
	rig_daemon_start(r, rig_daemon(r, "w2", INI_ONE));
	push_many(r, Q_INF, "j", n);
	rig_until_in(r, patience(n), all_over(r, n));
	rig_until(r, rig_leased(r) == 0);
	check_all_done(r, n);
	a = js_int(rig_status(r, 0), "counters.done");
	b = js_int(rig_status(r, 1), "counters.done");
	ck_assert_int_gt(a, 0);
	ck_assert_int_gt(b, 0);
	ck_assert_int_eq(a + b, n);
	rig_stop(&r);
}
END_TEST

/* The bell of every idle worker rings for one job; whose children got it and
 * did not get the claim must give it back unseen, and take the next one. */
START_TEST(t_idle_daemons_race_for_each_job)
{
	struct rig *r = rig_new(0);
	long n = 60, i;
	unsigned d;

	rig_daemon_start(r, rig_daemon(r, "w1", INI_ONE));
	rig_daemon_start(r, rig_daemon(r, "w2", INI_FOUR));
	for (i = 1; i <= n; i++) {
		rig_pushf(r, Q_INF, "{\"id\":\"j%ld\",\"type\":\"selftest\","
		    "\"input\":{\"op\":\"echo\",\"value\":%ld}}", i, i);
		rig_until(r, all_over(r, i));
	}
	rig_until(r, rig_leased(r) == 0);
	check_all_done(r, n);
	for (d = 0; d < 2; d++) {
		ck_assert_int_eq(js_int(rig_status(r, d),
		    "counters.frames_bad"), 0);
		ck_assert_int_eq(js_int(rig_status(r, d),
		    "counters.child_deaths"), 0);
	}
	rig_stop(&r);
}
END_TEST

/* A final event per job and no more: a subscriber counts on it. */
START_TEST(t_one_final_event_per_job)
{
	struct rig *r = rig_start(INI_FOUR);
	long seen[301] = { 0 }, n = 300, i, k;
	json_t *e;

	rig_subscribe(r, "ai:events");
	push_many(r, Q_INF, "j", n);
	for (i = 0; i < n; i++) {
		e = rig_event(r);
		if (strcmp(js_str(e, "state"), "running") == 0) {
			i--;
			continue;
		}
		ck_assert_str_eq(js_str(e, "state"), "done");
		k = strtol(js_str(e, "id") + 1, NULL, 10);
		ck_assert(k >= 1 && k <= n);
		ck_assert_int_eq(seen[k]++, 0);
	}
	rig_stop(&r);
}
END_TEST

/* Four slots are four jobs at a time: one after the other takes 2 s. */
START_TEST(t_slots_work_side_by_side)
{
	struct rig *r = rig_start(INI_FOUR);
	double from = rig_now();
	int i;

	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 4);
	for (i = 0; i < 4; i++)
		rig_pushf(r, Q_INF, "{\"id\":\"s%d\",\"type\":\"selftest\","
		    "\"input\":{\"op\":\"sleep\",\"seconds\":0.5}}", i);
	rig_until(r, js_int(rig_status(r, 0), "active_jobs") == 4);
	for (i = 0; i < 4; i++)
		rig_wait_record(r, Q_INF, rig_fmt(r, "s%d", i), "done");
	if (rig_fast())
		ck_assert_double_lt(rig_now() - from, 1.5);
	rig_stop(&r);
}
END_TEST

/* All default queues are served, and each record names its own. */
START_TEST(t_all_default_queues_are_served)
{
	static const char *const queues[] = { Q_INF, Q_TRAIN, Q_CPU,
	    "ai:worker:w1:queue" };
	struct rig *r = rig_start(INI_FOUR);
	json_t *rec;
	size_t i;

	for (i = 0; i < 4; i++)
		push_many(r, queues[i], "j", 5);
	for (i = 0; i < 4; i++) {
		rec = rig_wait_record(r, queues[i], "j5", "done");
		ck_assert_str_eq(js_str(rec, "queue"), queues[i]);
	}
	rig_stop(&r);
}
END_TEST

/* A long job in one slot must not hold what another slot could run. */
START_TEST(t_long_job_holds_nobody_up)
{
	struct rig *r = rig_start("kill_grace = 200ms\n[pool p]\nslots = 2\n"
	    "[handler selftest]\n");

	push_many(r, Q_INF, "warm", 50);
	rig_wait_record(r, Q_INF, "warm50", "done");
	rig_push(r, Q_INF, "{\"id\":\"long\",\"type\":\"selftest\",\"timeout\":"
	    "600,\"input\":{\"op\":\"sleep\",\"seconds\":3}}");
	rig_wait_record(r, Q_INF, "long", "running");
	push_many(r, Q_INF, "j", 100);
	rig_until_in(r, rig_fast() ? 2.0 : rig_limit(),
	    count_done(r, Q_INF, "j", 100) == 100);
	rig_wait_record(r, Q_INF, "long", "done");
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_c_many",
    t_slots_work_side_by_side,
    t_all_default_queues_are_served,
    t_long_job_holds_nobody_up,
    t_one_final_event_per_job,
    t_every_job_is_done_once,
    t_two_daemons_share_a_queue,
    t_idle_daemons_race_for_each_job)
