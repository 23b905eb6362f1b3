/*
 * Keys of open objects. The keys of all levels lie in one array, innermost
 * last; a level that grows past LINEAR_MAX gets a hash table over its part.
 * Keys are held as offsets, 8 bytes each, because a hostile text of 16 MiB
 * can hold three million of them.
 */
#include "config.h"

#include "proto/keyset.h"

#include <sys/random.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"

#define LINEAR_MAX 16   /* keys compared one by one */
#define KEY_LEN_MAX 0x7fffffffu

static const char *
key_text(const struct keyset *ks, const struct keyset_key *k)
{
	return ((k->decoded ? ks->decoded.data : ks->text) + k->at);
}

static bool
same_key(const struct keyset *ks, const struct keyset_key *k, const char *p,
    size_t n)
{
	return (k->n == n && memcmp(key_text(ks, k), p, n) == 0);
}

/* The seed need not be secret for ever, only unknown when the text was made. */
static void
seed(struct keyset *ks)
{
	if (getrandom(ks->seed, sizeof(ks->seed), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(ks->seed)) {
		ks->seed[0] = (uint64_t)mono_now() * UINT64_C(0x9e3779b97f4a7c15);
		ks->seed[1] = (uint64_t)(uintptr_t)ks ^ ks->seed[0] >> 7;
	}
	ks->seed[1] |= 1;
	ks->seeded = true;
}

/* 64 x 64 to 128 bits, folded: no input bit has a fixed effect, which a
 * plain multiplication's top bit would have. */
static uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return ((uint64_t)m ^ (uint64_t)(m >> 64));
}

static uint32_t
hash_key(const struct keyset *ks, const char *p, size_t n)
{
	uint64_t h = ks->seed[0] ^ n;
	uint64_t w;

	for (; n >= sizeof(w); p += sizeof(w), n -= sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		h = fold(h ^ w, ks->seed[1]);
	}
	w = 0;
	memcpy(&w, p, n);
	h = fold(h ^ w, ks->seed[1]);
	return ((uint32_t)(h ^ h >> 32));
}

static void
place(struct keyset_level *l, uint32_t hash, uint32_t index)
{
	uint32_t i = hash & l->mask;

	while (l->cells[i].index != 0)
		i = (i + 1) & l->mask;
	l->cells[i] = (struct keyset_cell){ hash, index };
}

/* A table of ncells (a power of two), filled from the old one or the keys. */
static int
make_table(struct keyset *ks, struct keyset_level *l, size_t ncells)
{
	struct keyset_cell *old = l->cells;
	const struct keyset_key *k;
	size_t i, nold = old == NULL ? 0 : (size_t)l->mask + 1;

	l->cells = calloc(ncells, sizeof(*l->cells));
	if (l->cells == NULL) {
		l->cells = old;
		return (-ERR_NOMEM);
	}
	l->mask = (uint32_t)(ncells - 1);
	for (i = 0; i < nold; i++)
		if (old[i].index != 0)
			place(l, old[i].hash, old[i].index);
	for (i = l->first; old == NULL && i < ks->nkeys; i++) {
		k = &ks->keys[i];
		place(l, hash_key(ks, key_text(ks, k), k->n),
		    (uint32_t)(i - l->first) + 1);
	}
	free(old);
	return (0);
}

static int
find_linear(const struct keyset *ks, const struct keyset_level *l,
    const char *p, size_t n)
{
	size_t i;

	for (i = l->first; i < ks->nkeys; i++)
		if (same_key(ks, &ks->keys[i], p, n))
			return (-ERR_DUPLICATE);
	return (0);
}

static int
find_hashed(struct keyset *ks, struct keyset_level *l, const char *p,
    size_t n, uint32_t hash)
{
	const struct keyset_cell *c;
	uint32_t i;

	for (i = hash & l->mask; (c = &l->cells[i])->index != 0;
	    i = (i + 1) & l->mask)
		if (c->hash == hash &&
		    same_key(ks, &ks->keys[l->first + c->index - 1], p, n))
			return (-ERR_DUPLICATE);
	return (0);
}

static int
check_new(struct keyset *ks, const char *p, size_t n)
{
	struct keyset_level *l = &ks->level[ks->depth - 1];
	size_t count = ks->nkeys - l->first;
	uint32_t hash;
	int r = 0;

	if (count < LINEAR_MAX)
		return (find_linear(ks, l, p, n));
	if (!ks->seeded)
		seed(ks);
	if (l->cells == NULL)
		r = make_table(ks, l, LINEAR_MAX * 4);
	else if (count >= ((size_t)l->mask + 1) / 4 * 3)
		r = make_table(ks, l, ((size_t)l->mask + 1) * 2);
	if (r != 0)
		return (r);
	hash = hash_key(ks, p, n);
	if ((r = find_hashed(ks, l, p, n, hash)) == 0)
		place(l, hash, (uint32_t)count + 1);
	return (r);
}

static int
grow(struct keyset *ks)
{
	struct keyset_key *keys;
	size_t size = ks->size * 2;

	keys = realloc(ks->keys == ks->few ? NULL : ks->keys,
	    size * sizeof(*keys));
	if (keys == NULL)
		return (-ERR_NOMEM);
	if (ks->keys == ks->few)
		memcpy(keys, ks->few, sizeof(ks->few));
	ks->keys = keys;
	ks->size = size;
	return (0);
}

static int
add(struct keyset *ks, const char *p, size_t n, size_t at, bool decoded)
{
	int r;

	ASSERT(ks->depth > 0);
	if (n > KEY_LEN_MAX || at > KEYSET_TEXT_MAX)
		return (-ERR_NOMEM);
	if (ks->nkeys == ks->size && (r = grow(ks)) != 0)
		return (r);
	if ((r = check_new(ks, p, n)) != 0)
		return (r);
	ks->keys[ks->nkeys++] = (struct keyset_key){
		.at = (uint32_t)at, .n = (uint32_t)n & KEY_LEN_MAX,
		.decoded = decoded,
	};
	return (0);
}

void
keyset_init(struct keyset *ks, const char *text, size_t n)
{
	ks->text = text;
	buf_init(&ks->decoded, n);
	ks->keys = ks->few;
	ks->nkeys = 0;
	ks->size = KEYSET_FEW;
	ks->depth = 0;
	ks->seeded = false;
}

void
keyset_fini(struct keyset *ks)
{
	while (ks->depth > 0)
		keyset_pop(ks);
	if (ks->keys != ks->few)
		free(ks->keys);
	ks->keys = NULL;
	buf_fini(&ks->decoded);
}

void
keyset_push(struct keyset *ks)
{
	struct keyset_level *l;

	ASSERT(ks->depth < KEYSET_DEPTH);
	l = &ks->level[ks->depth++];
	l->first = ks->nkeys;
	l->decoded_len = ks->decoded.len;
	l->cells = NULL;
	l->mask = 0;
}

void
keyset_pop(struct keyset *ks)
{
	struct keyset_level *l;

	ASSERT(ks->depth > 0);
	l = &ks->level[--ks->depth];
	ks->nkeys = l->first;
	ks->decoded.len = l->decoded_len;
	free(l->cells);
	l->cells = NULL;
}

int
keyset_add(struct keyset *ks, const char *p, size_t n)
{
	return (add(ks, p, n, (size_t)(p - ks->text), false));
}

int
keyset_add_decoded(struct keyset *ks, size_t at)
{
	return (add(ks, ks->decoded.data + at, ks->decoded.len - at, at, true));
}
