/*
 * ganger bench: how fast the fleet that is running now answers. Sends copies
 * of one job, first one at a time, then many together, and waits for their
 * replies. The jobs are real ones on a real queue: they wait behind what is
 * there, and leave nothing but counters (records of a minute, no dead
 * letters of ours unless they fail).
 */
#include "config.h"

#include "cli/cli.h"

#include <sys/time.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "cli/fleet.h"
#include "cli/out.h"
#include "cli/rds.h"

#define DEFAULT_JOB "{\"type\": \"selftest\", \"input\": {\"op\": \"echo\"}}"
#define JOBS_DEFAULT 10000
#define ONE_AT_A_TIME 200     /* jobs of the first part, at most */
#define AHEAD 4096            /* jobs that are out at a time, at most */
#define CHUNK 512             /* replies that are taken at once */
#define SILENCE (30 * DUR_S)  /* without any reply: nobody works */
#define INPUT_MAX (1u << 30)

struct bench {
	struct cli *cli;
	json_t *job;          /* owns; the template */
	char *queue;          /* owns; full key */
	char *reply;          /* owns; key of the replies */
	char run[24];         /* of the ids */
	uint64_t sent, got, failed;
	mono_t last;          /* when the last reply came */
	mono_t deadline;
	json_t *first_error;  /* owns; NULL: none failed */
};

struct part {
	double *ms;           /* owns; one per job, sorted */
	size_t n;
	double seconds;
};

static volatile sig_atomic_t interrupted;

static void
take_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static json_t *
read_job(struct cli *cli)
{
	const char *arg = cli->argc > 0 ? cli->argv[0] : DEFAULT_JOB;
	json_error_t e;
	char *text = NULL;
	size_t n = 0;
	json_t *o;
	int r;

	if (arg[strspn(arg, " \t\n")] == '{')
		o = json_loads(arg, JSON_REJECT_DUPLICATES, &e);
	else if ((r = fd_slurp(arg, INPUT_MAX, &text, &n)) != 0)
		cli_die(CLI_USAGE, "could not read %s: %s", arg, err_text(r));
	else
		o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	free(text);
	if (!json_is_object(o))
		cli_die(CLI_USAGE, "bad job: %s", o == NULL ? e.text :
		    "it is not an object");
	return (o);
}

/* Live workers of the queue and their slots; ends the program if none. */
static void
look_at_fleet(const struct bench *b, unsigned *workersp, unsigned *slotsp)
{
	struct fleet *f = fleet_load(b->cli);
	size_t i, j;
	const json_t *w, *q;

	*workersp = *slotsp = 0;
	for (i = 0; i < json_array_size(f->workers); i++) {
		w = json_array_get(f->workers, i);
		q = json_object_get(w, "queues");
		for (j = 0; j < json_array_size(q); j++)
			if (strcmp(json_string_value(json_array_get(q, j)),
			    b->queue) == 0)
				break;
		if (j == json_array_size(q))
			continue;
		(*workersp)++;
		*slotsp += (unsigned)json_array_size(json_object_get(w,
		    "slots"));
	}
	fleet_free(&f);
	if (*workersp == 0)
		cli_die(CLI_UNREACHABLE, "no live worker serves %s, nothing "
		    "was queued", b->queue);
}

static void
bench_open(struct bench *b, struct cli *cli)
{
	struct timeval tv = { .tv_sec = 5 };

	*b = (struct bench){ .cli = cli, .job = read_job(cli) };
	snprintf(b->run, sizeof(b->run), "bench-%llx",
	    (unsigned long long)wall_now() * 4096 + (unsigned)rand() % 4096);
	if (cli_has(cli, OPT_QUEUE))
		b->queue = xstrdup(cli_text(cli, OPT_QUEUE));
	else if (cli_has(cli, OPT_WORKER))
		b->queue = key_direct(cli, cli_text(cli, OPT_WORKER));
	else
		b->queue = key_route(cli, js_str(b->job, "type"),
		    js_bool(b->job, "requires_gpu"));
	b->reply = key_of2(b->queue, "reply", b->run);
	json_object_set_new(b->job, "reply_to", json_string(b->reply));
	json_object_set_new(b->job, "result_ttl", json_integer(60));
	json_object_set_new(b->job, "max_attempts", json_integer(1));
	b->deadline = cli_deadline(cli, 0);
	redisSetTimeout(rds(cli), tv);
}

static void
bench_close(struct bench *b)
{
	if (rds_ready(b->cli))
		freeReplyObject(rds_cmd(b->cli, "DEL %s", b->reply));
	json_decref(b->job);
	json_decref(b->first_error);
	free(b->queue);
	free(b->reply);
}

static void
send_one(struct bench *b)
{
	const char *priority = js_str(b->job, "priority");
	char id[64], *text;

	snprintf(id, sizeof(id), "%s.%llu", b->run,
	    (unsigned long long)b->sent++);
	json_object_set_new(b->job, "id", json_string(id));
	json_object_set_new(b->job, "queued_at", json_integer(wall_now()));
	text = json_dumps(b->job, JSON_COMPACT);
	if (strcmp(priority, "high") == 0 || strcmp(priority, "low") == 0)
		rds_send(b->cli, "LPUSH {%s}:%s %s", b->queue, priority, text);
	else
		rds_send(b->cli, "LPUSH %s %s", b->queue, text);
	free(text);
}

static void
expect_number(struct bench *b)
{
	redisReply *r = rds_reply(b->cli);

	if (r->type == REDIS_REPLY_ERROR)
		cli_die(CLI_UNREACHABLE, "Redis refused a job: %s", r->str);
	freeReplyObject(r);
}

static void
take_record(struct bench *b, const redisReply *r, struct part *p)
{
	json_t *rec = json_loadb(r->str, r->len, 0, NULL);

	b->got++;
	b->last = mono_now();
	if (strcmp(js_str(rec, "state"), "done") != 0) {
		b->failed++;
		if (b->first_error == NULL)
			b->first_error = json_incref(rec);
	}
	p->ms[p->n++] = js_num(rec, "finished_at") - js_num(rec, "queued_at");
	json_decref(rec);
}

static void
take_replies(struct bench *b, struct part *p)
{
	redisReply *r = rds_cmd(b->cli, "BRPOP %s 1", b->reply);
	size_t i;

	if (r->type == REDIS_REPLY_ARRAY && r->elements == 2)
		take_record(b, r->element[1], p);
	freeReplyObject(r);
	if (b->got < b->sent) {
		r = rds_cmd(b->cli, "LRANGE %s -%d -1", b->reply, CHUNK);
		for (i = 0; i < r->elements; i++)
			take_record(b, r->element[i], p);
		if (r->elements > 0)
			freeReplyObject(rds_cmd(b->cli, "LTRIM %s 0 %lld",
			    b->reply, -(long long)r->elements - 1));
		freeReplyObject(r);
	}
}

/* Ends the program where what was asked for can't be told any more. */
static void
check_patience(struct bench *b)
{
	mono_t now = mono_now();
	bool silent = now >= mono_add(b->last, SILENCE);
	uint64_t left = b->sent - b->got;

	if (!interrupted && !silent &&
	    (b->deadline == MONO_NEVER || now < b->deadline))
		return;
	bench_close(b);
	cli_die(CLI_TIMEOUT, "%s, %llu job(s) are still queued or running",
	    interrupted ? "interrupted" : silent ? "no reply for 30 s" :
	    "timed out", (unsigned long long)left);
}

static void
stop_at_failure(struct bench *b)
{
	const json_t *e = js_get(b->first_error, "error");
	char text[512];

	if (b->first_error == NULL)
		return;
	snprintf(text, sizeof(text), "%s: %s", js_str(e, "cause"),
	    js_str(e, "message"));
	bench_close(b);
	cli_die(CLI_FAILED, "the job fails: %s", text);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x < y ? -1 : x > y);
}

/* One job after the other; its time is from LPUSH to the reply, here. */
static void
run_alone(struct bench *b, struct part *p, size_t n)
{
	mono_t begin = mono_now(), at;
	size_t i;

	p->ms = xcalloc(n + 1, sizeof(double));
	for (i = 0; i < n; i++) {
		at = b->last = mono_now();
		send_one(b);
		expect_number(b);
		do {
			check_patience(b);
			take_replies(b, p);
		} while (b->got < b->sent);
		p->ms[i] = (double)(mono_now() - at) / DUR_MS;
		stop_at_failure(b);
	}
	p->seconds = (double)(mono_now() - begin) / DUR_S;
	qsort(p->ms, p->n, sizeof(double), compare);
}

static void
run_together(struct bench *b, struct part *p, size_t n)
{
	mono_t begin = mono_now();
	uint64_t before = b->sent, i, k;

	p->ms = xcalloc(n + 1, sizeof(double));
	b->last = begin;
	while (p->n < n) {
		for (k = 0; b->sent - before < n && b->sent - b->got < AHEAD;
		    k++)
			send_one(b);
		for (i = 0; i < k; i++)
			expect_number(b);
		check_patience(b);
		take_replies(b, p);
		if (isatty(STDERR_FILENO))
			out_progress("bench", (double)p->n / (double)n, "");
	}
	out_progress_end();
	p->seconds = (double)(mono_now() - begin) / DUR_S;
	qsort(p->ms, p->n, sizeof(double), compare);
}

static double
part_at(const struct part *p, double share)
{
	size_t i = (size_t)(share * (double)p->n);

	return (p->n == 0 ? 0 : p->ms[i < p->n ? i : p->n - 1]);
}

/* Microseconds are all that is worth telling. */
static double
rounded(double x)
{
	return ((double)(int64_t)(x * 1000 + 0.5) / 1000);
}

static json_t *
part_json(const struct part *p)
{
	return (json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "jobs",
	    (json_int_t)p->n, "seconds", rounded(p->seconds), "jobs_per_s",
	    p->seconds > 0 ? rounded((double)p->n / p->seconds) : 0.0,
	    "p50_ms", rounded(part_at(p, 0.5)), "p90_ms",
	    rounded(part_at(p, 0.9)), "p99_ms", rounded(part_at(p, 0.99)),
	    "max_ms", rounded(part_at(p, 1))));
}

static void
print_part(struct table *t, const char *name, const struct part *p)
{
	double share[] = { 0.5, 0.9, 0.99, 1 };
	size_t i;

	table_put(t, "%s", name);
	table_put(t, "%zu", p->n);
	table_put(t, "%.0f", p->seconds > 0 ? (double)p->n / p->seconds : 0);
	for (i = 0; i < sizeof(share) / sizeof(share[0]); i++)
		table_put(t, "%.2f ms", part_at(p, share[i]));
}

static void
report(struct bench *b, const struct part *alone, const struct part *all)
{
	unsigned workers, slots;
	struct table t;
	json_t *o;

	look_at_fleet(b, &workers, &slots);
	if (cli_json(b->cli)) {
		o = json_pack("{s:s, s:i, s:i, s:I, s:o, s:o}", "queue",
		    b->queue, "workers", (int)workers, "slots", (int)slots,
		    "failed", (json_int_t)b->failed, "one_at_a_time",
		    part_json(alone), "together", part_json(all));
		out_json(o);
		json_decref(o);
		return;
	}
	printf("%s, %u slot(s) of %u worker(s), %llu of %llu jobs failed\n",
	    b->queue, slots, workers, (unsigned long long)b->failed,
	    (unsigned long long)b->got);
	table_begin(&t, "SENT >JOBS >JOBS/S >P50 >P90 >P99 >MAX");
	print_part(&t, "one at a time", alone);
	print_part(&t, "together", all);
	table_end(&t, stdout);
}

int
cmd_bench(struct cli *cli)
{
	size_t n = cli_has(cli, OPT_JOBS) ?
	    (size_t)cli->opt.v[OPT_JOBS].count : JOBS_DEFAULT;
	struct sigaction sa = { .sa_handler = take_interrupt };
	struct part alone = { 0 }, all = { 0 };
	unsigned workers, slots;
	struct bench b;
	int rc;

	if (n == 0)
		cli_usage(cli->cmd, "--jobs must be over 0");
	if (cli_has(cli, OPT_QUEUE) && cli_has(cli, OPT_WORKER))
		cli_usage(cli->cmd, "--queue and --worker exclude each other");
	bench_open(&b, cli);
	look_at_fleet(&b, &workers, &slots);
	(void)sigaction(SIGINT, &sa, NULL);
	run_alone(&b, &alone, n < ONE_AT_A_TIME ? n : ONE_AT_A_TIME);
	run_together(&b, &all, n);
	report(&b, &alone, &all);
	rc = b.failed == 0 ? CLI_OK : CLI_FAILED;
	bench_close(&b);
	free(alone.ms);
	free(all.ms);
	return (rc);
}
