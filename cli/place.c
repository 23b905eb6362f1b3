/*
 * Finds a job that has no final record yet, by looking at the elements of
 * lanes, delayed sets and leases. Reads in chunks so that neither side holds
 * a long list at once; the answer is a snapshot.
 */
#include "config.h"

#include "cli/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/xalloc.h"
#include "proto/job.h"

#include "cli/rds.h"

#define CHUNK 128
#define LANE_LOOK 100000  /* elements of a lane that are looked at */

/*
 * Offset of the payload in a delayed set's member, which is
 * "<lane letter>:<lease token>:<number>:<payload>".
 */
static size_t
payload_offset(const char *p, size_t n)
{
	const char *end = p + n, *s = p;
	unsigned colons;

	if (n < 2 || memchr("hnl", p[0], 3) == NULL || p[1] != ':')
		return (0);
	for (colons = 0; colons < 3; colons++) {
		s = memchr(s, ':', (size_t)(end - s));
		if (s == NULL)
			return (0);
		s++;
	}
	return ((size_t)(s - p));
}

static bool
is_job(const char *p, size_t n, const char *id)
{
	struct job_spec spec;
	struct job_problem problem;
	bool same;

	if (memmem(p, n, id, strlen(id)) == NULL)
		return (false);
	job_parse(p, n, SIZE_MAX, &spec, &problem);
	same = spec.id.p != NULL && slice_is(spec.id, id);
	job_spec_fini(&spec);
	return (same);
}

/* True if the element is the job; p is filled then. */
static bool
try_element(struct place *p, const redisReply *e, const char *id,
    enum place_where where)
{
	size_t offset = where == PLACE_DELAYED ?
	    payload_offset(e->str, e->len) : 0;

	if (!is_job(e->str + offset, e->len - offset, id))
		return (false);
	p->where = where;
	p->offset = offset;
	p->len = e->len;
	p->member = xmalloc(e->len + 1);
	memcpy(p->member, e->str, e->len);
	p->member[e->len] = '\0';
	return (true);
}

/* Lists are taken from the right. */
static bool
find_in_lane(struct cli *cli, const char *key, const char *id,
    struct place *p)
{
	redisReply *r;
	size_t base, i, n = CHUNK;
	bool found = false;

	for (base = 0; !found && base < LANE_LOOK && n == CHUNK;
	    base += CHUNK) {
		r = rds_cmd(cli, "LRANGE %s %lld %lld", key,
		    -(long long)(base + CHUNK), -(long long)(base + 1));
		n = r->elements;
		for (i = n; i > 0 && !found; i--) {
			found = try_element(p, r->element[i - 1], id,
			    PLACE_LANE);
			p->before = base + (n - i);
		}
		freeReplyObject(r);
	}
	return (found);
}

static bool
find_delayed(struct cli *cli, const char *key, const char *id,
    struct place *p)
{
	redisReply *r;
	size_t base, i, n = 2 * CHUNK;
	bool found = false;

	for (base = 0; !found && base < LANE_LOOK && n == 2 * CHUNK;
	    base += CHUNK) {
		r = rds_cmd(cli, "ZRANGE %s %lld %lld WITHSCORES", key,
		    (long long)base, (long long)(base + CHUNK - 1));
		n = r->elements;
		for (i = 0; i + 1 < n && !found; i += 2) {
			found = try_element(p, r->element[i], id,
			    PLACE_DELAYED);
			p->due = strtod(r->element[i + 1]->str, NULL);
		}
		freeReplyObject(r);
	}
	return (found);
}

static bool
find_leased(struct cli *cli, const char *key, const char *id,
    struct place *p)
{
	redisReply *r = rds_cmd(cli, "HVALS %s", key);
	bool found = false;
	size_t i;

	for (i = 0; i < r->elements && !found; i++)
		found = try_element(p, r->element[i], id, PLACE_LEASED);
	freeReplyObject(r);
	return (found);
}

/* Takes key: keeps it in the place if the job was there. */
static bool
settle(struct place *p, bool found, char *key, const char *lane,
    const char *worker)
{
	if (!found) {
		free(key);
		return (false);
	}
	p->key = key;
	p->lane = lane;
	p->worker = worker;
	return (true);
}

static bool
find_in_queue(struct cli *cli, const struct fleet *f, const char *q,
    const char *id, struct place *p)
{
	char *high = key_of(q, "high"), *low = key_of(q, "low");
	char *delayed = key_of(q, "delayed"), *normal = xstrdup(q), *leased;
	bool found;
	size_t i;

	p->queue = q;
	found = settle(p, find_in_lane(cli, high, id, p), high, "high", "");
	found = settle(p, !found && find_in_lane(cli, normal, id, p), normal,
	    "normal", "") || found;
	found = settle(p, !found && find_in_lane(cli, low, id, p), low,
	    "low", "") || found;
	found = settle(p, !found && find_delayed(cli, delayed, id, p),
	    delayed, "", "") || found;
	for (i = 0; i < f->nids && !found; i++) {
		leased = key_of2(q, "leased", f->ids[i]);
		found = settle(p, find_leased(cli, leased, id, p), leased, "",
		    f->ids[i]);
	}
	return (found);
}

void
place_find(struct cli *cli, const struct fleet *f, const char *id,
    struct place *p)
{
	size_t i;

	OBJ_CHECK(f, FLEET_MAGIC);
	memset(p, 0, sizeof(*p));
	p->lane = p->worker = "";
	for (i = 0; i < f->nqueues; i++)
		if (find_in_queue(cli, f, f->queues[i], id, p))
			return;
	p->queue = NULL;
}

void
place_fini(struct place *p)
{
	free(p->key);
	free(p->member);
	memset(p, 0, sizeof(*p));
}
