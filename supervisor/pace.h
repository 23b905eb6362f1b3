/*
 * How long the jobs of a handler take, as measured, and what that allows: how
 * many of them may be out at a child at once. Work is taken ahead of need only
 * for jobs that are known to be short (look_ahead), and never for a handler
 * that prints, because its lines could not be told apart.
 */
#ifndef SUPERVISOR_PACE_H
#define SUPERVISOR_PACE_H

#include <stdbool.h>

#include "base/clock.h"

#define PACE_JOBS_MAX 64   /* jobs in one credit */

struct sup;

struct pace {
	double mean;       /* ns per job, exponential mean */
	unsigned seen;     /* jobs measured, saturating */
	bool talks;        /* its jobs write to stdout or stderr */
};

/* n jobs took `each` on average. */
void pace_saw(struct sup *sup, unsigned handler, unsigned n, dur_t each);
/* A job that was thought short is not over yet. */
void pace_stalled(struct sup *sup, unsigned handler);
void pace_talked(struct sup *sup, unsigned handler);
/* Jobs in one credit, at least 1. */
unsigned pace_jobs(const struct sup *sup, unsigned handler);
/* Jobs that a credit should have, if so many wait, so that it is worth its
 * frame; `crowd` slots share a processor. */
unsigned pace_least(const struct sup *sup, unsigned handler, double crowd);
/* Credits that may be out at one child: 1, or 2 for short jobs, or 3 for jobs
 * of some 50 us and less. */
unsigned pace_credits(const struct sup *sup, unsigned handler);

#endif
