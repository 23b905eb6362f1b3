/*
 * Cancelling a job wherever it is: held by this worker, or waiting in a lane
 * or delayed set of a queue that this worker serves. Each worker that hears of
 * a cancel looks; taking the job out of its list is one step in Redis, so one
 * of them ends it. An id that is nowhere is forgotten after the search.
 */
#ifndef SUPERVISOR_CANCEL_H
#define SUPERVISOR_CANCEL_H

#include <sys/queue.h>
#include <stdbool.h>

#define CANCEL_MAGIC 0x636e636cu

struct cancel;
struct sup;
TAILQ_HEAD(cancel_list, cancel);

/* Begins it, or does nothing if it is under way. False: no usable id. */
bool cancel_begin(struct sup *sup, const char *id);
/* Only what this worker holds; true if it holds it. */
bool cancel_here(struct sup *sup, const char *id);
/* Each turn: goes on with what could not be done at once. */
void cancel_phase(struct sup *sup);
/* A job with that id is being looked for, to be cancelled. */
bool cancel_wanted(const struct sup *sup, const char *id);
/* At the very end, when no answer can come any more. */
void cancel_free_all(struct sup *sup);

#endif
