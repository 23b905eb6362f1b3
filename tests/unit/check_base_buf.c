/*
 * base/buf: appends, the cap, the sticky failure, taking and consuming.
 */
#include "config.h"

#include "base/buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/check_run.h"

static int
put_formatted(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
put_formatted(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return (r);
}

START_TEST(t_appends_in_order)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert_str_eq(buf_cstr(&b), "");
	ck_assert_int_eq(buf_puts(&b, "one"), 0);
	ck_assert_int_eq(buf_putc(&b, ' '), 0);
	ck_assert_int_eq(buf_put(&b, "two!", 3), 0);
	ck_assert_int_eq(buf_slice(&b, SLICE_LIT(" three")), 0);
	ck_assert_int_eq(buf_slice(&b, SLICE_NULL), 0);
	ck_assert_int_eq(buf_printf(&b, " %d%s", 4, ""), 0);
	ck_assert_int_eq(put_formatted(&b, "-%c", '5'), 0);
	ck_assert_str_eq(buf_cstr(&b), "one two three 4-5");
	ck_assert_uint_eq(b.len, 17);
	ck_assert(!b.failed);
	buf_fini(&b);
}
END_TEST

START_TEST(t_cap_holds_to_the_byte)
{
	struct buf b;

	buf_init(&b, 4);
	ck_assert_int_eq(buf_puts(&b, "1234"), 0);
	ck_assert_uint_le(b.size, 4);
	ck_assert_str_eq(buf_cstr(&b), "1234"); /* the NUL needs no room */
	ck_assert_int_eq(buf_putc(&b, '5'), -ERR_NOSPACE);
	ck_assert_uint_eq(b.len, 4);
	ck_assert_str_eq(buf_cstr(&b), "1234");
	buf_fini(&b);
}
END_TEST

START_TEST(t_printf_fills_to_the_cap)
{
	struct buf b;

	buf_init(&b, 5);
	ck_assert_int_eq(buf_printf(&b, "%s", "12345"), 0);
	ck_assert_str_eq(buf_cstr(&b), "12345");
	ck_assert_int_eq(buf_printf(&b, "%d", 6), -ERR_NOSPACE);
	ck_assert_str_eq(buf_cstr(&b), "12345");
	buf_fini(&b);
}
END_TEST

START_TEST(t_decimals_up_to_the_ends_of_their_range)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert_int_eq(buf_int(&b, INT64_MIN), 0);
	ck_assert_int_eq(buf_putc(&b, ' '), 0);
	ck_assert_int_eq(buf_int(&b, -10), 0);
	ck_assert_int_eq(buf_int(&b, 0), 0);
	ck_assert_int_eq(buf_int(&b, INT64_MAX), 0);
	ck_assert_int_eq(buf_putc(&b, ' '), 0);
	ck_assert_int_eq(buf_uint(&b, UINT64_MAX), 0);
	ck_assert_str_eq(buf_cstr(&b), "-9223372036854775808 "
	    "-1009223372036854775807 18446744073709551615");
	buf_fini(&b);
}
END_TEST

START_TEST(t_failure_sticks_until_reset)
{
	struct buf b;

	buf_init(&b, 4);
	ck_assert_int_eq(buf_puts(&b, "12345"), -ERR_NOSPACE);
	ck_assert_int_eq(buf_puts(&b, "1"), 0);
	ck_assert(b.failed);
	buf_reset(&b);
	ck_assert(!b.failed);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(t_huge_counts_are_refused)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	ck_assert_int_eq(buf_puts(&b, "x"), 0);
	ck_assert_int_eq(buf_reserve(&b, SIZE_MAX), -ERR_NOSPACE);
	ck_assert_int_eq(buf_reserve(&b, SIZE_MAX - 1), -ERR_NOSPACE);
	ck_assert_str_eq(buf_cstr(&b), "x");
	ck_assert(b.failed);
	buf_fini(&b);
}
END_TEST

START_TEST(t_grows_and_keeps_its_bytes)
{
	struct buf b;
	unsigned i;

	buf_init(&b, 1 << 20);
	for (i = 0; i < 100000; i++)
		ck_assert_int_eq(buf_putc(&b, (char)('a' + i % 26)), 0);
	ck_assert_uint_eq(b.len, 100000);
	for (i = 0; i < 100000; i++)
		ck_assert_int_eq(b.data[i], 'a' + (int)(i % 26));
	buf_fini(&b);
}
END_TEST

START_TEST(t_reset_keeps_little_and_frees_much)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	ck_assert_int_eq(buf_reserve(&b, 1000), 0);
	buf_reset(&b);
	ck_assert_uint_ge(b.size, 1000);
	ck_assert_int_eq(buf_reserve(&b, 200000), 0);
	buf_reset(&b);
	ck_assert_uint_le(b.size, 64 * 1024);
	ck_assert_int_eq(buf_puts(&b, "again"), 0);
	ck_assert_str_eq(buf_cstr(&b), "again");
	buf_fini(&b);
}
END_TEST

START_TEST(t_consume_moves_the_rest_down)
{
	struct buf b;

	buf_init(&b, 100);
	buf_consume(&b, 0);
	ck_assert_int_eq(buf_puts(&b, "headbody"), 0);
	buf_consume(&b, 4);
	ck_assert_str_eq(buf_cstr(&b), "body");
	buf_consume(&b, 4);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_fini(&b);
}
END_TEST

START_TEST(t_consuming_too_much_aborts)
{
	struct buf b;

	buf_init(&b, 100);
	(void)buf_puts(&b, "abc");
	buf_consume(&b, 4);
}
END_TEST

START_TEST(t_use_after_fini_aborts)
{
	struct buf b;

	buf_init(&b, 100);
	buf_fini(&b);
	(void)buf_puts(&b, "x");
}
END_TEST

START_TEST(t_take_gives_the_storage)
{
	struct buf b;
	size_t n = 99;
	char *s;

	buf_init(&b, 100);
	ck_assert_ptr_null(buf_take(&b, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(buf_puts(&b, "mine"), 0);
	s = buf_take(&b, &n);
	ck_assert_str_eq(s, "mine");
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(buf_puts(&b, "next"), 0);
	ck_assert_str_eq(s, "mine");
	free(s);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_buf");
	TCase *tc = tcase_create("buf");

	tcase_add_test(tc, t_appends_in_order);
	tcase_add_test(tc, t_cap_holds_to_the_byte);
	tcase_add_test(tc, t_printf_fills_to_the_cap);
	tcase_add_test(tc, t_decimals_up_to_the_ends_of_their_range);
	tcase_add_test(tc, t_failure_sticks_until_reset);
	tcase_add_test(tc, t_huge_counts_are_refused);
	tcase_add_test(tc, t_grows_and_keeps_its_bytes);
	tcase_add_test(tc, t_reset_keeps_little_and_frees_much);
	tcase_add_test(tc, t_consume_moves_the_rest_down);
	tcase_add_test_raise_signal(tc, t_consuming_too_much_aborts, 6);
	tcase_add_test_raise_signal(tc, t_use_after_fini_aborts, 6);
	tcase_add_test(tc, t_take_gives_the_storage);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
