/*
 * ganger status, workers, queues: tables of what is now, once or every
 * second. Only reads.
 */
#include "config.h"

#include "cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/obj.h"
#include "proto/job.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/rds.h"

typedef void show_f(struct cli *cli, const struct fleet *f);

/* Once, or with --watch every second until a signal ends the program. */
static int
show_loop(struct cli *cli, show_f *show)
{
	struct fleet *f;

	do {
		f = fleet_load(cli);
		if (cli_has(cli, OPT_WATCH) && !cli_json(cli))
			out_home();
		show(cli, f);
		fleet_free(&f);
		fflush(stdout);
	} while (cli_has(cli, OPT_WATCH) && !ferror(stdout) &&
	    poll(NULL, 0, 1000) == 0);
	return (CLI_OK);
}

/* The shape of GET /workers/status. */
static void
print_fleet_json(const struct fleet *f)
{
	json_int_t active = 0, available = 0;
	const json_t *w;
	bool gpu = false;
	json_t *o;
	size_t i;

	for (i = 0; i < json_array_size(f->workers); i++) {
		w = json_array_get(f->workers, i);
		active += (json_int_t)js_num(w, "active_jobs");
		available += (json_int_t)js_num(w, "available_slots");
		gpu = gpu || js_bool(w, "gpu_enabled");
	}
	o = json_pack("{s:I, s:I, s:b, s:O}", "active_jobs", active,
	    "available_slots", available, "gpu_enabled", gpu, "workers",
	    f->workers);
	out_json(o);
	json_decref(o);
}

static void
print_workers(struct cli *cli, const struct fleet *f)
{
	struct table t;
	const json_t *w;
	char buf[24];
	size_t i;

	if (cli_json(cli)) {
		for (i = 0; i < json_array_size(f->workers); i++)
			out_json(json_array_get(f->workers, i));
		return;
	}
	if (json_array_size(f->workers) == 0)
		puts("no live worker");
	if (json_array_size(f->workers) == 0)
		return;
	table_begin(&t, "WORKER HOST >PID STATE >ACTIVE >FREE >SLOTS GPU "
	    "HELD-BY VERSION >UP");
	for (i = 0; i < json_array_size(f->workers); i++) {
		w = json_array_get(f->workers, i);
		table_put(&t, "%s", js_str(w, "worker_id"));
		table_put(&t, "%s", js_str(w, "host"));
		table_put(&t, "%.0f", js_num(w, "pid"));
		table_put(&t, "%s", js_str(w, "state"));
		table_put(&t, "%.0f", js_num(w, "active_jobs"));
		table_put(&t, "%.0f", js_num(w, "available_slots"));
		table_put(&t, "%zu",
		    json_array_size(json_object_get(w, "slots")));
		table_put(&t, "%s", js_bool(w, "gpu_enabled") ? "yes" : "no");
		/* what holds the jobs' processes; docs/containment.md */
		table_put(&t, "%s", *js_str(w, "containment") == '\0' ? "-" :
		    js_str(w, "containment"));
		table_put(&t, "%s", js_str(w, "version"));
		table_put(&t, "%s", js_num(w, "started_at") <= 0 ? "-" :
		    out_dur(buf, (double)wall_now() -
		    js_num(w, "started_at")));
	}
	table_end(&t, stdout);
}

/* Strings of an array, with commas between. */
static void
put_list(struct table *t, const json_t *list)
{
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	for (i = 0; i < json_array_size(list); i++)
		buf_printf(&b, "%s%s", i == 0 ? "" : ",",
		    json_string_value(json_array_get(list, i)));
	table_put(t, "%s", b.len == 0 ? "-" : buf_cstr(&b));
	buf_fini(&b);
}

/* A member as one cell, whatever its type; "-" for nothing. */
static void
put_cell(struct table *t, const json_t *o, const char *key)
{
	const json_t *v = js_get(o, key);

	if (json_is_array(v))
		put_list(t, v);
	else if (json_is_string(v) && json_string_length(v) > 0)
		table_put(t, "%s", json_string_value(v));
	else if (json_is_number(v))
		table_put(t, "%.0f", json_number_value(v));
	else
		table_put(t, "-");
}

static void
print_slots(const struct fleet *f)
{
	static const char *const keys[] = { "slot", "pool", "state", "pid",
	    "generation", "cpus", "devices", "handler", "job", "why" };
	const json_t *w, *slots;
	struct table t;
	size_t i, k, c;

	if (json_array_size(f->workers) == 0)
		return;
	putchar('\n');
	table_begin(&t, "WORKER >SLOT POOL STATE >PID >GEN CPUS DEVICES "
	    "HANDLER JOB WHY");
	for (i = 0; i < json_array_size(f->workers); i++) {
		w = json_array_get(f->workers, i);
		slots = json_object_get(w, "slots");
		for (k = 0; k < json_array_size(slots); k++) {
			table_put(&t, "%s", js_str(w, "worker_id"));
			for (c = 0; c < NELEM(keys); c++)
				put_cell(&t, json_array_get(slots, k),
				    keys[c]);
		}
	}
	table_end(&t, stdout);
}

static void
print_status(struct cli *cli, const struct fleet *f)
{
	if (cli_json(cli)) {
		print_fleet_json(f);
		return;
	}
	print_workers(cli, f);
	print_slots(f);
}

int
cmd_status(struct cli *cli)
{
	return (show_loop(cli, print_status));
}

int
cmd_workers(struct cli *cli)
{
	return (show_loop(cli, print_workers));
}

struct depth {
	long long high, normal, low, delayed, leased, dead;
	double oldest_age;   /* ms; 0: nothing waits */
};

static long long
take_int(struct cli *cli)
{
	redisReply *r = rds_reply(cli);
	long long n = r->type == REDIS_REPLY_INTEGER ? r->integer : 0;

	freeReplyObject(r);
	return (n);
}

/* The age of the element that is taken next, by its own queued_at. */
static double
take_age(struct cli *cli)
{
	redisReply *r = rds_reply(cli);
	struct job_problem problem;
	struct job_spec spec;
	double age = 0;

	if (r->type == REDIS_REPLY_STRING) {
		if (job_parse(r->str, r->len, SIZE_MAX, &spec,
		    &problem) == 0 && spec.queued_at > 0)
			age = (double)(wall_now() - spec.queued_at);
		job_spec_fini(&spec);
	}
	freeReplyObject(r);
	return (age > 0 ? age : 0);
}

static void
ask_depth(struct cli *cli, const struct fleet *f, const char *q)
{
	size_t i;

	rds_send(cli, "LLEN {%s}:high", q);
	rds_send(cli, "LLEN %s", q);
	rds_send(cli, "LLEN {%s}:low", q);
	rds_send(cli, "ZCARD {%s}:delayed", q);
	rds_send(cli, "LLEN {%s}:dead", q);
	rds_send(cli, "LINDEX {%s}:high -1", q);
	rds_send(cli, "LINDEX %s -1", q);
	rds_send(cli, "LINDEX {%s}:low -1", q);
	for (i = 0; i < f->nids; i++)
		rds_send(cli, "HLEN {%s}:leased:%s", q, f->ids[i]);
}

static void
take_depth(struct cli *cli, const struct fleet *f, struct depth *d)
{
	double age;
	size_t i;

	memset(d, 0, sizeof(*d));
	d->high = take_int(cli);
	d->normal = take_int(cli);
	d->low = take_int(cli);
	d->delayed = take_int(cli);
	d->dead = take_int(cli);
	for (i = 0; i < LANE_N; i++) {
		age = take_age(cli);
		if (age > d->oldest_age)
			d->oldest_age = age;
	}
	for (i = 0; i < f->nids; i++)
		d->leased += take_int(cli);
}

static json_t *
depth_json(const char *q, const struct depth *d)
{
	return (json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
	    "queue", q, "high", (json_int_t)d->high,
	    "normal", (json_int_t)d->normal, "low", (json_int_t)d->low,
	    "delayed", (json_int_t)d->delayed,
	    "leased", (json_int_t)d->leased, "dead", (json_int_t)d->dead,
	    "oldest_age_ms", d->oldest_age > 0 ?
	    json_integer((json_int_t)d->oldest_age) : json_null()));
}

static void
put_depth(struct table *t, const char *q, const struct depth *d)
{
	char buf[24];

	table_put(t, "%s", q);
	table_put(t, "%lld", d->high);
	table_put(t, "%lld", d->normal);
	table_put(t, "%lld", d->low);
	table_put(t, "%lld", d->delayed);
	table_put(t, "%lld", d->leased);
	table_put(t, "%lld", d->dead);
	table_put(t, "%s", d->oldest_age > 0 ? out_dur(buf, d->oldest_age) :
	    "-");
}

static void
print_queues(struct cli *cli, const struct fleet *f)
{
	struct table t;
	struct depth d;
	json_t *all = json_array(), *o;
	size_t i;

	table_begin(&t, "QUEUE >HIGH >NORMAL >LOW >DELAYED >LEASED >DEAD "
	    ">OLDEST");
	for (i = 0; i < f->nqueues; i++)
		ask_depth(cli, f, f->queues[i]);
	for (i = 0; i < f->nqueues; i++) {
		take_depth(cli, f, &d);
		put_depth(&t, f->queues[i], &d);
		json_array_append_new(all, depth_json(f->queues[i], &d));
	}
	if (cli_json(cli)) {
		o = json_pack("{s:o}", "queues", all);
		out_json(o);
		json_decref(o);
	} else
		json_decref(all);
	table_end(&t, cli_json(cli) ? NULL : stdout);
}

int
cmd_queues(struct cli *cli)
{
	return (show_loop(cli, print_queues));
}
