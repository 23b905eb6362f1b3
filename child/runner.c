/*
 * Handlers of kind runner: one process, kept across jobs, that speaks
 * docs/runner-protocol.md on a socket. Started at the first job, replaced
 * when it ends, talks nonsense or reports a GPU error. How long it may take
 * for anything is the supervisor's business, but for one thing: a runner that
 * has closed its socket has kill_grace to leave.
 *
 *   DOWN -> STARTING -hello-> READY -jobs-> BUSY -done-> READY
 *   any -ended, or killed by us (ENDING)-> DOWN
 */
#include "config.h"

#include "child/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "child/child.h"
#include "child/prepare.h"
#include "child/report.h"
#include "child/runner_msg.h"
#include "child/runner_proc.h"

#define CREDIT_BYTES (32u << 20) /* of job text in one message */

/* 0, or the message was out of place and r->fault says so. */
typedef int runner_f(struct runner *, const struct runner_msg *);

static struct cjob *
find_job(struct runner *r, uint64_t number)
{
	struct child *c = r->child;
	unsigned i;

	if (!r->open)
		return (NULL);
	for (i = c->from; i < c->from + c->count; i++)
		if (c->credit->jobs[i].f.number == number &&
		    !c->credit->jobs[i].settled &&
		    !c->credit->jobs[i].succeeded)
			return (&c->credit->jobs[i]);
	return (NULL);
}

static void
close_step(struct runner *r)
{

	r->open = false;
	r->owes = false;
	r->child->ended = true;
}

static void
fail_step(struct runner *r, enum cause cause, const char *text)
{
	struct child *c = r->child;
	unsigned i;

	for (i = c->from; i < c->from + c->count; i++)
		if (!c->credit->jobs[i].succeeded)
			cjob_fail(&c->credit->jobs[i], cause, "%s", text);
	close_step(r);
}

/* What the open step's runner is at. */
static void
tell_phase(struct runner *r,
    void (*report)(struct child *, const struct cjob *, pid_t))
{
	struct child *c = r->child;
	unsigned i;

	for (i = c->from; i < c->from + c->count; i++)
		if (!c->credit->jobs[i].settled)
			report(c, &c->credit->jobs[i], r->proc.pid);
}

static void
send_jobs(struct runner *r)
{
	struct child *c = r->child;

	runner_put_jobs(&r->out, c->credit, c->from, c->count);
	if (r->out.failed) {
		buf_reset(&r->out);
		fail_step(r, CAUSE_TOO_LARGE,
		    "the job does not fit in one message to the runner");
		return;
	}
	r->phase = RUNNER_BUSY;
	r->owes = true;
	if (r->asked != ASK_NONE)
		runner_put_ask(&r->out, r->asked);
	tell_phase(r, report_started);
	runner_proc_flush(r);
}

static int
take_hello(struct runner *r, const struct runner_msg *m)
{

	if (r->phase != RUNNER_STARTING)
		return (runner_proc_blame(r, "said hello twice"));
	if (m->protocol != RUNNER_PROTOCOL)
		return (runner_proc_blame(r,
		    "speaks another version of the protocol"));
	runner_put_welcome(&r->out, r->child->start);
	r->phase = RUNNER_READY;
	r->greeted = true;
	r->makes_dirs = m->makes_dirs != 0;
	if (r->open)
		send_jobs(r);
	runner_proc_flush(r);
	return (0);
}

static int
take_progress(struct runner *r, const struct runner_msg *m)
{
	struct cjob *j;

	if ((j = find_job(r, m->number)) != NULL)
		report_progress(r->child, j, m->fraction, m->message);
	return (0);
}

static int
take_checkpoint(struct runner *r, const struct runner_msg *m)
{
	struct cjob *j;

	if ((j = find_job(r, m->number)) != NULL)
		report_checkpoint(r->child, j);
	return (0);
}

static int
take_log(struct runner *r, const struct runner_msg *m)
{
	struct cjob *j;

	if ((j = find_job(r, m->number)) != NULL)
		report_log(r->child, j, m->text);
	return (0);
}

static int
take_loading(struct runner *r, const struct runner_msg *m)
{

	if (r->open)
		tell_phase(r, report_loading);
	return (0);
}

static int
take_loaded(struct runner *r, const struct runner_msg *m)
{

	if (r->open)
		tell_phase(r, report_started);
	return (0);
}

static const enum cause runner_causes[] = {
	CAUSE_HANDLER_ERROR, CAUSE_TRY_AGAIN, CAUSE_LOAD_FAILED,
	CAUSE_UNKNOWN_MODEL, CAUSE_GPU_ERROR, CAUSE_GPU_MEMORY,
	CAUSE_RESULT_TOO_LARGE, CAUSE_BATCH_FAILED,
};

static enum cause
read_cause(const struct child *c, struct slice name)
{
	unsigned i;

	if (slice_is(name, "stopped"))
		return (child_stopped_cause(c));
	for (i = 0; i < NELEM(runner_causes); i++)
		if (slice_is(name, cause_row(runner_causes[i])->name))
			return (runner_causes[i]);
	return (CAUSE_HANDLER_ERROR);
}

static int
take_result(struct runner *r, const struct runner_msg *m)
{
	enum cause cause;
	struct cjob *j;

	if ((j = find_job(r, m->number)) == NULL) {
		child_say("dropped a result for number %llu, which is not of "
		    "this credit", (unsigned long long)m->number);
		return (0);
	}
	if (m->error.p == NULL) {
		if (cjob_set_result(j, m->result.p, m->result.n) == 0)
			j->succeeded = true;
		return (0);
	}
	cause = read_cause(r->child, m->cause);
	if (cause == CAUSE_GPU_ERROR)
		r->replace = true;
	cjob_fail(j, cause, "%.*s", (int)m->error.n, m->error.p);
	return (0);
}

static int
take_done(struct runner *r, const struct runner_msg *m)
{

	if (r->phase != RUNNER_BUSY || m->credit != r->child->credit->number)
		return (runner_proc_blame(r,
		    "was done with a credit it does not hold"));
	buf_reset(&r->models);
	if (runner_msg_models(m, &r->models) != 0) {
		buf_reset(&r->models);
		return (runner_proc_blame(r, "sent no list of models"));
	}
	r->phase = RUNNER_READY;
	close_step(r);
	if (r->replace)
		runner_proc_kill(r);
	return (0);
}

static const struct {
	const char *op;
	runner_f *fn;
} ops[] = {
	{ "hello", take_hello },
	{ "progress", take_progress },
	{ "checkpoint", take_checkpoint },
	{ "log", take_log },
	{ "loading", take_loading },
	{ "loaded", take_loaded },
	{ "result", take_result },
	{ "done", take_done },
};

static int
take_message(struct runner *r, const void *p, size_t n)
{
	struct runner_msg m;
	unsigned i;
	int rc;

	if ((rc = runner_msg_read(p, n, &m)) != 0) {
		snprintf(r->fault, sizeof(r->fault), "the runner sent what is "
		    "no message of its protocol: %s", err_text(rc));
		return (rc);
	}
	if (r->phase == RUNNER_STARTING && !slice_is(m.op, "hello"))
		return (runner_proc_blame(r, "did not begin with hello"));
	for (i = 0; i < NELEM(ops); i++)
		if (slice_is(m.op, ops[i].op))
			return (ops[i].fn(r, &m));
	return (0);
}

/* Jobs that it had not answered end as it did. */
static void
blame_end(struct runner *r)
{
	struct child *c = r->child;
	struct cjob *j;
	unsigned i;

	if (r->fault[0] != '\0') {
		fail_step(r, CAUSE_CRASHED, r->fault);
		return;
	}
	for (i = c->from; i < c->from + c->count; i++) {
		j = &c->credit->jobs[i];
		if (j->settled || j->succeeded)
			continue;
		cjob_ended(j, r->greeted ? "the runner ended: " :
		    "the runner ended before its hello: ", r->proc.code,
		    r->proc.status);
		if (!r->greeted && j->cause == CAUSE_HANDLER_ERROR)
			j->cause = CAUSE_LOAD_FAILED;
	}
	close_step(r);
}

static void
bury_runner(struct runner *r)
{

	runner_proc_drain(r);
	if (r->open && r->owes)
		blame_end(r);
	runner_proc_drop(r);
}

static int
open_runner(struct child *c, struct child_handler *h, struct buf *why)
{
	struct runner *r;

	r = xcalloc(1, sizeof(*r));
	r->magic = RUNNER_MAGIC;
	r->child = c;
	r->handler = h;
	r->take = take_message;
	runner_proc_init(r);
	h->state = r;
	return (0);
}

static void
try_start(struct runner *r)
{
	struct buf why;

	buf_init(&why, 4096);
	if (runner_proc_start(r, &why) != 0)
		fail_step(r, CAUSE_LOAD_FAILED, buf_cstr(&why));
	else
		tell_phase(r, report_loading);
	buf_fini(&why);
}

/* The jobs whose text fits in one message; one at least. */
static unsigned
count_jobs(struct child *c, struct child_handler *h)
{
	const struct credit *cr = c->credit;
	unsigned from = c->from, n = 1;
	size_t bytes = cr->jobs[from].text.n;

	while (from + n < cr->njobs &&
	    bytes + cr->jobs[from + n].text.n <= CREDIT_BYTES)
		bytes += cr->jobs[from + n++].text.n;
	return (n);
}

/*
 * Making and removing three empty folders on a disk costs more than all else
 * here, so a runner may say that it makes those that it uses. One of another
 * user could not.
 */
static bool
give_dirs(struct runner *r, struct cjob *j)
{
	struct child *c = r->child;

	if (!r->makes_dirs || r->handler->conf->user != NULL ||
	    j->f.publish.n > 0)
		return (prepare_dirs(c, r->handler, j));
	dirs_name(c->start, j->f.id, j->f.number, &j->dirs);
	return (true);
}

static void
begin_runner(struct child *c, struct child_handler *h)
{
	struct runner *r = h->state;
	unsigned i, ready = 0;
	struct cjob *j;

	OBJ_CHECK(r, RUNNER_MAGIC);
	for (i = c->from; i < c->from + c->count; i++) {
		j = &c->credit->jobs[i];
		if (!j->settled && prepare_model(c, j) &&
		    give_dirs(r, j))
			ready++;
	}
	c->ended = ready == 0;
	if (c->ended)
		return;
	r->open = true;
	r->asked = ASK_NONE;
	tree_reap(&c->tree);
	if (r->phase == RUNNER_DOWN)
		try_start(r);
	else if (r->proc.ended || r->sock.fd < 0)
		runner_proc_kill(r);    /* then tick_runner goes on */
	else if (r->phase == RUNNER_READY)
		send_jobs(r);
}

static void
tick_runner(struct child *c, struct child_handler *h)
{
	struct runner *r = h->state;

	if (r->proc.pid != 0 && r->proc.ended)
		bury_runner(r);
	if (r->open && r->phase == RUNNER_DOWN)
		try_start(r);
	if (r->kill_at == 0 || r->phase == RUNNER_ENDING)
		return;
	if (mono_now() < r->kill_at) {
		child_alarm(c, r->kill_at);
		return;
	}
	runner_proc_blame(r, "closed its socket and did not leave");
	runner_proc_kill(r);
}

static void
finish_runner(struct child *c, struct child_handler *h)
{
	struct cjob *j;
	unsigned i;

	for (i = c->from; i < c->from + c->count; i++) {
		j = &c->credit->jobs[i];
		if (j->succeeded)
			prepare_done(c, j);
		cjob_fail(j, CAUSE_HANDLER_ERROR, "the runner gave no result");
		dirs_drop(&j->dirs);
	}
}

static void
ask_runner(struct child *c, struct child_handler *h, enum ask why)
{
	struct runner *r = h->state;

	if (!r->open)
		return;
	r->asked = why;
	if (r->phase != RUNNER_BUSY)
		return;
	runner_put_ask(&r->out, why);
	runner_proc_flush(r);
}

static void
term_runner(struct child *c, struct child_handler *h, int sig)
{
	struct runner *r = h->state;

	if (r->open && r->proc.pid != 0)
		tree_signal_one(r->proc.pid, sig);
}

static void
close_runner(struct child *c, struct child_handler *h)
{
	struct runner *r = h->state;

	runner_proc_quit(r);
	runner_proc_kill(r);
	runner_proc_drop(r);
	runner_proc_fini(r);
	r->magic = 0;
	free(r);
	h->state = NULL;
}

void
runner_put_models(const struct child *c, struct buf *b)
{
	const struct runner *r;
	unsigned i;

	for (i = 0; i < c->start->nhandlers; i++) {
		if (c->handlers[i].kind != &kind_runner)
			continue;
		r = c->handlers[i].state;
		if (r->models.len == 0)
			continue;
		if (b->len > 0)
			buf_putc(b, ',');
		buf_put(b, r->models.data, r->models.len);
	}
}

const struct kind kind_runner = {
	.count = count_jobs,
	.open = open_runner,
	.begin = begin_runner,
	.finish = finish_runner,
	.ask = ask_runner,
	.term = term_runner,
	.tick = tick_runner,
	.close = close_runner,
};
