/* A look at the next jobs of a queue's normal list, while they wait. */
#ifndef SUPERVISOR_SIFT_H
#define SUPERVISOR_SIFT_H

#include "base/clock.h"

struct queue;

/* Looks for jobs that wait in the wrong lane, and for those whose ttl counts
 * from when they are first seen. Does nothing while a look is under way. */
void sift_look(struct queue *q);
/* When the job with that id, which was claimed now, was first seen waiting;
 * now, if it was not. */
wall_t sift_first(struct queue *q, const char *id, wall_t now);
/* The queue is going away. */
void sift_forget(struct queue *q);

#endif
