/*
 * The selftest plugin: operations for tests, benchmarks and operators, named
 * in `input.op` of a job. It misbehaves in every way that its host has to
 * survive. Uses nothing of Ganger but the installed header.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* CPU sets, names of signals */
#endif

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <handler.h>

#define TEXT_MAX 4096
#define NAP_NS 10000000L        /* how often a sleep looks at should_stop */
#define BYTES_MAX (1ull << 40)

struct selftest {
	const struct ganger_host *host;
};

/* An operation: OK (its result is set), or a status with the error set. */
typedef enum ganger_status op_f(const struct ganger_host *,
    const struct ganger_request *);

/* A growing text; `p` is NULL once memory was out. */
struct text {
	char *p;
	size_t n, size;
};

static void
text_put(struct text *t, const char *s, size_t n)
{
	char *p;

	if (t->size > 0 && t->p == NULL)
		return;
	if (t->n + n + 1 > t->size) {
		t->size = (t->n + n + 1) * 2;
		if ((p = realloc(t->p, t->size)) == NULL)
			free(t->p);
		if ((t->p = p) == NULL)
			return;
	}
	memcpy(t->p + t->n, s, n);
	t->n += n;
	t->p[t->n] = '\0';
}

static void
text_str(struct text *t, const char *s)
{

	text_put(t, s, strlen(s));
}

static void
text_int(struct text *t, long long v)
{
	char number[32];

	snprintf(number, sizeof(number), "%lld", v);
	text_str(t, number);
}

static void
text_quoted(struct text *t, const char *s)
{
	char esc[16];

	text_str(t, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\' || (unsigned char)*s < 0x20) {
			snprintf(esc, sizeof(esc), "\\u%04x",
			    (unsigned)(unsigned char)*s);
			text_str(t, esc);
		} else {
			text_put(t, s, 1);
		}
	}
	text_str(t, "\"");
}

static enum ganger_status
answer(const struct ganger_host *h, const struct ganger_request *r,
    struct text *t)
{

	if (t->p == NULL) {
		h->set_error(r->host, GANGER_ERROR, "out of memory");
		return (GANGER_ERROR);
	}
	/* a refused result has failed the job already */
	(void)h->set_result(r->host, t->p, t->n);
	free(t->p);
	return (GANGER_OK);
}

static enum ganger_status
fail(const struct ganger_host *h, const struct ganger_request *r,
    const char *message)
{

	h->set_error(r->host, GANGER_ERROR, message);
	return (GANGER_ERROR);
}

static enum ganger_status
stopped(const struct ganger_host *h, const struct ganger_request *r)
{

	h->set_error(r->host, GANGER_STOPPED, "stopped before its end");
	return (GANGER_STOPPED);
}

/* A member of `input`. */
static enum ganger_kind
get(const struct ganger_host *h, const struct ganger_request *r,
    const char *name, struct ganger_text *value)
{
	char path[64];

	snprintf(path, sizeof(path), "input.%s", name);
	return (h->json_get(r->job, path, value));
}

static double
get_number(const struct ganger_host *h, const struct ganger_request *r,
    const char *name, double fallback)
{
	struct ganger_text v;

	if (get(h, r, name, &v) != GANGER_NUMBER)
		return (fallback);
	return (h->json_number(v, fallback));
}

/* A count from 0 to max. */
static unsigned long long
get_count(const struct ganger_host *h, const struct ganger_request *r,
    const char *name, double fallback, unsigned long long max)
{
	double v = get_number(h, r, name, fallback);

	if (!(v > 0))
		return (0);
	return (v < (double)max ? (unsigned long long)v : max);
}

static int
get_flag(const struct ganger_host *h, const struct ganger_request *r,
    const char *name)
{
	struct ganger_text v;

	return (get(h, r, name, &v) == GANGER_BOOL && v.size == 4);
}

static void
get_string(const struct ganger_host *h, const struct ganger_request *r,
    const char *name, const char *fallback, char *out, size_t size)
{
	struct ganger_text v;

	if (get(h, r, name, &v) != GANGER_STRING ||
	    h->json_string(v, out, size) == (size_t)-1)
		snprintf(out, size, "%s", fallback);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/* 0 when the time is over, 1 when the job was asked to stop before. */
static int
nap(const struct ganger_host *h, const struct ganger_request *r,
    double seconds)
{
	double until = now() + seconds, left;
	struct timespec ts;

	while ((left = until - now()) > 0) {
		if (h->should_stop(r->host))
			return (1);
		ts.tv_sec = 0;
		ts.tv_nsec = left * 1e9 < (double)NAP_NS ?
		    (long)(left * 1e9) : NAP_NS;
		nanosleep(&ts, NULL);
	}
	return (0);
}

static enum ganger_status
op_echo(const struct ganger_host *h, const struct ganger_request *r)
{
	struct ganger_text v;

	if (get(h, r, "value", &v) != GANGER_ABSENT)
		(void)h->set_result(r->host, v.data, v.size);
	return (GANGER_OK);
}

static enum ganger_status
op_sleep(const struct ganger_host *h, const struct ganger_request *r)
{

	return (nap(h, r, get_number(h, r, "seconds", 1)) ?
	    stopped(h, r) : GANGER_OK);
}

static enum ganger_status
op_spin(const struct ganger_host *h, const struct ganger_request *r)
{
	double until = now() + get_number(h, r, "seconds", 1);
	unsigned long long turns = 0;
	struct text t = { NULL, 0, 0 };

	do {
		turns++;
		if (h->should_stop(r->host))
			return (stopped(h, r));
	} while (now() < until);
	text_str(&t, "{\"turns\":");
	text_int(&t, (long long)turns);
	text_str(&t, "}");
	return (answer(h, r, &t));
}

static enum ganger_status
op_fail(const struct ganger_host *h, const struct ganger_request *r)
{
	char message[TEXT_MAX];

	get_string(h, r, "message", "failed as it was asked to", message,
	    sizeof(message));
	return (fail(h, r, message));
}

/* A number, or a name with or without SIG; 0: neither. */
static int
get_signal(const struct ganger_host *h, const struct ganger_request *r)
{
	char name[32];
	const char *p = name;
	int sig;

	get_string(h, r, "signal", "", name, sizeof(name));
	if (*name == '\0')
		return ((int)get_count(h, r, "signal", SIGSEGV, 64));
	if (strncmp(p, "SIG", 3) == 0)
		p += 3;
	for (sig = 1; sig < 32; sig++)
		if (sigabbrev_np(sig) != NULL &&
		    strcmp(sigabbrev_np(sig), p) == 0)
			return (sig);
	return (0);
}

static enum ganger_status
op_crash(const struct ganger_host *h, const struct ganger_request *r)
{
	int sig = get_signal(h, r);
	sigset_t set;

	if (sig == 0)
		return (fail(h, r, "crash: no such signal"));
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), sig);
	return (fail(h, r, "crash: the signal did not end the process"));
}

static enum ganger_status
op_exit(const struct ganger_host *h, const struct ganger_request *r)
{

	_exit((int)get_count(h, r, "code", 0, 255));
}

/* Written page by page, so that it is really there. */
static enum ganger_status
op_allocate(const struct ganger_host *h, const struct ganger_request *r)
{
	size_t i, n = get_count(h, r, "bytes", 0, BYTES_MAX);
	struct text t = { NULL, 0, 0 };
	volatile char *p;
	int early;

	if ((p = malloc(n > 0 ? n : 1)) == NULL)
		return (fail(h, r, "allocate: out of memory"));
	for (i = 0; i < n; i += 4096)
		p[i] = (char)i;
	early = nap(h, r, get_number(h, r, "seconds", 0));
	free((void *)(uintptr_t)p);
	if (early)
		return (stopped(h, r));
	text_str(&t, "{\"bytes\":");
	text_int(&t, (long long)n);
	text_str(&t, "}");
	return (answer(h, r, &t));
}

static enum ganger_status
op_log(const struct ganger_host *h, const struct ganger_request *r)
{
	unsigned long long i, lines = get_count(h, r, "lines", 1, 10000000);
	char text[TEXT_MAX];

	get_string(h, r, "text", "a line of selftest", text, sizeof(text));
	for (i = 0; i < lines; i++) {
		if (h->should_stop(r->host))
			return (stopped(h, r));
		h->log(r->host, text, strlen(text));
	}
	return (GANGER_OK);
}

static enum ganger_status
op_progress(const struct ganger_host *h, const struct ganger_request *r)
{
	unsigned long long i, steps = get_count(h, r, "steps", 10, 1000000);
	double seconds = get_number(h, r, "seconds", 1);
	char message[64];

	for (i = 1; i <= steps; i++) {
		if (nap(h, r, seconds / (double)steps))
			return (stopped(h, r));
		snprintf(message, sizeof(message), "step %llu of %llu", i,
		    steps);
		h->progress(r->host, (double)i / (double)steps, message);
	}
	return (GANGER_OK);
}

static enum ganger_status
op_big_result(const struct ganger_host *h, const struct ganger_request *r)
{
	size_t n = get_count(h, r, "bytes", 1 << 20, BYTES_MAX);
	struct text t = { NULL, 0, 0 };

	if ((t.p = malloc(n + 2)) != NULL) {
		memset(t.p, 'x', n + 2);
		t.p[0] = t.p[n + 1] = '"';
		t.n = n + 2;
	}
	return (answer(h, r, &t));
}

struct orphans {
	int setsid, ignore_term;
	unsigned seconds;
};

/* In the orphan itself: only plain system calls after the fork. */
static _Noreturn void
live_on(const struct orphans *o, int fd)
{
	struct timespec ts = { (time_t)o->seconds, 0 };
	pid_t pid = getpid();

	signal(SIGTERM, o->ignore_term ? SIG_IGN : SIG_DFL);
	if (o->setsid)
		setsid();
	if (write(fd, &pid, sizeof(pid)) < 0)
		_exit(1);
	close(fd);
	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
	_exit(0);
}

/* Forks twice, so that its parent is gone at once. -1: no process. */
static pid_t
make_orphan(const struct orphans *o)
{
	pid_t middle, pid = -1;
	int fds[2];

	if (pipe(fds) != 0)
		return (-1);
	if ((middle = fork()) == 0) {
		close(fds[0]);
		if (fork() == 0)
			live_on(o, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (middle > 0) {
		waitpid(middle, NULL, 0);
		if (read(fds[0], &pid, sizeof(pid)) != sizeof(pid))
			pid = -1;
	}
	close(fds[0]);
	return (pid);
}

static enum ganger_status
op_orphans(const struct ganger_host *h, const struct ganger_request *r)
{
	unsigned long long i, count = get_count(h, r, "count", 1, 1000);
	struct orphans o = { get_flag(h, r, "setsid"),
	    get_flag(h, r, "ignore_term"),
	    (unsigned)get_count(h, r, "seconds", 60, 1000000) };
	struct text t = { NULL, 0, 0 };
	pid_t pid;

	text_str(&t, "{\"pids\":[");
	for (i = 0; i < count; i++) {
		if ((pid = make_orphan(&o)) < 0) {
			free(t.p);
			return (fail(h, r, "orphans: could not fork"));
		}
		if (i > 0)
			text_str(&t, ",");
		text_int(&t, pid);
	}
	text_str(&t, "]}");
	return (answer(h, r, &t));
}

/* List text of this thread's CPUs, "0-2,4". */
static void
put_cpus(struct text *t)
{
	const char *comma = "";
	cpu_set_t set;
	int from, to;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	text_str(t, "\"");
	for (from = 0; from < CPU_SETSIZE; from = to + 1) {
		to = from;
		if (!CPU_ISSET(from, &set))
			continue;
		while (to + 1 < CPU_SETSIZE && CPU_ISSET(to + 1, &set))
			to++;
		text_str(t, comma);
		text_int(t, from);
		if (to > from) {
			text_str(t, "-");
			text_int(t, to);
		}
		comma = ",";
	}
	text_str(t, "\"");
}

/* What the slot sets, whatever else is in the environment. */
static int
is_of_slot(const char *assignment)
{
	static const char *const starts[] = { "GANGER_", "CUDA_", "NVIDIA_" };
	static const char ends[] = "_NUM_THREADS=";
	size_t i;

	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(assignment, starts[i], strlen(starts[i])) == 0)
			return (1);
	return (strstr(assignment, ends) != NULL);
}

static void
put_env(struct text *t)
{
	const char *comma = "", *eq;
	char name[256];
	char **v;

	text_str(t, "{");
	for (v = environ; *v != NULL; v++) {
		eq = strchr(*v, '=');
		if (eq == NULL || !is_of_slot(*v) ||
		    (size_t)(eq - *v) >= sizeof(name))
			continue;
		memcpy(name, *v, (size_t)(eq - *v));
		name[eq - *v] = '\0';
		text_str(t, comma);
		text_quoted(t, name);
		text_str(t, ":");
		text_quoted(t, eq + 1);
		comma = ",";
	}
	text_str(t, "}");
}

static enum ganger_status
op_where(const struct ganger_host *h, const struct ganger_request *r)
{
	const struct ganger_place *place = h->place;
	struct text t = { NULL, 0, 0 };

	text_str(&t, "{\"pid\":");
	text_int(&t, getpid());
	text_str(&t, ",\"worker_id\":");
	text_quoted(&t, place->worker_id);
	text_str(&t, ",\"slot\":");
	text_int(&t, place->slot);
	text_str(&t, ",\"attempt\":");
	text_int(&t, r->attempt);
	text_str(&t, ",\"cpus\":");
	put_cpus(&t);
	text_str(&t, ",\"ncpus\":");
	text_int(&t, place->ncpus);
	text_str(&t, ",\"devices\":");
	text_quoted(&t, place->devices);
	text_str(&t, ",\"env\":");
	put_env(&t);
	text_str(&t, "}");
	return (answer(h, r, &t));
}

#define OPS(X) \
	X(echo) X(sleep) X(spin) X(fail) X(crash) X(exit) X(allocate) X(log) \
	X(progress) X(big_result) X(orphans) X(where)

static const struct {
	const char *name;
	op_f *fn;
} ops[] = {
#define X(name) { #name, op_##name },
	OPS(X)
#undef X
};

static enum ganger_status
refuse_op(const struct ganger_host *h, const struct ganger_request *r,
    const char *op)
{
	char message[512];

	snprintf(message, sizeof(message), "selftest has no operation %.80s; "
	    "it has"
#define X(name) " " #name
	    OPS(X)
#undef X
	    , op);
	return (fail(h, r, message));
}

/* A job without an operation is given its input back. */
static enum ganger_status
run_plain(const struct ganger_host *h, const struct ganger_request *r)
{
	struct ganger_text v;

	if (h->json_get(r->job, "input", &v) != GANGER_ABSENT)
		(void)h->set_result(r->host, v.data, v.size);
	return (GANGER_OK);
}

static enum ganger_status
run_one(const struct ganger_host *h, const struct ganger_request *r)
{
	struct ganger_text v;
	char op[64];
	size_t i;

	switch (get(h, r, "op", &v)) {
	case GANGER_ABSENT:
		return (run_plain(h, r));
	case GANGER_STRING:
		break;
	case GANGER_NULL:
	case GANGER_BOOL:
	case GANGER_NUMBER:
	case GANGER_ARRAY:
	case GANGER_OBJECT:
		return (refuse_op(h, r, "of that type"));
	}
	if (h->json_string(v, op, sizeof(op)) == (size_t)-1)
		return (refuse_op(h, r, "(unreadable)"));
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(op, ops[i].name) == 0)
			return (ops[i].fn(h, r));
	return (refuse_op(h, r, op));
}

static enum ganger_status
selftest_run(void *state, void *model, const struct ganger_request *r)
{
	const struct selftest *s = state;

	(void)model;
	return (run_one(s->host, r));
}

/* Each job has its own error, so the batch as a whole never fails. */
static enum ganger_status
selftest_predict(void *state, void *model,
    const struct ganger_request *const *requests, size_t count)
{
	const struct selftest *s = state;
	size_t i;

	(void)model;
	for (i = 0; i < count; i++)
		(void)run_one(s->host, requests[i]);
	return (GANGER_OK);
}

static enum ganger_status
selftest_init(const struct ganger_host *host, void **state,
    const char **error)
{
	struct selftest *s;

	if ((s = malloc(sizeof(*s))) == NULL) {
		*error = "out of memory";
		return (GANGER_ERROR);
	}
	s->host = host;
	*state = s;
	return (GANGER_OK);
}

static void
selftest_fini(void *state)
{

	free(state);
}

const struct ganger_plugin ganger_plugin = {
	.struct_size = sizeof(ganger_plugin),
	.abi_major = GANGER_ABI_MAJOR,
	.abi_minor = GANGER_ABI_MINOR,
	.name = "selftest",
	.version = "1",
	.flags = GANGER_PLUGIN_NO_MODELS | GANGER_PLUGIN_NO_DIRS,
	.init = selftest_init,
	.fini = selftest_fini,
	.predict = selftest_predict,
	.run = selftest_run,
};
