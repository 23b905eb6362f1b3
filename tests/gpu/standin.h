/*
 * STAND-INS, not drivers: what the make-believe libcuda.so.1 and
 * libnvidia-ml.so.1 of the tests share. Both read the script named by
 * GANGER_STANDIN anew at each call, so a test changes the host while it is
 * looked at. Lines, later ones win; sizes as 80G, devices by number:
 *
 *   gpus N                         how many there are (8, on two nodes)
 *   gpu I KEY=VALUE ...            total used node cpus temp util ecc mode
 *                                  mig (MIG devices it is split into)
 *                                  lost reset remap_failed badmem badmath
 *                                  hang (NVML) hangtest (CUDA) noevents, as 1
 *   proc I PID BYTES               a process on it
 *   late SECONDS                   memory of a dead process comes back, and
 *                                  the process leaves the list, so much later
 *   leak SECONDS                   the same, but it leaves the list at once
 *   xid I NUMBER                   an event, once, when the line is new
 *   init fail | init hang          NVML does not start
 *
 * What a process allocates through the stand-in libcuda is in a file of the
 * folder SCRIPT.d, PID.DEVICE, where the stand-in NVML finds it; with it the
 * time of the process's start, because numbers come again.
 */
#ifndef TESTS_GPU_STANDIN_H
#define TESTS_GPU_STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STANDIN_GPUS 16
#define STANDIN_PROCS 64
#define STANDIN_XIDS 64
#define STANDIN_MIG 8

struct standin_gpu {
	uint64_t total, used;
	int node, temp, util, mode, mig;
	int64_t ecc;
	char cpus[64];
	bool lost, reset, remap_failed, badmem, badmath, hang, hangtest;
	bool noevents;
};

struct standin {
	int ngpus;
	struct standin_gpu gpu[STANDIN_GPUS];
	int nprocs;
	struct {
		int gpu;
		unsigned pid;
		uint64_t bytes;
	} proc[STANDIN_PROCS];
	int nxids;
	struct {
		int gpu;
		unsigned xid;
	} xid[STANDIN_XIDS];
	double late, leak;
	bool init_fails, init_hangs;
};

void standin_read(struct standin *s);
const char *standin_dir(char *buf, size_t size);
/* A device is a GPU's number, or with MIG number * 100 + 1 + instance. */
void standin_uuid(int device, char *buf, size_t size);
int standin_gpu_of(int device);   /* the GPU's number */
/* Of a process, in ticks since the boot; 0: it does not run (any more). */
unsigned long long standin_started(unsigned pid);
_Noreturn void standin_hang(void);

#endif
