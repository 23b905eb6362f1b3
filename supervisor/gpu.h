/*
 * The GPUs of this host, alive: the supervisor's side of ganger-gpuprobe. It
 * starts the prober, gives it deadlines, and from what it says decides which
 * devices may be used, whether a job's gpu_memory is there, and whether the
 * memory of a killed job is back. It never touches a GPU. Which slot has which
 * device is the plan's business (place/plan.h); here a slot's devices are the
 * UUIDs in proc->where.devices.
 */
#ifndef SUPERVISOR_GPU_H
#define SUPERVISOR_GPU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"

#define GPUS_MAGIC 0x67707573u

struct gpus;
struct job;
struct jsonw;
struct outcome;
struct proc;
struct sup;

#define GPU_STATES(X) \
	X(UNSEEN, "unseen", "not sampled yet") \
	X(TESTING, "testing", "the device test runs") \
	X(GOOD, "good", "in use") \
	X(QUARANTINED, "quarantined", "not used until a test passes; see why") \
	X(LOST, "lost", "does not answer, or is not there any more")
enum gpu_state {
#define X(id, name, text) GPU_##id,
	GPU_STATES(X)
#undef X
	GPU_NSTATES
};

#define GPU_CLASSES(X) X(NOTE, "note") X(APP, "application") \
	X(RESTART, "restart") X(DEVICE, "device") X(HOST, "host")
enum gpu_class {
#define X(id, name) GPU_CLASS_##id,
	GPU_CLASSES(X)
#undef X
};

/* Whether a slot may get a job, as far as its devices are concerned. */
enum gpu_fit { GPU_FIT, GPU_WAIT, GPU_UNFIT };

/* Whether what a slot's last child held is back. */
enum gpu_release { GPU_BACK, GPU_NOT_YET, GPU_UNUSABLE };

struct gpus *gpu_open(struct sup *sup);
void gpu_close(struct gpus **gp);
/* Once per turn of the loop. Starts the prober when a pool first needs it. */
void gpu_phase(struct sup *sup);

/* GPU_FIT for a CPU slot. *whyp (may be NULL): static or the device's text. */
enum gpu_fit gpu_fit(const struct proc *p, const char **whyp);
/* The job's gpu_memory is free on each device of the slot, less what running
 * jobs were promised and have not taken yet. */
bool gpu_has_room(const struct proc *p, const struct job *j);
/* A device of the slot is kept for a job: the slot gets no other. */
bool gpu_kept(const struct proc *p);
/* A job for whose gpu_memory no slot of its pool has room at this moment: it
 * goes to the delayed set and is tried again 2 s later, the reason in its
 * record. Smaller ones may pass it until it has waited for gpu_wait; then a
 * device that could give as much is kept for it (gpu_keep.c). True if it took
 * the job. */
bool gpu_put_off(struct job *j);

/* Nothing of the slot's processes is left: is their GPU memory back too? Asks
 * the prober; look again until it says so. */
enum gpu_release gpu_released(struct proc *p);
/* What is not back, and who holds it; appends nothing if all is. */
void gpu_put_held(const struct proc *p, struct buf *b);

/* The GPU is to blame, not the job: the outcome of a failed run becomes
 * gpu-error or gpu-memory. message needs no storage of its own. */
void gpu_judge(const struct proc *p, const struct job *j, struct outcome *o);
/* The same for a run whose child lives on. True if it took the job, which is
 * then finished when the prober has told how the device was. */
bool gpu_doubt(const struct proc *p, struct job *j, const struct outcome *o);

/* gpu_status.c: the status object's "gpus" and "gpu_prober", and metrics. */
void gpu_put_status(struct jsonw *w, const struct sup *sup);
void gpu_put_metrics(struct buf *b, const struct sup *sup);

const char *gpu_state_name(enum gpu_state s);
const char *gpu_class_name(enum gpu_class c);

#endif
