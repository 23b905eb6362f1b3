/*
 * The jobs of a credit and their outcomes. Knows nothing of how a job is run
 * or where results go.
 */
#include "config.h"

#include "child/credit.h"

#include <sys/wait.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "child/link.h"
#include "proto/json.h"
#include "proto/transcode.h"

#define MESSAGE_MAX (16u << 10) /* a traceback fits */
#define EX_TRY_AGAIN 75         /* EX_TEMPFAIL of sysexits.h */

/* A job's text may grow when msgpack becomes JSON: base64, escapes. */
#define JSON_GROWTH 8

static void
read_text(struct cjob *j)
{
	unsigned char first;
	int r;

	first = j->f.payload.n > 0 ? (unsigned char)j->f.payload.p[0] : '{';
	if (first < 0x80) {
		j->text = j->f.payload;
		return;
	}
	buf_init(&j->json, j->f.payload.n * JSON_GROWTH + 64);
	r = msgpack_to_json(j->f.payload.p, j->f.payload.n, &j->json);
	if (r != 0)
		cjob_fail(j, CAUSE_INVALID_JOB, "the job's msgpack: %s",
		    err_text(r));
	j->text = (struct slice){ j->json.data, j->json.len };
}

static void
init_job(struct cjob *j, size_t max_result)
{

	j->exit_code = -1;
	buf_init(&j->json, 0);
	buf_init(&j->result, max_result);
	buf_init(&j->message, MESSAGE_MAX);
}

int
credit_read(struct frame_reader *r, struct link_frame **frame,
    size_t max_result, struct credit **cp)
{
	struct frame_do d;
	struct credit *c;
	unsigned i;
	int rc;

	if ((rc = frame_read_do(r, &d)) != 0)
		return (rc);
	if (d.njobs == 0 || d.njobs > FRAME_JOBS_MAX)
		return (-ERR_RANGE);
	c = xcalloc(1, sizeof(*c));
	c->magic = CREDIT_MAGIC;
	c->number = d.credit;
	c->handler = d.handler;
	c->njobs = d.njobs;
	c->jobs = xcalloc(d.njobs, sizeof(*c->jobs));
	for (i = 0; i < d.njobs; i++)
		init_job(&c->jobs[i], max_result);
	for (i = 0; i < d.njobs && rc == 0; i++)
		rc = frame_read_job(r, &c->jobs[i].f);
	if (rc != 0) {
		credit_free(&c);
		return (rc);
	}
	for (i = 0; i < d.njobs; i++)
		read_text(&c->jobs[i]);
	c->frame = *frame;
	*frame = NULL;
	*cp = c;
	return (0);
}

void
credit_free(struct credit **cp)
{
	struct credit *c = *cp;
	unsigned i;

	if (c == NULL)
		return;
	OBJ_CHECK(c, CREDIT_MAGIC);
	for (i = 0; i < c->njobs; i++) {
		buf_fini(&c->jobs[i].json);
		buf_fini(&c->jobs[i].result);
		buf_fini(&c->jobs[i].message);
		dirs_drop(&c->jobs[i].dirs);
		free(c->jobs[i].model_path);
	}
	free(c->jobs);
	link_frame_free(&c->frame);
	c->magic = 0;
	free(c);
	*cp = NULL;
}

void
cjob_fail(struct cjob *j, enum cause cause, const char *fmt, ...)
{
	va_list ap;

	if (j->settled)
		return;
	j->settled = true;
	j->cause = cause;
	buf_reset(&j->result);
	buf_reset(&j->message);
	va_start(ap, fmt);
	if (buf_vprintf(&j->message, fmt, ap) != 0) {
		buf_reset(&j->message);
		buf_puts(&j->message, "(a message too long to keep)");
	}
	va_end(ap);
}

void
cjob_done(struct cjob *j)
{

	if (j->settled)
		return;
	j->settled = true;
	j->cause = CAUSE_NONE;
}

static void
fail_by_exit(struct cjob *j, const char *who, int status)
{

	j->exit_code = status;
	if (status == EX_TRY_AGAIN)
		cjob_fail(j, CAUSE_TRY_AGAIN, "%sexit status %d", who, status);
	else
		cjob_fail(j, CAUSE_HANDLER_ERROR, "%sexit status %d", who,
		    status);
}

void
cjob_ended(struct cjob *j, const char *who, int code, int status)
{
	const char *name;

	if (j->settled)
		return;
	if (code == CLD_EXITED) {
		fail_by_exit(j, who, status);
		return;
	}
	j->signal = status;
	name = sigabbrev_np(status);
	cjob_fail(j, status == SIGKILL ? CAUSE_KILLED : CAUSE_CRASHED,
	    "%sended by signal %d (%s)", who, status,
	    name != NULL ? name : "real-time");
}

int
cjob_set_result(struct cjob *j, const char *p, size_t n)
{
	struct json_error err;
	int r;

	buf_reset(&j->result);
	if (n == 0)
		return (0);
	if (n > j->result.cap) {
		cjob_fail(j, CAUSE_RESULT_TOO_LARGE,
		    "the result is %zu bytes, over max_result_size %zu", n,
		    j->result.cap);
		return (-ERR_RANGE);
	}
	if (json_check(p, n, &err) != 0) {
		cjob_fail(j, CAUSE_HANDLER_ERROR,
		    "result is not JSON: %s at byte %zu", err.what, err.at);
		return (-ERR_SYNTAX);
	}
	if ((r = buf_put(&j->result, p, n)) != 0) {
		cjob_fail(j, CAUSE_HANDLER_ERROR, "the result: %s",
		    err_text(r));
		return (-ERR_RANGE);
	}
	return (0);
}
