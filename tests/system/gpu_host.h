/*
 * A daemon on a host whose GPUs are STAND-INS (tests/gpu): what they do is
 * written into a script while they are looked at.
 */
#ifndef TESTS_SYSTEM_GPU_HOST_H
#define TESTS_SYSTEM_GPU_HOST_H

#include "tests/rig/rig.h"

/* Two devices, a slot each, no device test; keys of [supervisor] first. */
#define GPU_KEYS \
	"kill_grace = 100ms\nretry_backoff = 10ms\nshutdown_grace = 100ms\n"
#define GPU_BASE GPU_KEYS "gpu_test = no\ngpu_recheck = 200ms\n"
#define GPU_HANDLERS \
	"[handler selftest]\n[handler gpu]\nkind = command\n" \
	"command = @BIN@/../../ganger-gpuprobe --job\n"
#define GPU_POOL "[pool g]\ndevices = 0,1\n"
#define GPU_INI GPU_BASE GPU_POOL GPU_HANDLERS
/* A quarantined device is looked at again after that. */
#define GPU_INI_RECHECK(after) \
	GPU_KEYS "gpu_test = no\ngpu_recheck = " after "\n" GPU_POOL \
	GPU_HANDLERS

/* A rig with the stand-ins, its script holding these lines. */
struct rig *gpu_rig(const char *script);
/* The same with a daemon "w1", ready. */
struct rig *gpu_start(const char *script, const char *ini);
/* Further lines. */
void gpu_host(struct rig *r, const char *lines);
/* The stand-in's name for GPU i. */
const char *gpu_uuid(struct rig *r, int i);
/* Of the status: a GPU's member, a counter. */
const char *gpu_str(struct rig *r, int gpu, const char *key);
long long gpu_counter(struct rig *r, const char *name);
/* Pushes a job for handler gpu; more may be "" or ",\"key\":value". */
void gpu_push(struct rig *r, const char *id, const char *input,
    const char *more);

#endif
