/*
 * The device test: a memory pattern, arithmetic with known results, copies.
 * It runs in a process of its own that is killed when it is late, so a GPU
 * that hangs costs a process and nothing else.
 */
#ifndef GPU_TEST_H
#define GPU_TEST_H

#include <stdint.h>

#define TEST_BYTES (UINT64_C(256) << 20) /* at most half of what is free */
#define TEST_SECONDS 30u

#define TEST_EXIT_BAD 1   /* the device gave wrong results, or errors */
#define TEST_EXIT_HUNG 2  /* the test did not end in time */

/*
 * Tests the device of that UUID and prints the outcome as one JSON object:
 * "ok", "why", "kernel" (false: built without nvcc, so no kernel of ours ran
 * and arithmetic was not tested), "memory", "arithmetic", "copy". The exit
 * status: 0, one of the above, EX_UNAVAILABLE where CUDA can't be had.
 */
int test_run(const char *uuid, uint64_t bytes, unsigned seconds);

#endif
