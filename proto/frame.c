/*
 * Frames between supervisor and child. frame_tbl.h lists them and
 * docs/protocol.md describes them. Readers borrow from the message; texts
 * that a job's process wrote (log lines, messages, results) travel as bin,
 * because nobody knows that they are UTF-8.
 */
#include "config.h"

#include "proto/frame.h"

#include "base/err.h"
#include "base/obj.h"
#include "proto/json.h"
#include "proto/msg.h"

#define SKIP_DEPTH JSON_DEPTH_MAX /* of items that a newer version added */
#define VERSION_OLDEST 1
#define JOB_ITEMS 9
#define RESULT_ITEMS 6

/* --- reading ---------------------------------------------------------- */

/*
 * One item of the outer array: msg points at it, and the frame's reader is
 * moved on by end_item when it was read.
 */
static int
begin_item(struct frame_reader *r, struct msg_reader *msg)
{
	if (r->left == 0)
		return (-ERR_TRUNCATED);
	r->left--;
	*msg = (struct msg_reader){ r->p, r->end };
	return (0);
}

static int
end_item(struct frame_reader *r, const struct msg_reader *msg, int e)
{
	if (e == 0)
		r->p = msg->p;
	return (e);
}

static int
take_u64(struct frame_reader *r, uint64_t *vp)
{
	struct msg_reader msg;
	int e;

	if ((e = begin_item(r, &msg)) != 0)
		return (e);
	return (end_item(r, &msg, msg_uint(&msg, UINT64_MAX, vp)));
}

static int
read_u32(struct msg_reader *msg, uint32_t *vp)
{
	uint64_t v;
	int e;

	if ((e = msg_uint(msg, UINT32_MAX, &v)) == 0)
		*vp = (uint32_t)v;
	return (e);
}

static int
take_u32(struct frame_reader *r, uint32_t *vp)
{
	struct msg_reader msg;
	int e;

	if ((e = begin_item(r, &msg)) != 0)
		return (e);
	return (end_item(r, &msg, read_u32(&msg, vp)));
}

static int
take_i64(struct frame_reader *r, int64_t *vp)
{
	struct msg_reader msg;
	int e;

	if ((e = begin_item(r, &msg)) != 0)
		return (e);
	return (end_item(r, &msg, msg_int(&msg, vp)));
}

static int
take_str(struct frame_reader *r, struct slice *sp)
{
	struct msg_reader msg;
	int e;

	if ((e = begin_item(r, &msg)) != 0)
		return (e);
	return (end_item(r, &msg, msg_str(&msg, sp)));
}

/* The head of a list; its elements are then read one by one. */
static int
take_list(struct frame_reader *r, uint32_t *countp)
{
	struct msg_reader msg;
	int e;

	if ((e = begin_item(r, &msg)) != 0)
		return (e);
	if ((e = msg_array(&msg, countp)) == 0 && *countp > FRAME_JOBS_MAX)
		e = -ERR_RANGE;
	return (end_item(r, &msg, e));
}

/* An element that is itself an array of at least `items`; *extrap is by how
 * many a newer version has grown it. */
static int
open_element(struct frame_reader *r, struct msg_reader *msg, uint32_t items,
    uint32_t *extrap)
{
	uint32_t count;
	int e;

	*msg = (struct msg_reader){ r->p, r->end };
	if ((e = msg_array(msg, &count)) != 0)
		return (e);
	if (count < items)
		return (-ERR_TRUNCATED);
	*extrap = count - items;
	return (0);
}

static int
close_element(struct frame_reader *r, struct msg_reader *msg, uint32_t extra)
{
	int e;

	for (; extra > 0; extra--)
		if ((e = msg_skip(msg, SKIP_DEPTH)) != 0)
			return (e);
	r->p = msg->p;
	return (0);
}

int
frame_open(struct frame_reader *r, const void *p, size_t n,
    struct frame_head *head)
{
	struct msg_reader msg;
	uint32_t count;
	int e;

	msg.p = p;
	msg.end = msg.p + n;
	if ((e = msg_array(&msg, &count)) != 0)
		return (e);
	*r = (struct frame_reader){ msg.p, msg.end, count };
	if ((e = take_u32(r, &head->version)) != 0)
		return (e);
	if (head->version < VERSION_OLDEST)
		return (-ERR_VERSION);
	if ((e = take_u32(r, &head->type)) != 0)
		return (e);
	return (take_u32(r, &head->gen));
}

int
frame_read_hello(struct frame_reader *r, struct frame_hello *h)
{
	int e;

	if ((e = take_u32(r, &h->slot)) != 0 ||
	    (e = take_i64(r, &h->pid)) != 0 ||
	    (e = take_str(r, &h->version)) != 0 ||
	    (e = take_str(r, &h->cpus)) != 0 ||
	    (e = take_str(r, &h->devices)) != 0)
		return (e);
	h->memory = SLICE_NULL;
	return (r->left == 0 ? 0 : take_str(r, &h->memory));
}

int
frame_read_do(struct frame_reader *r, struct frame_do *d)
{
	int e;

	if ((e = take_u64(r, &d->credit)) != 0 ||
	    (e = take_u32(r, &d->handler)) != 0)
		return (e);
	return (take_list(r, &d->njobs));
}

int
frame_read_job(struct frame_reader *r, struct frame_job *j)
{
	struct msg_reader msg;
	uint32_t extra;
	int e;

	if ((e = open_element(r, &msg, JOB_ITEMS, &extra)) != 0 ||
	    (e = msg_uint(&msg, UINT64_MAX, &j->number)) != 0 ||
	    (e = read_u32(&msg, &j->attempt)) != 0 ||
	    (e = msg_str(&msg, &j->id)) != 0 ||
	    (e = msg_str(&msg, &j->type)) != 0 ||
	    (e = msg_str(&msg, &j->model)) != 0 ||
	    (e = read_u32(&msg, &j->model_version)) != 0 ||
	    (e = msg_str(&msg, &j->publish)) != 0 ||
	    (e = msg_int(&msg, &j->timeout)) != 0 ||
	    (e = msg_str(&msg, &j->payload)) != 0)
		return (e);
	return (close_element(r, &msg, extra));
}

int
frame_read_results(struct frame_reader *r, struct frame_results *s)
{
	int e;

	if ((e = take_u64(r, &s->credit)) != 0)
		return (e);
	return (take_list(r, &s->nresults));
}

/* A cause that this version does not know is still a failed attempt. */
static int
read_cause(struct msg_reader *msg, enum cause *cp)
{
	uint32_t v;
	int e;

	if ((e = read_u32(msg, &v)) == 0)
		*cp = v < CAUSE_NCAUSES ? (enum cause)v : CAUSE_HANDLER_ERROR;
	return (e);
}

static int
read_i32(struct msg_reader *msg, int32_t *vp)
{
	int64_t v;
	int e;

	if ((e = msg_int(msg, &v)) != 0)
		return (e);
	if (v < INT32_MIN || v > INT32_MAX)
		return (-ERR_RANGE);
	*vp = (int32_t)v;
	return (0);
}

int
frame_read_result(struct frame_reader *r, struct frame_result *x)
{
	struct msg_reader msg;
	uint32_t extra;
	int e;

	if ((e = open_element(r, &msg, RESULT_ITEMS, &extra)) != 0 ||
	    (e = msg_uint(&msg, UINT64_MAX, &x->number)) != 0 ||
	    (e = read_cause(&msg, &x->cause)) != 0 ||
	    (e = msg_str(&msg, &x->result)) != 0 ||
	    (e = msg_str(&msg, &x->message)) != 0 ||
	    (e = read_i32(&msg, &x->exit_code)) != 0 ||
	    (e = read_i32(&msg, &x->signal)) != 0)
		return (e);
	return (close_element(r, &msg, extra));
}

int
frame_read_result_end(struct frame_reader *r, bool *done,
    struct slice *models)
{
	struct msg_reader msg;
	int e;

	if ((e = begin_item(r, &msg)) != 0 ||
	    (e = end_item(r, &msg, msg_bool(&msg, done))) != 0)
		return (e);
	return (take_str(r, models));
}

/* The comparison is false for a number that is none. */
static int
read_fraction(struct msg_reader *msg, double *vp)
{
	double v;
	int e;

	if ((e = msg_double(msg, &v)) != 0)
		return (e);
	if (!(v >= 0 && v <= 1))
		return (-ERR_RANGE);
	*vp = v;
	return (0);
}

int
frame_read_progress(struct frame_reader *r, uint64_t *number,
    double *fraction, struct slice *message)
{
	struct msg_reader msg;
	int e;

	if ((e = take_u64(r, number)) != 0 ||
	    (e = begin_item(r, &msg)) != 0 ||
	    (e = end_item(r, &msg, read_fraction(&msg, fraction))) != 0)
		return (e);
	return (take_str(r, message));
}

int
frame_read_log(struct frame_reader *r, uint64_t *number, struct slice *text)
{
	int e;

	if ((e = take_u64(r, number)) != 0)
		return (e);
	return (take_str(r, text));
}

int
frame_read_started(struct frame_reader *r, uint64_t *number, int64_t *pid,
    uint32_t *phase)
{
	int e;

	*phase = FRAME_RUNS;    /* an older child says no more than the pid */
	if ((e = take_u64(r, number)) != 0 || (e = take_i64(r, pid)) != 0 ||
	    r->left == 0)
		return (e);
	return (take_u32(r, phase));
}

int
frame_read_ask(struct frame_reader *r, uint32_t *why)
{
	return (take_u32(r, why));
}

int
frame_read_term(struct frame_reader *r, uint32_t *signo)
{
	return (take_u32(r, signo));
}

int
frame_read_bug(struct frame_reader *r, struct slice *message)
{
	return (take_str(r, message));
}

int
frame_read_forget(struct frame_reader *r, struct slice *id)
{
	return (take_str(r, id));
}

/* --- writing ---------------------------------------------------------- */

/* The outer array of 3 + body items and its head. */
static void
put_head(msgpack_packer *pk, struct buf *b, uint32_t gen,
    enum frame_type type, unsigned body)
{
	msg_packer(pk, b);
	msgpack_pack_array(pk, 3 + body);
	msgpack_pack_uint32(pk, PROTO_VERSION);
	msgpack_pack_uint32(pk, (uint32_t)type);
	msgpack_pack_uint32(pk, gen);
}

void
frame_put_hello(struct buf *b, uint32_t gen, const struct frame_hello *h)
{
	msgpack_packer pk;

	put_head(&pk, b, gen, FRAME_HELLO, 6);
	msgpack_pack_uint32(&pk, h->slot);
	msgpack_pack_int64(&pk, h->pid);
	msg_put_str(&pk, h->version);
	msg_put_str(&pk, h->cpus);
	msg_put_str(&pk, h->devices);
	msg_put_str(&pk, h->memory);
}

void
frame_put_do(struct buf *b, uint32_t gen, const struct frame_do *d)
{
	msgpack_packer pk;

	ASSERT(d->njobs <= FRAME_JOBS_MAX);
	put_head(&pk, b, gen, FRAME_DO, 3);
	msgpack_pack_uint64(&pk, d->credit);
	msgpack_pack_uint32(&pk, d->handler);
	msgpack_pack_array(&pk, d->njobs);
}

void
frame_put_job(struct buf *b, const struct frame_job *j)
{
	msgpack_packer pk;

	msg_packer(&pk, b);
	msgpack_pack_array(&pk, JOB_ITEMS);
	msgpack_pack_uint64(&pk, j->number);
	msgpack_pack_uint32(&pk, j->attempt);
	msg_put_str(&pk, j->id);
	msg_put_str(&pk, j->type);
	msg_put_str(&pk, j->model);
	msgpack_pack_uint32(&pk, j->model_version);
	msg_put_str(&pk, j->publish);
	msgpack_pack_int64(&pk, j->timeout);
	msg_put_bin(&pk, j->payload);
}

void
frame_put_results(struct buf *b, uint32_t gen, const struct frame_results *s)
{
	msgpack_packer pk;

	ASSERT(s->nresults <= FRAME_JOBS_MAX);
	put_head(&pk, b, gen, FRAME_RESULT, 4);
	msgpack_pack_uint64(&pk, s->credit);
	msgpack_pack_array(&pk, s->nresults);
}

void
frame_put_result(struct buf *b, const struct frame_result *x)
{
	msgpack_packer pk;

	msg_packer(&pk, b);
	msgpack_pack_array(&pk, RESULT_ITEMS);
	msgpack_pack_uint64(&pk, x->number);
	msgpack_pack_uint32(&pk, (uint32_t)x->cause);
	msg_put_bin(&pk, x->result);
	msg_put_bin(&pk, x->message);
	msgpack_pack_int32(&pk, x->exit_code);
	msgpack_pack_int32(&pk, x->signal);
}

void
frame_put_result_end(struct buf *b, bool done, struct slice models)
{
	msgpack_packer pk;

	msg_packer(&pk, b);
	if (done)
		msgpack_pack_true(&pk);
	else
		msgpack_pack_false(&pk);
	msg_put_str(&pk, models);
}

/* Handlers report what they like; the wire has 0 to 1. */
static double
clamp_fraction(double v)
{
	if (!(v > 0))
		return (0);
	return (v > 1 ? 1 : v);
}

void
frame_put_progress(struct buf *b, uint32_t gen, uint64_t number,
    double fraction, struct slice message)
{
	msgpack_packer pk;

	put_head(&pk, b, gen, FRAME_PROGRESS, 3);
	msgpack_pack_uint64(&pk, number);
	msgpack_pack_double(&pk, clamp_fraction(fraction));
	msg_put_bin(&pk, message);
}

void
frame_put_log(struct buf *b, uint32_t gen, uint64_t number,
    struct slice text)
{
	msgpack_packer pk;

	put_head(&pk, b, gen, FRAME_LOG, 2);
	msgpack_pack_uint64(&pk, number);
	msg_put_bin(&pk, text);
}

void
frame_put_started(struct buf *b, uint32_t gen, uint64_t number, int64_t pid,
    uint32_t phase)
{
	msgpack_packer pk;

	put_head(&pk, b, gen, FRAME_STARTED, 3);
	msgpack_pack_uint64(&pk, number);
	msgpack_pack_int64(&pk, pid);
	msgpack_pack_uint32(&pk, phase);
}

/* Frames whose body is one number. */
static void
put_word(struct buf *b, uint32_t gen, enum frame_type type, uint32_t v)
{
	msgpack_packer pk;

	put_head(&pk, b, gen, type, 1);
	msgpack_pack_uint32(&pk, v);
}

void
frame_put_ask(struct buf *b, uint32_t gen, uint32_t why)
{
	put_word(b, gen, FRAME_ASK, why);
}

void
frame_put_term(struct buf *b, uint32_t gen, uint32_t signo)
{
	put_word(b, gen, FRAME_TERM, signo);
}

void
frame_put_quit(struct buf *b, uint32_t gen)
{
	msgpack_packer pk;

	put_head(&pk, b, gen, FRAME_QUIT, 0);
}

void
frame_put_bug(struct buf *b, uint32_t gen, struct slice message)
{
	msgpack_packer pk;

	put_head(&pk, b, gen, FRAME_BUG, 1);
	msg_put_bin(&pk, message);
}

void
frame_put_forget(struct buf *b, uint32_t gen, struct slice id)
{
	msgpack_packer pk;

	put_head(&pk, b, gen, FRAME_FORGET, 1);
	msg_put_str(&pk, id);
}

const char *
frame_name(uint32_t type)
{
	static const struct {
		uint32_t type;
		const char *name;
	} rows[] = {
#define FRAME(id, number, direction, body) { number, #id },
		FRAME_TABLE(FRAME)
#undef FRAME
	};
	size_t i;

	for (i = 0; i < NELEM(rows); i++)
		if (rows[i].type == type)
			return (rows[i].name);
	return ("?");
}
