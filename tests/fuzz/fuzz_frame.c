/*
 * Any bytes as a frame, read by the reader of its type: only the codes of
 * frame.h come back, and slices lie inside the message.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "proto/frame.h"

static const uint8_t *first, *last;

static void
check_slice(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	if (s.p != NULL)
		FUZZ_CHECK(p >= first && s.n <= (size_t)(last - p));
}

static int
read_do(struct frame_reader *r)
{
	struct frame_job j;
	struct frame_do d;
	uint32_t i;
	int e;

	if ((e = frame_read_do(r, &d)) != 0)
		return (e);
	FUZZ_CHECK(d.njobs <= FRAME_JOBS_MAX);
	for (i = 0; i < d.njobs; i++) {
		if ((e = frame_read_job(r, &j)) != 0)
			return (e);
		check_slice(j.id);
		check_slice(j.type);
		check_slice(j.model);
		check_slice(j.publish);
		check_slice(j.payload);
	}
	return (0);
}

static int
read_result(struct frame_reader *r)
{
	struct frame_results s;
	struct frame_result x;
	struct slice models;
	uint32_t i;
	bool done;
	int e;

	if ((e = frame_read_results(r, &s)) != 0)
		return (e);
	FUZZ_CHECK(s.nresults <= FRAME_JOBS_MAX);
	for (i = 0; i < s.nresults; i++) {
		if ((e = frame_read_result(r, &x)) != 0)
			return (e);
		FUZZ_CHECK(x.cause < CAUSE_NCAUSES);
		check_slice(x.result);
		check_slice(x.message);
	}
	if ((e = frame_read_result_end(r, &done, &models)) == 0)
		check_slice(models);
	return (e);
}

static int
read_hello(struct frame_reader *r)
{
	struct frame_hello h;
	int e;

	if ((e = frame_read_hello(r, &h)) != 0)
		return (e);
	check_slice(h.version);
	check_slice(h.cpus);
	check_slice(h.devices);
	check_slice(h.memory);
	return (0);
}

static int
read_progress(struct frame_reader *r)
{
	struct slice message;
	uint64_t number;
	double fraction;
	int e;

	e = frame_read_progress(r, &number, &fraction, &message);
	if (e == 0) {
		FUZZ_CHECK(fraction >= 0 && fraction <= 1);
		check_slice(message);
	}
	return (e);
}

static int
read_rest(struct frame_reader *r, uint32_t type)
{
	struct slice s = SLICE_NULL;
	uint64_t number;
	uint32_t word;
	int64_t pid;
	int e = 0;

	if (type == FRAME_LOG)
		e = frame_read_log(r, &number, &s);
	else if (type == FRAME_STARTED)
		e = frame_read_started(r, &number, &pid, &word);
	else if (type == FRAME_ASK)
		e = frame_read_ask(r, &word);
	else if (type == FRAME_TERM)
		e = frame_read_term(r, &word);
	else if (type == FRAME_BUG)
		e = frame_read_bug(r, &s);
	else if (type == FRAME_FORGET)
		e = frame_read_forget(r, &s);
	if (e == 0)
		check_slice(s);
	return (e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_reader r;
	struct frame_head head;
	int e;

	first = data;
	last = data + size;
	e = frame_open(&r, data, size, &head);
	if (e == 0 && head.type == FRAME_HELLO)
		e = read_hello(&r);
	else if (e == 0 && head.type == FRAME_DO)
		e = read_do(&r);
	else if (e == 0 && head.type == FRAME_RESULT)
		e = read_result(&r);
	else if (e == 0 && head.type == FRAME_PROGRESS)
		e = read_progress(&r);
	else if (e == 0)
		e = read_rest(&r, head.type);
	FUZZ_CHECK(e == 0 || e == -ERR_TRUNCATED || e == -ERR_TYPE ||
	    e == -ERR_RANGE || e == -ERR_VERSION || e == -ERR_DEPTH);
	return (0);
}
