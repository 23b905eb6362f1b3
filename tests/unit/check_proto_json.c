/*
 * The JSON scanner: what RFC 8259 allows is let through, everything else is
 * refused with the right code. A text that is wrongly accepted here would be
 * pasted into a record and break every reader of it.
 */
#include "config.h"

#include "proto/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "tests/check_run.h"

#define T(s) s, sizeof(s) - 1

struct text {
	const char *p;
	size_t n;
	int code;
};

static const struct text texts[] = {
	{ T("{}"), 0 }, { T("[]"), 0 }, { T("0"), 0 }, { T("\"\""), 0 },
	{ T("true"), 0 }, { T("false"), 0 }, { T("null"), 0 },
	{ T(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n"), 0 },
	{ T("[[],{},[{}]]"), 0 },
	{ T("{\"\":1}"), 0 },
	{ T("{\"a\":{\"a\":{\"a\":1}}}"), 0 },
	{ T("[{\"a\":1},{\"a\":1}]"), 0 },
	/* numbers */
	{ T("-0"), 0 }, { T("-0.0e-0"), 0 }, { T("1.5E+10"), 0 },
	{ T("123456789012345678901234567890"), 0 }, { T("1e999"), 0 },
	{ T("01"), -ERR_SYNTAX }, { T("-"), -ERR_SYNTAX },
	{ T("-01"), -ERR_SYNTAX }, { T("+1"), -ERR_SYNTAX },
	{ T("1."), -ERR_SYNTAX }, { T(".5"), -ERR_SYNTAX },
	{ T("1e"), -ERR_SYNTAX }, { T("1e+"), -ERR_SYNTAX },
	{ T("1.e1"), -ERR_SYNTAX }, { T("0x10"), -ERR_SYNTAX },
	{ T("NaN"), -ERR_SYNTAX }, { T("Infinity"), -ERR_SYNTAX },
	{ T("-Infinity"), -ERR_SYNTAX }, { T("1 2"), -ERR_SYNTAX },
	/* words */
	{ T("tru"), -ERR_SYNTAX }, { T("truE"), -ERR_SYNTAX },
	{ T("nul"), -ERR_SYNTAX }, { T("nulll"), -ERR_SYNTAX },
	{ T("True"), -ERR_SYNTAX }, { T("undefined"), -ERR_SYNTAX },
	/* strings and escapes */
	{ T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""), 0 },
	{ T("\"\\ud83d\\ude00\""), 0 },
	{ T("\"\\ud83d\""), -ERR_UTF8 }, { T("\"\\ude00 x\""), -ERR_UTF8 },
	{ T("\"\\uD83D\\u0041\""), -ERR_UTF8 },
	{ T("\"\\ud83d\\ud83d\\ude00\""), -ERR_UTF8 },
	{ T("\"\\ud83d\\ude00\\ude00\""), -ERR_UTF8 },
	{ T("\"\\ud83d\\ude0\""), -ERR_UTF8 }, { T("\"\\ud83d\\"), -ERR_UTF8 },
	{ T("\"\\ud7ff\\ue000\""), 0 }, { T("{\"\\udc00\":1}"), -ERR_UTF8 },
	{ T("\"\\u0000\""), 0 }, { T("\"\\uABCD\\uabcd\""), 0 },
	{ T("\"a"), -ERR_SYNTAX }, { T("\""), -ERR_SYNTAX },
	{ T("\"\\"), -ERR_SYNTAX }, { T("\"\\\""), -ERR_SYNTAX },
	{ T("\"\\x41\""), -ERR_SYNTAX }, { T("\"\\u12\""), -ERR_SYNTAX },
	{ T("\"\\u12g4\""), -ERR_SYNTAX }, { T("\"\\u123"), -ERR_SYNTAX },
	{ T("\"\\U0041\""), -ERR_SYNTAX }, { T("\"\\\0\""), -ERR_SYNTAX },
	{ T("'a'"), -ERR_SYNTAX },
	{ T("\"a\nb\""), -ERR_SYNTAX }, { T("\"a\tb\""), -ERR_SYNTAX },
	{ T("\"\0\""), -ERR_SYNTAX }, { T("\"\x1f\""), -ERR_SYNTAX },
	{ T("\"\x7f\""), 0 },
	{ T("\"longer than one word, with a \x01 in it\""), -ERR_SYNTAX },
	/* UTF-8 */
	{ T("\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""), 0 },
	{ T("\"\xf4\x8f\xbf\xbf\""), 0 }, { T("\"\xed\x9f\xbf\""), 0 },
	{ T("\"\x80\""), -ERR_UTF8 }, { T("\"\xc0\x80\""), -ERR_UTF8 },
	{ T("\"\xc1\xbf\""), -ERR_UTF8 }, { T("\"\xc3\""), -ERR_UTF8 },
	{ T("\"\xe0\x9f\xbf\""), -ERR_UTF8 },
	{ T("\"\xed\xa0\x80\""), -ERR_UTF8 },
	{ T("\"\xf0\x8f\xbf\xbf\""), -ERR_UTF8 },
	{ T("\"\xf4\x90\x80\x80\""), -ERR_UTF8 },
	{ T("\"\xf5\x80\x80\x80\""), -ERR_UTF8 },
	{ T("\"\xe2\x82\""), -ERR_UTF8 }, { T("\"\xff\""), -ERR_UTF8 },
	{ T("{\"\xff\":1}"), -ERR_UTF8 },
	{ T("\"\xe2\x82"), -ERR_UTF8 },
	{ T("\xef\xbb\xbf{}"), -ERR_SYNTAX },
	/* structure */
	{ T(""), -ERR_SYNTAX }, { T("  "), -ERR_SYNTAX },
	{ T("{"), -ERR_SYNTAX }, { T("["), -ERR_SYNTAX },
	{ T("}"), -ERR_SYNTAX }, { T("]"), -ERR_SYNTAX },
	{ T("[1,]"), -ERR_SYNTAX }, { T("[,1]"), -ERR_SYNTAX },
	{ T("[1 2]"), -ERR_SYNTAX }, { T("[1}"), -ERR_SYNTAX },
	{ T("{\"a\":1]"), -ERR_SYNTAX }, { T("{\"a\":1,}"), -ERR_SYNTAX },
	{ T("{\"a\"}"), -ERR_SYNTAX }, { T("{\"a\":}"), -ERR_SYNTAX },
	{ T("{\"a\" 1}"), -ERR_SYNTAX }, { T("{a:1}"), -ERR_SYNTAX },
	{ T("{1:1}"), -ERR_SYNTAX }, { T("{,}"), -ERR_SYNTAX },
	{ T("{\"a\":1}{}"), -ERR_SYNTAX }, { T("{}x"), -ERR_SYNTAX },
	{ T("{}\0"), -ERR_SYNTAX }, { T("\0{}"), -ERR_SYNTAX },
	{ T("/**/{}"), -ERR_SYNTAX }, { T("{}//"), -ERR_SYNTAX },
	{ T("[\v1]"), -ERR_SYNTAX }, { T("[\f1]"), -ERR_SYNTAX },
	/* duplicates */
	{ T("{\"a\":1,\"a\":1}"), -ERR_DUPLICATE },
	{ T("{\"a\":1,\"\\u0061\":1}"), -ERR_DUPLICATE },
	{ T("{\"\\u0061\":1,\"a\":1}"), -ERR_DUPLICATE },
	{ T("{\"\\u0061\":1,\"\\u0062\":2,\"\\u0061\":1}"), -ERR_DUPLICATE },
	{ T("{\"\":1,\"\":2}"), -ERR_DUPLICATE },
	{ T("{\"x\":{\"y\":[{\"a\":1,\"b\":2,\"a\":3}]}}"), -ERR_DUPLICATE },
	{ T("[{\"a\":{\"b\":1},\"c\":{\"b\":1},\"a\":0}]"), -ERR_DUPLICATE },
	{ T("{\"a\":{\"\\u0061\":1},\"\\u0062\":{\"\\u0062\":1},\"c\":1}"),
	    0 },
	{ T("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}"),
	    -ERR_DUPLICATE },
};

START_TEST(t_texts_are_accepted_or_refused_as_the_table_says)
{
	const struct text *t = &texts[_i];
	struct json_error err = { 0, NULL };
	char *copy = malloc(t->n + 1);
	int r;

	/* an exact copy, so that a sanitizer sees a read past the end */
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, t->p, t->n);
	copy = realloc(copy, t->n == 0 ? 1 : t->n);
	r = json_check(copy, t->n, &err);
	ck_assert_msg(r == t->code, "\"%.*s\": %s, not %s", (int)t->n, t->p,
	    err_text(r), err_text(t->code));
	if (r != 0) {
		ck_assert_ptr_nonnull(err.what);
		ck_assert_uint_le(err.at, t->n);
	}
	free(copy);
}
END_TEST

/* depth opening brackets, as arrays or nested objects */
static char *
nest(unsigned depth, bool objects, size_t *np)
{
	struct buf b;
	unsigned i;

	buf_init(&b, 1 << 20);
	for (i = 0; i < depth; i++)
		buf_puts(&b, objects && i + 1 < depth ? "{\"a\":" :
		    objects ? "{" : "[");
	for (i = 0; i < depth; i++)
		buf_puts(&b, objects ? "}" : "]");
	return (buf_take(&b, np));
}

START_TEST(t_depth_32_is_allowed_and_33_is_not)
{
	bool objects = _i;
	size_t n;
	char *text;

	text = nest(32, objects, &n);
	ck_assert_int_eq(json_check(text, n, NULL), 0);
	free(text);
	text = nest(33, objects, &n);
	ck_assert_int_eq(json_check(text, n, NULL), -ERR_DEPTH);
	free(text);
	text = nest(100000, false, &n);
	ck_assert_int_eq(json_check(text, n, NULL), -ERR_DEPTH);
	free(text);
}
END_TEST

/* An object of n keys; twice is the index that repeats the first key. */
static char *
many_keys(unsigned n, unsigned twice, size_t *np)
{
	struct buf b;
	unsigned i;

	buf_init(&b, 64 << 20);
	buf_putc(&b, '[');
	buf_putc(&b, '{');
	for (i = 0; i < n; i++)
		buf_printf(&b, "%s\"%skey%u\":{\"k\":0}", i == 0 ? "" : ",",
		    i % 3 == 0 ? "\\u002d" : "-", i == twice ? 0 : i);
	buf_puts(&b, "}]");
	return (buf_take(&b, np));
}

START_TEST(t_duplicates_are_found_at_any_number_of_keys)
{
	static const unsigned counts[] = { 2, 15, 16, 17, 18, 47, 48, 49, 64,
	    65, 1000, 100000 };
	unsigned count = counts[_i];
	size_t n;
	char *text;

	text = many_keys(count, count, &n);
	ck_assert_int_eq(json_check(text, n, NULL), 0);
	free(text);
	text = many_keys(count, count - 1, &n);
	ck_assert_int_eq(json_check(text, n, NULL), -ERR_DUPLICATE);
	free(text);
	text = many_keys(count, count / 2, &n);
	ck_assert_int_eq(json_check(text, n, NULL),
	    count / 2 == 0 ? 0 : -ERR_DUPLICATE);
	free(text);
}
END_TEST

struct seen {
	unsigned count, stop_at;
	char keys[64];
	enum json_kind kind[16];
	struct slice value[16];
};

static int
collect(void *priv, const struct json_member *m)
{
	struct seen *s = priv;

	strncat(s->keys, m->key.p, m->key.n);
	strcat(s->keys, m->key_escaped ? "!" : ",");
	s->kind[s->count] = m->kind;
	s->value[s->count] = m->value;
	return (++s->count == s->stop_at ? 77 : 0);
}

static const char members[] = " {\"a\": 1 ,\"b\":\"x\\n\",\"c\":[1,{\"z\":2}],"
    "\"\\u0064\":{\"a\":{}},\"e\":null,\"f\":true}";

START_TEST(t_members_of_the_outermost_object_come_in_order)
{
	static const enum json_kind kinds[] = { JSON_NUMBER, JSON_STRING,
	    JSON_ARRAY, JSON_OBJECT, JSON_NULL, JSON_BOOL };
	static const char *const values[] = { "1", "\"x\\n\"",
	    "[1,{\"z\":2}]", "{\"a\":{}}", "null", "true" };
	struct seen s = { 0 };
	size_t i;

	ck_assert_int_eq(json_scan_object(members, sizeof(members) - 1,
	    collect, &s, NULL), 0);
	ck_assert_uint_eq(s.count, 6);
	ck_assert_str_eq(s.keys, "a,b,c,\\u0064!e,f,");
	for (i = 0; i < 6; i++) {
		ck_assert_int_eq(s.kind[i], kinds[i]);
		ck_assert(slice_is(s.value[i], values[i]));
	}
}
END_TEST

START_TEST(t_a_callback_can_stop_the_scan)
{
	struct seen s = { .stop_at = 3 };

	ck_assert_int_eq(json_scan_object(members, sizeof(members) - 1,
	    collect, &s, NULL), 77);
	ck_assert_uint_eq(s.count, 3);
}
END_TEST

START_TEST(t_only_an_object_is_an_object)
{
	struct seen s = { 0 };

	ck_assert_int_eq(json_scan_object(T("[{\"a\":1}]"), collect, &s,
	    NULL), -ERR_TYPE);
	ck_assert_int_eq(json_scan_object(T("7"), collect, &s, NULL),
	    -ERR_TYPE);
	ck_assert_int_eq(json_scan_object(T(" "), collect, &s, NULL),
	    -ERR_SYNTAX);
	ck_assert_uint_eq(s.count, 0);
}
END_TEST

START_TEST(t_errors_name_the_byte)
{
	struct json_error err;

	ck_assert_int_eq(json_check(T("{\"a\":1,\"a\":2}"), &err),
	    -ERR_DUPLICATE);
	ck_assert_uint_eq(err.at, 8);
	ck_assert_str_eq(err.what, "duplicate key");
	ck_assert_int_eq(json_check(T("[1, x]"), &err), -ERR_SYNTAX);
	ck_assert_uint_eq(err.at, 4);
}
END_TEST

START_TEST(t_the_second_look_passes_over_what_the_first_refused)
{
	struct seen s = { 0 };
	struct buf b;
	unsigned i;

	buf_init(&b, 1 << 20);
	buf_puts(&b, "{\"a\":1,\"a\":\"\xff\",\"b\":");
	for (i = 0; i < 5000; i++)
		buf_puts(&b, "[");
	buf_puts(&b, "\"]\"");
	for (i = 0; i < 5000; i++)
		buf_puts(&b, "]");
	buf_puts(&b, ",\"c\":2}");
	ck_assert_int_eq(json_scan_loose(b.data, b.len, collect, &s), 0);
	ck_assert_str_eq(s.keys, "a,a,b,c,");
	ck_assert(slice_is(s.value[3], "2"));
	buf_fini(&b);
}
END_TEST

START_TEST(t_a_path_finds_its_member)
{
	static const char text[] = "{\"in\\u0070ut\":{\"op\":\"echo\",\"x.y\":1,"
	    "\"deep\":{\"er\":[3]}},\"n\":null}";
	struct slice object = { text, sizeof(text) - 1 }, v;
	enum json_kind kind;

	ck_assert_int_eq(json_find(object, "input.op", &v, &kind), 0);
	ck_assert(kind == JSON_STRING && slice_is(v, "\"echo\""));
	ck_assert_int_eq(json_find(object, "input.deep.er", &v, &kind), 0);
	ck_assert(kind == JSON_ARRAY && slice_is(v, "[3]"));
	ck_assert_int_eq(json_find(object, "n", &v, &kind), 0);
	ck_assert_int_eq(kind, JSON_NULL);
	ck_assert_int_eq(json_find(object, "input.nope", &v, &kind),
	    -ERR_NOTFOUND);
	ck_assert_int_eq(json_find(object, "input.op.x", &v, &kind),
	    -ERR_NOTFOUND);
	ck_assert_int_eq(json_find(object, "", &v, &kind), -ERR_NOTFOUND);
	ck_assert_int_eq(json_find(object, "inpu", &v, &kind),
	    -ERR_NOTFOUND);
}
END_TEST

static const struct {
	const char *raw, *text;
	size_t n;
	int code;
} strings[] = {
	{ "\"\"", T(""), 0 }, { "\"abc\"", T("abc"), 0 }, { "abc", T("abc"), 0 },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", T("\"\\/\b\f\n\r\t"), 0 },
	{ "\"x\\u00e9y\"", T("x\xc3\xa9y"), 0 },
	{ "\"\\u20AC\"", T("\xe2\x82\xac"), 0 },
	{ "\"\\ud83d\\ude00\"", T("\xf0\x9f\x98\x80"), 0 },
	{ "\"\\uD83D\"", T("\xef\xbf\xbd"), 0 },
	{ "\"\\ude00z\"", T("\xef\xbf\xbdz"), 0 },
	{ "\"\\ud83d\\u0041\"", T("\xef\xbf\xbd" "A"), 0 },
	{ "\"\\ud83d\\ud83d\\ude00\"", T("\xef\xbf\xbd\xf0\x9f\x98\x80"), 0 },
	{ "\"\\u0000\"", T("\0"), 0 },
	{ "\"abc", T(""), -ERR_SYNTAX }, { "\"", T(""), -ERR_SYNTAX },
	{ "\\q", T(""), -ERR_SYNTAX }, { "\\u12", T(""), -ERR_SYNTAX },
	{ "\\", T(""), -ERR_SYNTAX }, { "\"\\\"", T(""), -ERR_SYNTAX },
};

START_TEST(t_strings_are_decoded)
{
	struct buf b;
	int r;

	buf_init(&b, 100);
	r = json_unescape(slice_of(strings[_i].raw), &b);
	ck_assert_int_eq(r, strings[_i].code);
	if (r == 0) {
		ck_assert_uint_eq(b.len, strings[_i].n);
		ck_assert_int_eq(memcmp(buf_cstr(&b), strings[_i].text, b.len),
		    0);
	}
	buf_fini(&b);
	buf_init(&b, 1);
	if (r == 0 && strings[_i].n > 1)
		ck_assert_int_eq(json_unescape(slice_of(strings[_i].raw), &b),
		    -ERR_NOSPACE);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *raw;
	int dcode;
	double d;
	int icode;
	long long i;
} numbers[] = {
	{ "0", 0, 0, 0, 0 }, { "-0", 0, 0, 0, 0 }, { "42", 0, 42, 0, 42 },
	{ "-17", 0, -17, 0, -17 }, { "3.0", 0, 3, 0, 3 },
	{ "3e2", 0, 300, 0, 300 }, { "1500e-2", 0, 15, 0, 15 },
	{ "1.5", 0, 1.5, -ERR_TYPE, 0 }, { "0.1", 0, 0.1, -ERR_TYPE, 0 },
	{ "1e-3", 0, 0.001, -ERR_TYPE, 0 },
	{ "9223372036854775807", 0, 9223372036854775807.0, 0, INT64_MAX },
	{ "-9223372036854775808", 0, -9223372036854775808.0, 0, INT64_MIN },
	{ "9223372036854775808", 0, 9223372036854775808.0, -ERR_RANGE, 0 },
	{ "-9223372036854775809", 0, -9223372036854775808.0, -ERR_RANGE, 0 },
	{ "18446744073709551616", 0, 18446744073709551616.0, -ERR_RANGE, 0 },
	{ "1e19", 0, 1e19, -ERR_RANGE, 0 },
	{ "1e308", 0, 1e308, -ERR_RANGE, 0 },
	{ "1e309", -ERR_RANGE, 0, -ERR_RANGE, 0 },
	{ "-1e999999999999", -ERR_RANGE, 0, -ERR_RANGE, 0 },
	{ "0e999999999999", 0, 0, 0, 0 },
	{ "1e-999999999999", 0, 0, -ERR_TYPE, 0 },
	{ "2.2250738585072014e-308", 0, 2.2250738585072014e-308, -ERR_TYPE, 0 },
	{ "123456789012345678901234567890", 0, 1.2345678901234568e29,
	    -ERR_RANGE, 0 },
	{ "0.30000000000000004", 0, 0.30000000000000004, -ERR_TYPE, 0 },
	{ "1763900000000.123", 0, 1763900000000.123, -ERR_TYPE, 0 },
	{ "", -ERR_TYPE, 0, -ERR_TYPE, 0 }, { "-", -ERR_TYPE, 0, -ERR_TYPE, 0 },
	{ "x", -ERR_TYPE, 0, -ERR_TYPE, 0 }, { "1x", -ERR_TYPE, 0, -ERR_TYPE, 0 },
	{ "\"1\"", -ERR_TYPE, 0, -ERR_TYPE, 0 },
};

START_TEST(t_numbers_are_read_exactly)
{
	struct slice raw = slice_of(numbers[_i].raw);
	long long i = -1;
	double d = -1;

	ck_assert_int_eq(json_double(raw, &d), numbers[_i].dcode);
	if (numbers[_i].dcode == 0)
		ck_assert_msg(d == numbers[_i].d, "%s: %.17g", numbers[_i].raw,
		    d);
	ck_assert_int_eq(json_int64(raw, &i), numbers[_i].icode);
	if (numbers[_i].icode == 0)
		ck_assert_int_eq(i, numbers[_i].i);
}
END_TEST

/* The fast way and the library's must agree on every short decimal. */
START_TEST(t_the_fast_way_to_a_double_agrees_with_the_library)
{
	uint64_t x = 88172645463325252u;
	char text[64];
	double d;
	int i;

	for (i = 0; i < 20000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		snprintf(text, sizeof(text), "%s%llu.%llue%d",
		    x & 1 ? "-" : "", (unsigned long long)(x >> 44),
		    (unsigned long long)(x >> 20 & 0xfffff),
		    (int)(x % 60) - 30);
		ck_assert_int_eq(json_double(slice_of(text), &d), 0);
		ck_assert_msg(d == strtod(text, NULL), "%s: %.17g", text, d);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proto_json");
	TCase *t = tcase_create("json");

	tcase_add_loop_test(t,
	    t_texts_are_accepted_or_refused_as_the_table_says, 0,
	    (int)NELEM(texts));
	tcase_add_loop_test(t, t_depth_32_is_allowed_and_33_is_not, 0, 2);
	tcase_add_loop_test(t, t_duplicates_are_found_at_any_number_of_keys,
	    0, 12);
	tcase_add_test(t, t_members_of_the_outermost_object_come_in_order);
	tcase_add_test(t, t_a_callback_can_stop_the_scan);
	tcase_add_test(t, t_only_an_object_is_an_object);
	tcase_add_test(t, t_errors_name_the_byte);
	tcase_add_test(t,
	    t_the_second_look_passes_over_what_the_first_refused);
	tcase_add_test(t, t_a_path_finds_its_member);
	tcase_add_loop_test(t, t_strings_are_decoded, 0, (int)NELEM(strings));
	tcase_add_loop_test(t, t_numbers_are_read_exactly, 0,
	    (int)NELEM(numbers));
	tcase_add_test(t,
	    t_the_fast_way_to_a_double_agrees_with_the_library);
	suite_add_tcase(s, t);
	return (check_run(s));
}
