/*
 * The one extra thread. It sends results that were held back to go together
 * when the next job takes long after all. And it ends the child, and everything below it, when the
 * supervisor is gone or when the lease of the running job has ended and
 * nobody renewed it, even while a handler holds the main thread.
 */
#ifndef CHILD_WATCHDOG_H
#define CHILD_WATCHDOG_H

#include "base/clock.h"
#include "proto/page.h"

struct watchdog;

/* Sends what is held back, if that needs no waiting; called on the thread. */
typedef void watchdog_late_f(void *priv);

/* Watches START_FD and the slot's words. 0 or -ERR_SYSTEM. */
int watchdog_start(const struct page_slot *words, watchdog_late_f *late,
    void *priv, struct watchdog **wp);

/*
 * The main thread holds something back while it works on: after HOLD_MAX the
 * thread calls `late`, again and again until told that nothing is held. To
 * say so costs a wake-up only after a pause.
 */
#define HOLD_MAX (2 * DUR_MS)
void watchdog_hold(struct watchdog *w);
void watchdog_released(struct watchdog *w);

/* A credit begins (before its first process is started) or is over. */
void watchdog_busy(struct watchdog *w);
void watchdog_idle(struct watchdog *w);

/*
 * Before a job begins. Does not return if its lease has ended: a supervisor
 * that was stopped sends what it had to send when it goes on, and the other
 * thread may be slower than a short job.
 */
void watchdog_begin(struct watchdog *w);

/*
 * Before a result is told. Does not return once the watchdog ends the child:
 * what it killed would look like a job that somebody else killed, and would
 * be charged for it.
 */
void watchdog_pass(struct watchdog *w);

#endif
