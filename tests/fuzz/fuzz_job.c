/*
 * Any bytes as a job. Slices of the spec stay inside the payload or the
 * spec's own text, ranges hold, and a msgpack job that is taken says the
 * same when it is turned into JSON.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "proto/job.h"
#include "proto/json.h"
#include "proto/transcode.h"

#define MAX_SIZE 100000

static void
check_slice(const struct job_spec *s, struct slice v, size_t most)
{
	uintptr_t p = (uintptr_t)v.p;
	uintptr_t in = (uintptr_t)s->payload.p, text = (uintptr_t)s->text.data;

	if (v.p == NULL)
		return;
	FUZZ_CHECK(v.n >= 1 && v.n <= most);
	FUZZ_CHECK(str_utf8_ok(v.p, v.n));
	FUZZ_CHECK((p >= in && p + v.n <= in + s->payload.n) ||
	    (p >= text && p + v.n <= text + s->text.len));
}

static void
check_spec(const struct job_spec *s)
{
	check_slice(s, s->id, 128);
	check_slice(s, s->handler, 128);
	check_slice(s, s->model, 128);
	check_slice(s, s->publish, 128);
	check_slice(s, s->unique, 256);
	check_slice(s, s->reply_to, 512);
	FUZZ_CHECK(s->lane < LANE_N);
	FUZZ_CHECK(s->timeout >= 0 && s->delay >= 0 && s->ttl >= 0 &&
	    s->result_ttl >= 0 && s->run_at >= 0 && s->queued_at >= 0);
	FUZZ_CHECK(job_not_before(s, 0) >= 0);
}

static void
check_same(const struct job_spec *a, const struct job_spec *b)
{
	FUZZ_CHECK(slice_eq(a->id, b->id) && slice_eq(a->type, b->type) &&
	    slice_eq(a->handler, b->handler) && slice_eq(a->model, b->model) &&
	    slice_eq(a->reply_to, b->reply_to));
	FUZZ_CHECK(a->lane == b->lane && a->timeout == b->timeout &&
	    a->delay == b->delay && a->run_at == b->run_at &&
	    a->ttl == b->ttl && a->queued_at == b->queued_at &&
	    a->gpus == b->gpus && a->max_attempts == b->max_attempts &&
	    a->gpu_memory == b->gpu_memory &&
	    a->model_version == b->model_version);
}

static void
check_as_json(const struct job_spec *s)
{
	struct job_problem problem;
	struct job_spec again;
	struct buf b;

	buf_init(&b, MAX_SIZE * 8);
	FUZZ_CHECK(msgpack_to_json(s->payload.p, s->payload.n, &b) == 0);
	FUZZ_CHECK(job_parse(b.data, b.len, b.len, &again, &problem) == 0);
	check_same(s, &again);
	job_spec_fini(&again);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job_problem problem;
	struct job_spec s;
	int r;

	r = job_parse(data, size, MAX_SIZE, &s, &problem);
	FUZZ_CHECK(r == 0 || r == -ERR_SYNTAX);
	check_spec(&s);
	if (r != 0)
		FUZZ_CHECK(problem.message[0] != '\0' &&
		    memchr(problem.message, '\0',
		    sizeof(problem.message)) != NULL);
	else
		FUZZ_CHECK(s.is_json != s.is_msgpack);
	if (s.is_json)
		FUZZ_CHECK(json_check(s.payload.p, s.payload.n, NULL) == 0);
	if (r == 0 && s.is_msgpack)
		check_as_json(&s);
	job_spec_fini(&s);
	return (0);
}
