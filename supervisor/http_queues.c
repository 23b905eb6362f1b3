/* GET /queues: what waits in each queue that the fleet knows. */
#include "config.h"

#include "supervisor/http_ask.h"

#include <stdlib.h>

#include "base/jsonw.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "proto/job.h"

#include "supervisor/script.h"
#include "supervisor/sup.h"

#define OLDEST_MAX 65536        /* a longer job is not read for its age */
#define PATIENCE (1500 * DUR_MS)

const char *const glance_names[GLANCE_N] = { "high", "normal", "low",
    "delayed", "leased", [GLANCE_DEAD] = "dead" };

/* ---- one queue ---- */

/* The age of a job; -1 if it does not say when it was queued. */
static long long
age_of(const redisReply *e, long long now)
{
	struct job_problem problem;
	struct job_spec spec;
	long long age = -1;

	if (e->type != REDIS_REPLY_STRING || e->len == 0)
		return (-1);
	if (job_parse(e->str, e->len, OLDEST_MAX, &spec, &problem) == 0 &&
	    spec.queued_at > 0)
		age = now > spec.queued_at ? now - spec.queued_at : 0;
	job_spec_fini(&spec);
	return (age);
}

bool
glance_read(const redisReply *r, struct glance *g)
{
	long long age;
	unsigned i;

	if (r == NULL || r->type != REDIS_REPLY_ARRAY ||
	    r->elements != 1 + GLANCE_N + LANE_N)
		return (false);
	for (i = 0; i <= GLANCE_N; i++)
		if (r->element[i]->type != REDIS_REPLY_INTEGER)
			return (false);
	for (i = 0; i < GLANCE_N; i++)
		g->n[i] = r->element[1 + i]->integer;
	g->oldest_age = -1;
	for (i = 0; i < LANE_N; i++) {
		age = age_of(r->element[1 + GLANCE_N + i],
		    r->element[0]->integer);
		if (age > g->oldest_age)
			g->oldest_age = age;
	}
	return (true);
}

static void
on_glance(struct ask *a, unsigned i, redisReply *r)
{
	struct glances *all = a->state;

	all->g[i].known = glance_read(r, &all->g[i]);
}

void
glance_send(struct ask *a, ask_reply_f *fn, const char *queue, unsigned i)
{
	static const char *const keys[] = { "high", "low", "delayed",
	    "leases", "dead", "leased:" };
	struct script_args *args;
	char *key;
	size_t k;

	args = script_begin(SCRIPT_GLANCE);
	script_key(args, queue);
	for (k = 0; k < NELEM(keys); k++) {
		key = str_fmt("{%s}:%s", queue, keys[k]);
		if (k + 1 < NELEM(keys))
			script_key(args, key);
		else
			script_arg_str(args, key);
		free(key);
	}
	script_arg_int(args, OLDEST_MAX);
	(void)ask_script(a, fn, i, args);
}

static void
free_glances(void *state)
{
	struct glances *all = state;
	unsigned i;

	for (i = 0; i < all->n; i++)
		free(all->g[i].queue);
	free(all);
}

void
glances_load(struct ask *a, const char *const *queues, unsigned n)
{
	struct glances *all = xcalloc(1, sizeof(*all) + n * sizeof(all->g[0]));
	unsigned i;

	ASSERT(a->state == NULL);
	all->n = n;
	a->state = all;
	a->free_state = free_glances;
	for (i = 0; i < n; i++) {
		all->g[i].queue = xstrdup(queues[i]);
		if (ask_redis(a))
			glance_send(a, on_glance, queues[i], i);
	}
}

/* ---- GET /queues ---- */

static void
put_glance(struct jsonw *w, const struct glance *g)
{
	unsigned i;

	jsonw_obj(w);
	jsonw_kstr(w, "queue", g->queue);
	for (i = 0; i < GLANCE_N; i++)
		jsonw_kint(w, glance_names[i], g->n[i]);
	jsonw_key(w, "oldest_age_ms");
	if (g->oldest_age < 0)
		jsonw_null(w);
	else
		jsonw_int(w, g->oldest_age);
	jsonw_end(w);
}

static void
show(struct ask *a)
{
	const struct glances *all = a->state;
	struct jsonw w;
	struct buf b;
	unsigned i;

	for (i = 0; i < all->n; i++)
		if (!all->g[i].known) {
			ask_no_redis(a, NULL);
			return;
		}
	buf_init(&b, ANSWER_MAX);
	jsonw_init(&w, &b);
	jsonw_obj(&w);
	jsonw_key(&w, "queues");
	jsonw_arr(&w);
	for (i = 0; i < all->n; i++)
		put_glance(&w, &all->g[i]);
	jsonw_end(&w);
	jsonw_end(&w);
	ask_json(a, 200, &b);
	buf_fini(&b);
}

static void
ask_all(struct ask *a)
{
	unsigned i, n = fleet_nqueues(a->fleet);
	const char **queues = xcalloc(n, sizeof(*queues));

	for (i = 0; i < n; i++)
		queues[i] = fleet_queue(a->fleet, i);
	a->next = show;
	glances_load(a, queues, n);
	free(queues);
}

static void
too_late(struct ask *a)
{
	ask_no_redis(a, NULL);
}

void
queues_show(struct ask *a)
{
	if (!ask_redis(a)) {
		ask_no_redis(a, NULL);
		return;
	}
	ask_set_limit(a, PATIENCE, too_late);
	fleet_load(a, ask_all);
}
