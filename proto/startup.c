/*
 * The start-up packet, written by the supervisor and read once by the child.
 * A table of fields serves both directions; a key that a reader does not know
 * is skipped, a key that is missing is refused. Allocation aborts, because a
 * child that can't hold its own start-up packet can't run anything.
 */
#include "config.h"

#include "proto/startup.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "proto/json.h"
#include "proto/msg.h"

#define HANDLERS_MAX 4096
#define WORDS_MAX 65536        /* of one command or environment */
#define SKIP_DEPTH JSON_DEPTH_MAX

enum field_type { F_U32, F_U64, F_DUR, F_KIND, F_SANDBOX, F_STR, F_OPTSTR,
	F_WORDS };

struct field {
	const char *key;
	enum field_type type;
	size_t at;             /* offset in the struct */
	bool late;             /* a supervisor that runs on while the programs
	                        * are replaced may not know it: 0 or NULL */
};

#define F(type, tag, name) { #name, type, offsetof(struct tag, name), false }
#define LATE(type, tag, name) { #name, type, offsetof(struct tag, name), true }

static const struct field start_fields[] = {
	F(F_U32, start, slot),
	F(F_U32, start, gen),
	F(F_STR, start, worker_id),
	F(F_STR, start, endpoint),
	F(F_STR, start, cpus),
	F(F_STR, start, devices),
	F(F_U32, start, ncpus),
	F(F_STR, start, work_dir),
	F(F_STR, start, state_dir),
	F(F_STR, start, model_dir),
	F(F_U32, start, max_models),
	F(F_U64, start, max_result_size),
	F(F_DUR, start, kill_grace),
	LATE(F_SANDBOX, start, sandbox),
};

static const struct field handler_fields[] = {
	F(F_STR, start_handler, name),
	F(F_KIND, start_handler, kind),
	F(F_WORDS, start_handler, argv),
	F(F_OPTSTR, start_handler, path),
	F(F_WORDS, start_handler, env),
	F(F_OPTSTR, start_handler, user),
	F(F_U32, start_handler, batch_size),
	LATE(F_OPTSTR, start_handler, group),
	LATE(F_WORDS, start_handler, groups),
	LATE(F_SANDBOX, start_handler, sandbox),
};

_Static_assert(NELEM(start_fields) < 32, "fields seen are bits of a word");

static const char *const kind_names[HANDLER_NKINDS] = {
#define X(id, name) [HANDLER_##id] = name,
	HANDLER_KINDS(X)
#undef X
};

/* --- writing ---------------------------------------------------------- */

static void
put_optional(msgpack_packer *pk, const char *s)
{
	if (s == NULL)
		msgpack_pack_nil(pk);
	else
		msg_put_str(pk, slice_of(s));
}

static void
put_words(msgpack_packer *pk, char *const *words)
{
	size_t n = 0;

	while (words != NULL && words[n] != NULL)
		n++;
	msgpack_pack_array(pk, n);
	for (; n > 0; n--)
		msg_put_str(pk, slice_of(*words++));
}

static void
put_field(msgpack_packer *pk, const struct field *f, const void *base)
{
	const char *at = (const char *)base + f->at;

	msg_put_str(pk, slice_of(f->key));
	switch (f->type) {
	case F_U32:
		msgpack_pack_uint32(pk, *(const uint32_t *)(const void *)at);
		break;
	case F_U64:
		msgpack_pack_uint64(pk, *(const uint64_t *)(const void *)at);
		break;
	case F_DUR:
		msgpack_pack_int64(pk, *(const dur_t *)(const void *)at);
		break;
	case F_KIND:
		put_optional(pk, handler_kind_name(
		    *(const enum handler_kind *)(const void *)at));
		break;
	case F_SANDBOX:
		msgpack_pack_uint32(pk,
		    *(const enum sandbox_level *)(const void *)at);
		break;
	case F_STR:
	case F_OPTSTR:
		put_optional(pk, *(char *const *)(const void *)at);
		break;
	case F_WORDS:
		put_words(pk, *(char **const *)(const void *)at);
		break;
	}
}

static void
put_fields(msgpack_packer *pk, const struct field *f, size_t n,
    const void *base)
{
	for (; n > 0; n--)
		put_field(pk, f++, base);
}

/* Writes the length into the four bytes kept free at `at`. */
static void
put_length(struct buf *b, size_t at)
{
	size_t n = b->len - at - 4;
	int i;

	ASSERT(n <= UINT32_MAX);
	for (i = 0; i < 4; i++)
		b->data[at + (size_t)i] = (char)(n >> (24 - 8 * i) & 0xff);
}

void
start_put(struct buf *b, const struct start *s)
{
	msgpack_packer pk;
	size_t at = b->len;
	uint32_t i;

	buf_put(b, "\0\0\0\0", 4);
	msg_packer(&pk, b);
	msgpack_pack_map(&pk, NELEM(start_fields) + 1);
	put_fields(&pk, start_fields, NELEM(start_fields), s);
	msg_put_str(&pk, SLICE_LIT("handlers"));
	msgpack_pack_array(&pk, s->nhandlers);
	for (i = 0; i < s->nhandlers; i++) {
		msgpack_pack_map(&pk, NELEM(handler_fields));
		put_fields(&pk, handler_fields, NELEM(handler_fields),
		    &s->handlers[i]);
	}
	if (!b->failed)
		put_length(b, at);
}

/* --- reading ---------------------------------------------------------- */

/* A string without NUL; nil gives NULL where that is allowed. */
static int
read_text(struct msg_reader *r, bool optional, char **sp)
{
	struct slice s;
	int e;

	if ((e = msg_str(r, &s)) != 0)
		return (e);
	if (s.p == NULL && !optional)
		return (-ERR_TYPE);
	if (s.p != NULL && memchr(s.p, '\0', s.n) != NULL)
		return (-ERR_TYPE);
	*sp = s.p == NULL ? NULL : xstrndup(s.p, s.n);
	return (0);
}

static void
free_words(char ***wordsp)
{
	char **w = *wordsp;

	for (; w != NULL && *w != NULL; w++)
		free(*w);
	free(*wordsp);
	*wordsp = NULL;
}

static int
read_words(struct msg_reader *r, char ***wordsp)
{
	uint32_t i, n;
	int e;

	if ((e = msg_array(r, &n)) != 0)
		return (e);
	if (n > WORDS_MAX)
		return (-ERR_RANGE);
	*wordsp = xcalloc((size_t)n + 1, sizeof(**wordsp));
	for (i = 0; i < n; i++)
		if ((e = read_text(r, false, &(*wordsp)[i])) != 0)
			return (e);
	return (0);
}

static int
read_kind(struct msg_reader *r, enum handler_kind *kp)
{
	struct slice s;
	unsigned k;
	int e;

	if ((e = msg_str(r, &s)) != 0)
		return (e);
	for (k = 0; k < HANDLER_NKINDS; k++)
		if (slice_is(s, kind_names[k])) {
			*kp = (enum handler_kind)k;
			return (0);
		}
	return (-ERR_RANGE);
}

static int
read_u32(struct msg_reader *r, uint32_t *vp)
{
	uint64_t v;
	int e;

	if ((e = msg_uint(r, UINT32_MAX, &v)) == 0)
		*vp = (uint32_t)v;
	return (e);
}

static int
read_sandbox(struct msg_reader *r, enum sandbox_level *lp)
{
	uint64_t v;
	int e;

	if ((e = msg_uint(r, SANDBOX_STRICT, &v)) == 0)
		*lp = (enum sandbox_level)v;
	return (e);
}

static int
read_field(struct msg_reader *r, const struct field *f, void *base)
{
	void *at = (char *)base + f->at;

	switch (f->type) {
	case F_U32:
		return (read_u32(r, at));
	case F_U64:
		return (msg_uint(r, UINT64_MAX, at));
	case F_DUR:
		return (msg_int(r, at));
	case F_KIND:
		return (read_kind(r, at));
	case F_SANDBOX:
		return (read_sandbox(r, at));
	case F_STR:
	case F_OPTSTR:
		return (read_text(r, f->type == F_OPTSTR, at));
	case F_WORDS:
		return (read_words(r, at));
	}
	return (-ERR_TYPE);
}

static int
find_field(const struct field *f, size_t n, struct slice key)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (slice_is(key, f[i].key))
			return ((int)i);
	return (-1);
}

/*
 * One pair of a map: a field of the table, or, if other is not NULL, what it
 * takes; else the value is skipped. A second pair of the same key would leak
 * the first one's memory, so it is refused.
 */
typedef int other_f(struct msg_reader *r, struct slice key, void *base);

static int
read_pair(struct msg_reader *r, const struct field *f, size_t n, void *base,
    other_f *other, uint32_t *seenp)
{
	struct slice key;
	int e, i;

	if ((e = msg_str(r, &key)) != 0)
		return (e);
	i = find_field(f, n, key);
	if (i < 0)
		return (other != NULL ? other(r, key, base) :
		    msg_skip(r, SKIP_DEPTH));
	if ((*seenp & 1u << i) != 0)
		return (-ERR_TYPE);
	*seenp |= 1u << i;
	return (read_field(r, &f[i], base));
}

static int
read_map(struct msg_reader *r, const struct field *f, size_t n, void *base,
    other_f *other)
{
	uint32_t count, seen = 0;
	size_t i;
	int e;

	if ((e = msg_map(r, &count)) != 0)
		return (e);
	for (; count > 0; count--)
		if ((e = read_pair(r, f, n, base, other, &seen)) != 0)
			return (e);
	for (i = 0; i < n; i++)
		if ((seen & 1u << i) == 0 && !f[i].late)
			return (-ERR_TYPE);
	return (0);
}

static int
read_handlers(struct msg_reader *r, struct start *s)
{
	uint32_t i, n;
	int e;

	if (s->handlers != NULL)
		return (-ERR_TYPE);
	if ((e = msg_array(r, &n)) != 0)
		return (e);
	if (n > HANDLERS_MAX)
		return (-ERR_RANGE);
	s->handlers = xcalloc((size_t)n + 1, sizeof(*s->handlers));
	s->nhandlers = n;
	for (i = 0; i < n; i++)
		if ((e = read_map(r, handler_fields, NELEM(handler_fields),
		    &s->handlers[i], NULL)) != 0)
			return (e);
	return (0);
}

static int
read_other(struct msg_reader *r, struct slice key, void *base)
{
	if (slice_is(key, "handlers"))
		return (read_handlers(r, base));
	return (msg_skip(r, SKIP_DEPTH));
}

int
start_read(const void *p, size_t n, struct start **sp)
{
	struct msg_reader r;
	struct start *s;
	int e;

	if (n > START_PACKET_MAX)
		return (-ERR_RANGE);
	r.p = p;
	r.end = r.p + n;
	s = xcalloc(1, sizeof(*s));
	e = read_map(&r, start_fields, NELEM(start_fields), s, read_other);
	if (e == 0 && (s->handlers == NULL || r.p != r.end))
		e = -ERR_TYPE;
	if (e != 0) {
		start_free(&s);
		return (e);
	}
	*sp = s;
	return (0);
}

static void
free_fields(const struct field *f, size_t n, void *base)
{
	for (; n > 0; n--, f++) {
		void *at = (char *)base + f->at;

		if (f->type == F_STR || f->type == F_OPTSTR) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (f->type == F_WORDS)
			free_words(at);
	}
}

void
start_free(struct start **sp)
{
	struct start *s = *sp;
	uint32_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->nhandlers; i++)
		free_fields(handler_fields, NELEM(handler_fields),
		    &s->handlers[i]);
	free(s->handlers);
	free_fields(start_fields, NELEM(start_fields), s);
	free(s);
	*sp = NULL;
}

/* --- names ------------------------------------------------------------ */

void
start_identity(char out[32], uint32_t slot, uint32_t gen)
{
	snprintf(out, 32, "s%u.g%u", slot, gen);
}

/* Digits up to a 32-bit number, as printf would write it. */
static int
read_number(const char **pp, const char *end, uint32_t *vp)
{
	const char *p = *pp;
	uint64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if ((v = v * 10 + (uint64_t)(*p - '0')) > UINT32_MAX)
			return (-ERR_SYNTAX);
	if (p == *pp || (**pp == '0' && p - *pp > 1))
		return (-ERR_SYNTAX);
	*pp = p;
	*vp = (uint32_t)v;
	return (0);
}

int
start_identity_parse(const char *p, size_t n, uint32_t *slot, uint32_t *gen)
{
	const char *end = p + n;
	int e;

	if (n == 0 || *p++ != 's')
		return (-ERR_SYNTAX);
	if ((e = read_number(&p, end, slot)) != 0)
		return (e);
	if (end - p < 2 || p[0] != '.' || p[1] != 'g')
		return (-ERR_SYNTAX);
	p += 2;
	if ((e = read_number(&p, end, gen)) != 0)
		return (e);
	return (p == end ? 0 : -ERR_SYNTAX);
}

const char *
child_exit_text(int code)
{
	static const struct {
		int code;
		const char *text;
	} rows[] = {
#define X(id, number, words) { number, words },
		CHILD_EXIT_TABLE(X)
#undef X
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++)
		if (rows[i].code == code)
			return (rows[i].text);
	return (NULL);
}

const char *
handler_kind_name(enum handler_kind k)
{
	return ((unsigned)k < HANDLER_NKINDS ? kind_names[k] : "?");
}
