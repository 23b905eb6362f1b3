/*
 * Waits for jobs to end, and shows their progress and log meanwhile. The
 * events are subscribed to before a record is looked at, so nothing falls in
 * between; records are looked at again every second in case an event was
 * lost. Outlives a restart of Redis of up to 30 s.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include <stdbool.h>

#include "cli/cli.h"
#include "cli/fleet.h"

struct watch;

struct watch_opts {
	bool follow;    /* show log lines as they come */
	bool quiet;     /* say nothing of how the jobs end */
};

/* Subscribes; ends the program if Redis can't be reached. Borrows f. */
struct watch *watch_open(struct cli *cli, const struct fleet *f,
    const struct watch_opts *opts);
void watch_free(struct watch **wp);

/*
 * One more job. queue NULL: not known. known: it was queued by us; otherwise
 * a job that can't be found twice, a second apart, counts as unknown.
 */
void watch_add(struct watch *w, const char *id, const char *queue,
    bool known);

/* Waits for all; returns an enum cli_exit. When quiet, only an unknown job
 * counts as failed. */
int watch_run(struct watch *w, mono_t deadline);

#endif
