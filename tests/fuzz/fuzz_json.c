/*
 * Any bytes through the JSON scanner. What the strict scan takes, the loose
 * one and the check take too; every string of it can be decoded and every
 * number read.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "base/str.h"
#include "proto/json.h"

static int
use_member(void *priv, const struct json_member *m)
{
	const size_t *cap = priv;
	struct buf b;
	double d;
	long long i;

	buf_init(&b, *cap);
	FUZZ_CHECK(json_unescape(m->key, &b) == 0);
	FUZZ_CHECK(str_utf8_ok(b.data == NULL ? "" : b.data, b.len));
	buf_reset(&b);
	if (m->kind == JSON_STRING) {
		FUZZ_CHECK(json_unescape(m->value, &b) == 0);
		FUZZ_CHECK(str_utf8_ok(b.data == NULL ? "" : b.data, b.len));
	} else if (m->kind == JSON_NUMBER) {
		FUZZ_CHECK(json_double(m->value, &d) != -ERR_TYPE);
		json_int64(m->value, &i);
	}
	buf_fini(&b);
	FUZZ_CHECK(json_check(m->value.p, m->value.n, NULL) == 0);
	return (0);
}

static int
ignore_member(void *priv, const struct json_member *m)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	json_unescape(m->key, &b);
	json_unescape(m->value, &b);
	buf_fini(&b);
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct json_error err = { 0, NULL };
	struct slice value;
	enum json_kind kind;
	size_t cap = size + 1;
	int r, c;

	c = json_check(p, size, &err);
	FUZZ_CHECK(c == 0 || (err.what != NULL && err.at <= size));
	r = json_scan_loose(p, size, ignore_member, NULL);
	if (c == 0)
		FUZZ_CHECK(r == 0 || r == -ERR_TYPE);
	json_find((struct slice){ p, size }, "input.op", &value, &kind);
	/* members are used only once the whole text is known to be good */
	if (c == 0 && r == 0)
		FUZZ_CHECK(json_scan_object(p, size, use_member, &cap,
		    NULL) == 0);
	return (0);
}
