/*
 * msgpack to JSON text, one pass over the bytes, no tree and no allocation
 * that the input could size. Rules: one value and nothing after it, map keys
 * are strings and unique per map, strings are UTF-8, at most JSON_DEPTH_MAX
 * deep, every claimed count fits in the bytes that are left; bin becomes a
 * base64 string; ext and non-finite floats are refused (-ERR_TYPE).
 * Returns 0, -ERR_TYPE, -ERR_TRUNCATED, -ERR_TRAILING, -ERR_UTF8, -ERR_DEPTH,
 * -ERR_DUPLICATE, or a buf error.
 */
#ifndef PROTO_TRANSCODE_H
#define PROTO_TRANSCODE_H

#include "base/buf.h"

int msgpack_to_json(const void *p, size_t n, struct buf *out);

/* What msgpack_to_json would return if its buffer had no cap. */
int msgpack_check(const void *p, size_t n);

#endif
