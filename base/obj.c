/*
 * What happens when an assertion fails: one line in the log, then abort with
 * a core. It never returns and never tries to clean up: the state can't be
 * trusted any more.
 */
#include "config.h"

#include "base/obj.h"

#include <stdlib.h>

#include "base/log.h"

void
assert_failed(const char *file, int line, const char *func, const char *expr)
{
	static _Thread_local int busy;

	/* The logger itself may be what failed: don't go round. */
	if (busy++ == 0)
		log_bug("assert", "assertion failed: %s file=%s line=%d "
		    "function=%s", expr, file, line, func);
	abort();
}
