/*
 * ganger job, wait, logs: what became of jobs. Only reads.
 */
#include "config.h"

#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "cli/fleet.h"
#include "cli/joblog.h"
#include "cli/out.h"
#include "cli/rds.h"
#include "cli/watch.h"

static void
check_ids(struct cli *cli)
{
	int i;

	for (i = 0; i < cli->argc; i++)
		if (!str_id_ok(slice_of(cli->argv[i])))
			cli_usage(cli->cmd, "bad id \"%s\": 1 to 128 of "
			    "letters, digits and ._:-", cli->argv[i]);
}

/* A text of several lines (a traceback) stays readable: its other lines stand
 * below the first. */
static void
print_line(const char *name, const char *text)
{
	size_t n;

	if (text[0] == '\0')
		return;
	for (;;) {
		n = strcspn(text, "\n");
		printf("%-12s ", name);
		out_text(stdout, text, n);
		putchar('\n');
		text += n;
		if (text[strspn(text, "\n")] == '\0')
			return;
		text++;
		name = "";
	}
}

static void
print_member(const json_t *rec, const char *key)
{
	const json_t *v = js_get(rec, key);
	char *text;

	if (v == NULL || json_is_string(v)) {
		print_line(key, js_str(rec, key));
		return;
	}
	text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	print_line(key, text == NULL ? "" : text);
	free(text);
}

static void
print_times(const json_t *rec)
{
	static const char *const keys[] = { "queued_at", "started_at",
	    "finished_at" };
	char buf[32];
	size_t i;

	for (i = 0; i < NELEM(keys); i++)
		if (js_num(rec, keys[i]) > 0)
			print_line(keys[i],
			    out_time(buf, js_num(rec, keys[i])));
	if (js_num(rec, "started_at") > 0 && js_num(rec, "finished_at") > 0)
		print_line("ran", out_dur(buf, js_num(rec, "finished_at") -
		    js_num(rec, "started_at")));
}

static void
print_record(const json_t *rec)
{
	static const char *const first[] = { "id", "state", "queue",
	    "moved_to", "type", "handler", "model", "attempt", "worker",
	    "slot", "progress", "message" };
	const json_t *error = js_get(rec, "error");
	size_t i;

	for (i = 0; i < NELEM(first); i++)
		print_member(rec, first[i]);
	print_times(rec);
	if (error != NULL) {
		print_line("cause", js_str(error, "cause"));
		print_line("error", js_str(error, "message"));
		print_member(error, "exit_code");
		print_member(error, "signal");
	}
	print_member(rec, "result");
}

/* A job that no worker has recorded yet; the state is ours, not a record's. */
static json_t *
describe_place(const char *id, const struct place *p)
{
	static const char *const words[] = { "", "queued", "delayed",
	    "claimed" };
	json_t *o = json_pack("{s:s, s:s, s:s}", "id", id, "queue", p->queue,
	    "state", words[p->where]);

	if (p->where == PLACE_LANE) {
		json_object_set_new(o, "lane", json_string(p->lane));
		json_object_set_new(o, "before",
		    json_integer((json_int_t)p->before));
	}
	if (p->where == PLACE_DELAYED)
		json_object_set_new(o, "due",
		    json_integer((json_int_t)p->due));
	if (p->where == PLACE_LEASED)
		json_object_set_new(o, "worker", json_string(p->worker));
	return (o);
}

static void
print_place(const json_t *o)
{
	char buf[32];

	print_member(o, "id");
	print_member(o, "state");
	print_member(o, "queue");
	print_member(o, "lane");
	print_member(o, "before");
	print_member(o, "worker");
	if (js_num(o, "due") > 0)
		print_line("due", out_time(buf, js_num(o, "due")));
}

int
cmd_job(struct cli *cli)
{
	struct fleet *f;
	struct place place;
	json_t *rec;
	bool recorded;

	check_ids(cli);
	f = fleet_load(cli);
	rec = record_find(cli, f, cli->argv[0]);
	recorded = rec != NULL;
	if (!recorded) {
		place_find(cli, f, cli->argv[0], &place);
		if (place.where != PLACE_NONE)
			rec = describe_place(cli->argv[0], &place);
		place_fini(&place);
	}
	if (rec == NULL)
		cli_die(CLI_FAILED, "unknown job %s%s", cli->argv[0],
		    cli_has(cli, OPT_QUEUE) ? " in this queue" :
		    " (--queue names a queue that no worker serves)");
	if (cli_json(cli))
		out_json(rec);
	else if (recorded)
		print_record(rec);
	else
		print_place(rec);
	json_decref(rec);
	fleet_free(&f);
	return (CLI_OK);
}

static int
watch_ids(struct cli *cli, const struct watch_opts *opts)
{
	struct fleet *f;
	struct watch *w;
	int i, rc;

	check_ids(cli);
	f = fleet_load(cli);
	w = watch_open(cli, f, opts);
	for (i = 0; i < cli->argc; i++)
		watch_add(w, cli->argv[i], NULL, false);
	rc = watch_run(w, cli_deadline(cli, 0));
	watch_free(&w);
	fleet_free(&f);
	return (rc);
}

int
cmd_wait(struct cli *cli)
{
	struct watch_opts opts = { .follow = false };

	return (watch_ids(cli, &opts));
}

/* The queue whose log stream exists; gives it, or NULL. */
static char *
find_log(struct cli *cli, const struct fleet *f, const char *id)
{
	char *queue = NULL;
	json_t *rec;
	size_t i;

	for (i = 0; i < f->nqueues && queue == NULL; i++)
		if (rds_int(cli, "EXISTS {%s}:log:%s", f->queues[i], id) > 0)
			queue = xstrdup(f->queues[i]);
	if (queue == NULL && (rec = record_find(cli, f, id)) != NULL) {
		queue = xstrdup(js_str(rec, "queue"));
		json_decref(rec);
	}
	return (queue);
}

int
cmd_logs(struct cli *cli)
{
	struct watch_opts opts = { .follow = true, .quiet = true };
	struct joblog log;
	struct fleet *f;
	char *queue;

	if (cli_has(cli, OPT_FOLLOW))
		return (watch_ids(cli, &opts));
	check_ids(cli);
	f = fleet_load(cli);
	queue = find_log(cli, f, cli->argv[0]);
	if (queue == NULL)
		cli_die(CLI_FAILED, "unknown job %s, or it wrote nothing yet",
		    cli->argv[0]);
	joblog_init(&log, cli, cli->argv[0], false);
	if (joblog_drain(&log, cli, queue) != 0)
		cli_die(CLI_UNREACHABLE, "lost Redis");
	free(queue);
	fleet_free(&f);
	return (CLI_OK);
}
