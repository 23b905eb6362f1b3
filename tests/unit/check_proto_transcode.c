/*
 * msgpack to JSON, and the reader of msgpack items below it. What a table row
 * lets through wrongly would reach handlers as broken JSON; what believes a
 * count would let five bytes take all memory.
 */
#include "config.h"

#include "proto/transcode.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "proto/json.h"
#include "proto/msg.h"
#include "tests/check_run.h"

#define T(s) s, sizeof(s) - 1

static const struct {
	const char *p;
	size_t n;
	const char *json;     /* NULL: refused with code */
	int code;
} rows[] = {
	{ T("\xc0"), "null", 0 }, { T("\xc2"), "false", 0 },
	{ T("\xc3"), "true", 0 },
	/* integers */
	{ T("\x00"), "0", 0 }, { T("\x7f"), "127", 0 }, { T("\xff"), "-1", 0 },
	{ T("\xe0"), "-32", 0 }, { T("\xcc\xff"), "255", 0 },
	{ T("\xcd\xff\xff"), "65535", 0 },
	{ T("\xce\xff\xff\xff\xff"), "4294967295", 0 },
	{ T("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615",
	    0 },
	{ T("\xd0\x80"), "-128", 0 }, { T("\xd0\x05"), "5", 0 },
	{ T("\xd1\x80\x00"), "-32768", 0 },
	{ T("\xd2\x80\x00\x00\x00"), "-2147483648", 0 },
	{ T("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808",
	    0 },
	{ T("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), "9223372036854775807",
	    0 },
	/* floats */
	{ T("\xca\x3f\xc0\x00\x00"), "1.5", 0 },
	{ T("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1", 0 },
	{ T("\xcb\x3f\xd3\x33\x33\x33\x33\x33\x34"), "0.30000000000000004",
	    0 },
	{ T("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"), "0", 0 },
	{ T("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), "-0", 0 },
	{ T("\xcb\x44\x80\xf0\xcf\x06\x4d\xd5\x92"), "1e+22", 0 },
	{ T("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), NULL, -ERR_TYPE },
	{ T("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"), NULL, -ERR_TYPE },
	{ T("\xca\x7f\xc0\x00\x00"), NULL, -ERR_TYPE },
	/* strings */
	{ T("\xa0"), "\"\"", 0 }, { T("\xa3" "abc"), "\"abc\"", 0 },
	{ T("\xd9\x03" "abc"), "\"abc\"", 0 },
	{ T("\xda\x00\x03" "abc"), "\"abc\"", 0 },
	{ T("\xdb\x00\x00\x00\x03" "abc"), "\"abc\"", 0 },
	{ T("\xac" "\"\\/\b\f\n\r\t\v\0\x1f\x7f"),
	    "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u0000\\u001f\x7f\"", 0 },
	{ T("\xa3" "x\xc3\xa9"), "\"x\xc3\xa9\"", 0 },
	{ T("\xa1\xff"), NULL, -ERR_UTF8 },
	{ T("\xa3\xed\xa0\x80"), NULL, -ERR_UTF8 },
	/* bytes */
	{ T("\xc4\x00"), "\"\"", 0 }, { T("\xc4\x03" "abc"), "\"YWJj\"", 0 },
	{ T("\xc5\x00\x02\xff\xfe"), "\"//4=\"", 0 },
	{ T("\xc6\x00\x00\x00\x01" "a"), "\"YQ==\"", 0 },
	/* containers */
	{ T("\x90"), "[]", 0 }, { T("\x80"), "{}", 0 },
	{ T("\x93\x01\x90\x80"), "[1,[],{}]", 0 },
	{ T("\xdc\x00\x02\x01\x02"), "[1,2]", 0 },
	{ T("\xdd\x00\x00\x00\x02\x01\x02"), "[1,2]", 0 },
	{ T("\x82\xa1" "a\x01\xa1" "b\x81\xa1" "a\x91\xc0"),
	    "{\"a\":1,\"b\":{\"a\":[null]}}", 0 },
	{ T("\xde\x00\x01\xa1" "a\x01"), "{\"a\":1}", 0 },
	{ T("\xdf\x00\x00\x00\x01\xa1" "a\x01"), "{\"a\":1}", 0 },
	{ T("\x81\xa3" "a\"b\x01"), "{\"a\\\"b\":1}", 0 },
	{ T("\x82\xa1" "a\x01\xa1" "a\x02"), NULL, -ERR_DUPLICATE },
	{ T("\x91\x82\xa1" "a\x01\xd9\x01" "a\x02"), NULL, -ERR_DUPLICATE },
	{ T("\x81\x01\x01"), NULL, -ERR_TYPE },
	{ T("\x81\xc4\x01" "a\x01"), NULL, -ERR_TYPE },
	{ T("\x81\x90\x01"), NULL, -ERR_TYPE },
	{ T("\x81\xa1\xff\x01"), NULL, -ERR_UTF8 },
	/* extensions and the unused byte */
	{ T("\xd4\x01x"), NULL, -ERR_TYPE }, { T("\xc7\x01\x01x"), NULL, -ERR_TYPE },
	{ T("\xd6\xff\x00\x00\x00\x00"), NULL, -ERR_TYPE },
	{ T("\xc1"), NULL, -ERR_TYPE },
	/* claims and ends */
	{ T(""), NULL, -ERR_TRUNCATED },
	{ T("\xdd\xff\xff\xff\x3f"), NULL, -ERR_TRUNCATED },
	{ T("\xdf\xff\xff\xff\xff"), NULL, -ERR_TRUNCATED },
	{ T("\xdb\xff\xff\xff\xff" "a"), NULL, -ERR_TRUNCATED },
	{ T("\xc6\xff\xff\xff\xff" "a"), NULL, -ERR_TRUNCATED },
	{ T("\xc9\xff\xff\xff\xff\x01" "a"), NULL, -ERR_TRUNCATED },
	{ T("\x82\xa1" "a\x01"), NULL, -ERR_TRUNCATED },
	{ T("\x92\x01"), NULL, -ERR_TRUNCATED },
	{ T("\xcd\x01"), NULL, -ERR_TRUNCATED },
	{ T("\x01\x02"), NULL, -ERR_TRAILING },
	{ T("\x80\x00"), NULL, -ERR_TRAILING },
};

static int
transcode_exact(const char *p, size_t n, struct buf *out)
{
	char *copy = malloc(n == 0 ? 1 : n);
	int r;

	ck_assert_ptr_nonnull(copy);
	if (n > 0)
		memcpy(copy, p, n);
	r = msgpack_to_json(copy, n, out);
	ck_assert_int_eq(msgpack_check(copy, n), r);
	free(copy);
	return (r);
}

START_TEST(t_values_become_json_as_the_table_says)
{
	struct buf b;
	int r;

	buf_init(&b, 1000);
	r = transcode_exact(rows[_i].p, rows[_i].n, &b);
	ck_assert_msg(r == rows[_i].code, "row %d: %s, not %s", _i,
	    err_text(r), err_text(rows[_i].code));
	if (r == 0) {
		ck_assert_str_eq(buf_cstr(&b), rows[_i].json);
		ck_assert_int_eq(json_check(b.data, b.len, NULL), 0);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(t_a_value_cut_at_any_byte_is_refused)
{
	struct buf b;
	size_t n;

	if (rows[_i].code != 0)
		return;
	buf_init(&b, 1000);
	for (n = 0; n < rows[_i].n; n++)
		ck_assert_int_eq(transcode_exact(rows[_i].p, n, &b),
		    -ERR_TRUNCATED);
	buf_fini(&b);
}
END_TEST

START_TEST(t_depth_32_is_allowed_and_33_is_not)
{
	char deep[34];
	struct buf b;

	memset(deep, 0x91, sizeof(deep));
	buf_init(&b, 1000);
	deep[32] = 1;
	ck_assert_int_eq(transcode_exact(deep, 33, &b), 0);
	deep[32] = (char)0x91;
	deep[33] = 1;
	ck_assert_int_eq(transcode_exact(deep, 34, &b), -ERR_DEPTH);
	buf_fini(&b);
}
END_TEST

START_TEST(t_the_output_is_capped)
{
	struct buf b;

	buf_init(&b, 4);
	ck_assert_int_eq(msgpack_to_json(T("\xa3" "abc"), &b), -ERR_NOSPACE);
	buf_fini(&b);
	ck_assert_int_eq(msgpack_check(T("\xa3" "abc")), 0);
}
END_TEST

START_TEST(t_many_keys_are_checked)
{
	msgpack_packer pk;
	struct buf in, out;
	char key[16];
	int i, twice;

	for (twice = 0; twice < 2; twice++) {
		buf_init(&in, 1 << 20);
		buf_init(&out, 1 << 20);
		msg_packer(&pk, &in);
		msgpack_pack_map(&pk, 5000);
		for (i = 0; i < 5000; i++) {
			snprintf(key, sizeof(key), "k%d",
			    twice && i == 4999 ? 17 : i);
			msg_put_str(&pk, slice_of(key));
			msgpack_pack_nil(&pk);
		}
		ck_assert_int_eq(transcode_exact(in.data, in.len, &out),
		    twice ? -ERR_DUPLICATE : 0);
		buf_fini(&in);
		buf_fini(&out);
	}
}
END_TEST

static struct msg_reader
reader(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;

	return ((struct msg_reader){ u, u + n });
}

START_TEST(t_typed_readers_refuse_other_types)
{
	struct msg_reader r;
	struct slice s;
	uint32_t count;
	uint64_t u;
	int64_t i;
	double d;
	bool b;

#define READ(text, call) (r = reader(T(text)), call)
	ck_assert_int_eq(READ("\x05", msg_uint(&r, 5, &u)), 0);
	ck_assert_uint_eq(u, 5);
	ck_assert_int_eq(READ("\x06", msg_uint(&r, 5, &u)), -ERR_RANGE);
	ck_assert_int_eq(READ("\xff", msg_uint(&r, 5, &u)), -ERR_RANGE);
	ck_assert_int_eq(READ("\xc3", msg_uint(&r, 5, &u)), -ERR_TYPE);
	ck_assert_int_eq(READ("\xff", msg_int(&r, &i)), 0);
	ck_assert_int_eq(i, -1);
	ck_assert_int_eq(READ("\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
	    msg_int(&r, &i)), -ERR_RANGE);
	ck_assert_int_eq(READ("\xc0", msg_int(&r, &i)), -ERR_TYPE);
	ck_assert_int_eq(READ("\xff", msg_double(&r, &d)), 0);
	ck_assert(d == -1);
	ck_assert_int_eq(READ("\xa0", msg_double(&r, &d)), -ERR_TYPE);
	ck_assert_int_eq(READ("\xc3", msg_bool(&r, &b)), 0);
	ck_assert(b);
	ck_assert_int_eq(READ("\x01", msg_bool(&r, &b)), -ERR_TYPE);
	ck_assert_int_eq(READ("\xc0", msg_str(&r, &s)), 0);
	ck_assert_ptr_null(s.p);
	ck_assert_int_eq(READ("\xc4\x01z", msg_str(&r, &s)), 0);
	ck_assert(slice_is(s, "z"));
	ck_assert_int_eq(READ("\x01", msg_str(&r, &s)), -ERR_TYPE);
	ck_assert_int_eq(READ("\x92\x01\x02", msg_array(&r, &count)), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(READ("\x92\x01", msg_array(&r, &count)),
	    -ERR_TRUNCATED);
	ck_assert_int_eq(READ("\x80", msg_array(&r, &count)), -ERR_TYPE);
	ck_assert_int_eq(READ("\x82\x01\x02\x03", msg_map(&r, &count)),
	    -ERR_TRUNCATED);
	ck_assert_int_eq(READ("\x90", msg_map(&r, &count)), -ERR_TYPE);
#undef READ
}
END_TEST

START_TEST(t_skip_passes_exactly_one_value)
{
	static const char text[] = "\x82\xa1" "a\x92\x01\xc7\x02\x05xy\xa1" "b"
	    "\xcb\0\0\0\0\0\0\0\0\x2a";
	struct msg_reader r = reader(T(text));
	uint64_t u;

	ck_assert_int_eq(msg_skip(&r, 2), 0);
	ck_assert_int_eq(msg_uint(&r, 100, &u), 0);
	ck_assert_uint_eq(u, 42);
	ck_assert_int_eq(msg_skip(&r, 2), -ERR_TRUNCATED);
	r = reader(T(text));
	ck_assert_int_eq(msg_skip(&r, 1), -ERR_DEPTH);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proto_transcode");
	TCase *t = tcase_create("transcode");

	tcase_add_loop_test(t, t_values_become_json_as_the_table_says, 0,
	    (int)NELEM(rows));
	tcase_add_loop_test(t, t_a_value_cut_at_any_byte_is_refused, 0,
	    (int)NELEM(rows));
	tcase_add_test(t, t_depth_32_is_allowed_and_33_is_not);
	tcase_add_test(t, t_the_output_is_capped);
	tcase_add_test(t, t_many_keys_are_checked);
	tcase_add_test(t, t_typed_readers_refuse_other_types);
	tcase_add_test(t, t_skip_passes_exactly_one_value);
	suite_add_tcase(s, t);
	return (check_run(s));
}
