/*
 * A STAND-IN for libnvidia-ml.so.1, not a driver: it answers from a script
 * (standin.h), so that tests can have hosts, faults and timings that no
 * machine offers on demand. Built for the tests only, never installed.
 */
#include "gpu/nvml.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/gpu/standin.h"

/* A handle is the device's number + 1; a MIG device's number is that of
 * standin.h: (GPU + 1) * 100 + instance. */
static int
device_of(nvml_dev dev)
{
	return ((int)(intptr_t)dev - 1);
}

/* Reads the script and the fate of that device. */
static int
look(nvml_dev dev, struct standin *s, struct standin_gpu **gp)
{
	int gpu = standin_gpu_of(device_of(dev));

	standin_read(s);
	*gp = &s->gpu[gpu];
	if ((*gp)->hang)
		standin_hang();
	return ((*gp)->lost ? NVML_LOST : (*gp)->reset ? NVML_RESET_REQUIRED :
	    NVML_OK);
}

static double
seconds_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

/* Seconds since a dead process was first seen dead, kept beside its file. */
static double
dead_for(const char *file)
{
	char path[840];
	double at = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s.dead", file);
	if ((f = fopen(path, "re")) != NULL) {
		(void)!fscanf(f, "%lf", &at);
		(void)fclose(f);
		return (seconds_now() - at);
	}
	if ((f = fopen(path, "we")) != NULL) {
		(void)fprintf(f, "%.6f\n", seconds_now());
		(void)fclose(f);
	}
	return (0);
}

struct users {
	unsigned n;
	struct nvml_process list[STANDIN_PROCS];
	uint64_t bytes;         /* of all, the unlisted ones too */
};

static void
add(struct users *u, unsigned pid, uint64_t bytes, bool listed)
{
	u->bytes += bytes;
	if (!listed || u->n == STANDIN_PROCS)
		return;
	u->list[u->n].pid = pid;
	u->list[u->n].used = bytes;
	u->list[u->n].gi = u->list[u->n].ci = NVML_NO_INSTANCE;
	u->n++;
}

static void
add_file(struct users *u, const struct standin *s, const char *dir,
    const char *name, unsigned pid)
{
	unsigned long long bytes = 0, started = 1;
	char path[800];
	double gone;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "re")) == NULL)
		return;
	(void)!fscanf(f, "%llu %llu", &bytes, &started);
	(void)fclose(f);
	if (standin_started(pid) == started) {
		add(u, pid, bytes, true);
		return;
	}
	gone = dead_for(path);
	if (gone < s->late)
		add(u, pid, bytes, true);
	else if (gone < s->leak)
		add(u, pid, bytes, false);
}

static void
find_users(int device, const struct standin *s, struct users *u)
{
	char dir[512];
	struct dirent *e;
	unsigned pid;
	int at, i, n;
	DIR *d;

	memset(u, 0, sizeof(*u));
	for (i = 0; i < s->nprocs; i++)
		if (s->proc[i].gpu == device)
			add(u, s->proc[i].pid, s->proc[i].bytes, true);
	if ((d = opendir(standin_dir(dir, sizeof(dir)))) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (sscanf(e->d_name, "%u.%d%n", &pid, &at, &n) == 2 &&
		    e->d_name[n] == '\0' && at == device)
			add_file(u, s, dir, e->d_name, pid);
	(void)closedir(d);
}

/* ---- the API ---- */

int nvmlInit_v2(void);
int
nvmlInit_v2(void)
{
	struct standin s;

	standin_read(&s);
	if (s.init_hangs)
		standin_hang();
	return (s.init_fails ? NVML_NO_DRIVER : NVML_OK);
}

int nvmlShutdown(void);
int
nvmlShutdown(void)
{
	return (NVML_OK);
}

int nvmlSystemGetDriverVersion(char *, unsigned);
int
nvmlSystemGetDriverVersion(char *out, unsigned size)
{
	(void)snprintf(out, size, "0.0-stand-in");
	return (NVML_OK);
}

int nvmlSystemGetCudaDriverVersion_v2(int *);
int
nvmlSystemGetCudaDriverVersion_v2(int *version)
{
	*version = 13000;
	return (NVML_OK);
}

int nvmlDeviceGetCount_v2(unsigned *);
int
nvmlDeviceGetCount_v2(unsigned *n)
{
	struct standin s;

	standin_read(&s);
	*n = (unsigned)s.ngpus;
	return (NVML_OK);
}

/* The last one first: the order of PCI is the prober's business. */
int nvmlDeviceGetHandleByIndex_v2(unsigned, nvml_dev *);
int
nvmlDeviceGetHandleByIndex_v2(unsigned i, nvml_dev *dev)
{
	struct standin_gpu *g;
	struct standin s;

	standin_read(&s);
	*dev = (nvml_dev)(intptr_t)(s.ngpus - (int)i);
	return (look(*dev, &s, &g));
}

int nvmlDeviceGetUUID(nvml_dev, char *, unsigned);
int
nvmlDeviceGetUUID(nvml_dev dev, char *out, unsigned size)
{
	standin_uuid(device_of(dev), out, size);
	return (NVML_OK);
}

int nvmlDeviceGetName(nvml_dev, char *, unsigned);
int
nvmlDeviceGetName(nvml_dev dev, char *out, unsigned size)
{
	(void)snprintf(out, size, device_of(dev) >= 100 ?
	    "Stand-in MIG 1g.10gb" : "Stand-in GPU, not real");
	return (NVML_OK);
}

int nvmlDeviceGetPciInfo_v3(nvml_dev, struct nvml_pci *);
int
nvmlDeviceGetPciInfo_v3(nvml_dev dev, struct nvml_pci *p)
{
	memset(p, 0, sizeof(*p));
	p->bus = 0x10 + 0x10 * (unsigned)standin_gpu_of(device_of(dev));
	(void)snprintf(p->bus_id, sizeof(p->bus_id), "%08X:%02X:%02X.0",
	    p->domain, p->bus, p->device);
	return (NVML_OK);
}

int nvmlDeviceGetMemoryInfo_v2(nvml_dev, struct nvml_memory *);
int
nvmlDeviceGetMemoryInfo_v2(nvml_dev dev, struct nvml_memory *m)
{
	struct standin_gpu *g;
	struct standin s;
	struct users u;
	int r = look(dev, &s, &g);

	if (r != NVML_OK)
		return (r);
	if (m->version != NVML_MEMORY_VERSION)
		return (25);
	find_users(device_of(dev), &s, &u);
	m->total = device_of(dev) >= 100 ? g->total / STANDIN_MIG : g->total;
	m->reserved = UINT64_C(300) << 20;
	m->used = (device_of(dev) >= 100 ? 0 : g->used) + u.bytes;
	m->free = m->total > m->used + m->reserved ?
	    m->total - m->used - m->reserved : 0;
	return (NVML_OK);
}

int nvmlDeviceGetComputeRunningProcesses_v3(nvml_dev, unsigned *,
    struct nvml_process *);
int
nvmlDeviceGetComputeRunningProcesses_v3(nvml_dev dev, unsigned *n,
    struct nvml_process *list)
{
	struct standin_gpu *g;
	struct standin s;
	struct users u;
	int r = look(dev, &s, &g);

	if (r != NVML_OK)
		return (r);
	find_users(device_of(dev), &s, &u);
	if (*n < u.n)
		return (NVML_SIZE);
	memcpy(list, u.list, u.n * sizeof(*list));
	*n = u.n;
	return (NVML_OK);
}

int nvmlDeviceGetUtilizationRates(nvml_dev, struct nvml_rates *);
int
nvmlDeviceGetUtilizationRates(nvml_dev dev, struct nvml_rates *rates)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	if (device_of(dev) >= 100 || g->mig > 0)
		return (NVML_NOT_SUPPORTED);
	rates->gpu = (unsigned)g->util;
	rates->memory = 0;
	return (r);
}

int nvmlDeviceGetTemperature(nvml_dev, unsigned, unsigned *);
int
nvmlDeviceGetTemperature(nvml_dev dev, unsigned sensor, unsigned *degrees)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	*degrees = (unsigned)g->temp;
	return (r);
}

int nvmlDeviceGetEccMode(nvml_dev, unsigned *, unsigned *);
int
nvmlDeviceGetEccMode(nvml_dev dev, unsigned *now, unsigned *later)
{
	*now = *later = 1;
	return (NVML_OK);
}

int nvmlDeviceGetTotalEccErrors(nvml_dev, int, int, uint64_t *);
int
nvmlDeviceGetTotalEccErrors(nvml_dev dev, int type, int counter,
    uint64_t *errors)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	*errors = (uint64_t)g->ecc;
	return (r);
}

int nvmlDeviceGetRemappedRows(nvml_dev, unsigned *, unsigned *, unsigned *,
    unsigned *);
int
nvmlDeviceGetRemappedRows(nvml_dev dev, unsigned *corrected,
    unsigned *uncorrected, unsigned *pending, unsigned *failed)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	*corrected = *uncorrected = *pending = 0;
	*failed = g->remap_failed;
	return (r);
}

int nvmlDeviceGetComputeMode(nvml_dev, unsigned *);
int
nvmlDeviceGetComputeMode(nvml_dev dev, unsigned *mode)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	*mode = (unsigned)g->mode;
	return (r);
}

int nvmlDeviceGetCpuAffinity(nvml_dev, unsigned, unsigned long *);
int
nvmlDeviceGetCpuAffinity(nvml_dev dev, unsigned n, unsigned long *words)
{
	unsigned from, to, i;
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	memset(words, 0, n * sizeof(*words));
	if (sscanf(g->cpus, "%u-%u", &from, &to) != 2)
		return (NVML_NOT_SUPPORTED);
	for (i = from; i <= to && i / 64 < n; i++)
		words[i / 64] |= 1ul << i % 64;
	return (r);
}

int nvmlDeviceGetMemoryAffinity(nvml_dev, unsigned, unsigned long *,
    unsigned);
int
nvmlDeviceGetMemoryAffinity(nvml_dev dev, unsigned n, unsigned long *words,
    unsigned scope)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	memset(words, 0, n * sizeof(*words));
	words[0] = 1ul << g->node;
	return (r);
}

int nvmlDeviceGetMigMode(nvml_dev, unsigned *, unsigned *);
int
nvmlDeviceGetMigMode(nvml_dev dev, unsigned *now, unsigned *later)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	*now = *later = g->mig > 0;
	return (r);
}

int nvmlDeviceGetMaxMigDeviceCount(nvml_dev, unsigned *);
int
nvmlDeviceGetMaxMigDeviceCount(nvml_dev dev, unsigned *n)
{
	*n = STANDIN_MIG;
	return (NVML_OK);
}

/* A hole at 0, as real ones have. */
int nvmlDeviceGetMigDeviceHandleByIndex(nvml_dev, unsigned, nvml_dev *);
int
nvmlDeviceGetMigDeviceHandleByIndex(nvml_dev dev, unsigned i, nvml_dev *mig)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	if (i == 0 || (int)i > g->mig)
		return (NVML_NOT_FOUND);
	*mig = (nvml_dev)(intptr_t)((device_of(dev) + 1) * 100 + (int)i + 1);
	return (r);
}

int nvmlDeviceGetGpuInstanceId(nvml_dev, unsigned *);
int
nvmlDeviceGetGpuInstanceId(nvml_dev dev, unsigned *gi)
{
	*gi = (unsigned)device_of(dev) % 100;
	return (NVML_OK);
}

/* ---- events ---- */

struct set {
	int seen;       /* xid lines of the script that are old */
};

int nvmlEventSetCreate(nvml_set *);
int
nvmlEventSetCreate(nvml_set *set)
{
	struct set *new = calloc(1, sizeof(*new));
	struct standin s;

	standin_read(&s);
	new->seen = s.nxids;
	*set = new;
	return (NVML_OK);
}

int nvmlDeviceRegisterEvents(nvml_dev, unsigned long long, nvml_set);
int
nvmlDeviceRegisterEvents(nvml_dev dev, unsigned long long types, nvml_set set)
{
	struct standin_gpu *g;
	struct standin s;
	int r = look(dev, &s, &g);

	return (g->noevents ? NVML_NOT_SUPPORTED : r);
}

int nvmlEventSetWait_v2(nvml_set, struct nvml_event *, unsigned);
int
nvmlEventSetWait_v2(nvml_set set, struct nvml_event *e, unsigned ms)
{
	const struct timespec nap = { 0, 5000000 };
	double end = seconds_now() + ms / 1e3;
	struct set *mine = set;
	struct standin s;

	do {
		standin_read(&s);
		if (mine->seen < s.nxids) {
			e->dev = (nvml_dev)(intptr_t)
			    (s.xid[mine->seen].gpu + 1);
			e->type = NVML_EVENT_XID;
			e->data = s.xid[mine->seen++].xid;
			e->gi = e->ci = NVML_NO_INSTANCE;
			return (NVML_OK);
		}
		(void)nanosleep(&nap, NULL);
	} while (seconds_now() < end);
	return (NVML_TIMEOUT);
}

int nvmlEventSetFree(nvml_set);
int
nvmlEventSetFree(nvml_set set)
{
	free(set);
	return (NVML_OK);
}
