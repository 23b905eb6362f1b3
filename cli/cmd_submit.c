/*
 * ganger submit: read jobs, check them all, route them, queue each with one
 * LPUSH, and wait for them if asked. Nothing is queued unless every job of
 * the call is good.
 */
#include "config.h"

#include "cli/cli.h"

#include <sys/random.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/conf.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/payload.h"
#include "cli/rds.h"
#include "cli/watch.h"

#define INPUT_MAX (UINT64_C(1) << 30)     /* of one file or standard input */
#define JOB_MAX (UINT64_C(16) << 20)      /* without a configuration */
#define PIPELINE 128

/* A worker that jobs are dealt to. */
struct share {
	char *queue;      /* owns */
	double weight;    /* free slots */
	double credit;    /* smooth weighted round robin */
	bool gpu;
};

struct submission {
	struct cli *cli;          /* borrows */
	struct payload_list jobs;
	char **queue;             /* owns; of each job */
	struct fleet *fleet;      /* owns; NULL unless it was needed */
	struct share *share;      /* owns; of --spread */
	size_t nshares;
	bool entered;             /* the round of the shares */
};

static void
check_options(struct cli *cli)
{
	static const enum opt_id targets[] = { OPT_QUEUE, OPT_WORKER,
	    OPT_SPREAD };
	const char *priority = cli_text(cli, OPT_PRIORITY);
	unsigned i, given = 0;

	for (i = 0; i < NELEM(targets); i++)
		given += cli_has(cli, targets[i]);
	if (given > 1)
		cli_usage(cli->cmd, "--queue, --worker and --spread exclude "
		    "each other");
	if (priority != NULL && strcmp(priority, "high") != 0 &&
	    strcmp(priority, "normal") != 0 && strcmp(priority, "low") != 0)
		cli_usage(cli->cmd, "bad --priority \"%s\": high, normal or "
		    "low", priority);
	if (cli_text(cli, OPT_QUEUE) != NULL &&
	    cli_text(cli, OPT_QUEUE)[0] == '\0')
		cli_usage(cli->cmd, "--queue is empty");
	if (cli_has(cli, OPT_WORKER) &&
	    !str_id_ok(slice_of(cli_text(cli, OPT_WORKER))))
		cli_usage(cli->cmd, "bad --worker \"%s\"",
		    cli_text(cli, OPT_WORKER));
}

static char *
read_stdin(size_t *lenp)
{
	char chunk[65536];
	struct buf b;
	ssize_t n;

	buf_init(&b, INPUT_MAX);
	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			cli_die(CLI_USAGE, "could not read standard input: "
			    "%s", strerror(errno));
		if (buf_put(&b, chunk, (size_t)n) != 0)
			cli_die(CLI_USAGE, "standard input is over 1 GiB");
	}
	return (buf_take(&b, lenp));
}

static size_t
max_job_size(struct cli *cli)
{
	if (cli_has(cli, OPT_REDIS) && !cli_has(cli, OPT_CONFIG))
		return (JOB_MAX);
	return (cli_conf(cli)->supervisor.max_job_size);
}

static void
read_operand(struct submission *s, const char *arg)
{
	struct payload_opts opts = {
		.max_size = max_job_size(s->cli),
		.priority = cli_text(s->cli, OPT_PRIORITY),
		.gpu = cli_has(s->cli, OPT_GPU),
		.now = wall_now(),
	};
	const char *what = arg;
	char why[512], *text = NULL;
	size_t n = 0;
	int r;

	if (arg[strspn(arg, " \t\n")] == '{') {
		what = "job";
		text = xstrdup(arg);
		n = strlen(text);
	} else if (strcmp(arg, "-") == 0) {
		what = "standard input";
		text = read_stdin(&n);
	} else if ((r = fd_slurp(arg, INPUT_MAX, &text, &n)) != 0)
		cli_die(CLI_USAGE, "could not read %s: %s", arg, err_text(r));
	r = payload_read(&s->jobs, what, text == NULL ? "" : text, n, &opts,
	    why, sizeof(why));
	free(text);
	if (r != 0)
		cli_die(CLI_USAGE, "bad job, nothing was queued: %s", why);
}

static void
check_worker(struct submission *s, const char *worker)
{
	if (fleet_worker(s->fleet, worker) == NULL)
		cli_die(CLI_UNREACHABLE, "worker %s is not alive, nothing "
		    "was queued", worker);
}

static void
load_shares(struct submission *s)
{
	const json_t *w;
	struct share *sh;
	size_t i, n = json_array_size(s->fleet->workers);

	s->share = xcalloc(n + 1, sizeof(*s->share));
	for (i = 0; i < n; i++) {
		w = json_array_get(s->fleet->workers, i);
		if (strcmp(js_str(w, "state"), "running") != 0)
			continue;
		sh = &s->share[s->nshares++];
		sh->queue = key_direct(s->cli, js_str(w, "worker_id"));
		sh->weight = js_num(w, "available_slots");
		sh->gpu = js_bool(w, "gpu_enabled");
	}
}

/* Where all are busy each counts the same. */
static double
weight_of(const struct submission *s, const struct share *sh)
{
	double total = 0;
	size_t i;

	for (i = 0; i < s->nshares; i++)
		total += s->share[i].weight;
	return (total > 0 ? sh->weight : 1);
}

/*
 * Smooth weighted round robin: everybody earns their weight, the richest
 * pays the sum of what was earned and gets the job.
 */
static const char *
deal_one(struct submission *s, bool gpu)
{
	struct share *best = NULL, *sh;
	double paid = 0;
	size_t i;

	for (i = 0; i < s->nshares; i++) {
		sh = &s->share[i];
		if (gpu && !sh->gpu)
			continue;
		sh->credit += weight_of(s, sh);
		paid += weight_of(s, sh);
		if (best == NULL || sh->credit > best->credit)
			best = sh;
	}
	if (best == NULL)
		cli_die(CLI_UNREACHABLE, "no live worker%s to spread to, "
		    "nothing was queued", gpu ? " with a GPU" : "");
	best->credit -= paid;
	return (best->queue);
}

/* The round is entered anywhere, so that calls of one job each are spread
 * too and do not all begin with the same worker. */
static void
enter_round(struct submission *s, bool gpu)
{
	uint64_t turns = 0, skip;
	size_t i;

	for (i = 0; i < s->nshares; i++)
		turns += (uint64_t)weight_of(s, &s->share[i]);
	while (getrandom(&skip, sizeof(skip), 0) != sizeof(skip))
		continue;
	for (skip %= turns > 0 ? turns : 1; skip > 0; skip--)
		(void)deal_one(s, gpu);
}

static const char *
deal(struct submission *s, bool gpu)
{
	if (!s->entered)
		enter_round(s, gpu);
	s->entered = true;
	return (deal_one(s, gpu));
}

static char *
route(struct submission *s, const struct payload *p)
{
	struct cli *cli = s->cli;

	if (cli_has(cli, OPT_QUEUE))
		return (xstrdup(cli_text(cli, OPT_QUEUE)));
	if (cli_has(cli, OPT_WORKER))
		return (key_direct(cli, cli_text(cli, OPT_WORKER)));
	if (cli_has(cli, OPT_SPREAD))
		return (xstrdup(deal(s, p->requires_gpu)));
	return (key_route(cli, p->type, p->requires_gpu));
}

static void
route_all(struct submission *s)
{
	size_t i;

	if (cli_has(s->cli, OPT_WORKER) || cli_has(s->cli, OPT_SPREAD))
		s->fleet = fleet_load(s->cli);
	if (cli_has(s->cli, OPT_WORKER))
		check_worker(s, cli_text(s->cli, OPT_WORKER));
	if (cli_has(s->cli, OPT_SPREAD))
		load_shares(s);
	s->queue = xcalloc(s->jobs.n, sizeof(char *));
	for (i = 0; i < s->jobs.n; i++)
		s->queue[i] = route(s, &s->jobs.v[i]);
}

/* WAITAOF came with Redis 7.2: ask before anything is queued. */
static void
check_waitaof(struct cli *cli)
{
	redisReply *r;
	bool there;

	if (!cli_has(cli, OPT_WAIT_AOF))
		return;
	r = rds_try(cli, "COMMAND INFO waitaof");
	there = r->type == REDIS_REPLY_ARRAY && r->elements == 1 &&
	    r->element[0]->type == REDIS_REPLY_ARRAY;
	freeReplyObject(r);
	if (!there)
		cli_die(CLI_UNREACHABLE, "--wait-aof needs WAITAOF (Redis "
		    "7.2), which this server lacks; nothing was queued");
}

static void
push(struct submission *s, size_t i)
{
	static const char *const part[LANE_N] = { "high", NULL, "low" };
	const struct payload *p = &s->jobs.v[i];

	if (part[p->lane] == NULL)
		rds_send(s->cli, "LPUSH %s %b", s->queue[i], p->data, p->len);
	else
		rds_send(s->cli, "LPUSH {%s}:%s %b", s->queue[i],
		    part[p->lane], p->data, p->len);
}

static void
print_id(struct submission *s, size_t i)
{
	json_t *o;

	if (cli_has(s->cli, OPT_WAIT) || cli_has(s->cli, OPT_FOLLOW)) {
		if (!cli_json(s->cli) && s->jobs.n == 1)
			fprintf(stderr, "queued %s on %s\n", s->jobs.v[i].id,
			    s->queue[i]);
		return;
	}
	if (!cli_json(s->cli)) {
		puts(s->jobs.v[i].id);
		return;
	}
	o = json_pack("{s:s, s:s}", "id", s->jobs.v[i].id, "queue",
	    s->queue[i]);
	out_json(o);
	json_decref(o);
}

static void
take_answer(struct submission *s, size_t i)
{
	redisReply *r = rds_reply(s->cli);
	char text[256] = "";

	if (r->type == REDIS_REPLY_ERROR)
		snprintf(text, sizeof(text), "%s", r->str);
	freeReplyObject(r);
	if (text[0] != '\0')
		cli_die(CLI_UNREACHABLE, "Redis refused job %s (%zu of %zu "
		    "are queued): %s", s->jobs.v[i].id, i, s->jobs.n, text);
	print_id(s, i);
}

static void
push_all(struct submission *s)
{
	size_t i, at, n;

	for (at = 0; at < s->jobs.n; at += n) {
		n = s->jobs.n - at < PIPELINE ? s->jobs.n - at : PIPELINE;
		for (i = at; i < at + n; i++)
			push(s, i);
		for (i = at; i < at + n; i++)
			take_answer(s, i);
	}
	fflush(stdout);
}

/* Looks at number `at` of the answer of WAITAOF, or at WAIT's only one. */
static void
expect_copies(const redisReply *r, size_t at, const char *what,
    uint64_t wanted)
{
	const redisReply *got = r->type == REDIS_REPLY_ARRAY &&
	    r->elements > at ? r->element[at] : r;

	if (got->type != REDIS_REPLY_INTEGER)
		cli_die(CLI_UNREACHABLE, "queued, but not confirmed: %s: %s",
		    what, got->str == NULL ? "no number" : got->str);
	if ((uint64_t)got->integer < wanted)
		cli_die(CLI_UNREACHABLE, "queued, but not confirmed: %s: "
		    "%lld of %llu in time", what, got->integer,
		    (unsigned long long)wanted);
}

static void
confirm(struct cli *cli)
{
	uint64_t replicas = cli->opt.v[OPT_MIN_REPLICAS].count;
	dur_t span = cli_has(cli, OPT_CONFIRM) ?
	    cli->opt.v[OPT_CONFIRM].span : 5 * DUR_S;
	long long ms = span / DUR_MS > 0 ? span / DUR_MS : 1;
	struct timeval tv = { .tv_sec = ms / 1000 + 5 };
	redisReply *r;

	redisSetTimeout(rds(cli), tv);
	if (cli_has(cli, OPT_WAIT_AOF)) {
		r = rds_try(cli, "WAITAOF 1 %llu %lld",
		    (unsigned long long)replicas, ms);
		expect_copies(r, 0, "local disk", 1);
		expect_copies(r, 1, "disks of replicas", replicas);
		freeReplyObject(r);
	}
	if (cli_has(cli, OPT_MIN_REPLICAS)) {
		r = rds_try(cli, "WAIT %llu %lld",
		    (unsigned long long)replicas, ms);
		expect_copies(r, 0, "replicas", replicas);
		freeReplyObject(r);
	}
}

static int
wait_all(struct submission *s, struct watch *w)
{
	size_t i;

	for (i = 0; i < s->jobs.n; i++)
		watch_add(w, s->jobs.v[i].id, s->queue[i], true);
	return (watch_run(w, cli_deadline(s->cli, 0)));
}

static void
submission_fini(struct submission *s)
{
	size_t i;

	for (i = 0; i < s->jobs.n; i++)
		free(s->queue[i]);
	for (i = 0; i < s->nshares; i++)
		free(s->share[i].queue);
	free(s->queue);
	free(s->share);
	payload_list_fini(&s->jobs);
	fleet_free(&s->fleet);
}

int
cmd_submit(struct cli *cli)
{
	struct submission s = { .cli = cli };
	struct watch_opts opts = { .follow = cli_has(cli, OPT_FOLLOW) };
	bool wait = opts.follow || cli_has(cli, OPT_WAIT);
	struct watch *w = NULL;
	int i, rc = CLI_OK;

	check_options(cli);
	for (i = 0; i < cli->argc; i++)
		read_operand(&s, cli->argv[i]);
	check_waitaof(cli);
	route_all(&s);
	if (wait) {
		if (s.fleet == NULL)
			s.fleet = fleet_load(cli);
		w = watch_open(cli, s.fleet, &opts);
	}
	push_all(&s);
	if (cli_has(cli, OPT_MIN_REPLICAS) || cli_has(cli, OPT_WAIT_AOF))
		confirm(cli);
	if (wait)
		rc = wait_all(&s, w);
	watch_free(&w);
	submission_fini(&s);
	return (rc);
}
