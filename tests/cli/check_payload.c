/*
 * Cutting and completing jobs. If an edit lands in the wrong place the bytes
 * differ; if a cut is wrong jobs run together or nothing is found.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cli/payload.h"
#include "tests/check_run.h"

static struct payload_list list;
static char why[256];

static int
feed(const char *text, size_t n, const char *priority, bool gpu)
{
	struct payload_opts opts = { .max_size = 1000, .priority = priority,
	    .gpu = gpu, .now = 1234 };

	memset(&list, 0, sizeof(list));
	return (payload_read(&list, "t", text, n, &opts, why, sizeof(why)));
}

static void
expect(const char *text, const char *priority, bool gpu, const char *out)
{
	ck_assert_msg(feed(text, strlen(text), priority, gpu) == 0, "%s",
	    why);
	ck_assert_uint_eq(list.n, 1);
	ck_assert_uint_eq(list.v[0].len, strlen(out));
	ck_assert_mem_eq(list.v[0].data, out, strlen(out));
	payload_list_fini(&list);
}

START_TEST(t_only_missing_keys_are_added)
{
	expect("{\"id\":\"a\",\"queued_at\":5}", NULL, false,
	    "{\"id\":\"a\",\"queued_at\":5}");
	expect("{ \"id\":\"a\" }", NULL, false,
	    "{\"queued_at\":1234, \"id\":\"a\" }");
	expect("{\"id\":\"a\",\"queued_at\":5}", "high", true,
	    "{\"priority\":\"high\",\"requires_gpu\":true,\"id\":\"a\","
	    "\"queued_at\":5}");
}
END_TEST

START_TEST(t_present_values_are_replaced_in_place)
{
	expect("{\"requires_gpu\":false,\"id\":\"a\",\"queued_at\":null,"
	    "\"priority\" : \"low\"}", "high", true,
	    "{\"requires_gpu\":true,\"id\":\"a\",\"queued_at\":1234,"
	    "\"priority\" : \"high\"}");
	/* a key may hide behind escapes */
	expect("{\"id\":\"a\",\"queued_at\":1,\"priorit\\u0079\":\"low\"}",
	    "normal", false,
	    "{\"id\":\"a\",\"queued_at\":1,\"priorit\\u0079\":\"normal\"}");
}
END_TEST

START_TEST(t_an_empty_object_gets_an_id)
{
	ck_assert_int_eq(feed(" { } ", 5, NULL, false), 0);
	ck_assert_uint_eq(strlen(list.v[0].id), 36);
	ck_assert_ptr_nonnull(memmem(list.v[0].data, list.v[0].len,
	    ",\"queued_at\":1234 }", 19));
	payload_list_fini(&list);
}
END_TEST

START_TEST(t_msgpack_maps_are_completed_too)
{
	/* {"id": nil, "priority": "low"} {"id": "b", "queued_at": 1} */
	static const char in[] = "\x82\xa2id\xc0\xa8priority\xa3low"
	    "\x82\xa2id\xa1" "b\xa9queued_at\x01";
	static const char second[] = "\x83\xa8priority\xa4high"
	    "\xa2id\xa1" "b\xa9queued_at\x01";

	ck_assert_msg(feed(in, sizeof(in) - 1, "high", false) == 0, "%s",
	    why);
	ck_assert_uint_eq(list.n, 2);
	ck_assert_uint_eq(strlen(list.v[0].id), 36);
	ck_assert_int_eq(list.v[0].lane, LANE_HIGH);
	ck_assert_uint_eq(list.v[1].len, sizeof(second) - 1);
	ck_assert_mem_eq(list.v[1].data, second, sizeof(second) - 1);
	payload_list_fini(&list);
}
END_TEST

START_TEST(t_problems_name_the_line)
{
	static const struct { const char *text, *start; } bad[] = {
		{ "", "t:1: no job" },
		{ "{}\n\n{\"id\":1}", "t:3: " },
		{ "{}\n[]", "t:2: " },
		{ "{\"a\":[1}", "t:1: " },
		{ "{", "t:1: " },
		{ "}", "t:1: " },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_ne(feed(bad[i].text, strlen(bad[i].text), NULL,
		    false), 0);
		ck_assert_msg(strncmp(why, bad[i].start,
		    strlen(bad[i].start)) == 0, "%s", why);
		payload_list_fini(&list);
	}
}
END_TEST

START_TEST(t_an_oversized_job_is_refused)
{
	char text[1200] = "{\"x\":\"";

	memset(text + 6, 'y', 1100);
	strcpy(text + 1106, "\"}");
	ck_assert_int_ne(feed(text, strlen(text), NULL, false), 0);
	payload_list_fini(&list);
}
END_TEST

START_TEST(t_base64_is_undone)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert_int_eq(payload_unbase64(&b, "AP9qdW5r", 8), 0);
	ck_assert_uint_eq(b.len, 6);
	ck_assert_mem_eq(b.data, "\0\377junk", 6);
	buf_reset(&b);
	ck_assert_int_eq(payload_unbase64(&b, "YQ==", 4), 0);
	ck_assert_str_eq(buf_cstr(&b), "a");
	ck_assert_int_ne(payload_unbase64(&b, "Y", 1), 0);
	ck_assert_int_ne(payload_unbase64(&b, "Y*==", 4), 0);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("payload");
	TCase *t = tcase_create("payload");

	tcase_add_test(t, t_only_missing_keys_are_added);
	tcase_add_test(t, t_present_values_are_replaced_in_place);
	tcase_add_test(t, t_an_empty_object_gets_an_id);
	tcase_add_test(t, t_msgpack_maps_are_completed_too);
	tcase_add_test(t, t_problems_name_the_line);
	tcase_add_test(t, t_an_oversized_job_is_refused);
	tcase_add_test(t, t_base64_is_undone);
	suite_add_tcase(s, t);
	return (check_run(s));
}
