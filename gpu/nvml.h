/*
 * The few parts of NVML that the prober uses, declared here so that it builds
 * without the toolkit and runs on hosts without the library. Names, numbers
 * and layouts are those of NVIDIA's NVML API reference (nvml.h as published
 * with CUDA 13); x86-64 and aarch64 share them. libnvidia-ml.so.1 is opened by
 * its plain name when nvml_open is called, never linked.
 */
#ifndef GPU_NVML_H
#define GPU_NVML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVML_LIBRARY "libnvidia-ml.so.1"

#define NVML_UUID_SIZE 96
#define NVML_NAME_SIZE 96
#define NVML_DRIVER_SIZE 80
#define NVML_MEMORY_VERSION 0x02000028u /* 2 << 24 | size of the struct */
#define NVML_NO_INSTANCE 0xffffffffu    /* gi, ci where there is no MIG */
#define NVML_UNKNOWN_USED UINT64_MAX    /* a process's memory can't be told */
#define NVML_TEMPERATURE_GPU 0u
#define NVML_ECC_UNCORRECTED 1
#define NVML_ECC_VOLATILE 0             /* since the driver was loaded */
#define NVML_AFFINITY_NODE 0u
#define NVML_EVENT_XID 8ull

enum nvml_return {
	NVML_OK = 0, NVML_NOT_SUPPORTED = 3, NVML_NO_PERMISSION = 4,
	NVML_NOT_FOUND = 6, NVML_SIZE = 7, NVML_NO_DRIVER = 9,
	NVML_TIMEOUT = 10, NVML_LOST = 15, NVML_RESET_REQUIRED = 16,
	NVML_NO_SYMBOL = -1     /* ours: this driver does not have it */
};

typedef void *nvml_dev;         /* opaque */
typedef void *nvml_set;

struct nvml_pci {
	char legacy[16];
	unsigned domain, bus, device, id, subsystem;
	char bus_id[32];
};
struct nvml_memory {
	unsigned version;
	uint64_t total, reserved, free, used;
};
struct nvml_process {
	unsigned pid;
	uint64_t used;
	unsigned gi, ci;
};
struct nvml_event {
	nvml_dev dev;
	uint64_t type, data;    /* data: the Xid */
	unsigned gi, ci;
};
struct nvml_rates {
	unsigned gpu, memory;   /* per cent of the last sample period */
};
_Static_assert(sizeof(struct nvml_pci) == 68, "nvmlPciInfo_t");
_Static_assert(sizeof(struct nvml_memory) == 40, "nvmlMemory_v2_t");
_Static_assert(sizeof(struct nvml_process) == 24, "nvmlProcessInfo_t");
_Static_assert(sizeof(struct nvml_event) == 32, "nvmlEventData_t");

/* NVML(field, symbol, parameters, what is lost where it is missing) */
#define NVML_TABLE(NVML) \
	NVML(init, nvmlInit_v2, (void), NEEDED) \
	NVML(shutdown, nvmlShutdown, (void), NEEDED) \
	NVML(driver, nvmlSystemGetDriverVersion, (char *, unsigned), NEEDED) \
	NVML(cuda, nvmlSystemGetCudaDriverVersion_v2, (int *), OPTIONAL) \
	NVML(count, nvmlDeviceGetCount_v2, (unsigned *), NEEDED) \
	NVML(by_index, nvmlDeviceGetHandleByIndex_v2, \
	    (unsigned, nvml_dev *), NEEDED) \
	NVML(uuid, nvmlDeviceGetUUID, (nvml_dev, char *, unsigned), NEEDED) \
	NVML(name, nvmlDeviceGetName, (nvml_dev, char *, unsigned), NEEDED) \
	NVML(pci, nvmlDeviceGetPciInfo_v3, (nvml_dev, struct nvml_pci *), \
	    NEEDED) \
	NVML(memory, nvmlDeviceGetMemoryInfo_v2, \
	    (nvml_dev, struct nvml_memory *), NEEDED) \
	NVML(processes, nvmlDeviceGetComputeRunningProcesses_v3, \
	    (nvml_dev, unsigned *, struct nvml_process *), NEEDED) \
	NVML(rates, nvmlDeviceGetUtilizationRates, \
	    (nvml_dev, struct nvml_rates *), OPTIONAL) \
	NVML(temperature, nvmlDeviceGetTemperature, \
	    (nvml_dev, unsigned, unsigned *), OPTIONAL) \
	NVML(ecc_mode, nvmlDeviceGetEccMode, \
	    (nvml_dev, unsigned *, unsigned *), OPTIONAL) \
	NVML(ecc_total, nvmlDeviceGetTotalEccErrors, \
	    (nvml_dev, int, int, uint64_t *), OPTIONAL) \
	NVML(remapped, nvmlDeviceGetRemappedRows, (nvml_dev, unsigned *, \
	    unsigned *, unsigned *, unsigned *), OPTIONAL) \
	NVML(compute_mode, nvmlDeviceGetComputeMode, \
	    (nvml_dev, unsigned *), OPTIONAL) \
	NVML(cpus, nvmlDeviceGetCpuAffinity, \
	    (nvml_dev, unsigned, unsigned long *), OPTIONAL) \
	NVML(nodes, nvmlDeviceGetMemoryAffinity, \
	    (nvml_dev, unsigned, unsigned long *, unsigned), OPTIONAL) \
	NVML(mig_mode, nvmlDeviceGetMigMode, \
	    (nvml_dev, unsigned *, unsigned *), OPTIONAL) \
	NVML(mig_max, nvmlDeviceGetMaxMigDeviceCount, \
	    (nvml_dev, unsigned *), OPTIONAL) \
	NVML(mig_by_index, nvmlDeviceGetMigDeviceHandleByIndex, \
	    (nvml_dev, unsigned, nvml_dev *), OPTIONAL) \
	NVML(mig_gi, nvmlDeviceGetGpuInstanceId, (nvml_dev, unsigned *), \
	    OPTIONAL) \
	NVML(set_create, nvmlEventSetCreate, (nvml_set *), OPTIONAL) \
	NVML(set_add, nvmlDeviceRegisterEvents, \
	    (nvml_dev, unsigned long long, nvml_set), OPTIONAL) \
	NVML(set_wait, nvmlEventSetWait_v2, \
	    (nvml_set, struct nvml_event *, unsigned), OPTIONAL) \
	NVML(set_free, nvmlEventSetFree, (nvml_set), OPTIONAL)

/*
 * The functions of the opened library. One that is missing there stands for a
 * function that returns NVML_NO_SYMBOL whatever it is given.
 */
struct nvml {
#define NVML(field, symbol, params, need) int (*field) params;
	NVML_TABLE(NVML)
#undef NVML
};

/* Opens the library and initialises it. 0, or -ERR_NOTFOUND with the reason. */
int nvml_open(struct nvml *n, char *why, size_t size);
void nvml_close(struct nvml *n);
/* Words for a return of NVML; static. */
const char *nvml_text(int code);

#endif
