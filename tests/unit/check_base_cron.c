/* Cron expressions: what follows when, and what is refused. */
#include "config.h"

#include "base/cron.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/obj.h"
#include "tests/check_run.h"

static time_t
at(const char *text)
{
	struct tm t = { .tm_isdst = -1 };

	ck_assert_ptr_nonnull(strptime(text, "%Y-%m-%d %H:%M:%S", &t));
	return (mktime(&t));
}

static const struct {
	const char *cron, *after, *next;
} good[] = {
	{ "* * * * *", "2026-11-23 19:40:00", "2026-11-23 19:41:00" },
	{ "* * * * *", "2026-11-23 19:40:59", "2026-11-23 19:41:00" },
	{ "*/15 * * * *", "2026-11-23 19:46:00", "2026-11-23 20:00:00" },
	{ "5/20 * * * *", "2026-11-23 19:26:00", "2026-11-23 19:45:00" },
	{ "0 3 * * *", "2026-11-23 03:00:00", "2026-11-24 03:00:00" },
	{ "30 4 1,15 * *", "2026-11-15 04:30:00", "2026-12-01 04:30:00" },
	{ "0 0 * * mon-fri", "2026-11-20 00:00:00", "2026-11-23 00:00:00" },
	{ "0 0 * * 7", "2026-11-23 00:00:00", "2026-11-29 00:00:00" },
	/* either day, as in cron, where both are given */
	{ "0 0 13 * fri", "2026-11-23 00:00:00", "2026-11-27 00:00:00" },
	{ "0 0 29 feb *", "2026-11-23 00:00:00", "2028-02-29 00:00:00" },
	{ "0 0 1 jan *", "2026-12-31 23:59:59", "2027-01-01 00:00:00" },
	{ "@hourly", "2026-11-23 19:40:00", "2026-11-23 20:00:00" },
	{ "@weekly", "2026-11-23 19:40:00", "2026-11-29 00:00:00" },
	{ "*/10 * * * * *", "2026-11-23 19:40:01", "2026-11-23 19:40:10" },
	{ "30 0 12 * * *", "2026-11-23 19:40:01", "2026-11-24 12:00:30" },
};

START_TEST(t_the_next_time)
{
	struct cron c;

	setenv("TZ", "UTC", 1);
	tzset();
	ck_assert_int_eq(cron_parse(good[_i].cron, &c, NULL), 0);
	ck_assert_int_eq(cron_next(&c, at(good[_i].after)),
	    at(good[_i].next));
}
END_TEST

/* Central Europe: 02:30 does not exist on 2027-03-28, twice on 10-31. */
START_TEST(t_clock_changes_do_not_hold_it_up)
{
	struct cron c;
	time_t t;

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	ck_assert_int_eq(cron_parse("30 2 * * *", &c, NULL), 0);
	t = cron_next(&c, at("2027-03-27 12:00:00"));
	ck_assert_int_eq(t, at("2027-03-29 02:30:00"));
	t = cron_next(&c, at("2027-10-30 12:00:00"));
	ck_assert_int_gt(t, at("2027-10-31 01:59:59"));
	ck_assert_int_lt(t, at("2027-10-31 03:00:00"));
}
END_TEST

START_TEST(t_what_never_comes_is_said)
{
	struct cron c;

	ck_assert_int_eq(cron_parse("0 0 31 2 *", &c, NULL), 0);
	ck_assert_int_eq(cron_next(&c, at("2026-11-23 00:00:00")), -1);
}
END_TEST

static const struct {
	const char *cron, *why;
} bad[] = {
	{ "", "five fields" }, { "* * * *", "five fields" },
	{ "* * * * * * *", "five fields" }, { "60 * * * *", "minute" },
	{ "* 24 * * *", "hour" }, { "* * 0 * *", "day of month" },
	{ "* * * 13 *", "month" }, { "* * * * 8", "day of week" },
	{ "*/0 * * * *", "minute" }, { "5-1 * * * *", "minute" },
	{ "1,,2 * * * *", "minute" }, { "x * * * *", "minute" },
	{ "* * * foo *", "month" }, { "-1 * * * *", "minute" },
	{ "99999999999 * * * *", "minute" }, { "@never", "five fields" },
};

START_TEST(t_nonsense_is_refused_and_the_field_named)
{
	const char *why = NULL;
	struct cron c;

	ck_assert_int_lt(cron_parse(bad[_i].cron, &c, &why), 0);
	ck_assert_ptr_nonnull(strstr(why, bad[_i].why));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cron");
	TCase *tc = tcase_create("cron");

	tcase_add_loop_test(tc, t_the_next_time, 0, (int)NELEM(good));
	tcase_add_test(tc, t_clock_changes_do_not_hold_it_up);
	tcase_add_test(tc, t_what_never_comes_is_said);
	tcase_add_loop_test(tc, t_nonsense_is_refused_and_the_field_named, 0,
	    (int)NELEM(bad));
	suite_add_tcase(s, tc);
	return (check_run(s));
}
