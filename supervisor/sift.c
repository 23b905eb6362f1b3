/*
 * What a worker does about jobs that wait, before it takes them: those with
 * another priority go from the normal list to their lane, and the time is
 * kept at which a job with a `ttl` but no `queued_at` was first seen. Only
 * this worker's own looks count; one that dies forgets them, and the job is
 * first seen by the next. Nothing of a payload changes.
 */
#include "config.h"

#include "supervisor/sift.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/script.h"
#include "supervisor/sup.h"

#define SIFT_LOOK 256         /* jobs looked at; the contract's number */
#define SIFT_LARGEST 65536    /* bytes; larger ones are met when claimed */
#define SIGHT_LIFE (2 * DUR_S)  /* looks come ten times a second */

/* A job that a look found. It is kept a little longer than that: one that was
 * claimed meanwhile may still be on its way to admission. Not much longer:
 * another worker may have taken it, and its id may come again. */
struct sighting {
	TAILQ_ENTRY(sighting) link;
	wall_t first;
	mono_t last;
	char id[];
};

/* In the order of the list, mostly: the next one is looked for behind the
 * one before it, so that a look costs one walk. */
static struct sighting *
find(const struct queue *q, struct sighting *from, const char *id)
{
	struct sighting *s;

	for (s = from; s != NULL; s = TAILQ_NEXT(s, link))
		if (strcmp(s->id, id) == 0)
			return (s);
	TAILQ_FOREACH(s, &q->sightings, link) {
		if (s == from)
			break;
		if (strcmp(s->id, id) == 0)
			return (s);
	}
	return (NULL);
}

static struct sighting *
add(struct queue *q, const char *id, size_t n)
{
	struct sighting *s = xcalloc(1, sizeof(*s) + n + 1);

	memcpy(s->id, id, n);
	s->first = sup_wall(q->sup);
	TAILQ_INSERT_TAIL(&q->sightings, s, link);
	return (s);
}

static void
drop(struct queue *q, struct sighting *s)
{
	TAILQ_REMOVE(&q->sightings, s, link);
	free(s);
}

static void
forget_before(struct queue *q, mono_t then)
{
	struct sighting *s, *next;

	for (s = TAILQ_FIRST(&q->sightings); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (s->last < then)
			drop(q, s);
	}
}

static void
note_sightings(struct queue *q, const redisReply *r)
{
	struct sighting *s = TAILQ_FIRST(&q->sightings), *found;
	mono_t now = mono_now();
	size_t i;

	for (i = 1; i < r->elements; i++) {
		if (r->element[i]->type != REDIS_REPLY_STRING)
			continue;
		found = find(q, s, r->element[i]->str);
		if (found == NULL)
			found = add(q, r->element[i]->str, r->element[i]->len);
		found->last = now;
		s = found;
	}
	forget_before(q, now - SIGHT_LIFE);
}

static void
answered(void *priv, redisReply *r)
{
	struct queue *q = priv;

	OBJ_CHECK(q, QUEUE_MAGIC);
	q->sifting = false;
	if (r == NULL || r->type != REDIS_REPLY_ARRAY || r->elements < 1)
		return;
	if (r->element[0]->integer > 0) {
		q->sup->stat.n[STAT_MOVED] += (uint64_t)r->element[0]->integer;
		q->waiting = true;
	}
	note_sightings(q, r);
}

void
sift_look(struct queue *q)
{
	struct script_args *a;

	if (q->sifting)
		return;
	a = script_begin(SCRIPT_SIFT);
	script_key(a, q->lane[LANE_NORMAL]);
	script_key(a, q->lane[LANE_HIGH]);
	script_key(a, q->lane[LANE_LOW]);
	script_arg_int(a, SIFT_LOOK);
	script_arg_int(a, SIFT_LARGEST);
	q->sifting = script_call(q->redis->main, a, answered, q) == 0;
}

wall_t
sift_first(struct queue *q, const char *id, wall_t now)
{
	struct sighting *s = find(q, TAILQ_FIRST(&q->sightings), id);
	wall_t first = now;

	if (s == NULL)
		return (now);
	if (mono_now() - s->last <= SIGHT_LIFE && s->first < now)
		first = s->first;
	drop(q, s);
	return (first);
}

void
sift_forget(struct queue *q)
{
	forget_before(q, MONO_NEVER);
}
