/* Small parts of the child: model cache, progress lines, results, runner
 * messages, directories' names. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "child/credit.h"
#include "child/dirs.h"
#include "child/model_cache.h"
#include "child/progress.h"
#include "child/runner_msg.h"
#include "tests/check_run.h"

/* --- model cache --- */

static char unloaded[64];

static void
note_unload(void *owner, void *model)
{

	strcat(unloaded, model);
}

static void
load(struct model_cache *c, void *owner, const char *name, uint32_t version,
    const char *model)
{
	void *m;

	if (model_cache_get(c, owner, slice_of(name), version, &m))
		return;
	model_cache_make_room(c);
	model_cache_put(c, owner, slice_of(name), version,
	    (void *)(uintptr_t)model);
}

START_TEST(t_the_model_used_longest_ago_goes_first)
{
	struct model_cache *c = model_cache_new(2, note_unload);
	struct buf b;
	int owner;

	buf_init(&b, 64);
	load(c, &owner, "a", 1, "A");
	load(c, &owner, "b", 1, "B");
	load(c, &owner, "a", 1, "!");           /* a hit: a is fresh now */
	load(c, &owner, "c", 1, "C");
	ck_assert_str_eq(unloaded, "B");
	model_cache_names(c, &b);
	ck_assert_str_eq(buf_cstr(&b), "c,a");
	model_cache_free(&c);
	ck_assert_str_eq(unloaded, "BAC");
	ck_assert_ptr_null(c);
	buf_fini(&b);
}
END_TEST

START_TEST(t_versions_and_owners_are_apart)
{
	struct model_cache *c = model_cache_new(4, note_unload);
	struct buf b;
	int one, two;
	void *m;

	buf_init(&b, 64);
	load(c, &one, "a", 1, "1");
	load(c, &one, "a", 2, "2");
	load(c, &two, "a", 1, "3");
	ck_assert(model_cache_get(c, &one, slice_of("a"), 2, &m));
	ck_assert_str_eq(m, "2");
	ck_assert(!model_cache_get(c, &two, slice_of("a"), 2, &m));
	model_cache_names(c, &b);
	ck_assert_str_eq(buf_cstr(&b), "a");    /* each name once */
	model_cache_drop(c, &one);
	ck_assert_uint_eq(strlen(unloaded), 2);
	ck_assert(model_cache_get(c, &two, slice_of("a"), 1, &m));
	model_cache_free(&c);
	buf_fini(&b);
}
END_TEST

/* --- progress --- */

static const struct {
	const char *line;
	int r;
	double fraction;
	const char *message;
} lines[] = {
	{ "0.42 message here", 0, 0.42, "message here" },
	{ "1", 0, 1, "" }, { "0", 0, 0, "" }, { " .5\tx ", 0, .5, "x " },
	{ "1e-1 x", 0, 0.1, "x" }, { "0.5x", -ERR_SYNTAX, 0, "" },
	{ "", -ERR_SYNTAX, 0, "" }, { "nan", -ERR_SYNTAX, 0, "" },
	{ "inf", -ERR_SYNTAX, 0, "" }, { "0x1", -ERR_SYNTAX, 0, "" },
	{ "1-2", -ERR_SYNTAX, 0, "" }, { "e", -ERR_SYNTAX, 0, "" },
	{ "1.01", -ERR_RANGE, 0, "" }, { "-0.1", -ERR_RANGE, 0, "" },
	{ "1e999", -ERR_RANGE, 0, "" },
	{ "0000000000000000000000000000000000000000", -ERR_SYNTAX, 0, "" },
};

START_TEST(t_a_line_of_progress_is_read_strictly)
{
	struct slice message;
	double fraction;

	ck_assert_int_eq(progress_parse(slice_of(lines[_i].line), &fraction,
	    &message), lines[_i].r);
	if (lines[_i].r != 0)
		return;
	ck_assert_double_eq(fraction, lines[_i].fraction);
	ck_assert(slice_is(message, lines[_i].message));
}
END_TEST

static void
join_line(void *arg, struct slice line)
{
	struct buf *b = arg;

	buf_printf(b, "<%.*s>", (int)line.n, line.p);
}

START_TEST(t_lines_are_cut_wherever_the_bytes_are)
{
	static const char text[] = "one\ntwo\r\n\nthree";
	struct progress_lines p;
	struct buf b;
	size_t i;

	memset(&p, 0, sizeof(p));
	buf_init(&b, 4096);
	for (i = 0; i < sizeof(text) - 1; i++)
		progress_feed(&p, text + i, 1, join_line, &b);
	progress_end(&p, join_line, &b);
	ck_assert_str_eq(buf_cstr(&b), "<one><two><three>");
	buf_fini(&b);
}
END_TEST

START_TEST(t_a_line_that_is_too_long_is_cut_once)
{
	struct progress_lines p;
	char text[5000];
	struct buf b;

	memset(&p, 0, sizeof(p));
	buf_init(&b, 8192);
	memset(text, 'x', sizeof(text));
	progress_feed(&p, text, sizeof(text), join_line, &b);
	progress_feed(&p, "\ny\n", 3, join_line, &b);
	ck_assert_uint_eq(b.len, PROGRESS_LINE_MAX - 1 + 2 + 3);
	ck_assert_str_eq(buf_cstr(&b) + b.len - 3, "<y>");
	buf_fini(&b);
}
END_TEST

/* --- results --- */

static void
job_init(struct cjob *j, size_t cap)
{

	memset(j, 0, sizeof(*j));
	j->exit_code = -1;
	buf_init(&j->result, cap);
	buf_init(&j->message, 4096);
}

static void
job_fini(struct cjob *j)
{

	buf_fini(&j->result);
	buf_fini(&j->message);
}

START_TEST(t_a_result_is_json_within_the_limit)
{
	struct cjob j;

	job_init(&j, 10);
	ck_assert_int_eq(cjob_set_result(&j, "[1]", 3), 0);
	ck_assert_int_eq(cjob_set_result(&j, "\"12345678\"", 10), 0);
	ck_assert(!j.settled);
	ck_assert_int_eq(cjob_set_result(&j, "\"123456789\"", 11),
	    -ERR_RANGE);
	ck_assert_int_eq(j.cause, CAUSE_RESULT_TOO_LARGE);
	ck_assert_uint_eq(j.result.len, 0);
	job_fini(&j);
}
END_TEST

/* What was settled first stays: a later word changes nothing. */
START_TEST(t_a_settled_job_stays_as_it_is)
{
	struct cjob j;

	job_init(&j, 10);
	cjob_fail(&j, CAUSE_TRY_AGAIN, "%s", "first");
	cjob_fail(&j, CAUSE_CRASHED, "%s", "second");
	cjob_done(&j);
	ck_assert_int_eq(j.cause, CAUSE_TRY_AGAIN);
	ck_assert_str_eq(buf_cstr(&j.message), "first");
	job_fini(&j);
}
END_TEST

/* --- runner messages --- */

START_TEST(t_a_runner_message_is_read_in_any_order)
{
	static const char text[] =
	    "\x85\xa6number\x07\xa4what\x93\x01\x02\x80\xa2op\xa6result"
	    "\xa5""error\xc0\xa6models\x92\xa1""a\xa1""b";
	struct runner_msg m;
	struct buf b;
	size_t n;

	buf_init(&b, 64);
	ck_assert_int_eq(runner_msg_read(text, sizeof(text) - 1, &m), 0);
	ck_assert(slice_is(m.op, "result"));
	ck_assert_uint_eq(m.number, 7);
	ck_assert_ptr_null(m.error.p);
	ck_assert_int_eq(runner_msg_models(&m, &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "a,b");
	/* cut anywhere, or with more behind it, it is no message */
	for (n = 0; n < sizeof(text) - 1; n++)
		ck_assert_int_ne(runner_msg_read(text, n, &m), 0);
	ck_assert_int_ne(runner_msg_read(text, sizeof(text), &m), 0);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *text;
	size_t n;
} junk[] = {
	{ "\x80", 1 },                                  /* no op */
	{ "\x81\xa2op\x01", 5 },                        /* op is a number */
	{ "\x91\xa2op", 4 },                            /* no map */
	{ "\x82\xa2op\xa1x\xa6number\xa1x", 15 },       /* wrong type */
	{ "\x81\x01\x02", 3 },                          /* key is a number */
	{ "\xdf\xff\xff\xff\xff", 5 },                  /* claims the world */
	{ "\x82\xa2op\xa1x\xa1m\xdd\xff\xff\xff\x3f", 13 },
};

START_TEST(t_junk_from_a_runner_is_refused)
{
	struct runner_msg m;

	ck_assert_int_ne(runner_msg_read(junk[_i].text, junk[_i].n, &m), 0);
}
END_TEST

START_TEST(t_an_ask_is_framed_by_its_length)
{
	struct runner_msg m;
	struct buf b;

	buf_init(&b, 256);
	runner_put_ask(&b, ASK_CANCEL);
	ck_assert_uint_eq((unsigned char)b.data[3], b.len - RUNNER_HEAD);
	ck_assert_int_eq(runner_msg_read(b.data + RUNNER_HEAD,
	    b.len - RUNNER_HEAD, &m), 0);
	ck_assert(slice_is(m.op, "ask"));
	buf_fini(&b);
}
END_TEST

/* --- directories --- */

START_TEST(t_no_id_leaves_its_folder)
{
	static const char *const ids[][2] = {
		{ "a", "/s/outputs/a" }, { "..", "/s/outputs/%.." },
		{ ".", "/s/outputs/%." }, { ".x", "/s/outputs/%.x" },
		{ "a..", "/s/outputs/a.." },
	};
	char *path;

	path = dirs_kept_path("/s", "outputs", slice_of(ids[_i][0]));
	ck_assert_str_eq(path, ids[_i][1]);
	free(path);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("child_parts");
	TCase *tc = tcase_create("parts");

	tcase_add_test(tc, t_the_model_used_longest_ago_goes_first);
	tcase_add_test(tc, t_versions_and_owners_are_apart);
	tcase_add_loop_test(tc, t_a_line_of_progress_is_read_strictly, 0,
	    sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tc, t_lines_are_cut_wherever_the_bytes_are);
	tcase_add_test(tc, t_a_line_that_is_too_long_is_cut_once);
	tcase_add_test(tc, t_a_result_is_json_within_the_limit);
	tcase_add_test(tc, t_a_settled_job_stays_as_it_is);
	tcase_add_test(tc, t_a_runner_message_is_read_in_any_order);
	tcase_add_loop_test(tc, t_junk_from_a_runner_is_refused, 0,
	    sizeof(junk) / sizeof(junk[0]));
	tcase_add_test(tc, t_an_ask_is_framed_by_its_length);
	tcase_add_loop_test(tc, t_no_id_leaves_its_folder, 0, 5);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
