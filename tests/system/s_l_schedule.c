/* Jobs by the clock: once per firing, whatever the number of workers. */
#include "config.h"

#include "tests/rig/rig.h"

#define INI_CRON INI_ONE \
	"[schedule tick]\ncron = * * * * * *\nqueue = " Q_INF "\n" \
	"job = {\"type\":\"selftest\",\"input\":{\"op\":\"echo\",\"value\":7}}\n"

static long long
scheduled(struct rig *r, int d)
{
	return (js_int(js(rig_status(r, d), "counters"), "scheduled"));
}

/*
 * Two daemons have the same schedule. If the firing were not agreed upon in
 * Redis there would be two jobs of one id, and more done than firings.
 */
START_TEST(t_each_firing_is_one_job)
{
	struct rig *r = rig_new(0);
	int a = rig_daemon(r, "w1", INI_CRON), b = rig_daemon(r, "w2", INI_CRON);
	long long done, keys;

	rig_daemon_start(r, a);
	rig_daemon_start(r, b);
	rig_until(r, scheduled(r, a) + scheduled(r, b) >= 3);
	/* the schedule goes on: read both at one moment */
	done = rig_int(r, "EVAL %s 0", "return #redis.call('KEYS', "
	    "'{" Q_INF "}:job:tick.*')");
	keys = rig_int(r, "HGET {" Q_INF "}:stats done");
	ck_assert_int_ge(done, 2);
	ck_assert_int_le(keys - done, 1);
	ck_assert_int_ge(keys - done, -1);
	rig_stop(&r);
}
END_TEST

START_TEST(t_a_bad_schedule_is_bad_configuration)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	int d = rig_daemon(r, "w1", INI_ONE "[schedule s]\n"
	    "cron = 61 * * * *\nqueue = q\njob = {}\n");
	const char *out;

	ck_assert_int_eq(rig_gangerd(r, &out, (const char *const[]){ "-t",
	    "-c", rig_daemon_file(r, d), NULL }), 78);
	ck_assert_ptr_nonnull(strstr(out, "cron: minute"));
	d = rig_daemon(r, "w2", INI_ONE "[schedule s]\n"
	    "cron = 1 * * * *\nqueue = q\njob = {\"timeout\":-1}\n");
	ck_assert_int_eq(rig_gangerd(r, &out, (const char *const[]){ "-t",
	    "-c", rig_daemon_file(r, d), NULL }), 78);
	ck_assert_ptr_nonnull(strstr(out, "[schedule s] job: timeout"));
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_l_schedule",
    t_each_firing_is_one_job,
    t_a_bad_schedule_is_bad_configuration)
