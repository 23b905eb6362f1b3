/*
 * The page's words: names, the cursor of a credit, and a check of the layout
 * at compile time, because both sides only share the header.
 */
#include "config.h"

#include "proto/page.h"

#include <stddef.h>

#include "base/clock.h"

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

#define BEGUN 0x7fffu
#define RECALLED 0x8000u

static uint64_t
cursor(uint32_t credit, unsigned from, unsigned begun)
{
	return ((uint64_t)credit << 32 | (uint64_t)(from & 0xffff) << 16 |
	    (begun & BEGUN));
}

void
page_offer(struct page_slot *w, uint32_t credit)
{
	atomic_store(&w->cursor[credit % FRAME_CREDITS_MAX], cursor(credit, 0, 0));
}

bool
page_take(struct page_slot *w, uint32_t credit, unsigned from, unsigned n)
{
	uint64_t old = atomic_load(&w->cursor[credit % FRAME_CREDITS_MAX]);

	if (old >> 32 != credit || (old & RECALLED) != 0)
		return (false);
	/* before the cursor: who sees the step begun sees its time too */
	atomic_store(&w->begun_at, mono_now());
	return (atomic_compare_exchange_strong(&w->cursor[credit % FRAME_CREDITS_MAX], &old,
	    cursor(credit, from, from + n)));
}

unsigned
page_begun(const struct page_slot *w, uint32_t credit, unsigned *fromp)
{
	uint64_t at = atomic_load(&w->cursor[credit % FRAME_CREDITS_MAX]);

	if (at >> 32 != credit)
		at = 0;
	if (fromp != NULL)
		*fromp = (unsigned)(at >> 16 & 0xffff);
	return ((unsigned)(at & BEGUN));
}

unsigned
page_recall(struct page_slot *w, uint32_t credit)
{
	uint64_t old = atomic_load(&w->cursor[credit % FRAME_CREDITS_MAX]);

	while (old >> 32 == credit && (old & RECALLED) == 0 &&
	    !atomic_compare_exchange_weak(&w->cursor[credit % FRAME_CREDITS_MAX], &old,
	    old | RECALLED))
		;
	return (page_begun(w, credit, NULL));
}
