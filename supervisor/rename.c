/*
 * A job without an id gets one from the worker that first claims it. So that
 * it keeps it over a requeue or the worker's death, the id is written into
 * the payload held by the lease; nothing else of the payload changes.
 */
#include "config.h"

#include "supervisor/rename.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/json.h"
#include "proto/msg.h"

struct find {
	struct slice null_id;   /* the value of "id": null, if it is there */
	unsigned members;
};

static int
see_member(void *priv, const struct json_member *m)
{
	struct find *f = priv;
	struct buf key;

	f->members++;
	if (!m->key_escaped) {
		if (slice_is(m->key, "id"))
			f->null_id = m->value;
		return (0);
	}
	buf_init(&key, 4096);
	if (json_unescape(m->key, &key) == 0 && key.len == 2 &&
	    memcmp(key.data, "id", 2) == 0)
		f->null_id = m->value;
	buf_fini(&key);
	return (0);
}

static int
rename_json(struct slice p, const char *id, struct buf *out)
{
	struct find f = { SLICE_NULL, 0 };
	const char *open;
	int r;

	if ((r = json_scan_object(p.p, p.n, see_member, &f, NULL)) != 0)
		return (r);
	if (f.null_id.p != NULL) {
		(void)buf_put(out, p.p, (size_t)(f.null_id.p - p.p));
		(void)buf_printf(out, "\"%s\"", id);
		open = f.null_id.p + f.null_id.n;
	} else {
		open = (const char *)memchr(p.p, '{', p.n) + 1;
		(void)buf_put(out, p.p, (size_t)(open - p.p));
		(void)buf_printf(out, "\"id\":\"%s\"%s", id,
		    f.members > 0 ? "," : "");
	}
	(void)buf_put(out, open, p.n - (size_t)(open - p.p));
	return (out->failed ? -ERR_NOMEM : 0);
}

static int
rename_msgpack(struct slice p, const char *id, struct buf *out)
{
	struct msg_reader r = { (const unsigned char *)p.p,
	    (const unsigned char *)p.p + p.n }, value;
	const unsigned char *body, *rest = NULL, *cut = NULL;
	msgpack_packer pk;
	struct slice key;
	uint32_t count, i;

	if (msg_map(&r, &count) != 0)
		return (-ERR_SYNTAX);
	body = r.p;
	for (i = 0; i < count && cut == NULL; i++) {
		const unsigned char *start = r.p;

		if (msg_str(&r, &key) != 0)
			return (-ERR_SYNTAX);
		value = r;
		if (msg_skip(&r, 64) != 0)
			return (-ERR_SYNTAX);
		if (slice_is(key, "id") && *value.p == 0xc0) {
			cut = start;
			rest = r.p;
		}
	}
	msg_packer(&pk, out);
	msgpack_pack_map(&pk, cut == NULL ? count + 1 : count);
	msg_put_str(&pk, SLICE_LIT("id"));
	msg_put_str(&pk, slice_of(id));
	if (cut == NULL)
		cut = rest = (const unsigned char *)p.p + p.n;
	(void)buf_put(out, body, (size_t)(cut - body));
	(void)buf_put(out, rest, (size_t)((const unsigned char *)p.p + p.n -
	    rest));
	return (out->failed ? -ERR_NOMEM : 0);
}

int
rename_payload(struct slice payload, bool is_msgpack, const char *id,
    char **outp, size_t *lenp)
{
	struct buf out;
	int r;

	buf_init(&out, payload.n + 256);
	r = is_msgpack ? rename_msgpack(payload, id, &out) :
	    rename_json(payload, id, &out);
	if (r == 0)
		*outp = buf_take(&out, lenp);
	buf_fini(&out);
	return (r);
}
