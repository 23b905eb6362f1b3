/*
 * Three kinds of time that the compiler can't mix up by name alone, so the
 * type says it: mono_t is an instant of CLOCK_MONOTONIC (nanoseconds; the same
 * in every process of one host), dur_t a length (nanoseconds), wall_t unix
 * milliseconds. Deadlines are mono_t. Only what leaves the host is wall_t.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

typedef int64_t mono_t;
typedef int64_t dur_t;
typedef int64_t wall_t;

#define DUR_US INT64_C(1000)
#define DUR_MS INT64_C(1000000)
#define DUR_S INT64_C(1000000000)
#define MONO_NEVER INT64_MAX /* a deadline that never comes */

mono_t mono_now(void);
wall_t wall_now(void);

/* Tests replace the monotonic source; NULL restores the real one. */
void mono_set_source(mono_t (*source)(void));

/* a + b that sticks at MONO_NEVER; neither may be negative. */
mono_t mono_add(mono_t a, dur_t b);

#endif
