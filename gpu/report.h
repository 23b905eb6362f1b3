/*
 * What the prober writes: the list (place/gpu.h reads it), samples for the
 * supervisor (docs/gpu.md has the lines), and a table for people.
 */
#ifndef GPU_REPORT_H
#define GPU_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct devices;

/* One JSON object without its line end. With event it is the watch's line. */
void report_list(struct buf *b, const struct devices *all, bool event);
void report_sample(struct buf *b, const struct devices *all, uint64_t seq,
    int64_t kmsg);
/* late: it came while nobody listened. */
void report_xid(struct buf *b, const char *uuid, uint64_t xid, bool late);
/* Lines for a terminal. */
void report_table(struct buf *b, const struct devices *all);

#endif
