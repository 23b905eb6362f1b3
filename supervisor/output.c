/*
 * What children and their jobs write to stdout and stderr, as lines of the
 * running job's log. The pipes belong to the slot's child, not to a job, and
 * nobody waits for their end: a grandchild that keeps one open holds nothing
 * up. Reading is bounded per turn, so that a flood delays only its slot.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"

#include "supervisor/credit.h"
#include "supervisor/job.h"
#include "supervisor/pace.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

#define READ_MAX 65536          /* bytes per pipe and turn */
#define LINE_MAX_BYTES 16384    /* longer lines are cut into pieces */

static void
one_line(struct outlet *o, const char *line, size_t n)
{
	static struct log_limit limit = LOG_LIMIT(20, 5 * DUR_S);
	struct proc *p = o->proc;
	struct job *j = credit_running(p);

	if (n > 0 && line[n - 1] == '\r')
		n--;
	if (strcmp(o->stream, "stderr") == 0 && n > 0)
		(void)snprintf(p->last_words, sizeof(p->last_words), "%.*s",
		    (int)n, line);
	if (j != NULL) {
		pace_talked(p->sup, j->handler);
		job_log(j, o->stream, line, n);
	}
	else if (log_limit(&limit))
		log_info("child", "slot=%u gen=%u out=\"%.*s\"",
		    p->slot.index, p->slot.gen, (int)n, line);
}

static void
split_lines(struct outlet *o)
{
	const char *nl;
	size_t n;

	while (o->line.len > 0) {
		nl = memchr(o->line.data, '\n', o->line.len);
		if (nl == NULL && o->line.len < LINE_MAX_BYTES)
			return;
		n = nl != NULL ? (size_t)(nl - o->line.data) : LINE_MAX_BYTES;
		if (n > LINE_MAX_BYTES) {
			n = LINE_MAX_BYTES;
			nl = NULL;
		}
		one_line(o, o->line.data, n);
		buf_consume(&o->line, n + (nl != NULL ? 1 : 0));
	}
}

/* Reads what is there, up to the bound. True if there may be more. */
static bool
read_some(struct outlet *o)
{
	char chunk[READ_MAX];
	ssize_t n;

	if (o->fd < 0)
		return (false);
	n = read(o->fd, chunk, sizeof(chunk));
	if (n > 0) {
		(void)buf_put(&o->line, chunk, (size_t)n);
		split_lines(o);
		return (n == (ssize_t)sizeof(chunk));
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		if (o->ev != NULL)
			event_free(o->ev);
		o->ev = NULL;
		fd_close(&o->fd);
	}
	return (false);
}

static void
readable(evutil_socket_t fd, short what, void *priv)
{
	(void)read_some(priv);
}

int
output_open(struct proc *p, int fds[2])
{
	static const char *const streams[2] = { "stdout", "stderr" };
	struct outlet *o;
	int i;

	output_close(p);
	for (i = 0; i < 2; i++) {
		o = &p->out[i];
		o->proc = p;
		o->stream = streams[i];
		o->fd = fds[i];
		fds[i] = -1;
		buf_init(&o->line, READ_MAX + LINE_MAX_BYTES + 1);
		o->ev = event_new(p->sup->base, o->fd, EV_READ | EV_PERSIST,
		    readable, o);
		if (o->ev == NULL || event_add(o->ev, NULL) != 0)
			return (-ERR_NOMEM);
	}
	return (0);
}

/* Asks once for both pipes: mostly they are empty. */
static bool
has_output(const struct proc *p)
{
	struct pollfd fds[2] = {
		{ .fd = p->out[0].fd, .events = POLLIN },
		{ .fd = p->out[1].fd, .events = POLLIN },
	};

	return (poll(fds, 2, 0) != 0);
}

void
output_drain(struct proc *p, bool end)
{
	struct outlet *o;
	unsigned i, k;

	/* A pipe holds 64 KiB; twice that is all that can have been written
	 * before what we are draining for. */
	if (has_output(p))
		for (i = 0; i < 2; i++)
			for (k = 0; k < 2 && read_some(&p->out[i]); k++)
				;
	for (i = 0; i < 2 && end; i++) {
		o = &p->out[i];
		if (o->line.len > 0) {
			one_line(o, o->line.data, o->line.len);
			buf_reset(&o->line);
		}
	}
}

void
output_close(struct proc *p)
{
	struct outlet *o;
	int i;

	for (i = 0; i < 2; i++) {
		o = &p->out[i];
		if (o->ev != NULL)
			event_free(o->ev);
		o->ev = NULL;
		fd_close(&o->fd);
		if (o->line.magic == BUF_MAGIC)
			buf_fini(&o->line);
	}
}
