/*
 * Runs ganger-gpuprobe: the watch, and tests of devices. Never waits for
 * either: their words come as events, their silence is measured, and what is
 * late is killed with its whole group and started again after a pause. Their
 * ends are reaped with all others (loop.c).
 */
#include "config.h"

#include "supervisor/gpu.h"

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "place/gpu.h"
#include "proto/json.h"

#include "supervisor/gpu_impl.h"
#include "supervisor/pool.h"
#include "supervisor/sup.h"

#define LINE_MAX_BYTES (4u << 20)
#define START_WAIT (30 * DUR_S)    /* for its list: the driver may load first */
#define SILENCE (10 * DUR_S)       /* it samples each second */
#define AGAIN_MIN DUR_S
#define AGAIN_MAX (60 * DUR_S)
#define STEADY (60 * DUR_S)        /* up so long: its failures are forgotten */
#define RESCAN (10 * DUR_S)        /* while a device is lost */
#define TEST_SECONDS 30
#define TEST_SLACK (5 * DUR_S)

extern char **environ;

/* One end is ours. Its group is its own, so that all it starts ends with it;
 * it must not touch our stdin. 0 or an errno. */
static int
launch(char *const argv[], int in, int out, pid_t *pidp)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	if (in >= 0)
		(void)posix_spawn_file_actions_adddup2(&files, in, 0);
	else
		(void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null",
		    O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&files, out, 1);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = posix_spawn(pidp, gpu_prober(), &files, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return (err);
}

bool
gpu_prober_owns(const struct gpus *g, pid_t pid)
{
	pid_t group = getpgid(pid);
	unsigned i;

	if (group <= 0)
		return (false);
	if (group == g->prober.pid)
		return (true);
	for (i = 0; i < g->n; i++)
		if (g->d[i]->test.pid == group)
			return (true);
	return (false);
}

/* ---- the watch ---- */

static void
close_watch(struct gpu_prober *w)
{
	if (w->ev != NULL)
		event_free(w->ev);
	w->ev = NULL;
	if (w->pid > 0) {
		(void)kill(-w->pid, SIGKILL);
		buf_fini(&w->line);
	}
	w->pid = 0;
	fd_close(&w->in);
	fd_close(&w->out);
}

void
gpu_prober_end(struct gpus *g, const char *why)
{
	struct gpu_prober *w = &g->prober;
	dur_t wait = AGAIN_MIN;
	mono_t now = mono_now();
	unsigned i;

	close_watch(w);
	if (why[0] == '\0' || w->state == PROBER_OFF)
		return;
	if (now - w->started > STEADY)
		w->failures = 0;
	for (i = 0; i < w->failures && wait < AGAIN_MAX; i++)
		wait *= 2;
	w->failures++;
	w->state = PROBER_DOWN;
	w->again = mono_add(now, wait < AGAIN_MAX ? wait : AGAIN_MAX);
	(void)snprintf(w->why, sizeof(w->why), "%s", why);
	log_warn("gpu", "the prober %s; it is started again in %g s", why,
	    (double)(w->again - now) / (double)DUR_S);
	sup_wake_at(g->sup, w->again);
	g->sup->pending.again = true;
}

/* A pipe that is full belongs to a prober that hangs: its silence tells. */
static void
send_ask(const struct gpu_prober *w)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "sample %" PRIu64 "\n",
	    w->asked);

	if (w->in >= 0)
		(void)!write(w->in, text, (size_t)n);
}

uint64_t
gpu_prober_ask(struct gpus *g)
{
	g->prober.asked++;
	send_ask(&g->prober);
	return (g->prober.asked);
}

/* What its predecessor was asked last, it answers for all. */
static void
become_up(struct gpu_prober *w)
{
	w->state = PROBER_UP;
	w->why[0] = '\0';
	if (w->asked > w->seen)
		send_ask(w);
}

/* Whole lines; false if one made no sense. */
static bool
take_lines(struct gpus *g)
{
	struct gpu_prober *w = &g->prober;
	size_t from = 0, n;
	const char *end;

	while (w->line.len > from && (end = memchr(w->line.data + from, '\n',
	    w->line.len - from)) != NULL) {
		n = (size_t)(end - w->line.data) - from;
		w->heard = mono_now();
		if (w->state == PROBER_STARTING)
			become_up(w);
		if (gpu_line(g, w->line.data + from, n) != 0)
			return (false);
		from += n + 1;
	}
	buf_consume(&w->line, from);
	return (true);
}

static void
readable(evutil_socket_t fd, short what, void *priv)
{
	struct gpus *g = priv;
	struct gpu_prober *w = &g->prober;
	char part[65536];
	ssize_t n = read(w->out, part, sizeof(part));

	OBJ_CHECK(g, GPUS_MAGIC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		gpu_prober_end(g, "ended");
	else if (buf_put(&w->line, part, (size_t)n) != 0 || !take_lines(g))
		gpu_prober_end(g, "wrote what makes no sense");
	g->sup->pending.again = true;
}

static void
start_watch(struct gpus *g)
{
	char name[] = "ganger-gpuprobe", mode[] = "--watch";
	char after[] = "--after", record[24];
	char *argv[] = { name, mode, NULL, NULL, NULL };
	struct gpu_prober *w = &g->prober;
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err;
	unsigned i;

	if (w->kmsg >= 0) {
		(void)snprintf(record, sizeof(record), "%" PRId64, w->kmsg);
		argv[2] = after;
		argv[3] = record;
	}
	w->state = PROBER_STARTING;
	w->deaf_since = w->heard;
	w->started = w->heard = mono_now();
	w->rescan_at = 0;
	for (i = 0; i < g->n; i++)
		g->d[i]->sampled = false;
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		err = errno;
	else
		err = launch(argv, in[0], out[1], &w->pid);
	fd_close(&in[0]);
	fd_close(&out[1]);
	w->in = in[1];
	w->out = out[0];
	if (err != 0) {
		w->pid = 0;
		gpu_prober_end(g, strerror(err));
		return;
	}
	buf_init(&w->line, LINE_MAX_BYTES);
	(void)fd_nonblock(w->in);
	(void)fd_nonblock(w->out);
	w->ev = event_new(g->sup->base, w->out, EV_READ | EV_PERSIST,
	    readable, g);
	(void)event_add(w->ev, NULL);
	sup_wake_at(g->sup, mono_add(w->started, START_WAIT));
}

static void
watch_silence(struct gpus *g, mono_t now)
{
	struct gpu_prober *w = &g->prober;
	dur_t may = w->state == PROBER_STARTING ? START_WAIT : SILENCE;

	if (now - w->heard >= may)
		gpu_prober_end(g, w->state == PROBER_STARTING ?
		    "did not list the GPUs in time" :
		    "hangs: it said nothing for too long");
	else
		sup_wake_at(g->sup, mono_add(w->heard, may));
}

/* NVML finds a lost device again, or one that is new, only from its start. */
static void
rescan(struct gpus *g, mono_t now)
{
	struct gpu_prober *w = &g->prober;
	bool lost = false;
	unsigned i;

	for (i = 0; i < g->n; i++)
		lost = lost || g->d[i]->state == GPU_LOST;
	if (!lost)
		w->rescan_at = 0;
	else if (w->rescan_at == 0)
		w->rescan_at = mono_add(now, RESCAN);
	else if (now >= w->rescan_at) {
		close_watch(w);
		start_watch(g);
	}
	if (w->rescan_at > now)
		sup_wake_at(g->sup, w->rescan_at);
}

static bool
is_needed(const struct gpus *g)
{
	const struct pool *p;

	TAILQ_FOREACH(p, &g->sup->pools, link)
		if (p->gpu)
			return (true);
	return (false);
}

static void
watch_tests(struct gpus *g, mono_t now)
{
	struct gpu_dev *d;
	unsigned i;

	for (i = 0; i < g->n; i++) {
		d = g->d[i];
		if (d->test.pid > 0 && now >= d->test.until) {
			gpu_test_stop(d);
			gpu_tested(d, "it did not end in time: the device or "
			    "its driver hangs");
		} else if (d->test.pid > 0)
			sup_wake_at(g->sup, d->test.until);
	}
}

void
gpu_prober_phase(struct gpus *g, mono_t now)
{
	struct gpu_prober *w = &g->prober;

	switch (w->state) {
	case PROBER_OFF:
		if (is_needed(g))
			start_watch(g);
		break;
	case PROBER_STARTING:
		watch_silence(g, now);
		break;
	case PROBER_UP:
		watch_silence(g, now);
		if (w->state == PROBER_UP)
			rescan(g, now);
		break;
	case PROBER_DOWN:
		if (now >= w->again) {
			w->restarts++;
			w->was_down = true;
			g->sup->stat.n[STAT_GPU_PROBER_RESTARTS]++;
			start_watch(g);
		} else
			sup_wake_at(g->sup, w->again);
		break;
	}
	watch_tests(g, now);
}

/* ---- tests ---- */

void
gpu_test_stop(struct gpu_dev *d)
{
	struct gpu_test *t = &d->test;

	if (t->pid == 0)
		return;
	event_free(t->ev);
	(void)kill(-t->pid, SIGKILL);
	t->pid = 0;
	fd_close(&t->fd);
	buf_fini(&t->out);
}

/* Its one line, or what it means that there is none. */
static void
word_outcome(struct buf *out, char *why, size_t size)
{
	enum json_kind kind;
	struct json_error error;
	struct slice all = { out->data, out->len }, v;
	struct buf text;

	(void)snprintf(why, size, "the test ended without a word");
	if (out->len == 0 || json_check(out->data, out->len, &error) != 0 ||
	    json_find(all, "ok", &v, &kind) != 0)
		return;
	why[0] = '\0';
	if (slice_is(v, "true"))
		return;
	buf_init(&text, 1024);
	if (json_find(all, "why", &v, &kind) == 0 && kind == JSON_STRING)
		(void)json_unescape(v, &text);
	(void)snprintf(why, size, "%s", text.len > 0 ? buf_cstr(&text) :
	    "no reason given");
	buf_fini(&text);
}

static void
test_readable(evutil_socket_t fd, short what, void *priv)
{
	struct gpu_dev *d = priv;
	char part[4096], why[160];
	ssize_t n = read(d->test.fd, part, sizeof(part));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && buf_put(&d->test.out, part, (size_t)n) == 0)
		return;
	word_outcome(&d->test.out, why, sizeof(why));
	gpu_test_stop(d);
	gpu_tested(d, why);
	d->all->sup->pending.again = true;
}

static unsigned
running_tests(const struct gpus *g)
{
	unsigned i, n = 0;

	for (i = 0; i < g->n; i++)
		n += g->d[i]->test.pid > 0;
	return (n);
}

void
gpu_test_start(struct gpu_dev *d)
{
	char name[] = "ganger-gpuprobe", mode[] = "--test";
	char limit[] = "--deadline", seconds[16];
	char *argv[] = { name, limit, seconds, mode, d->uuid, NULL };
	struct gpu_test *t = &d->test;
	int pair[2], err;

	if (running_tests(d->all) >= GPU_TESTS_MAX)
		return;         /* looked at again with the next sample */
	(void)snprintf(seconds, sizeof(seconds), "%ds", TEST_SECONDS);
	if (pipe2(pair, O_CLOEXEC) != 0) {
		log_err("gpu", "no test of %s: %s", d->uuid, strerror(errno));
		return;
	}
	err = launch(argv, -1, pair[1], &t->pid);
	fd_close(&pair[1]);
	t->fd = pair[0];
	if (err != 0) {
		t->pid = 0;
		fd_close(&t->fd);
		gpu_tested(d, strerror(err));
		return;
	}
	(void)fd_nonblock(t->fd);
	buf_init(&t->out, 65536);
	t->until = mono_add(mono_now(), TEST_SECONDS * DUR_S + TEST_SLACK);
	t->ev = event_new(d->all->sup->base, t->fd, EV_READ | EV_PERSIST,
	    test_readable, d);
	(void)event_add(t->ev, NULL);
	sup_wake_at(d->all->sup, t->until);
}
