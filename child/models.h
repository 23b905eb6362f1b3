/*
 * The model store: NAME/VERSION/..., VERSION a positive integer, the highest
 * one current. A version is never changed once it is there.
 */
#ifndef CHILD_MODELS_H
#define CHILD_MODELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* The file in a published version that names the job it came from. */
#define MODELS_MARKER ".ganger-job"

/*
 * Finds a model's version (0: the highest). 0 with *versionp and *pathp (the
 * caller's), or -ERR_NOTFOUND. A name that is no plain name is not found.
 */
int models_find(const char *store, struct slice name, uint32_t version,
    uint32_t *versionp, char **pathp);

/*
 * Moves the folder `from` into the store as the next version of name, in one
 * step as readers see it. A job that published before (the same id, a rerun
 * after a crash) finds its version there, and `from` is removed. 0 and
 * *versionp, or -ERR_SYSTEM, -ERR_NOTFOUND (from is empty), -ERR_SYNTAX
 * (name) with a line in why.
 */
int models_publish(const char *store, struct slice name, const char *from,
    struct slice job_id, uint32_t *versionp, struct buf *why);

#endif
