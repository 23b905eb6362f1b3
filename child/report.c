/*
 * Frames to the supervisor. Results are gathered for a moment, because one
 * frame of many costs little more than one of one; progress is thinned out.
 */
#include "config.h"

#include "child/report.h"

#include <sys/stat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/obj.h"
#include "child/child.h"
#include "child/link.h"
#include "child/model_cache.h"
#include "child/runner.h"
#include "child/watchdog.h"

#define PROGRESS_GAP (50 * DUR_MS)
#define GATHER_BYTES (1u << 20)
#define FRAME_SMALL (128u << 10) /* cap of frames that are not results */
#define RESULT_OVERHEAD 64       /* msgpack around one result, at most */

static void
send_small(struct child *c, struct buf *b, bool may_be_lost)
{

	if (!b->failed)
		link_send(c->link, b, may_be_lost);
	buf_fini(b);
}

void
report_hello(struct child *c)
{
	const char *devices = getenv("CUDA_VISIBLE_DEVICES");
	struct frame_hello h = {
		.slot = c->start->slot,
		.pid = getpid(),
		.version = SLICE_LIT(PACKAGE_VERSION),
		.cpus = slice_of(c->cpus),
		.devices = slice_of(devices != NULL ? devices : ""),
		.memory = slice_of(c->memory),
	};
	struct buf b;

	buf_init(&b, FRAME_SMALL);
	frame_put_hello(&b, c->start->gen, &h);
	send_small(c, &b, false);
}

static void
send_phase(struct child *c, const struct cjob *j, pid_t pid,
    enum frame_phase phase)
{
	struct buf b;

	buf_init(&b, FRAME_SMALL);
	frame_put_started(&b, c->start->gen, j->f.number, pid, phase);
	send_small(c, &b, false);
}

void
report_started(struct child *c, const struct cjob *j, pid_t pid)
{

	send_phase(c, j, pid, FRAME_RUNS);
}

void
report_loading(struct child *c, const struct cjob *j, pid_t pid)
{

	send_phase(c, j, pid, FRAME_LOADS);
}

void
report_log(struct child *c, const struct cjob *j, struct slice text)
{
	struct slice part;
	struct buf b;

	while (text.n > 0) {
		part = text;
		if (part.n > FRAME_SMALL / 2)
			part.n = FRAME_SMALL / 2;
		buf_init(&b, FRAME_SMALL);
		frame_put_log(&b, c->start->gen, j->f.number, part);
		send_small(c, &b, false);
		text.p += part.n;
		text.n -= part.n;
	}
}

void
report_bug(struct child *c, const char *message)
{
	struct buf b;

	buf_init(&b, FRAME_SMALL);
	frame_put_bug(&b, c->start->gen, slice_of(message));
	send_small(c, &b, false);
}

void
report_checkpoint(struct child *c, const struct cjob *j)
{
	struct timespec now;
	struct stat st;
	int64_t age;

	if (j->dirs.checkpoint == NULL || stat(j->dirs.checkpoint, &st) != 0 ||
	    clock_gettime(CLOCK_REALTIME, &now) != 0)
		return;
	age = (now.tv_sec - st.st_mtim.tv_sec) * DUR_S + now.tv_nsec -
	    st.st_mtim.tv_nsec;
	atomic_store(&c->words->saved_at, mono_now() - (age > 0 ? age : 0));
}

static void
send_progress(struct child *c, struct cjob *j, mono_t now)
{
	struct buf b;

	buf_init(&b, FRAME_SMALL);
	frame_put_progress(&b, c->start->gen, j->f.number, j->fraction,
	    slice_of(j->progress_text));
	send_small(c, &b, true);
	report_checkpoint(c, j);        /* one comes after the other */
	j->progress_held = false;
	j->progress_at = now;
}

/* As much of the text as fits, not cut inside a character. */
static void
keep_text(char *out, size_t size, struct slice s)
{
	size_t n = s.n < size ? s.n : size - 1;

	while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
}

void
report_progress(struct child *c, struct cjob *j, double fraction,
    struct slice message)
{
	mono_t now = mono_now();

	if (!isfinite(fraction))
		return;
	j->fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
	keep_text(j->progress_text, sizeof(j->progress_text), message);
	j->progress_held = true;
	if (j->progress_at == 0 || now - j->progress_at >= PROGRESS_GAP)
		send_progress(c, j, now);
	else
		child_alarm(c, j->progress_at + PROGRESS_GAP);
}

void
report_progress_due(struct child *c)
{
	mono_t now = mono_now();
	struct cjob *j;
	unsigned i;

	for (i = c->from; i < c->from + c->count; i++) {
		j = &c->credit->jobs[i];
		if (!j->progress_held)
			continue;
		if (now - j->progress_at >= PROGRESS_GAP)
			send_progress(c, j, now);
		else
			child_alarm(c, j->progress_at + PROGRESS_GAP);
	}
}

static bool
is_unsent(const struct cjob *j)
{

	return (j->settled && !j->sent);
}

/* How many results of jobs before `to` wait, and their bytes. */
static size_t
count_unsent(const struct credit *cr, unsigned to, unsigned *np)
{
	const struct cjob *j;
	size_t bytes = 0;

	*np = 0;
	for (j = cr->jobs; j < cr->jobs + to; j++) {
		if (!is_unsent(j))
			continue;
		bytes += j->result.len + j->message.len + RESULT_OVERHEAD;
		++*np;
	}
	return (bytes);
}

/* The latest progress gets out before the result. */
static void
flush_progress(struct child *c)
{
	struct credit *cr = c->credit;
	struct cjob *j;

	for (j = cr->jobs; j < cr->jobs + cr->njobs; j++)
		if (is_unsent(j) && j->progress_held)
			send_progress(c, j, mono_now());
}

static void
put_result(struct buf *b, const struct cjob *j)
{
	struct frame_result x = {
		.number = j->f.number,
		.cause = j->cause,
		.result = { j->result.data, j->result.len },
		.message = { j->message.data, j->message.len },
		.exit_code = j->exit_code,
		.signal = j->signal,
	};

	frame_put_result(b, &x);
}

static void
mark_sent(struct credit *cr, unsigned to)
{
	struct cjob *j;

	for (j = cr->jobs; j < cr->jobs + to; j++)
		j->sent = j->settled;
}

/* One frame of the unsent results before `to`. */
static void
build(const struct child *c, const struct credit *cr, unsigned to, bool done,
    struct buf *b)
{
	const struct cjob *j;
	size_t bytes;
	unsigned n;

	bytes = count_unsent(cr, to, &n);
	buf_init(b, bytes + FRAME_SMALL);
	(void)buf_reserve(b, bytes + sizeof(c->models_told) + 64);
	frame_put_results(b, c->start->gen,
	    &(struct frame_results){ cr->number, n });
	for (j = cr->jobs; j < cr->jobs + to; j++)
		if (is_unsent(j))
			put_result(b, j);
	frame_put_result_end(b, done, slice_of(c->models_told));
	ASSERT(!b->failed);     /* the sizes were summed up above */
}

/* Cut where the supervisor would cut it, at the end of a name. */
static void
note_models(struct child *c)
{
	struct buf models;
	size_t n;

	buf_init(&models, FRAME_SMALL / 2);
	model_cache_names(c->models, &models);
	runner_put_models(c, &models);
	n = models.len;
	if (n >= sizeof(c->models_told)) {
		n = sizeof(c->models_told) - 1;
		while (n > 0 && models.data[n] != ',')
			n--;
	}
	if (n > 0)
		memcpy(c->models_told, models.data, n);
	c->models_told[n] = '\0';
	buf_fini(&models);
}

void
report_results(struct child *c, bool done)
{
	struct credit *cr = c->credit;
	struct buf b;
	unsigned n;

	pthread_mutex_lock(&c->held_lock);
	flush_progress(c);
	c->held = NULL;
	cr->held_since = 0;
	watchdog_released(c->watchdog);
	(void)count_unsent(cr, cr->njobs, &n);
	if (done || n > 0) {
		note_models(c);
		build(c, cr, cr->njobs, done, &b);
		mark_sent(cr, cr->njobs);
	}
	pthread_mutex_unlock(&c->held_lock);
	if (!done && n == 0)
		return;
	watchdog_pass(c->watchdog);
	link_send(c->link, &b, false);
	buf_fini(&b);
}

void
report_hold(struct child *c)
{
	struct credit *cr = c->credit;
	mono_t now = mono_now();
	size_t bytes;
	unsigned n;

	pthread_mutex_lock(&c->held_lock);
	flush_progress(c);
	c->held = cr;
	c->held_to = c->from;
	bytes = count_unsent(cr, c->from, &n);
	if (cr->held_since == 0) {
		cr->held_since = now;
		watchdog_hold(c->watchdog);
	}
	pthread_mutex_unlock(&c->held_lock);
	if (bytes >= GATHER_BYTES || now - cr->held_since >= HOLD_MAX)
		report_results(c, false);
}

void
report_late(void *priv)
{
	struct child *c = priv;
	struct buf b;
	unsigned n = 0;

	/* The main thread is at it: then it sends them itself. */
	if (pthread_mutex_trylock(&c->held_lock) != 0)
		return;
	if (c->held != NULL)
		(void)count_unsent(c->held, c->held_to, &n);
	if (n > 0) {
		build(c, c->held, c->held_to, false, &b);
		if (link_try_send(c->link, &b)) {
			mark_sent(c->held, c->held_to);
			n = 0;
		}
		buf_fini(&b);
	}
	if (n == 0)
		watchdog_released(c->watchdog);
	pthread_mutex_unlock(&c->held_lock);
}
