/*
 * The prober as a job. See job.h. Exit 0 with the result where it was told
 * to write it, 1 with the reason on stderr.
 */
#include "config.h"

#include "gpu/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/obj.h"
#include "base/slice.h"
#include "proto/json.h"

#include "gpu/cuda.h"
#include "gpu/test.h"

#define JOB_BYTES (16u << 20)
#define NOWHERE 64ull   /* no device maps its first page */

struct order {
	struct slice payload;
	uint64_t bytes;
	double seconds;
};

static int
fail(const char *what)
{
	(void)fprintf(stderr, "%s\n", what);
	return (1);
}

static double
number(struct slice payload, const char *path)
{
	enum json_kind kind;
	struct slice v;
	double d = 0;

	if (json_find(payload, path, &v, &kind) != 0 || kind != JSON_NUMBER ||
	    json_double(v, &d) != 0 || d < 0)
		return (0);
	return (d);
}

/* The result file of the contract; stdout where a person runs it. */
static int
write_result(struct buf *b)
{
	const char *path = getenv("GANGER_RESULT");
	FILE *f = path != NULL && path[0] != '\0' ? fopen(path, "w") : stdout;

	if (f == NULL || fwrite(b->data, 1, b->len, f) != b->len ||
	    fflush(f) != 0)
		return (fail("the result can't be written"));
	return (0);
}

static int
give(struct cuda *c, const char *op, double seconds)
{
	size_t unused = 0, total = 0;
	struct jsonw w;
	struct buf b;
	int r;

	(void)c->mem_info(&unused, &total);
	buf_init(&b, 4096);
	jsonw_init(&w, &b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "op", op);
	jsonw_kstr(&w, "devices", getenv("CUDA_VISIBLE_DEVICES"));
	jsonw_kuint(&w, "memory_free", unused);
	jsonw_kuint(&w, "memory_total", total);
	jsonw_knum(&w, "seconds", seconds);
	jsonw_end(&w);
	r = write_result(&b);
	buf_fini(&b);
	return (r);
}

static void
rest(double seconds)
{
	struct timespec t = { (time_t)seconds,
		(long)((seconds - (double)(time_t)seconds) * 1e9) };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static int
op_hold(struct cuda *c, const struct order *o)
{
	cuda_ptr p = 0;

	if (o->bytes > 0 && (CUDA_TRY(c, mem_alloc, (&p, o->bytes)) != 0 ||
	    CUDA_TRY(c, fill, (p, 0x5a5a5a5au, o->bytes / 4)) != 0 ||
	    CUDA_TRY(c, sync, ()) != 0))
		return (fail(c->why));
	(void)fprintf(stderr, "holds %llu bytes\n",
	    (unsigned long long)o->bytes);
	rest(o->seconds);
	return (give(c, "hold", o->seconds));
}

/* The clock of a kernel is the device's, about 1 to 2 GHz: seconds are meant
 * as the order of magnitude, 0 is what a test of a kill wants. */
static int
op_spin(struct cuda *c, const struct order *o)
{
	unsigned long long cycles = (unsigned long long)(o->seconds * 1.5e9);
	cuda_ptr out = 0;
	void *function, *args[] = { &out, &cycles };
	mono_t from = mono_now();

	if (cuda_kernel(c, "ganger_spin", &function) != 0)
		return (fail("built without nvcc: there is no kernel"));
	if (CUDA_TRY(c, mem_alloc, (&out, 4)) != 0 ||
	    cuda_launch(c, function, 1, 1, args) != 0)
		return (fail(c->why));
	(void)fprintf(stderr, "a kernel spins\n");
	if (CUDA_TRY(c, sync, ()) != 0)
		return (fail(c->why));
	return (give(c, "spin", (double)(mono_now() - from) / DUR_S));
}

static int
op_fault(struct cuda *c, const struct order *o)
{
	unsigned long long address = NOWHERE;
	void *function, *args[] = { &address };

	if (cuda_kernel(c, "ganger_trespass", &function) != 0)
		return (fail("built without nvcc: there is no kernel"));
	if (cuda_launch(c, function, 1, 32, args) != 0 ||
	    CUDA_TRY(c, sync, ()) != 0)
		return (fail(c->why));
	return (give(c, "fault", 0));
}

static int
op_test(struct cuda *c, const struct order *o)
{
	const char *path = getenv("GANGER_RESULT");

	if (path != NULL && path[0] != '\0' &&
	    freopen(path, "w", stdout) == NULL)
		return (fail("the result can't be written"));
	return (test_run(getenv("CUDA_VISIBLE_DEVICES"),
	    o->bytes > 0 ? o->bytes : TEST_BYTES, TEST_SECONDS));
}

static const struct {
	const char *name;
	int (*run)(struct cuda *, const struct order *);
	bool opens;     /* needs a context in this process */
} ops[] = {
	{ "test", op_test, false },
	{ "hold", op_hold, true },
	{ "spin", op_spin, true },
	{ "fault", op_fault, true },
};

static int
run_op(const struct order *o)
{
	struct cuda c;
	enum json_kind kind;
	struct slice name, bare;
	size_t i;
	int r;

	if (json_find(o->payload, "input.op", &name, &kind) != 0 ||
	    kind != JSON_STRING)
		return (fail("the job has no input.op"));
	bare = (struct slice){ name.p + 1, name.n - 2 };
	for (i = 0; i < NELEM(ops) && !slice_is(bare, ops[i].name); i++)
		;
	if (i == NELEM(ops))
		return (fail("input.op is none of test, hold, spin, fault"));
	if (!ops[i].opens)
		return (ops[i].run(&c, o));
	if (cuda_open(&c) != 0)
		return (fail(c.why));
	r = ops[i].run(&c, o);
	cuda_close(&c);
	return (r);
}

int
job_run(void)
{
	struct json_error error;
	struct order o = { 0 };
	char part[4096];
	struct buf in;
	ssize_t n;
	int r;

	buf_init(&in, JOB_BYTES);
	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0)
		(void)buf_put(&in, part, (size_t)n);
	o.payload = (struct slice){ in.data, in.len };
	if (in.failed || in.len == 0 ||
	    json_check(in.data, in.len, &error) != 0)
		r = fail("stdin is no job");
	else {
		o.bytes = (uint64_t)number(o.payload, "input.bytes");
		o.seconds = number(o.payload, "input.seconds");
		r = run_op(&o);
	}
	buf_fini(&in);
	return (r);
}
