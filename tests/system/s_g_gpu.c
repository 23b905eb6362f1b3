/*
 * GPU slots on STAND-INS (tests/gpu): which device a job sees, admission by
 * free memory, memory that comes back late or never, who else is there, MIG,
 * and that the supervisor itself never touches CUDA or NVML.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/gpu_host.h"

#define HOLD(bytes, seconds) \
	"\"op\":\"hold\",\"bytes\":" bytes ",\"seconds\":" seconds
#define SHORT ",\"timeout\":0.3,\"max_attempts\":1"

START_TEST(t_a_job_sees_the_device_of_its_slot)
{
	struct rig *r = gpu_start("", GPU_BASE GPU_POOL
	    "mps = @DIR@/mps\nqueues = ai:gpu:queue\n[pool c]\nslots = 1\ncpus = 0\n"
	    "queues = ai:cpu:queue\n" GPU_HANDLERS);
	json_t *rec;
	int slot;

	ck_assert(json_is_true(js(rig_status(r, 0), "gpu_enabled")));
	rig_push(r, Q_GPU, "{\"id\":\"g\",\"type\":\"selftest\","
	    "\"requires_gpu\":true,\"input\":{\"op\":\"where\"}}");
	rec = rig_wait_record(r, Q_GPU, "g", "done");
	slot = (int)js_int(rec, "slot");
	ck_assert_int_lt(slot, 2);
	ck_assert_str_eq(js_str(rec, "result.env.CUDA_VISIBLE_DEVICES"),
	    gpu_uuid(r, slot));
	ck_assert_str_eq(js_str(rec, "result.env.CUDA_DEVICE_ORDER"),
	    "PCI_BUS_ID");
	ck_assert_str_eq(js_str(rec, "result.env.CUDA_MPS_PIPE_DIRECTORY"),
	    rig_fmt(r, "%s/mps", rig_dir(r)));
	ck_assert_str_eq(js_str(rig_status(r, 0),
	    rig_fmt(r, "slots.%d.devices.0", slot)), gpu_uuid(r, slot));
	rig_push(r, Q_CPU, "{\"id\":\"c\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"where\"}}");
	rec = rig_wait_record(r, Q_CPU, "c", "done");
	ck_assert_int_eq(js_int(rec, "slot"), 2);
	ck_assert(json_is_string(js(rec, "result.env.CUDA_VISIBLE_DEVICES")));
	ck_assert_str_eq(js_str(rec, "result.env.CUDA_VISIBLE_DEVICES"), "");
	gpu_push(r, "h", HOLD("1000000", "0"), "");
	rec = rig_wait_record(r, Q_GPU, "h", "done");
	ck_assert_str_eq(js_str(rec, "result.devices"),
	    gpu_uuid(r, (int)js_int(rec, "slot")));
	rig_stop(&r);
}
END_TEST

static bool
maps_have(struct rig *r, long long pid, const char *what)
{
	const char *maps = rig_slurp(r, rig_fmt(r, "/proc/%lld/maps", pid));

	return (maps != NULL && strstr(maps, what) != NULL);
}

START_TEST(t_no_cuda_and_no_nvml_in_the_supervisor)
{
	struct rig *r = gpu_start("", GPU_INI);
	pid_t pid = rig_daemon_pid(r, 0);

	gpu_push(r, "h", HOLD("1000000", "0"), "");
	(void)rig_wait_record(r, Q_GPU, "h", "done");
	/* the look itself would see it */
	ck_assert(maps_have(r, js_int(rig_status(r, 0), "gpu_prober.pid"),
	    "libnvidia-ml"));
	ck_assert(maps_have(r, pid, "libevent"));
	ck_assert(!maps_have(r, pid, "libnvidia"));
	ck_assert(!maps_have(r, pid, "libcuda"));
	rig_stop(&r);
}
END_TEST

/* What the configuration asks for and the host does not have. */
START_TEST(t_gpus_that_are_not_there_are_named)
{
	struct rig *r = gpu_rig("gpus 4");
	const char *out, *args[] = { "-t", "-c", NULL, NULL };
	int d = rig_daemon(r, "w1", "use_gpu = yes\ngpu_device = 7\n");

	args[2] = rig_daemon_file(r, d);
	ck_assert_int_eq(rig_gangerd(r, &out, args), 78);
	ck_assert_msg(strstr(out, "there is no GPU 7: this host has 4, "
	    "numbered 0 to 3") != NULL, "%s", out);
	rig_daemon_config(r, d, "use_gpu = yes\ngpu_device = 3\n");
	ck_assert_int_eq(rig_gangerd(r, &out, args), 0);
	gpu_host(r, "gpus 0");
	ck_assert_int_eq(rig_gangerd(r, &out, args), 78);
	ck_assert_msg(strstr(out, "this host has no GPU that can be used: the "
	    "driver is there and finds no GPU") != NULL, "%s", out);
	gpu_host(r, "init fail");
	ck_assert_int_eq(rig_gangerd(r, &out, args), 78);
	ck_assert_msg(strstr(out, "driver is not loaded") != NULL, "%s", out);
	rig_stop(&r);
}
END_TEST

START_TEST(t_use_gpu_makes_a_pool_of_gpu_slots)
{
	struct rig *r = gpu_start("gpus 4", GPU_BASE "use_gpu = yes\n"
	    "gpu_device = 3\nmax_concurrent_jobs = 2\n" GPU_HANDLERS);
	json_t *rec;

	ck_assert_uint_eq(json_array_size(js(rig_status(r, 0), "slots")), 2);
	gpu_push(r, "h", HOLD("1000000", "0"), "");
	rec = rig_wait_record(r, Q_GPU, "h", "done");
	ck_assert_str_eq(js_str(rec, "result.devices"), gpu_uuid(r, 3));
	rig_stop(&r);
}
END_TEST

/* ---- admission ---- */

START_TEST(t_two_slots_share_a_device_within_its_memory)
{
	struct rig *r = gpu_start("", GPU_BASE "[pool g]\ndevices = 0\n"
	    "slots_per_device = 2\n" GPU_HANDLERS);
	json_t *a, *b;

	gpu_push(r, "a", HOLD("1000000", "1"), ",\"gpu_memory\":\"50G\"");
	gpu_push(r, "b", HOLD("1000000", "1"), ",\"gpu_memory\":\"50G\"");
	gpu_push(r, "c", HOLD("1000000", "0"), ",\"gpu_memory\":\"20G\"");
	/* it passes the one that has to wait */
	(void)rig_wait_record(r, Q_GPU, "c", "done");
	(void)rig_wait_record(r, Q_GPU, "a", "done");
	(void)rig_wait_record(r, Q_GPU, "b", "done");
	a = rig_record(r, Q_GPU, "a");
	b = rig_record(r, Q_GPU, "b");
	ck_assert(js_int(a, "finished_at") <= js_int(b, "started_at") ||
	    js_int(b, "finished_at") <= js_int(a, "started_at"));
	ck_assert_int_ge(gpu_counter(r, "gpu_waits"), 1);
	ck_assert_int_eq(js_int(a, "attempt"), 1);
	ck_assert_int_eq(js_int(b, "attempt"), 1);
	rig_stop(&r);
}
END_TEST

static bool
is_foreign_at(struct rig *r, int gpu, pid_t pid)
{
	json_t *s = rig_status(r, 0);
	const char *base = rig_fmt(r, "gpus.%d.processes.0", gpu);

	return (js_int(s, rig_fmt(r, "%s.pid", base)) == pid &&
	    json_is_true(js(s, rig_fmt(r, "%s.foreign", base))));
}

START_TEST(t_memory_of_others_counts)
{
	struct rig *r = gpu_start("", GPU_INI);
	pid_t other = rig_redis_pid(r);
	json_t *rec;

	gpu_host(r, rig_fmt(r, "proc 0 %d 70G\nproc 1 %d 75G", (int)other,
	    (int)other));
	rig_until(r, is_foreign_at(r, 0, other) && is_foreign_at(r, 1, other));
	ck_assert_int_eq(gpu_counter(r, "gpu_foreign"), 2);
	gpu_push(r, "j", HOLD("1000000", "0"), ",\"gpu_memory\":\"20G\"");
	rig_until(r, (rec = rig_record(r, Q_GPU, "j")) != NULL &&
	    strcmp(js_str(rec, "state"), "waiting") == 0);
	ck_assert_msg(strstr(js_str(rec, "message"), "waits for GPU memory: "
	    "it asks for 20.0 GiB; GPU 0 has 9.") != NULL, "%s",
	    js_str(rec, "message"));
	ck_assert_msg(strstr(js_str(rec, "message"), "not ours, has 70.0 GiB")
	    != NULL, "%s", js_str(rec, "message"));
	/* what asks for nothing, or little, need not wait */
	gpu_push(r, "k", HOLD("1000000", "0"), ",\"gpu_memory\":\"8G\"");
	rec = rig_wait_record(r, Q_GPU, "k", "done");
	ck_assert_str_eq(js_str(rec, "result.devices"), gpu_uuid(r, 0));
	ck_assert_int_ge(gpu_counter(r, "gpu_waits"), 1);
	rig_stop(&r);
}
END_TEST

START_TEST(t_what_waits_for_memory_starts_when_it_is_free)
{
	struct rig *r = gpu_start("gpu 0 used=70G\ngpu 1 used=70G", GPU_INI);
	json_t *rec;

	gpu_push(r, "j", HOLD("1000000", "0"), ",\"gpu_memory\":\"20G\"");
	rig_until(r, (rec = rig_record(r, Q_GPU, "j")) != NULL &&
	    strcmp(js_str(rec, "state"), "waiting") == 0);
	gpu_host(r, "gpu 1 used=1G");
	rec = rig_wait_record(r, Q_GPU, "j", "done");
	ck_assert_str_eq(js_str(rec, "result.devices"), gpu_uuid(r, 1));
	ck_assert_int_eq(js_int(rec, "attempt"), 1);
	rig_stop(&r);
}
END_TEST

/* ---- memory of the dead ---- */

static void
until_state(struct rig *r, int slot, const char *state)
{
	rig_until(r, strcmp(rig_slot_str(r, 0, slot, "state"), state) == 0);
}

static void
comes_back(const char *host)
{
	struct rig *r = gpu_start(host, GPU_BASE "[pool g]\ndevices = 0\n"
	    GPU_HANDLERS);

	gpu_push(r, "s", HOLD("2000000000", "60"), SHORT);
	rig_until(r, strcmp(rig_slot_str(r, 0, 0, "state"), "releasing") == 0);
	until_state(r, 0, "idle");
	ck_assert_str_eq(js_str(rig_wait_record(r, Q_GPU, "s", "failed"),
	    "error.cause"), "timeout");
	ck_assert_int_ge(rig_slot_int(r, 0, 0, "gpu_release_ms"), 500);
	ck_assert_int_eq(js_int(rig_status(r, 0), "slots.0.generation"), 2);
	rig_stop(&r);
}

START_TEST(t_the_slot_waits_for_a_dead_process_to_leave_the_list)
{
	comes_back("late 0.6");
}
END_TEST

START_TEST(t_the_slot_waits_for_memory_that_nobody_has)
{
	comes_back("leak 0.6");
}
END_TEST

/* And the reason names who has it. */
static void
stays(const char *host, const char *holder)
{
	struct rig *r = gpu_start(host, "release_timeout = 300ms\n" GPU_INI);
	json_t *rec;
	const char *why;
	int slot;

	gpu_push(r, "s", HOLD("2000000000", "60"), SHORT);
	rec = rig_wait_record(r, Q_GPU, "s", "failed");
	ck_assert_str_eq(js_str(rec, "error.cause"), "timeout");
	slot = (int)js_int(rec, "slot");
	until_state(r, slot, "quarantined");
	why = rig_slot_str(r, 0, slot, "why");
	ck_assert_msg(strstr(why, holder) != NULL, "%s", why);
	/* the others go on */
	gpu_push(r, "h", HOLD("1000000", "0"), "");
	rec = rig_wait_record(r, Q_GPU, "h", "done");
	ck_assert_int_eq(js_int(rec, "slot"), 1 - slot);
	/* and it comes back by itself */
	gpu_host(r, "late 0\nleak 0");
	until_state(r, slot, "idle");
	rig_stop(&r);
}

START_TEST(t_a_dead_process_that_stays_quarantines_the_slot)
{
	stays("late 3600", "dead, has 2");
}
END_TEST

START_TEST(t_memory_that_stays_quarantines_the_slot)
{
	stays("leak 3600", "MiB that no process has");
}
END_TEST

/* ---- who is where ---- */

START_TEST(t_a_trespasser_is_seen)
{
	struct rig *r = gpu_start("", GPU_BASE "[pool g]\ndevices = 0\n"
	    GPU_HANDLERS "[handler bad]\nkind = command\ncommand = sh -c "
	    "'CUDA_VISIBLE_DEVICES=GPU-5742d1e5-0000-4000-8000-000000000005 "
	    "exec @BIN@/../../ganger-gpuprobe --job'\n");
	json_t *s;

	rig_push(r, Q_GPU, "{\"id\":\"b\",\"handler\":\"bad\",\"requires_gpu\":"
	    "true,\"input\":{" HOLD("1000000", "30") "}}");
	rig_until(r, gpu_counter(r, "gpu_trespasses") == 1);
	s = rig_status(r, 0);
	ck_assert_int_eq(js_int(s, "gpus.5.processes.0.slot"), 0);
	ck_assert(json_is_true(js(s, "gpus.5.processes.0.trespass")));
	ck_assert_int_eq(gpu_counter(r, "gpu_foreign"), 0);
	rig_stop(&r);
}
END_TEST

START_TEST(t_what_others_take_is_not_the_job_s_fault)
{
	struct rig *r = gpu_start("", GPU_BASE "[pool g]\ndevices = 0\n"
	    GPU_HANDLERS "[handler weak]\nkind = command\ncommand = "
	    "sh -c 'while ! test -e @DIR@/go; do sleep 0.02; done; exit 1'\n");
	json_t *rec;

	rig_push(r, Q_GPU, "{\"id\":\"j\",\"handler\":\"weak\",\"requires_gpu\":"
	    "true,\"gpu_memory\":\"40G\"}");
	until_state(r, 0, "busy");
	gpu_host(r, rig_fmt(r, "proc 0 %d 70G", (int)rig_redis_pid(r)));
	rig_until(r, gpu_counter(r, "gpu_foreign") == 1);
	ck_assert_int_eq(system(rig_fmt(r, "touch %s/go", rig_dir(r))), 0);
	rig_until(r, (rec = rig_record(r, Q_GPU, "j")) != NULL &&
	    strcmp(js_str(rec, "state"), "waiting") == 0);
	ck_assert_int_eq(js_int(rec, "attempt"), 0);
	ck_assert_int_eq(js_int(rig_status(r, 0),
	    "counters.causes.gpu-memory"), 1);
	rig_stop(&r);
}
END_TEST

/* ---- MIG ---- */

#define MIG1 "MIG-5742d1e5-0000-4000-8000-000001000001"
#define MIG2 "MIG-5742d1e5-0000-4000-8000-000001000002"

START_TEST(t_mig_devices_are_devices)
{
	struct rig *r = gpu_start("gpus 2\ngpu 1 mig=2", GPU_BASE
	    "[pool g]\ndevices = " MIG1 "," MIG2 "\n" GPU_HANDLERS);
	json_t *rec;

	gpu_push(r, "h", HOLD("1000000", "0"), ",\"gpu_memory\":\"9G\"");
	rec = rig_wait_record(r, Q_GPU, "h", "done");
	ck_assert_str_eq(js_str(rec, "result.devices"),
	    js_int(rec, "slot") == 0 ? MIG1 : MIG2);
	/* one of the whole GPU's size fits no part of it */
	gpu_push(r, "big", HOLD("1000000", "0"), ",\"gpu_memory\":\"20G\"");
	rig_until(r, (rec = rig_record(r, Q_GPU, "big")) != NULL &&
	    strcmp(js_str(rec, "state"), "waiting") == 0);
	/* what befalls the GPU befalls its parts */
	gpu_host(r, "xid 1 95");
	rig_until(r, gpu_counter(r, "gpu_quarantines") >= 2);
	ck_assert_str_eq(gpu_str(r, 0, "state"), "good");
	rig_until(r, gpu_counter(r, "gpu_recoveries") >= 2);
	rig_stop(&r);
}
END_TEST

/*
 * A job for two GPUs gets a slot that owns two, both of them, and none with
 * one. While it waits for that, jobs for one go on in the other pool; and it
 * gets it, though more of these wait than could ever leave it free. One for
 * more than any slot has says so.
 */
START_TEST(t_a_job_for_two_gpus_waits_for_a_slot_with_two)
{
	struct rig *r = gpu_start("gpus 3", GPU_BASE
	    "[pool narrow]\ndevices = 0\nqueues = ai:gpu:queue\n"
	    "[pool wide]\ndevices = 1,2\ndevices_per_slot = 2\n"
	    "queues = ai:gpu:queue\n[handler selftest]\n");
	json_t *one, *two;
	int i, before = 0;

	rig_until(r, js_int(rig_status(r, 0), "available_slots") == 2);
	for (i = 0; i < 2; i++)
		rig_pushf(r, Q_GPU, "{\"id\":\"pair%d\",\"gpus\":2,"
		    "\"type\":\"selftest\",\"input\":{\"op\":\"sleep\","
		    "\"seconds\":0.5}}", i);
	for (i = 0; i < 40; i++)
		rig_pushf(r, Q_GPU, "{\"id\":\"single%d\","
		    "\"requires_gpu\":true,\"type\":\"selftest\","
		    "\"input\":{\"op\":\"sleep\",\"seconds\":0.05}}", i);
	rig_push(r, Q_GPU, "{\"id\":\"many\",\"gpus\":3,"
	    "\"type\":\"selftest\",\"input\":{\"op\":\"where\"}}");
	one = rig_wait_record(r, Q_GPU, "pair0", "done");
	two = rig_wait_record(r, Q_GPU, "pair1", "done");
	ck_assert_int_eq(js_int(one, "slot"), js_int(two, "slot"));
	ck_assert_int_eq((int)json_array_size(js(rig_status(r, 0), rig_fmt(r,
	    "slots.%lld.devices", js_int(one, "slot")))), 2);
	ck_assert_int_ge(js_int(two, "started_at"),
	    js_int(one, "finished_at") - 2);
	for (i = 0; i < 40; i++)
		before += js_int(rig_wait_record(r, Q_GPU, rig_fmt(r,
		    "single%d", i), "done"), "started_at") <
		    js_int(two, "started_at");
	ck_assert_msg(before > 0 && before < 40, "%d before", before);
	rig_wait_record(r, Q_GPU, "many", "waiting");
	ck_assert_ptr_nonnull(strstr(js_str(rig_record(r, Q_GPU, "many"),
	    "message"), "needs a slot with 3 GPU(s)"));
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_g_gpu",
    t_a_job_for_two_gpus_waits_for_a_slot_with_two,
    t_a_job_sees_the_device_of_its_slot,
    t_no_cuda_and_no_nvml_in_the_supervisor,
    t_gpus_that_are_not_there_are_named,
    t_use_gpu_makes_a_pool_of_gpu_slots,
    t_two_slots_share_a_device_within_its_memory,
    t_memory_of_others_counts,
    t_what_waits_for_memory_starts_when_it_is_free,
    t_the_slot_waits_for_a_dead_process_to_leave_the_list,
    t_the_slot_waits_for_memory_that_nobody_has,
    t_a_dead_process_that_stays_quarantines_the_slot,
    t_memory_that_stays_quarantines_the_slot,
    t_a_trespasser_is_seen,
    t_what_others_take_is_not_the_job_s_fault,
    t_mig_devices_are_devices)
