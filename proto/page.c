/*
 * The page's words: names, the cursor of a credit, and a check of the layout
 * at compile time, because both sides only share the header.
 */
#include "config.h"

#include "proto/page.h"

#include <sys/syscall.h>
#include <linux/futex.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

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
#define FROM 0x7fffu
#define HELD 0x80000000u

static uint64_t
cursor(uint32_t credit, unsigned from, unsigned begun)
{
	return ((uint64_t)credit << 32 | (uint64_t)(from & FROM) << 16 |
	    (begun & BEGUN));
}

void
page_offer(struct page_slot *w, uint32_t credit)
{
	atomic_store(&w->cursor[credit % FRAME_CREDITS_MAX], cursor(credit, 0, 0));
}

/* The kernel waits on 32 bits: the half that has the flags. */
static void *
futex_word(struct page_slot *w, uint32_t credit)
{
	char *at = (char *)w + offsetof(struct page_slot, cursor) +
	    credit % FRAME_CREDITS_MAX * sizeof(w->cursor[0]);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	at += sizeof(uint32_t);
#endif
	return (at);
}

static void
wake(struct page_slot *w, uint32_t credit)
{
	(void)syscall(SYS_futex, futex_word(w, credit), FUTEX_WAKE, 1, NULL,
	    NULL, 0);
}

void
page_hold(struct page_slot *w, uint32_t credit)
{
	atomic_store(&w->cursor[credit % FRAME_CREDITS_MAX],
	    cursor(credit, 0, 0) | HELD);
}

void
page_release(struct page_slot *w, uint32_t credit)
{
	page_offer(w, credit);
	wake(w, credit);
}

bool
page_wait(struct page_slot *w, uint32_t credit, dur_t limit)
{
	mono_t until = mono_now() + limit, now;
	struct timespec ts;
	uint64_t at;

	for (;;) {
		at = atomic_load(&w->cursor[credit % FRAME_CREDITS_MAX]);
		if (at >> 32 != credit || (at & HELD) == 0 ||
		    (at & RECALLED) != 0)
			return (false);
		if ((now = mono_now()) >= until)
			return (true);
		ts.tv_sec = (until - now) / DUR_S;
		ts.tv_nsec = (until - now) % DUR_S;
		(void)syscall(SYS_futex, futex_word(w, credit), FUTEX_WAIT,
		    (uint32_t)at, &ts, NULL, 0);
	}
}

bool
page_take(struct page_slot *w, uint32_t credit, unsigned from, unsigned n)
{
	uint64_t old = atomic_load(&w->cursor[credit % FRAME_CREDITS_MAX]);

	if (old >> 32 != credit || (old & (RECALLED | HELD)) != 0)
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
		*fromp = (unsigned)(at >> 16 & FROM);
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
	if (old >> 32 == credit && (old & HELD) != 0)
		wake(w, credit);
	return (page_begun(w, credit, NULL));
}
