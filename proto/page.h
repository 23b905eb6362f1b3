/*
 * The page that the supervisor shares with its children (a memfd, mapped by
 * both). It carries what a child must see even while its handler holds the
 * main thread and its supervisor is silent: when the lease ends, and whether
 * its job was asked to stop. One writer (the supervisor), plain atomics, no
 * locks, no messages.
 */
#ifndef PROTO_PAGE_H
#define PROTO_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

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
	char pad[48];              /* one cache line per slot */
};

struct page {
	uint32_t magic;
	uint32_t nslots;
	char pad[56];
	struct page_slot slot[];
};

const char *ask_name(enum ask a);

#endif
