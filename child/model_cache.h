/*
 * The loaded models of this child's plugins: at most max of them, the one
 * used longest ago goes first.
 */
#ifndef CHILD_MODEL_CACHE_H
#define CHILD_MODEL_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct model_cache;

/* Ends the use of one model; owner is what it was put with. */
typedef void model_unload_f(void *owner, void *model);

struct model_cache *model_cache_new(unsigned max, model_unload_f *unload);
void model_cache_free(struct model_cache **cp); /* unloads all */

/* True and the model (which may be NULL, as plugins like), now the freshest. */
bool model_cache_get(struct model_cache *c, void *owner, struct slice name,
    uint32_t version, void **modelp);

/* Unloads until one more fits. Before a load, which needs the memory. */
void model_cache_make_room(struct model_cache *c);

/* Keeps a loaded model; there is room, and it is not in there yet. */
void model_cache_put(struct model_cache *c, void *owner, struct slice name,
    uint32_t version, void *model);

/* Unloads all models of one owner. */
void model_cache_drop(struct model_cache *c, void *owner);

/* Appends the names, comma separated, freshest first, each once. */
void model_cache_names(const struct model_cache *c, struct buf *b);

#endif
