/*
 * base/cpus: list text both ways, set operations, this process's affinity.
 */
#include "config.h"

#include "base/cpus.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "base/obj.h"
#include "tests/check_run.h"

static const struct {
	const char *text, *canonical;
	unsigned count;
} good[] = {
	{ "", "", 0 },
	{ "\n", "", 0 },
	{ "0", "0", 1 },
	{ "0-2,4", "0-2,4", 4 },
	{ "4,0-2\n", "0-2,4", 4 },
	{ "0,1,2,3", "0-3", 4 },
	{ " 8-9 , 1 ", "1,8-9", 3 },
	{ "3-3", "3", 1 },
	{ "1-4,2-6", "1-6", 6 },
	{ "63-64", "63-64", 2 },
	{ "0-4095", "0-4095", 4096 },
};

static const struct {
	const char *text;
	int code;
} bad[] = {
	{ ",", -ERR_SYNTAX }, { "1,", -ERR_SYNTAX }, { "1-", -ERR_SYNTAX },
	{ "-1", -ERR_SYNTAX }, { "2-1", -ERR_SYNTAX }, { "a", -ERR_SYNTAX },
	{ "1 2", -ERR_SYNTAX }, { "1;2", -ERR_SYNTAX }, { "0x1", -ERR_SYNTAX },
	{ "1\n2", -ERR_SYNTAX }, { "4096", -ERR_RANGE },
	{ "0-4096", -ERR_RANGE }, { "99999999999999999999", -ERR_RANGE },
};

START_TEST(t_good_lists_read_and_print)
{
	struct cpus c;
	struct buf b;

	ck_assert_int_eq(cpus_parse(good[_i].text, &c), 0);
	ck_assert_uint_eq(cpus_count(&c), good[_i].count);
	buf_init(&b, 100);
	ck_assert_int_eq(cpus_put(&b, &c), 0);
	ck_assert_str_eq(buf_cstr(&b), good[_i].canonical);
	buf_fini(&b);
}
END_TEST

START_TEST(t_bad_lists_are_refused)
{
	struct cpus c;

	ck_assert_int_eq(cpus_parse(bad[_i].text, &c), bad[_i].code);
}
END_TEST

START_TEST(t_full_buffer_is_reported)
{
	struct cpus c;
	struct buf b;

	ck_assert_int_eq(cpus_parse("10,20", &c), 0);
	buf_init(&b, 4);
	ck_assert_int_eq(cpus_put(&b, &c), -ERR_NOSPACE);
	buf_fini(&b);
}
END_TEST

START_TEST(t_next_walks_the_set)
{
	struct cpus c;

	cpus_clear(&c);
	ck_assert_int_eq(cpus_next(&c, -1), -1);
	cpus_add(&c, 0);
	cpus_add(&c, 64);
	cpus_add(&c, 4095);
	ck_assert_int_eq(cpus_next(&c, -1), 0);
	ck_assert_int_eq(cpus_next(&c, 0), 64);
	ck_assert_int_eq(cpus_next(&c, 64), 4095);
	ck_assert_int_eq(cpus_next(&c, 4095), -1);
	ck_assert(cpus_has(&c, 64));
	ck_assert(!cpus_has(&c, 65));
	ck_assert(!cpus_has(&c, 4096));
}
END_TEST

START_TEST(t_adding_beyond_the_end_aborts)
{
	struct cpus c;

	cpus_clear(&c);
	cpus_add(&c, CPUS_MAX);
}
END_TEST

START_TEST(t_and_keeps_what_both_have)
{
	struct cpus a, b, both;

	ck_assert_int_eq(cpus_parse("0-9,100", &a), 0);
	ck_assert_int_eq(cpus_parse("5-20,100", &b), 0);
	ck_assert_int_eq(cpus_parse("5-9,100", &both), 0);
	ck_assert(!cpus_equal(&a, &b));
	cpus_and(&a, &b);
	ck_assert(cpus_equal(&a, &both));
}
END_TEST

START_TEST(t_affinity_can_be_narrowed)
{
	struct cpus had, one, now;

	ck_assert_int_eq(cpus_get_affinity(0, &had), 0);
	ck_assert_uint_ge(cpus_count(&had), 1);
	cpus_clear(&one);
	cpus_add(&one, (unsigned)cpus_next(&had, -1));
	ck_assert_int_eq(cpus_set_affinity(getpid(), &one), 0);
	ck_assert_int_eq(cpus_get_affinity(0, &now), 0);
	ck_assert(cpus_equal(&now, &one));
	ck_assert_int_eq(cpus_set_affinity(0, &had), 0);
}
END_TEST

START_TEST(t_no_cpu_at_all_is_an_error)
{
	struct cpus none;

	cpus_clear(&none);
	ck_assert_int_eq(cpus_set_affinity(0, &none), -ERR_SYSTEM);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_cpus");
	TCase *tc = tcase_create("cpus");

	tcase_add_loop_test(tc, t_good_lists_read_and_print, 0,
	    (int)NELEM(good));
	tcase_add_loop_test(tc, t_bad_lists_are_refused, 0, (int)NELEM(bad));
	tcase_add_test(tc, t_full_buffer_is_reported);
	tcase_add_test(tc, t_next_walks_the_set);
	tcase_add_test_raise_signal(tc, t_adding_beyond_the_end_aborts, 6);
	tcase_add_test(tc, t_and_keeps_what_both_have);
	tcase_add_test(tc, t_affinity_can_be_narrowed);
	tcase_add_test(tc, t_no_cpu_at_all_is_an_error);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
