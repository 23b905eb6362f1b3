/*
 * Which job next, and where: lanes, jobs that lie in the wrong list, delays,
 * expiry, unique jobs, GPU jobs that a CPU worker meets.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define ECHO(id, more) "{\"id\":\"" id "\",\"type\":\"selftest\"," more \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define SLEEP(id, s, more) "{\"id\":\"" id "\",\"type\":\"selftest\"," more \
	"\"input\":{\"op\":\"sleep\",\"seconds\":" s "}}"

/* The one slot is at work, so what is pushed now waits. */
static struct rig *
start_busy(const char *seconds)
{
	struct rig *r = rig_start(INI_ONE);

	rig_pushf(r, Q_CPU, "{\"id\":\"busy\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"sleep\",\"seconds\":%s}}", seconds);
	rig_wait_record(r, Q_CPU, "busy", "running");
	return (r);
}

/*
 * Of the first 42 claims with all lanes waiting at least 32, 8 and 2 are of
 * high, normal and low. Strict priority would give low none, round robin
 * high a third. The replies lie in one list, in the order of the commits.
 */
START_TEST(t_lanes_share_16_4_1)
{
	struct rig *r = rig_start(INI_ONE);
	int n[3] = { 0, 0, 0 }, i;
	const char *id;
	json_t *rec;

	rig_cmd(r, "EVAL %s 1 %s", "for i = 1, 80 do "
	    "for lane, key in pairs({h='{'..KEYS[1]..'}:high', n=KEYS[1], "
	    "l='{'..KEYS[1]..'}:low'}) do redis.call('LPUSH', key, "
	    "'{\"id\":\"'..lane..i..'\",\"type\":\"selftest\",'.."
	    "'\"priority\":\"'..({h='high', n='normal', l='low'})[lane].."
	    "'\",\"reply_to\":\"order\",\"input\":{\"op\":\"echo\"}}') "
	    "end end", Q_INF);
	rig_until(r, rig_int(r, "LLEN order") == 240);
	for (i = 0; i < 42; i++) {
		id = rig_str(r, "RPOP order");
		ck_assert_ptr_nonnull(rec = json_loads(id, 0, NULL));
		id = js_str(rec, "id");
		n[id[0] == 'h' ? 0 : id[0] == 'n' ? 1 : 2]++;
		json_decref(rec);
	}
	ck_assert_msg(n[0] >= 32 && n[1] >= 8 && n[2] >= 2,
	    "of 42 claims: %d high, %d normal, %d low", n[0], n[1], n[2]);
	rig_stop(&r);
}
END_TEST

/*
 * A plain LPUSH knows no lanes. A high job behind others is found and moved
 * within a moment, its bytes as they were.
 */
START_TEST(t_misplaced_priorities_move_to_their_lane)
{
	static const char high[] = " {\"priority\":\"high\", \"id\" : \"h1\","
	    "\"type\":\"selftest\",\"input\":{\"op\":\"echo\"}}";
	static const char low[] = ECHO("l1", "\"priority\":\"low\",");
	struct rig *r = start_busy("1.5");
	int i;

	for (i = 0; i < 20; i++)
		rig_pushf(r, Q_INF, ECHO("n%d", ""), i);
	rig_push(r, Q_INF, high);
	rig_push(r, Q_INF, low);
	rig_until_in(r, rig_fast() ? 1.0 : rig_limit(),
	    rig_int(r, "LLEN {" Q_INF "}:high") == 1 &&
	    rig_int(r, "LLEN {" Q_INF "}:low") == 1);
	ck_assert_str_eq(rig_str(r, "LINDEX {" Q_INF "}:high 0"), high);
	ck_assert_str_eq(rig_str(r, "LINDEX {" Q_INF "}:low 0"), low);
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 20);
	rig_wait_record(r, Q_INF, "h1", "done");
	rig_wait_record(r, Q_INF, "l1", "done");
	rig_wait_record(r, Q_INF, "n19", "done");
	rig_stop(&r);
}
END_TEST

/* Ids of the jobs that batch.c ran, in the order of their starts. */
static const char *
started(struct rig *r)
{
	const char *line = rig_slurp(r, rig_fmt(r, "%s/runs", rig_dir(r)));
	char text[256] = "";
	size_t n = 0;

	for (; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s ",
		    (int)strcspn(line, " "), line);
	return (rig_fmt(r, "%s", text));
}

/*
 * Eight short jobs were claimed ahead in one credit, and the slot has room for
 * more. A job that comes into the empty high lane is claimed for that room, by
 * share; it goes before what has not begun all the same. Without that it would
 * be the last one.
 */
START_TEST(t_high_goes_before_what_was_claimed_ahead)
{
	struct rig *r = rig_new(0);
	int i;

	rig_daemon_start(r, rig_daemon(r, "w1", "look_ahead = 10s\n"
	    "[pool p]\nslots = 1\n[handler h]\nkind = plugin\n"
	    "path = @BIN@/.libs/batch.so\nenv.DUMP = @DIR@\n"
	    "types = inference\n"));
	for (i = 0; i < 16; i++) {
		rig_pushf(r, Q_INF, "{\"id\":\"warm%d\"}", i);
		rig_wait_record(r, Q_INF, rig_fmt(r, "warm%d", i), "done");
	}
	ck_assert_int_eq(unlink(rig_fmt(r, "%s/runs", rig_dir(r))), 0);
	/* one claim, and none of it guessed: the first one has a ttl */
	rig_cmd(r, "LPUSH " Q_INF " %s %s %s %s %s %s %s %s %s",
	    "{\"id\":\"gate\",\"ttl\":600,\"input\":{\"do\":\"wait\"}}",
	    "{\"id\":\"n1\"}", "{\"id\":\"n2\"}", "{\"id\":\"n3\"}",
	    "{\"id\":\"n4\"}", "{\"id\":\"n5\"}", "{\"id\":\"n6\"}",
	    "{\"id\":\"n7\"}", "{\"id\":\"n8\"}");
	rig_until(r, strcmp(started(r), "gate ") == 0);
	ck_assert_int_eq(js_int(rig_status(r, 0), "counters.started"), 25);
	rig_push(r, "{" Q_INF "}:high", "{\"id\":\"urgent\"}");
	rig_until(r, js_int(rig_status(r, 0), "counters.started") != 25);
	ck_assert_int_eq(system(rig_fmt(r, ": > %s/go", rig_dir(r))), 0);
	rig_wait_record(r, Q_INF, "n8", "done");
	rig_wait_record(r, Q_INF, "urgent", "done");
	ck_assert_str_eq(started(r),
	    "gate urgent n1 n2 n3 n4 n5 n6 n7 n8 ");
	rig_stop(&r);
}
END_TEST

/* Without lanes at work a list is first in, first out. */
START_TEST(t_a_lane_keeps_its_order)
{
	struct rig *r = start_busy("0.5");
	char last[16] = "";
	const char *text;
	json_t *rec;
	int i;

	for (i = 0; i < 50; i++)
		rig_pushf(r, Q_INF, ECHO("o%02d", "\"reply_to\":\"order\","),
		    i);
	rig_until(r, rig_int(r, "LLEN order") == 50);
	for (i = 0; i < 50; i++) {
		text = rig_str(r, "RPOP order");
		ck_assert_ptr_nonnull(rec = json_loads(text, 0, NULL));
		ck_assert_int_gt(strcmp(js_str(rec, "id"), last), 0);
		snprintf(last, sizeof(last), "%s", js_str(rec, "id"));
		json_decref(rec);
	}
	rig_stop(&r);
}
END_TEST

/* Nobody here has a GPU: the job goes where somebody may have one. */
START_TEST(t_gpu_jobs_move_to_the_gpu_queue)
{
	static const char job[] = "{ \"id\":\"g1\", \"type\":\"selftest\","
	    "\"requires_gpu\":true,\"input\":{\"op\":\"echo\"} }";
	static const char urgent[] = "{\"id\":\"g2\",\"priority\":\"high\","
	    "\"type\":\"selftest\",\"requires_gpu\":true}";
	struct rig *r = rig_start(INI_ONE);
	json_t *rec;

	rig_push(r, Q_INF, job);
	rec = rig_wait_record(r, Q_INF, "g1", "moved");
	ck_assert_str_eq(js_str(rec, "moved_to"), Q_GPU);
	ck_assert_str_eq(rig_str(r, "LINDEX " Q_GPU " 0"), job);
	ck_assert_int_eq(rig_int(r, "LLEN " Q_GPU), 1);
	rig_push(r, Q_INF, urgent);
	rig_wait_record(r, Q_INF, "g2", "moved");
	ck_assert_str_eq(rig_str(r, "LINDEX {" Q_GPU "}:high 0"), urgent);
	rig_push(r, Q_INF, ECHO("after", ""));
	rig_wait_record(r, Q_INF, "after", "done");
	ck_assert_int_eq(rig_leased(r), 0);
	rig_stop(&r);
}
END_TEST

static double
redis_time(struct rig *r)
{
	redisReply *t = rig_cmd(r, "TIME");

	return (atof(t->element[0]->str) + atof(t->element[1]->str) / 1e6);
}

/* Not before its time, but soon after it, and its record may wait till then. */
START_TEST(t_delay_and_run_at_are_kept)
{
	struct rig *r = rig_start(INI_ONE);
	double from = redis_time(r), at;
	json_t *rec;

	rig_push(r, Q_INF, ECHO("d1", "\"delay\":0.6,"));
	rig_pushf(r, Q_INF, ECHO("d2", "\"run_at\":%.3f,"), from + 0.8);
	rig_push(r, Q_INF, ECHO("now", ""));
	rig_wait_record(r, Q_INF, "now", "done");
	ck_assert_int_eq(rig_int(r, "ZCARD {" Q_INF "}:delayed"), 2);
	rec = rig_wait_record(r, Q_INF, "d1", "done");
	at = (double)js_int(rec, "started_at") / 1000;
	ck_assert_double_ge(at, from + 0.599);
	rec = rig_wait_record(r, Q_INF, "d2", "done");
	at = (double)js_int(rec, "started_at") / 1000;
	ck_assert_double_ge(at, from + 0.799);
	if (rig_fast())
		ck_assert_double_lt(at, from + 3);
	ck_assert_int_eq(rig_int(r, "ZCARD {" Q_INF "}:delayed"), 0);
	rig_stop(&r);
}
END_TEST

/* A time long past means at once, not never. */
START_TEST(t_run_at_in_the_past_runs_at_once)
{
	struct rig *r = rig_start(INI_ONE);

	rig_push(r, Q_INF, ECHO("p1", "\"run_at\":1000000000,"));
	rig_wait_record(r, Q_INF, "p1", "done");
	rig_stop(&r);
}
END_TEST

/* An answer that comes too late is worth nothing: it must not be made. */
START_TEST(t_job_past_its_ttl_expires)
{
	struct rig *r = start_busy("1");
	json_t *rec;

	rig_pushf(r, Q_INF, ECHO("t1", "\"ttl\":0.2,\"queued_at\":%.0f,"
	    "\"reply_to\":\"late\","), redis_time(r) * 1000);
	rig_push(r, Q_INF, ECHO("t2", "\"ttl\":60,"));
	/* it waits for longer, and is seen doing so */
	rig_push(r, Q_INF, ECHO("t4", "\"ttl\":0.2,"));
	rig_push(r, Q_INF, ECHO("t3", "\"ttl\":60,"
	    "\"queued_at\":1600000000000,"));
	rec = rig_wait_record(r, Q_INF, "t1", "expired");
	ck_assert_str_eq(js_str(rec, "error.cause"), "expired");
	ck_assert_int_eq(rig_int(r, "LLEN late"), 1);
	rig_wait_record(r, Q_INF, "t2", "done");
	rig_wait_record(r, Q_INF, "t3", "expired");
	rig_wait_record(r, Q_INF, "t4", "expired");
	/* the id may come again, and its time with it */
	rig_cmd(r, "DEL {" Q_INF "}:job:t4");
	rig_push(r, Q_INF, ECHO("t4", "\"ttl\":5,"));
	rig_wait_record(r, Q_INF, "t4", "done");
	rig_stop(&r);
}
END_TEST

/* Jobs that name no ttl have their queue's; a job's own goes before it, and a
 * delay is not waiting. */
START_TEST(t_queue_ttl_is_for_jobs_that_name_none)
{
	struct rig *r = rig_start("queue_ttl = 1h\nretry_backoff = 10ms\n"
	    "[pool p]\nslots = 1\nqueues = " Q_INF "\nqueue_ttl = 2s\n"
	    "[pool o]\nslots = 1\nqueues = " Q_CPU "\n"
	    "[handler selftest]\n");
	double ago = redis_time(r) * 1000 - 60000;
	json_t *rec;

	rig_pushf(r, Q_INF, ECHO("q1", "\"queued_at\":%.0f,"), ago);
	rig_pushf(r, Q_INF, ECHO("q2", "\"queued_at\":%.0f,\"ttl\":600,"), ago);
	rig_pushf(r, Q_INF, ECHO("q3", "\"queued_at\":%.0f,\"delay\":60.5,"),
	    ago);
	rig_push(r, Q_INF, ECHO("q4", ""));
	rig_pushf(r, Q_CPU, ECHO("o1", "\"queued_at\":%.0f,"), ago);
	rig_pushf(r, Q_CPU, ECHO("o2", "\"queued_at\":%.0f,"), ago - 3600e3);
	rec = rig_wait_record(r, Q_INF, "q1", "expired");
	ck_assert_str_eq(js_str(rec, "error.cause"), "expired");
	ck_assert_ptr_nonnull(strstr(js_str(rec, "error.message"), "ttl"));
	rig_wait_record(r, Q_INF, "q2", "done");
	rig_wait_record(r, Q_INF, "q3", "done");
	rig_wait_record(r, Q_INF, "q4", "done");
	rig_wait_record(r, Q_CPU, "o1", "done");
	rig_wait_record(r, Q_CPU, "o2", "expired");
	rig_stop(&r);
}
END_TEST

/* Of two live jobs with one unique value the second is refused. */
START_TEST(t_duplicate_of_a_live_job_is_refused)
{
	struct rig *r = rig_start(INI_FOUR);
	json_t *rec;

	rig_push(r, Q_INF, SLEEP("u1", "0.7", "\"unique\":\"nightly\","));
	rig_wait_record(r, Q_INF, "u1", "running");
	rig_push(r, Q_INF, ECHO("u2", "\"unique\":\"nightly\","));
	rig_push(r, Q_INF, ECHO("u3", "\"unique\":\"other\","));
	rec = rig_wait_record(r, Q_INF, "u2", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "duplicate");
	ck_assert_str_eq(js_str(rig_dead(r, Q_INF, 0), "cause"), "duplicate");
	rig_wait_record(r, Q_INF, "u3", "done");
	rig_wait_record(r, Q_INF, "u1", "done");
	rig_push(r, Q_INF, ECHO("u4", "\"unique\":\"nightly\","));
	rig_wait_record(r, Q_INF, "u4", "done");
	rig_stop(&r);
}
END_TEST

/* With unique_ttl the value is taken for a time, not for a life. */
START_TEST(t_unique_for_a_time)
{
	struct rig *r = rig_start(INI_ONE);

	rig_push(r, Q_INF, ECHO("u1", "\"unique\":\"v\",\"unique_ttl\":2,"));
	rig_wait_record(r, Q_INF, "u1", "done");
	ck_assert_int_eq(rig_int(r, "EXISTS {" Q_INF "}:unique:v"), 1);
	rig_push(r, Q_INF, ECHO("u2", "\"unique\":\"v\","));
	rig_wait_record(r, Q_INF, "u2", "failed");
	rig_until(r, rig_int(r, "EXISTS {" Q_INF "}:unique:v") == 0);
	rig_push(r, Q_INF, ECHO("u3", "\"unique\":\"v\","));
	rig_wait_record(r, Q_INF, "u3", "done");
	rig_stop(&r);
}
END_TEST

/* Ids are the producer's business: the same one again is another job. */
START_TEST(t_known_id_is_a_job_of_its_own)
{
	struct rig *r = rig_start(INI_ONE);

	rig_push(r, Q_INF, ECHO("same", "\"reply_to\":\"both\","));
	rig_wait_record(r, Q_INF, "same", "done");
	rig_push(r, Q_INF, ECHO("same", "\"reply_to\":\"both\","));
	rig_until(r, rig_int(r, "LLEN both") == 2);
	ck_assert_int_eq(rig_stat(r, Q_INF, "done"), 2);
	rig_stop(&r);
}
END_TEST

/* The slots of n jobs that come one after the other, as digits. */
static const char *
slots_of(struct rig *r, int n)
{
	char text[32] = "";
	json_t *rec;
	int i;

	for (i = 0; i < n; i++) {
		rig_pushf(r, Q_INF, ECHO("s%d", ""), i);
		rec = rig_wait_record(r, Q_INF, rig_fmt(r, "s%d", i), "done");
		text[i] = (char)('0' + js_int(rec, "slot"));
	}
	text[n] = '\0';
	return (rig_fmt(r, "%s", text));
}

START_TEST(t_a_packed_pool_fills_its_first_slots)
{
	struct rig *r = rig_start("[pool p]\nslots = 3\npolicy = packed\n"
	    "[handler selftest]\n");
	json_t *rec;

	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 3);
	ck_assert_str_eq(slots_of(r, 6), "000000");
	rig_push(r, Q_INF, SLEEP("b0", "1", ""));
	rig_wait_record(r, Q_INF, "b0", "running");
	rig_push(r, Q_INF, SLEEP("b1", "0.1", ""));
	rec = rig_wait_record(r, Q_INF, "b1", "done");
	ck_assert_int_eq(js_int(rec, "slot"), 1);
	rig_stop(&r);
}
END_TEST

START_TEST(t_a_round_robin_pool_takes_turns)
{
	struct rig *r = rig_start("[pool p]\nslots = 3\n"
	    "policy = round-robin\n[handler selftest]\n");

	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 3);
	ck_assert_str_eq(slots_of(r, 6), "012012");
	rig_stop(&r);
}
END_TEST

/* As many GPUs as no slot here has: where somebody may have them. */
START_TEST(t_a_job_for_many_gpus_moves_too)
{
	struct rig *r = rig_start(INI_ONE);

	rig_push(r, Q_INF, ECHO("many", "\"gpus\":8,"));
	rig_wait_record(r, Q_INF, "many", "moved");
	ck_assert_int_eq(rig_int(r, "LLEN " Q_GPU), 1);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_c_sched",
    t_a_packed_pool_fills_its_first_slots,
    t_a_round_robin_pool_takes_turns,
    t_a_job_for_many_gpus_moves_too,
    t_lanes_share_16_4_1,
    t_high_goes_before_what_was_claimed_ahead,
    t_misplaced_priorities_move_to_their_lane,
    t_a_lane_keeps_its_order,
    t_gpu_jobs_move_to_the_gpu_queue,
    t_delay_and_run_at_are_kept,
    t_run_at_in_the_past_runs_at_once,
    t_job_past_its_ttl_expires,
    t_queue_ttl_is_for_jobs_that_name_none,
    t_duplicate_of_a_live_job_is_refused,
    t_unique_for_a_time,
    t_known_id_is_a_job_of_its_own)
