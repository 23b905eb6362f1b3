/*
 * Strict JSON text (RFC 8259) without a tree: one pass, no allocation for
 * plain text. Used on the corridor, where a tree costs 20 to 100 times as
 * much (docs/design.md, costs of the corridor).
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

#define JSON_DEPTH_MAX 32

enum json_kind {
	JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT
};

struct json_error {
	size_t at;          /* byte offset of the problem */
	const char *what;   /* static text, e.g. "duplicate key" */
};

/* One member as the scanner meets it. All slices point into the text. */
struct json_member {
	struct slice key;     /* between the quotes, escapes not decoded */
	bool key_escaped;
	struct slice value;   /* the raw value, quotes or brackets included */
	enum json_kind kind;
};

/*
 * Scans a whole text that must be one object: valid UTF-8, no duplicate keys
 * at any level, at most JSON_DEPTH_MAX deep, nothing after it but white
 * space. Calls fn for each member of the outermost object in order; a
 * non-zero return of fn stops the scan and is returned as it is.
 * Returns 0, -ERR_SYNTAX, -ERR_UTF8, -ERR_DEPTH, -ERR_DUPLICATE, -ERR_TYPE (not an
 * object), -ERR_NOMEM; *err (may be NULL) says where.
 */
typedef int json_member_f(void *priv, const struct json_member *m);
int json_scan_object(const char *p, size_t n, json_member_f *fn, void *priv,
    struct json_error *err);

/*
 * A second look at a text that the strict scan refused, to find what can
 * still be read (a job's id, say): duplicate keys, any depth and bytes that
 * are not UTF-8 are let pass, members are given until the first syntax error.
 * Returns as json_scan_object.
 */
int json_scan_loose(const char *p, size_t n, json_member_f *fn, void *priv);

/* The same rules as json_scan_object for any single value (a result, say). */
int json_check(const char *p, size_t n, struct json_error *err);

/*
 * Looks up a member of an object's text that was checked before; path is one
 * or more keys joined by '.', e.g. "input.op". 0 and *value / *kind, or
 * -ERR_NOTFOUND.
 */
int json_find(struct slice object, const char *path, struct slice *value,
    enum json_kind *kind);

/* Decodes a raw string value (with quotes) or an escaped key (without) and
 * appends UTF-8. Lone surrogates, which only a loose scan lets through, become
 * U+FFFD. 0 or a buf error. */
int json_unescape(struct slice raw, struct buf *out);

/* Number text to double / int64. 0, -ERR_TYPE (for int64 also a fraction;
 * 3.0 and 3e2 are whole), -ERR_RANGE; json_double: also -ERR_NOMEM. */
int json_double(struct slice raw, double *vp);
int json_int64(struct slice raw, long long *vp);

#endif
