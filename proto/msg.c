/*
 * msgpack items read from borrowed bytes. Nothing is allocated, and no count
 * is believed that the bytes left could not hold: an array of n items needs
 * at least n bytes, a map of n pairs 2n. msgpack-c is used for writing only,
 * because its unpacker allocates by the claimed count.
 */
#include "config.h"

#include "proto/msg.h"

#include <string.h>

#include "base/err.h"

static size_t
bytes_left(const struct msg_reader *r)
{
	return ((size_t)(r->end - r->p));
}

/* Big-endian unsigned of size bytes, which the caller checked. */
static uint64_t
take_be(struct msg_reader *r, unsigned size)
{
	uint64_t v = 0;

	while (size-- > 0)
		v = v << 8 | *r->p++;
	return (v);
}

static int
take_run(struct msg_reader *r, uint64_t n, enum msg_kind kind,
    struct msg_item *it)
{
	if (n > bytes_left(r))
		return (-ERR_TRUNCATED);
	it->kind = kind;
	it->v.s = (struct slice){ (const char *)r->p, (size_t)n };
	r->p += n;
	return (0);
}

/* An extension's type byte is part of its bytes. */
static int
take_ext(struct msg_reader *r, uint64_t n, struct msg_item *it)
{
	return (take_run(r, n + 1, MSG_EXT, it));
}

static int
take_count(struct msg_reader *r, uint64_t n, enum msg_kind kind,
    struct msg_item *it)
{
	if (n > bytes_left(r) / (kind == MSG_MAP ? 2 : 1))
		return (-ERR_TRUNCATED);
	it->kind = kind;
	it->v.count = (uint32_t)n;
	return (0);
}

static int
take_float(struct msg_reader *r, unsigned size, struct msg_item *it)
{
	uint64_t bits = take_be(r, size);
	uint32_t half = (uint32_t)bits;
	float f;

	it->kind = MSG_FLOAT;
	if (size == 4) {
		memcpy(&f, &half, sizeof(f));
		it->v.f = (double)f;
	} else
		memcpy(&it->v.f, &bits, sizeof(it->v.f));
	return (0);
}

static int
take_signed(struct msg_reader *r, unsigned size, struct msg_item *it)
{
	uint64_t bits = take_be(r, size);

	if (size < 8 && (bits & UINT64_C(1) << (8 * size - 1)) != 0)
		bits |= ~UINT64_C(0) << (8 * size);
	if ((int64_t)bits >= 0) {
		it->kind = MSG_UINT;
		it->v.u = bits;
	} else {
		it->kind = MSG_INT;
		it->v.i = (int64_t)bits;
	}
	return (0);
}

static int
take_uint(struct msg_reader *r, uint64_t v, struct msg_item *it)
{
	it->kind = MSG_UINT;
	it->v.u = v;
	return (0);
}

static int
take_bool(bool b, struct msg_item *it)
{
	it->kind = MSG_BOOL;
	it->v.b = b;
	return (0);
}

/*
 * The heads 0xc0 to 0xdf: how many bytes of length or value follow, and what
 * they are. ITEM_FIX carries its length in `size` and has no bytes.
 */
enum item_form {
	ITEM_BAD, ITEM_NIL, ITEM_FALSE, ITEM_TRUE, ITEM_BIN, ITEM_EXT,
	ITEM_FLOAT, ITEM_UINT, ITEM_INT, ITEM_FIXEXT, ITEM_STR, ITEM_ARRAY,
	ITEM_MAP
};

static const struct item_head {
	unsigned char form;
	unsigned char size;
} heads[32] = {
	{ ITEM_NIL, 0 }, { ITEM_BAD, 0 }, { ITEM_FALSE, 0 }, { ITEM_TRUE, 0 },
	{ ITEM_BIN, 1 }, { ITEM_BIN, 2 }, { ITEM_BIN, 4 },
	{ ITEM_EXT, 1 }, { ITEM_EXT, 2 }, { ITEM_EXT, 4 },
	{ ITEM_FLOAT, 4 }, { ITEM_FLOAT, 8 },
	{ ITEM_UINT, 1 }, { ITEM_UINT, 2 }, { ITEM_UINT, 4 }, { ITEM_UINT, 8 },
	{ ITEM_INT, 1 }, { ITEM_INT, 2 }, { ITEM_INT, 4 }, { ITEM_INT, 8 },
	{ ITEM_FIXEXT, 1 }, { ITEM_FIXEXT, 2 }, { ITEM_FIXEXT, 4 },
	{ ITEM_FIXEXT, 8 }, { ITEM_FIXEXT, 16 },
	{ ITEM_STR, 1 }, { ITEM_STR, 2 }, { ITEM_STR, 4 },
	{ ITEM_ARRAY, 2 }, { ITEM_ARRAY, 4 }, { ITEM_MAP, 2 }, { ITEM_MAP, 4 },
};

static int
take_headed(struct msg_reader *r, const struct item_head *h,
    struct msg_item *it)
{
	if (h->form != ITEM_FIXEXT && h->size > bytes_left(r))
		return (-ERR_TRUNCATED);
	switch ((enum item_form)h->form) {
	case ITEM_NIL:
		it->kind = MSG_NIL;
		return (0);
	case ITEM_FALSE:
	case ITEM_TRUE:
		return (take_bool(h->form == ITEM_TRUE, it));
	case ITEM_BIN:
		return (take_run(r, take_be(r, h->size), MSG_BIN, it));
	case ITEM_EXT:
		return (take_ext(r, take_be(r, h->size), it));
	case ITEM_FIXEXT:
		return (take_ext(r, h->size, it));
	case ITEM_FLOAT:
		return (take_float(r, h->size, it));
	case ITEM_UINT:
		return (take_uint(r, take_be(r, h->size), it));
	case ITEM_INT:
		return (take_signed(r, h->size, it));
	case ITEM_STR:
		return (take_run(r, take_be(r, h->size), MSG_STR, it));
	case ITEM_ARRAY:
		return (take_count(r, take_be(r, h->size), MSG_ARRAY, it));
	case ITEM_MAP:
		return (take_count(r, take_be(r, h->size), MSG_MAP, it));
	case ITEM_BAD:
		break;
	}
	return (-ERR_TYPE);
}

int
msg_next(struct msg_reader *r, struct msg_item *it)
{
	unsigned c;

	if (r->p == r->end)
		return (-ERR_TRUNCATED);
	c = *r->p++;
	if (c < 0x80)
		return (take_uint(r, c, it));
	if (c < 0x90)
		return (take_count(r, c & 0x0f, MSG_MAP, it));
	if (c < 0xa0)
		return (take_count(r, c & 0x0f, MSG_ARRAY, it));
	if (c < 0xc0)
		return (take_run(r, c & 0x1f, MSG_STR, it));
	if (c < 0xe0)
		return (take_headed(r, &heads[c - 0xc0], it));
	it->kind = MSG_INT;
	it->v.i = (int64_t)c - 0x100;
	return (0);
}

int
msg_skip(struct msg_reader *r, unsigned depth)
{
	struct msg_item it;
	uint64_t n;
	int e;

	if ((e = msg_next(r, &it)) != 0)
		return (e);
	if (it.kind != MSG_ARRAY && it.kind != MSG_MAP)
		return (0);
	if (depth == 0)
		return (-ERR_DEPTH);
	n = it.kind == MSG_MAP ? (uint64_t)it.v.count * 2 : it.v.count;
	while (n-- > 0)
		if ((e = msg_skip(r, depth - 1)) != 0)
			return (e);
	return (0);
}

int
msg_uint(struct msg_reader *r, uint64_t max, uint64_t *vp)
{
	struct msg_item it;
	int e;

	if ((e = msg_next(r, &it)) != 0)
		return (e);
	if (it.kind == MSG_INT)
		return (-ERR_RANGE);
	if (it.kind != MSG_UINT)
		return (-ERR_TYPE);
	if (it.v.u > max)
		return (-ERR_RANGE);
	*vp = it.v.u;
	return (0);
}

int
msg_int(struct msg_reader *r, int64_t *vp)
{
	struct msg_item it;
	int e;

	if ((e = msg_next(r, &it)) != 0)
		return (e);
	if (it.kind != MSG_INT && it.kind != MSG_UINT)
		return (-ERR_TYPE);
	if (it.kind == MSG_UINT && it.v.u > INT64_MAX)
		return (-ERR_RANGE);
	*vp = it.kind == MSG_INT ? it.v.i : (int64_t)it.v.u;
	return (0);
}

int
msg_double(struct msg_reader *r, double *vp)
{
	struct msg_item it;
	int e;

	if ((e = msg_next(r, &it)) != 0)
		return (e);
	if (it.kind == MSG_FLOAT)
		*vp = it.v.f;
	else if (it.kind == MSG_UINT)
		*vp = (double)it.v.u;
	else if (it.kind == MSG_INT)
		*vp = (double)it.v.i;
	else
		return (-ERR_TYPE);
	return (0);
}

int
msg_bool(struct msg_reader *r, bool *vp)
{
	struct msg_item it;
	int e;

	if ((e = msg_next(r, &it)) != 0)
		return (e);
	if (it.kind != MSG_BOOL)
		return (-ERR_TYPE);
	*vp = it.v.b;
	return (0);
}

int
msg_str(struct msg_reader *r, struct slice *sp)
{
	struct msg_item it;
	int e;

	if ((e = msg_next(r, &it)) != 0)
		return (e);
	if (it.kind == MSG_NIL)
		*sp = SLICE_NULL;
	else if (it.kind == MSG_STR || it.kind == MSG_BIN)
		*sp = it.v.s;
	else
		return (-ERR_TYPE);
	return (0);
}

static int
read_count(struct msg_reader *r, enum msg_kind kind, uint32_t *countp)
{
	struct msg_item it;
	int e;

	if ((e = msg_next(r, &it)) != 0)
		return (e);
	if (it.kind != kind)
		return (-ERR_TYPE);
	*countp = it.v.count;
	return (0);
}

int
msg_array(struct msg_reader *r, uint32_t *countp)
{
	return (read_count(r, MSG_ARRAY, countp));
}

int
msg_map(struct msg_reader *r, uint32_t *countp)
{
	return (read_count(r, MSG_MAP, countp));
}

static int
append(void *priv, const char *p, size_t n)
{
	return (buf_put(priv, p, n) == 0 ? 0 : -1);
}

void
msg_packer(msgpack_packer *pk, struct buf *b)
{
	msgpack_packer_init(pk, b, append);
}

void
msg_put_str(msgpack_packer *pk, struct slice s)
{
	msgpack_pack_str(pk, s.n);
	if (s.n > 0)
		msgpack_pack_str_body(pk, s.p, s.n);
}

void
msg_put_bin(msgpack_packer *pk, struct slice s)
{
	msgpack_pack_bin(pk, s.n);
	if (s.n > 0)
		msgpack_pack_bin_body(pk, s.p, s.n);
}
