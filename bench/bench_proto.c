/*
 * What the corridor pays per job in proto/: job_parse of typical payloads,
 * and one DO frame written and read. Prints nanoseconds per call, the best of
 * several rounds, because the machine is rarely ours alone.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/obj.h"
#include "proto/frame.h"
#include "proto/job.h"
#include "proto/msg.h"

#define ROUNDS 9
#define ROUND_BYTES 20000000 /* read per round */
#define MAX_SIZE (1 << 20)

/* 200 bytes of what a producer typically sends. */
static void
make_small(struct buf *b)
{
	buf_puts(b, "{\"id\":\"0190c5b7-1234-7abc-8def-0123456789ab\","
	    "\"type\":\"selftest\",\"input\":{\"op\":\"echo\",\"value\":42},"
	    "\"priority\":\"high\",\"timeout\":30,\"queued_at\":1763900000000,"
	    "\"max_attempts\":3,\"model\":\"digits\",\"x\":[1,2,3]}");
}

/* 10 KB, most of it one string, as an image in base64 would be. */
static void
make_text(struct buf *b)
{
	int i;

	buf_puts(b, "{\"id\":\"a\",\"type\":\"inference\",\"input\":\"");
	for (i = 0; i < 1024; i++)
		buf_puts(b, "iVBORw0KGg");
	buf_puts(b, "\"}");
}

/* 10 KB of numbers, as a feature vector would be. */
static void
make_numbers(struct buf *b)
{
	int i;

	buf_puts(b, "{\"id\":\"a\",\"type\":\"inference\",\"input\":[0");
	for (i = 0; i < 1137; i++)
		buf_printf(b, ",0.%06d", i * 7919 % 1000000);
	buf_puts(b, "]}");
}

/* 10 KB of small objects. */
static void
make_objects(struct buf *b)
{
	int i;

	buf_puts(b, "{\"id\":\"a\",\"type\":\"inference\",\"input\":[0");
	for (i = 0; i < 256; i++)
		buf_printf(b, ",{\"name\":\"user%03d\",\"age\":%d,\"ok\":true}",
		    i, i % 90 + 10);
	buf_puts(b, "]}");
}

static void
make_msgpack(struct buf *b)
{
	msgpack_packer pk;

	msg_packer(&pk, b);
	msgpack_pack_map(&pk, 4);
	msg_put_str(&pk, SLICE_LIT("id"));
	msg_put_str(&pk, SLICE_LIT("0190c5b7-1234-7abc-8def-0123456789ab"));
	msg_put_str(&pk, SLICE_LIT("type"));
	msg_put_str(&pk, SLICE_LIT("selftest"));
	msg_put_str(&pk, SLICE_LIT("timeout"));
	msgpack_pack_int(&pk, 30);
	msg_put_str(&pk, SLICE_LIT("input"));
	msgpack_pack_map(&pk, 2);
	msg_put_str(&pk, SLICE_LIT("op"));
	msg_put_str(&pk, SLICE_LIT("echo"));
	msg_put_str(&pk, SLICE_LIT("value"));
	msgpack_pack_int(&pk, 42);
}

static void
parse_once(struct buf *b)
{
	struct job_problem problem;
	struct job_spec spec;

	ASSERT(job_parse(b->data, b->len, MAX_SIZE, &spec, &problem) == 0);
	job_spec_fini(&spec);
}

static void
frame_once(struct buf *payload)
{
	static struct buf b;
	struct frame_reader r;
	struct frame_head head;
	struct frame_do d = { .credit = 1, .njobs = 1 };
	struct frame_job j = { .number = 1, .attempt = 1,
	    .id = SLICE_LIT("0190c5b7-1234-7abc-8def-0123456789ab"),
	    .type = SLICE_LIT("selftest"), .timeout = 30 * DUR_S };

	if (b.magic == 0)
		buf_init(&b, MAX_SIZE);
	buf_reset(&b);
	j.payload = (struct slice){ payload->data, payload->len };
	frame_put_do(&b, 7, &d);
	frame_put_job(&b, &j);
	ASSERT(!b.failed);
	ASSERT(frame_open(&r, b.data, b.len, &head) == 0 &&
	    frame_read_do(&r, &d) == 0 && frame_read_job(&r, &j) == 0);
}

static const struct {
	const char *name;
	void (*make)(struct buf *b);
	void (*once)(struct buf *b);
} rows[] = {
	{ "job_parse, JSON, typical", make_small, parse_once },
	{ "job_parse, JSON, one string", make_text, parse_once },
	{ "job_parse, JSON, numbers", make_numbers, parse_once },
	{ "job_parse, JSON, small objects", make_objects, parse_once },
	{ "job_parse, msgpack", make_msgpack, parse_once },
	{ "DO frame, written and read", make_small, frame_once },
};

static double
best_round(void (*once)(struct buf *), struct buf *b)
{
	unsigned long i, n = ROUND_BYTES / b->len;
	double best = 0, took;
	mono_t from;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		from = mono_now();
		for (i = 0; i < n; i++)
			once(b);
		took = (double)(mono_now() - from) / (double)n;
		if (round == 0 || took < best)
			best = took;
	}
	return (best);
}

int
main(void)
{
	struct buf b;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		buf_init(&b, MAX_SIZE);
		rows[i].make(&b);
		ASSERT(!b.failed);
		printf("%-32s %6zu bytes %10.1f ns\n", rows[i].name, b.len,
		    best_round(rows[i].once, &b));
		buf_fini(&b);
	}
	return (EXIT_SUCCESS);
}
