/*
 * Commands in the real ganger-child: their environment, results of all sorts,
 * progress, signals, orphans, publishing.
 */
#include "config.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "tests/check_run.h"
#include "tests/child/fake.h"

/* The job's own shell script runs as `sh -c SCRIPT`. */
static void
start_shell(struct fake *f, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	fake_init(f);
	fake_command(f, argv);
	fake_run(f);
}

static const struct {
	const char *script;
	enum cause cause;
	int exit_code, signal;
	const char *result, *message;
} ends[] = {
	{ "exit 0", CAUSE_NONE, -1, 0, "", "" },
	{ ": >\"$GANGER_RESULT\"", CAUSE_NONE, -1, 0, "", "" },
	{ "echo '{\"a\":1}' >\"$GANGER_RESULT\"", CAUSE_NONE, -1, 0,
	    "{\"a\":1}\n", "" },
	{ "cat >\"$GANGER_RESULT\"", CAUSE_NONE, -1, 0, "{\"input\":1}", "" },
	{ "echo junk >\"$GANGER_RESULT\"", CAUSE_HANDLER_ERROR, -1, 0, "",
	    "result is not JSON: " },
	{ "mkfifo \"$GANGER_RESULT\"", CAUSE_HANDLER_ERROR, -1, 0, "",
	    "not a regular file" },
	{ "ln -s /etc/hostname \"$GANGER_RESULT\"", CAUSE_HANDLER_ERROR, -1,
	    0, "", "it is a link" },
	{ "head -c 2000000 /dev/zero >\"$GANGER_RESULT\"",
	    CAUSE_RESULT_TOO_LARGE, -1, 0, "", "max_result_size" },
	{ "exit 75", CAUSE_TRY_AGAIN, 75, 0, "", "exit status 75" },
	{ "echo 1 >\"$GANGER_RESULT\"; exit 3", CAUSE_HANDLER_ERROR, 3, 0,
	    "", "exit status 3" },
	{ "kill -ABRT $$", CAUSE_CRASHED, -1, SIGABRT, "", "signal 6 (ABRT)" },
	{ "kill -KILL $$", CAUSE_KILLED, -1, SIGKILL, "", "signal 9 (KILL)" },
};

START_TEST(t_each_end_has_its_cause)
{
	const struct fake_result *x;
	struct fake f;

	start_shell(&f, ends[_i].script);
	x = fake_one(&f, 0, "{\"input\":1}");
	ck_assert_msg(x->cause == ends[_i].cause, "%s: cause %d, %s",
	    ends[_i].script, (int)x->cause, x->message);
	ck_assert_int_eq(x->exit_code, ends[_i].exit_code);
	ck_assert_int_eq(x->signal, ends[_i].signal);
	ck_assert_str_eq(x->result, ends[_i].result);
	ck_assert_msg(strstr(x->message, ends[_i].message) != NULL, "%s",
	    x->message);
	ck_assert_uint_eq(f.nstarted, 1);
	ck_assert(!fake_alive(f.started[0]));
	fake_stop(&f);
}
END_TEST

START_TEST(t_a_program_that_is_not_there_is_load_failed)
{
	const char *const argv[] = { "/nowhere/program", NULL };
	const struct fake_result *x;
	struct fake f;

	fake_init(&f);
	fake_command(&f, argv);
	fake_run(&f);
	x = fake_one(&f, 0, "{}");
	ck_assert_int_eq(x->cause, CAUSE_LOAD_FAILED);
	ck_assert_str_eq(x->message, "/nowhere/program: could not run it: "
	    "No such file or directory");
	fake_stop(&f);
}
END_TEST

static void
expect_text(struct fake *f, const char *text)
{

	ck_assert_msg(strstr(buf_cstr(&f->output), text) != NULL,
	    "no %s in: %s", text, buf_cstr(&f->output));
}

/* NAME=value on a line of its own. */
static void
expect_env(struct fake *f, const char *name, const char *value)
{
	char *line = str_fmt("%s=%s\n", name, value);

	expect_text(f, line);
	free(line);
}

/* NAME=dir/rest */
static void
expect_path(struct fake *f, const char *name, const char *dir,
    const char *rest)
{
	char *line = str_fmt("%s=%s/%s", name, dir, rest);

	expect_text(f, line);
	free(line);
}

/* 32 and 33 are glibc's own; what started us decides about them. */
static void
expect_no_signals(struct fake *f, const char *line)
{
	const char *p = strstr(buf_cstr(&f->output), line);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(strtoull(p + strlen(line), NULL, 16) &
	    ~UINT64_C(0x180000000), 0);
}

static bool
has_all_output(const struct fake *f)
{

	return (f->output.len > 4 && memcmp(f->output.data + f->output.len - 4,
	    "end\n", 4) == 0);
}

START_TEST(t_a_command_finds_what_the_contract_promises)
{
	struct fake_job job = { .id = "..", .payload = "{}" };
	struct fake f;

	/* Signal 32 is glibc's own, and its posix_spawn leaves it ignored. */
	start_shell(&f, "env; ls /proc/self/fd | tr '\\n' ' '; echo; "
	    "test -d \"$GANGER_OUTPUT_DIR\" -a -d \"$GANGER_CHECKPOINT_DIR\" "
	    "-a -d \"$GANGER_WORKDIR\" && echo dirs; "
	    "test \"$(pwd -P)\" = \"$(cd \"$GANGER_WORKDIR\"; pwd -P)\" && "
	    "echo cwd; test $(cut -d' ' -f6 /proc/$$/stat) = $$ && "
	    "echo session; exec sed -n -e '/^SigBlk/p' "
	    "-e '/^SigIgn/{s/80000000$/00000000/;p}' "
	    "-e '$aend' /proc/self/status");
	fake_do(&f, 0, &job, 1);
	fake_until(&f, has_all_output, "the output");
	ck_assert_int_eq(f.results[0].cause, CAUSE_NONE);
	expect_env(&f, "GANGER_JOB_ID", "..");
	expect_env(&f, "GANGER_ATTEMPT", "1");
	expect_env(&f, "GANGER_WORKER_ID", "w1");
	expect_env(&f, "GANGER_SLOT", "3");
	expect_env(&f, "CUDA_VISIBLE_DEVICES", "GPU-1");
	expect_env(&f, "COLOUR", "green");
	expect_env(&f, "GANGER_MODEL_DIR", f.start.model_dir);
	expect_path(&f, "GANGER_OUTPUT_DIR", f.start.state_dir,
	    "outputs/%..\n");
	expect_path(&f, "GANGER_CHECKPOINT_DIR", f.start.state_dir,
	    "checkpoints/%..\n");
	expect_path(&f, "GANGER_WORKDIR", f.start.work_dir, "s3.");
	/* 3 is the progress pipe, 4 is ls's own */
	expect_text(&f, "\n0 1 2 3 4 \n");
	expect_text(&f, "\ndirs\ncwd\nsession\n");
	expect_no_signals(&f, "SigBlk:");
	expect_no_signals(&f, "SigIgn:");
	fake_stop(&f);
}
END_TEST

START_TEST(t_progress_lines_are_read_and_junk_is_logged)
{
	struct fake f;

	start_shell(&f, "{ echo '0.25 a quarter'; echo 'half'; echo 1.5; "
	    "printf '0.75 no newline'; } >&$GANGER_PROGRESS_FD");
	fake_one(&f, 0, "{}");
	ck_assert_uint_ge(f.nprogress, 1);
	ck_assert_double_eq(f.progress[f.nprogress - 1], 0.75);
	ck_assert_str_eq(f.progress_text, "no newline");
	ck_assert_str_eq(buf_cstr(&f.log), "not a line of progress: half\n"
	    "not a line of progress: 1.5\n");
	fake_stop(&f);
}
END_TEST

/* If a pipe were used for the job, this one would block for ever. */
START_TEST(t_a_large_job_that_nobody_reads_does_not_block)
{
	char *payload = str_fmt("{\"a\":\"%01000000d\"}", 0);
	struct fake f;

	start_shell(&f, "exit 0");
	ck_assert_int_eq(fake_one(&f, 0, payload)->cause, CAUSE_NONE);
	free(payload);
	fake_stop(&f);
}
END_TEST

START_TEST(t_jobs_of_a_credit_run_one_after_the_other)
{
	struct fake_job jobs[3] = {
		{ .id = "a", .payload = "1" }, { .id = "b", .payload = "2" },
		{ .id = "c", .payload = "3" },
	};
	struct fake f;

	start_shell(&f, "cat >\"$GANGER_RESULT\"; [ $GANGER_JOB_ID != b ]");
	fake_do(&f, 0, jobs, 3);
	ck_assert_uint_eq(f.nstarted, 3);
	ck_assert_str_eq(f.results[0].result, "1");
	ck_assert_int_eq(f.results[1].cause, CAUSE_HANDLER_ERROR);
	ck_assert_str_eq(f.results[2].result, "3");
	fake_stop(&f);
}
END_TEST

static pid_t
read_pid(struct fake *f, const char *name)
{
	char *path = str_fmt("%s/%s", f->dir, name), *text;
	size_t n;
	pid_t pid;

	ck_assert_int_eq(fd_slurp(path, 64, &text, &n), 0);
	pid = (pid_t)atoi(text);
	free(text);
	free(path);
	ck_assert_int_gt(pid, 1);
	return (pid);
}

/* The job ends; what it left in another session must not outlive it. */
START_TEST(t_what_a_command_leaves_behind_is_killed)
{
	struct fake_job job = { .payload = "{}" };
	struct fake f;
	char *script;

	fake_init(&f);
	script = str_fmt("trap '' TERM; setsid sh -c 'trap \"\" TERM; "
	    "echo $$ >%s/pid; mv %s/pid %s/orphan; while :; do sleep 600; "
	    "done' & while [ ! -e %s/orphan ]; do :; done", f.dir, f.dir,
	    f.dir, f.dir);
	fake_command(&f, (const char *const[]){ "/bin/sh", "-c", script,
	    NULL });
	fake_run(&f);
	fake_do(&f, 0, &job, 1);
	ck_assert_int_eq(f.results[0].cause, CAUSE_NONE);
	ck_assert(!fake_alive(read_pid(&f, "orphan")));
	free(script);
	fake_stop(&f);
}
END_TEST

/* TERM reaches the job and what it started, in whatever session. */
START_TEST(t_term_reaches_the_whole_tree)
{
	struct fake_job job = { .payload = "{}" };
	struct fake f;

	start_shell(&f, "setsid sleep 600 & exec sleep 600");
	fake_send_do(&f, 0, &job, 1);
	fake_until(&f, fake_is_started, "the start");
	fake_send_term(&f, SIGTERM);
	fake_until(&f, fake_is_done, "the end of a job that got TERM");
	ck_assert_int_eq(f.results[0].cause, CAUSE_CRASHED);
	ck_assert_int_eq(f.results[0].signal, SIGTERM);
	fake_stop(&f);
}
END_TEST

START_TEST(t_the_supervisors_death_ends_the_job)
{
	struct fake_job job = { .payload = "{}" };
	struct fake f;
	pid_t pid;

	start_shell(&f, "trap '' TERM; setsid sleep 600");
	fake_send_do(&f, 0, &job, 1);
	fake_until(&f, fake_is_started, "the start");
	pid = f.started[0];
	fd_close(&f.start_fd);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_LOST);
	ck_assert(!fake_alive(pid));
	fake_fini(&f);
}
END_TEST

START_TEST(t_the_fence_ends_the_job)
{
	struct fake_job job = { .payload = "{}" };
	struct fake f;

	start_shell(&f, "setsid sleep 600 & sleep 600");
	atomic_store(&f.page->slot[0].fence_at,
	    mono_now() + 100 * DUR_MS);
	fake_send_do(&f, 0, &job, 1);
	ck_assert_int_eq(fake_wait_exit(&f), CHILD_EXIT_FENCED);
	fake_fini(&f);
}
END_TEST

static void
expect_file(struct fake *f, const char *path, const char *content)
{
	char *full = str_fmt("%s/%s", f->start.model_dir, path), *text;
	size_t n;

	ck_assert_msg(fd_slurp(full, 64, &text, &n) == 0, "no %s", full);
	ck_assert_str_eq(text, content);
	free(text);
	free(full);
}

START_TEST(t_output_is_published_and_found_by_the_next_job)
{
	struct fake_job train = { .id = "t1", .type = "training",
	    .publish = "m", .payload = "{}" };
	struct fake_job use = { .model = "m", .payload = "{}" };
	struct fake_job old = { .model = "m", .model_version = 1,
	    .payload = "{}" };
	struct fake f;

	start_shell(&f, "echo $GANGER_JOB_ID >\"$GANGER_OUTPUT_DIR/w\"; "
	    "test -z \"$GANGER_MODEL_PATH\" || "
	    "printf '\"%s\"' \"$GANGER_MODEL_PATH\" >\"$GANGER_RESULT\"");
	fake_do(&f, 0, &train, 1);
	ck_assert_int_eq(f.results[0].cause, CAUSE_NONE);
	ck_assert_str_eq(buf_cstr(&f.log), "published model m version 1\n");
	expect_file(&f, "m/1/w", "t1\n");
	fake_do(&f, 0, &train, 1);      /* a rerun makes no second version */
	ck_assert_str_eq(buf_cstr(&f.log), "published model m version 1\n");
	train.id = "t2";
	fake_do(&f, 0, &train, 1);
	expect_file(&f, "m/2/w", "t2\n");
	fake_do(&f, 0, &use, 1);
	ck_assert_ptr_nonnull(strstr(f.results[0].result, "/models/m/2\""));
	fake_do(&f, 0, &old, 1);
	ck_assert_ptr_nonnull(strstr(f.results[0].result, "/models/m/1\""));
	fake_stop(&f);
}
END_TEST

static bool
is_kept(struct fake *f, const char *kind)
{
	char *path = str_fmt("%s/%s/job/file", f->start.state_dir, kind);
	bool there = access(path, F_OK) == 0;

	free(path);
	return (there);
}

/* A failed attempt leaves its checkpoint to the next; a good one ends it. */
START_TEST(t_output_and_checkpoint_stay_until_the_job_is_done)
{
	struct fake f;

	start_shell(&f, "touch \"$GANGER_CHECKPOINT_DIR/file\" "
	    "\"$GANGER_OUTPUT_DIR/file\"; exit $(cat)");
	fake_one(&f, 0, "75");
	ck_assert(is_kept(&f, "checkpoints"));
	ck_assert(is_kept(&f, "outputs"));
	fake_one(&f, 0, "0");
	ck_assert_int_eq(f.results[0].cause, CAUSE_NONE);
	ck_assert(!is_kept(&f, "checkpoints"));
	ck_assert(!is_kept(&f, "outputs"));
	fake_stop(&f);
}
END_TEST

START_TEST(t_a_model_that_is_not_there_is_unknown)
{
	struct fake_job job = { .model = "m", .model_version = 4,
	    .payload = "{}" };
	struct fake f;

	start_shell(&f, "exit 0");
	fake_do(&f, 0, &job, 1);
	ck_assert_int_eq(f.results[0].cause, CAUSE_UNKNOWN_MODEL);
	ck_assert_uint_eq(f.nstarted, 0);
	job.type = "training";
	fake_do(&f, 0, &job, 1);
	ck_assert_int_eq(f.results[0].cause, CAUSE_NONE);
	fake_stop(&f);
}
END_TEST

START_TEST(t_nothing_to_publish_is_an_error)
{
	struct fake_job job = { .type = "training", .publish = "m",
	    .payload = "{}" };
	struct fake f;

	start_shell(&f, "exit 0");
	fake_do(&f, 0, &job, 1);
	ck_assert_int_eq(f.results[0].cause, CAUSE_HANDLER_ERROR);
	ck_assert_str_eq(f.results[0].message,
	    "could not publish m: the output folder is empty");
	fake_stop(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("child_command");
	TCase *tc = tcase_create("command");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, t_each_end_has_its_cause, 0,
	    sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(tc, t_a_program_that_is_not_there_is_load_failed);
	tcase_add_test(tc, t_a_command_finds_what_the_contract_promises);
	tcase_add_test(tc, t_progress_lines_are_read_and_junk_is_logged);
	tcase_add_test(tc, t_a_large_job_that_nobody_reads_does_not_block);
	tcase_add_test(tc, t_jobs_of_a_credit_run_one_after_the_other);
	tcase_add_test(tc, t_what_a_command_leaves_behind_is_killed);
	tcase_add_test(tc, t_term_reaches_the_whole_tree);
	tcase_add_test(tc, t_the_supervisors_death_ends_the_job);
	tcase_add_test(tc, t_the_fence_ends_the_job);
	tcase_add_test(tc, t_output_is_published_and_found_by_the_next_job);
	tcase_add_test(tc,
	    t_output_and_checkpoint_stay_until_the_job_is_done);
	tcase_add_test(tc, t_a_model_that_is_not_there_is_unknown);
	tcase_add_test(tc, t_nothing_to_publish_is_an_error);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
