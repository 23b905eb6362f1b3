/*
 * ganger explain: why a job waits. Where it is now, how many are before it,
 * until when it is delayed, and who could take it. Only reads.
 */
#include "config.h"

#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "proto/job.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/rds.h"

/* Sentences for people; for programs the same as a list beside the facts. */
struct story {
	json_t *facts;    /* owns */
	json_t *why;      /* owns; array of strings */
};

static void __attribute__((format(printf, 2, 3)))
tell(struct story *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(s->why, json_string(text));
}

static bool
serves(const json_t *worker, const char *queue)
{
	const json_t *list = json_object_get(worker, "queues");
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (json_is_string(json_array_get(list, i)) &&
		    strcmp(json_string_value(json_array_get(list, i)),
		    queue) == 0)
			return (true);
	return (false);
}

static void
tell_workers(struct cli *cli, struct story *s, const struct fleet *f,
    const char *queue)
{
	json_t *names = json_array();
	const json_t *w;
	char *direct;
	double idle = 0;
	size_t i;
	bool mine;

	for (i = 0; i < json_array_size(f->workers); i++) {
		w = json_array_get(f->workers, i);
		direct = key_direct(cli, js_str(w, "worker_id"));
		mine = serves(w, queue) || strcmp(direct, queue) == 0;
		free(direct);
		if (!mine)
			continue;
		json_array_append_new(names,
		    json_string(js_str(w, "worker_id")));
		if (strcmp(js_str(w, "state"), "running") != 0)
			tell(s, "worker %s serves its queue, but is %s",
			    js_str(w, "worker_id"), js_str(w, "state"));
		else
			idle += js_num(w, "available_slots");
	}
	if (json_array_size(names) == 0)
		tell(s, "no live worker serves %s", queue);
	else
		tell(s, "%zu live worker(s) serve its queue, with %.0f free "
		    "slot(s)", json_array_size(names), idle);
	json_object_set_new(s->facts, "workers", names);
	json_object_set_new(s->facts, "free_slots",
	    json_integer((json_int_t)idle));
}

static void
tell_place(struct story *s, const struct place *p)
{
	char buf[32];

	json_object_set_new(s->facts, "queue", json_string(p->queue));
	switch (p->where) {
	case PLACE_LANE:
		tell(s, "it waits in the %s lane of %s; %zu job(s) of that "
		    "lane are before it", p->lane, p->queue, p->before);
		json_object_set_new(s->facts, "lane", json_string(p->lane));
		json_object_set_new(s->facts, "before",
		    json_integer((json_int_t)p->before));
		break;
	case PLACE_DELAYED:
		tell(s, "it is delayed in %s until %s", p->queue,
		    out_time(buf, p->due));
		json_object_set_new(s->facts, "due",
		    json_integer((json_int_t)p->due));
		break;
	case PLACE_LEASED:
		tell(s, "worker %s holds it%s", p->worker,
		    json_object_get(s->facts, "state") == NULL ?
		    " and has not started it yet" : "");
		json_object_set_new(s->facts, "worker",
		    json_string(p->worker));
		break;
	case PLACE_NONE:
		break;
	}
}

/* What the worker that holds it says of that. */
static void
tell_held(struct story *s, const struct fleet *f, const struct place *p)
{
	const json_t *w, *list, *one;
	size_t i, k;

	for (i = 0; i < json_array_size(f->workers); i++) {
		w = json_array_get(f->workers, i);
		if (strcmp(js_str(w, "worker_id"), p->worker) != 0)
			continue;
		list = json_object_get(w, "held");
		for (k = 0; k < json_array_size(list); k++) {
			one = json_array_get(list, k);
			if (strcmp(js_str(one, "id"), json_string_value(
			    json_object_get(s->facts, "id"))) == 0)
				tell(s, "%s", js_str(one, "why"));
		}
	}
}

static void
tell_lanes(struct cli *cli, struct story *s, const struct place *p)
{
	long long high;

	if (p->where != PLACE_LANE || strcmp(p->lane, "high") == 0)
		return;
	high = rds_int(cli, "LLEN {%s}:high", p->queue);
	if (high > 0)
		tell(s, "%lld job(s) wait in the high lane, which goes first "
		    "most of the time", high);
}

/* What a worker says of its queue's limits. */
static void
tell_limits(struct story *s, const struct fleet *f, const char *queue)
{
	const json_t *list, *one;
	size_t i, k;

	for (i = 0; i < json_array_size(f->workers); i++) {
		list = json_object_get(json_array_get(f->workers, i),
		    "limits");
		for (k = 0; k < json_array_size(list); k++) {
			one = json_array_get(list, k);
			if (strcmp(js_str(one, "queue"), queue) != 0 ||
			    js_str(one, "reached")[0] == '\0')
				continue;
			if (strcmp(js_str(one, "reached"), "rate") == 0)
				tell(s, "the rate limit of its queue, %s, is "
				    "reached", js_str(one, "rate"));
			else
				tell(s, "%.0f job(s) of its queue may run at "
				    "a time (max_running), and as many do",
				    js_num(one, "max_running"));
			json_object_set_new(s->facts, "limit",
			    json_string(js_str(one, "reached")));
			return;
		}
	}
}

/* The most GPUs that one slot owns, of the live workers' slots. */
static size_t
largest_slot(const struct fleet *f)
{
	const json_t *slots;
	size_t i, k, n, most = 0;

	for (i = 0; i < json_array_size(f->workers); i++) {
		slots = json_object_get(json_array_get(f->workers, i),
		    "slots");
		for (k = 0; k < json_array_size(slots); k++) {
			n = json_array_size(json_object_get(
			    json_array_get(slots, k), "devices"));
			most = n > most ? n : most;
		}
	}
	return (most);
}

static void
tell_gpus(struct story *s, const struct fleet *f, const struct job_spec *spec)
{
	size_t most = largest_slot(f);

	if (spec->gpus <= most || spec->gpus < 2)
		return;
	tell(s, "it needs a slot with %u GPUs; the largest slot of the fleet "
	    "has %zu", (unsigned)spec->gpus, most);
	json_object_set_new(s->facts, "gpus_wanted",
	    json_integer((json_int_t)spec->gpus));
	json_object_set_new(s->facts, "gpus_of_largest_slot",
	    json_integer((json_int_t)most));
}

/* The most memory that is free on one GPU of a live worker. */
static void
tell_memory(struct story *s, const struct fleet *f,
    const struct job_spec *spec)
{
	const json_t *w, *gpus, *best = NULL;
	char wanted[24], has[24];
	const char *on = "";
	size_t i, k;

	for (i = 0; i < json_array_size(f->workers); i++) {
		w = json_array_get(f->workers, i);
		gpus = json_object_get(w, "gpus");
		for (k = 0; k < json_array_size(gpus); k++) {
			if (best != NULL && js_num(json_array_get(gpus, k),
			    "memory_free") <= js_num(best, "memory_free"))
				continue;
			best = json_array_get(gpus, k);
			on = js_str(w, "worker_id");
		}
	}
	if (best == NULL || js_num(best, "memory_free") >=
	    (double)spec->gpu_memory)
		return;
	tell(s, "it asks for %s of GPU memory; the most that is free on one "
	    "GPU is %s, on GPU %.0f of worker %s",
	    out_size(wanted, (double)spec->gpu_memory),
	    out_size(has, js_num(best, "memory_free")), js_num(best, "index"),
	    on);
	json_object_set_new(s->facts, "gpu_memory_wanted",
	    json_integer((json_int_t)spec->gpu_memory));
	json_object_set_new(s->facts, "gpu_memory_free",
	    json_integer((json_int_t)js_num(best, "memory_free")));
}

/* A delay that no worker has seen yet. */
static void
tell_delay(struct story *s, const struct job_spec *spec)
{
	double due = (double)spec->run_at;
	char buf[32];

	if (spec->delay > 0 && spec->queued_at > 0 &&
	    (double)spec->queued_at + (double)spec->delay / DUR_MS > due)
		due = (double)spec->queued_at + (double)spec->delay / DUR_MS;
	if (due <= (double)wall_now())
		return;
	tell(s, "it is not to start before %s", out_time(buf, due));
	json_object_set_new(s->facts, "due", json_integer((json_int_t)due));
}

static void
tell_needs(struct story *s, const struct fleet *f, const struct place *p)
{
	struct job_problem problem;
	struct job_spec spec;
	bool gpu = false;
	size_t i;

	if (p->member == NULL)
		return;
	for (i = 0; i < json_array_size(f->workers); i++)
		gpu = gpu || js_bool(json_array_get(f->workers, i),
		    "gpu_enabled");
	if (job_parse(p->member + p->offset, p->len - p->offset, SIZE_MAX,
	    &spec, &problem) != 0)
		tell(s, "a worker will refuse it: %s", problem.message);
	else {
		if ((spec.requires_gpu || spec.gpus > 0) && !gpu)
			tell(s, "it needs a GPU, and no live worker has one");
		tell_gpus(s, f, &spec);
		if (spec.gpu_memory > 0)
			tell_memory(s, f, &spec);
		if (p->where == PLACE_LANE)
			tell_delay(s, &spec);
	}
	job_spec_fini(&spec);
}

static void
tell_record(struct story *s, const json_t *rec)
{
	const json_t *error = js_get(rec, "error");
	const char *state = js_str(rec, "state");

	json_object_set_new(s->facts, "state", json_string(state));
	json_object_set_new(s->facts, "queue",
	    json_string(js_str(rec, "queue")));
	if (strcmp(state, "running") == 0)
		tell(s, "it runs on worker %s, slot %.0f, attempt %.0f",
		    js_str(rec, "worker"), js_num(rec, "slot"),
		    js_num(rec, "attempt"));
	else
		tell(s, "its state is %s, attempt %.0f", state,
		    js_num(rec, "attempt"));
	if (strcmp(state, "waiting") == 0 && js_str(rec, "message")[0] != '\0')
		tell(s, "%s", js_str(rec, "message"));
	if (error != NULL)
		tell(s, "the last attempt ended with %s: %s",
		    js_str(error, "cause"), js_str(error, "message"));
}

static void
print_story(struct cli *cli, struct story *s)
{
	size_t i;

	json_object_set(s->facts, "why", s->why);
	if (cli_json(cli)) {
		out_json(s->facts);
		return;
	}
	for (i = 0; i < json_array_size(s->why); i++) {
		const char *text = json_string_value(
		    json_array_get(s->why, i));

		out_text(stdout, text, strlen(text));
		putchar('\n');
	}
}

int
cmd_explain(struct cli *cli)
{
	struct story s = { json_object(), json_array() };
	struct place place;
	struct fleet *f;
	json_t *rec;

	if (!str_id_ok(slice_of(cli->argv[0])))
		cli_usage(cli->cmd, "bad id \"%s\"", cli->argv[0]);
	f = fleet_load(cli);
	json_object_set_new(s.facts, "id", json_string(cli->argv[0]));
	rec = record_find(cli, f, cli->argv[0]);
	place_find(cli, f, cli->argv[0], &place);
	if (rec == NULL && place.where == PLACE_NONE)
		cli_die(CLI_FAILED, "unknown job %s", cli->argv[0]);
	if (rec != NULL)
		tell_record(&s, rec);
	tell_place(&s, &place);
	tell_lanes(cli, &s, &place);
	if (place.where == PLACE_LEASED)
		tell_held(&s, f, &place);
	if (place.where == PLACE_LANE)
		tell_limits(&s, f, place.queue);
	tell_needs(&s, f, &place);
	if (place.where == PLACE_LANE || place.where == PLACE_DELAYED)
		tell_workers(cli, &s, f, place.queue);
	print_story(cli, &s);
	place_fini(&place);
	json_decref(rec);
	json_decref(s.facts);
	json_decref(s.why);
	fleet_free(&f);
	return (CLI_OK);
}
