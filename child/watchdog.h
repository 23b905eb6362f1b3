/*
 * The one extra thread. It ends the child, and everything below it, when the
 * supervisor is gone or when the lease of the running job has ended and
 * nobody renewed it, even while a handler holds the main thread.
 */
#ifndef CHILD_WATCHDOG_H
#define CHILD_WATCHDOG_H

#include "proto/page.h"

struct watchdog;

/* Watches START_FD and the slot's words. 0 or -ERR_SYSTEM. */
int watchdog_start(const struct page_slot *words, struct watchdog **wp);

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
