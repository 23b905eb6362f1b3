/*
 * ganger cancel: the fleet's workers do it, by ai:control like everybody
 * else's cancels, wherever the job is. Only where none of them takes it (none
 * lives, or none serves its queue) a waiting job is taken out of its queue
 * here, in one atomic step, and recorded as cancelled. Either side may win a
 * race; exactly one does, because taking the element out is what decides.
 */
#include "config.h"

#include "cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/conf.h"
#include "proto/job.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/rds.h"

#define PATIENCE (30 * DUR_S)
#define LOOK_MS 50
#define SELF_AFTER (1 * DUR_S)  /* that long it is the workers' */
#define RESULT_TTL (24 * 3600 * DUR_S)   /* without a configuration */

static const char cancel_lua[] =
#include "cli/cancel.lua.inc"
;

struct cancel {
	struct cli *cli;          /* borrows */
	struct fleet *fleet;      /* owns */
	const char *id;           /* borrows */
};

/* Everything the waiting job's last record says of its payload. */
struct doomed {
	struct job_spec spec;     /* slices point into the place's member */
	const struct place *place;
	unsigned attempt;         /* charged ones so far */
	wall_t now;
	dur_t ttl;
};

static void
put_record(struct buf *b, const struct cancel *c, const struct doomed *d,
    bool event)
{
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	if (event) {
		jsonw_kint(&w, "v", 1);
		jsonw_kint(&w, "ts", d->now);
	}
	jsonw_kstr(&w, "id", c->id);
	jsonw_kstr(&w, "queue", d->place->queue);
	jsonw_kstr(&w, "state", "cancelled");
	jsonw_kuint(&w, "attempt", d->attempt);
	if (event) {
		jsonw_kstr(&w, "cause", "cancelled");
		jsonw_end(&w);
		return;
	}
	jsonw_kslice(&w, "type", d->spec.type);
	jsonw_kslice(&w, "model", d->spec.model);
	if (d->spec.queued_at > 0)
		jsonw_kint(&w, "queued_at", d->spec.queued_at);
	jsonw_kint(&w, "finished_at", d->now);
	jsonw_key(&w, "error");
	jsonw_obj(&w);
	jsonw_kstr(&w, "cause", "cancelled");
	jsonw_kstr(&w, "message", "cancelled before it was started");
	jsonw_end(&w);
	jsonw_end(&w);
}

static dur_t
result_ttl(struct cli *cli, const struct job_spec *spec)
{
	if (spec->result_ttl > 0)
		return (spec->result_ttl);
	if (cli_has(cli, OPT_REDIS) && !cli_has(cli, OPT_CONFIG))
		return (RESULT_TTL);
	return (cli_conf(cli)->supervisor.result_ttl);
}

/* Its charged attempts, "a2 ..." in its queue's history; 0: it has none. */
static unsigned
attempts_of(const struct cancel *c, const char *queue)
{
	redisReply *r = rds_cmd(c->cli, "HGET {%s}:history %s", queue, c->id);
	unsigned n = 0;

	if (r->type == REDIS_REPLY_STRING)
		(void)sscanf(r->str, "a%u", &n);
	freeReplyObject(r);
	return (n);
}

/* Runs the script; true if the job was there and is cancelled now. */
static bool
take_out(struct cancel *c, const struct doomed *d)
{
	const char *q = d->place->queue;
	struct buf rec, ev;
	char *reply, *unique;
	long long done;

	buf_init(&rec, 1u << 20);
	buf_init(&ev, 1u << 20);
	put_record(&rec, c, d, false);
	put_record(&ev, c, d, true);
	reply = xstrndup(d->spec.reply_to.p == NULL ? "" :
	    d->spec.reply_to.p, d->spec.reply_to.n);
	unique = d->spec.unique.p == NULL ? xstrdup("") :
	    str_fmt("{%s}:unique:%.*s", q, (int)d->spec.unique.n,
	    d->spec.unique.p);
	done = rds_int(c->cli, "EVAL %s 5 %s {%s}:job:%s {%s}:history "
	    "{%s}:stats {%s}:log:%s %b %s %b %lld %s:events %b %s %s",
	    cancel_lua, d->place->key, q, c->id, q, q, q, c->id,
	    d->place->member, d->place->len, c->id, rec.data, rec.len,
	    (long long)(d->ttl / DUR_MS), cli_prefix(c->cli), ev.data, ev.len,
	    reply, unique);
	free(reply);
	free(unique);
	buf_fini(&rec);
	buf_fini(&ev);
	return (done == 1);
}

/* Cancels the job if it waits. *seenp: it is somewhere, waiting or leased. */
static bool
cancel_waiting(struct cancel *c, bool *seenp)
{
	struct job_problem problem;
	struct doomed d;
	struct place place;
	bool done = false;

	place_find(c->cli, c->fleet, c->id, &place);
	*seenp = place.where != PLACE_NONE;
	if (place.where == PLACE_LANE || place.where == PLACE_DELAYED) {
		job_parse(place.member + place.offset,
		    place.len - place.offset, SIZE_MAX, &d.spec, &problem);
		d.place = &place;
		d.attempt = attempts_of(c, place.queue);
		d.now = wall_now();
		d.ttl = result_ttl(c->cli, &d.spec);
		done = take_out(c, &d);
		job_spec_fini(&d.spec);
	}
	place_fini(&place);
	return (done);
}

static long long
ask_workers(struct cancel *c)
{
	json_t *o = json_pack("{s:s, s:s}", "op", "cancel", "id", c->id);
	char *text = json_dumps(o, JSON_COMPACT);
	long long heard = rds_int(c->cli, "PUBLISH %s:control %s",
	    cli_prefix(c->cli), text);

	free(text);
	json_decref(o);
	return (heard);
}

static int
say_final(struct cancel *c, const json_t *rec)
{
	const char *state = js_str(rec, "state");

	if (cli_json(c->cli))
		out_json(rec);
	else
		printf("%s %s\n", c->id, state);
	return (strcmp(state, "cancelled") == 0 ? CLI_OK : CLI_FAILED);
}

/* Gives the final record if there is one. */
static json_t *
final_record(struct cancel *c, bool *seenp)
{
	json_t *rec = record_find(c->cli, c->fleet, c->id);

	*seenp = rec != NULL;
	if (rec != NULL && !state_final(js_str(rec, "state"))) {
		json_decref(rec);
		rec = NULL;
	}
	return (rec);
}

/* It is nowhere: no record, in no queue, with no worker. Looked at for a
 * while, because it may be on its way between two places. */
_Noreturn static void
is_unknown(const struct cancel *c)
{
	cli_die(CLI_FAILED, "unknown job %s", c->id);
}

/* Looks until it is final, and lends a hand where no worker does. */
static json_t *
wait_end(struct cancel *c, bool heard)
{
	mono_t deadline = cli_deadline(c->cli, PATIENCE);
	mono_t self_at = heard ? mono_add(mono_now(), SELF_AFTER) : 0;
	bool recorded, seen = true;
	unsigned absent = 0, ms = 1;
	json_t *rec;

	for (;;) {
		if ((rec = final_record(c, &recorded)) != NULL)
			return (rec);
		if (mono_now() >= self_at && cancel_waiting(c, &seen))
			continue;
		if (!heard)
			cli_die(CLI_UNREACHABLE, "no worker listens that "
			    "could stop %s", c->id);
		if (!seen && !recorded && ++absent > 20)
			is_unknown(c);
		if (mono_now() >= deadline)
			cli_die(CLI_TIMEOUT, "%s was asked to stop, but has "
			    "not ended yet", c->id);
		poll(NULL, 0, (int)ms);
		ms = 2 * ms < LOOK_MS ? 2 * ms : LOOK_MS;
	}
}

/* Whether it is anywhere: waiting, leased, or with a record. */
static bool
is_known(const struct cancel *c, bool recorded)
{
	struct place place;
	bool known = recorded;

	if (!known) {
		place_find(c->cli, c->fleet, c->id, &place);
		known = place.where != PLACE_NONE;
		place_fini(&place);
	}
	return (known);
}

int
cmd_cancel(struct cli *cli)
{
	struct cancel c = { .cli = cli, .id = cli->argv[0] };
	bool recorded;
	json_t *rec;
	int rc;

	if (!str_id_ok(slice_of(c.id)))
		cli_usage(cli->cmd, "bad id \"%s\"", c.id);
	c.fleet = fleet_load(cli);
	if ((rec = final_record(&c, &recorded)) == NULL) {
		if (!is_known(&c, recorded))
			is_unknown(&c);
		rec = wait_end(&c, ask_workers(&c) > 0);
	}
	rc = say_final(&c, rec);
	json_decref(rec);
	fleet_free(&c.fleet);
	return (rc);
}
