/*
 * base/str: every parser with what it takes and what it refuses, and printers
 * that the parsers read back.
 */
#include "config.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "tests/check_run.h"

struct number {
	const char *text;
	int code;
	int64_t v;
};

static const struct number ints[] = {
	{ "0", 0, 0 }, { "-0", 0, 0 }, { "42", 0, 42 }, { "+7", 0, 7 },
	{ "007", 0, 7 }, { "-5", 0, -5 },
	{ "9223372036854775807", 0, INT64_MAX },
	{ "-9223372036854775808", 0, INT64_MIN },
	{ "9223372036854775808", -ERR_RANGE, 0 },
	{ "-9223372036854775809", -ERR_RANGE, 0 },
	{ "99999999999999999999999", -ERR_RANGE, 0 },
	{ "", -ERR_SYNTAX, 0 }, { "-", -ERR_SYNTAX, 0 },
	{ " 1", -ERR_SYNTAX, 0 }, { "1 ", -ERR_SYNTAX, 0 },
	{ "1x", -ERR_SYNTAX, 0 }, { "0x10", -ERR_SYNTAX, 0 },
	{ "1.0", -ERR_SYNTAX, 0 }, { "--1", -ERR_SYNTAX, 0 },
	{ "99999999999999999999999x", -ERR_SYNTAX, 0 },
};

static const struct number durs[] = {
	{ "0", 0, 0 }, { "30", 0, 30 * DUR_S }, { "30s", 0, 30 * DUR_S },
	{ "500ms", 0, 500 * DUR_MS }, { "5m", 0, 300 * DUR_S },
	{ "2h", 0, 7200 * DUR_S }, { "7d", 0, 604800 * DUR_S },
	{ "1.5s", 0, 1500 * DUR_MS }, { "0.25", 0, 250 * DUR_MS },
	{ "1.5h", 0, 5400 * DUR_S }, { "10us", 0, 10 * DUR_US },
	{ "3ns", 0, 3 }, { "0.0000000019s", 0, 1 },
	{ "106751d", 0, INT64_C(106751) * 86400 * DUR_S },
	{ "106752d", -ERR_RANGE, 0 },
	{ "99999999999999999999s", -ERR_RANGE, 0 },
	{ "", -ERR_SYNTAX, 0 }, { "s", -ERR_SYNTAX, 0 },
	{ "-1s", -ERR_SYNTAX, 0 }, { "1 s", -ERR_SYNTAX, 0 },
	{ "1S", -ERR_SYNTAX, 0 }, { "1w", -ERR_SYNTAX, 0 },
	{ ".5s", -ERR_SYNTAX, 0 }, { "1.s", -ERR_SYNTAX, 0 },
	{ "1.2.3s", -ERR_SYNTAX, 0 }, { "1s ", -ERR_SYNTAX, 0 },
	{ "1e3", -ERR_SYNTAX, 0 }, { "inf", -ERR_SYNTAX, 0 },
};

static const struct number sizes[] = {
	{ "0", 0, 0 }, { "512", 0, 512 }, { "64K", 0, 65536 },
	{ "64k", 0, 65536 }, { "16M", 0, 16 << 20 },
	{ "6G", 0, INT64_C(6) << 30 }, { "1T", 0, INT64_C(1) << 40 },
	{ "2P", 0, INT64_C(2) << 50 }, { "15E", 0, (int64_t)(15ULL << 60) },
	{ "18446744073709551615", 0, -1 },
	{ "16E", -ERR_RANGE, 0 }, { "18446744073709551616", -ERR_RANGE, 0 },
	{ "", -ERR_SYNTAX, 0 }, { "K", -ERR_SYNTAX, 0 },
	{ "-1", -ERR_SYNTAX, 0 }, { "1KB", -ERR_SYNTAX, 0 },
	{ "1.5G", -ERR_SYNTAX, 0 }, { "1 K", -ERR_SYNTAX, 0 },
	{ "1X", -ERR_SYNTAX, 0 }, { "1\n", -ERR_SYNTAX, 0 },
};

START_TEST(t_int)
{
	int64_t v = 0;

	ck_assert_int_eq(str_int(ints[_i].text, &v), ints[_i].code);
	ck_assert_int_eq(v, ints[_i].v);
}
END_TEST

START_TEST(t_dur)
{
	dur_t v = 0;

	ck_assert_int_eq(str_dur(durs[_i].text, &v), durs[_i].code);
	ck_assert_int_eq(v, durs[_i].v);
}
END_TEST

START_TEST(t_size)
{
	uint64_t v = 0;

	ck_assert_int_eq(str_size(sizes[_i].text, &v), sizes[_i].code);
	ck_assert_uint_eq(v, (uint64_t)sizes[_i].v);
}
END_TEST

START_TEST(t_bool)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "YES",
		"True" };
	static const char *const no[] = { "no", "false", "off", "0", "No" };
	static const char *const bad[] = { "", "y", "2", "yes ", "tru" };
	bool v;
	size_t i;

	for (i = 0; i < NELEM(yes); i++) {
		v = false;
		ck_assert_int_eq(str_bool(yes[i], &v), 0);
		ck_assert(v);
	}
	for (i = 0; i < NELEM(no); i++) {
		v = true;
		ck_assert_int_eq(str_bool(no[i], &v), 0);
		ck_assert(!v);
	}
	for (i = 0; i < NELEM(bad); i++)
		ck_assert_int_eq(str_bool(bad[i], &v), -ERR_SYNTAX);
}
END_TEST

static const struct {
	dur_t d;
	const char *text;
} dur_texts[] = {
	{ 0, "0" }, { 1, "1ns" }, { 1500, "1500ns" }, { 5 * DUR_US, "5us" },
	{ 1500 * DUR_MS, "1500ms" }, { 30 * DUR_S, "30s" },
	{ 90 * DUR_S, "90s" }, { 300 * DUR_S, "5m" }, { 7200 * DUR_S, "2h" },
	{ 604800 * DUR_S, "7d" }, { 36 * 3600 * DUR_S, "36h" },
	{ INT64_MAX, "9223372036854775807ns" },
};

START_TEST(t_dur_prints_and_reads_back)
{
	struct buf b;
	dur_t back;

	buf_init(&b, 100);
	str_dur_put(&b, dur_texts[_i].d);
	ck_assert_str_eq(buf_cstr(&b), dur_texts[_i].text);
	ck_assert_int_eq(str_dur(buf_cstr(&b), &back), 0);
	ck_assert_int_eq(back, dur_texts[_i].d);
	buf_fini(&b);
}
END_TEST

static const struct {
	uint64_t n;
	const char *text;
} size_texts[] = {
	{ 0, "0" }, { 1, "1" }, { 1000, "1000" }, { 1024, "1K" },
	{ 1536, "1536" }, { 16 << 20, "16M" }, { 6ULL << 30, "6G" },
	{ 15ULL << 60, "15E" }, { UINT64_MAX, "18446744073709551615" },
};

START_TEST(t_size_prints_and_reads_back)
{
	struct buf b;
	uint64_t back;

	buf_init(&b, 100);
	str_size_put(&b, size_texts[_i].n);
	ck_assert_str_eq(buf_cstr(&b), size_texts[_i].text);
	ck_assert_int_eq(str_size(buf_cstr(&b), &back), 0);
	ck_assert_uint_eq(back, size_texts[_i].n);
	buf_fini(&b);
}
END_TEST

/* want: the words, each ended by '|'; NULL where the text is refused. */
static const struct {
	const char *text, *want;
} words[] = {
	{ "", "" }, { "  \t", "" }, { "a", "a|" }, { "a  b\tc ", "a|b|c|" },
	{ "'a b' \"c d\"", "a b|c d|" }, { "a'b'\"c\"d", "abcd|" },
	{ "''", "|" }, { "'' \"\"", "||" }, { "a\\ b", "a b|" },
	{ "'a\\b'", "a\\b|" }, { "\"a\\\"b\"", "a\"b|" },
	{ "\"a\\nb\"", "a\\nb|" }, { "\"\\\\\"", "\\|" },
	{ "$HOME *", "$HOME|*|" }, { "a\\\\", "a\\|" },
	{ "a b c d e f g h", "a|b|c|d|e|f|g|h|" },
	{ "'open", NULL }, { "\"open", NULL }, { "a\\", NULL },
	{ "\"a\\\"", NULL },
};

START_TEST(t_words)
{
	unsigned argc = 99, i;
	struct buf b;
	char **argv;
	int r;

	r = str_words(words[_i].text, &argv, &argc);
	if (words[_i].want == NULL) {
		ck_assert_int_eq(r, -ERR_SYNTAX);
		return;
	}
	ck_assert_int_eq(r, 0);
	buf_init(&b, 100);
	for (i = 0; i < argc; i++)
		(void)buf_printf(&b, "%s|", argv[i]);
	ck_assert_str_eq(buf_cstr(&b), words[_i].want);
	ck_assert_ptr_null(argv[argc]);
	buf_fini(&b);
	free(argv);
}
END_TEST

START_TEST(t_ids)
{
	char max[129];

	memset(max, 'x', sizeof(max));
	ck_assert(str_id_ok(SLICE_LIT("a")));
	ck_assert(str_id_ok(SLICE_LIT("AZaz09._:-")));
	ck_assert(str_id_ok((struct slice){ max, 128 }));
	ck_assert(!str_id_ok((struct slice){ max, 129 }));
	ck_assert(!str_id_ok(SLICE_LIT("")));
	ck_assert(!str_id_ok(SLICE_LIT("a b")));
	ck_assert(!str_id_ok(SLICE_LIT("a\0b")));
	ck_assert(!str_id_ok(SLICE_LIT("a/b")));
	ck_assert(!str_id_ok(SLICE_LIT("{a}")));
	ck_assert(!str_id_ok(SLICE_LIT("\xc3\xa4")));
}
END_TEST

static const struct {
	const char *p;
	size_t n; /* of the first sequence; 0: broken */
} utf8[] = {
	{ "a", 1 }, { "\xc2\x80", 2 }, { "\xdf\xbf", 2 },
	{ "\xe0\xa0\x80", 3 }, { "\xed\x9f\xbf", 3 }, { "\xee\x80\x80", 3 },
	{ "\xef\xbf\xbf", 3 }, { "\xf0\x90\x80\x80", 4 },
	{ "\xf4\x8f\xbf\xbf", 4 }, { "\x80", 0 }, { "\xbf", 0 },
	{ "\xc0\x80", 0 }, { "\xc1\xbf", 0 }, { "\xc2", 0 }, { "\xc2" "a", 0 },
	{ "\xe0\x9f\xbf", 0 }, { "\xe2\x82", 0 }, { "\xe2\x82" "a", 0 },
	{ "\xed\xa0\x80", 0 }, { "\xed\xbf\xbf", 0 },
	{ "\xf0\x8f\xbf\xbf", 0 }, { "\xf0\x90\x80", 0 },
	{ "\xf4\x90\x80\x80", 0 }, { "\xf5\x80\x80\x80", 0 }, { "\xff", 0 },
};

START_TEST(t_utf8)
{
	size_t n = strlen(utf8[_i].p);

	ck_assert_uint_eq(str_utf8_len(utf8[_i].p, n), utf8[_i].n);
	ck_assert(str_utf8_ok(utf8[_i].p, n) == (utf8[_i].n == n));
}
END_TEST

START_TEST(t_utf8_runs)
{
	ck_assert(str_utf8_ok("", 0));
	ck_assert_uint_eq(str_utf8_len("", 0), 0);
	ck_assert(str_utf8_ok("a\0b", 3));
	ck_assert(str_utf8_ok("na\xc3\xafve \xe2\x82\xac", 10));
	ck_assert(!str_utf8_ok("na\xc3\xafve \xe2\x82\xac", 9));
	ck_assert(!str_utf8_ok("abc\xff", 4));
}
END_TEST

static const char *const b64[][2] = { /* RFC 4648, section 10 */
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" }, { "\xff\xfe\xfb", "//77" },
};

START_TEST(t_b64)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert_int_eq(str_b64(&b, b64[_i][0], strlen(b64[_i][0])), 0);
	ck_assert_str_eq(buf_cstr(&b), b64[_i][1]);
	buf_fini(&b);
}
END_TEST

START_TEST(t_b64_respects_the_cap)
{
	struct buf b;

	buf_init(&b, 7);
	ck_assert_int_eq(str_b64(&b, "abcd", 4), -ERR_NOSPACE);
	ck_assert_int_eq(str_b64(&b, "", SIZE_MAX), -ERR_NOSPACE);
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(t_uuid7_has_its_form)
{
	char a[37], b[37];
	int i;

	str_uuid7(a, 0x0123456789ab);
	str_uuid7(b, 0x0123456789ab);
	ck_assert_uint_eq(strlen(a), 36);
	ck_assert_int_eq(strncmp(a, "01234567-89ab-7", 15), 0);
	ck_assert_ptr_nonnull(strchr("89ab", a[19]));
	for (i = 0; i < 36; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23)
			ck_assert_int_eq(a[i], '-');
		else
			ck_assert_ptr_nonnull(strchr("0123456789abcdef", a[i]));
	ck_assert_str_ne(a, b);
	ck_assert(str_id_ok(slice_of(a)));
}
END_TEST

START_TEST(t_fmt_allocates)
{
	char *s = str_fmt("%s-%d", "x", 5);

	ck_assert_str_eq(s, "x-5");
	free(s);
}
END_TEST

#define LOOP(tc, test, table) \
	tcase_add_loop_test(tc, test, 0, (int)NELEM(table))

int
main(void)
{
	Suite *s = suite_create("base_str");
	TCase *tc = tcase_create("str");

	LOOP(tc, t_int, ints);
	LOOP(tc, t_dur, durs);
	LOOP(tc, t_size, sizes);
	tcase_add_test(tc, t_bool);
	LOOP(tc, t_dur_prints_and_reads_back, dur_texts);
	LOOP(tc, t_size_prints_and_reads_back, size_texts);
	LOOP(tc, t_words, words);
	tcase_add_test(tc, t_ids);
	LOOP(tc, t_utf8, utf8);
	tcase_add_test(tc, t_utf8_runs);
	LOOP(tc, t_b64, b64);
	tcase_add_test(tc, t_b64_respects_the_cap);
	tcase_add_test(tc, t_uuid7_has_its_form);
	tcase_add_test(tc, t_fmt_allocates);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
