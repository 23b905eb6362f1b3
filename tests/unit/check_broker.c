/*
 * Doorbells and scripts against a real Redis: a bell rings for what lies in
 * the list or comes later and takes nothing; a script call works whether
 * Redis knows the script or has forgotten it.
 */
#include "config.h"

#include "supervisor/bell.h"
#include "supervisor/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_rig.h"
#include "tests/check_run.h"

static struct rig rig;
static struct seen seen;
static unsigned rings;
static struct bell *bell;
static bool free_on_ring;

static struct {
	unsigned calls;
	unsigned nulls;
	unsigned errors;
	long long integer;
	char text[64];
} got;

static void
on_reply(void *priv, redisReply *reply)
{
	got.calls++;
	if (reply == NULL) {
		got.nulls++;
		return;
	}
	if (reply->type == REDIS_REPLY_ERROR)
		got.errors++;
	if (reply->type == REDIS_REPLY_INTEGER)
		got.integer = reply->integer;
	if (reply->str != NULL)
		snprintf(got.text, sizeof(got.text), "%s", reply->str);
}

static void
on_ring(void *priv, redisReply *element)
{
	struct bell **bp = priv;

	rings++;
	ck_assert(element == NULL || strcmp(element->str, "a") == 0);
	ck_assert(!bell_armed(*bp));
	if (free_on_ring)
		bell_free(bp);
}

static void
start(void)
{
	memset(&seen, 0, sizeof(seen));
	memset(&got, 0, sizeof(got));
	rings = 0;
	free_on_ring = false;
	rig_start(&rig);
	rig_redis(&rig);
	rig_group(&rig);
}

static void
stop(void)
{
	bell_free(&bell);
	rig_stop(&rig);
}

static void
new_bell(void)
{
	bell = bell_new(rig.group, "q", on_ring, &bell);
}

/* How many clients block in Redis. */
static int
blocked(void)
{
	redisReply *info = rig_ask(&rig, "INFO clients");
	const char *p = strstr(info->str, "blocked_clients:");
	int n = p == NULL ? -1 : atoi(p + strlen("blocked_clients:"));

	freeReplyObject(info);
	return (n);
}

static void
expect_list(const char *want)
{
	redisReply *l = rig_ask(&rig, "LRANGE q 0 -1");
	char have[128] = "";
	size_t i, n = 0;

	for (i = 0; i < l->elements; i++)
		n += (size_t)snprintf(have + n, sizeof(have) - n, "%s%s",
		    i == 0 ? "" : " ", l->element[i]->str);
	ck_assert_str_eq(have, want);
	freeReplyObject(l);
}

START_TEST(t_bell_rings_for_what_is_there_and_takes_nothing)
{
	rig_do(&rig, "LPUSH q a b c");
	new_bell();
	bell_arm(bell);
	bell_arm(bell);
	ck_assert(bell_armed(bell));
	until(&rig, rings == 1);
	expect_list("c b a");
	bell_arm(bell);
	until(&rig, rings == 2);
	expect_list("c b a");
}
END_TEST

START_TEST(t_bell_rings_for_a_later_push)
{
	new_bell();
	bell_arm(bell);
	until(&rig, blocked() == 1);
	ck_assert_uint_eq(rings, 0);
	rig_do(&rig, "LPUSH q a b");
	until(&rig, rings == 1);
	expect_list("b a");
	until(&rig, blocked() == 0);
	ck_assert_uint_eq(rings, 1);
}
END_TEST

START_TEST(t_two_bells_both_ring_for_one_job)
{
	struct bell *second;

	new_bell();
	second = bell_new(rig.group, "q", on_ring, &second);
	bell_arm(second);
	bell_arm(bell);
	until(&rig, blocked() == 2);
	rig_do(&rig, "LPUSH q a");
	until(&rig, rings == 2);
	expect_list("a");
	bell_free(&second);
}
END_TEST

START_TEST(t_unarmed_bell_is_silent)
{
	rig_do(&rig, "LPUSH q a");
	new_bell();
	conn_open(rig.group, "test", see_state, &seen);
	until(&rig, seen.ready == 1);
	ck_assert_int_eq(blocked(), 0);
	ck_assert_uint_eq(rings, 0);
}
END_TEST

/* CLIENT UNBLOCK answers the BLMOVE as its own time limit would. */
START_TEST(t_empty_answer_blocks_again)
{
	redisReply *list;
	const char *p;
	int i;

	new_bell();
	bell_arm(bell);
	for (i = 0; i < 3; i++) {
		until(&rig, blocked() == 1);
		list = rig_ask(&rig, "CLIENT LIST");
		p = strstr(list->str, "cmd=blmove");
		ck_assert_ptr_nonnull(p);
		while (p > list->str && p[-1] != '\n')
			p--;
		ck_assert_int_eq(rig_int(&rig, "CLIENT UNBLOCK %d TIMEOUT",
		    atoi(p + strlen("id="))), 1);
		freeReplyObject(list);
	}
	until(&rig, blocked() == 1);
	ck_assert_uint_eq(rings, 0);
	ck_assert(bell_armed(bell));
	rig_do(&rig, "LPUSH q a");
	until(&rig, rings == 1);
}
END_TEST

START_TEST(t_wrong_type_is_tried_again)
{
	rig_do(&rig, "SET q text");
	new_bell();
	bell_arm(bell);
	until(&rig, rig_int(&rig, "EVAL %s 0",
	    "local s = redis.call('INFO', 'errorstats') "
	    "return string.find(s, 'WRONGTYPE') and 1 or 0") == 1);
	ck_assert_uint_eq(rings, 0);
	rig_do(&rig, "DEL q");
	rig_do(&rig, "LPUSH q a");
	until(&rig, rings == 1);
	expect_list("a");
}
END_TEST

START_TEST(t_armed_bell_rings_once_after_a_reconnect)
{
	new_bell();
	bell_arm(bell);
	until(&rig, blocked() == 1);
	rig_do(&rig, "CLIENT KILL TYPE normal SKIPME yes");
	until(&rig, rings == 1);
	ck_assert(!bell_armed(bell));
	bell_arm(bell);
	until(&rig, blocked() == 1);
	ck_assert_uint_eq(rings, 1);
}
END_TEST

START_TEST(t_bell_may_be_freed_when_it_rings)
{
	free_on_ring = true;
	rig_do(&rig, "LPUSH q a");
	new_bell();
	bell_arm(bell);
	until(&rig, rings == 1);
	ck_assert_ptr_null(bell);
	rig_turn(&rig);
}
END_TEST

static struct conn *
open_ready(void)
{
	struct conn *c = conn_open(rig.group, "test", see_state, &seen);

	until(&rig, seen.ready == 1);
	return (c);
}

static void
load_all(struct conn *c)
{
	unsigned before = got.calls;

	ck_assert_int_eq(script_load_all(c, on_reply, NULL), 0);
	until(&rig, got.calls == before + 1);
	ck_assert_uint_eq(got.errors, 0);
	ck_assert_uint_eq(got.nulls, 0);
}

/* The status names its run; the answer to a second run is that status. */
static int
call_beat(struct conn *c, const char *status, const char *run)
{
	struct script_args *a = script_begin(SCRIPT_BEAT);

	script_key(a, "ai:workers");
	script_key(a, "ai:worker:w");
	script_arg_str(a, "w");
	script_arg(a, slice_of(status));
	script_arg_int(a, 60000);
	script_arg_str(a, run);
	return (script_call(c, a, on_reply, NULL));
}

static long long
cached_evals(const char *command)
{
	redisReply *info = rig_ask(&rig, "INFO commandstats");
	char key[64];
	const char *p;
	long long n = 0;

	snprintf(key, sizeof(key), "cmdstat_%s:calls=", command);
	p = strstr(info->str, key);
	if (p != NULL)
		n = atoll(p + strlen(key));
	freeReplyObject(info);
	return (n);
}

START_TEST(t_script_gets_its_keys_and_arguments)
{
	struct conn *c = open_ready();

	load_all(c);
	ck_assert_int_eq(call_beat(c, "{\"run\":\"r1\"}", "r1"), 0);
	until(&rig, got.calls == 2);
	ck_assert_int_gt(got.integer, 1500000000000LL);
	ck_assert_int_eq(call_beat(c, "{\"run\":\"r2\"}", "r2"), 0);
	until(&rig, got.calls == 3);
	ck_assert_str_eq(got.text, "{\"run\":\"r1\"}");
	ck_assert_int_eq(cached_evals("evalsha"), 2);
	ck_assert_int_eq(cached_evals("eval"), 0);
}
END_TEST

START_TEST(t_script_call_works_before_loading)
{
	struct conn *c = open_ready();

	ck_assert_int_eq(call_beat(c, "{\"run\":\"r1\"}", "r1"), 0);
	until(&rig, got.calls == 1);
	ck_assert_uint_eq(got.errors, 0);
	ck_assert_int_gt(got.integer, 1500000000000LL);
}
END_TEST

START_TEST(t_forgotten_script_is_loaded_and_called_once)
{
	struct conn *c = open_ready();
	unsigned i;

	load_all(c);
	rig_do(&rig, "SCRIPT FLUSH");
	for (i = 0; i < 5; i++)
		call_beat(c, "{\"run\":\"r1\"}", "r1");
	until(&rig, got.calls == 6);
	ck_assert_uint_eq(got.errors, 0);
	ck_assert_uint_eq(got.nulls, 0);
	/* One effect a call: each of the five was sent again as text. */
	ck_assert_int_eq(cached_evals("eval"), 5);
	call_beat(c, "{\"run\":\"r1\"}", "r1");
	until(&rig, got.calls == 7);
	ck_assert_int_eq(cached_evals("eval"), 5);
}
END_TEST

START_TEST(t_binary_arguments_pass)
{
	struct conn *c = open_ready();
	struct script_args *a;
	static const char job[] = "\x81\0\r\n$5\r\nxx\xff";
	redisReply *back;

	load_all(c);
	rig_do(&rig, "HSET {q}:leased:w t:1 old");
	a = script_begin(SCRIPT_NOTE);
	script_key(a, "{q}:leased:w");
	script_key(a, "{q}:job:x");
	script_key(a, "{q}:log:x");
	script_arg_str(a, "t:1");
	script_arg_str(a, "");
	script_arg_str(a, "ai:events");
	script_arg_str(a, "");
	script_arg_int(a, 1000);
	script_arg(a, (struct slice){ job, sizeof(job) });
	ck_assert_int_eq(script_call(c, a, on_reply, NULL), 0);
	until(&rig, got.calls == 2);
	ck_assert_int_eq(got.integer, 1);
	back = rig_ask(&rig, "HGET {q}:leased:w t:1");
	ck_assert_uint_eq(back->len, sizeof(job));
	ck_assert_int_eq(memcmp(back->str, job, sizeof(job)), 0);
	freeReplyObject(back);
}
END_TEST

START_TEST(t_lost_link_gives_calls_and_loading_one_null)
{
	struct conn *c = open_ready();

	ck_assert_int_eq(script_load_all(c, on_reply, NULL), 0);
	call_beat(c, "{}", "r");
	conn_reset(c, "test");
	ck_assert_uint_eq(got.calls, 2);
	ck_assert_uint_eq(got.nulls, 2);
	ck_assert_int_lt(call_beat(c, "{}", "r"), 0);
	ck_assert_uint_eq(got.calls, 2);
}
END_TEST

START_TEST(t_every_script_has_name_and_text)
{
	unsigned i, k;

	for (i = 0; i < SCRIPT_N; i++) {
		struct slice text = script_text((enum script_id)i);

		ck_assert_uint_gt(text.n, 100);
		ck_assert_uint_eq(strlen(text.p), text.n);
		ck_assert_ptr_nonnull(strstr(text.p, "redis.call"));
		for (k = 0; k < i; k++)
			ck_assert_str_ne(script_name((enum script_id)i),
			    script_name((enum script_id)k));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker");
	TCase *tc = tcase_create("bell");

	if (!rig_possible())
		return (check_skip("no redis-server"));
	tcase_add_checked_fixture(tc, start, stop);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, t_bell_rings_for_what_is_there_and_takes_nothing);
	tcase_add_test(tc, t_bell_rings_for_a_later_push);
	tcase_add_test(tc, t_two_bells_both_ring_for_one_job);
	tcase_add_test(tc, t_unarmed_bell_is_silent);
	tcase_add_test(tc, t_empty_answer_blocks_again);
	tcase_add_test(tc, t_wrong_type_is_tried_again);
	tcase_add_test(tc, t_armed_bell_rings_once_after_a_reconnect);
	tcase_add_test(tc, t_bell_may_be_freed_when_it_rings);
	suite_add_tcase(suite, tc);
	tc = tcase_create("script");
	tcase_add_checked_fixture(tc, start, stop);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, t_script_gets_its_keys_and_arguments);
	tcase_add_test(tc, t_script_call_works_before_loading);
	tcase_add_test(tc, t_forgotten_script_is_loaded_and_called_once);
	tcase_add_test(tc, t_binary_arguments_pass);
	tcase_add_test(tc, t_lost_link_gives_calls_and_loading_one_null);
	tcase_add_test(tc, t_every_script_has_name_and_text);
	suite_add_tcase(suite, tc);
	return (check_run(suite));
}
