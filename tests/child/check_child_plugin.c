/*
 * Plugins in the real ganger-child, and what a child does at its start and at
 * its end: every operation of selftest, refused start-ups, the fence, the
 * supervisor's death.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/fd.h"
#include "proto/json.h"
#include "tests/check_run.h"
#include "tests/child/fake.h"

static void
start_selftest(struct fake *f)
{

	fake_init(f);
	fake_selftest(f);
	fake_run(f);
}

static const struct {
	const char *payload;
	enum cause cause;
	const char *result;   /* NULL: only that it is there */
	const char *message;  /* a part of it */
} simple[] = {
	{ "{\"input\":{\"op\":\"echo\",\"value\":42}}", CAUSE_NONE, "42", "" },
	{ "{\"input\":{\"op\":\"echo\",\"value\":{\"a\":[1,\"\\u00e9\"]}}}",
	    CAUSE_NONE, "{\"a\":[1,\"\\u00e9\"]}", "" },
	{ "{\"input\":{\"op\":\"echo\"}}", CAUSE_NONE, "", "" },
	{ "{\"input\":[1,2]}", CAUSE_NONE, "[1,2]", "" },
	{ "{\"x\":1}", CAUSE_NONE, "", "" },
	{ "{\"input\":{\"op\":\"sleep\",\"seconds\":0.01}}", CAUSE_NONE, "",
	    "" },
	{ "{\"input\":{\"op\":\"spin\",\"seconds\":0.01}}", CAUSE_NONE, NULL,
	    "" },
	{ "{\"input\":{\"op\":\"fail\",\"message\":\"no \\\"luck\\\"\"}}",
	    CAUSE_HANDLER_ERROR, "", "no \"luck\"" },
	{ "{\"input\":{\"op\":\"allocate\",\"bytes\":1000000}}", CAUSE_NONE,
	    "{\"bytes\":1000000}", "" },
	{ "{\"input\":{\"op\":\"big_result\",\"bytes\":5}}", CAUSE_NONE,
	    "\"xxxxx\"", "" },
	{ "{\"input\":{\"op\":\"big_result\",\"bytes\":2000000}}",
	    CAUSE_RESULT_TOO_LARGE, "", "max_result_size" },
	{ "{\"input\":{\"op\":\"nonsense\"}}", CAUSE_HANDLER_ERROR, "",
	    "echo sleep spin" },
	{ "{\"input\":{\"op\":7}}", CAUSE_HANDLER_ERROR, "",
	    "echo sleep spin" },
};

/* One child takes them all: none may disturb the next one. */
START_TEST(t_each_operation_answers_as_promised)
{
	const struct fake_result *x;
	struct fake f;
	size_t i;

	start_selftest(&f);
	for (i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
		x = fake_one(&f, 0, simple[i].payload);
		ck_assert_msg(x->cause == simple[i].cause, "%s: cause %d, %s",
		    simple[i].payload, (int)x->cause, x->message);
		if (simple[i].result != NULL)
			ck_assert_str_eq(x->result, simple[i].result);
		ck_assert_msg(strstr(x->message, simple[i].message) != NULL,
		    "%s: %s", simple[i].payload, x->message);
	}
	fake_stop(&f);
}
END_TEST

START_TEST(t_log_and_progress_reach_the_supervisor)
{
	struct fake f;

	start_selftest(&f);
	fake_one(&f, 0, "{\"input\":{\"op\":\"log\",\"text\":\"hi\","
	    "\"lines\":3}}");
	ck_assert_str_eq(buf_cstr(&f.log), "hi\nhi\nhi\n");
	fake_one(&f, 0, "{\"input\":{\"op\":\"progress\",\"steps\":200,"
	    "\"seconds\":0.2}}");
	/* thinned out to 20 a second, and the last value is never lost */
	ck_assert_uint_ge(f.nprogress, 2);
	ck_assert_uint_le(f.nprogress, 60);
	ck_assert_double_eq(f.progress[(f.nprogress - 1) % FAKE_MAX], 1.0);
	ck_assert_str_eq(f.progress_text, "step 200 of 200");
	fake_stop(&f);
}
END_TEST

START_TEST(t_where_tells_the_slot)
{
	const struct fake_result *x;
	struct slice v;
	enum json_kind kind;
	struct fake f;
	char quoted[300];

	start_selftest(&f);
	x = fake_one(&f, 0, "{\"input\":{\"op\":\"where\"}}");
	ck_assert_int_eq(x->cause, CAUSE_NONE);
	ck_assert_int_eq(json_find(slice_of(x->result), "cpus", &v, &kind), 0);
	snprintf(quoted, sizeof(quoted), "\"%s\"", f.hello_cpus);
	ck_assert(slice_is(v, quoted));
	ck_assert_int_eq(json_find(slice_of(x->result),
	    "env.CUDA_VISIBLE_DEVICES", &v, &kind), 0);
	ck_assert(slice_is(v, "\"GPU-1\""));
	ck_assert_int_eq(json_find(slice_of(x->result),
	    "env.GANGER_MODEL_DIR", &v, &kind), 0);
	ck_assert_str_eq(f.hello_devices, "GPU-1");
	fake_stop(&f);
}
END_TEST

/* A batch is one credit and, for short jobs, one frame of results. */
START_TEST(t_a_credit_of_many_has_a_result_for_each)
{
	struct fake_job jobs[32];
	char payload[32][80];
	struct fake f;
	unsigned i;
	char expect[8];

	fake_init(&f);
	fake_selftest(&f);
	f.handlers[0].batch_size = 10;
	fake_run(&f);
	memset(jobs, 0, sizeof(jobs));
	for (i = 0; i < 32; i++) {
		snprintf(payload[i], sizeof(payload[i]), i == 7 ?
		    "{\"input\":{\"op\":\"fail\",\"message\":\"%u\"}}" :
		    "{\"input\":{\"op\":\"echo\",\"value\":%u}}", i);
		jobs[i].payload = payload[i];
	}
	fake_do(&f, 0, jobs, 32);
	for (i = 0; i < 32; i++) {
		snprintf(expect, sizeof(expect), "%u", i);
		ck_assert_uint_eq(f.results[i].number, 100 + i);
		ck_assert_str_eq(i == 7 ? f.results[i].message :
		    f.results[i].result, expect);
		ck_assert_int_eq(f.results[i].cause, i == 7 ?
		    CAUSE_HANDLER_ERROR : CAUSE_NONE);
	}
	fake_stop(&f);
}
END_TEST

static bool
has_one_result(const struct fake *f)
{

	return (f->nresults == 1);
}

/* One by one, and still not a frame for each. */
START_TEST(t_results_of_short_jobs_go_together)
{
	struct fake_job jobs[FAKE_MAX];
	struct fake f;
	unsigned i;

	memset(jobs, 0, sizeof(jobs));
	for (i = 0; i < FAKE_MAX; i++)
		jobs[i].payload = "{\"input\":{\"op\":\"echo\"}}";
	start_selftest(&f);
	fake_do(&f, 0, jobs, FAKE_MAX);
	ck_assert_uint_eq(f.nresults, FAKE_MAX);
	for (i = 0; i < FAKE_MAX; i++)
		ck_assert_uint_eq(f.results[i].number, 100 + i);
	ck_assert_uint_le(f.nresult_frames, FAKE_MAX / 2);
	fake_stop(&f);
}
END_TEST

/* The result that was kept for the next one's goes when that takes long. */
START_TEST(t_a_short_jobs_result_does_not_wait_for_a_long_one)
{
	static const struct fake_job jobs[] = {
		{ .payload = "{\"input\":{\"op\":\"echo\",\"value\":7}}" },
		{ .payload = "{\"input\":{\"op\":\"sleep\",\"seconds\":900}}" },
	};
	struct fake f;
	int i;

	start_selftest(&f);
	for (i = 0; i < 3; i++) {
		fake_send_do(&f, 0, jobs, 2);
		fake_until(&f, has_one_result, "the short job's result");
		ck_assert_str_eq(f.results[0].result, "7");
		ck_assert(!f.done);
		fake_send_ask(&f, ASK_CANCEL);
		fake_until(&f, fake_is_done, "the long job's end");
		ck_assert_uint_eq(f.nresults, 2);
		ck_assert_int_eq(f.results[1].cause, CAUSE_CANCELLED);
		atomic_store(&f.page->slot[0].ask, ASK_NONE);
	}
	fake_stop(&f);
}
END_TEST

/* {"input":{"op":"echo","value":true}} as msgpack */
START_TEST(t_msgpack_jobs_are_read)
{
	static const char packed[] = "\x81\xa5input\x82\xa2op\xa4""echo\xa5"
	    "value\xc3";
	struct fake_job job = { .payload = packed,
	    .size = sizeof(packed) - 1 };
	struct fake f;

	start_selftest(&f);
	fake_do(&f, 0, &job, 1);
	ck_assert_str_eq(f.results[0].result, "true");
	job.size--;
	fake_do(&f, 0, &job, 1);
	ck_assert_int_eq(f.results[0].cause, CAUSE_INVALID_JOB);
	fake_stop(&f);
}
END_TEST

static pid_t
first_pid(const char *json)
{
	const char *p = strchr(json, '[');

	ck_assert_ptr_nonnull(p);
	return ((pid_t)atoi(p + 1));
}

/* If the sweep missed another session, the orphan would still be alive. */
START_TEST(t_orphans_are_gone_before_the_result)
{
	const struct fake_result *x;
	struct fake f;

	start_selftest(&f);
	x = fake_one(&f, 0, "{\"input\":{\"op\":\"orphans\",\"count\":5,"
	    "\"setsid\":true,\"ignore_term\":true,\"seconds\":600}}");
	ck_assert_int_eq(x->cause, CAUSE_NONE);
	ck_assert(!fake_alive(first_pid(x->result)));
	x = fake_one(&f, 0, "{\"input\":{\"op\":\"echo\",\"value\":1}}");
	ck_assert_str_eq(x->result, "1");
	fake_stop(&f);
}
END_TEST

START_TEST(t_a_crash_ends_the_child_by_that_signal)
{
	struct fake_job job = { .payload =
	    "{\"input\":{\"op\":\"crash\",\"signal\":6}}" };
	struct fake f;

	start_selftest(&f);
	fake_send_do(&f, 0, &job, 1);
	ck_assert_int_eq(fake_wait_exit(&f), -SIGABRT);
	fake_fini(&f);
}
END_TEST

START_TEST(t_an_exit_ends_the_child_with_that_code)
{
	struct fake_job job = { .payload =
	    "{\"input\":{\"op\":\"exit\",\"code\":7}}" };
	struct fake f;

	start_selftest(&f);
	fake_send_do(&f, 0, &job, 1);
	ck_assert_int_eq(fake_wait_exit(&f), 7);
	fake_fini(&f);
}
END_TEST

static const struct {
	enum ask ask;
	enum cause cause;
} asks[] = {
	{ ASK_CANCEL, CAUSE_CANCELLED }, { ASK_PREEMPT, CAUSE_PREEMPTED },
	{ ASK_STOP, CAUSE_SHUTDOWN }, { ASK_TIMEOUT, CAUSE_TIMEOUT },
};

START_TEST(t_a_sleep_ends_when_it_is_asked_to)
{
	struct fake_job job = { .payload =
	    "{\"input\":{\"op\":\"sleep\",\"seconds\":600}}" };
	struct fake f;

	start_selftest(&f);
	fake_send_do(&f, 0, &job, 1);
	fake_send_ask(&f, asks[_i].ask);
	fake_until(&f, fake_is_done, "a stopped sleep");
	ck_assert_int_eq(f.results[0].cause, asks[_i].cause);
	atomic_store(&f.page->slot[0].ask, ASK_NONE);
	fake_stop(&f);
}
END_TEST

/* The main thread is held by the job; only the watchdog can do this. */
START_TEST(t_a_fence_in_the_past_kills_at_once)
{
	struct fake_job job = { .payload =
	    "{\"input\":{\"op\":\"sleep\",\"seconds\":600}}" };
	struct fake f;
	mono_t start;

	start_selftest(&f);
	start = mono_now();
	atomic_store(&f.page->slot[0].fence_at, start - DUR_S);
	fake_send_do(&f, 0, &job, 1);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_FENCED);
	ck_assert_int_lt(mono_now() - start, 5 * DUR_S); /* not never */
	fake_fini(&f);
}
END_TEST

/*
 * A supervisor that was stopped while it sent a credit sends it when it goes
 * on: the lease is over then, and another worker may be done with the jobs.
 * Not even the shortest of them may begin.
 */
START_TEST(t_behind_the_fence_nothing_begins)
{
	struct fake f;
	struct fake_job jobs[FAKE_MAX];
	struct cpus all, one;
	unsigned i;

	/* on a CPU of its own the other thread would be in time by chance */
	ck_assert_int_eq(cpus_get_affinity(0, &all), 0);
	cpus_clear(&one);
	cpus_add(&one, (unsigned)cpus_next(&all, -1));
	ck_assert_int_eq(cpus_set_affinity(0, &one), 0);
	fake_init(&f);
	fake_selftest(&f);
	fake_run(&f);
	for (i = 0; i < FAKE_MAX; i++)
		jobs[i] = (struct fake_job){ .id = "late",
		    .type = "selftest", .payload = "{}" };
	atomic_store(&f.page->slot[0].fence_at, mono_now() - 1);
	fake_send_do(&f, 0, jobs, FAKE_MAX);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_FENCED);
	ck_assert_uint_eq(page_begun(&f.page->slot[0], FAKE_CREDIT, NULL), 0);
	fake_fini(&f);
}
END_TEST

/* Its log is full and nobody reads it: that must not hold the watchdog up. */
START_TEST(t_a_full_log_does_not_hold_the_fence_up)
{
	struct fake_job job = { .payload =
	    "{\"input\":{\"op\":\"sleep\",\"seconds\":600}}" };
	struct fake f;
	mono_t start;
	char byte = 'x';
	int fd;

	start_selftest(&f);
	ck_assert_int_ge(fd = fake_log_writer(&f), 0);
	while (write(fd, &byte, 1) == 1)
		;
	close(fd);
	start = mono_now();
	atomic_store(&f.page->slot[0].fence_at, start);
	f.deaf = true;
	fake_send_do(&f, 0, &job, 1);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_FENCED);
	fake_fini(&f);
}
END_TEST

/* A fence that is moved on does not kill; the last one does. */
START_TEST(t_a_renewed_fence_is_obeyed)
{
	struct fake_job job = { .payload =
	    "{\"input\":{\"op\":\"sleep\",\"seconds\":600}}" };
	_Atomic int64_t *fence;
	struct fake f;
	mono_t start;

	start_selftest(&f);
	fence = &f.page->slot[0].fence_at;
	start = mono_now();
	atomic_store(fence, start + 200 * DUR_MS);
	fake_send_do(&f, 0, &job, 1);
	atomic_store(fence, start + 400 * DUR_MS);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_FENCED);
	ck_assert_int_ge(mono_now() - start, 400 * DUR_MS);
	ck_assert_int_lt(mono_now() - start, 5 * DUR_S); /* not never */
	fake_fini(&f);
}
END_TEST

/* Between jobs the fence means nothing. */
START_TEST(t_an_idle_child_ignores_the_fence)
{
	struct fake f;

	start_selftest(&f);
	atomic_store(&f.page->slot[0].fence_at,
	    mono_now() + 2000 * DUR_MS);
	fake_one(&f, 0, "{\"input\":{\"op\":\"echo\",\"value\":1}}");
	atomic_store(&f.page->slot[0].fence_at, mono_now() - DUR_S);
	fake_stop(&f);
}
END_TEST

START_TEST(t_the_supervisors_death_ends_a_busy_child)
{
	struct fake_job job = { .payload =
	    "{\"input\":{\"op\":\"sleep\",\"seconds\":600}}" };
	struct fake f;

	start_selftest(&f);
	fake_send_do(&f, 0, &job, 1);
	fd_close(&f.start_fd);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_LOST);
	fake_fini(&f);
}
END_TEST

START_TEST(t_the_supervisors_death_ends_an_idle_child)
{
	struct fake f;

	start_selftest(&f);
	fd_close(&f.start_fd);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_LOST);
	fake_fini(&f);
}
END_TEST

static bool
has_bug(const struct fake *f)
{

	return (f->bug);
}

START_TEST(t_a_plugin_that_is_not_there_is_named)
{
	struct fake f;

	fake_init(&f);
	fake_plugin(&f, "/nowhere/plugin.so");
	fake_spawn(&f, -1);
	fake_until(&f, has_bug, "a bug frame");
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_PLUGIN);
	ck_assert_ptr_nonnull(strstr(f.bug_text, "/nowhere/plugin.so"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&f.output),
	    "/nowhere/plugin.so"));
	fake_fini(&f);
}
END_TEST

START_TEST(t_a_leaked_descriptor_is_refused_and_named)
{
	struct fake f;

	fake_init(&f);
	fake_selftest(&f);
	fake_spawn(&f, f.page_fd);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_STARTUP);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&f.output), "descriptor 9"));
	fake_fini(&f);
}
END_TEST

START_TEST(t_a_page_without_the_slot_is_refused)
{
	struct fake f;

	fake_init(&f);
	fake_selftest(&f);
	f.page->nslots = 0;
	fake_spawn(&f, -1);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_STARTUP);
	fake_fini(&f);
}
END_TEST

START_TEST(t_a_handler_that_was_not_given_is_a_protocol_error)
{
	struct fake_job job = { .payload = "{}" };
	struct fake f;

	start_selftest(&f);
	fake_send_do(&f, 5, &job, 1);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_PROTOCOL);
	fake_fini(&f);
}
END_TEST

static bool
is_built_with_sanitizers(void)
{

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return (true);
#else
	return (false);
#endif
}

static long
read_rss(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *fp;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	ck_assert_ptr_nonnull(fp = fopen(path, "r"));
	while (fgets(line, sizeof(line), fp) != NULL)
		if (sscanf(line, "Rss: %ld", &kb) == 1)
			break;
	fclose(fp);
	return (kb);
}

START_TEST(t_an_idle_child_is_small)
{
	struct fake f;

	if (is_built_with_sanitizers())
		return;
	start_selftest(&f);
	ck_assert_int_lt(read_rss(f.pid), 6 * 1024);
	fake_one(&f, 0, "{\"input\":{\"op\":\"echo\",\"value\":1}}");
	ck_assert_int_lt(read_rss(f.pid), 6 * 1024);
	fake_stop(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("child_plugin");
	TCase *tc = tcase_create("plugin");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, t_each_operation_answers_as_promised);
	tcase_add_test(tc, t_log_and_progress_reach_the_supervisor);
	tcase_add_test(tc, t_where_tells_the_slot);
	tcase_add_test(tc, t_a_credit_of_many_has_a_result_for_each);
	tcase_add_test(tc, t_results_of_short_jobs_go_together);
	tcase_add_test(tc, t_a_short_jobs_result_does_not_wait_for_a_long_one);
	tcase_add_test(tc, t_msgpack_jobs_are_read);
	tcase_add_test(tc, t_orphans_are_gone_before_the_result);
	tcase_add_test(tc, t_a_crash_ends_the_child_by_that_signal);
	tcase_add_test(tc, t_an_exit_ends_the_child_with_that_code);
	tcase_add_loop_test(tc, t_a_sleep_ends_when_it_is_asked_to, 0,
	    sizeof(asks) / sizeof(asks[0]));
	tcase_add_test(tc, t_a_fence_in_the_past_kills_at_once);
	tcase_add_test(tc, t_behind_the_fence_nothing_begins);
	tcase_add_test(tc, t_a_full_log_does_not_hold_the_fence_up);
	tcase_add_test(tc, t_a_renewed_fence_is_obeyed);
	tcase_add_test(tc, t_an_idle_child_ignores_the_fence);
	tcase_add_test(tc, t_the_supervisors_death_ends_a_busy_child);
	tcase_add_test(tc, t_the_supervisors_death_ends_an_idle_child);
	tcase_add_test(tc, t_a_plugin_that_is_not_there_is_named);
	tcase_add_test(tc, t_a_leaked_descriptor_is_refused_and_named);
	tcase_add_test(tc, t_a_page_without_the_slot_is_refused);
	tcase_add_test(tc, t_a_handler_that_was_not_given_is_a_protocol_error);
	tcase_add_test(tc, t_an_idle_child_is_small);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
