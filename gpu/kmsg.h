/*
 * Xid events in the kernel's log: those of a time when nobody waited for them
 * in NVML, and those of devices for which NVML has no events. The log's own
 * numbers of its records say where to go on, for times in it drift.
 */
#ifndef GPU_KMSG_H
#define GPU_KMSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define KMSG_PATH "/dev/kmsg"   /* GANGER_KMSG names another */

struct kmsg {
	int fd;                 /* -1: it can't be read */
	int64_t seq;            /* of the last record; -1: none yet */
	struct buf line;
};

struct kmsg_xid {
	unsigned domain, bus, device;
	unsigned instance;      /* GPU instance, or UINT_MAX */
	unsigned number;
};

/* Never waits. Where it can't be read kmsg_next finds nothing. */
void kmsg_open(struct kmsg *k);
void kmsg_close(struct kmsg *k);
/* The next Xid, k->seq is its record's; false at the end of the log, k->seq
 * is the last record's then. */
bool kmsg_next(struct kmsg *k, struct kmsg_xid *x);

#endif
