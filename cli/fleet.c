/*
 * Reads the fleet from Redis: who is alive, which queues there are, and the
 * records of jobs in them. Only reads. See place.c for jobs without a record.
 */
#include "config.h"

#include "cli/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/xalloc.h"

#include "cli/out.h"
#include "cli/rds.h"

static void
add_queue(struct fleet *f, const char *queue)
{
	size_t i;

	for (i = 0; i < f->nqueues; i++)
		if (strcmp(f->queues[i], queue) == 0)
			return;
	f->queues = xrealloc(f->queues, (f->nqueues + 1) * sizeof(char *));
	f->queues[f->nqueues++] = xstrdup(queue);
}

static void
add_default_queues(struct cli *cli, struct fleet *f)
{
	static const char *const kinds[] = { "training", "inference", "gpu",
	    "cpu" };
	char *key;
	size_t i;

	for (i = 0; i < NELEM(kinds); i++) {
		key = key_default(cli, kinds[i]);
		add_queue(f, key);
		free(key);
	}
}

static void
add_queues_of(struct fleet *f, const json_t *status)
{
	const json_t *list = json_object_get(status, "queues");
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (json_is_string(json_array_get(list, i)))
			add_queue(f,
			    json_string_value(json_array_get(list, i)));
}

/* Text of a reply as JSON; NULL if it is not there or is no object. */
static json_t *
object_of(const redisReply *r)
{
	json_t *v;

	if (r->type != REDIS_REPLY_STRING)
		return (NULL);
	v = json_loadb(r->str, r->len, JSON_DECODE_ANY, NULL);
	if (v != NULL && !json_is_object(v)) {
		json_decref(v);
		v = NULL;
	}
	return (v);
}

json_t *
worker_status(struct cli *cli, const char *id)
{
	char *key = key_worker(cli, id);
	redisReply *r = rds_cmd(cli, "GET %s", key);
	json_t *status = object_of(r);

	freeReplyObject(r);
	free(key);
	return (status);
}

static void
load_ids(struct cli *cli, struct fleet *f)
{
	redisReply *r = rds_cmd(cli, "ZRANGE %s:workers 0 -1",
	    cli_prefix(cli));
	size_t i;

	f->ids = xcalloc(r->elements + 1, sizeof(char *));
	for (i = 0; i < r->elements; i++)
		f->ids[f->nids++] = xstrdup(r->element[i]->str);
	freeReplyObject(r);
}

static void
load_workers(struct cli *cli, struct fleet *f)
{
	redisReply *r;
	json_t *status;
	size_t i;

	for (i = 0; i < f->nids; i++)
		rds_send(cli, "GET %s:worker:%s", cli_prefix(cli), f->ids[i]);
	for (i = 0; i < f->nids; i++) {
		r = rds_reply(cli);
		status = object_of(r);
		freeReplyObject(r);
		if (status == NULL)
			continue;
		if (js_str(status, "worker_id")[0] == '\0')
			json_object_set_new(status, "worker_id",
			    json_string(f->ids[i]));
		json_array_append_new(f->workers, status);
	}
}

struct fleet *
fleet_load(struct cli *cli)
{
	struct fleet *f = xcalloc(1, sizeof(*f));
	const char *only = cli_text(cli, OPT_QUEUE);
	char *direct;
	size_t i;

	f->magic = FLEET_MAGIC;
	f->workers = json_array();
	load_ids(cli, f);
	load_workers(cli, f);
	if (only != NULL) {
		add_queue(f, only);
		return (f);
	}
	add_default_queues(cli, f);
	for (i = 0; i < json_array_size(f->workers); i++)
		add_queues_of(f, json_array_get(f->workers, i));
	for (i = 0; i < f->nids; i++) {
		direct = key_direct(cli, f->ids[i]);
		add_queue(f, direct);
		free(direct);
	}
	return (f);
}

void
fleet_free(struct fleet **fp)
{
	struct fleet *f = *fp;
	size_t i;

	if (f == NULL)
		return;
	OBJ_CHECK(f, FLEET_MAGIC);
	for (i = 0; i < f->nqueues; i++)
		free(f->queues[i]);
	for (i = 0; i < f->nids; i++)
		free(f->ids[i]);
	free(f->queues);
	free(f->ids);
	json_decref(f->workers);
	f->magic = 0;
	free(f);
	*fp = NULL;
}

const json_t *
fleet_worker(const struct fleet *f, const char *id)
{
	const json_t *w;
	size_t i;

	OBJ_CHECK(f, FLEET_MAGIC);
	for (i = 0; i < json_array_size(f->workers); i++) {
		w = json_array_get(f->workers, i);
		if (strcmp(js_str(w, "worker_id"), id) == 0)
			return (w);
	}
	return (NULL);
}

bool
state_final(const char *state)
{
	static const char *const final[] = { "done", "failed", "cancelled",
	    "expired" };
	size_t i;

	for (i = 0; i < NELEM(final); i++)
		if (strcmp(state, final[i]) == 0)
			return (true);
	return (false);
}

static double
newest_time(const json_t *rec)
{
	static const char *const keys[] = { "finished_at", "started_at",
	    "queued_at" };
	double t = 0;
	size_t i;

	for (i = 0; i < NELEM(keys) && t == 0; i++)
		t = js_num(rec, keys[i]);
	return (t);
}

/* Keeps the better of two records of one id; takes both. */
static json_t *
better_record(json_t *a, json_t *b)
{
	bool a_moved, b_moved, take_b;

	if (a == NULL || b == NULL)
		return (a == NULL ? b : a);
	a_moved = strcmp(js_str(a, "state"), "moved") == 0;
	b_moved = strcmp(js_str(b, "state"), "moved") == 0;
	take_b = a_moved != b_moved ? a_moved :
	    newest_time(b) > newest_time(a);
	json_decref(take_b ? a : b);
	return (take_b ? b : a);
}

static json_t *
record_at(struct cli *cli, const char *queue, const char *id)
{
	redisReply *r = rds_cmd(cli, "GET {%s}:job:%s", queue, id);
	json_t *rec = object_of(r);

	freeReplyObject(r);
	return (rec);
}

json_t *
record_find(struct cli *cli, const struct fleet *f, const char *id)
{
	json_t *rec = NULL, *next;
	redisReply *r;
	size_t i;

	OBJ_CHECK(f, FLEET_MAGIC);
	for (i = 0; i < f->nqueues; i++)
		rds_send(cli, "GET {%s}:job:%s", f->queues[i], id);
	for (i = 0; i < f->nqueues; i++) {
		r = rds_reply(cli);
		next = object_of(r);
		freeReplyObject(r);
		if (next != NULL && js_str(next, "queue")[0] == '\0')
			json_object_set_new(next, "queue",
			    json_string(f->queues[i]));
		rec = better_record(rec, next);
	}
	/* a queue that nobody of the living serves */
	if (rec != NULL && js_str(rec, "moved_to")[0] != '\0')
		rec = better_record(rec,
		    record_at(cli, js_str(rec, "moved_to"), id));
	return (rec);
}
