/*
 * base/clock and base/err: the replaceable source, sums that stick at never,
 * and a text for every code.
 */
#include "config.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "tests/check_run.h"

static mono_t fake_time;

static mono_t
fake_clock(void)
{
	return (fake_time);
}

START_TEST(t_monotonic_does_not_go_back)
{
	mono_t a = mono_now(), b = mono_now();

	ck_assert_int_gt(a, 0);
	ck_assert_int_ge(b, a);
}
END_TEST

START_TEST(t_source_can_be_replaced)
{
	mono_t before = mono_now();

	mono_set_source(fake_clock);
	fake_time = 42;
	ck_assert_int_eq(mono_now(), 42);
	fake_time += DUR_S;
	ck_assert_int_eq(mono_now(), 42 + DUR_S);
	mono_set_source(NULL);
	ck_assert_int_ge(mono_now(), before);
}
END_TEST

START_TEST(t_wall_is_unix_milliseconds)
{
	wall_t ms = wall_now();
	time_t now = time(NULL);

	ck_assert_int_le(ms / 1000 - 2, now);
	ck_assert_int_ge(ms / 1000 + 2, now);
}
END_TEST

START_TEST(t_sums_stick_at_never)
{
	ck_assert_int_eq(mono_add(1, 2), 3);
	ck_assert_int_eq(mono_add(MONO_NEVER, 0), MONO_NEVER);
	ck_assert_int_eq(mono_add(MONO_NEVER, DUR_S), MONO_NEVER);
	ck_assert_int_eq(mono_add(MONO_NEVER - 1, 1), MONO_NEVER);
	ck_assert_int_eq(mono_add(5, MONO_NEVER), MONO_NEVER);
}
END_TEST

START_TEST(t_every_code_has_a_text)
{
	int code;

	for (code = 0; code < ERR_NCODES; code++)
		ck_assert_str_ne(err_text(-code), "unknown error");
	ck_assert_str_eq(err_text(-ERR_TIMEOUT), "timed out");
	ck_assert_str_eq(err_text(-ERR_NCODES), "unknown error");
	ck_assert_str_eq(err_text(1), "unknown error");
	errno = ENOENT;
	ck_assert_str_eq(err_text(-ERR_SYSTEM), strerror(ENOENT));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_clock");
	TCase *tc = tcase_create("clock");

	tcase_add_test(tc, t_monotonic_does_not_go_back);
	tcase_add_test(tc, t_source_can_be_replaced);
	tcase_add_test(tc, t_wall_is_unix_milliseconds);
	tcase_add_test(tc, t_sums_stick_at_never);
	tcase_add_test(tc, t_every_code_has_a_text);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
