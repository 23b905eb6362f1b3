/*
 * Limits of a slot: its memory and processes, and when its child is replaced.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
START_TEST(t_job_over_its_memory_is_out_of_memory)
{
	struct rig *r = rig_start(INI("memory_limit = 96M\n", ""));
	double from;

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
		rig_stop(&r);
		return;
	}
	rig_push(r, Q_INF, "{\"id\":\"p1\",\"handler\":\"many\","
	    "\"max_attempts\":1,\"timeout\":1}");
	rec = rig_wait_record(r, Q_INF, "p1", "failed");
	ck_assert_str_ne(js_str(rec, "error.cause"), "timeout");
	rig_push(r, Q_INF, ECHO("next"));
	rig_wait_record(r, Q_INF, "next", "done");
	rig_until(r, rig_processes(r, NULL, 0) == 2);
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

RIG_MAIN("s_e_limits",
    t_job_over_its_memory_is_out_of_memory,
    t_kill_within_the_limit_is_no_memory,
    t_processes_are_limited,
    t_worn_child_is_replaced_between_jobs,
    t_grown_child_is_replaced)
