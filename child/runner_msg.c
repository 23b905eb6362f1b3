/*
 * The runner protocol's messages. Keys are a table, so that a reader of a
 * later version's message skips what it does not know.
 */
#include "config.h"

#include "child/runner_msg.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "child/credit.h"
#include "proto/json.h"
#include "proto/startup.h"

enum field { FIELD_UINT, FIELD_DOUBLE, FIELD_TEXT, FIELD_LIST };

#define FIELDS(X) \
	X(op, TEXT) X(protocol, UINT) X(pid, UINT) X(number, UINT) \
	X(credit, UINT) X(fraction, DOUBLE) X(name, TEXT) X(message, TEXT) \
	X(text, TEXT) X(result, TEXT) X(error, TEXT) X(cause, TEXT) \
	X(makes_dirs, UINT) X(models, LIST)

static const struct {
	const char *key;
	enum field kind;
	size_t at;
} fields[] = {
#define X(key, kind) { #key, FIELD_##kind, offsetof(struct runner_msg, key) },
	FIELDS(X)
#undef X
};

/* Nil is the same as absent. */
static int
read_field(struct msg_reader *r, enum field kind, void *out)
{

	if (r->p < r->end && *r->p == 0xc0)
		return (msg_skip(r, 1));
	switch (kind) {
	case FIELD_UINT:
		return (msg_uint(r, UINT64_MAX, out));
	case FIELD_DOUBLE:
		return (msg_double(r, out));
	case FIELD_TEXT:
		return (msg_str(r, out));
	case FIELD_LIST:
		memcpy(out, r, sizeof(*r));
		return (msg_skip(r, JSON_DEPTH_MAX));
	}
	return (-ERR_TYPE);
}

static int
read_pair(struct msg_reader *r, struct runner_msg *m)
{
	struct slice key;
	unsigned i;
	int rc;

	if ((rc = msg_str(r, &key)) != 0)
		return (rc);
	for (i = 0; i < NELEM(fields); i++)
		if (slice_is(key, fields[i].key))
			return (read_field(r, fields[i].kind,
			    (char *)m + fields[i].at));
	return (msg_skip(r, JSON_DEPTH_MAX));
}

int
runner_msg_read(const void *p, size_t n, struct runner_msg *m)
{
	struct msg_reader r = { p, (const unsigned char *)p + n };
	uint32_t i, count;
	int rc;

	memset(m, 0, sizeof(*m));
	if ((rc = msg_map(&r, &count)) != 0)
		return (rc);
	for (i = 0; i < count && rc == 0; i++)
		rc = read_pair(&r, m);
	if (rc == 0 && r.p != r.end)
		rc = -ERR_TRAILING;
	if (rc == 0 && m->op.n == 0)
		rc = -ERR_PROTOCOL;
	return (rc);
}

int
runner_msg_models(const struct runner_msg *m, struct buf *out)
{
	struct msg_reader r = m->models;
	struct slice name;
	uint32_t i, count;
	int rc;

	if (r.p == NULL)
		return (0);
	if ((rc = msg_array(&r, &count)) != 0)
		return (rc);
	for (i = 0; i < count; i++) {
		if ((rc = msg_str(&r, &name)) != 0)
			return (rc);
		if (name.n == 0)
			continue;
		if (out->len > 0)
			buf_putc(out, ',');
		buf_slice(out, name);
	}
	return (out->failed ? -ERR_NOSPACE : 0);
}

static void
put_key(msgpack_packer *pk, const char *key)
{

	msg_put_str(pk, slice_of(key));
}

static void
put_kstr(msgpack_packer *pk, const char *key, struct slice value)
{

	put_key(pk, key);
	msg_put_str(pk, value);
}

static void
put_kuint(msgpack_packer *pk, const char *key, uint64_t value)
{

	put_key(pk, key);
	msgpack_pack_uint64(pk, value);
}

/* Leaves room for the length; gives where the message begins. */
static size_t
begin(struct buf *b, msgpack_packer *pk, const char *op, unsigned keys)
{
	size_t at = b->len;

	buf_put(b, "\0\0\0\0", RUNNER_HEAD);
	msg_packer(pk, b);
	msgpack_pack_map(pk, keys + 1);
	put_kstr(pk, "op", slice_of(op));
	return (at);
}

static void
end(struct buf *b, size_t at)
{
	size_t n;

	if (b->failed)
		return;
	n = b->len - at - RUNNER_HEAD;
	if (n > RUNNER_MSG_MAX) {
		b->failed = true;
		return;
	}
	b->data[at] = (char)(n >> 24);
	b->data[at + 1] = (char)(n >> 16);
	b->data[at + 2] = (char)(n >> 8);
	b->data[at + 3] = (char)n;
}

void
runner_put_welcome(struct buf *b, const struct start *s)
{
	msgpack_packer pk;
	size_t at;

	at = begin(b, &pk, "welcome", 5);
	put_kuint(&pk, "protocol", RUNNER_PROTOCOL);
	put_kstr(&pk, "worker_id", slice_of(s->worker_id));
	put_kuint(&pk, "slot", s->slot);
	put_kuint(&pk, "max_models", s->max_models);
	put_kuint(&pk, "max_result_size", s->max_result_size);
	end(b, at);
}

static unsigned
optional_keys(const struct cjob *j)
{

	return ((j->f.model.n > 0) + (j->model_path != NULL) +
	    (j->f.publish.n > 0));
}

static void
put_job(msgpack_packer *pk, const struct cjob *j)
{

	msgpack_pack_map(pk, 10 + optional_keys(j));
	put_kuint(pk, "number", j->f.number);
	put_kstr(pk, "id", j->f.id);
	put_kstr(pk, "type", j->f.type);
	put_kuint(pk, "attempt", j->f.attempt);
	put_key(pk, "job");
	msg_put_bin(pk, j->text);
	if (j->f.model.n > 0)
		put_kstr(pk, "model", j->f.model);
	put_kuint(pk, "model_version", j->model_version);
	if (j->model_path != NULL)
		put_kstr(pk, "model_dir", slice_of(j->model_path));
	if (j->f.publish.n > 0)
		put_kstr(pk, "publish", j->f.publish);
	put_kstr(pk, "work_dir", slice_of(j->dirs.work));
	put_kstr(pk, "output_dir", slice_of(j->dirs.output));
	put_kstr(pk, "checkpoint_dir", slice_of(j->dirs.checkpoint));
	put_key(pk, "timeout");
	msgpack_pack_double(pk, (double)j->f.timeout / (double)DUR_S);
}

void
runner_put_jobs(struct buf *b, const struct credit *c, unsigned from,
    unsigned count)
{
	msgpack_packer pk;
	unsigned i, n = 0;
	size_t at;

	for (i = from; i < from + count; i++)
		n += !c->jobs[i].settled;
	at = begin(b, &pk, "jobs", 2);
	put_kuint(&pk, "credit", c->number);
	put_key(&pk, "jobs");
	msgpack_pack_array(&pk, n);
	for (i = from; i < from + count; i++)
		if (!c->jobs[i].settled)
			put_job(&pk, &c->jobs[i]);
	end(b, at);
}

void
runner_put_ask(struct buf *b, enum ask why)
{
	msgpack_packer pk;
	size_t at;

	at = begin(b, &pk, "ask", 1);
	put_kstr(&pk, "why", slice_of(ask_name(why)));
	end(b, at);
}

void
runner_put_quit(struct buf *b)
{
	msgpack_packer pk;

	end(b, begin(b, &pk, "quit", 0));
}
