/*
 * The watchdog sleeps until the fence that it knows, or for ever while no job
 * runs and nothing is held: an idle child wakes for nothing. The supervisor sets the fence before
 * it sends work and only ever moves it later while the job runs, so it is
 * enough to look when work arrives and when the time that was known has come.
 *
 * armed and busy are read and written in opposite order by the two threads
 * (sequentially consistent), so that either the main thread sees that the
 * watchdog sleeps too long and wakes it, or the watchdog sees the work.
 *
 * The slot's words are obeyed whatever generation they name: a child of an
 * older one that obeys the newer one's fence only dies sooner.
 */
#include "config.h"

#include "child/watchdog.h"

#include <sys/eventfd.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "child/tree.h"
#include "proto/startup.h"

#define WATCHDOG_MAGIC 0x77646f67u
#define KILL_LIMIT (1 * DUR_S)
#define STACK_SIZE (256u << 10)
#define TICK_ON (10 * HOLD_MAX) /* after the last burst */

struct watchdog {
	unsigned magic;
	const struct page_slot *words;  /* borrows */
	int wake;                       /* eventfd; owns */
	atomic_bool busy;
	atomic_bool ending;             /* set before the first KILL */
	_Atomic int64_t armed;          /* when the thread wakes by itself */

	watchdog_late_f *late;
	void *priv;                     /* borrows */
	_Atomic int64_t held_at;        /* since when; 0: nothing is held */
	atomic_bool ticks;              /* the thread looks every HOLD_MAX */
	mono_t seen, seen_at;           /* the thread's: held_at when it last
					 * changed, and when that was */
};

/*
 * Says why with plain write: stdio's locks may be held for good. And only if
 * that can't block: a supervisor that is stuck reads no log either.
 */
static _Noreturn void
end_all(struct watchdog *w, int code, const char *text)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	atomic_store(&w->ending, true);
	tree_kill_all(KILL_LIMIT);
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0 &&
	    write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(code);
	_exit(code);
}

/* Any byte or an interruption means nothing; only the end does. */
static bool
supervisor_gone(short revents)
{
	char byte[64];
	ssize_t n;

	if ((revents & (POLLIN | POLLHUP | POLLERR)) == 0)
		return (false);
	n = read(START_FD, byte, sizeof(byte));
	return (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN));
}

static void
sleep_until(struct watchdog *w, mono_t until)
{
	struct pollfd p[2] = {
		{ .fd = START_FD, .events = POLLIN },
		{ .fd = w->wake, .events = POLLIN },
	};
	struct timespec ts;
	uint64_t count;
	dur_t left = 0;

	if (until != MONO_NEVER) {
		left = until - mono_now();
		if (left < 0)
			left = 0;
		ts.tv_sec = left / DUR_S;
		ts.tv_nsec = left % DUR_S;
	}
	if (ppoll(p, 2, until == MONO_NEVER ? NULL : &ts, NULL) < 0)
		return;
	if (supervisor_gone(p[0].revents))
		end_all(w, CHILD_EXIT_LOST,
		    "ganger-child: the supervisor went away\n");
	if ((p[1].revents & POLLIN) != 0 &&
	    read(w->wake, &count, sizeof(count)) < 0)
		return;
}

/*
 * When the thread has to look at what is held; MONO_NEVER: it will be told.
 * While results are held again and again it looks by itself, so that the main
 * thread pays no wake-up for each burst.
 */
static mono_t
look_at_held(struct watchdog *w)
{
	mono_t held = atomic_load(&w->held_at), now = mono_now();

	if (held != 0 && now - held >= HOLD_MAX)
		w->late(w->priv);
	if (held != w->seen) {
		w->seen = held;
		w->seen_at = now;
	}
	if (held != 0 || now - w->seen_at < TICK_ON) {
		atomic_store(&w->ticks, true);
		return (now + HOLD_MAX);
	}
	/* read and written in opposite order by the main thread */
	atomic_store(&w->ticks, false);
	return (atomic_load(&w->held_at) == 0 ? MONO_NEVER : now);
}

static void *
watch(void *arg)
{
	struct watchdog *w = arg;
	mono_t until, look;

	for (;;) {
		until = atomic_load(&w->busy) ?
		    atomic_load(&w->words->fence_at) : MONO_NEVER;
		atomic_store(&w->armed, until);
		if (until == MONO_NEVER && atomic_load(&w->busy) &&
		    atomic_load(&w->words->fence_at) != MONO_NEVER)
			continue;
		if (until <= mono_now() && atomic_load(&w->busy))
			end_all(w, CHILD_EXIT_FENCED,
			    "ganger-child: the lease ended\n");
		look = look_at_held(w);
		sleep_until(w, look < until ? look : until);
	}
	return (NULL);
}

static int
start_thread(struct watchdog *w)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, &attr, watch, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	errno = r;
	return (r == 0 ? 0 : -ERR_SYSTEM);
}

int
watchdog_start(const struct page_slot *words, watchdog_late_f *late,
    void *priv, struct watchdog **wp)
{
	struct watchdog *w;

	w = xcalloc(1, sizeof(*w));
	w->magic = WATCHDOG_MAGIC;
	w->words = words;
	w->late = late;
	w->priv = priv;
	atomic_store(&w->armed, MONO_NEVER);
	w->wake = eventfd(0, EFD_CLOEXEC);
	if (w->wake < 0 || start_thread(w) != 0) {
		fd_close(&w->wake);
		free(w);
		return (-ERR_SYSTEM);
	}
	*wp = w;
	return (0);
}

static void
wake(struct watchdog *w)
{
	uint64_t one = 1;

	if (write(w->wake, &one, sizeof(one)) < 0)
		ASSERT(errno == EAGAIN);
}

void
watchdog_hold(struct watchdog *w)
{

	OBJ_CHECK(w, WATCHDOG_MAGIC);
	atomic_store(&w->held_at, mono_now());
	if (!atomic_load(&w->ticks))
		wake(w);
}

void
watchdog_released(struct watchdog *w)
{

	OBJ_CHECK(w, WATCHDOG_MAGIC);
	atomic_store(&w->held_at, 0);
}

void
watchdog_busy(struct watchdog *w)
{

	OBJ_CHECK(w, WATCHDOG_MAGIC);
	atomic_store(&w->busy, true);
	if (atomic_load(&w->words->fence_at) < atomic_load(&w->armed))
		wake(w);
}

void
watchdog_idle(struct watchdog *w)
{

	OBJ_CHECK(w, WATCHDOG_MAGIC);
	atomic_store(&w->busy, false);
}

void
watchdog_begin(struct watchdog *w)
{

	OBJ_CHECK(w, WATCHDOG_MAGIC);
	watchdog_pass(w);
	if (atomic_load(&w->words->fence_at) <= mono_now())
		end_all(w, CHILD_EXIT_FENCED,
		    "ganger-child: the lease had ended before the job began\n");
}

void
watchdog_pass(struct watchdog *w)
{

	OBJ_CHECK(w, WATCHDOG_MAGIC);
	while (atomic_load(&w->ending))
		pause();
}
