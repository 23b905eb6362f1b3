/* Queues: names of keys, list of known ones. See queue.h. */
#include "config.h"

#include "supervisor/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/bell.h"
#include "supervisor/guess.h"
#include "supervisor/intake.h"
#include "supervisor/settle.h"
#include "supervisor/sift.h"
#include "supervisor/sup.h"

static void
name_keys(struct queue *q)
{
#define X(field, text) q->key.field = str_fmt("{%s}" text, q->name);
	QUEUE_KEYS(X)
#undef X
	q->lane[LANE_HIGH] = str_fmt("{%s}:high", q->name);
	q->lane[LANE_NORMAL] = xstrdup(q->name);
	q->lane[LANE_LOW] = str_fmt("{%s}:low", q->name);
	q->leased = str_fmt("%s%s", q->key.leased_of, q->sup->id);
}

struct queue *
queue_find(const struct sup *sup, const char *name)
{
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->redis == sup->redis && strcmp(q->name, name) == 0)
			return (q);
	return (NULL);
}

static void
open_bells(struct queue *q)
{
	unsigned i;

	for (i = 0; i < LANE_N; i++)
		q->bell[i] = bell_new(q->redis->group, q->lane[i],
		    i == LANE_HIGH ? intake_rung_high : intake_rung,
		    q);
	q->waiting = true;      /* nothing known yet: ask */
	q->next_due = MONO_NEVER;
}

static void
free_bells(struct queue *q)
{
	unsigned i;

	for (i = 0; i < LANE_N; i++)
		bell_free(&q->bell[i]);
}

struct queue *
queue_get(struct sup *sup, const char *name)
{
	struct queue *q;

	if ((q = queue_find(sup, name)) != NULL) {
		if (q->closing)
			open_bells(q);
		q->closing = false;
		return (q);
	}
	q = xcalloc(1, sizeof(*q));
	q->magic = QUEUE_MAGIC;
	q->sup = sup;
	q->redis = sup->redis;
	q->name = xstrdup(name);
	TAILQ_INIT(&q->jobs);
	TAILQ_INIT(&q->lost);
	TAILQ_INIT(&q->settles);
	TAILQ_INIT(&q->sightings);
	name_keys(q);
	open_bells(q);
	TAILQ_INSERT_TAIL(&sup->queues, q, link);
	return (q);
}

void
queue_free(struct queue **qp)
{
	struct queue *q = *qp;
	unsigned i;

	if (q == NULL)
		return;
	OBJ_CHECK(q, QUEUE_MAGIC);
	ASSERT(TAILQ_EMPTY(&q->jobs));
	*qp = NULL;
	guess_queue_gone(q);
	TAILQ_REMOVE(&q->sup->queues, q, link);
	free_bells(q);
	for (i = 0; i < LANE_N; i++)
		free(q->lane[i]);
	intake_forget(q);
	sift_forget(q);
#define X(field, text) free(q->key.field);
	QUEUE_KEYS(X)
#undef X
	free(q->leased);
	free(q->shown);
	free(q->name);
	q->magic = 0;
	free(q);
}

void
queue_close(struct queue *q)
{
	OBJ_CHECK(q, QUEUE_MAGIC);
	if (q->closing)
		return;
	q->closing = true;
	q->waiting = q->urgent = false;
	free_bells(q);
}

void
queue_move(struct queue *q, struct redis *to)
{
	OBJ_CHECK(q, QUEUE_MAGIC);
	q->redis = to;
	if (q->closing)
		return;
	free_bells(q);
	open_bells(q);
}

bool
queue_idle(const struct queue *q)
{
	return (q->njobs == 0 && q->asked == 0 && q->calls == 0 &&
	    settle_idle(q) && TAILQ_EMPTY(&q->lost) && !q->promoting &&
	    !q->sifting && !q->renewing && q->history_seq == 0);
}

long long
queue_lease_ms(const struct queue *q)
{
	return (q->sup->conf->supervisor.lease_ttl / DUR_MS);
}
