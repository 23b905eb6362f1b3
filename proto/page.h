/*
 * The page that the supervisor shares with a child (a memfd per slot, mapped
 * by both). Down it carries what a child must see even while its handler holds
 * the main thread and its supervisor is silent: when the lease ends, and
 * whether its job was asked to stop. Up it carries which jobs of a credit were
 * begun, so that the supervisor can take back those that were not, at once and
 * without asking, and knows which job is to blame for a child's end. Plain
 * atomics, no locks, no messages.
 */
#ifndef PROTO_PAGE_H
#define PROTO_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "proto/frame.h"

#define PAGE_MAGIC 0x67706731u
#define PAGE_SLOTS_MAX 1024

/* Why a running job was asked to stop; the order is the wire's. */
#define ASK_TABLE(X) \
	X(NONE, "") X(CANCEL, "cancel") X(PREEMPT, "preempt") X(STOP, "stop") \
	X(TIMEOUT, "timeout") X(LEASE, "lease")

enum ask {
#define X(id, name) ASK_##id,
	ASK_TABLE(X)
#undef X
	ASK_N
};

struct page_slot {
	_Atomic int64_t fence_at;  /* mono ns by which the running job must be
				    * dead; INT64_MAX: none */
	_Atomic uint32_t ask;      /* enum ask of the running job */
	_Atomic uint32_t gen;      /* generation these words are for */
	/*
	 * The cursor of each credit that is out, at most four, by the
	 * number modulo 4: credit << 32 | held << 31 | from << 16 |
	 * recalled << 15 | begun.
	 * The child moves `begun` forward before it runs jobs [from, begun);
	 * the supervisor sets `recalled`, and then it moves no more. Both by
	 * compare and swap, so each job is begun or recalled, never both. What
	 * is held is neither: its job is not claimed yet.
	 */
	_Atomic uint64_t cursor[FRAME_CREDITS_MAX];
	_Atomic int64_t begun_at;  /* mono ns of the last step's beginning */
	_Atomic int64_t saved_at;  /* mono ns of the running job's checkpoint, as
				    * far as the child has seen; 0: none.
				    * These make one cache line per slot */
};

struct page {
	uint32_t magic;
	uint32_t nslots;
	char pad[56];
	struct page_slot slot[];
};

/* Supervisor, before it sends a credit: none of its jobs has begun. */
void page_offer(struct page_slot *w, uint32_t credit);
/* The same, but nothing of it may begin before page_release. */
void page_hold(struct page_slot *w, uint32_t credit);
void page_release(struct page_slot *w, uint32_t credit);
/* Child: waits while the credit is held, but no longer than `limit`. True if
 * it still is. */
bool page_wait(struct page_slot *w, uint32_t credit, dur_t limit);
/* Child, before it runs jobs [from, from + n): false if they were recalled. */
bool page_take(struct page_slot *w, uint32_t credit, unsigned from,
    unsigned n);
/* How many jobs of the credit were begun; *fromp (may be NULL) gets where
 * the last step began. */
unsigned page_begun(const struct page_slot *w, uint32_t credit,
    unsigned *fromp);
/* Supervisor, or a child that is not fit for more: from now on no further job
 * of the credit begins. As page_begun. */
unsigned page_recall(struct page_slot *w, uint32_t credit);

const char *ask_name(enum ask a);

#endif
