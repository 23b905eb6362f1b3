/* The ROUTER. See route.h. */
#include "config.h"

#include "supervisor/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <zmq.h>

#include "base/err.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "proto/frame.h"
#include "proto/startup.h"

#include "supervisor/credit.h"
#include "supervisor/job.h"
#include "supervisor/limit.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

#define ROUTE_MAGIC 0x726f7574u
#define DRAIN_MAX 256   /* frames per turn: Redis and HTTP have their turn too */

struct route {
	unsigned magic;
	struct sup *sup;      /* borrows */
	void *ctx, *sock;
	struct event *ev;
	bool hinted;          /* the descriptor told of something, or a frame
			       * may have come without it telling */
	bool sent;            /* something was sent since the last look */
};

static void
on_hello(struct proc *p, struct frame_reader *r)
{
	struct frame_hello h;

	if (frame_read_hello(r, &h) == 0)
		proc_hello(p, &h);
}

static void
on_progress(struct proc *p, struct frame_reader *r)
{
	struct slice text;
	uint64_t number;
	double fraction;
	struct job *j;

	if (frame_read_progress(r, &number, &fraction, &text) != 0 ||
	    (j = proc_job(p, number)) == NULL)
		return;
	/* NaN fails both comparisons and becomes 0 */
	j->progress = fraction >= 0 ? (fraction <= 1 ? fraction : 1) : 0;
	(void)snprintf(j->message, sizeof(j->message), "%.*s", (int)text.n,
	    text.n > 0 ? text.p : "");
	j->changed = true;
	j->progress_at = mono_now();
}

static void
on_log(struct proc *p, struct frame_reader *r)
{
	struct slice text;
	const char *nl;
	uint64_t number;
	struct job *j;
	size_t n;

	if (frame_read_log(r, &number, &text) != 0 ||
	    (j = proc_job(p, number)) == NULL)
		return;
	while (text.n > 0) {
		nl = memchr(text.p, '\n', text.n);
		n = nl != NULL ? (size_t)(nl - text.p) : text.n;
		job_log(j, "log", text.p, n);
		n += nl != NULL;
		text.p += n;
		text.n -= n;
	}
}

static void
on_started(struct proc *p, struct frame_reader *r)
{
	uint64_t number;
	uint32_t phase;
	int64_t pid;
	struct job *j;

	if (frame_read_started(r, &number, &pid, &phase) == 0 &&
	    (j = proc_job(p, number)) != NULL) {
		j->pid = pid;
		limit_phase(p, j, phase == FRAME_LOADS);
		FAILPOINT(RUN_STARTED);
	}
}

static void
on_bug(struct proc *p, struct frame_reader *r)
{
	struct slice message;

	if (frame_read_bug(r, &message) == 0)
		proc_bug(p, message);
}

static const struct {
	uint32_t type;
	void (*func)(struct proc *, struct frame_reader *);
} dispatch[] = {
	{ FRAME_HELLO, on_hello },
	{ FRAME_RESULT, credit_results },
	{ FRAME_PROGRESS, on_progress },
	{ FRAME_LOG, on_log },
	{ FRAME_STARTED, on_started },
	{ FRAME_BUG, on_bug },
};

static void
one_frame(struct route *r, uint32_t slot, uint32_t gen, const void *data,
    size_t n)
{
	struct sup *sup = r->sup;
	struct frame_reader rd;
	struct frame_head head;
	struct proc *p;
	size_t i;

	p = slot < sup->nslots ? sup->slots[slot] : NULL;
	if (p == NULL || p->slot.gen != gen || p->pid == 0) {
		sup->stat.n[STAT_FRAMES_STALE]++;
		return;
	}
	if (frame_open(&rd, data, n, &head) != 0 || head.gen != gen) {
		sup->stat.n[STAT_FRAMES_BAD]++;
		log_err("route", "slot=%u gen=%u sent a broken frame of %zu "
		    "bytes", slot, gen, n);
		slot_event(&p->slot, EV_FENCE, mono_now(), WHY_BUG);
		return;
	}
	for (i = 0; i < NELEM(dispatch); i++)
		if (dispatch[i].type == head.type) {
			dispatch[i].func(p, &rd);
			return;
		}
}

/* One message: identity, frame. False when nothing is there. */
static bool
receive(struct route *r)
{
	zmq_msg_t from, body;
	uint32_t slot, gen;
	bool got = false;

	(void)zmq_msg_init(&from);
	(void)zmq_msg_init(&body);
	if (zmq_msg_recv(&from, r->sock, ZMQ_DONTWAIT) < 0)
		goto out;
	got = true;
	while (zmq_msg_more(&from) &&
	    zmq_msg_recv(&body, r->sock, ZMQ_DONTWAIT) >= 0 &&
	    zmq_msg_more(&body))
		;       /* more parts than two: the last one is looked at */
	if (start_identity_parse(zmq_msg_data(&from), zmq_msg_size(&from),
	    &slot, &gen) != 0)
		r->sup->stat.n[STAT_FRAMES_BAD]++;
	else
		one_frame(r, slot, gen, zmq_msg_data(&body),
		    zmq_msg_size(&body));
out:
	(void)zmq_msg_close(&from);
	(void)zmq_msg_close(&body);
	return (got);
}

void
route_drain(struct route *r)
{
	unsigned i;

	OBJ_CHECK(r, ROUTE_MAGIC);
	for (i = 0; i < DRAIN_MAX; i++)
		if (!receive(r)) {
			r->hinted = r->sent = false;
			return;
		}
	r->hinted = true;
	r->sup->pending.again = true;
}

void
route_phase(struct route *r)
{
	if (r->hinted)
		route_drain(r);
}

void
route_check(struct route *r)
{
	int events = 0;
	size_t n = sizeof(events);

	if (!r->sent || r->hinted)
		return;         /* nothing could be hidden, or it is known */
	r->sent = false;
	if (zmq_getsockopt(r->sock, ZMQ_EVENTS, &events, &n) == 0 &&
	    (events & ZMQ_POLLIN) != 0)
		r->hinted = r->sup->pending.again = true;
}

int
route_send(struct route *r, uint32_t slot, uint32_t gen,
    const struct buf *frame)
{
	char id[32];

	OBJ_CHECK(r, ROUTE_MAGIC);
	if (frame->failed) {
		errno = ENOMEM;
		return (-ERR_SYSTEM);
	}
	start_identity(id, slot, gen);
	r->sent = true;
	if (zmq_send(r->sock, id, strlen(id), ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
		return (errno == EHOSTUNREACH ? -ERR_CLOSED : -ERR_SYSTEM);
	if (zmq_send(r->sock, frame->data, frame->len, ZMQ_DONTWAIT) < 0)
		return (-ERR_SYSTEM);
	return (0);
}

/* The descriptor only hints that ZMQ_EVENTS changed; the phase drains. */
static void
hinted(evutil_socket_t fd, short what, void *priv)
{
	struct route *r = priv;

	r->hinted = true;
}

int
route_open(struct sup *sup, const char *endpoint, struct route **rp)
{
	struct route *r = xcalloc(1, sizeof(*r));
	int on = 1, zero = 0, fd;
	size_t n = sizeof(fd);

	r->magic = ROUTE_MAGIC;
	r->sup = sup;
	r->hinted = true;
	*rp = NULL;
	if ((r->ctx = zmq_ctx_new()) == NULL ||
	    (r->sock = zmq_socket(r->ctx, ZMQ_ROUTER)) == NULL ||
	    zmq_setsockopt(r->sock, ZMQ_ROUTER_MANDATORY, &on, sizeof(on)) ||
	    zmq_setsockopt(r->sock, ZMQ_LINGER, &zero, sizeof(zero)) ||
	    zmq_setsockopt(r->sock, ZMQ_SNDHWM, &zero, sizeof(zero)) ||
	    zmq_setsockopt(r->sock, ZMQ_RCVHWM, &zero, sizeof(zero)) ||
	    zmq_bind(r->sock, endpoint) != 0 ||
	    zmq_getsockopt(r->sock, ZMQ_FD, &fd, &n) != 0) {
		route_close(&r);
		return (-ERR_SYSTEM);
	}
	r->ev = event_new(sup->base, fd, EV_READ | EV_PERSIST, hinted, r);
	if (r->ev == NULL || event_add(r->ev, NULL) != 0) {
		route_close(&r);
		return (-ERR_SYSTEM);
	}
	*rp = r;
	return (0);
}

void
route_close(struct route **rp)
{
	struct route *r = *rp;
	int saved = errno;

	if (r == NULL)
		return;
	OBJ_CHECK(r, ROUTE_MAGIC);
	*rp = NULL;
	if (r->ev != NULL)
		event_free(r->ev);
	if (r->sock != NULL)
		(void)zmq_close(r->sock);
	if (r->ctx != NULL)
		(void)zmq_ctx_term(r->ctx);
	r->magic = 0;
	free(r);
	errno = saved;
}
