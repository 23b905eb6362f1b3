/*
 * An array in order of use, freshest first: with ten entries a move is
 * cheaper than any list.
 */
#include "config.h"

#include "child/model_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/xalloc.h"

#define CACHE_MAGIC 0x6d6f6463u

struct entry {
	void *owner;      /* borrows */
	char *name;       /* owns */
	uint32_t version;
	void *model;      /* the owner's */
};

struct model_cache {
	unsigned magic;
	unsigned max, n;
	model_unload_f *unload;
	struct entry *e;  /* owns max entries, n in use */
};

static int
find_entry(const struct model_cache *c, const void *owner, struct slice name,
    uint32_t version)
{
	unsigned i;

	for (i = 0; i < c->n; i++)
		if (c->e[i].owner == owner && c->e[i].version == version &&
		    slice_is(name, c->e[i].name))
			return ((int)i);
	return (-1);
}

static void
remove_entry(struct model_cache *c, unsigned i)
{
	struct entry gone = c->e[i];

	c->n--;
	memmove(&c->e[i], &c->e[i + 1], (c->n - i) * sizeof(*c->e));
	c->unload(gone.owner, gone.model);
	free(gone.name);
}

struct model_cache *
model_cache_new(unsigned max, model_unload_f *unload)
{
	struct model_cache *c;

	c = xcalloc(1, sizeof(*c));
	c->magic = CACHE_MAGIC;
	c->max = max > 0 ? max : 1;
	c->unload = unload;
	c->e = xcalloc(c->max, sizeof(*c->e));
	return (c);
}

void
model_cache_free(struct model_cache **cp)
{
	struct model_cache *c = *cp;

	if (c == NULL)
		return;
	OBJ_CHECK(c, CACHE_MAGIC);
	while (c->n > 0)
		remove_entry(c, c->n - 1);
	c->magic = 0;
	free(c->e);
	free(c);
	*cp = NULL;
}

bool
model_cache_get(struct model_cache *c, void *owner, struct slice name,
    uint32_t version, void **modelp)
{
	struct entry hit;
	int i;

	OBJ_CHECK(c, CACHE_MAGIC);
	if ((i = find_entry(c, owner, name, version)) < 0)
		return (false);
	hit = c->e[i];
	memmove(&c->e[1], &c->e[0], (size_t)i * sizeof(*c->e));
	c->e[0] = hit;
	*modelp = hit.model;
	return (true);
}

void
model_cache_make_room(struct model_cache *c)
{

	OBJ_CHECK(c, CACHE_MAGIC);
	while (c->n >= c->max)
		remove_entry(c, c->n - 1);
}

void
model_cache_put(struct model_cache *c, void *owner, struct slice name,
    uint32_t version, void *model)
{

	OBJ_CHECK(c, CACHE_MAGIC);
	ASSERT(c->n < c->max);
	memmove(&c->e[1], &c->e[0], c->n * sizeof(*c->e));
	c->e[0] = (struct entry){ owner, xstrndup(name.n > 0 ? name.p : "",
	    name.n), version, model };
	c->n++;
}

void
model_cache_drop(struct model_cache *c, void *owner)
{
	unsigned i;

	OBJ_CHECK(c, CACHE_MAGIC);
	for (i = c->n; i-- > 0;)
		if (c->e[i].owner == owner)
			remove_entry(c, i);
}

static bool
is_named_before(const struct model_cache *c, unsigned i)
{
	unsigned k;

	for (k = 0; k < i; k++)
		if (strcmp(c->e[k].name, c->e[i].name) == 0)
			return (true);
	return (false);
}

void
model_cache_names(const struct model_cache *c, struct buf *b)
{
	unsigned i;

	OBJ_CHECK(c, CACHE_MAGIC);
	for (i = 0; i < c->n; i++)
		if (c->e[i].name[0] != '\0' && !is_named_before(c, i))
			buf_printf(b, "%s%s", b->len > 0 ? "," : "",
			    c->e[i].name);
}
