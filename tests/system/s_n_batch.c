/*
 * Batches: what goes together, and what becomes of the others when one of
 * them is bad. The plugin tests/children/batch.c writes down each run of each
 * job; a bound on these is what the tests are about.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define INI(more) \
	"kill_grace = 100ms\nretry_backoff = 10ms\n" more "[pool p]\n" \
	"slots = 1\n[handler batch]\nkind = plugin\n" \
	"path = @BIN@/.libs/batch.so\nenv.DUMP = @DIR@\n" \
	"types = inference\nbatch_size = 32\n"

/* One slot, at work until let_go, so that what is pushed comes as a batch. */
static struct rig *
start_waiting(const char *ini)
{
	struct rig *r = rig_new(RIG_CORES);

	rig_daemon_start(r, rig_daemon(r, "w1", ini));
	rig_push(r, Q_INF, "{\"id\":\"first\",\"input\":{\"do\":\"wait\"}}");
	rig_until(r, rig_exists(r, "runs"));
	return (r);
}

static void
let_go(struct rig *r)
{
	ck_assert_int_eq(system(rig_fmt(r, ": > %s/go", rig_dir(r))), 0);
}

static void
push(struct rig *r, const char *prefix, int n, const char *what,
    const char *more)
{
	rig_pushf(r, Q_INF, "{\"id\":\"%s%d\",%s\"input\":{\"do\":\"%s\"}}",
	    prefix, n, more, what);
}

/* Runs of that job; the largest batch that it was in goes to *mostp. */
static int
runs_of(struct rig *r, const char *id, int *mostp)
{
	const char *text = rig_slurp(r, rig_fmt(r, "%s/runs", rig_dir(r)));
	size_t len = strlen(id);
	const char *line;
	int n = 0, size;

	*mostp = 0;
	for (line = text; line != NULL && *line != '\0';
	    line = strchr(line, '\n') + 1) {
		if (strncmp(line, id, len) != 0 || line[len] != ' ')
			continue;
		n++;
		size = atoi(line + len);
		if (size > *mostp)
			*mostp = size;
	}
	return (n);
}

/* The size of the batch of the job's k-th run, from 0. */
static int
size_of_run(struct rig *r, const char *id, int k)
{
	const char *line = rig_slurp(r, rig_fmt(r, "%s/runs", rig_dir(r)));
	size_t len = strlen(id);

	for (; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1)
		if (strncmp(line, id, len) == 0 && line[len] == ' ' &&
		    k-- == 0)
			return (atoi(line + len));
	return (0);
}

static void
all_done(struct rig *r, int from, int to, int most_runs)
{
	int i, most, n;
	json_t *rec;

	for (i = from; i < to; i++) {
		rec = rig_wait_record(r, Q_INF, rig_fmt(r, "g%d", i), "done");
		ck_assert_int_eq(js_int(rec, "attempt"), 1);
		n = runs_of(r, rig_fmt(r, "g%d", i), &most);
		ck_assert_msg(n <= most_runs, "g%d ran %d times", i, n);
	}
}

/*
 * 32 together, one of which fails the batch and one kills the process: the
 * other 30 succeed, uncharged, within 1 + log2(32) runs; each of the two fails
 * with its own cause. Without the division all 32 would have been charged.
 */
START_TEST(t_the_culprits_of_a_batch_stand_alone)
{
	struct rig *r = start_waiting(INI("max_attempts = 1\n"));
	json_t *rec;
	int i, most;

	for (i = 0; i < 32; i++)
		push(r, "g", i, i == 9 ? "poison" : i == 22 ? "crash" :
		    "good", "");
	let_go(r);
	rec = rig_wait_record(r, Q_INF, "g9", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "handler-error");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rec = rig_wait_record(r, Q_INF, "g22", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "crashed");
	ck_assert_int_eq(js_int(rec, "error.signal"), 11);
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	all_done(r, 0, 9, 6);
	all_done(r, 10, 22, 6);
	all_done(r, 23, 32, 6);
	(void)runs_of(r, "g0", &most);
	ck_assert_int_eq(most, 32);
	ck_assert_int_eq(rig_int(r, "LLEN {" Q_INF "}:dead"), 2);
	ck_assert_int_eq(rig_int(r, "EXISTS {" Q_INF "}:history"), 0);
	rig_stop(&r);
}
END_TEST

/* Its retries are its own affair: it takes nobody with it again, not even
 * when it is submitted anew. */
START_TEST(t_the_guilty_one_is_never_batched_again)
{
	struct rig *r = start_waiting(INI("max_attempts = 3\n"));
	int i, k, n, most;

	for (i = 0; i < 8; i++)
		push(r, "g", i, i == 3 ? "crash" : "good", "");
	let_go(r);
	rig_wait_record(r, Q_INF, "g3", "failed");
	all_done(r, 0, 3, 4);
	all_done(r, 4, 8, 4);
	n = runs_of(r, "g3", &most);
	ck_assert_int_eq(n, 6);         /* of 8, 4, 2, and three alone */
	for (k = 3; k < 6; k++)
		ck_assert_int_eq(size_of_run(r, "g3", k), 1);

	ck_assert_int_eq(unlink(rig_fmt(r, "%s/go", rig_dir(r))), 0);
	rig_push(r, Q_INF, "{\"id\":\"again\",\"input\":{\"do\":\"wait\"}}");
	rig_until(r, runs_of(r, "again", &most) == 1);
	for (i = 10; i < 14; i++)
		push(r, "g", i, "good", "");
	push(r, "g", 3, "crash", "\"max_attempts\":1,");
	let_go(r);
	rig_until(r, runs_of(r, "g3", &most) == 7);
	ck_assert_int_eq(size_of_run(r, "g3", 6), 1);
	all_done(r, 10, 14, 1);
	rig_until(r, rig_int(r, "LLEN {" Q_INF "}:dead") == 2);
	rig_stop(&r);
}
END_TEST

/* A batch that hangs: only who hangs alone has timed out. */
START_TEST(t_a_timeout_in_a_batch_is_the_culprits)
{
	struct rig *r = start_waiting(INI(""));
	json_t *rec;
	int i;

	for (i = 0; i < 4; i++)
		push(r, "g", i, i == 1 ? "hang" : "good", "\"timeout\":0.4,");
	let_go(r);
	rec = rig_wait_record(r, Q_INF, "g1", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	all_done(r, 0, 1, 3);
	all_done(r, 2, 4, 3);
	rig_stop(&r);
}
END_TEST

static void
end_after_two(struct rig *r, const char *id)
{
	int most;

	rig_until(r, runs_of(r, id, &most) >= 4);
	rig_cmd(r, "PUBLISH ai:control {\"op\":\"cancel\",\"id\":\"%s\"}", id);
	rig_wait_record(r, Q_INF, id, "cancelled");
}

/* The process whose GPU broke runs none of them again, and who breaks it
 * each time does so alone. */
START_TEST(t_a_gpu_error_is_divided_in_fresh_children)
{
	struct rig *r = start_waiting(INI(""));
	int i;

	for (i = 0; i < 4; i++)
		push(r, "g", i, i == 2 ? "gpu" : "good", "");
	let_go(r);
	all_done(r, 0, 2, 3);
	all_done(r, 3, 4, 3);
	end_after_two(r, "g2");
	rig_stop(&r);
}
END_TEST

/* Four jobs of 600 bytes, where a batch may have 1,300: two and two. One that
 * is larger than a whole batch goes alone. */
START_TEST(t_a_batch_is_bounded_in_bytes)
{
	struct rig *r = start_waiting(INI("") "max_batch_bytes = 1300\n");
	char pad[2048];
	int i;

	memset(pad, 'x', sizeof(pad));
	for (i = 0; i < 5; i++)
		rig_pushf(r, Q_INF, "{\"id\":\"g%d\",\"pad\":\"%.*s\"}", i,
		    i == 4 ? 2000 : 550, pad);
	let_go(r);
	all_done(r, 0, 5, 1);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(size_of_run(r, rig_fmt(r, "g%d", i), 0),
		    i == 4 ? 1 : 2);
	rig_stop(&r);
}
END_TEST

/* Jobs of two models in turn: each batch is of one. */
START_TEST(t_a_batch_is_of_one_model)
{
	struct rig *r = start_waiting(INI(""));
	int i;

	for (i = 0; i < 8; i++)
		push(r, "g", i, "good", i % 2 == 0 ? "\"model\":\"a\"," :
		    "\"model\":\"b@2\",");
	let_go(r);
	all_done(r, 0, 8, 1);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(size_of_run(r, rig_fmt(r, "g%d", i), 0), 4);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_n_batch",
    t_the_culprits_of_a_batch_stand_alone,
    t_the_guilty_one_is_never_batched_again,
    t_a_timeout_in_a_batch_is_the_culprits,
    t_a_gpu_error_is_divided_in_fresh_children,
    t_a_batch_is_bounded_in_bytes,
    t_a_batch_is_of_one_model)
