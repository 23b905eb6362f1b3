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
#define GATHER_TIME (2 * DUR_MS)
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

/* The latest progress gets out before the result; counts what waits. */
static size_t
gather(struct child *c, unsigned *np)
{
	struct credit *cr = c->credit;
	size_t bytes = 0;
	struct cjob *j;
	unsigned i, n = 0;

	for (i = 0; i < cr->njobs; i++) {
		j = &cr->jobs[i];
		if (!j->settled || j->sent)
			continue;
		if (j->progress_held)
			send_progress(c, j, mono_now());
		bytes += j->result.len + j->message.len + RESULT_OVERHEAD;
		n++;
	}
	*np = n;
	return (bytes);
}

static void
put_result(struct buf *b, struct cjob *j)
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
	j->sent = true;
}

static void
put_models(struct child *c, struct buf *models)
{

	model_cache_names(c->models, models);
	runner_put_models(c, models);
}

static bool
may_wait(struct credit *cr, size_t bytes)
{

	if (cr->unsent_since == 0)
		cr->unsent_since = mono_now();
	return (bytes < GATHER_BYTES &&
	    mono_now() - cr->unsent_since < GATHER_TIME);
}

void
report_results(struct child *c, bool done, bool now)
{
	struct credit *cr = c->credit;
	struct buf b, models;
	unsigned i, n;
	size_t bytes;

	bytes = gather(c, &n);
	if (!done && (n == 0 || (!now && may_wait(cr, bytes))))
		return;
	watchdog_pass(c->watchdog);
	buf_init(&models, FRAME_SMALL / 2);
	put_models(c, &models);
	buf_init(&b, bytes + FRAME_SMALL);
	frame_put_results(&b, c->start->gen,
	    &(struct frame_results){ cr->number, n });
	for (i = 0; i < cr->njobs; i++)
		if (cr->jobs[i].settled && !cr->jobs[i].sent)
			put_result(&b, &cr->jobs[i]);
	frame_put_result_end(&b, done,
	    (struct slice){ models.data, models.len });
	ASSERT(!b.failed);      /* the sizes were summed up above */
	link_send(c->link, &b, false);
	cr->unsent_since = 0;
	buf_fini(&b);
	buf_fini(&models);
}
