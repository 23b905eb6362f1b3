/*
 * Payloads that are no jobs. None may be dropped, none may hurt the daemon,
 * and the next good job must run: one poisoned list entry would otherwise
 * stop a whole queue.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

#define MANY (20 * 1000 * 1000)

/* The daemon is well: it answers, its queue is empty, a job runs. */
static void
check_well(struct rig *r, const char *id)
{
	ck_assert_int_eq(rig_http(r, 0, "/healthz", NULL), 200);
	rig_pushf(r, Q_INF, "{\"id\":\"%s\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\",\"value\":1}}", id);
	rig_wait_record(r, Q_INF, id, "done");
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 0);
	ck_assert_int_eq(rig_leased(r), 0);
}

static json_t *
wait_dead(struct rig *r, long long n)
{
	rig_until(r, rig_int(r, "LLEN {" Q_INF "}:dead") >= n);
	ck_assert_int_eq(rig_int(r, "LLEN {" Q_INF "}:dead"), n);
	return (rig_dead(r, Q_INF, 0));
}

START_TEST(t_no_json_goes_to_the_dead_list)
{
	struct rig *r = rig_start(INI_ONE);
	json_t *dead;

	rig_push(r, Q_INF, "not json");
	dead = wait_dead(r, 1);
	ck_assert_str_eq(js_str(dead, "cause"), "invalid-job");
	ck_assert_str_eq(js_str(dead, "raw"), "bm90IGpzb24=");
	ck_assert_str_eq(js_str(dead, "queue"), Q_INF);
	ck_assert_str_eq(js_str(dead, "worker"), "w1");
	ck_assert_str_ne(js_str(dead, "message"), "");
	ck_assert_int_gt(js_int(dead, "failed_at"), 1600000000000LL);
	ck_assert_ptr_null(js(dead, "job"));
	check_well(r, "after");
	rig_stop(&r);
}
END_TEST

/* One claim may bring many of them, mixed with good ones. */
START_TEST(t_every_kind_of_junk_is_kept)
{
	static const char *const junk[] = { "", " ", "{", "[1]", "42", "null",
	    "\"text\"", "{} x", "{\"id\":\"a\",}", "{\"id\":\"a\" \"b\":1}",
	    "{\"x\":01}", "{\"x\":\"\x01\"}", "{\"x\":\"\xff\"}",
	    "{'id':'a'}", "\xef\xbb\xbf{}",
	    "\xdd\xff\xff\xff\x3f", "\xdf\xff\xff\xff\xff", "\x81\xa2id",
	    "\x93\x01\x02\x03", "\xc1", "\x80 " };
	struct rig *r = rig_start(INI_ONE);
	size_t i, n = sizeof(junk) / sizeof(junk[0]);

	for (i = 0; i < n; i++)
		rig_push(r, Q_INF, junk[i]);
	check_well(r, "after");
	wait_dead(r, (long long)n);
	for (i = 0; i < n; i++)
		ck_assert_str_eq(js_str(rig_dead(r, Q_INF, (int)i), "cause"),
		    "invalid-job");
	rig_stop(&r);
}
END_TEST

/* 20 MB that nobody may parse, print or lose. */
START_TEST(t_huge_junk_is_too_large)
{
	struct rig *r = rig_start(INI_ONE);
	char *big = malloc(MANY);
	json_t *dead;

	ck_assert_ptr_nonnull(big);
	memset(big, 'x', MANY);
	rig_push_bytes(r, Q_INF, big, MANY);
	dead = wait_dead(r, 1);
	ck_assert_str_eq(js_str(dead, "cause"), "too-large");
	ck_assert_uint_eq(strlen(js_str(dead, "raw")), (MANY + 2) / 3 * 4);
	ck_assert_int_eq(strncmp(js_str(dead, "raw"), "eHh4eHh4", 8), 0);
	check_well(r, "after");
	free(big);
	rig_stop(&r);
}
END_TEST

/* If it has a usable id, who waits for it must learn its fate. */
START_TEST(t_huge_job_gets_a_record_and_a_reply)
{
	struct rig *r = rig_start(INI_ONE);
	char *big = malloc(MANY);
	json_t *rec;
	int n;

	ck_assert_ptr_nonnull(big);
	n = sprintf(big, "{\"id\":\"big1\",\"type\":\"selftest\","
	    "\"reply_to\":\"answers\",\"pad\":\"");
	memset(big + n, 'x', MANY - (size_t)n);
	memcpy(big + MANY - 2, "\"}", 2);
	rig_push_bytes(r, Q_INF, big, MANY);
	rec = rig_wait_record(r, Q_INF, "big1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "too-large");
	ck_assert_int_eq(rig_int(r, "LLEN answers"), 1);
	ck_assert_str_eq(js_str(wait_dead(r, 1), "job.id"), "big1");
	check_well(r, "after");
	free(big);
	rig_stop(&r);
}
END_TEST

/* Half of a surrogate pair is in JSON's grammar, but many readers refuse the
 * text that has one: then nobody could read the record or the dead letter. */
START_TEST(t_half_a_surrogate_pair_is_refused)
{
	struct rig *r = rig_start(INI_ONE);
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"sur1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\",\"value\":\"\\ud83d\"}}");
	rec = rig_wait_record(r, Q_INF, "sur1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "invalid-job");
	ck_assert_ptr_nonnull(strstr(js_str(rec, "error.message"),
	    "surrogate"));
	rec = wait_dead(r, 1);
	ck_assert_ptr_nonnull(js(rec, "raw"));
	ck_assert_ptr_null(js(rec, "job"));
	rig_push(r, Q_INF, "{\"id\":\"sur2\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\",\"value\":\"\\ud83d\\ude00\"}}");
	rec = rig_wait_record(r, Q_INF, "sur2", "done");
	ck_assert_str_eq(js_str(rec, "result"), "\xf0\x9f\x98\x80");
	rig_stop(&r);
}
END_TEST

/* One job per row: the key has a type or range that the contract forbids. */
static const char *const wrong[] = {
	"\"type\":5", "\"handler\":3", "\"handler\":{}", "\"model\":7",
	"\"requires_gpu\":\"yes\"", "\"requires_gpu\":1",
	"\"priority\":\"urgent\"", "\"priority\":1",
	"\"timeout\":\"soon\"", "\"timeout\":0", "\"timeout\":-1",
	"\"max_attempts\":0", "\"max_attempts\":1.5", "\"max_attempts\":\"3\"",
	"\"delay\":-1", "\"delay\":\"x\"", "\"run_at\":\"now\"",
	"\"ttl\":0", "\"ttl\":true", "\"queued_at\":\"x\"",
	"\"result_ttl\":0", "\"result_ttl\":-5", "\"result_ttl\":\"1h\"",
	"\"gpu_memory\":\"6Q\"", "\"gpu_memory\":-1", "\"gpus\":0",
	"\"gpus\":\"1\"", "\"preemptible\":1", "\"unique\":5",
	"\"publish\":[]", "\"id2\":1,\"id2\":2"
};

/*
 * A key that is misread as its default would run a job other than it was
 * meant; each is refused by name, and the producer is told.
 */
START_TEST(t_wrong_types_are_refused_with_a_record)
{
	struct rig *r = rig_start("[pool p]\nslots = 2\n[handler selftest]\n");
	size_t i, n = sizeof(wrong) / sizeof(wrong[0]);
	json_t *rec;

	for (i = 0; i < n; i++)
		rig_pushf(r, Q_INF, "{\"id\":\"bad%zu\",\"reply_to\":\"back\","
		    "%s%s,\"input\":{\"op\":\"echo\"}}", i,
		    strncmp(wrong[i], "\"type\"", 6) == 0 ? "" :
		    "\"type\":\"selftest\",", wrong[i]);
	check_well(r, "after");
	for (i = 0; i < n; i++) {
		rec = rig_wait_record(r, Q_INF, rig_fmt(r, "bad%zu", i),
		    "failed");
		ck_assert_msg(strcmp(js_str(rec, "error.cause"),
		    "invalid-job") == 0, "%s: %s", wrong[i],
		    js_str(rec, "error.cause"));
	}
	ck_assert_int_eq(rig_int(r, "LLEN back"), (long long)n);
	wait_dead(r, (long long)n);
	rig_stop(&r);
}
END_TEST

/* An id that cannot be part of a key gets no record, only a dead letter. */
START_TEST(t_unusable_ids_get_no_record)
{
	static const char *const ids[] = { "5", "\"\"", "\"has space\"",
	    "\"a/b\"", "\"\\u00e9\"", "\"a\\u0000b\"", "[]" };
	struct rig *r = rig_start(INI_ONE);
	size_t i, n = sizeof(ids) / sizeof(ids[0]);

	for (i = 0; i < n; i++)
		rig_pushf(r, Q_INF, "{\"id\":%s,\"type\":\"selftest\"}",
		    ids[i]);
	rig_pushf(r, Q_INF, "{\"id\":\"%0129d\",\"type\":\"selftest\"}", 7);
	wait_dead(r, (long long)n + 1);
	ck_assert_str_eq(js_str(rig_dead(r, Q_INF, 0), "cause"),
	    "invalid-job");
	ck_assert_uint_eq(rig_cmd(r, "KEYS {" Q_INF "}:job:*")->elements, 0);
	rig_pushf(r, Q_INF, "{\"id\":\"%0128d\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\"}}", 7);
	rig_wait_record(r, Q_INF, rig_fmt(r, "%0128d", 7), "done");
	rig_stop(&r);
}
END_TEST

static const char *
nested(struct rig *r, const char *id, int depth)
{
	char open[64] = "", shut[64] = "";

	memset(open, '[', (size_t)depth);
	memset(shut, ']', (size_t)depth);
	return (rig_fmt(r, "{\"id\":\"%s\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"echo\",\"value\":%s%s}}", id, open, shut));
}

/* Depth is the classic way to overflow a parser's stack: 32 and no more. */
START_TEST(t_depth_32_is_the_limit)
{
	struct rig *r = rig_start(INI_ONE);
	json_t *rec;

	rig_push(r, Q_INF, nested(r, "deep32", 30));
	rig_wait_record(r, Q_INF, "deep32", "done");
	rig_push(r, Q_INF, nested(r, "deep33", 31));
	rec = rig_wait_record(r, Q_INF, "deep33", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "invalid-job");
	rig_stop(&r);
}
END_TEST

START_TEST(t_null_is_the_same_as_absent)
{
	struct rig *r = rig_start(INI_ONE);

	rig_push(r, Q_INF, "{\"id\":\"n1\",\"type\":\"selftest\","
	    "\"handler\":null,\"model\":null,\"requires_gpu\":null,"
	    "\"priority\":null,\"timeout\":null,\"max_attempts\":null,"
	    "\"delay\":null,\"run_at\":null,\"ttl\":null,\"queued_at\":null,"
	    "\"result_ttl\":null,\"gpu_memory\":null,\"gpus\":null,"
	    "\"preemptible\":null,\"unique\":null,\"reply_to\":null,"
	    "\"publish\":null,\"input\":{\"op\":\"echo\"}}");
	rig_wait_record(r, Q_INF, "n1", "done");
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_b_invalid",
    t_no_json_goes_to_the_dead_list,
    t_every_kind_of_junk_is_kept,
    t_huge_junk_is_too_large,
    t_huge_job_gets_a_record_and_a_reply,
    t_half_a_surrogate_pair_is_refused,
    t_wrong_types_are_refused_with_a_record,
    t_unusable_ids_get_no_record,
    t_depth_32_is_the_limit,
    t_null_is_the_same_as_absent)
