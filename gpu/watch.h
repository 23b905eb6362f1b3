/*
 * ganger-gpuprobe --watch: lines of JSON on stdout for the supervisor, until
 * stdin ends. First the list, then a sample every period and one for each
 * line "sample N" on stdin (its seq is N, that of the others 0), and each Xid
 * as it comes. docs/gpu.md describes the lines.
 */
#ifndef GPU_WATCH_H
#define GPU_WATCH_H

#include <stdint.h>

/* The exit status; period in milliseconds. Xids in the kernel's log after that
 * record are told at the start; -1: none. */
int watch_run(unsigned period_ms, int64_t after);

#endif
