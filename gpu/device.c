/*
 * Reads devices through NVML. A question that a device does not answer leaves
 * "unknown"; only those that say that the device itself is gone make it sick.
 */
#include "config.h"

#include "gpu/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cpus.h"
#include "base/fd.h"
#include "base/obj.h"
#include "base/xalloc.h"

#define SAMPLE_TRIES 4	/* for memory and processes of one moment */
#define WORDS (CPUS_MAX / 64)
#define NODES_MAX 64u

/* ---- what stays ---- */

static void
read_cpus(const struct nvml *n, struct device *d)
{
	unsigned long words[WORDS] = { 0 };
	struct cpus set;
	struct buf text;
	unsigned i;

	if (n->cpus(d->dev, WORDS, words) != NVML_OK)
		return;
	cpus_clear(&set);
	for (i = 0; i < CPUS_MAX; i++)
		if (words[i / (8 * sizeof(*words))] >>
		    i % (8 * sizeof(*words)) & 1)
			cpus_add(&set, i);
	buf_init(&text, sizeof(d->cpus) - 1);
	if (cpus_put(&text, &set) == 0)
		(void)snprintf(d->cpus, sizeof(d->cpus), "%s",
		    buf_cstr(&text));
	buf_fini(&text);
}

/* The kernel's word where NVML has none; false leaves `out` alone. */
static bool
read_sysfs(const struct device *d, const char *file, char *out, size_t size)
{
	char path[128], *text;
	size_t n;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s",
	    d->pci, file);
	if (fd_slurp(path, 4096, &text, &n) != 0)
		return (false);
	text[strcspn(text, "\n")] = '\0';
	if (strlen(text) < size)
		(void)snprintf(out, size, "%s", text);
	free(text);
	return (true);
}

static void
read_place(const struct nvml *n, struct device *d)
{
	unsigned long nodes[NODES_MAX / (8 * sizeof(long))] = { 0 };
	char text[16] = "";
	unsigned i;

	read_cpus(n, d);
	if (d->cpus[0] == '\0')
		(void)read_sysfs(d, "local_cpulist", d->cpus,
		    sizeof(d->cpus));
	if (n->nodes(d->dev, NELEM(nodes), nodes, NVML_AFFINITY_NODE) ==
	    NVML_OK) {
		for (i = NODES_MAX; i-- > 0;)
			if (nodes[i / (8 * sizeof(long))] >>
			    i % (8 * sizeof(long)) & 1)
				d->node = (int)i;
	} else if (read_sysfs(d, "numa_node", text, sizeof(text)))
		d->node = atoi(text) >= 0 ? atoi(text) : -1;
}

/* NVML writes a domain of eight digits, the kernel and its tools four. */
static void
read_pci(const struct nvml *n, struct device *d)
{
	struct nvml_pci pci;
	unsigned function = 0;
	const char *dot;

	memset(&pci, 0, sizeof(pci));
	if (n->pci(d->dev, &pci) != NVML_OK)
		return;
	pci.bus_id[sizeof(pci.bus_id) - 1] = '\0';
	if ((dot = strrchr(pci.bus_id, '.')) != NULL)
		function = (unsigned)strtoul(dot + 1, NULL, 16);
	(void)snprintf(d->pci, sizeof(d->pci), "%04x:%02x:%02x.%x",
	    pci.domain, pci.bus, pci.device, function & 7);
}

static const char *
mode_name(unsigned mode)
{
	static const char *const names[] = { "default", "exclusive-thread",
	    "prohibited", "exclusive" };

	return (mode < NELEM(names) ? names[mode] : "");
}

static void
read_fixed(const struct nvml *n, struct device *d)
{
	unsigned now = 0, later = 0, mode = 0;

	d->node = -1;
	d->instance = -1;
	d->gi = NVML_NO_INSTANCE;
	d->mode = "";
	(void)n->uuid(d->dev, d->uuid, sizeof(d->uuid));
	(void)n->name(d->dev, d->name, sizeof(d->name));
	read_pci(n, d);
	read_place(n, d);
	if (n->compute_mode(d->dev, &mode) == NVML_OK)
		d->mode = mode_name(mode);
	d->ecc = n->ecc_mode(d->dev, &now, &later) == NVML_OK && now == 1;
	now = 0;
	d->mig_parent = n->mig_mode(d->dev, &now, &later) == NVML_OK &&
	    now == 1;
}

/* ---- what changes ---- */

static void
fall_sick(struct device *d, const char *what)
{
	if (d->sick[0] == '\0')
		(void)snprintf(d->sick, sizeof(d->sick), "%s", what);
}

static bool
is_gone(int code)
{
	return (code == NVML_LOST || code == NVML_RESET_REQUIRED ||
	    code == NVML_NO_DRIVER);
}

static void
sample_memory(const struct nvml *n, struct device *d)
{
	struct nvml_memory m;
	int code;

	memset(&m, 0, sizeof(m));
	m.version = NVML_MEMORY_VERSION;
	if ((code = n->memory(d->dev, &m)) != NVML_OK) {
		if (is_gone(code))
			fall_sick(d, nvml_text(code));
		return;
	}
	d->total = m.total;
	d->used = m.used;
	d->free = m.free;
}

static void
sample_processes(const struct nvml *n, struct device *d)
{
	unsigned count = DEVICE_PROCS_MAX;
	int code = n->processes(d->dev, &count, d->procs);

	d->nprocs = code == NVML_OK ? count : 0;
	if (is_gone(code))
		fall_sick(d, nvml_text(code));
}

/*
 * Memory and processes are asked for one after the other. One that came or
 * went between would make the rest, memory that no process has, wrong.
 */
static void
sample_use(const struct nvml *n, struct device *d)
{
	uint64_t used;
	unsigned i;

	sample_memory(n, d);
	for (i = 0; i < SAMPLE_TRIES; i++) {
		used = d->used;
		sample_processes(n, d);
		sample_memory(n, d);
		if (d->used == used || d->sick[0] != '\0')
			return;
	}
}

static void
sample_errors(const struct nvml *n, struct device *d)
{
	unsigned corrected, uncorrected, pending = 0, failed = 0;
	uint64_t errors = 0;

	d->ecc_errors = n->ecc_total(d->dev, NVML_ECC_UNCORRECTED,
	    NVML_ECC_VOLATILE, &errors) == NVML_OK ? (int64_t)errors : -1;
	d->remap_pending = d->remap_failed = -1;
	if (n->remapped(d->dev, &corrected, &uncorrected, &pending,
	    &failed) == NVML_OK) {
		d->remap_pending = pending != 0;
		d->remap_failed = failed != 0;
	}
}

void
device_sample(const struct devices *all, struct device *d)
{
	const struct nvml *n = &all->nvml;
	struct nvml_rates rates = { 0, 0 };
	unsigned degrees = 0;

	d->sick[0] = '\0';
	if (d->uuid[0] == '\0')
		fall_sick(d, "it has no UUID");
	if (strcmp(d->mode, "prohibited") == 0)
		fall_sick(d, "its compute mode is prohibited");
	sample_use(n, d);
	sample_errors(n, d);
	d->utilization = n->rates(d->dev, &rates) == NVML_OK ?
	    (int)rates.gpu : -1;
	d->temperature = n->temperature(d->dev, NVML_TEMPERATURE_GPU,
	    &degrees) == NVML_OK ? (int)degrees : -1;
}

/* ---- all of them ---- */

static int
by_pci(const void *a, const void *b)
{
	return (strcmp(((const struct device *)a)->pci,
	    ((const struct device *)b)->pci));
}

/* The MIG devices of all->d[at] are put behind it; numbers have holes. */
static void
add_mig(struct devices *all, unsigned at)
{
	const struct device *gpu = &all->d[at];
	unsigned max = 0, i;
	struct device *d;

	if (all->nvml.mig_max(gpu->dev, &max) != NVML_OK)
		return;
	for (i = 0; i < max && all->n < DEVICES_MAX; i++) {
		d = &all->d[all->n];
		memset(d, 0, sizeof(*d));
		if (all->nvml.mig_by_index(gpu->dev, i, &d->dev) != NVML_OK)
			continue;
		read_fixed(&all->nvml, d);
		d->mig = true;
		d->mig_parent = false;
		d->index = gpu->index;
		d->instance = (int)i;
		d->parent = at;
		d->node = gpu->node;
		d->ecc = gpu->ecc;
		d->mode = gpu->mode;
		memcpy(d->pci, gpu->pci, sizeof(d->pci));
		memcpy(d->cpus, gpu->cpus, sizeof(d->cpus));
		(void)all->nvml.mig_gi(d->dev, &d->gi);
		all->n++;
	}
}

static void
read_all(struct devices *all, unsigned count)
{
	struct device *gpus = xcalloc(count == 0 ? 1 : count, sizeof(*gpus));
	unsigned i, n = 0;

	for (i = 0; i < count; i++)
		if (all->nvml.by_index(i, &gpus[n].dev) == NVML_OK)
			read_fixed(&all->nvml, &gpus[n++]);
	qsort(gpus, n, sizeof(*gpus), by_pci);
	for (i = 0; i < n && all->n < DEVICES_MAX; i++) {
		gpus[i].index = i;
		all->d[all->n] = gpus[i];
		all->n++;
		if (gpus[i].mig_parent)
			add_mig(all, all->n - 1);
	}
	free(gpus);
	for (i = 0; i < all->n; i++)
		device_sample(all, &all->d[i]);
}

void
devices_open(struct devices *all)
{
	unsigned count = 0;
	int code;

	memset(all, 0, sizeof(*all));
	all->d = xcalloc(DEVICES_MAX, sizeof(*all->d));
	if (nvml_open(&all->nvml, all->why, sizeof(all->why)) != 0)
		return;
	all->open = true;
	(void)all->nvml.driver(all->driver, sizeof(all->driver));
	(void)all->nvml.cuda(&all->cuda);
	if ((code = all->nvml.count(&count)) != NVML_OK)
		(void)snprintf(all->why, sizeof(all->why),
		    "the GPUs can't be counted: %s", nvml_text(code));
	read_all(all, count < DEVICES_MAX ? count : DEVICES_MAX);
	if (all->n == 0 && all->why[0] == '\0')
		(void)snprintf(all->why, sizeof(all->why),
		    "the driver is there and finds no GPU");
}

void
devices_close(struct devices *all)
{
	if (all->open)
		nvml_close(&all->nvml);
	free(all->d);
	memset(all, 0, sizeof(*all));
}

const struct device *
device_find(const struct devices *all, const char *uuid)
{
	unsigned i;

	for (i = 0; i < all->n; i++)
		if (strcasecmp(all->d[i].uuid, uuid) == 0)
			return (&all->d[i]);
	return (NULL);
}
