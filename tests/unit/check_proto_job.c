/*
 * Every key of a job: what is taken, every wrong type, every value out of
 * range, null. A wrong row here would start a job that its producer did not
 * mean, or put a good one into the dead list.
 */
#include "config.h"

#include "proto/job.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "proto/job_tbl.h"
#include "proto/msg.h"
#include "tests/check_run.h"

#define MAX_SIZE 65536

static struct job_spec spec;
static struct job_problem problem;

static int
parse(const void *p, size_t n)
{
	return (job_parse(p, n, MAX_SIZE, &spec, &problem));
}

static int
parse_text(const char *text)
{
	return (parse(text, strlen(text)));
}

/* key's name is part of the message, so that a producer can find it. */
static const struct {
	const char *key, *value;
	bool ok;
} rows[] = {
	{ "id", "\"a\"", true }, { "id", "\"A.z_0:-\"", true },
	{ "id", "\"\"", false }, { "id", "5", false }, { "id", "[]", false },
	{ "id", "{}", false }, { "id", "true", false },
	{ "id", "\"a b\"", false }, { "id", "\"a/b\"", false },
	{ "id", "\"\xc3\xa9\"", false }, { "id", "\"a\\u0000\"", false },
	{ "type", "\"training\"", true }, { "type", "\"any thing\"", true },
	{ "type", "\"\"", false }, { "type", "1", false },
	{ "type", "false", false }, { "type", "[]", false },
	{ "handler", "\"h-1_x.y\"", true }, { "handler", "\"/bin/sh\"", false },
	{ "handler", "\"..\"", false }, { "handler", "\"\"", false },
	{ "handler", "\".x\"", false }, { "handler", "\"a@1\"", false },
	{ "handler", "7", false }, { "handler", "{}", false },
	{ "model", "\"digits\"", true }, { "model", "\"digits@3\"", true },
	{ "model", "\"digits@4294967295\"", true },
	{ "model", "\"digits@4294967296\"", false },
	{ "model", "\"digits@0\"", false }, { "model", "\"digits@\"", false },
	{ "model", "\"digits@01\"", false }, { "model", "\"d@-1\"", false },
	{ "model", "\"d@1@2\"", false }, { "model", "\"@3\"", false },
	{ "model", "\"../x\"", false }, { "model", "\"a/b\"", false },
	{ "model", "\"..\"", false }, { "model", "\".\"", false },
	{ "model", "\"\"", false }, { "model", "\"..@1\"", false },
	{ "model", "1", false }, { "model", "[\"a\"]", false },
	{ "requires_gpu", "true", true }, { "requires_gpu", "false", true },
	{ "requires_gpu", "1", false }, { "requires_gpu", "\"true\"", false },
	{ "requires_gpu", "[]", false },
	{ "priority", "\"high\"", true }, { "priority", "\"low\"", true },
	{ "priority", "\"h\\u0069gh\"", true },
	{ "priority", "\"HIGH\"", false }, { "priority", "\"\"", false },
	{ "priority", "1", false }, { "priority", "true", false },
	{ "timeout", "1", true }, { "timeout", "0.25", true },
	{ "timeout", "1e-300", true }, { "timeout", "3155760000", true },
	{ "timeout", "0", false }, { "timeout", "-1", false },
	{ "timeout", "3155760001", true }, { "timeout", "1e300", true },
	{ "timeout", "1e999", false }, { "timeout", "-1e999", false },
	{ "timeout", "\"5\"", false }, { "timeout", "true", false },
	{ "timeout", "[1]", false },
	{ "max_attempts", "1", true }, { "max_attempts", "1000", true },
	{ "max_attempts", "2.0", true }, { "max_attempts", "0", false },
	{ "max_attempts", "-1", false }, { "max_attempts", "1.5", false },
	{ "max_attempts", "1e18", false }, { "max_attempts", "\"3\"", false },
	{ "delay", "0", true }, { "delay", "1.5", true },
	{ "delay", "-0.1", false }, { "delay", "1e10", false },
	{ "delay", "\"1s\"", false }, { "delay", "{}", false },
	{ "run_at", "0", true }, { "run_at", "1763900000.25", true },
	{ "run_at", "-1", false }, { "run_at", "1763900000000", false },
	{ "run_at", "\"now\"", false }, { "run_at", "false", false },
	{ "ttl", "0.001", true }, { "ttl", "60", true }, { "ttl", "0", false },
	{ "ttl", "-5", false }, { "ttl", "1e11", false },
	{ "ttl", "\"60\"", false }, { "ttl", "[]", false },
	{ "queued_at", "1763900000000", true },
	{ "queued_at", "1763900000000.7", true },
	{ "queued_at", "-1", false }, { "queued_at", "1e300", false },
	{ "queued_at", "\"\"", false }, { "queued_at", "true", false },
	{ "unique_ttl", "0.5", true }, { "unique_ttl", "0", false },
	{ "unique_ttl", "\"5\"", false },
	{ "result_ttl", "5", true }, { "result_ttl", "0", false },
	{ "result_ttl", "-1", false }, { "result_ttl", "1e30", false },
	{ "result_ttl", "\"5\"", false },
	{ "gpu_memory", "0", true }, { "gpu_memory", "6442450944", true },
	{ "gpu_memory", "\"6G\"", true }, { "gpu_memory", "\"512M\"", true },
	{ "gpu_memory", "-1", false }, { "gpu_memory", "1.5", false },
	{ "gpu_memory", "1e30", false }, { "gpu_memory", "\"\"", false },
	{ "gpu_memory", "\"6X\"", false }, { "gpu_memory", "\"-6G\"", false },
	{ "gpu_memory", "\"99999999T\"", false },
	{ "gpu_memory", "\"6G\\u0000\"", false },
	{ "gpu_memory", "true", false }, { "gpu_memory", "[]", false },
	{ "gpus", "1", true }, { "gpus", "8", true }, { "gpus", "0", false },
	{ "gpus", "-2", false }, { "gpus", "1.5", false },
	{ "gpus", "99999999", false }, { "gpus", "\"1\"", false },
	{ "preemptible", "true", true }, { "preemptible", "false", true },
	{ "preemptible", "0", false }, { "preemptible", "\"no\"", false },
	{ "unique", "\"k\"", true }, { "unique", "\"any \xc3\xa9/:\"", true },
	{ "unique", "\"\"", false }, { "unique", "1", false },
	{ "unique", "{}", false },
	{ "reply_to", "\"r:1\"", true }, { "reply_to", "\"\"", false },
	{ "reply_to", "[]", false }, { "reply_to", "9", false },
	{ "publish", "\"digits\"", true }, { "publish", "\"digits@3\"", false },
	{ "publish", "\"a/b\"", false }, { "publish", "\"..\"", false },
	{ "publish", "\"\"", false }, { "publish", "1", false },
};

START_TEST(t_each_key_takes_and_refuses_what_the_table_says)
{
	char text[256];
	int r;

	snprintf(text, sizeof(text), "{\"x\":[1],\"%s\":%s,\"y\":{}}",
	    rows[_i].key, rows[_i].value);
	r = parse_text(text);
	ck_assert_msg((r == 0) == rows[_i].ok, "%s: %s", text,
	    r == 0 ? "taken" : problem.message);
	ck_assert(spec.is_json && !spec.is_msgpack);
	if (r != 0) {
		ck_assert_int_eq(r, -ERR_SYNTAX);
		ck_assert_int_eq(problem.cause, CAUSE_INVALID_JOB);
		ck_assert_ptr_nonnull(strstr(problem.message, rows[_i].key));
	}
	job_spec_fini(&spec);
}
END_TEST

static const char *const names[] = {
#define JOB_KEY(name, reader, member, least, most) #name,
	JOB_TABLE(JOB_KEY)
#undef JOB_KEY
};

/* A spec that says nothing. */
static void
assert_defaults(void)
{
	ck_assert_ptr_null(spec.id.p);
	ck_assert(slice_is(spec.type, "inference"));
	ck_assert(spec.handler.p == NULL && spec.model.p == NULL &&
	    spec.publish.p == NULL && spec.unique.p == NULL &&
	    spec.reply_to.p == NULL);
	ck_assert_int_eq(spec.lane, LANE_NORMAL);
	ck_assert_int_eq(spec.preemptible, TRI_UNSET);
	ck_assert(!spec.requires_gpu);
	ck_assert(spec.timeout == 0 && spec.delay == 0 && spec.ttl == 0 &&
	    spec.result_ttl == 0 && spec.run_at == 0 && spec.queued_at == 0);
	ck_assert(spec.max_attempts == 0 && spec.gpus == 0 &&
	    spec.model_version == 0 && spec.gpu_memory == 0);
}

START_TEST(t_null_is_the_same_as_absent)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"%s\":null}", names[_i]);
	ck_assert_int_eq(parse_text(text), 0);
	assert_defaults();
	job_spec_fini(&spec);
	ck_assert_int_eq(parse_text(" {} "), 0);
	assert_defaults();
	job_spec_fini(&spec);
}
END_TEST

/* A string of n times 'x' as the value of key. */
static int
parse_long(const char *key, size_t n, const char *x)
{
	struct buf b;
	int r;

	buf_init(&b, MAX_SIZE);
	buf_printf(&b, "{\"%s\":\"", key);
	for (; n > 0; n--)
		buf_puts(&b, x);
	buf_puts(&b, "\"}");
	ck_assert(!b.failed);
	r = parse(b.data, b.len);
	job_spec_fini(&spec);
	buf_fini(&b);
	return (r);
}

START_TEST(t_strings_have_their_length)
{
	static const struct {
		const char *key;
		size_t most;
	} lengths[] = {
		{ "id", 128 }, { "type", 256 }, { "handler", 128 },
		{ "model", 128 }, { "publish", 128 }, { "unique", 256 },
		{ "reply_to", 512 },
	};
	size_t i;

	for (i = 0; i < NELEM(lengths); i++) {
		ck_assert_int_eq(parse_long(lengths[i].key, lengths[i].most,
		    "x"), 0);
		ck_assert_int_eq(parse_long(lengths[i].key,
		    lengths[i].most + 1, "x"), -ERR_SYNTAX);
		ck_assert_int_eq(parse_long(lengths[i].key, lengths[i].most,
		    "\\u0078"), 0);
		ck_assert_int_eq(parse_long(lengths[i].key,
		    lengths[i].most + 1, "\\u0078"), -ERR_SYNTAX);
		ck_assert_int_eq(parse_long(lengths[i].key, 5000, "\\u0078"),
		    -ERR_SYNTAX);
	}
}
END_TEST

static void
assert_full(void)
{
	ck_assert(slice_is(spec.id, "job-1"));
	ck_assert(slice_is(spec.type, "training"));
	ck_assert(slice_is(spec.handler, "h"));
	ck_assert(slice_is(spec.model, "digits"));
	ck_assert_uint_eq(spec.model_version, 3);
	ck_assert(slice_is(spec.publish, "digits"));
	ck_assert(slice_is(spec.unique, "u"));
	ck_assert(slice_is(spec.reply_to, "r"));
	ck_assert_int_eq(spec.lane, LANE_LOW);
	ck_assert(spec.requires_gpu);
	ck_assert_int_eq(spec.preemptible, TRI_NO);
	ck_assert_int_eq(spec.timeout, 1500 * DUR_MS);
	ck_assert_uint_eq(spec.max_attempts, 4);
	ck_assert_int_eq(spec.delay, 10 * DUR_S);
	ck_assert_int_eq(spec.run_at, 1763900000250);
	ck_assert_int_eq(spec.ttl, 60 * DUR_S);
	ck_assert_int_eq(spec.queued_at, 1763900000123);
	ck_assert_int_eq(spec.result_ttl, 5 * DUR_S);
	ck_assert_uint_eq(spec.gpu_memory, UINT64_C(6) << 30);
	ck_assert_uint_eq(spec.gpus, 2);
}

START_TEST(t_a_full_json_job_is_read)
{
	static const char text[] = "\n{\"id\":\"job-1\",\"type\":\"training\","
	    "\"handler\":\"h\",\"model\":\"digits@3\",\"publish\":\"digits\","
	    "\"unique\":\"u\",\"reply_to\":\"r\",\"priority\":\"low\","
	    "\"requires_gpu\":true,\"preemptible\":false,\"timeout\":1.5,"
	    "\"max_attempts\":4,\"delay\":10,\"run_at\":1763900000.25,"
	    "\"ttl\":60,\"queued_at\":1763900000123,\"result_ttl\":5,"
	    "\"gpu_memory\":\"6G\",\"gpus\":2,\"input\":{\"id\":\"no\"}}";

	ck_assert_int_eq(parse_text(text), 0);
	assert_full();
	ck_assert(spec.is_json);
	ck_assert(slice_is(spec.payload, text));
	job_spec_fini(&spec);
}
END_TEST

static void
pack_pair(msgpack_packer *pk, const char *key, const char *value)
{
	msg_put_str(pk, slice_of(key));
	if (value != NULL)
		msg_put_str(pk, slice_of(value));
}

START_TEST(t_a_full_msgpack_job_is_read)
{
	msgpack_packer pk;
	struct buf b;

	buf_init(&b, MAX_SIZE);
	msg_packer(&pk, &b);
	msgpack_pack_map(&pk, 20);
	pack_pair(&pk, "input", NULL);
	msgpack_pack_map(&pk, 1);
	pack_pair(&pk, "id", "no");
	pack_pair(&pk, "id", "job-1");
	pack_pair(&pk, "type", "training");
	pack_pair(&pk, "handler", "h");
	pack_pair(&pk, "model", "digits@3");
	pack_pair(&pk, "publish", "digits");
	pack_pair(&pk, "unique", "u");
	pack_pair(&pk, "reply_to", "r");
	pack_pair(&pk, "priority", "low");
	pack_pair(&pk, "requires_gpu", NULL);
	msgpack_pack_true(&pk);
	pack_pair(&pk, "preemptible", NULL);
	msgpack_pack_false(&pk);
	pack_pair(&pk, "timeout", NULL);
	msgpack_pack_double(&pk, 1.5);
	pack_pair(&pk, "max_attempts", NULL);
	msgpack_pack_uint8(&pk, 4);
	pack_pair(&pk, "delay", NULL);
	msgpack_pack_int64(&pk, 10);
	pack_pair(&pk, "run_at", NULL);
	msgpack_pack_double(&pk, 1763900000.25);
	pack_pair(&pk, "ttl", NULL);
	msgpack_pack_float(&pk, 60);
	pack_pair(&pk, "queued_at", NULL);
	msgpack_pack_uint64(&pk, 1763900000123);
	pack_pair(&pk, "result_ttl", NULL);
	msgpack_pack_int(&pk, 5);
	pack_pair(&pk, "gpu_memory", NULL);
	msgpack_pack_uint64(&pk, UINT64_C(6) << 30);
	pack_pair(&pk, "gpus", NULL);
	msgpack_pack_double(&pk, 2);
	ck_assert_int_eq(parse(b.data, b.len), 0);
	assert_full();
	ck_assert(spec.is_msgpack && !spec.is_json);
	job_spec_fini(&spec);
	buf_fini(&b);
}
END_TEST

#define T(s) s, sizeof(s) - 1

/* msgpack maps with a fault; id and reply_to as far as they can be read. */
static const struct {
	const char *p;
	size_t n;
	const char *id, *word;
} packed[] = {
	{ T("\x81\xa2id\xa1" "a"), "a", NULL },
	{ T("\x80"), NULL, NULL },
	{ T("\xde\x00\x01\xa2id\xa1" "a"), "a", NULL },
	{ T("\xdf\x00\x00\x00\x01\xa2id\xa1" "a"), "a", NULL },
	{ T("\x82\xa2id\xa1" "a\xa7timeout\xc0"), "a", NULL },
	{ T("\x82\xa2id\xa1" "a\xa7timeout\xff"), "a", "timeout" },
	{ T("\x82\xa2id\xa1" "a\xa7timeout\xa1" "5"), "a", "timeout" },
	{ T("\x81\xa2id\xc4\x01" "a"), NULL, "id" },
	{ T("\x81\xa2id\x05"), NULL, "id" },
	{ T("\x82\xa2id\xa1" "a\xa1x\xc7\x01\x01z"), "a", "msgpack" },
	{ T("\x82\xa2id\xa1" "a\xa2id\xa1" "b"), "a", "msgpack" },
	{ T("\x82\xa2id\xa1" "a\x01\x02"), "a", "msgpack" },
	{ T("\x81\xa2id\xa1" "a\xc0"), "a", "msgpack" },
	{ T("\x82\xa2id\xa1" "a\xa1x"), "a", "msgpack" },
	{ T("\x81\xa2id\xa2" "a"), NULL, "msgpack" },
	{ T("\x81\xa2id\xa1\xff"), NULL, "msgpack" },
	{ T("\x82\xa2id\xa1" "a\xa7timeout\xcb\x7f\xf8\0\0\0\0\0\0"), "a",
	    "msgpack" },
	{ T("\xdf\xff\xff\xff\x3f"), NULL, "msgpack" },
	{ T("\xdf"), NULL, "msgpack" },
	{ T("\x82\xa3" "a\0b\xa1x\xa2id\xa1" "a"), "a", NULL },
};

START_TEST(t_msgpack_payloads_follow_the_same_rules)
{
	int r = parse(packed[_i].p, packed[_i].n);

	ck_assert_msg((r == 0) == (packed[_i].word == NULL), "row %d: %s", _i,
	    problem.message);
	if (r != 0)
		ck_assert_ptr_nonnull(strstr(problem.message, packed[_i].word));
	if (packed[_i].id != NULL)
		ck_assert(slice_is(spec.id, packed[_i].id));
	else
		ck_assert_ptr_null(spec.id.p);
	job_spec_fini(&spec);
}
END_TEST

/* Payloads that are no job, and what is still known of them. */
static const struct {
	const char *text, *id, *reply_to;
	bool is_json;
} bad[] = {
	{ "", NULL, NULL, false },
	{ "not json", NULL, NULL, false },
	{ "[{\"id\":\"a\"}]", NULL, NULL, false },
	{ "\"id\"", NULL, NULL, false },
	{ "\xef\xbb\xbf{\"id\":\"a\"}", NULL, NULL, false },
	{ "{\"id\":\"a\",\"reply_to\":\"r\",\"timeout\":\"x\"}", "a", "r", true },
	{ "{\"timeout\":0,\"id\":\"a\",\"reply_to\":\"r\"}", "a", "r", true },
	{ "{\"id\":5,\"reply_to\":\"r\"}", NULL, "r", true },
	{ "{\"id\":\"a\",\"reply_to\":7}", "a", NULL, true },
	{ "{\"id\":\"a\",\"x\":", "a", NULL, false },
	{ "{\"id\":\"a\",\"x\":}", "a", NULL, false },
	{ "{\"id\":\"a\"", "a", NULL, false },
	{ "{\"id\":\"a\"} x", "a", NULL, false },
	{ "{\"x\":1,\"x\":2,\"reply_to\":\"r\",\"id\":\"a\"}", "a", "r", false },
	{ "{\"id\":\"a\",\"id\":\"b\"}", "a", NULL, false },
	{ "{\"x\":\"\xff\",\"id\":\"a\"}", "a", NULL, false },
	{ "{\"reply_to\":\"\xff\",\"id\":\"a\"}", "a", NULL, false },
	{ "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]"
	    "]]]]]]]]]]]],\"id\":\"a\"}", "a", NULL, false },
};

START_TEST(t_a_refused_payload_still_gives_its_id_and_reply_to)
{
	ck_assert_int_eq(parse_text(bad[_i].text), -ERR_SYNTAX);
	ck_assert_int_eq(problem.cause, CAUSE_INVALID_JOB);
	ck_assert_int_gt((int)strlen(problem.message), 0);
	ck_assert_int_eq(spec.is_json, bad[_i].is_json);
	if (bad[_i].id != NULL)
		ck_assert(slice_is(spec.id, bad[_i].id));
	else
		ck_assert_ptr_null(spec.id.p);
	if (bad[_i].reply_to != NULL)
		ck_assert(slice_is(spec.reply_to, bad[_i].reply_to));
	else
		ck_assert_ptr_null(spec.reply_to.p);
	job_spec_fini(&spec);
}
END_TEST

START_TEST(t_a_nul_byte_is_a_problem_like_any_other)
{
	ck_assert_int_eq(parse(T("\0")), -ERR_SYNTAX);
	job_spec_fini(&spec);
	ck_assert_int_eq(parse(T("{\"id\":\"a\"}\0")), -ERR_SYNTAX);
	ck_assert(slice_is(spec.id, "a"));
	job_spec_fini(&spec);
}
END_TEST

START_TEST(t_too_large_is_its_own_cause_and_keeps_the_id)
{
	static const char text[] = "{\"id\":\"a\",\"reply_to\":\"r\"}";
	size_t n = sizeof(text) - 1;

	ck_assert_int_eq(job_parse(text, n, n, &spec, &problem), 0);
	job_spec_fini(&spec);
	ck_assert_int_eq(job_parse(text, n, n - 1, &spec, &problem),
	    -ERR_SYNTAX);
	ck_assert_int_eq(problem.cause, CAUSE_TOO_LARGE);
	ck_assert(slice_is(spec.id, "a") && slice_is(spec.reply_to, "r"));
	ck_assert(spec.is_json);
	job_spec_fini(&spec);
	ck_assert_int_eq(job_parse("xxxx", 4, 3, &spec, &problem),
	    -ERR_SYNTAX);
	ck_assert_int_eq(problem.cause, CAUSE_TOO_LARGE);
	ck_assert(!spec.is_json);
	job_spec_fini(&spec);
}
END_TEST

/* Escaped values live in one buffer; a second one must not move the first,
 * and escaped keys of others must not use it up. */
START_TEST(t_escaped_strings_stay_valid)
{
	struct buf b;
	int i;

	buf_init(&b, 1 << 20);
	buf_puts(&b, "{\"\\u0069d\":\"\\u0061-1\"");
	for (i = 0; i < 5000; i++)
		buf_printf(&b, ",\"\\u006bey%d\":%d", i, i);
	buf_puts(&b, ",\"reply_to\":\"r\\n\",\"uni\\u0071ue\":\"\\u00e9\"}");
	ck_assert_int_eq(job_parse(b.data, b.len, b.len, &spec, &problem), 0);
	ck_assert(slice_is(spec.id, "a-1"));
	ck_assert(slice_is(spec.reply_to, "r\n"));
	ck_assert(slice_is(spec.unique, "\xc3\xa9"));
	job_spec_fini(&spec);
	buf_fini(&b);
}
END_TEST

START_TEST(t_the_later_of_delay_and_run_at_counts)
{
	static const struct {
		const char *text;
		wall_t due;
	} when[] = {
		{ "{}", 0 },
		{ "{\"delay\":0}", 0 },
		{ "{\"delay\":2}", 1002000 },
		{ "{\"delay\":0.0001}", 1000001 },
		{ "{\"delay\":2,\"queued_at\":500000}", 502000 },
		{ "{\"run_at\":1001}", 1001000 },
		{ "{\"run_at\":1001,\"delay\":2}", 1002000 },
		{ "{\"run_at\":1003,\"delay\":2}", 1003000 },
		{ "{\"run_at\":253402300799,\"delay\":3155760000}",
		    253402300799000 },
	};
	size_t i;

	for (i = 0; i < NELEM(when); i++) {
		ck_assert_int_eq(parse_text(when[i].text), 0);
		ck_assert_int_eq(job_not_before(&spec, 1000000), when[i].due);
		job_spec_fini(&spec);
	}
}
END_TEST

START_TEST(t_a_tiny_time_is_not_none)
{
	ck_assert_int_eq(parse_text("{\"timeout\":1e-30,\"ttl\":1e-30}"), 0);
	ck_assert_int_eq(spec.timeout, 1);
	ck_assert_int_eq(spec.ttl, 1);
	job_spec_fini(&spec);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proto_job");
	TCase *t = tcase_create("job");

	tcase_add_loop_test(t,
	    t_each_key_takes_and_refuses_what_the_table_says, 0,
	    (int)NELEM(rows));
	tcase_add_loop_test(t, t_null_is_the_same_as_absent, 0,
	    (int)NELEM(names));
	tcase_add_test(t, t_strings_have_their_length);
	tcase_add_test(t, t_a_full_json_job_is_read);
	tcase_add_test(t, t_a_full_msgpack_job_is_read);
	tcase_add_loop_test(t, t_msgpack_payloads_follow_the_same_rules, 0,
	    (int)NELEM(packed));
	tcase_add_loop_test(t,
	    t_a_refused_payload_still_gives_its_id_and_reply_to, 0,
	    (int)NELEM(bad));
	tcase_add_test(t, t_a_nul_byte_is_a_problem_like_any_other);
	tcase_add_test(t, t_too_large_is_its_own_cause_and_keeps_the_id);
	tcase_add_test(t, t_escaped_strings_stay_valid);
	tcase_add_test(t, t_the_later_of_delay_and_run_at_counts);
	tcase_add_test(t, t_a_tiny_time_is_not_none);
	suite_add_tcase(s, t);
	return (check_run(s));
}
