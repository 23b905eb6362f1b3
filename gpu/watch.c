/*
 * The watch. Two threads: one waits in NVML for Xid events, the other reads
 * stdin, samples, and looks into the kernel's log for Xids that NVML does not
 * tell; a mutex keeps their lines whole. Any call may hang in
 * the driver for ever: nothing here guards against that, the supervisor does,
 * by ending the process.
 */
#include "config.h"

#include "gpu/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#include "gpu/device.h"
#include "gpu/kmsg.h"
#include "gpu/report.h"

#define LINE_BYTES (4u << 20)
#define EVENT_WAIT_MS 1000

struct watch {
	struct devices all;
	pthread_mutex_t out;
	nvml_set set;
	struct kmsg kmsg;
	int64_t after;          /* record of the kernel's log; -1: none */
};

/* One line. Nobody reads it: nobody needs us any more. */
static void
say(struct watch *w, struct buf *line)
{
	(void)buf_putc(line, '\n');
	(void)pthread_mutex_lock(&w->out);
	if (line->failed ||
	    fd_write_all(STDOUT_FILENO, line->data, line->len) != 0)
		_exit(EX_IOERR);
	(void)pthread_mutex_unlock(&w->out);
	buf_reset(line);
}

/* ---- events ---- */

/* The MIG device of that GPU instance, else the GPU itself. */
static const char *
uuid_of(const struct devices *all, const struct nvml_event *e)
{
	const struct device *d;
	const char *uuid = "";

	for (d = all->d; d < all->d + all->n; d++) {
		if (!d->mig && d->dev == e->dev)
			uuid = d->uuid;
		else if (d->mig && e->gi != NVML_NO_INSTANCE &&
		    d->gi == e->gi && all->d[d->parent].dev == e->dev)
			return (d->uuid);
	}
	return (uuid);
}

static void *
wait_events(void *priv)
{
	struct watch *w = priv;
	struct nvml_event e;
	struct buf line;
	int code;

	buf_init(&line, LINE_BYTES);
	for (;;) {
		memset(&e, 0, sizeof(e));
		code = w->all.nvml.set_wait(w->set, &e, EVENT_WAIT_MS);
		if (code == NVML_OK && e.type == NVML_EVENT_XID) {
			report_xid(&line, uuid_of(&w->all, &e), e.data,
			    false);
			say(w, &line);
		} else if (code != NVML_OK && code != NVML_TIMEOUT)
			break;  /* samples tell that a device is gone */
	}
	buf_fini(&line);
	return (NULL);
}

static void
start_events(struct watch *w)
{
	const struct nvml *n = &w->all.nvml;
	pthread_t thread;
	unsigned i, some = 0;

	if (!w->all.open || n->set_create(&w->set) != NVML_OK)
		return;
	for (i = 0; i < w->all.n; i++)
		if (!w->all.d[i].mig && n->set_add(w->all.d[i].dev,
		    NVML_EVENT_XID, w->set) == NVML_OK) {
			w->all.d[i].events = true;
			some++;
		}
	if (some > 0 && pthread_create(&thread, NULL, wait_events, w) == 0)
		(void)pthread_detach(thread);
}

/* ---- the kernel's log ---- */

/* As uuid_of. */
static const struct device *
device_at(const struct devices *all, const struct kmsg_xid *x)
{
	const struct device *d, *found = NULL;
	unsigned domain, bus, device;

	for (d = all->d; d < all->d + all->n; d++) {
		if (sscanf(d->pci, "%x:%x:%x", &domain, &bus, &device) != 3 ||
		    domain != x->domain || bus != x->bus ||
		    device != x->device)
			continue;
		if (!d->mig)
			found = d;
		else if (x->instance != UINT_MAX && d->gi == x->instance)
			return (d);
	}
	return (found);
}

static bool
has_events(const struct devices *all, const struct device *d)
{
	return (d->mig ? all->d[d->parent].events : d->events);
}

/*
 * Reads on to its end. At first what came after the record that we were told
 * of, as late; from then on what NVML does not tell.
 */
static void
read_log(struct watch *w, bool first)
{
	const struct device *d;
	struct kmsg_xid x;
	struct buf line;
	bool late;

	buf_init(&line, LINE_BYTES);
	while (kmsg_next(&w->kmsg, &x)) {
		late = first && w->after >= 0 && w->kmsg.seq > w->after;
		if ((d = device_at(&w->all, &x)) == NULL ||
		    (first ? !late : has_events(&w->all, d)))
			continue;
		report_xid(&line, d->uuid, x.number, late);
		say(w, &line);
	}
	buf_fini(&line);
}

/* ---- samples ---- */

static void
sample(struct watch *w, uint64_t seq)
{
	struct buf line;
	unsigned i;

	buf_init(&line, LINE_BYTES);
	read_log(w, false);
	for (i = 0; i < w->all.n; i++)
		device_sample(&w->all, &w->all.d[i]);
	report_sample(&line, &w->all, seq, w->kmsg.fd < 0 ? -1 :
	    w->kmsg.seq < 0 ? 0 : w->kmsg.seq);
	say(w, &line);
	buf_fini(&line);
}

/* Whole lines of what was read; the rest stays. */
static void
obey(struct watch *w, struct buf *in)
{
	unsigned long long seq;
	char *end;

	while ((end = memchr(in->data, '\n', in->len)) != NULL) {
		*end = '\0';
		if (sscanf(in->data, "sample %llu", &seq) == 1)
			sample(w, seq);
		buf_consume(in, (size_t)(end - in->data) + 1);
	}
}

/* False at the end of stdin. */
static bool
read_orders(struct watch *w, struct buf *in)
{
	char part[512];
	ssize_t n = read(STDIN_FILENO, part, sizeof(part));

	if (n < 0)
		return (errno == EINTR || errno == EAGAIN);
	if (n == 0 || buf_put(in, part, (size_t)n) != 0)
		return (false);
	obey(w, in);
	return (true);
}

static void
serve(struct watch *w, dur_t period)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	mono_t next = mono_now(), now;
	struct buf in;

	buf_init(&in, 4096);
	for (;;) {
		if ((now = mono_now()) >= next) {
			sample(w, 0);
			next = mono_add(mono_now(), period);
			continue;
		}
		if (poll(&p, 1, (int)((next - now) / DUR_MS) + 1) > 0 &&
		    !read_orders(w, &in))
			break;
	}
	buf_fini(&in);
}

int
watch_run(unsigned period_ms, int64_t after)
{
	static struct watch w = { .out = PTHREAD_MUTEX_INITIALIZER };
	struct buf line;

	devices_open(&w.all);
	buf_init(&line, LINE_BYTES);
	report_list(&line, &w.all, true);
	say(&w, &line);
	buf_fini(&line);
	start_events(&w);
	w.after = after;
	kmsg_open(&w.kmsg);
	read_log(&w, true);
	serve(&w, period_ms * DUR_MS);
	/* The other thread may be inside NVML: it ends with the process. */
	return (EX_OK);
}
