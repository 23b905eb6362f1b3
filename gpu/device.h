/*
 * The devices as NVML shows them: what stays (read once) and what changes
 * (read again and again). A device that stops answering keeps its place, with
 * the reason in `sick`.
 */
#ifndef GPU_DEVICE_H
#define GPU_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/nvml.h"

#define DEVICES_MAX 512
#define DEVICE_PROCS_MAX 1024

struct device {
	nvml_dev dev;
	unsigned index;             /* among the GPUs, in PCI order */
	int instance;               /* of a MIG device on its GPU, else -1 */
	unsigned gi;                /* its GPU instance, or NVML_NO_INSTANCE */
	char uuid[NVML_UUID_SIZE];
	char name[NVML_NAME_SIZE];
	char pci[32];               /* 0000:17:00.0 */
	char cpus[256];             /* list text, "": unknown */
	int node;                   /* -1: unknown */
	bool mig, mig_parent, ecc;
	bool events;                /* NVML tells its Xids */
	unsigned parent;            /* of a MIG device: place of its GPU */
	const char *mode;           /* compute mode */

	/* By device_sample. -1: not told by this device. */
	char sick[128];             /* why it can't be used, "": it can */
	uint64_t total, used, free;
	int temperature, utilization;
	int64_t ecc_errors;         /* uncorrected, since the driver came up */
	int remap_pending, remap_failed;
	unsigned nprocs;
	struct nvml_process procs[DEVICE_PROCS_MAX];
};

struct devices {
	struct nvml nvml;
	bool open;
	char driver[NVML_DRIVER_SIZE];
	int cuda;                   /* 13000; 0: unknown */
	char why[256];              /* why there are none */
	unsigned n;
	struct device *d;           /* owns */
};

/* Finds all devices and samples each. Never fails: why says why none is. */
void devices_open(struct devices *all);
void devices_close(struct devices *all);
/* Reads what changes. */
void device_sample(const struct devices *all, struct device *d);
/* By UUID, any case. NULL: none. */
const struct device *device_find(const struct devices *all, const char *uuid);

#endif
