/*
 * ganger drain, resume, reload: ask one worker to do something, and wait
 * until its status object shows that it has.
 */
#include "config.h"

#include "cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/rds.h"

#define PATIENCE (10 * DUR_S)
#define LOOK_MS 50

/* Whether status shows that the operation took effect. */
typedef bool effect_f(const json_t *before, const json_t *now);

static bool
is_draining(const json_t *before, const json_t *now)
{
	return (strcmp(js_str(now, "state"), "draining") == 0);
}

static bool
is_running(const json_t *before, const json_t *now)
{
	return (strcmp(js_str(now, "state"), "running") == 0);
}

static bool
config_changed(const json_t *before, const json_t *now)
{
	return (!json_equal(json_object_get(before, "config"),
	    json_object_get(now, "config")));
}

/* Sends {"op": op}; dies if nobody listens. */
static void
ask_worker(struct cli *cli, const char *worker, const char *op)
{
	long long heard = rds_int(cli,
	    "PUBLISH %s:control:%s {\"op\":\"%s\"}", cli_prefix(cli), worker,
	    op);

	if (heard == 0)
		cli_die(CLI_UNREACHABLE, "worker %s does not listen", worker);
}

/* Gives the status that shows the effect, or NULL at the deadline. */
static json_t *
await_effect(struct cli *cli, const char *worker, const json_t *before,
    effect_f *shows)
{
	mono_t deadline = cli_deadline(cli, PATIENCE);
	json_t *now;

	for (;;) {
		now = worker_status(cli, worker);
		if (now == NULL)
			cli_die(CLI_UNREACHABLE, "worker %s is gone", worker);
		if (shows(before, now))
			return (now);
		json_decref(now);
		if (mono_now() >= deadline)
			return (NULL);
		poll(NULL, 0, LOOK_MS);
	}
}

static int
control(struct cli *cli, const char *op, effect_f *shows, const char *member)
{
	const char *worker = cli->argv[0];
	json_t *before, *now, *o;
	char *text;

	if (!str_id_ok(slice_of(worker)))
		cli_usage(cli->cmd, "bad worker \"%s\"", worker);
	before = worker_status(cli, worker);
	if (before == NULL)
		cli_die(CLI_UNREACHABLE, "worker %s is not alive", worker);
	ask_worker(cli, worker, op);
	now = await_effect(cli, worker, before, shows);
	json_decref(before);
	if (now == NULL)
		cli_die(CLI_TIMEOUT, "worker %s was asked to %s, but does not "
		    "show it yet", worker, op);
	o = json_pack("{s:s, s:O?}", "worker", worker, member,
	    json_object_get(now, member));
	text = json_dumps(json_object_get(now, member),
	    JSON_COMPACT | JSON_ENCODE_ANY);
	if (cli_json(cli))
		out_json(o);
	else
		printf("%s %s\n", worker, json_is_string(json_object_get(now,
		    member)) ? js_str(now, member) : text);
	free(text);
	json_decref(o);
	json_decref(now);
	return (CLI_OK);
}

int
cmd_drain(struct cli *cli)
{
	return (control(cli, "drain", is_draining, "state"));
}

int
cmd_resume(struct cli *cli)
{
	return (control(cli, "resume", is_running, "state"));
}

int
cmd_reload(struct cli *cli)
{
	return (control(cli, "reload", config_changed, "config"));
}
