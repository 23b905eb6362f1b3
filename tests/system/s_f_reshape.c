/*
 * Reload: slots, pools, handlers, queues and schedules come and go while jobs
 * run. Each test has a job at work across the reload, and that job must end
 * as if nothing had happened.
 */
#include "config.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define TOP "kill_grace = 200ms\nretry_backoff = 10ms\n"
#define SELFTEST "[handler selftest]\n"
#define WAIT "[handler wait]\nkind = command\ncommand = @SRC@/wait.sh\n" \
	"env.DUMP = @DIR@\n"
#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"

static long long
counter(struct rig *r, const char *name)
{
	return (js_int(rig_status(r, 0), rig_fmt(r, "counters.%s", name)));
}

static void
reload(struct rig *r, const char *ini)
{
	long long before = counter(r, "reloads");

	rig_daemon_config(r, 0, ini);
	rig_kill(rig_daemon_pid(r, 0), SIGHUP);
	rig_until(r, counter(r, "reloads") == before + 1);
}

static size_t
slots(struct rig *r)
{
	return (json_array_size(js(rig_status(r, 0), "slots")));
}

/* Slots of a pool that are in that state; NULL: any. */
static unsigned
in_state(struct rig *r, const char *pool, const char *state)
{
	json_t *list = js(rig_status(r, 0), "slots"), *s;
	unsigned n = 0;
	size_t i;

	json_array_foreach(list, i, s)
		n += strcmp(js_str(s, "pool"), pool) == 0 &&
		    (state == NULL || strcmp(js_str(s, "state"), state) == 0);
	return (n);
}

static bool
serves(struct rig *r, const char *queue)
{
	json_t *list = js(rig_status(r, 0), "queues"), *q;
	size_t i;

	json_array_foreach(list, i, q)
		if (strcmp(json_string_value(q), queue) == 0)
			return (true);
	return (false);
}

static void
begin(struct rig *r, const char *id)
{
	rig_pushf(r, Q_INF, "{\"id\":\"%s\",\"handler\":\"wait\"}", id);
	rig_wait_record(r, Q_INF, id, "running");
}

/* Lets the jobs of wait.sh go on, and looks how this one ended. */
static void
finish(struct rig *r, const char *id)
{
	json_t *rec;

	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rec = rig_wait_record(r, Q_INF, id, "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
}

#define POOL(name, n) "[pool " name "]\nslots = " n "\ncpus = 0\n"

/* More slots: the busy one is not touched, its pid stays. */
START_TEST(t_slots_are_added_beside_a_running_job)
{
	struct rig *r = rig_start(TOP POOL("p", "1") SELFTEST WAIT);
	long long pid;

	begin(r, "a");
	pid = rig_slot_int(r, 0, 0, "pid");
	reload(r, TOP POOL("p", "3") SELFTEST WAIT);
	rig_until(r, in_state(r, "p", "idle") == 2);
	ck_assert_str_eq(rig_slot_str(r, 0, 0, "state"), "busy");
	ck_assert_int_eq(rig_slot_int(r, 0, 0, "pid"), pid);
	rig_push(r, Q_INF, ECHO("b"));
	rig_wait_record(r, Q_INF, "b", "done");
	finish(r, "a");
	rig_until(r, in_state(r, "p", "idle") == 3);
	ck_assert_int_eq(rig_slot_int(r, 0, 0, "pid"), pid);
	rig_stop(&r);
}
END_TEST

/* Fewer: idle ones go first, a busy one only when its job is done, and what
 * is pushed meanwhile waits for the slots that stay. */
START_TEST(t_slots_that_go_end_their_job_first)
{
	struct rig *r = rig_start(TOP POOL("p", "4") SELFTEST WAIT);

	begin(r, "a");
	begin(r, "b");
	reload(r, TOP POOL("p", "1") SELFTEST WAIT);
	rig_until(r, slots(r) == 2);
	ck_assert_uint_eq(in_state(r, "p", "busy") +
	    in_state(r, "p", "draining"), 2);
	finish(r, "a");
	finish(r, "b");
	rig_until(r, slots(r) == 1);
	rig_push(r, Q_INF, ECHO("c"));
	rig_wait_record(r, Q_INF, "c", "done");
	rig_stop(&r);
}
END_TEST

/* What was to go and is wanted again before it has gone, stays. */
START_TEST(t_a_slot_that_leaves_may_stay_after_all)
{
	struct rig *r = rig_start(TOP POOL("p", "2") SELFTEST WAIT);

	begin(r, "a");
	begin(r, "b");
	reload(r, TOP POOL("p", "1") SELFTEST WAIT);
	rig_until(r, in_state(r, "p", "draining") == 1);
	reload(r, TOP POOL("p", "2") SELFTEST WAIT);
	finish(r, "a");
	finish(r, "b");
	rig_until(r, in_state(r, "p", "idle") == 2);
	ck_assert_uint_eq(slots(r), 2);
	rig_stop(&r);
}
END_TEST

/* A number that a slot left is given again, and no frame of old is taken for
 * one of the new slot: its generation is higher. */
START_TEST(t_a_number_is_used_again_with_a_higher_generation)
{
	struct rig *r = rig_start(TOP POOL("p", "2") SELFTEST);
	long long gen = rig_slot_int(r, 0, 1, "generation");

	reload(r, TOP POOL("p", "1") SELFTEST);
	rig_until(r, slots(r) == 1);
	reload(r, TOP POOL("p", "2") SELFTEST);
	rig_until(r, in_state(r, "p", "idle") == 2);
	ck_assert_int_eq(rig_slot_int(r, 0, 1, "slot"), 1);
	ck_assert_int_gt(rig_slot_int(r, 0, 1, "generation"), gen);
	rig_stop(&r);
}
END_TEST

START_TEST(t_pools_come_and_go)
{
	struct rig *r = rig_start(TOP POOL("p", "1") SELFTEST WAIT);

	begin(r, "a");
	reload(r, TOP "[pool q]\nslots = 2\nqueues = other\n" SELFTEST WAIT);
	rig_until(r, in_state(r, "q", "idle") == 2);
	ck_assert(!serves(r, Q_INF));
	ck_assert(serves(r, "other"));
	rig_push(r, Q_INF, ECHO("stays"));
	rig_push(r, "other", ECHO("b"));
	rig_wait_record(r, "other", "b", "done");
	ck_assert_int_eq(rig_int(r, "LLEN %s", Q_INF), 1);
	finish(r, "a");
	rig_until(r, in_state(r, "p", NULL) == 0);
	reload(r, TOP POOL("p", "1") SELFTEST WAIT);
	rig_wait_record(r, Q_INF, "stays", "done");
	rig_until(r, in_state(r, "q", NULL) == 0);
	rig_stop(&r);
}
END_TEST

/* A retry of a job whose queue has gone goes back to that queue, and a job
 * that the worker holds of it is committed there. */
START_TEST(t_queues_come_and_go)
{
	struct rig *r = rig_start(TOP "[pool p]\nslots = 2\ncpus = 0\n"
	    "queues = " Q_INF ", one\n" SELFTEST WAIT);

	begin(r, "a");
	rig_push(r, "one", ECHO("x"));
	rig_wait_record(r, "one", "x", "done");
	reload(r, TOP "[pool p]\nslots = 2\ncpus = 0\nqueues = two\n"
	    SELFTEST WAIT);
	ck_assert(serves(r, "two") && !serves(r, "one") && !serves(r, Q_INF));
	rig_push(r, "one", ECHO("stays"));
	rig_push(r, "two", ECHO("y"));
	rig_wait_record(r, "two", "y", "done");
	finish(r, "a");
	ck_assert_int_eq(rig_int(r, "LLEN one"), 1);
	reload(r, TOP "[pool p]\nslots = 2\ncpus = 0\nqueues = one\n"
	    SELFTEST WAIT);
	rig_wait_record(r, "one", "stays", "done");
	rig_stop(&r);
}
END_TEST

/*
 * Handlers change places in the file: the job at work keeps its own. The one
 * that went is unknown afterwards, the one that came runs.
 */
START_TEST(t_handlers_come_and_go)
{
	struct rig *r = rig_start(TOP POOL("p", "2") WAIT SELFTEST);
	json_t *rec;

	begin(r, "a");
	reload(r, TOP POOL("p", "2") SELFTEST "[handler new]\nkind = command\n"
	    "command = @SRC@/end.sh exit 4\n");
	rig_pushf(r, Q_INF, "{\"id\":\"n\",\"handler\":\"new\","
	    "\"max_attempts\":1}");
	rec = rig_wait_record(r, Q_INF, "n", "failed");
	ck_assert_int_eq(js_int(rec, "error.exit_code"), 4);
	ck_assert_str_eq(js_str(rec, "handler"), "new");
	rig_push(r, Q_INF, ECHO("s"));
	rig_wait_record(r, Q_INF, "s", "done");
	rig_pushf(r, Q_INF, "{\"id\":\"w\",\"handler\":\"wait\"}");
	rec = rig_wait_record(r, Q_INF, "w", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "unknown-handler");
	finish(r, "a");
	ck_assert_str_eq(js_str(rig_record(r, Q_INF, "a"), "handler"), "wait");
	reload(r, TOP POOL("p", "2") WAIT);
	rig_pushf(r, Q_INF, "{\"id\":\"again\",\"handler\":\"wait\"}");
	rig_wait_record(r, Q_INF, "again", "done");
	rig_stop(&r);
}
END_TEST

/* The same name, another kind: another handler. */
START_TEST(t_a_handler_may_change_its_kind)
{
	struct rig *r = rig_start(TOP POOL("p", "2") WAIT);
	json_t *rec;

	begin(r, "a");
	reload(r, TOP POOL("p", "2") "[handler wait]\nkind = runner\n"
	    "command = @BIN@/runner\n");
	rig_pushf(r, Q_INF, "{\"id\":\"b\",\"handler\":\"wait\","
	    "\"input\":{\"do\":\"echo\"}}");
	rec = rig_wait_record(r, Q_INF, "b", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	finish(r, "a");
	rig_stop(&r);
}
END_TEST

static bool
runs_on(struct rig *r, int slot, const char *cpus)
{
	return (strcmp(rig_slot_str(r, 0, slot, "state"), "idle") == 0 &&
	    strcmp(rig_slot_str(r, 0, slot, "cpus"), cpus) == 0);
}

/* Other CPUs: a new child, after the job. Until then the status tells where
 * the job really runs. */
START_TEST(t_cpus_change_after_the_job)
{
	struct rig *r;
	cpu_set_t set;
	json_t *rec;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	if (!CPU_ISSET(0, &set) || !CPU_ISSET(1, &set))
		return;
	r = rig_start(TOP POOL("p", "1") SELFTEST WAIT);
	begin(r, "a");
	reload(r, TOP "[pool p]\nslots = 1\ncpus = 1\n" SELFTEST WAIT);
	ck_assert_str_eq(rig_slot_str(r, 0, 0, "cpus"), "0");
	ck_assert_str_eq(rig_slot_str(r, 0, 0, "state"), "draining");
	finish(r, "a");
	rig_until(r, runs_on(r, 0, "1"));
	rig_push(r, Q_INF, "{\"id\":\"w\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"where\"}}");
	rec = rig_wait_record(r, Q_INF, "w", "done");
	ck_assert_str_eq(js_str(rec, "result.cpus"), "1");
	rig_stop(&r);
}
END_TEST

/* A limit of the slot's cgroup, or of what samples it: from the next child. */
START_TEST(t_a_new_memory_limit_holds)
{
#define ALLOCATE(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"max_attempts\":1,\"input\":{\"op\":\"allocate\"," \
	"\"bytes\":200000000,\"seconds\":2}}"
	struct rig *r = rig_start(TOP POOL("p", "1") SELFTEST);
	json_t *rec;

	rig_push(r, Q_INF, ALLOCATE("fits"));
	rig_wait_record(r, Q_INF, "fits", "done");
	reload(r, TOP POOL("p", "1") "memory_limit = 64M\n" SELFTEST);
	rig_push(r, Q_INF, ALLOCATE("does-not"));
	rec = rig_wait_record(r, Q_INF, "does-not", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "out-of-memory");
	reload(r, TOP POOL("p", "1") SELFTEST);
	rig_push(r, Q_INF, ALLOCATE("fits-again"));
	rig_wait_record(r, Q_INF, "fits-again", "done");
	rig_stop(&r);
}
END_TEST

START_TEST(t_schedules_come_and_go)
{
#define EVERY(name) "[schedule " name "]\ncron = * * * * * *\n" \
	"queue = " Q_INF "\njob = {\"type\":\"selftest\",\"input\":" \
	"{\"op\":\"echo\",\"value\":\"" name "\"}}\n"
	struct rig *r = rig_start(TOP POOL("p", "1") SELFTEST);
	long long n;

	reload(r, TOP POOL("p", "1") SELFTEST EVERY("one"));
	rig_until(r, counter(r, "scheduled") > 0);
	reload(r, TOP POOL("p", "1") SELFTEST);
	n = counter(r, "scheduled");
	rig_push(r, Q_INF, "{\"id\":\"t\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"sleep\",\"seconds\":1.1}}");
	rig_wait_record(r, Q_INF, "t", "done");
	ck_assert_int_eq(counter(r, "scheduled"), n);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_f_reshape",
    t_slots_are_added_beside_a_running_job,
    t_slots_that_go_end_their_job_first,
    t_a_slot_that_leaves_may_stay_after_all,
    t_a_number_is_used_again_with_a_higher_generation,
    t_pools_come_and_go,
    t_queues_come_and_go,
    t_handlers_come_and_go,
    t_a_handler_may_change_its_kind,
    t_cpus_change_after_the_job,
    t_a_new_memory_limit_holds,
    t_schedules_come_and_go)
