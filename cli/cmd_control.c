/*
 * ganger drain, resume, reload, upgrade: ask one worker to do something, and wait
 * until its status object shows that it has.
 */
#include "config.h"

#include "cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "conf/conf.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/rds.h"

#define PATIENCE (10 * DUR_S)
#define UPGRADE_PATIENCE (75 * DUR_S) /* gangerd gives up after 60 */
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
	const json_t *a = js_get(before, "config"), *b = js_get(now, "config");

	return (js_num(a, "loaded_at") != js_num(b, "loaded_at"));
}

/* Another process says so, or this one that it could not. */
static bool
is_upgraded(const json_t *before, const json_t *now)
{
	return (js_get(now, "upgrade") != NULL &&
	    js_num(js_get(before, "upgrade"), "at") !=
	    js_num(js_get(now, "upgrade"), "at"));
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
	mono_t deadline = cli_deadline(cli, shows == is_upgraded ?
	    UPGRADE_PATIENCE : PATIENCE);
	json_t *now;

	for (;;) {
		now = worker_status(cli, worker);
		/* between the old process and the new one there is none */
		if (now == NULL && shows != is_upgraded)
			cli_die(CLI_UNREACHABLE, "worker %s is gone", worker);
		if (now != NULL && shows(before, now))
			return (now);
		json_decref(now);
		if (mono_now() >= deadline)
			return (NULL);
		poll(NULL, 0, LOOK_MS);
	}
}

/* A bad file has a line per problem. */
static void
say_lines(const char *worker, const char *text)
{
	size_t n;

	do {
		n = strcspn(text, "\n");
		printf("%s ", worker);
		out_text(stdout, text, n);
		putchar('\n');
		text += n + (text[n] == '\n');
	} while (*text != '\0');
}

/* A state is a word; the outcome of a reload is { ok, message, ... }. */
static int
say_outcome(struct cli *cli, const char *worker, const char *member,
    json_t *value)
{
	const char *text = json_is_string(value) ? json_string_value(value) :
	    js_str(value, "message");
	json_t *o;

	if (cli_json(cli)) {
		o = json_pack("{s:s, s:O?}", "worker", worker, member, value);
		out_json(o);
		json_decref(o);
	} else {
		say_lines(worker, text);
	}
	return (json_is_object(value) && !js_bool(value, "ok") ? CLI_FAILED :
	    CLI_OK);
}

static int
control(struct cli *cli, const char *op, effect_f *shows, const char *member)
{
	const char *worker = cli->argc > 0 ? cli->argv[0] :
	    cli_conf(cli)->supervisor.worker_id;
	json_t *before, *now;
	int rc;

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
	rc = say_outcome(cli, worker, member, json_object_get(now, member));
	json_decref(now);
	return (rc);
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

int
cmd_upgrade(struct cli *cli)
{
	return (control(cli, "upgrade", is_upgraded, "upgrade"));
}
