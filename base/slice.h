/* A borrowed run of bytes. Not NUL-terminated; valid as long as its owner. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

#define SLICE_NULL ((struct slice){ NULL, 0 })
#define SLICE_LIT(s) ((struct slice){ (s), sizeof(s) - 1 })

static inline struct slice
slice_of(const char *s)
{
	return ((struct slice){ s, s == NULL ? 0 : strlen(s) });
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return (a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0));
}

static inline bool
slice_is(struct slice a, const char *s)
{
	return (slice_eq(a, slice_of(s)));
}

#endif
