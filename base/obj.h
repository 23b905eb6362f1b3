/*
 * Checked objects and assertions that stay on in production.
 *
 * Every long-lived struct starts with `unsigned magic`, set from a constant
 * that scripts/check_magic.sh keeps unique. OBJ_CHECK on entry of a function
 * turns a stale or wrong pointer into an immediate, named abort instead of
 * quiet damage. An ASSERT is for our own bugs only; what a peer or an
 * operator can cause is handled as an error.
 */
#ifndef BASE_OBJ_H
#define BASE_OBJ_H

_Noreturn void assert_failed(const char *file, int line, const char *func,
    const char *expr);

#define ASSERT(e) \
	do { \
		if (!(e)) \
			assert_failed(__FILE__, __LINE__, __func__, #e); \
	} while (0)

/* The pointer is non-NULL and points to a live object of the type. */
#define OBJ_CHECK(p, m) \
	ASSERT((p) != NULL && (p)->magic == (m))

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

#endif
