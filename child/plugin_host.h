/*
 * The host's side of ganger/handler.h: what a plugin may call while one of
 * its own calls lasts.
 */
#ifndef CHILD_PLUGIN_HOST_H
#define CHILD_PLUGIN_HOST_H

#include "plugins/handler.h"

struct child;
struct cjob;
enum cause;

/* The host's key for one job of the running call. */
struct ganger_job {
	struct child *child;  /* borrows */
	struct cjob *job;     /* borrows */
	enum ganger_status status; /* what set_error said; OK: nothing */
};

/* Fills in the host's calls; place must live as long as they are used. */
void plugin_host_init(struct ganger_host *h, const struct ganger_place *place);

/* Settles a job with the cause that a status other than OK stands for. */
void plugin_host_fail(struct ganger_job *j, enum ganger_status status,
    const char *text);

#endif
