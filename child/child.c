/* The small words that all parts of the child use. See child.h. */
#include "config.h"

#include "child/child.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/obj.h"
#include "base/xalloc.h"

void
child_say(const char *fmt, ...)
{
	va_list ap;

	fputs("ganger-child: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

enum ask
child_asked(const struct child *c)
{
	uint32_t ask = atomic_load_explicit(&c->words->ask,
	    memory_order_relaxed);

	return (ask < ASK_N ? (enum ask)ask : ASK_NONE);
}

enum cause
child_stopped_cause(const struct child *c)
{
	static const enum cause causes[] = {
		[ASK_NONE] = CAUSE_HANDLER_ERROR,
		[ASK_CANCEL] = CAUSE_CANCELLED,
		[ASK_PREEMPT] = CAUSE_PREEMPTED,
		[ASK_STOP] = CAUSE_SHUTDOWN,
		[ASK_TIMEOUT] = CAUSE_TIMEOUT,
		[ASK_LEASE] = CAUSE_WORKER_LOST,
	};

	_Static_assert(NELEM(causes) == ASK_N, "a cause for each ask");
	return (causes[child_asked(c)]);
}

void
child_watch(struct child *c, struct watch *w)
{

	c->watches = xrealloc(c->watches,
	    (c->nwatches + 1) * sizeof(struct watch *));
	c->watches[c->nwatches++] = w;
}

void
child_alarm(struct child *c, mono_t when)
{

	if (when < c->alarm)
		c->alarm = when;
}
