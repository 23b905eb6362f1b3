/* Puts an id into a payload that has none, or a null one. */
#ifndef SUPERVISOR_RENAME_H
#define SUPERVISOR_RENAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/*
 * Gives the payload with "id" set to id, everything else byte for byte; the
 * payload was checked by job_parse before. 0 (*outp is malloc'ed), or
 * -ERR_NOMEM, -ERR_SYNTAX.
 */
int rename_payload(struct slice payload, bool is_msgpack, const char *id,
    char **outp, size_t *lenp);

#endif
