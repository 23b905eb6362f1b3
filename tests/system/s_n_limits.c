/*
 * Limits of queues, handlers and models: how many jobs run at a time and how
 * many start in a second, counted over all workers. Each test would see more
 * than the limit at once without it: there are slots enough.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

#define INI(limit) \
	"kill_grace = 200ms\nlease_ttl = 2s\n[pool p]\nslots = 4\n" \
	"queues = " Q_INF ", " Q_CPU "\n[handler selftest]\n" limit
#define SKEW 4          /* ms that two workers may differ in their clocks */

static struct rig *
start_two(const char *ini)
{
	struct rig *r = rig_new(0);

	rig_daemon_start(r, rig_daemon(r, "w1", ini));
	rig_daemon_start(r, rig_daemon(r, "w2", ini));
	return (r);
}

static void
push(struct rig *r, const char *queue, const char *prefix, int n,
    const char *seconds)
{
	int i;

	for (i = 0; i < n; i++)
		rig_pushf(r, queue, "{\"id\":\"%s%d\",\"type\":\"selftest\","
		    "\"model\":\"%s\",\"input\":{\"op\":\"sleep\","
		    "\"seconds\":%s}}", prefix, i, prefix, seconds);
}

/* Waits for the n jobs; the most that ran at any one time. */
static int
most_at_once(struct rig *r, const char *queue, const char *prefix, int n)
{
	long long from[64], to[64];
	int i, k, now, most = 0;
	json_t *rec;

	ck_assert_int_le(n, 64);
	for (i = 0; i < n; i++) {
		rec = rig_wait_record(r, queue, rig_fmt(r, "%s%d", prefix, i),
		    "done");
		from[i] = js_int(rec, "started_at");
		to[i] = js_int(rec, "finished_at") - SKEW;
	}
	for (i = 0; i < n; i++) {
		for (now = k = 0; k < n; k++)
			now += from[k] <= from[i] && from[i] < to[k];
		if (now > most)
			most = now;
	}
	return (most);
}

START_TEST(t_a_queue_runs_no_more_than_it_may)
{
	struct rig *r = start_two(INI("[queue " Q_INF "]\nmax_running = 2\n"));

	push(r, Q_INF, "q", 12, "0.1");
	push(r, Q_CPU, "free", 6, "0.1");
	ck_assert_int_le(most_at_once(r, Q_INF, "q", 12), 2);
	ck_assert_int_gt(most_at_once(r, Q_CPU, "free", 6), 2);
	rig_stop(&r);
}
END_TEST

START_TEST(t_a_handler_runs_no_more_than_it_may)
{
	struct rig *r = start_two(INI("max_running = 3\n"));

	push(r, Q_INF, "h", 16, "0.1");
	ck_assert_int_le(most_at_once(r, Q_INF, "h", 16), 3);
	rig_stop(&r);
}
END_TEST

/* More than a worker holds back: the rest waits aside, and a job of another
 * model behind them is not held up. */
START_TEST(t_a_model_runs_no_more_than_it_may)
{
	struct rig *r = rig_start(INI("[model big]\nmax_running = 1\n"));
	long long other, last = 0, at;
	int i;

	push(r, Q_INF, "big", 40, "0.02");
	push(r, Q_INF, "small", 1, "0.01");
	other = js_int(rig_wait_record(r, Q_INF, "small0", "done"),
	    "finished_at");
	ck_assert_int_le(most_at_once(r, Q_INF, "big", 40), 1);
	for (i = 0; i < 40; i++) {
		at = js_int(rig_record(r, Q_INF, rig_fmt(r, "big%d", i)),
		    "started_at");
		if (at > last)
			last = at;
	}
	ck_assert_int_lt(other, last);
	rig_stop(&r);
}
END_TEST

static int
by_size(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x < y ? -1 : x > y);
}

/* No `burst` + k starts lie within the time of k. */
static void
check_rate(struct rig *r, const char *prefix, int n, int burst, int each_ms)
{
	long long at[64];
	int i;

	for (i = 0; i < n; i++)
		at[i] = js_int(rig_wait_record(r, Q_INF, rig_fmt(r, "%s%d",
		    prefix, i), "done"), "started_at");
	qsort(at, (size_t)n, sizeof(at[0]), by_size);
	ck_assert_msg(at[n - 1] - at[0] >= (n - burst) * each_ms - SKEW,
	    "%d jobs in %lld ms", n, at[n - 1] - at[0]);
	if (rig_fast())
		ck_assert_int_lt(at[n - 1] - at[0], n * each_ms + 1500);
}

/* 30 a second: three at once, then one each 33 ms. */
START_TEST(t_a_queue_keeps_its_rate)
{
	struct rig *r = start_two(INI("[queue " Q_INF "]\nrate = 30/s\n"));

	push(r, Q_INF, "r", 24, "0");
	check_rate(r, "r", 24, 3, 33);
	rig_stop(&r);
}
END_TEST

START_TEST(t_a_handler_keeps_its_rate)
{
	struct rig *r = start_two(INI("rate = 1200/m\n"));

	push(r, Q_INF, "r", 16, "0");
	check_rate(r, "r", 16, 2, 50);
	rig_stop(&r);
}
END_TEST

/* The jobs of a worker that was killed count until their leases run out, and
 * no longer. */
START_TEST(t_a_crash_leaves_no_permit_taken)
{
	const char *ini = INI("max_running = 2\n[queue " Q_INF "]\n"
	    "max_running = 2\n");
	struct rig *r = rig_start(ini);

	push(r, Q_INF, "lost", 2, "30");
	rig_wait_record(r, Q_INF, "lost0", "running");
	rig_wait_record(r, Q_INF, "lost1", "running");
	push(r, Q_INF, "next", 4, "0.05");
	rig_until(r, strcmp(js_str(rig_status(r, 0), "limits.0.reached"),
	    "max_running") == 0);
	rig_kill(rig_daemon_pid(r, 0), SIGKILL);
	(void)rig_daemon_wait(r, 0);
	rig_cmd(r, "HSET {" Q_INF "}:history lost0 %s",
	    "a0 l0 d0 f0 c1 r1");
	rig_cmd(r, "HSET {" Q_INF "}:history lost1 %s",
	    "a0 l0 d0 f0 c1 r1");
	rig_daemon_start(r, rig_daemon(r, "w2", ini));
	ck_assert_int_le(most_at_once(r, Q_INF, "next", 4), 2);
	rig_wait_record(r, Q_INF, "lost0", "cancelled");
	rig_wait_record(r, Q_INF, "lost1", "cancelled");
	rig_daemon_start(r, 0);         /* it clears away what it left */
	rig_stop(&r);
}
END_TEST

/* High and low keep their shares where the limit cuts every claim short. */
START_TEST(t_lanes_keep_their_shares_under_a_limit)
{
	struct rig *r = rig_start(INI("[queue " Q_INF "]\n"
	    "max_running = 1\n"));
	int i, low = 0, high = 0;
	json_t *rec;

	rig_cmd(r, "EVAL %s 1 %s", "for i = 1, 60 do "
	    "for lane, key in pairs({h='{'..KEYS[1]..'}:high', "
	    "l='{'..KEYS[1]..'}:low'}) do redis.call('LPUSH', key, "
	    "'{\"id\":\"'..lane..i..'\",\"type\":\"selftest\",'.."
	    "'\"priority\":\"'..({h='high', l='low'})[lane].."
	    "'\",\"reply_to\":\"order\",\"input\":{\"op\":\"echo\"}}') "
	    "end end", Q_INF);
	rig_until(r, rig_int(r, "LLEN order") >= 63);
	for (i = 0; i < 63; i++) {
		rec = json_loads(rig_str(r, "RPOP order"), 0, NULL);
		ck_assert_ptr_nonnull(rec);
		low += js_str(rec, "id")[0] == 'l';
		high += js_str(rec, "id")[0] == 'h';
		json_decref(rec);
	}
	ck_assert_msg(low >= 3 && high >= 48, "%d high, %d low", high, low);
	rig_until(r, rig_stat(r, Q_INF, "done") == 120);
	rig_stop(&r);
}
END_TEST

/* A retry that waits for its turn and is handed back has not been stopped:
 * its record goes on telling why it failed. */
START_TEST(t_a_retry_handed_back_keeps_its_cause)
{
	struct rig *r = rig_start("retry_backoff = 50ms\nshutdown_grace = 0\n"
	    INI("max_running = 1\n"));
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"bad\",\"type\":\"selftest\","
	    "\"max_attempts\":1000,\"input\":{\"op\":\"fail\"}}");
	rig_wait_record(r, Q_INF, "bad", "waiting");
	push(r, Q_INF, "long", 1, "60");
	rig_wait_record(r, Q_INF, "long0", "running");
	rig_until(r, rig_int(r, "HLEN {%s}:leased:w1", Q_INF) == 2);
	rig_kill(rig_daemon_pid(r, 0), SIGUSR2);
	rig_until(r, rig_int(r, "HLEN {%s}:leased:w1", Q_INF) == 1);
	rec = rig_record(r, Q_INF, "bad");
	ck_assert_str_eq(js_str(rec, "state"), "waiting");
	ck_assert_str_eq(js_str(rec, "error.cause"), "handler-error");
	rig_stop(&r);
}
END_TEST

/* Ids in the order of their commits, from the list that they reply to. */
static const char *
order_of(struct rig *r, int n)
{
	char text[1024] = "";
	size_t len = 0;
	json_t *rec;
	int i;

	rig_until(r, rig_int(r, "LLEN order") == n);
	for (i = 0; i < n; i++) {
		rec = json_loads(rig_str(r, "RPOP order"), 0, NULL);
		ck_assert_ptr_nonnull(rec);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ",
		    js_str(rec, "id"));
		json_decref(rec);
	}
	return (rig_fmt(r, "%s", text));
}

/* Seven jobs have their turns, half a second apart, when a high one comes: it
 * takes the next turn, and no two of them come closer for that. */
START_TEST(t_high_takes_the_next_turn_of_a_rate)
{
	struct rig *r = start_two(INI("rate = 2/s\n"));
	const char *order;
	int i;

	for (i = 0; i < 8; i++)
		rig_pushf(r, Q_INF, "{\"id\":\"r%d\",\"type\":\"selftest\","
		    "\"reply_to\":\"order\",\"input\":{\"op\":\"echo\"}}", i);
	rig_until(r, rig_int(r, "ZCARD {" Q_INF "}:delayed") >= 6);
	rig_push(r, "{" Q_INF "}:high", "{\"id\":\"r8\",\"priority\":\"high\","
	    "\"type\":\"selftest\",\"reply_to\":\"order\","
	    "\"input\":{\"op\":\"echo\"}}");
	order = order_of(r, 9);
	ck_assert_ptr_nonnull(strstr(order, "r7 "));
	ck_assert_msg(strstr(order, "r8 ") < strstr(order, "r7 "), "%s", order);
	if (rig_fast())
		ck_assert_msg(strstr(order, "r8 ") <= order + 3 * 3, "%s",
		    order);
	check_rate(r, "r", 9, 1, 500);
	rig_stop(&r);
}
END_TEST

/*
 * One may run, does, and 40 more wait, more than a worker holds. The high one
 * that comes last is the next one, also where the other worker's jobs wait.
 */
START_TEST(t_high_is_the_next_one_that_may_run)
{
	struct rig *r = start_two("[pool p]\nslots = 4\n[handler h]\n"
	    "kind = plugin\npath = @BIN@/.libs/batch.so\nenv.DUMP = @DIR@\n"
	    "types = inference\nmax_running = 1\n");
	int i;

	rig_push(r, Q_INF, "{\"id\":\"gate\",\"reply_to\":\"order\","
	    "\"input\":{\"do\":\"wait\"}}");
	rig_until(r, rig_exists(r, "runs"));
	for (i = 0; i < 40; i++)
		rig_pushf(r, Q_INF, "{\"id\":\"n%d\",\"reply_to\":\"order\"}", i);
	rig_until(r, rig_int(r, "LLEN " Q_INF) == 0);
	rig_push(r, "{" Q_INF "}:high", "{\"id\":\"urgent\","
	    "\"priority\":\"high\",\"reply_to\":\"order\"}");
	rig_until(r, rig_int(r,
	    "HEXISTS {ai:limits}:handler:h:lanes high") == 1);
	rig_until(r, strstr(rig_fmt(r, "%s%s", js_str(rig_status(r, 0),
	    "held.0.id"), js_str(rig_status(r, 1), "held.0.id")),
	    "urgent") != NULL);
	ck_assert_ptr_nonnull(strstr(rig_fmt(r, "%s%s", js_str(rig_status(r,
	    0), "held.0.why"), js_str(rig_status(r, 1), "held.0.why")),
	    "handler h may run 1 job(s) at a time"));
	ck_assert_int_eq(system(rig_fmt(r, ": > %s/go", rig_dir(r))), 0);
	ck_assert_int_eq(strncmp(order_of(r, 42), "gate urgent ", 12), 0);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_n_limits",
    t_high_takes_the_next_turn_of_a_rate,
    t_high_is_the_next_one_that_may_run,
    t_a_queue_runs_no_more_than_it_may,
    t_a_handler_runs_no_more_than_it_may,
    t_a_model_runs_no_more_than_it_may,
    t_a_queue_keeps_its_rate,
    t_a_handler_keeps_its_rate,
    t_a_crash_leaves_no_permit_taken,
    t_lanes_keep_their_shares_under_a_limit,
    t_a_retry_handed_back_keeps_its_cause)
