/* Measured pace of handlers. See pace.h. */
#include "config.h"

#include "supervisor/pace.h"

#include "proto/frame.h"

#include "supervisor/sup.h"

#define ENOUGH 8        /* jobs measured before anything is taken ahead */
#define FRAME_WORTH (100 * DUR_US)      /* of work, where slots are idle; */
#define CROWD_WORTH (2 * DUR_MS)        /* where that is no faster */
#define CREDITS_MOST (FRAME_CREDITS_MAX - 1)
#define WEIGHT 8.0      /* of the old mean against one new credit */

static dur_t
look_ahead(const struct sup *sup)
{
	return (sup->conf->supervisor.look_ahead);
}

void
pace_saw(struct sup *sup, unsigned handler, unsigned n, dur_t each)
{
	struct pace *p = &sup->pace[handler];
	double x = (double)each, most = 10.0 * (double)look_ahead(sup);

	/* One long job must not hide a thousand short ones for ever. */
	if (x > most)
		x = most;
	p->mean = p->seen == 0 ? x : p->mean + (x - p->mean) / WEIGHT;
	p->seen = p->seen + n < 1000 ? p->seen + n : 1000;
}

void
pace_stalled(struct sup *sup, unsigned handler)
{
	sup->pace[handler].mean = (double)look_ahead(sup);
}

void
pace_talked(struct sup *sup, unsigned handler)
{
	sup->pace[handler].talks = true;
}

/* A child that wears out must be idle between credits to be replaced. */
static bool
wears_out(const struct conf_handler *h)
{
	return (h->max_jobs_per_child > 0 || h->max_child_age > 0 ||
	    h->max_child_memory > 0);
}

static bool
is_short(const struct sup *sup, unsigned handler)
{
	const struct pace *p = &sup->pace[handler];

	if (wears_out(&sup->conf->handlers[handler]))
		return (false);
	return (p->seen >= ENOUGH && !p->talks &&
	    p->mean * 2 < (double)look_ahead(sup));
}

unsigned
pace_jobs(const struct sup *sup, unsigned handler)
{
	const struct conf_handler *h = &sup->conf->handlers[handler];
	unsigned batch = (unsigned)h->batch_size, n;

	/* A command is a process per job, and a runner gets a credit whole:
	 * only a plugin's jobs can be taken back one by one. */
	if (h->kind != CONF_PLUGIN || !is_short(sup, handler))
		return (batch);
	n = (unsigned)((double)look_ahead(sup) /
	    (sup->pace[handler].mean + 1));
	if (n > PACE_JOBS_MAX)
		n = PACE_JOBS_MAX;
	return (n > batch ? n : batch);
}

/*
 * To send a frame and take its result costs the supervisor some 30 us, the
 * child as much. Spread over many slots, jobs far shorter than that would pay
 * it for two or three of them. What is measured as a job's time is that of
 * its slot's share of a processor.
 */
unsigned
pace_least(const struct sup *sup, unsigned handler, double crowd)
{
	unsigned most = pace_jobs(sup, handler), n;

	if (sup->conf->handlers[handler].kind != CONF_PLUGIN ||
	    !is_short(sup, handler))
		return (1);
	n = (unsigned)(crowd > 1 ?
	    CROWD_WORTH / (sup->pace[handler].mean / crowd + 1) :
	    FRAME_WORTH / (sup->pace[handler].mean + 1)) + 1;
	return (n < most ? n : most);
}

/*
 * A second credit hides the way of the first to Redis and back. Where a credit
 * takes the child less than that way, a third keeps Redis at work meanwhile;
 * the last place is left to an urgent job.
 */
unsigned
pace_credits(const struct sup *sup, unsigned handler)
{
	if (!is_short(sup, handler))
		return (1);
	return (sup->pace[handler].mean * PACE_JOBS_MAX * CREDITS_MOST <
	    (double)look_ahead(sup) / 2 ? CREDITS_MOST : 2);
}
