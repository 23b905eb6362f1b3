/* Hosts with stand-in GPUs. See gpu_host.h. */
#include "config.h"

#include "tests/system/gpu_host.h"

#include <stdio.h>
#include <string.h>

static const char *
script_path(struct rig *r)
{
	return (rig_fmt(r, "%s/gpus", rig_dir(r)));
}

void
gpu_host(struct rig *r, const char *lines)
{
	FILE *f = fopen(script_path(r), "ae");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fprintf(f, "%s\n", lines), 0);
	ck_assert_int_eq(fclose(f), 0);
}

struct rig *
gpu_rig(const char *script)
{
	struct rig *r = rig_new(0);

	gpu_host(r, script);
	rig_setenv(r, "GANGER_STANDIN", script_path(r));
	rig_setenv(r, "LD_LIBRARY_PATH", TEST_GPU_LIBS);
	return (r);
}

struct rig *
gpu_start(const char *script, const char *ini)
{
	struct rig *r = gpu_rig(script);

	ck_assert_int_eq(rig_daemon(r, "w1", ini), 0);
	rig_daemon_start(r, 0);
	return (r);
}

const char *
gpu_uuid(struct rig *r, int i)
{
	return (rig_fmt(r, "GPU-5742d1e5-0000-4000-8000-%012d", i));
}

const char *
gpu_str(struct rig *r, int gpu, const char *key)
{
	return (js_str(rig_status(r, 0), rig_fmt(r, "gpus.%d.%s", gpu, key)));
}

long long
gpu_counter(struct rig *r, const char *name)
{
	return (js_int(rig_status(r, 0), rig_fmt(r, "counters.%s", name)));
}

void
gpu_push(struct rig *r, const char *id, const char *input, const char *more)
{
	rig_pushf(r, Q_GPU, "{\"id\":\"%s\",\"handler\":\"gpu\","
	    "\"requires_gpu\":true,\"input\":{%s}%s}", id, input, more);
}
