/*
 * Batches that fail as a whole. Who of a batch is to blame for its crash, its
 * timeout or its error is found by dividing: each half runs again, until the
 * culprit stands alone. Only that one is charged, and from then on it runs
 * alone.
 */
#ifndef SUPERVISOR_SPLIT_H
#define SUPERVISOR_SPLIT_H

#include <stdbool.h>

#include "supervisor/finish.h"

struct job;
struct outcome;
struct sup;

/* The outcome does not say which job of a batch it is about. */
bool split_is_anybodys(const struct outcome *o);
/* The end of a job that has left its child. If it ran with j->together - 1
 * others and any of them may be to blame, it runs again among fewer. */
void split_or_finish(struct job *j, const struct outcome *o);
/* A job with that id was found guilty by this worker not long ago. */
bool split_knows(const struct sup *sup, const char *id);

#endif
