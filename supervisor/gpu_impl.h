/*
 * What the gpu*.c files share. gpu.c decides about devices, gpu_jobs.c about
 * jobs, gpu_prober.c runs the prober and its tests, gpu_sample.c reads what it
 * says, gpu_status.c shows it.
 */
#ifndef SUPERVISOR_GPU_IMPL_H
#define SUPERVISOR_GPU_IMPL_H

#include <sys/types.h>

#include "supervisor/finish.h"
#include "supervisor/gpu.h"
#include "supervisor/job.h"
#include "supervisor/queue.h"
#include "supervisor/xid_tbl.h"

#define GPU_PROCS_MAX 64      /* of one device that are kept */
#define GPU_XIDS_MAX 16       /* kinds of one device that are counted apart */
#define GPU_TESTS_MAX 8       /* at a time */
/* The driver may tell of an error a little after a program has died of it. */
#define GPU_DOUBT_MIN (100 * DUR_MS)
#define GPU_PUT_OFF_MS 2000   /* a job without the memory it asks for waits */

struct event;

/* A process on a device, as the last sample had it. */
struct gpu_proc {
	pid_t pid;
	int64_t bytes;            /* -1: not known */
	int slot;                 /* -1: none of ours */
	bool known;               /* slot was looked up */
	bool helper;              /* our prober, the MPS daemon */
	bool dead;                /* no such process any more */
	char name[16];
	mono_t first;             /* sample in which it was new */
};

struct gpu_xid {
	unsigned number;
	uint64_t count;
	mono_t at;
};

/* One run of ganger-gpuprobe --test. */
struct gpu_test {
	pid_t pid;                /* 0: none; also the process group */
	int fd;
	struct event *ev;
	struct buf out;
	mono_t until;
};

/* Devices, all those of one slot, kept for one job. */
struct gpu_keep {
	TAILQ_ENTRY(gpu_keep) link;
	struct job *job;          /* borrows; nobody else has it */
	wall_t since;
	mono_t until;             /* then any worker may have the job */
	mono_t unable;            /* the memory is not to be had since then, */
				  /* whatever ends; 0: it is */
	unsigned njobs;           /* that ran there at the last look */
	char said[256];           /* in the job's record, */
	mono_t say_after;         /* which is written again not before */
};

TAILQ_HEAD(gpu_keep_list, gpu_keep);

/* The job that has waited longest of those for which nothing could be kept,
 * because others had it: what comes free next is for it. */
struct gpu_eldest {
	const struct pool *pool;  /* to be compared only */
	char id[129];
	wall_t since;
	uint64_t want;
	mono_t seen;
};

struct gpu_dev {
	struct gpus *all;         /* borrows */
	char uuid[96], name[96], pci[32];
	unsigned index;
	bool mig, mig_parent;
	int parent;               /* place of its GPU, -1: it is one itself */
	enum gpu_state state;
	char why[192];            /* of the state; "" */
	char sick[128];           /* the prober's word in the last sample */
	bool listed;              /* in the prober's last list */
	bool sampled;             /* since the prober was started */
	uint64_t total, used, free;
	int temperature, utilization, remap_pending, remap_failed;
	int64_t ecc;              /* -1: unknown */
	unsigned nprocs;
	struct gpu_proc procs[GPU_PROCS_MAX];
	int64_t loose;            /* used memory that no process has */
	int64_t loose_base;       /* the least of it while no slot was in flux */
	unsigned nxids;
	struct gpu_xid xids[GPU_XIDS_MAX];
	mono_t fault_at;          /* the last one that is not the job's fault */
	char fault[160];
	unsigned failures;        /* in a row, for the next look */
	mono_t retry_at;          /* quarantined: next test; MONO_NEVER */
	bool tested;              /* since it was seen first */
	bool doubted;             /* Xids may have been missed: to be tested
				   * when nothing runs there */
	struct gpu_test test;
	struct gpu_keep *keep;    /* borrows; NULL: kept for nobody */
};

#define GPU_PROBER_STATES(X) \
	X(OFF, "off", "no pool has GPUs") \
	X(STARTING, "starting", "waits for its list") \
	X(UP, "up", "answers") \
	X(DOWN, "down", "ended or hung; it is started again")
enum gpu_prober_state {
#define X(id, name, text) PROBER_##id,
	GPU_PROBER_STATES(X)
#undef X
};

struct gpu_prober {
	enum gpu_prober_state state;
	char why[256];            /* of the last end */
	pid_t pid;                /* 0: none; also the process group */
	int in, out;              /* its stdin and stdout; -1 */
	struct event *ev;
	struct buf line;
	mono_t started, heard;
	mono_t again;             /* DOWN: when to start it */
	unsigned failures;        /* in a row */
	uint64_t restarts;
	mono_t rescan_at;         /* a device is lost: look anew then */
	bool was_down;            /* and nothing was sampled since */
	mono_t deaf_since;        /* when the one before was heard last; 0: - */
	int64_t kmsg;             /* last record of the kernel's log that it
				   * saw; -1: it can't read that */
	uint64_t asked, seen;     /* samples on demand */
};

struct gpus {
	unsigned magic;
	struct sup *sup;          /* borrows */
	unsigned n;
	struct gpu_dev **d;       /* owns; grows, never shrinks */
	char driver[80];
	struct gpu_prober prober;
	struct job_list doubts;   /* failed; the verdict waits. job.ready */
	struct gpu_keep_list keeps;   /* owns */
	struct gpu_eldest eldest;
	mono_t sampled_at;
};

/* gpu.c */
struct gpu_dev *gpu_dev_find(const struct gpus *g, const char *uuid, size_t n);
/* The k-th device of a slot, or NULL. */
struct gpu_dev *gpu_of_slot(const struct proc *p, unsigned k);
unsigned gpu_slot_devices(const struct proc *p); /* how many */
bool gpu_slot_has(const struct proc *p, const struct gpu_dev *d);
/* An Xid, by number; a fault, by its row. */
void gpu_xid(struct gpu_dev *d, unsigned number);
/* The same for one that came while the prober was down, and may be one that it
 * told just before. */
void gpu_xid_late(struct gpu_dev *d, unsigned number);
/* The prober was down, and what came meanwhile is not known. */
void gpu_doubt_all(struct gpus *g);
enum gpu_fault {
#define FAULT(id, class, text) FAULT_##id,
	FAULT_TABLE(FAULT)
#undef FAULT
	FAULT_N
};
void gpu_fault(struct gpu_dev *d, enum gpu_fault fault, const char *detail);
/* After a sample was taken in. */
void gpu_sampled(struct gpus *g);
/* A test ended; why is "" if the device passed. */
void gpu_tested(struct gpu_dev *d, const char *why);

/* gpu_jobs.c: verdicts that are due; memory that nobody has or was promised. */
void gpu_settle_doubts(struct gpus *g, mono_t now);
uint64_t gpu_left(const struct gpu_dev *d);
void gpu_put_size(struct buf *b, uint64_t bytes);

/*
 * gpu_keep.c. For a job that has waited longer than gpu_wait a device is
 * kept: the job stays here under its lease, nothing else begins on the device,
 * and when what runs there has ended it starts. Takes the job if it does so.
 */
bool gpu_keep(struct job *j);
void gpu_keep_phase(struct gpus *g, mono_t now);
/* Forgets them all, at the very end; the jobs are none of its business. */
void gpu_keep_free(struct gpus *g);

/* gpu_sample.c: a line of the prober. 0 or -ERR_SYNTAX. */
int gpu_line(struct gpus *g, const char *text, size_t n);
/* Memory of that slot's processes there. */
uint64_t gpu_used_by(const struct gpu_dev *d, unsigned slot);

/* gpu_prober.c */
void gpu_prober_phase(struct gpus *g, mono_t now);
/* Asks for a sample; its number, to be compared with prober.seen. */
uint64_t gpu_prober_ask(struct gpus *g);
void gpu_prober_end(struct gpus *g, const char *why);
void gpu_test_start(struct gpu_dev *d);
void gpu_test_stop(struct gpu_dev *d);
/* That process belongs to a run of the prober. */
bool gpu_prober_owns(const struct gpus *g, pid_t pid);

#endif
