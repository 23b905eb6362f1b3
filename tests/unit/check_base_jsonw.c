/*
 * base/jsonw: exact text for each kind of value, and what a JSON parser of
 * another hand (jansson) makes of hard input.
 */
#include "config.h"

#include "base/jsonw.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/obj.h"
#include "tests/check_run.h"

static struct buf b;
static struct jsonw w;

static void
setup(void)
{
	buf_init(&b, 1 << 20);
	jsonw_init(&w, &b);
}

static void
teardown(void)
{
	buf_fini(&b);
}

START_TEST(t_nesting_and_commas)
{
	jsonw_obj(&w);
	jsonw_kint(&w, "a", -1);
	jsonw_key(&w, "b");
	jsonw_arr(&w);
	jsonw_uint(&w, UINT64_MAX);
	jsonw_arr(&w);
	jsonw_end(&w);
	jsonw_obj(&w);
	jsonw_end(&w);
	jsonw_null(&w);
	jsonw_end(&w);
	jsonw_kbool(&w, "c", true);
	jsonw_kraw(&w, "d", SLICE_LIT("{\"x\":1}"));
	jsonw_kstr(&w, "e", NULL);
	jsonw_kslice(&w, "f", SLICE_NULL);
	jsonw_kuint(&w, "g", 7);
	jsonw_kslice(&w, "h", (struct slice){ "", 0 });
	jsonw_end(&w);
	ck_assert_str_eq(buf_cstr(&b), "{\"a\":-1,"
	    "\"b\":[18446744073709551615,[],{},null],\"c\":true,"
	    "\"d\":{\"x\":1},\"e\":null,\"f\":null,\"g\":7,\"h\":\"\"}");
	ck_assert(!b.failed);
}
END_TEST

/* Strings are looked at eight bytes at a time: every ASCII character at every
 * place, beside such as differ from the special ones by a bit, reads back. */
START_TEST(t_each_character_at_each_place_reads_back)
{
	static const char around[] = "!#[]{|@ 01\x7f^_`a";
	char text[24];
	json_t *v;
	size_t at;
	int c;

	for (c = 1; c < 0x80; c++)
		for (at = 0; at < sizeof(around) - 1; at++) {
			memcpy(text, around, sizeof(around));
			text[at] = (char)c;
			buf_reset(&b);
			jsonw_init(&w, &b);
			jsonw_obj(&w);
			jsonw_kstr(&w, text, text);
			jsonw_end(&w);
			v = json_loadb(b.data, b.len, 0, NULL);
			ck_assert_msg(v != NULL, "%d at %zu: %s", c, at,
			    buf_cstr(&b));
			ck_assert_str_eq(json_string_value(json_object_get(v,
			    text)), text);
			json_decref(v);
		}
}
END_TEST

START_TEST(t_strings_are_escaped)
{
	jsonw_arr(&w);
	jsonw_str(&w, "\"\\/\b\f\n\r\t\x01\x1f\x7f");
	jsonw_slice(&w, (struct slice){ "a\0b", 3 });
	jsonw_str(&w, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\x80");
	jsonw_end(&w);
	ck_assert_str_eq(buf_cstr(&b), "[\"\\\"\\\\/\\b\\f\\n\\r\\t"
	    "\\u0001\\u001f\x7f\",\"a\\u0000b\","
	    "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\x80\"]");
}
END_TEST

/* Every two-byte string, valid or not, must come out as valid JSON. */
START_TEST(t_any_bytes_become_valid_json)
{
	json_t *root;
	char s[2];
	int i;

	jsonw_arr(&w);
	for (i = 0; i < 65536; i++) {
		s[0] = (char)(i >> 8);
		s[1] = (char)i;
		jsonw_slice(&w, (struct slice){ s, 2 });
	}
	jsonw_end(&w);
	ck_assert(!b.failed);
	root = json_loadb(b.data, b.len, JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(json_array_size(root), 65536);
	json_decref(root);
}
END_TEST

START_TEST(t_broken_utf8_becomes_the_replacement)
{
	jsonw_str(&w, "a\xff" "b\xe2\x82" "c\xed\xa0\x80");
	ck_assert_str_eq(buf_cstr(&b), "\"a\xef\xbf\xbd" "b\xef\xbf\xbd"
	    "\xef\xbf\xbd" "c\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}
END_TEST

static const struct {
	double v;
	const char *text;
} numbers[] = {
	{ 0, "0" }, { 0.1, "0.1" }, { 1.5, "1.5" }, { -3, "-3" },
	{ 1e300, "1e+300" }, { 0.25, "0.25" }, { NAN, "null" },
	{ INFINITY, "null" }, { -INFINITY, "null" },
	{ 1.0 / 3, "0.3333333333333333" },
	{ 1700000000123.0, "1700000000123" },
};

START_TEST(t_numbers_are_short_and_exact)
{
	jsonw_num(&w, numbers[_i].v);
	ck_assert_str_eq(buf_cstr(&b), numbers[_i].text);
}
END_TEST

START_TEST(t_extreme_numbers_read_back)
{
	static const double hard[] = { DBL_MAX, DBL_MIN, -DBL_MAX, 5e-324,
		2.2250738585072011e-308, 123456789.123456789 };
	json_t *root;
	size_t i;

	jsonw_arr(&w);
	for (i = 0; i < NELEM(hard); i++)
		jsonw_num(&w, hard[i]);
	jsonw_int(&w, INT64_MIN);
	jsonw_end(&w);
	root = json_loads(buf_cstr(&b), 0, NULL);
	ck_assert_ptr_nonnull(root);
	for (i = 0; i < NELEM(hard); i++)
		ck_assert(json_real_value(json_array_get(root, i)) == hard[i]);
	ck_assert_int_eq(json_integer_value(json_array_get(root, i)),
	    INT64_MIN);
	json_decref(root);
}
END_TEST

START_TEST(t_overflow_shows_in_the_buffer)
{
	struct buf small;
	struct jsonw sw;

	buf_init(&small, 8);
	jsonw_init(&sw, &small);
	jsonw_str(&sw, "longer than eight");
	ck_assert(small.failed);
	buf_fini(&small);
}
END_TEST

START_TEST(t_value_without_its_key_aborts)
{
	jsonw_obj(&w);
	jsonw_int(&w, 1);
}
END_TEST

START_TEST(t_key_in_an_array_aborts)
{
	jsonw_arr(&w);
	jsonw_key(&w, "k");
}
END_TEST

START_TEST(t_end_after_a_key_aborts)
{
	jsonw_obj(&w);
	jsonw_key(&w, "k");
	jsonw_end(&w);
}
END_TEST

START_TEST(t_one_end_too_many_aborts)
{
	jsonw_arr(&w);
	jsonw_end(&w);
	jsonw_end(&w);
}
END_TEST

START_TEST(t_nesting_too_deep_aborts)
{
	int i;

	for (i = 0; i <= JSONW_DEPTH; i++)
		jsonw_arr(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_jsonw");
	TCase *tc = tcase_create("jsonw");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, t_nesting_and_commas);
	tcase_add_test(tc, t_each_character_at_each_place_reads_back);
	tcase_add_test(tc, t_strings_are_escaped);
	tcase_add_test(tc, t_any_bytes_become_valid_json);
	tcase_add_test(tc, t_broken_utf8_becomes_the_replacement);
	tcase_add_loop_test(tc, t_numbers_are_short_and_exact, 0,
	    (int)NELEM(numbers));
	tcase_add_test(tc, t_extreme_numbers_read_back);
	tcase_add_test(tc, t_overflow_shows_in_the_buffer);
	tcase_add_test_raise_signal(tc, t_value_without_its_key_aborts, 6);
	tcase_add_test_raise_signal(tc, t_key_in_an_array_aborts, 6);
	tcase_add_test_raise_signal(tc, t_end_after_a_key_aborts, 6);
	tcase_add_test_raise_signal(tc, t_one_end_too_many_aborts, 6);
	tcase_add_test_raise_signal(tc, t_nesting_too_deep_aborts, 6);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
