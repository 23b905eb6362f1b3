/*
 * Allocation that can't fail. Out of memory here means that the host has
 * nothing left for a few small objects: saying so and ending is all that
 * helps, and the service manager starts the daemon again.
 */
#include "config.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *
check(void *p, size_t n)
{
	if (p == NULL) {
		log_bug("alloc", "out of memory bytes=%zu", n);
		abort();
	}
	return (p);
}

void *
xmalloc(size_t n)
{
	return (check(malloc(n == 0 ? 1 : n), n));
}

void *
xcalloc(size_t n, size_t size)
{
	if (n == 0 || size == 0)
		n = size = 1;
	return (check(calloc(n, size), n));
}

void *
xrealloc(void *p, size_t n)
{
	return (check(realloc(p, n == 0 ? 1 : n), n));
}

char *
xstrdup(const char *s)
{
	return (check(strdup(s), 0));
}

char *
xstrndup(const char *s, size_t n)
{
	return (check(strndup(s, n), n));
}
