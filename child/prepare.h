/*
 * What every kind of handler does before and after a job: find its model,
 * make its directories and environment, publish what it made.
 */
#ifndef CHILD_PREPARE_H
#define CHILD_PREPARE_H

#include <stdbool.h>

#include "base/buf.h"

struct child;
struct child_handler;
struct cjob;
struct env;
struct spawn_user;

/*
 * Resolves the job's model. False: it has failed as unknown-model. A training
 * job may name a model that is not there yet.
 */
bool prepare_model(struct child *c, struct cjob *j);

/* The handler's user: NULL if it has none. False: unknown; *why is written. */
bool prepare_user(struct child *c, struct child_handler *h,
    const struct spawn_user **up, struct buf *why);

/* The job's directories. False: it has failed. */
bool prepare_dirs(struct child *c, struct child_handler *h, struct cjob *j);

/* The environment of a handler's process; j may be NULL. Caller: env_fini. */
void prepare_env(struct child *c, struct child_handler *h,
    const struct cjob *j, struct env *e);

/* Settles a job whose handler succeeded: publishes if it is to, then done. */
void prepare_done(struct child *c, struct cjob *j);

#endif
