/*
 * ganger-gpuprobe --watch: lines of JSON on stdout for the supervisor, until
 * stdin ends. First the list, then a sample every period and one for each
 * line "sample N" on stdin (its seq is N, that of the others 0), and each Xid
 * as it comes. docs/gpu.md describes the lines.
 */
#ifndef GPU_WATCH_H
#define GPU_WATCH_H

/* The exit status; period in milliseconds. */
int watch_run(unsigned period_ms);

#endif
