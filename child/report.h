/* What the child tells the supervisor: every frame it sends is made here. */
#ifndef CHILD_REPORT_H
#define CHILD_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

struct child;
struct cjob;

void report_hello(struct child *c);
/* The job runs in that process, or that process gets ready for it. */
void report_started(struct child *c, const struct cjob *j, pid_t pid);
void report_loading(struct child *c, const struct cjob *j, pid_t pid);
void report_log(struct child *c, const struct cjob *j, struct slice text);
/* What the child can't go on with. */
void report_bug(struct child *c, const char *message);

/*
 * Progress of a job. Sent at once, or, where the last one is less than 50 ms
 * old, held until report_progress_due or the job's result; a later value
 * replaces a held one.
 */
void report_progress(struct child *c, struct cjob *j, double fraction,
    struct slice message);
/* Sends the held values whose time has come; sets the loop's alarm for those
 * that still wait. */
void report_progress_due(struct child *c);

/* The job may have saved a checkpoint: the page says how old it is, by the
 * time at which the folder changed. */
void report_checkpoint(struct child *c, const struct cjob *j);

/*
 * Sends the results that are settled and not sent. done: and the credit is
 * over, nothing of it is left.
 */
void report_results(struct child *c, bool done);
/*
 * Lets the results of the steps up to now wait for the next step's, at most
 * HOLD_MAX or some bytes; then they go.
 */
void report_hold(struct child *c);
/* For the watchdog's thread: sends what is held. */
void report_late(void *priv);

#endif
