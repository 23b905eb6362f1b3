/*
 * ganger dead: list the dead letters of queues, queue one again, drop it.
 * A letter is taken out and its job pushed in one atomic step.
 */
#include "config.h"

#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "proto/job.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/payload.h"
#include "cli/rds.h"

#define CHUNK 64
#define LIST_DEFAULT 100
#define JOB_MAX (UINT64_C(1) << 30)

static const char revive_lua[] =
#include "cli/revive.lua.inc"
;

struct pass {
	struct cli *cli;      /* borrows */
	const char *id;       /* NULL: every letter */
	bool retry;
	size_t done;
};

static json_t *
read_letter(const redisReply *e)
{
	return (json_loadb(e->str, e->len, 0, NULL));
}

static void
list_row(struct table *t, const json_t *letter, const char *queue)
{
	char buf[32];

	table_put(t, "%s", js_str(letter, "id")[0] == '\0' ? "-" :
	    js_str(letter, "id"));
	table_put(t, "%s", queue);
	table_put(t, "%s", js_str(letter, "cause"));
	table_put(t, "%.0f", js_num(letter, "attempts"));
	table_put(t, "%s", out_time(buf, js_num(letter, "failed_at")));
	table_put(t, "%s", js_str(letter, "worker"));
	table_put(t, "%s", js_str(letter, "message"));
}

static void
list_queue(struct cli *cli, const char *queue, struct table *t)
{
	long long limit = cli_has(cli, OPT_LIMIT) ?
	    (long long)cli->opt.v[OPT_LIMIT].count : LIST_DEFAULT;
	redisReply *r;
	json_t *letter;
	size_t i;

	if (cli_has(cli, OPT_ALL))
		limit = 0;
	else if (limit == 0)
		return;
	r = rds_cmd(cli, "LRANGE {%s}:dead 0 %lld", queue, limit - 1);
	for (i = 0; i < r->elements; i++) {
		letter = read_letter(r->element[i]);
		if (letter == NULL)
			continue;
		if (cli_json(cli))
			out_json(letter);
		else
			list_row(t, letter, queue);
		json_decref(letter);
	}
	freeReplyObject(r);
}

static int
list_dead(struct cli *cli)
{
	struct fleet *f = fleet_load(cli);
	struct table t;
	size_t i;

	table_begin(&t, "ID QUEUE CAUSE >ATTEMPTS FAILED WORKER MESSAGE");
	for (i = 0; i < f->nqueues; i++)
		list_queue(cli, f->queues[i], &t);
	if (t.used == t.cols && !cli_json(cli)) {
		puts("no dead letters");
		table_end(&t, NULL);
	} else
		table_end(&t, cli_json(cli) ? NULL : stdout);
	fleet_free(&f);
	return (CLI_OK);
}

/* The job's bytes as they were queued: 0, or -1 if the letter has none. */
static int
letter_payload(const redisReply *e, struct buf *out)
{
	const char *p;
	size_t n;

	if (payload_member(e->str, e->len, "job", &p, &n))
		return (buf_put(out, p, n));
	if (payload_member(e->str, e->len, "raw", &p, &n) && n >= 2)
		return (payload_unbase64(out, p + 1, n - 2));
	return (-1);
}

static bool
revive(struct pass *p, const char *queue, const json_t *letter,
    const redisReply *e, const struct buf *payload)
{
	struct job_problem problem;
	struct job_spec spec;
	const char *id = js_str(letter, "id");
	long long done;
	char *lane;

	job_parse(payload->data, payload->len, SIZE_MAX, &spec, &problem);
	lane = spec.lane == LANE_NORMAL ? xstrdup(queue) :
	    key_of(queue, job_lane_name(spec.lane));
	done = rds_int(p->cli, "EVAL %s 3 {%s}:dead %s {%s}:history %b %b %s",
	    revive_lua, queue, lane, queue, e->str, e->len,
	    payload->len == 0 ? "" : payload->data, payload->len, id);
	job_spec_fini(&spec);
	free(lane);
	return (done == 1);
}

static void
handle_letter(struct pass *p, const char *queue, const redisReply *e)
{
	json_t *letter = read_letter(e);
	const char *id = js_str(letter, "id");
	struct buf payload;
	bool mine = p->id == NULL || strcmp(id, p->id) == 0;
	json_t *o;

	if (letter == NULL || !mine) {
		json_decref(letter);
		return;
	}
	buf_init(&payload, JOB_MAX);
	if (p->retry && letter_payload(e, &payload) != 0)
		cli_warn("the letter of %s holds no job", id);
	else if (revive(p, queue, letter, e, &payload)) {
		p->done++;
		o = json_pack("{s:s, s:s, s:b}", "id", id, "queue", queue,
		    p->retry ? "queued" : "dropped", 1);
		if (cli_json(p->cli))
			out_json(o);
		else
			printf("%s %s %s\n", id[0] == '\0' ? "-" : id,
			    p->retry ? "queued on" : "dropped from", queue);
		json_decref(o);
	}
	buf_fini(&payload);
	json_decref(letter);
}

/*
 * From the oldest to the newest, so that retried jobs keep their order. The
 * list shrinks from the right while letters are taken; `skip` counts those
 * that stay.
 */
static void
walk_queue(struct pass *p, const char *queue)
{
	long long skip = 0, left = rds_int(p->cli, "LLEN {%s}:dead", queue);
	size_t i, n = CHUNK, before;
	redisReply *r;

	for (; left > 0 && n == CHUNK; left -= CHUNK) {
		r = rds_cmd(p->cli, "LRANGE {%s}:dead %lld %lld", queue,
		    -(skip + CHUNK), -(skip + 1));
		n = r->elements;
		before = p->done;
		for (i = n; i > 0; i--)
			handle_letter(p, queue, r->element[i - 1]);
		skip += (long long)(n - (p->done - before));
		freeReplyObject(r);
	}
}

static int
walk_dead(struct cli *cli, bool retry)
{
	struct pass p = { .cli = cli, .retry = retry };
	struct fleet *f;
	size_t i;

	if ((cli->argc == 2) == cli_has(cli, OPT_ALL))
		cli_usage(cli->cmd, "dead %s needs an ID or --all",
		    cli->argv[0]);
	p.id = cli->argc == 2 ? cli->argv[1] : NULL;
	f = fleet_load(cli);
	for (i = 0; i < f->nqueues; i++)
		walk_queue(&p, f->queues[i]);
	fleet_free(&f);
	if (p.done == 0 && p.id != NULL)
		cli_die(CLI_FAILED, "no dead letter of job %s", p.id);
	return (CLI_OK);
}

static int
retry_dead(struct cli *cli)
{
	return (walk_dead(cli, true));
}

static int
drop_dead(struct cli *cli)
{
	return (walk_dead(cli, false));
}

int
cmd_dead(struct cli *cli)
{
	static const struct { const char *name; cmd_f *run; } verbs[] = {
		{ "list", list_dead },
		{ "retry", retry_dead },
		{ "drop", drop_dead },
	};
	size_t i;

	for (i = 0; i < NELEM(verbs); i++)
		if (strcmp(cli->argv[0], verbs[i].name) == 0)
			break;
	if (i == NELEM(verbs))
		cli_usage(cli->cmd, "dead list, retry or drop, not \"%s\"",
		    cli->argv[0]);
	if (i == 0 && cli->argc > 1)
		cli_usage(cli->cmd, "dead list takes no ID");
	return (verbs[i].run(cli));
}
