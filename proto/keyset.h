/*
 * The keys of the objects that a scanner is inside of, to refuse a second
 * one of the same name. Few keys are compared one by one; more go into a
 * hash table with a random seed, so that no choice of keys makes it slow.
 * Up to KEYSET_FEW keys nothing is allocated.
 */
#ifndef PROTO_KEYSET_H
#define PROTO_KEYSET_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define KEYSET_DEPTH 32
#define KEYSET_FEW 48
#define KEYSET_TEXT_MAX UINT32_MAX /* longest text whose keys it can hold */

struct keyset_key {
	uint32_t at;           /* offset in the text, or in `decoded` */
	uint32_t n : 31;
	uint32_t decoded : 1;
};

struct keyset_cell {
	uint32_t hash;
	uint32_t index;        /* of the key, plus 1; 0: free */
};

struct keyset_level {
	size_t first;              /* its first key */
	size_t decoded_len;        /* what `decoded` held when it opened */
	struct keyset_cell *cells; /* owns; NULL while there are few keys */
	uint32_t mask;             /* number of cells - 1 */
};

struct keyset {
	const char *text;          /* borrows: what `at` counts from */
	struct buf decoded;        /* keys that had escapes */
	struct keyset_key *keys;   /* few, or an allocation */
	size_t nkeys, size;
	unsigned depth;            /* levels open */
	bool seeded;
	uint64_t seed[2];
	struct keyset_level level[KEYSET_DEPTH];
	struct keyset_key few[KEYSET_FEW];
};

void keyset_init(struct keyset *ks, const char *text, size_t n);
void keyset_fini(struct keyset *ks);

/* Opens and closes an object; the caller keeps to KEYSET_DEPTH. */
void keyset_push(struct keyset *ks);
void keyset_pop(struct keyset *ks);

/*
 * Adds a key of the innermost object: n bytes at p inside the text, or the
 * bytes from `at` to the end of ks->decoded. 0, -ERR_DUPLICATE, -ERR_NOMEM.
 */
int keyset_add(struct keyset *ks, const char *p, size_t n);
int keyset_add_decoded(struct keyset *ks, size_t at);

#endif
