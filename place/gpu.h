/*
 * The GPUs of this host as ganger-gpuprobe lists them: what the planner, the
 * supervisor and `ganger plan` know about devices. Reading the list never
 * touches CUDA or NVML; the prober does, in a process of its own that is
 * killed when it is late.
 */
#ifndef PLACE_GPU_H
#define PLACE_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"

#define GPU_LIST_MAX 512           /* devices of one host, MIG ones included */
#define GPU_LIST_WAIT (20 * DUR_S) /* a driver that loads itself takes 10 s */

struct gpu {
	unsigned index;        /* among the physical GPUs, in PCI order; a MIG
	                        * device has that of its parent */
	int instance;          /* number of a MIG device on its parent, or -1 */
	char uuid[96];         /* GPU-... or MIG-... */
	char pci[32];          /* 0000:17:00.0, in lower case */
	char name[96];
	uint64_t memory_total; /* bytes */
	uint64_t memory_free;  /* when it was listed */
	int node;              /* NUMA node, -1: unknown */
	char cpus[256];        /* near CPUs as list text, "": unknown */
	bool mig;              /* a MIG device */
	bool mig_parent;       /* split by MIG: only its MIG devices can be used */
	unsigned parent;       /* of a MIG device: place of its GPU in the list */
	bool ecc;              /* ECC is on */
	char mode[16];         /* compute mode: default, exclusive, prohibited */
	char sick[128];        /* why it can't be used now, "": it can */
};

struct gpu_list {
	struct gpu *gpus;      /* owns; a parent stands before its MIG devices */
	size_t ngpus;
	char driver[80];       /* version, "" where there is none */
	int cuda;              /* version the driver speaks, 13000; 0: no CUDA */
	char why[256];         /* why the list is empty or could not be had */
};

/* Frees; a zeroed struct passes. The struct is zeroed afterwards. */
void gpu_list_fini(struct gpu_list *l);

/*
 * Reads what `ganger-gpuprobe --list` writes. *out is overwritten, and on an
 * error holds no device and the reason in why. 0, -ERR_SYNTAX.
 */
int gpu_list_parse(const char *text, size_t n, struct gpu_list *out);

/*
 * Runs the prober and reads its list; waits at most limit, so it is for
 * start-up and tools, never for a running loop. A prober that is late is
 * killed with all it started. 0 also where the host has no GPU (why says so);
 * -ERR_TIMEOUT, -ERR_SYSTEM (it can't be run), -ERR_SYNTAX, with the text in
 * out->why.
 */
int gpu_list_probe(const char *prober, dur_t limit, struct gpu_list *out);

/* GANGER_GPUPROBE, else beside this program, else where `make install` puts
 * it. Never freed. */
const char *gpu_prober(void);

/*
 * The device that a word of `devices` or GPU_DEVICE names: an index, or a
 * UUID (its beginning will do where it fits one device only). NULL with the
 * reason appended to why: none such, several, split by MIG, or sick.
 */
const struct gpu *gpu_list_find(const struct gpu_list *l, const char *word,
    struct buf *why);
/* What `all` takes: neither split by MIG nor sick. */
bool gpu_usable(const struct gpu *g);
/* How many of the list are GPUs, not MIG devices. */
unsigned gpu_list_physical(const struct gpu_list *l);

#endif
