/*
 * Names of the page's words. The page itself is mapped and written by the
 * supervisor and read by the child; its layout is checked here at compile
 * time, because both sides only share the header.
 */
#include "config.h"

#include "proto/page.h"

#include <stddef.h>

_Static_assert(sizeof(struct page_slot) == 64, "one cache line per slot");
_Static_assert(offsetof(struct page, slot) == 64, "slots start on a line");

static const char *const names[ASK_N] = {
#define X(id, name) [ASK_##id] = name,
	ASK_TABLE(X)
#undef X
};

const char *
ask_name(enum ask a)
{
	return ((unsigned)a < ASK_N ? names[a] : "?");
}
