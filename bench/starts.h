/* What the benchmark's own handlers share: when a job's handler began. */
#ifndef BENCH_STARTS_H
#define BENCH_STARTS_H

#include <stddef.h>

/*
 * If a job carries "t", the producer's CLOCK_MONOTONIC in ns, appends the
 * time since then as one line to the file that BENCH_STARTS names. The clock
 * is read first, so that the writing is not measured.
 */
void starts_note(const char *job, size_t n);

#endif
