/*
 * GPUs that fail, on STAND-INS (tests/gpu): each kind of fault leads to its
 * state, cause and counter, costs the job no attempt unless the job did it,
 * and what recovers comes back by itself.
 */
#include "config.h"

#include <sys/stat.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/gpu_host.h"

/* at work until it is killed; a kernel that spins needs nvcc */
#define BUSY "\"op\":\"hold\",\"seconds\":3600"

static void
until_gpu(struct rig *r, int gpu, const char *state)
{
	rig_until(r, strcmp(gpu_str(r, gpu, "state"), state) == 0);
}

static void
until_slot(struct rig *r, int slot, const char *state)
{
	rig_until(r, strcmp(rig_slot_str(r, 0, slot, "state"), state) == 0);
}

/* A job that runs on some device; which slot it has. */
static int
run_holder(struct rig *r, const char *id)
{
	json_t *rec = NULL;

	gpu_push(r, id, BUSY, "");
	rig_until(r, (rec = rig_record(r, Q_GPU, id)) != NULL &&
	    strcmp(js_str(rec, "state"), "running") == 0);
	return ((int)js_int(rec, "slot"));
}

static long long
ended_by(struct rig *r, const char *cause)
{
	return (js_int(rig_status(r, 0), rig_fmt(r, "counters.causes.%s",
	    cause)));
}

/* It runs again elsewhere, and has lost no attempt. */
static void
runs_again(struct rig *r, const char *id, int not_on)
{
	json_t *rec = NULL;

	rig_until(r, ended_by(r, "gpu-error") == 1);
	rig_until(r, (rec = rig_record(r, Q_GPU, id)) != NULL &&
	    strcmp(js_str(rec, "state"), "running") == 0 &&
	    (not_on < 0 || js_int(rec, "slot") != not_on));
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
}

START_TEST(t_xid_that_needs_a_reset_quarantines_the_device)
{
	struct rig *r = gpu_start("", GPU_INI_RECHECK("1s"));
	int slot = run_holder(r, "s");

	gpu_host(r, rig_fmt(r, "xid %d 95", slot));
	until_gpu(r, slot, "quarantined");
	ck_assert_msg(strstr(gpu_str(r, slot, "why"), "Xid 95, uncontained "
	    "ECC error") != NULL, "%s", gpu_str(r, slot, "why"));
	runs_again(r, "s", slot);
	ck_assert_int_eq(js_int(rig_status(r, 0),
	    rig_fmt(r, "gpus.%d.xids.95", slot)), 1);
	ck_assert_int_eq(gpu_counter(r, "gpu_xids"), 1);
	ck_assert_int_eq(gpu_counter(r, "gpu_quarantines"), 1);
	ck_assert_str_eq(gpu_str(r, 1 - slot, "state"), "good");
	/* the device is good again when it has passed its look */
	until_gpu(r, slot, "good");
	until_slot(r, slot, "idle");
	ck_assert_int_eq(gpu_counter(r, "gpu_recoveries"), 1);
	rig_stop(&r);
}
END_TEST

START_TEST(t_slot_of_a_quarantined_device_says_why)
{
	struct rig *r = gpu_start("", GPU_INI_RECHECK("1h"));
	json_t *rec;

	gpu_host(r, "xid 0 48");
	until_slot(r, 0, "quarantined");
	ck_assert_msg(strstr(rig_slot_str(r, 0, 0, "why"), "its GPU can't be "
	    "used: GPU 0: Xid 48, double bit ECC error") != NULL, "%s",
	    rig_slot_str(r, 0, 0, "why"));
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 200);
	gpu_push(r, "h", "\"op\":\"hold\"", "");
	rec = rig_wait_record(r, Q_GPU, "h", "done");
	ck_assert_int_eq(js_int(rec, "slot"), 1);
	gpu_host(r, "xid 1 48");
	until_slot(r, 1, "quarantined");
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 503);
	rig_stop(&r);
}
END_TEST

START_TEST(t_contained_error_restarts_what_runs_there)
{
	struct rig *r = gpu_start("", GPU_INI);
	int slot = run_holder(r, "s");

	gpu_host(r, rig_fmt(r, "xid %d 94", slot));
	runs_again(r, "s", -1);
	ck_assert_str_eq(gpu_str(r, slot, "state"), "good");
	ck_assert_int_eq(gpu_counter(r, "gpu_quarantines"), 0);
	rig_until(r, rig_slot_int(r, 0, slot, "generation") == 2);
	rig_stop(&r);
}
END_TEST

START_TEST(t_fault_of_the_job_is_the_job_s)
{
	struct rig *r = gpu_start("", GPU_INI);
	json_t *rec;

	gpu_push(r, "f", "\"op\":\"fault\"", ",\"max_attempts\":1");
	rec = rig_wait_record(r, Q_GPU, "f", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "handler-error");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	if (strstr(rig_log(r, Q_GPU, "f"), "built without nvcc") == NULL) {
		ck_assert_ptr_nonnull(strstr(rig_log(r, Q_GPU, "f"),
		    "CUDA_ERROR_ILLEGAL_ADDRESS"));
		rig_until(r, gpu_counter(r, "gpu_xids") == 1);
	}
	ck_assert_int_eq(gpu_counter(r, "gpu_quarantines"), 0);
	/* and does not hurt the next */
	gpu_push(r, "h", "\"op\":\"hold\"", "");
	(void)rig_wait_record(r, Q_GPU, "h", "done");
	rig_stop(&r);
}
END_TEST

/* The driver tells of the error after the job has ended by it. */
START_TEST(t_job_that_fails_of_its_gpu_is_not_charged)
{
	struct rig *r = gpu_start("", GPU_BASE "[pool g]\ndevices = 0\n"
	    GPU_HANDLERS "[handler weak]\nkind = command\ncommand = "
	    "sh -c 'test -e @DIR@/again && exit 0; touch @DIR@/again; "
	    "echo xid 0 94 >>@DIR@/gpus; exit 1'\n");
	json_t *rec;

	rig_push(r, Q_GPU, "{\"id\":\"w\",\"handler\":\"weak\","
	    "\"requires_gpu\":true}");
	rec = rig_wait_record(r, Q_GPU, "w", "done");
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	ck_assert_int_eq(ended_by(r, "gpu-error"), 1);
	ck_assert_int_eq(ended_by(r, "handler-error"), 0);
	rig_stop(&r);
}
END_TEST

START_TEST(t_fault_of_the_host_drains_the_worker)
{
	struct rig *r = gpu_start("", GPU_INI);
	json_t *s;

	gpu_host(r, "xid 1 110");
	rig_until(r, (s = rig_status(r, 0)) != NULL &&
	    strcmp(js_str(s, "state"), "draining") == 0);
	ck_assert_msg(strstr(js_str(s, "drain_why"), "Xid 110") != NULL, "%s",
	    js_str(s, "drain_why"));
	ck_assert_int_eq(js_int(s, "counters.gpu_drains"), 1);
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 503);
	rig_stop(&r);
}
END_TEST

START_TEST(t_lost_device_and_its_return)
{
	struct rig *r = gpu_start("", GPU_INI);
	int slot = run_holder(r, "s");

	gpu_host(r, rig_fmt(r, "gpu %d lost=1", slot));
	until_gpu(r, slot, "lost");
	ck_assert_ptr_nonnull(strstr(gpu_str(r, slot, "why"),
	    "fell off the bus"));
	until_slot(r, slot, "quarantined");
	runs_again(r, "s", slot);
	ck_assert_int_eq(gpu_counter(r, "gpu_quarantines"), 1);
	gpu_host(r, rig_fmt(r, "gpu %d lost=0", slot));
	until_gpu(r, slot, "good");
	until_slot(r, slot, "idle");
	ck_assert_int_eq(gpu_counter(r, "gpu_recoveries"), 1);
	rig_stop(&r);
}
END_TEST

START_TEST(t_errors_of_the_memory)
{
	struct rig *r = gpu_start("", GPU_INI_RECHECK("1h"));
	int slot = run_holder(r, "s");

	gpu_host(r, rig_fmt(r, "gpu %d ecc=3", slot));
	rig_until(r, ended_by(r, "gpu-error") == 1);
	ck_assert_str_eq(gpu_str(r, slot, "state"), "good");
	rig_until(r, js_int(rig_status(r, 0),
	    rig_fmt(r, "gpus.%d.ecc_errors", slot)) == 3);
	gpu_host(r, "gpu 0 remap_failed=1");
	until_gpu(r, 0, "quarantined");
	ck_assert_ptr_nonnull(strstr(gpu_str(r, 0, "why"),
	    "row remapping failed"));
	until_slot(r, 0, "quarantined");
	rig_stop(&r);
}
END_TEST

START_TEST(t_device_that_fails_its_test_is_not_used)
{
	struct rig *r = gpu_rig("gpu 0 badmem=1");
	int d = rig_daemon(r, "w1", GPU_KEYS "gpu_recheck = 500ms\n"
	    GPU_POOL GPU_HANDLERS);

	rig_daemon_start(r, d);
	rig_until(r, gpu_counter(r, "gpu_tests_failed") >= 1);
	ck_assert_ptr_nonnull(strstr(gpu_str(r, 0, "why"),
	    "memory gives back other words"));
	until_gpu(r, 1, "good");
	gpu_host(r, "gpu 0 badmem=0");
	rig_until_in(r, 3 * rig_limit(),
	    strcmp(gpu_str(r, 0, "state"), "good") == 0);
	until_slot(r, 0, "idle");
	rig_stop(&r);
}
END_TEST

/* ---- the prober itself ---- */

static pid_t
prober(struct rig *r)
{
	return ((pid_t)js_int(rig_status(r, 0), "gpu_prober.pid"));
}

static void
until_prober(struct rig *r, const char *state)
{
	rig_until_in(r, 3 * rig_limit(), strcmp(js_str(rig_status(r, 0),
	    "gpu_prober.state"), state) == 0);
}

START_TEST(t_prober_that_dies_is_started_again)
{
	struct rig *r = gpu_start("", GPU_INI);
	pid_t first = prober(r);

	rig_kill(first, SIGKILL);
	rig_until(r, gpu_counter(r, "gpu_prober_restarts") == 1);
	until_prober(r, "up");
	ck_assert_int_ne(prober(r), first);
	gpu_push(r, "h", "\"op\":\"hold\"", "");
	(void)rig_wait_record(r, Q_GPU, "h", "done");
	rig_stop(&r);
}
END_TEST

/* ---- Xids that nobody waited for ---- */

static void
kernel_says(struct rig *r, const char *record)
{
	FILE *f = fopen(rig_fmt(r, "%s/kmsg", rig_dir(r)), "ae");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fprintf(f, "%s\n", record), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static struct rig *
start_with_log(const char *ini)
{
	struct rig *r = gpu_rig("");

	rig_setenv(r, "GANGER_KMSG", rig_fmt(r, "%s/kmsg", rig_dir(r)));
	kernel_says(r, "6,100,1000,-;NVRM: Xid (PCI:0000:20:00): 48, long ago");
	ck_assert_int_eq(rig_daemon(r, "w1", ini), 0);
	rig_daemon_start(r, 0);
	rig_until(r, json_is_true(js(rig_status(r, 0),
	    "gpu_prober.kernel_log")));
	return (r);
}

/* The prober dies, and while it is down the kernel has an Xid to tell. */
START_TEST(t_xid_while_the_prober_is_down)
{
	struct rig *r = start_with_log(GPU_INI_RECHECK("1h"));

	rig_kill(prober(r), SIGKILL);
	until_prober(r, "down");
	kernel_says(r, "4,101,2000,-;NVRM: Xid (PCI:0000:10:00): 48, DBE");
	until_gpu(r, 0, "quarantined");
	ck_assert_ptr_nonnull(strstr(gpu_str(r, 0, "why"), "Xid 48"));
	ck_assert_int_eq(gpu_counter(r, "gpu_xids_late"), 1);
	ck_assert_int_eq(gpu_counter(r, "gpu_xids"), 1);
	/* the one from before our time is nobody's business */
	ck_assert_str_eq(gpu_str(r, 1, "state"), "good");
	rig_stop(&r);
}
END_TEST

/* One that was told in time is not told again by the log. */
START_TEST(t_xid_that_was_told_counts_once)
{
	struct rig *r = start_with_log(GPU_INI);

	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 2);
	gpu_host(r, "xid 0 94");
	rig_until(r, gpu_counter(r, "gpu_xids") == 1);
	rig_kill(prober(r), SIGKILL);
	until_prober(r, "down");
	kernel_says(r, "4,101,2000,-;NVRM: Xid (PCI:0000:10:00): 94, told");
	kernel_says(r, "4,102,2000,-;NVRM: Xid (PCI:0000:20:00): 13, not");
	rig_until(r, gpu_counter(r, "gpu_xids_late") == 1);
	until_prober(r, "up");
	ck_assert_int_eq(gpu_counter(r, "gpu_xids"), 2);
	ck_assert_int_eq(js_int(rig_status(r, 0), "gpus.0.xids.94"), 1);
	rig_stop(&r);
}
END_TEST

/* Without the log a device is tested instead, but not under a job. */
START_TEST(t_without_the_kernels_log_a_device_is_tested)
{
	struct rig *r = gpu_rig("");
	int slot;

	rig_setenv(r, "GANGER_KMSG", rig_fmt(r, "%s/none", rig_dir(r)));
	ck_assert_int_eq(rig_daemon(r, "w1", GPU_KEYS "gpu_recheck = 1h\n"
	    GPU_POOL GPU_HANDLERS), 0);
	rig_daemon_start(r, 0);
	until_gpu(r, 0, "good");
	until_gpu(r, 1, "good");
	slot = run_holder(r, "s");
	gpu_host(r, "gpu 0 badmem=1\ngpu 1 badmem=1");
	rig_kill(prober(r), SIGKILL);
	until_gpu(r, 1 - slot, "quarantined");
	ck_assert_ptr_nonnull(strstr(gpu_str(r, 1 - slot, "why"),
	    "memory gives back other words"));
	ck_assert_str_eq(gpu_str(r, slot, "state"), "good");
	ck_assert_str_eq(rig_slot_str(r, 0, slot, "state"), "busy");
	rig_cmd(r, "PUBLISH ai:control %s", "{\"op\":\"cancel\","
	    "\"id\":\"s\"}");
	until_gpu(r, slot, "quarantined");
	rig_stop(&r);
}
END_TEST

/* What it says is checked like anything from another process. */
START_TEST(t_prober_that_talks_nonsense_is_not_believed)
{
	struct rig *r = gpu_rig("");
	const char *path = rig_fmt(r, "%s/prober", rig_dir(r));
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_gt(fprintf(f, "#!/bin/sh\nif [ \"$1\" = --watch ] && "
	    "! [ -e %s/good ]; then\n\ttouch %s/good\n\techo '{\"ev\":"
	    "\"list\",\"gpus\":[{\"uuid\":7}]}'\n\texec cat\nfi\n"
	    "exec %s \"$@\"\n", rig_dir(r), rig_dir(r), TEST_PROBER), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	rig_setenv(r, "GANGER_GPUPROBE", path);
	ck_assert_int_eq(rig_daemon(r, "w1", GPU_INI), 0);
	rig_daemon_spawn(r, 0);
	rig_until(r, rig_http(r, 0, "/healthz", NULL) == 200);
	rig_until(r, strstr(js_str(rig_status(r, 0), "gpu_prober.why"),
	    "makes no sense") != NULL);
	/* nothing is known of the devices yet: no job starts */
	ck_assert_int_eq(rig_http(r, 0, "/readyz", NULL), 503);
	rig_until(r, gpu_counter(r, "gpu_prober_restarts") == 1);
	until_prober(r, "up");
	rig_until(r, rig_http(r, 0, "/readyz", NULL) == 200);
	rig_stop(&r);
}
END_TEST

/* It hangs in the driver: the worker lives on, and says so. */
START_TEST(t_prober_that_hangs_is_killed_and_jobs_go_on)
{
	struct rig *r = gpu_start("", GPU_INI);
	pid_t first = prober(r);

	rig_until(r, js_int(rig_status(r, 0), "gpu_prober.sample_ms_ago") >=
	    0);
	gpu_host(r, "gpu 7 hang=1");
	gpu_push(r, "h", "\"op\":\"hold\"", "");
	(void)rig_wait_record(r, Q_GPU, "h", "done");
	until_prober(r, "down");
	ck_assert_ptr_nonnull(strstr(js_str(rig_status(r, 0),
	    "gpu_prober.why"), "hangs"));
	rig_until(r, !rig_alive(first));
	gpu_push(r, "i", "\"op\":\"hold\"", "");
	(void)rig_wait_record(r, Q_GPU, "i", "done");
	gpu_host(r, "gpu 7 hang=0");
	until_prober(r, "up");
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_g_faults",
    t_xid_that_needs_a_reset_quarantines_the_device,
    t_slot_of_a_quarantined_device_says_why,
    t_contained_error_restarts_what_runs_there,
    t_fault_of_the_job_is_the_job_s,
    t_job_that_fails_of_its_gpu_is_not_charged,
    t_fault_of_the_host_drains_the_worker,
    t_lost_device_and_its_return,
    t_errors_of_the_memory,
    t_device_that_fails_its_test_is_not_used,
    t_prober_that_dies_is_started_again,
    t_xid_while_the_prober_is_down,
    t_xid_that_was_told_counts_once,
    t_without_the_kernels_log_a_device_is_tested,
    t_prober_that_talks_nonsense_is_not_believed,
    t_prober_that_hangs_is_killed_and_jobs_go_on)
