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

/* glibc's calloc does not use the thread's cache of small chunks. */
#define CACHED_MAX 1024

void *
xcalloc(size_t n, size_t size)
{
	if (n == 0 || size == 0)
		n = size = 1;
	if (n <= CACHED_MAX && size <= CACHED_MAX && n * size <= CACHED_MAX)
		return (memset(xmalloc(n * size), 0, n * size));
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
