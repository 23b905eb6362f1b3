/*
 * The fleet as Redis knows it: status objects of all live workers, our own
 * always fresh. Objects of others are passed on as they are; what is summed
 * is read by the scanner, a few objects in each turn of the loop.
 */
#include "config.h"

#include "supervisor/http_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "proto/json.h"

#include "supervisor/status.h"
#include "supervisor/sup.h"

#define FLEET_MAGIC 0x666c7421u
#define WORKERS_MAX 1024        /* those heard of last */
#define QUEUES_MAX 1024
#define TEXT_MAX ((size_t)32 << 20) /* of all status objects */
#define BATCH 16                /* objects read in one turn */
#define PATIENCE (500 * DUR_MS)

struct worker {
	char *id;               /* owns */
	char *text;             /* owns; NULL: no status, or our own */
	size_t len;
	long long active, available;
	bool gpu;
};

struct fleet {
	unsigned magic;
	struct worker *workers; /* owns; by id */
	unsigned n, asked;
	size_t bytes;
	char **queues;          /* owns */
	unsigned nqueues;
	char *own;              /* owns; our id when it was asked for */
};

static void
add_queue(struct fleet *f, const char *name)
{
	unsigned i;

	for (i = 0; i < f->nqueues; i++)
		if (strcmp(f->queues[i], name) == 0)
			return;
	if (f->nqueues == QUEUES_MAX || strlen(name) > QUEUE_NAME_MAX)
		return;
	f->queues = xrealloc(f->queues, (f->nqueues + 1) * sizeof(char *));
	f->queues[f->nqueues++] = xstrdup(name);
}

/* The default queues first, so that what nobody serves is seen too. */
static void
add_known_queues(struct fleet *f, const struct sup *sup)
{
	static const char *const kinds[] = { "training", "inference", "gpu",
	    "cpu" };
	const struct queue *q;
	char *name;
	size_t i;

	for (i = 0; i < NELEM(kinds); i++) {
		name = str_fmt("%s:%s:queue", sup->conf->redis.prefix,
		    kinds[i]);
		add_queue(f, name);
		free(name);
	}
	TAILQ_FOREACH(q, &sup->queues, link)
		add_queue(f, q->name);
}

static void
add_worker(struct fleet *f, const char *id)
{
	unsigned i;

	for (i = 0; i < f->n; i++)
		if (strcmp(f->workers[i].id, id) == 0)
			return;
	f->workers = xrealloc(f->workers, (f->n + 1) * sizeof(*f->workers));
	f->workers[f->n] = (struct worker){ .id = xstrdup(id) };
	f->n++;
}

static int
compare_ids(const void *a, const void *b)
{
	const struct worker *x = a, *y = b;

	return (strcmp(x->id, y->id));
}

/* ---- one status object ---- */

struct reading {
	struct fleet *fleet;
	struct worker *worker;
};

/* Each string of a list that was scanned already. */
static void
read_queues(struct fleet *f, struct slice list)
{
	const char *p = list.p, *end = list.p + list.n, *start;
	struct buf name;

	buf_init(&name, QUEUE_NAME_MAX + 1);
	for (; p < end; p++) {
		if (*p != '"')
			continue;
		for (start = p++; *p != '"'; p++)
			p += *p == '\\';
		buf_reset(&name);
		if (json_unescape((struct slice){ start,
		    (size_t)(p + 1 - start) }, &name) == 0)
			add_queue(f, buf_cstr(&name));
	}
	buf_fini(&name);
}

static int
read_member(void *priv, const struct json_member *m)
{
	struct reading *r = priv;
	long long v;

	if (slice_is(m->key, "active_jobs") &&
	    json_int64(m->value, &v) == 0)
		r->worker->active = v;
	else if (slice_is(m->key, "available_slots") &&
	    json_int64(m->value, &v) == 0)
		r->worker->available = v;
	else if (slice_is(m->key, "gpu_enabled"))
		r->worker->gpu = slice_is(m->value, "true");
	else if (slice_is(m->key, "queues") && m->kind == JSON_ARRAY)
		read_queues(r->fleet, m->value);
	return (0);
}

/* Takes the text, unless it is no status object; then it is freed. */
static void
take_status(struct fleet *f, struct worker *w, char *text, size_t len)
{
	struct reading reading = { f, w };

	if (text == NULL || f->bytes + len > TEXT_MAX ||
	    json_scan_object(text, len, read_member, &reading, NULL) != 0) {
		free(text);
		return;
	}
	f->bytes += len;
	w->text = text;
	w->len = len;
}

/* ---- the calls ---- */

static void load_some(struct ask *a);

static void
on_statuses(struct ask *a, unsigned first, redisReply *r)
{
	struct fleet *f = a->fleet;
	struct worker *w;
	redisReply *e;
	size_t i;

	if (r == NULL || r->type != REDIS_REPLY_ARRAY)
		return;
	for (i = 0; i < r->elements && first + i < f->n; i++) {
		e = r->element[i];
		w = &f->workers[first + i];
		if (e->type != REDIS_REPLY_STRING ||
		    strcmp(w->id, f->own) == 0)
			continue;
		take_status(f, w, e->str, e->len);
		e->str = NULL;
	}
	load_some(a);
}

static void
load_some(struct ask *a)
{
	const char *argv[BATCH + 1] = { "MGET" };
	struct fleet *f = a->fleet;
	unsigned i, n;

	n = f->n - f->asked < BATCH ? f->n - f->asked : BATCH;
	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		argv[i + 1] = str_fmt("%s:worker:%s",
		    a->sup->conf->redis.prefix, f->workers[f->asked + i].id);
	(void)ask_call(a, on_statuses, f->asked, (int)n + 1, argv, NULL);
	f->asked += n;
	for (i = 0; i < n; i++)
		free((char *)(uintptr_t)argv[i + 1]);
}

static void
on_ids(struct ask *a, unsigned i, redisReply *r)
{
	struct fleet *f = a->fleet;
	size_t k;

	if (r == NULL || r->type != REDIS_REPLY_ARRAY)
		return;
	for (k = 0; k < r->elements; k++)
		if (r->element[k]->type == REDIS_REPLY_STRING)
			add_worker(f, r->element[k]->str);
	qsort(f->workers, f->n, sizeof(*f->workers), compare_ids);
	load_some(a);
}

void
fleet_load(struct ask *a, ask_f *next)
{
	struct fleet *f = xcalloc(1, sizeof(*f));
	const char *argv[] = { "ZREVRANGE", NULL, "0", NULL };
	char last[16];
	char *key;

	ASSERT(a->fleet == NULL);
	f->magic = FLEET_MAGIC;
	a->fleet = f;
	a->next = next;
	add_known_queues(f, a->sup);
	f->own = xstrdup(a->sup->id);   /* an upgrade gives us another one */
	add_worker(f, f->own);
	key = str_fmt("%s:workers", a->sup->conf->redis.prefix);
	(void)snprintf(last, sizeof(last), "%d", WORKERS_MAX - 1);
	argv[1] = key;
	argv[3] = last;
	(void)ask_call(a, on_ids, 0, (int)NELEM(argv), argv, NULL);
	free(key);
}

void
fleet_free(struct fleet **fp)
{
	struct fleet *f = *fp;
	unsigned i;

	if (f == NULL)
		return;
	OBJ_CHECK(f, FLEET_MAGIC);
	*fp = NULL;
	for (i = 0; i < f->n; i++) {
		free(f->workers[i].id);
		free(f->workers[i].text);
	}
	for (i = 0; i < f->nqueues; i++)
		free(f->queues[i]);
	free(f->workers);
	free(f->queues);
	free(f->own);
	f->magic = 0;
	free(f);
}

unsigned
fleet_nqueues(const struct fleet *f)
{
	OBJ_CHECK(f, FLEET_MAGIC);
	return (f->nqueues);
}

const char *
fleet_queue(const struct fleet *f, unsigned i)
{
	OBJ_CHECK(f, FLEET_MAGIC);
	ASSERT(i < f->nqueues);
	return (f->queues[i]);
}

/* ---- GET /workers/status ---- */

/* Our own status as it is now, not as Redis has it. */
static void
add_own(struct ask *a)
{
	struct fleet *f = a->fleet;
	struct buf own;
	size_t len = 0;
	char *text;
	unsigned i;

	buf_init(&own, TEXT_MAX);
	status_put(&own, a->sup);
	text = buf_take(&own, &len);
	f->bytes = 0;           /* whatever the others' size, ours is shown */
	for (i = 0; strcmp(f->workers[i].id, f->own) != 0; i++)
		continue;
	take_status(f, &f->workers[i], text, len);
	buf_fini(&own);
}

static void
put_sums(struct jsonw *w, const struct fleet *f)
{
	long long active = 0, available = 0;
	bool gpu = false;
	unsigned i;

	for (i = 0; i < f->n; i++) {
		if (f->workers[i].text == NULL)
			continue;
		active += f->workers[i].active;
		available += f->workers[i].available;
		gpu = gpu || f->workers[i].gpu;
	}
	jsonw_kint(w, "active_jobs", active);
	jsonw_kint(w, "available_slots", available);
	jsonw_kbool(w, "gpu_enabled", gpu);
}

static void
show(struct ask *a)
{
	const struct fleet *f = a->fleet;
	struct buf b;
	struct jsonw w;
	unsigned i;

	add_own(a);
	buf_init(&b, ANSWER_MAX);
	jsonw_init(&w, &b);
	jsonw_obj(&w);
	put_sums(&w, f);
	jsonw_key(&w, "workers");
	jsonw_arr(&w);
	for (i = 0; i < f->n; i++)
		if (f->workers[i].text != NULL)
			jsonw_raw(&w, (struct slice){ f->workers[i].text,
			    f->workers[i].len });
	jsonw_end(&w);
	jsonw_end(&w);
	ask_json(a, 200, &b);
	buf_fini(&b);
}

void
fleet_show(struct ask *a)
{
	ask_set_limit(a, PATIENCE, show);
	fleet_load(a, show);
}
