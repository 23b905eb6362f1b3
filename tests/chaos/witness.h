/*
 * What a job of the crash laboratory leaves behind: a file of its own, named
 * by its id in the folder CHAOS_DIR, with one line when a run begins and one
 * when it ends:
 *
 *     b NS PID PARENT ATTEMPT      began, at NS of CLOCK_MONOTONIC
 *     e NS PID PARENT ATTEMPT      ended
 *     o NS PID PARENT ATTEMPT      began while another run was alive: an overlap
 *
 * A run holds a lock on the file while it lives. The kernel drops it when the
 * process is gone, at whatever instruction it was killed, so an overlap is
 * seen exactly and needs no comparison of times. It never waits.
 */
#ifndef TESTS_CHAOS_WITNESS_H
#define TESTS_CHAOS_WITNESS_H

/* Begins; the descriptor for witness_end, or -1 (errno). */
int witness_begin(const char *id, unsigned attempt);
void witness_end(int fd, unsigned attempt);
/* Sleeps that long, whatever signals come. */
void witness_sleep(double ms);

#endif
