/*
 * Output and checkpoint folders of jobs that ended for good without success.
 * A child removes them; the supervisor touches no file of a job.
 */
#ifndef SUPERVISOR_FORGET_H
#define SUPERVISOR_FORGET_H

#include <sys/queue.h>

struct forget;
struct sup;

TAILQ_HEAD(forget_list, forget);

/* Redis has confirmed the end of that job. */
void forget_job(struct sup *sup, const char *id);
/* Gives what waits to a child that is idle. */
void forget_phase(struct sup *sup);
/* Over a restart: what found no child before the end waits in a file of
 * state_dir for the next start. */
void forget_load(struct sup *sup);
void forget_save(struct sup *sup);      /* and forgets all */

#endif
