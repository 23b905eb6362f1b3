/*
 * A device is kept for a job that has waited long for its memory, on
 * STAND-INS (tests/gpu): nothing passes it without end, and nothing stays kept
 * when the job is gone, whichever way.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/system/gpu_host.h"

#define HOLD(seconds) \
	"\"op\":\"hold\",\"bytes\":1000000,\"seconds\":" seconds
#define ONE_DEVICE \
	"[pool g]\ndevices = 0\nslots_per_device = 2\n" GPU_HANDLERS
#define MEMORY(size) ",\"gpu_memory\":\"" size "\""

static const char *
kept_for(struct rig *r, int d)
{
	return (js_str(rig_status(r, d), rig_fmt(r, "gpus.%d.kept_for", d)));
}

/* A job of 30 GiB runs, one of 60 waits and has the device kept. */
static struct rig *
start_kept(const char *more)
{
	struct rig *r = gpu_start("gpus 1", GPU_BASE "gpu_wait = 0\n"
	    ONE_DEVICE);

	gpu_push(r, "now", HOLD("60"), MEMORY("30G"));
	rig_until(r, js_int(rig_status(r, 0), "active_jobs") == 1);
	gpu_push(r, "big", HOLD("0"), more);
	rig_until(r, strcmp(kept_for(r, 0), "big") == 0);
	return (r);
}

/* The device is anybody's again: the other slot takes what comes. */
static void
until_free(struct rig *r)
{
	gpu_push(r, "next", HOLD("0"), MEMORY("30G"));
	(void)rig_wait_record(r, Q_GPU, "next", "done");
	ck_assert_str_eq(kept_for(r, 0), "");
	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 1);
}

static void
cancel(struct rig *r, const char *id)
{
	rig_cmd(r, "PUBLISH ai:control %s", rig_fmt(r,
	    "{\"op\":\"cancel\",\"id\":\"%s\"}", id));
}

/*
 * Small jobs enough for a minute, three at a time and hardly ever all at
 * their end: the large one fits only if something is held back for it.
 */
START_TEST(t_small_jobs_do_not_pass_a_large_one_without_end)
{
	struct rig *r = gpu_start("gpus 1", GPU_BASE "gpu_wait = 300ms\n"
	    "[pool g]\ndevices = 0\nslots_per_device = 3\n" GPU_HANDLERS);
	json_t *rec;
	int i;

	for (i = 0; i < 600; i++)
		gpu_push(r, rig_fmt(r, "s%d", i), i % 2 == 0 ? HOLD("0.11") :
		    HOLD("0.17"), MEMORY("25G"));
	rig_until(r, js_int(rig_status(r, 0), "active_jobs") == 3);
	rig_cmd(r, "RPUSH %s %s", Q_GPU, "{\"id\":\"big\",\"handler\":\"gpu\","
	    "\"requires_gpu\":true,\"gpu_memory\":\"60G\","
	    "\"input\":{" HOLD("0") "}}");
	rec = rig_wait_record(r, Q_GPU, "big", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	ck_assert_int_ge(gpu_counter(r, "gpu_keeps"), 1);
	/* and the small ones go on */
	ck_assert_int_gt(rig_int(r, "LLEN %s", Q_GPU) + rig_int(r,
	    "ZCARD {%s}:delayed", Q_GPU), 0);
	rig_until(r, js_int(rig_status(r, 0), "active_jobs") == 3);
	ck_assert_str_eq(kept_for(r, 0), "");
	rig_cmd(r, "DEL %s", Q_GPU);
	rig_stop(&r);
}
END_TEST

START_TEST(t_what_is_kept_is_said_and_nothing_begins_there)
{
	struct rig *r = start_kept(MEMORY("60G"));
	json_t *rec, *s;

	rec = rig_wait_record(r, Q_GPU, "big", "waiting");
	ck_assert_msg(strstr(js_str(rec, "message"), "GPU 0 is kept for it "
	    "since 20") != NULL && strstr(js_str(rec, "message"),
	    "60.0 GiB wanted, 49.") != NULL, "%s", js_str(rec, "message"));
	s = rig_status(r, 0);
	ck_assert_int_eq(js_int(s, "gpus.0.kept_bytes"), 60LL << 30);
	ck_assert_int_gt(js_int(s, "gpus.0.kept_since"), 0);
	ck_assert_int_eq(js_int(s, "available_slots"), 0);
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 200);
	ck_assert_msg(strstr(js_str(s, "slots.0.why"), "is kept") != NULL ||
	    strstr(js_str(s, "slots.1.why"), "is kept") != NULL, "no why");
	/* not even one that asks for no memory; it stays in the queue */
	rig_push(r, Q_GPU, "{\"id\":\"w\",\"type\":\"selftest\","
	    "\"requires_gpu\":true,\"input\":{\"op\":\"where\"}}");
	cancel(r, "now");
	rec = rig_wait_record(r, Q_GPU, "big", "done");
	ck_assert_int_le(js_int(rec, "started_at"), js_int(rig_wait_record(r,
	    Q_GPU, "w", "done"), "started_at"));
	ck_assert_str_eq(kept_for(r, 0), "");
	rig_stop(&r);
}
END_TEST

START_TEST(t_nothing_is_kept_for_a_cancelled_job)
{
	struct rig *r = start_kept(MEMORY("60G"));

	cancel(r, "big");
	(void)rig_wait_record(r, Q_GPU, "big", "cancelled");
	until_free(r);
	rig_stop(&r);
}
END_TEST

START_TEST(t_nothing_is_kept_for_an_expired_job)
{
	struct rig *r = start_kept(MEMORY("60G") ",\"ttl\":1");

	(void)rig_wait_record(r, Q_GPU, "big", "expired");
	until_free(r);
	rig_stop(&r);
}
END_TEST

/* Somebody who is not ours has taken what could have been given. */
START_TEST(t_nothing_is_kept_that_can_not_be_given)
{
	struct rig *r = start_kept(MEMORY("60G"));

	gpu_host(r, rig_fmt(r, "proc 0 %d 40G", (int)rig_redis_pid(r)));
	rig_until(r, strcmp(kept_for(r, 0), "") == 0);
	ck_assert_int_eq(gpu_counter(r, "gpu_keeps"), 1);
	/* 80 less 40, and half a GiB, and the 30 that are promised */
	gpu_push(r, "next", HOLD("0"), MEMORY("9G"));
	(void)rig_wait_record(r, Q_GPU, "next", "done");
	rig_wait_record(r, Q_GPU, "big", "waiting");
	ck_assert_int_eq(gpu_counter(r, "gpu_keeps"), 1);
	rig_stop(&r);
}
END_TEST

/* What a device as such has not got is not waited for with a device kept. */
START_TEST(t_nothing_is_kept_for_what_no_device_has)
{
	struct rig *r = gpu_start("gpus 1", GPU_BASE "gpu_wait = 0\n"
	    ONE_DEVICE);

	gpu_push(r, "big", HOLD("0"), MEMORY("100G"));
	(void)rig_wait_record(r, Q_GPU, "big", "waiting");
	ck_assert_str_eq(kept_for(r, 0), "");
	ck_assert_int_eq(gpu_counter(r, "gpu_keeps"), 0);
	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 2);
	rig_stop(&r);
}
END_TEST

/* ---- two workers, a GPU each ---- */

static const char *
device_ini(struct rig *r, int device)
{
	return (rig_fmt(r, GPU_BASE "gpu_wait = 0\n[pool g]\ndevices = %d\n"
	    "slots_per_device = 2\n" GPU_HANDLERS, device));
}

static struct rig *
start_two(const char *script)
{
	struct rig *r = gpu_rig(script);
	int i;

	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(rig_daemon(r, i == 0 ? "w1" : "w2",
		    device_ini(r, i)), i);
		rig_daemon_start(r, i);
	}
	return (r);
}

static void
block(struct rig *r, int d)
{
	rig_push(r, rig_fmt(r, "ai:worker:w%d:queue", d + 1), rig_fmt(r,
	    "{\"id\":\"b%d\",\"handler\":\"gpu\",\"requires_gpu\":true,"
	    "\"gpu_memory\":\"30G\",\"input\":{" HOLD("60") "}}", d + 1));
	rig_until(r, js_int(rig_status(r, d), "active_jobs") == 1);
}

/* A drained worker keeps nothing; the other one does, and runs it. */
START_TEST(t_a_drained_worker_keeps_nothing)
{
	struct rig *r = start_two("gpus 2");
	int d;

	block(r, 0);
	block(r, 1);
	gpu_push(r, "big", HOLD("0"), MEMORY("60G"));
	rig_until(r, kept_for(r, 0)[0] != '\0' || kept_for(r, 1)[0] != '\0');
	d = kept_for(r, 0)[0] != '\0' ? 0 : 1;
	rig_cmd(r, "PUBLISH ai:control:w%d %s", d + 1, "{\"op\":\"drain\"}");
	rig_until(r, kept_for(r, 1 - d)[0] != '\0');
	ck_assert_str_eq(kept_for(r, d), "");
	cancel(r, rig_fmt(r, "b%d", 2 - d));
	ck_assert_str_eq(js_str(rig_wait_record(r, Q_GPU, "big", "done"),
	    "worker"), d == 0 ? "w2" : "w1");
	ck_assert_str_eq(kept_for(r, 1 - d), "");
	rig_stop(&r);
}
END_TEST

/*
 * One worker keeps its device for a job and would for a minute; meanwhile the
 * other one gets room. The first lets go of it after a while, and the other
 * one runs it.
 */
START_TEST(t_another_worker_may_have_it_after_a_while)
{
	struct rig *r = start_two("gpus 2\ngpu 1 used=70G");
	json_t *rec;

	rig_until(r, js_int(rig_status(r, 1), "gpus.1.memory_free") <
	    20LL << 30);
	block(r, 0);
	gpu_push(r, "big", HOLD("0"), MEMORY("60G"));
	rig_until(r, strcmp(kept_for(r, 0), "big") == 0);
	gpu_host(r, "gpu 1 used=1G");
	rec = rig_wait_record(r, Q_GPU, "big", "done");
	ck_assert_str_eq(js_str(rec, "worker"), "w2");
	ck_assert_str_eq(kept_for(r, 0), "");
	rig_stop(&r);
}
END_TEST

/* ---- children that hold memory without a job ---- */

/* In ticks since the boot: field 22, after the name in brackets. */
static unsigned long long
started(struct rig *r, long long pid)
{
	const char *text = rig_slurp(r, rig_fmt(r, "/proc/%lld/stat", pid));
	unsigned long long at = 0;

	text = text != NULL ? strrchr(text, ')') : NULL;
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(sscanf(text, ") %*c %*s %*s %*s %*s %*s %*s %*s %*s "
	    "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &at), 1);
	return (at);
}

/* A child that has run a plugin, and keeps 70 GiB on its device. */
START_TEST(t_an_idle_child_gives_its_memory_for_it)
{
	struct rig *r = gpu_start("gpus 1", GPU_BASE "gpu_wait = 0\n"
	    "[pool g]\ndevices = 0\n" GPU_HANDLERS);
	long long pid;
	FILE *f;

	rig_push(r, Q_GPU, "{\"id\":\"w\",\"type\":\"selftest\","
	    "\"requires_gpu\":true,\"input\":{\"op\":\"where\"}}");
	(void)rig_wait_record(r, Q_GPU, "w", "done");
	pid = rig_slot_int(r, 0, 0, "pid");
	(void)system(rig_fmt(r, "mkdir -p %s/gpus.d", rig_dir(r)));
	f = fopen(rig_fmt(r, "%s/gpus.d/%lld.0", rig_dir(r), pid), "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_gt(fprintf(f, "%lld %llu\n", 70LL << 30,
	    started(r, pid)), 0);
	ck_assert_int_eq(fclose(f), 0);
	rig_until(r, js_int(rig_status(r, 0), "gpus.0.memory_free") <
	    20LL << 30);
	gpu_push(r, "big", HOLD("0"), MEMORY("60G"));
	(void)rig_wait_record(r, Q_GPU, "big", "done");
	ck_assert_int_eq(rig_slot_int(r, 0, 0, "generation"), 2);
	ck_assert_int_eq(gpu_counter(r, "gpu_keeps"), 1);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_g_keep",
    t_small_jobs_do_not_pass_a_large_one_without_end,
    t_what_is_kept_is_said_and_nothing_begins_there,
    t_nothing_is_kept_for_a_cancelled_job,
    t_nothing_is_kept_for_an_expired_job,
    t_nothing_is_kept_that_can_not_be_given,
    t_nothing_is_kept_for_what_no_device_has,
    t_a_drained_worker_keeps_nothing,
    t_another_worker_may_have_it_after_a_while,
    t_an_idle_child_gives_its_memory_for_it)
