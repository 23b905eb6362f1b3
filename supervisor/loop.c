/*
 * A turn of the loop. Signals and timers only set flags; the phases below
 * act on them, in an order that is policy: stop before all, answers before
 * deadlines, new work last.
 */
#include "config.h"

#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/obj.h"

#include "supervisor/beat.h"
#include "supervisor/conn.h"
#include "supervisor/gpu.h"
#include "supervisor/guess.h"
#include "supervisor/intake.h"
#include "supervisor/limit.h"
#include "supervisor/permit.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/reload.h"
#include "supervisor/reshape.h"
#include "supervisor/route.h"
#include "supervisor/schedule.h"
#include "supervisor/settle.h"
#include "supervisor/stop.h"
#include "supervisor/sup.h"
#include "supervisor/watch.h"

/* ---- signals: one row each ---- */

static void
on_stop(struct sup *sup)
{
	sup->pending.stop++;
}

static void
on_quick_stop(struct sup *sup)
{
	sup->pending.stop += 2;
}

static void
on_reload(struct sup *sup)
{
	sup->pending.reload = true;
}

static void
on_reopen(struct sup *sup)
{
	sup->pending.reopen = true;
}

static void
on_upgrade(struct sup *sup)
{
	sup->pending.upgrade = true;
}

static void
on_drain(struct sup *sup)
{
	sup->pending.drain = true;
}

static void
on_death(struct sup *sup)
{
	sup->pending.deaths = true;
}

static const struct {
	int signo;
	void (*func)(struct sup *);
} signals[] = {
	{ SIGTERM, on_stop },
	{ SIGINT, on_quick_stop },
	{ SIGQUIT, on_quick_stop },
	{ SIGHUP, on_reload },
	{ SIGUSR1, on_reopen },
	{ SIGUSR2, on_drain },
	{ SIGURG, on_upgrade },  /* without a handler it does nothing */
	{ SIGCHLD, on_death },
};

static void
signalled(evutil_socket_t signo, short what, void *priv)
{
	size_t i;

	for (i = 0; i < NELEM(signals); i++)
		if (signals[i].signo == (int)signo)
			signals[i].func(priv);
}

static void
mask_signals(int how)
{
	sigset_t set;
	size_t i;

	(void)sigemptyset(&set);
	for (i = 0; i < NELEM(signals); i++)
		(void)sigaddset(&set, signals[i].signo);
	(void)sigprocmask(how, &set, NULL);
}

void
sup_hold_signals(void)
{
	mask_signals(SIG_BLOCK);
}

int
sup_signals(struct sup *sup)
{
	size_t i;

	(void)signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < NELEM(signals); i++) {
		ASSERT(sup->nsig < NELEM(sup->sig));
		sup->sig[sup->nsig] = evsignal_new(sup->base,
		    signals[i].signo, signalled, sup);
		if (sup->sig[sup->nsig] == NULL ||
		    event_add(sup->sig[sup->nsig], NULL) != 0)
			return (-1);
		sup->nsig++;
	}
	mask_signals(SIG_UNBLOCK);
	return (0);
}

/* ---- phases ---- */

static struct proc *
proc_of(struct sup *sup, pid_t pid)
{
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && sup->slots[i]->pid == pid)
			return (sup->slots[i]);
	return (NULL);
}

/* All that ended: children of slots, and orphans that came to us. */
static void
process_deaths(struct sup *sup)
{
	struct proc *p;
	int status;
	pid_t pid;

	sup->pending.deaths = false;
	/* What a dead child sent before its end is older than its end. */
	route_drain(sup->route);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!upgrade_exited(sup, pid, status) &&
		    (p = proc_of(sup, pid)) != NULL)
			proc_exited(p, status);
}

static void
process_deadlines(struct sup *sup)
{
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && sup->slots[i]->due)
			limit_passed(sup->slots[i]);
}

static void
process_feed(struct sup *sup)
{
	struct pool *p;

	if (sup->mode == MODE_RUNNING)
		TAILQ_FOREACH(p, &sup->pools, link)
			pool_feed(p);
}

static void
turn(struct sup *sup)
{
	if (sup->pending.stop > 0)
		stop_process(sup);
	if (sup->pending.drain) {
		sup->pending.drain = false;
		stop_drain(sup);
	}
	if (sup->pending.reopen) {
		sup->pending.reopen = false;
		stop_reopen(sup);
	}
	if (sup->pending.upgrade) {
		sup->pending.upgrade = false;
		upgrade_begin(sup);
		if (sup->ready)
			beat_send(sup);
	}
	reload_phase(sup);
	if (sup->pending.deaths)
		process_deaths(sup);
	route_phase(sup->route);  /* an answer that is here beats its deadline */
	process_deadlines(sup);
	gpu_phase(sup);           /* before work is dealt out */
	watch_phase(sup);
	schedule_phase(sup);
	cancel_phase(sup);
	forget_phase(sup);        /* before its child has work again */
	reshape_phase(sup);
	permit_phase(sup);
	process_feed(sup);
	intake_phase(sup);        /* new work last, for slots that are idle */
	settle_flush(sup);
	upgrade_phase(sup);
	heir_phase(sup);
	sup_flush(sup);
	notify_phase(sup);
	log_tick();
	FAILPOINT_MARKED();
	guess_phase(sup);         /* while the claim is on its way */
	route_check(sup->route);
}

/* ---- the wake-up timer ---- */

static void
woken(evutil_socket_t fd, short what, void *priv)
{
	struct sup *sup = priv;

	sup->wake_at = MONO_NEVER;
}

void
sup_wake_at(struct sup *sup, mono_t at)
{
	struct timeval tv;
	dur_t left;

	if (at >= sup->wake_at)
		return;
	sup->wake_at = at;
	left = at - mono_now();
	left = left < 0 ? 0 : left + DUR_US;
	tv.tv_sec = left / DUR_S;
	tv.tv_usec = left % DUR_S / DUR_US;
	(void)event_add(sup->wake, &tv);
}

bool
sup_claims(const struct sup *sup)
{
	return (sup->mode == MODE_RUNNING && sup->ready && sup->beaten &&
	    settle_waiting(sup) < SETTLE_BYTES_MAX);
}

const char *
sup_unready(const struct sup *sup)
{
	unsigned i;

	if (!sup->ready)
		return ("Redis does not answer");
	if (sup->redis_refuses[0] != '\0')
		return (sup->redis_refuses);
	if (!sup->beaten)
		return ("the worker id is not confirmed yet");
	if (sup->mode != MODE_RUNNING)
		return ("the worker is draining");
	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL &&
		    slot_serves(&sup->slots[i]->slot) &&
		    (sup->slots[i]->slot.state == SLOT_BUSY ||
		    gpu_fit(sup->slots[i], NULL) == GPU_FIT))
			return (NULL);
	return ("no slot is idle or at work");
}

int
sup_run(struct sup *sup)
{
	sup->wake_at = MONO_NEVER;
	sup->wake = evtimer_new(sup->base, woken, sup);
	ASSERT(sup->wake != NULL);
	sup->pending.again = true;
	while (!stop_complete(sup)) {
		bool again = sup->pending.again;

		sup->pending.again = false;
		(void)event_base_loop(sup->base, EVLOOP_ONCE |
		    (again ? EVLOOP_NONBLOCK : 0));
		turn(sup);
	}
	return (sup->exit_code);
}
