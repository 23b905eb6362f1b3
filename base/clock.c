/*
 * The two clocks. Nothing else in the tree calls clock_gettime, so that a
 * test which replaces the monotonic source controls every deadline.
 */
#include "config.h"

#include "base/clock.h"

#include <stddef.h>
#include <time.h>

#include "base/obj.h"

static mono_t (*mono_source)(void); /* NULL: the real clock */

mono_t
mono_now(void)
{
	struct timespec ts;

	if (mono_source != NULL)
		return (mono_source());
	ASSERT(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return ((mono_t)ts.tv_sec * DUR_S + ts.tv_nsec);
}

wall_t
wall_now(void)
{
	struct timespec ts;

	ASSERT(clock_gettime(CLOCK_REALTIME, &ts) == 0);
	return ((wall_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

void
mono_set_source(mono_t (*source)(void))
{
	mono_source = source;
}

mono_t
mono_add(mono_t a, dur_t b)
{
	ASSERT(a >= 0 && b >= 0);
	return (a > MONO_NEVER - b ? MONO_NEVER : a + b);
}
