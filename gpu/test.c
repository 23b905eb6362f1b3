/*
 * The device test. See test.h. The child does the work and sends its outcome
 * through a pipe; the parent never touches CUDA, waits and words.
 */
#include "config.h"

#include "gpu/test.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/xalloc.h"

#include "gpu/cuda.h"

#define THREADS 256u
#define BLOCKS 512u
#define ROUNDS 4096u
#define COPY_BYTES (UINT64_C(32) << 20)

struct test {
	struct cuda cuda;
	char name[128];
	int major, minor;
	uint64_t bytes;             /* tested */
	uint64_t memory_errors, arithmetic_errors, copy_errors;
	bool kernel;                /* ours ran */
	double up, down, across;    /* bytes per second */
	char bad[160];              /* what was wrong, "": nothing */
};

static void
blame(struct test *t, const char *what)
{
	if (t->bad[0] == '\0')
		(void)snprintf(t->bad, sizeof(t->bad), "%s", what);
}

/* ---- memory ---- */

static int
pass_memory(struct test *t, cuda_ptr p, unsigned seed, cuda_ptr found)
{
	unsigned long long n = t->bytes / 4, got[2];
	void *fill, *compare;
	void *fill_args[] = { &p, &n, &seed };
	void *compare_args[] = { &p, &n, &seed, &found };
	struct cuda *c = &t->cuda;

	if (cuda_kernel(c, "ganger_fill", &fill) != 0 ||
	    cuda_kernel(c, "ganger_compare", &compare) != 0 ||
	    CUDA_TRY(c, fill, (found, 0, 4)) != 0 ||
	    cuda_launch(c, fill, BLOCKS, THREADS, fill_args) != 0 ||
	    cuda_launch(c, compare, BLOCKS, THREADS, compare_args) != 0 ||
	    CUDA_TRY(c, sync, ()) != 0 ||
	    CUDA_TRY(c, down, (got, found, sizeof(got))) != 0)
		return (-ERR_SYSTEM);
	t->memory_errors += got[0];
	return (0);
}

/* What can be done without a kernel of ours: set, copy across, look. */
static int
pass_plain(struct test *t, cuda_ptr p, unsigned seed)
{
	uint64_t half = t->bytes / 2 / 4 * 4, i;
	unsigned *host = xmalloc(half);
	struct cuda *c = &t->cuda;
	int r = -ERR_SYSTEM;

	if (CUDA_TRY(c, fill, (p, seed, half / 4)) == 0 &&
	    CUDA_TRY(c, across, (p + half, p, half)) == 0 &&
	    CUDA_TRY(c, sync, ()) == 0 &&
	    CUDA_TRY(c, down, (host, p + half, half)) == 0) {
		for (i = 0; i < half / 4; i++)
			t->memory_errors += host[i] != seed;
		r = 0;
	}
	free(host);
	return (r);
}

static int
test_memory(struct test *t)
{
	static const unsigned seeds[] = { 0x00000000u, 0xffffffffu,
	    0xa5a5a5a5u };
	struct cuda *c = &t->cuda;
	cuda_ptr p = 0, found = 0;
	unsigned i;
	int r;

	if (CUDA_TRY(c, mem_alloc, (&p, t->bytes)) != 0)
		return (-ERR_SYSTEM);
	r = CUDA_TRY(c, mem_alloc, (&found, 16));
	for (i = 0; r == 0 && i < sizeof(seeds) / sizeof(*seeds); i++)
		r = t->kernel ? pass_memory(t, p, seeds[i], found) :
		    pass_plain(t, p, seeds[i]);
	(void)c->mem_free(p);
	if (found != 0)
		(void)c->mem_free(found);
	if (t->memory_errors > 0)
		blame(t, "its memory gives back other words than were "
		    "written");
	return (r);
}

/* ---- arithmetic ---- */

/* What a thread of ganger_arithmetic computes. */
static unsigned
expected(unsigned i)
{
	unsigned x = i * 2654435761u + 1u, k, bits;
	float y = 0.0f;

	for (k = 0; k < ROUNDS; k++) {
		x = x * 1664525u + 1013904223u;
		y = fmaf(y, 0.5f, (float)(x >> 24));
	}
	memcpy(&bits, &y, sizeof(bits));
	return (x ^ bits);
}

static int
test_arithmetic(struct test *t)
{
	unsigned n = BLOCKS * THREADS, rounds = ROUNDS, i;
	unsigned *host = xmalloc(n * sizeof(*host));
	struct cuda *c = &t->cuda;
	cuda_ptr out = 0;
	void *function, *args[] = { &out, &rounds };
	int r = -ERR_SYSTEM;

	if (cuda_kernel(c, "ganger_arithmetic", &function) == 0 &&
	    CUDA_TRY(c, mem_alloc, (&out, n * sizeof(*host))) == 0 &&
	    cuda_launch(c, function, BLOCKS, THREADS, args) == 0 &&
	    CUDA_TRY(c, sync, ()) == 0 &&
	    CUDA_TRY(c, down, (host, out, n * sizeof(*host))) == 0) {
		/* one of 64 is enough to see a unit that miscalculates: all
		 * threads of a warp share it */
		for (i = 0; i < n; i += 31)
			t->arithmetic_errors += host[i] != expected(i);
		r = 0;
	}
	if (out != 0)
		(void)c->mem_free(out);
	free(host);
	if (t->arithmetic_errors > 0)
		blame(t, "it computes wrong results");
	return (r);
}

/* ---- copies ---- */

static double
per_second(mono_t from)
{
	return ((double)COPY_BYTES * 1e9 / (double)(mono_now() - from + 1));
}

static int
copy_round(struct test *t, cuda_ptr a, cuda_ptr b, unsigned *host)
{
	struct cuda *c = &t->cuda;
	mono_t from = mono_now();

	if (CUDA_TRY(c, up, (a, host, COPY_BYTES)) != 0 ||
	    CUDA_TRY(c, sync, ()) != 0)
		return (-ERR_SYSTEM);
	t->up = per_second(from);
	from = mono_now();
	if (CUDA_TRY(c, across, (b, a, COPY_BYTES)) != 0 ||
	    CUDA_TRY(c, sync, ()) != 0)
		return (-ERR_SYSTEM);
	t->across = per_second(from);
	memset(host, 0, COPY_BYTES);
	from = mono_now();
	if (CUDA_TRY(c, down, (host, b, COPY_BYTES)) != 0)
		return (-ERR_SYSTEM);
	t->down = per_second(from);
	return (0);
}

/* Twice: the first round pays for whatever starts lazily. */
static int
test_copies(struct test *t)
{
	unsigned *host = xmalloc(COPY_BYTES), round;
	struct cuda *c = &t->cuda;
	cuda_ptr a = 0, b = 0;
	uint64_t i;
	int r;

	r = CUDA_TRY(c, mem_alloc, (&a, COPY_BYTES)) != 0 ||
	    CUDA_TRY(c, mem_alloc, (&b, COPY_BYTES)) != 0 ? -ERR_SYSTEM : 0;
	for (round = 0; r == 0 && round < 2; round++) {
		for (i = 0; i < COPY_BYTES / 4; i++)
			host[i] = (unsigned)i * 2654435761u;
		r = copy_round(t, a, b, host);
		for (i = 0; r == 0 && i < COPY_BYTES / 4; i++)
			t->copy_errors += host[i] != (unsigned)i * 2654435761u;
	}
	if (a != 0)
		(void)c->mem_free(a);
	if (b != 0)
		(void)c->mem_free(b);
	free(host);
	if (t->copy_errors > 0)
		blame(t, "what was copied there and back differs");
	return (r);
}

/* ---- the outcome ---- */

static void
put_outcome(struct buf *b, const struct test *t, const char *uuid,
    const char *why, double seconds)
{
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "uuid", uuid);
	jsonw_kbool(&w, "ok", why[0] == '\0');
	jsonw_kstr(&w, "why", why);
	if (t != NULL) {
		jsonw_kstr(&w, "name", t->name);
		jsonw_kint(&w, "compute_capability", t->major * 10 + t->minor);
		jsonw_kbool(&w, "kernel", t->kernel);
		jsonw_kuint(&w, "memory_bytes", t->bytes);
		jsonw_kuint(&w, "memory_errors", t->memory_errors);
		jsonw_kuint(&w, "arithmetic_errors", t->arithmetic_errors);
		jsonw_kuint(&w, "copy_errors", t->copy_errors);
		jsonw_knum(&w, "copy_up", t->up);
		jsonw_knum(&w, "copy_down", t->down);
		jsonw_knum(&w, "copy_device", t->across);
	}
	jsonw_knum(&w, "seconds", seconds);
	jsonw_end(&w);
	(void)buf_putc(b, '\n');
}

static int
measure(struct test *t, uint64_t bytes)
{
	struct cuda *c = &t->cuda;
	size_t unused = 0, total = 0;

	t->kernel = c->module != NULL;
	(void)c->name(t->name, (int)sizeof(t->name), c->ordinal);
	(void)c->attribute(&t->major, CUDA_ATTRIBUTE_MAJOR, c->ordinal);
	(void)c->attribute(&t->minor, CUDA_ATTRIBUTE_MINOR, c->ordinal);
	if (CUDA_TRY(c, mem_info, (&unused, &total)) != 0)
		return (-ERR_SYSTEM);
	t->bytes = (bytes < unused / 2 ? bytes : unused / 2) / 8 * 8;
	if (t->bytes < 2 * COPY_BYTES) {
		(void)snprintf(t->bad, sizeof(t->bad), "only %zu MiB of it "
		    "are free, too few for a test", unused >> 20);
		return (0);
	}
	if (test_memory(t) != 0 || (t->kernel && test_arithmetic(t) != 0) ||
	    test_copies(t) != 0)
		return (-ERR_SYSTEM);
	return (0);
}

_Noreturn static void
work(int out, const char *uuid, uint64_t bytes)
{
	mono_t from = mono_now();
	struct test t;
	struct buf b;
	int code = 0;

	memset(&t, 0, sizeof(t));
	(void)setenv("CUDA_VISIBLE_DEVICES", uuid, 1);
	(void)setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 1);
	buf_init(&b, 65536);
	if (cuda_open(&t.cuda) != 0)
		code = EX_UNAVAILABLE;
	else if (measure(&t, bytes) != 0 || t.bad[0] != '\0')
		code = TEST_EXIT_BAD;
	put_outcome(&b, code == EX_UNAVAILABLE ? NULL : &t, uuid,
	    t.bad[0] != '\0' ? t.bad : t.cuda.why,
	    (double)(mono_now() - from) / DUR_S);
	(void)fd_write_all(out, b.data, b.len);
	_exit(code);
}

/* Until the pipe's end or the time's; false: late. */
static bool
collect(int fd, mono_t end, struct buf *b)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char part[4096];
	ssize_t n;

	while (mono_now() < end) {
		if (poll(&p, 1, (int)((end - mono_now()) / DUR_MS) + 1) <= 0)
			continue;
		if ((n = read(fd, part, sizeof(part))) <= 0)
			return (true);
		(void)buf_put(b, part, (size_t)n);
	}
	return (false);
}

/* The worker is gone without a word, or late. */
static int
word_failure(struct buf *b, const char *uuid, bool late, int status,
    unsigned seconds)
{
	char why[128];

	if (late)
		(void)snprintf(why, sizeof(why), "the test did not end in "
		    "%u s: the device or its driver hangs", seconds);
	else
		(void)snprintf(why, sizeof(why), "the test died of signal %d",
		    WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	buf_reset(b);
	put_outcome(b, NULL, uuid, why, (double)seconds);
	return (late ? TEST_EXIT_HUNG : TEST_EXIT_BAD);
}

int
test_run(const char *uuid, uint64_t bytes, unsigned seconds)
{
	mono_t end = mono_now() + (dur_t)seconds * DUR_S;
	int pair[2], status = 0, code;
	struct buf b;
	pid_t pid;
	bool done;

	if (pipe(pair) != 0 || (pid = fork()) < 0) {
		perror("ganger-gpuprobe");
		return (EX_OSERR);
	}
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0L, 0L, 0L);
		(void)close(pair[0]);
		work(pair[1], uuid, bytes);
	}
	(void)close(pair[1]);
	buf_init(&b, 65536);
	done = collect(pair[0], end, &b);
	(void)kill(pid, SIGKILL);
	/* one that hangs in the driver can't be waited for */
	if (done)
		(void)waitpid(pid, &status, 0);
	code = done && b.len > 0 && WIFEXITED(status) ? WEXITSTATUS(status) :
	    word_failure(&b, uuid, !done, status, seconds);
	(void)fd_write_all(STDOUT_FILENO, b.data, b.len);
	buf_fini(&b);
	(void)close(pair[0]);
	return (code);
}
