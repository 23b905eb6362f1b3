/*
 * ganger cancel: a job that waits is taken out of its queue here, in one
 * atomic step, and recorded as cancelled; one that a worker holds is that
 * worker's to stop, and is waited for. Either side may win a race; exactly
 * one does, because taking the element out is what decides.
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
	jsonw_kint(&w, "attempt", 0);
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

/*
 * A worker holds the job, or it is on its way between two places: ask, and
 * look again until it is final.
 */
static int
stop_running(struct cancel *c)
{
	mono_t deadline = cli_deadline(c->cli, PATIENCE);
	bool recorded, seen;
	unsigned absent = 0;
	json_t *rec;
	int rc;

	if (ask_workers(c) == 0)
		cli_die(CLI_UNREACHABLE, "no worker listens that could stop "
		    "%s", c->id);
	for (;;) {
		if ((rec = final_record(c, &recorded)) != NULL) {
			rc = say_final(c, rec);
			json_decref(rec);
			return (rc);
		}
		if (!cancel_waiting(c, &seen) && !seen && !recorded &&
		    ++absent > 20)
			cli_die(CLI_FAILED, "unknown job %s", c->id);
		if (mono_now() >= deadline)
			cli_die(CLI_TIMEOUT, "%s was asked to stop, but has "
			    "not ended yet", c->id);
		poll(NULL, 0, LOOK_MS);
	}
}

int
cmd_cancel(struct cli *cli)
{
	struct cancel c = { .cli = cli, .id = cli->argv[0] };
	bool recorded, seen;
	json_t *rec;
	int rc;

	if (!str_id_ok(slice_of(c.id)))
		cli_usage(cli->cmd, "bad id \"%s\"", c.id);
	c.fleet = fleet_load(cli);
	rec = final_record(&c, &recorded);
	if (rec == NULL && cancel_waiting(&c, &seen))
		rec = final_record(&c, &recorded);
	else if (rec == NULL && !seen && !recorded)
		cli_die(CLI_FAILED, "unknown job %s", c.id);
	rc = rec != NULL ? say_final(&c, rec) : stop_running(&c);
	json_decref(rec);
	fleet_free(&c.fleet);
	return (rc);
}
