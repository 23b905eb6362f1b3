/*
 * The contract with a command: what it is given, what it may say, and how
 * its end is read.
 */
#include "config.h"

#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define COMMAND(name, words) \
	"[handler " name "]\nkind = command\ncommand = " words "\n" \
	"env.DUMP = @DIR@\n"
#define INI_POOL "kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"[pool p]\nslots = 1\ncpus = 0\n[handler selftest]\n"
#define INI_END INI_POOL \
	COMMAND("junk", "@SRC@/end.sh junk") \
	COMMAND("empty", "@SRC@/end.sh empty") \
	COMMAND("none", "@SRC@/end.sh none") \
	COMMAND("three", "@SRC@/end.sh exit 3") \
	COMMAND("again", "@SRC@/end.sh again") \
	COMMAND("abort", "@SRC@/end.sh signal ABRT") \
	COMMAND("kill", "@SRC@/end.sh signal KILL") \
	COMMAND("big", "@SRC@/end.sh big 2000000") \
	COMMAND("quoted", "/bin/sh -c 'echo \"$0 $1\" >&2; exit 9' 'a  b' $HOME")

/* Value of a variable in the dumped environment; "" empty, NULL unset. */
static const char *
env_of(struct rig *r, const char *env, const char *name)
{
	const char *key = rig_fmt(r, "\n%s=", name), *at;
	const char *all = rig_fmt(r, "\n%s", env);

	if ((at = strstr(all, key)) == NULL)
		return (NULL);
	at += strlen(key);
	return (rig_fmt(r, "%.*s", (int)strcspn(at, "\n"), at));
}

static const char *
dumped(struct rig *r, const char *name)
{
	const char *text;

	text = rig_slurp(r, rig_fmt(r, "%s/%s", rig_dir(r), name));
	ck_assert_msg(text != NULL, "the handler wrote no %s", name);
	return (text);
}

static json_t *
run_dump(struct rig *r)
{
	rig_push(r, Q_INF, "{\"id\":\"d1\",\"handler\":\"dump\","
	    "\"input\":{\"x\":[1,2]},\"extra\":\"kept\"}");
	return (rig_wait_record(r, Q_INF, "d1", "done"));
}

/* A script finds its job and its world in these variables and nowhere else. */
START_TEST(t_command_finds_its_environment)
{
	struct rig *r = rig_start(INI_POOL COMMAND("dump", "@SRC@/dump.sh")
	    "env.GREETING = good  morning\n");
	const char *env;

	run_dump(r);
	env = dumped(r, "env");
	ck_assert_str_eq(env_of(r, env, "GANGER_JOB_ID"), "d1");
	ck_assert_str_eq(env_of(r, env, "GANGER_ATTEMPT"), "1");
	ck_assert_str_eq(env_of(r, env, "GANGER_WORKER_ID"), "w1");
	ck_assert_str_eq(env_of(r, env, "GANGER_SLOT"), "0");
	ck_assert_str_eq(env_of(r, env, "CUDA_VISIBLE_DEVICES"), "");
	ck_assert_str_eq(env_of(r, env, "CUDA_DEVICE_ORDER"), "PCI_BUS_ID");
	ck_assert_str_eq(env_of(r, env, "OMP_NUM_THREADS"), "1");
	ck_assert_str_eq(env_of(r, env, "GREETING"), "good  morning");
	ck_assert_ptr_nonnull(env_of(r, env, "GANGER_RESULT"));
	ck_assert_ptr_nonnull(env_of(r, env, "GANGER_PROGRESS_FD"));
	ck_assert_ptr_nonnull(env_of(r, env, "GANGER_OUTPUT_DIR"));
	ck_assert_ptr_nonnull(env_of(r, env, "GANGER_CHECKPOINT_DIR"));
	rig_stop(&r);
}
END_TEST

/* The job on stdin is the producer's object, every key of it. */
START_TEST(t_command_reads_the_job_and_answers)
{
	struct rig *r = rig_start(INI_POOL COMMAND("dump", "@SRC@/dump.sh"));
	const char *log;
	json_t *job;

	ck_assert(json_is_true(js(run_dump(r), "result.seen")));
	ck_assert_ptr_nonnull(job = json_loads(dumped(r, "stdin"), 0, NULL));
	ck_assert_str_eq(js_str(job, "id"), "d1");
	ck_assert_int_eq(js_int(job, "input.x.1"), 2);
	ck_assert_str_eq(js_str(job, "extra"), "kept");
	json_decref(job);
	log = rig_log(r, Q_INF, "d1");
	ck_assert_ptr_nonnull(strstr(log, "a line on stdout"));
	ck_assert_ptr_nonnull(strstr(log, "a line on stderr"));
	rig_stop(&r);
}
END_TEST

/* The private folder is where it starts, and goes when the job is over. */
START_TEST(t_work_dir_is_private_and_removed)
{
	struct rig *r = rig_start(INI_POOL COMMAND("dump", "@SRC@/dump.sh"));
	const char *env, *work, *pwd;

	run_dump(r);
	env = dumped(r, "env");
	work = env_of(r, env, "GANGER_WORKDIR");
	pwd = dumped(r, "pwd");
	ck_assert_int_eq(strncmp(pwd, work, strlen(work)), 0);
	ck_assert_ptr_nonnull(strstr(dumped(r, "dirs"), "drwx------"));
	ck_assert_msg(access(work, F_OK) != 0, "%s is still there", work);
	ck_assert(access(env_of(r, env, "GANGER_RESULT"), F_OK) != 0);
	/* The job is final, so nobody will look for its checkpoint. */
	ck_assert(access(env_of(r, env, "GANGER_CHECKPOINT_DIR"), F_OK) != 0);
	rig_stop(&r);
}
END_TEST

/*
 * Redis connections, sockets and pipes of others are none of a job's: it has
 * three pipes (output, errors, progress), its stdin, and no socket.
 */
START_TEST(t_command_inherits_no_descriptors)
{
	struct rig *r = rig_start(INI_POOL COMMAND("dump", "@SRC@/dump.sh"));
	const char *fds, *at;
	int pipes = 0;

	run_dump(r);
	fds = dumped(r, "fds");
	for (at = fds; (at = strstr(at, "-> pipe:")) != NULL; at++)
		pipes++;
	ck_assert_msg(pipes > 0 && pipes <= 3 && !strstr(fds, "socket:") &&
	    !strstr(fds, "anon_inode:"), "descriptors of the job:\n%s", fds);
	rig_stop(&r);
}
END_TEST

START_TEST(t_progress_lines_reach_the_record)
{
	struct rig *r = rig_start(INI_POOL COMMAND("steps", "@SRC@/steps.sh"));
	json_t *rec = NULL;

	rig_push(r, Q_INF, "{\"id\":\"s1\",\"handler\":\"steps\"}");
	rig_until(r, strcmp(js_str(rec = rig_record(r, Q_INF, "s1"),
	    "message"), "first quarter") == 0);
	ck_assert_double_eq_tol(json_number_value(js(rec, "progress")), 0.25,
	    1e-6);
	ck_assert_str_eq(js_str(rec, "state"), "running");
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rig_wait_record(r, Q_INF, "s1", "done");
	rig_stop(&r);
}
END_TEST

/* Runs handler NAME as job NAME, once, to a failure; gives its record. */
static json_t *
run_failing(struct rig *r, const char *name, const char *cause)
{
	json_t *rec;

	rig_pushf(r, Q_INF, "{\"id\":\"%s\",\"handler\":\"%s\","
	    "\"max_attempts\":1}", name, name);
	rec = rig_wait_record(r, Q_INF, name, "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), cause);
	return (rec);
}

/* Each way to end has its own cause; operators act on it. */
START_TEST(t_ends_are_told_apart)
{
	struct rig *r = rig_start(INI_END);
	json_t *rec;

	rec = run_failing(r, "junk", "handler-error");
	ck_assert_str_ne(js_str(rec, "error.message"), "");
	rec = run_failing(r, "three", "handler-error");
	ck_assert_int_eq(js_int(rec, "error.exit_code"), 3);
	rec = run_failing(r, "again", "try-again");
	rec = run_failing(r, "abort", "crashed");
	ck_assert_int_eq(js_int(rec, "error.signal"), 6);
	rec = run_failing(r, "kill", "killed");
	ck_assert_int_eq(js_int(rec, "error.signal"), 9);
	rig_stop(&r);
}
END_TEST

START_TEST(t_no_result_is_null)
{
	struct rig *r = rig_start(INI_END);

	rig_push(r, Q_INF, "{\"id\":\"o1\",\"handler\":\"none\"}");
	rig_push(r, Q_INF, "{\"id\":\"o2\",\"handler\":\"empty\"}");
	ck_assert_ptr_null(js(rig_wait_record(r, Q_INF, "o1", "done"),
	    "result"));
	ck_assert_ptr_null(js(rig_wait_record(r, Q_INF, "o2", "done"),
	    "result"));
	rig_stop(&r);
}
END_TEST

START_TEST(t_exit_75_is_tried_again)
{
	struct rig *r = rig_start(INI_END);
	json_t *rec;

	rig_push(r, Q_INF, "{\"id\":\"again\",\"handler\":\"again\"}");
	rec = rig_wait_record(r, Q_INF, "again", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 2);
	ck_assert_int_eq(js_int(rec, "result"), 2);
	rig_stop(&r);
}
END_TEST

START_TEST(t_big_result_file_is_refused)
{
	struct rig *r = rig_start("max_result_size = 1M\n" INI_END);

	run_failing(r, "big", "result-too-large");
	rig_push(r, Q_INF, "{\"id\":\"next\",\"handler\":\"none\"}");
	rig_wait_record(r, Q_INF, "next", "done");
	rig_stop(&r);
}
END_TEST

/* No shell runs: what looks like one's syntax arrives as it is. */
START_TEST(t_command_words_are_not_expanded)
{
	struct rig *r = rig_start(INI_END);

	run_failing(r, "quoted", "handler-error");
	ck_assert_ptr_nonnull(strstr(rig_log(r, Q_INF, "quoted"),
	    "a  b $HOME"));
	ck_assert_ptr_nonnull(strstr(json_string_value(js(rig_dead(r, Q_INF,
	    0), "log.0")), "a  b $HOME"));
	rig_stop(&r);
}
END_TEST

/* Log lines stream while the job runs, not only at its end. */
START_TEST(t_log_streams_while_the_job_runs)
{
	struct rig *r = rig_start(INI_POOL
	    COMMAND("talk", "/bin/sh -c 'echo early; exec @SRC@/wait.sh'"));

	rig_push(r, Q_INF, "{\"id\":\"k1\",\"handler\":\"talk\"}");
	rig_until(r, strstr(rig_log(r, Q_INF, "k1"), "early") != NULL);
	ck_assert_str_eq(js_str(rig_wait_record(r, Q_INF, "k1", "running"),
	    "handler"), "talk");
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	rig_wait_record(r, Q_INF, "k1", "done");
	rig_stop(&r);
}
END_TEST

/* The last line needs no newline to be its own job's, and to be there by the
 * time the job is done. */
START_TEST(t_last_line_without_newline_is_the_jobs_own)
{
	struct rig *r = rig_start(INI_POOL
	    COMMAND("one", "/bin/sh -c 'printf \"a\\nthe end\"'")
	    COMMAND("two", "/bin/sh -c 'printf \"b\\n\"'"));

	rig_push(r, Q_INF, "{\"id\":\"l1\",\"handler\":\"one\"}");
	rig_wait_record(r, Q_INF, "l1", "done");
	ck_assert_str_eq(rig_log(r, Q_INF, "l1"), "stdout a \n"
	    "stdout the end \n");
	rig_push(r, Q_INF, "{\"id\":\"l2\",\"handler\":\"two\"}");
	rig_wait_record(r, Q_INF, "l2", "done");
	ck_assert_str_eq(rig_log(r, Q_INF, "l2"), "stdout b \n");
	rig_stop(&r);
}
END_TEST

#define KEEPING \
	"echo x >>$GANGER_OUTPUT_DIR/o; echo x >>$GANGER_CHECKPOINT_DIR/c; " \
	"wc -l <$GANGER_CHECKPOINT_DIR/c >$DUMP/runs; "

static bool
keeps(struct rig *r, const char *id)
{
	return (rig_exists(r, rig_fmt(r, "d0/state/outputs/%s", id)) ||
	    rig_exists(r, rig_fmt(r, "d0/state/checkpoints/%s", id)));
}

/*
 * A checkpoint outlives a failed attempt and nothing else: a host where jobs
 * fail every day must not fill up with what they left.
 */
START_TEST(t_kept_folders_go_with_a_failed_job)
{
	struct rig *r = rig_start(INI_POOL
	    COMMAND("keep", "/bin/sh -c '" KEEPING "exit 3'"));

	rig_push(r, Q_INF, "{\"id\":\"f1\",\"handler\":\"keep\","
	    "\"max_attempts\":2}");
	rig_wait_record(r, Q_INF, "f1", "failed");
	ck_assert_int_eq(atoi(dumped(r, "runs")), 2);
	rig_until(r, !keeps(r, "f1"));
	rig_stop(&r);
}
END_TEST

START_TEST(t_kept_folders_go_with_a_cancelled_job)
{
	struct rig *r = rig_start(INI_POOL
	    COMMAND("keep", "/bin/sh -c '" KEEPING "exec sleep 600'"));

	rig_push(r, Q_INF, "{\"id\":\"c1\",\"handler\":\"keep\"}");
	rig_until(r, rig_exists(r, "runs"));
	ck_assert(keeps(r, "c1"));
	rig_int(r, "PUBLISH ai:control {\"op\":\"cancel\",\"id\":\"c1\"}");
	rig_wait_record(r, Q_INF, "c1", "cancelled");
	rig_until(r, !keeps(r, "c1"));
	rig_stop(&r);
}
END_TEST

/* It ran, was handed back, and is cancelled while it waits: its folders lie
 * where it ran. */
START_TEST(t_kept_folders_go_with_a_job_cancelled_later)
{
	struct rig *r = rig_start(INI_POOL
	    COMMAND("keep", "/bin/sh -c '" KEEPING "exec sleep 600'"));

	rig_push(r, Q_INF, "{\"id\":\"c2\",\"handler\":\"keep\"}");
	rig_until(r, rig_exists(r, "runs"));
	rig_kill(rig_daemon_pid(r, 0), SIGINT);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	ck_assert(keeps(r, "c2"));
	rig_str(r, "HSET {" Q_INF "}:history c2 %s", rig_fmt(r, "%.*s c1 r1",
	    (int)strcspn(rig_str(r, "HGET {" Q_INF "}:history c2"), "c"),
	    rig_str(r, "HGET {" Q_INF "}:history c2")));
	rig_daemon_start(r, 0);
	rig_wait_record(r, Q_INF, "c2", "cancelled");
	rig_until(r, !keeps(r, "c2"));
	rig_stop(&r);
}
END_TEST

/* It fails while the daemon stops and no child is left: the next start sees
 * to it. */
START_TEST(t_kept_folders_go_after_a_stop)
{
	struct rig *r = rig_start(INI_POOL COMMAND("keep", "/bin/sh -c '" KEEPING
	    "while [ ! -e $DUMP/go ]; do sleep 0.01; done; exit 3'"));

	rig_push(r, Q_INF, "{\"id\":\"s1\",\"handler\":\"keep\","
	    "\"max_attempts\":1}");
	rig_until(r, rig_exists(r, "runs"));
	rig_kill(rig_daemon_pid(r, 0), SIGTERM);
	rig_until(r, rig_http(r, 0, "/readyz", NULL) != 200);
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	ck_assert_str_eq(js_str(rig_record(r, Q_INF, "s1"), "state"),
	    "failed");
	rig_daemon_start(r, 0);
	rig_until(r, !keeps(r, "s1"));
	ck_assert(!rig_exists(r, "d0/state/forget"));
	rig_stop(&r);
}
END_TEST

/* A job that is killed with its child leaves its work folder to the next one:
 * what it had there must not pile up until the daemon's end. */
START_TEST(t_work_dir_of_a_killed_job_goes)
{
	struct rig *r = rig_start(INI_POOL COMMAND("deaf", "/bin/sh -c '"
	    "trap \"\" TERM; echo $GANGER_WORKDIR >$GANGER_WORKDIR/f; "
	    "cp $GANGER_WORKDIR/f $DUMP/work; while :; do sleep 1; done'"));
	const char *work;

	rig_push(r, Q_INF, "{\"id\":\"k1\",\"handler\":\"deaf\","
	    "\"max_attempts\":1,\"timeout\":1}");
	rig_until(r, rig_exists(r, "work"));
	rig_wait_record(r, Q_INF, "k1", "failed");
	work = dumped(r, "work");
	work = rig_fmt(r, "%.*s", (int)strcspn(work, "\n"), work);
	rig_until(r, access(work, F_OK) != 0);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_b_handler",
    t_command_finds_its_environment,
    t_command_reads_the_job_and_answers,
    t_work_dir_is_private_and_removed,
    t_command_inherits_no_descriptors,
    t_progress_lines_reach_the_record,
    t_ends_are_told_apart,
    t_no_result_is_null,
    t_exit_75_is_tried_again,
    t_big_result_file_is_refused,
    t_command_words_are_not_expanded,
    t_log_streams_while_the_job_runs,
    t_last_line_without_newline_is_the_jobs_own,
    t_kept_folders_go_after_a_stop,
    t_work_dir_of_a_killed_job_goes,
    t_kept_folders_go_with_a_failed_job,
    t_kept_folders_go_with_a_cancelled_job,
    t_kept_folders_go_with_a_job_cancelled_later)
