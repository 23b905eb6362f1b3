/*
 * The ceiling: the least work that Redis must do for a queue that loses no
 * job, and nothing else. One script takes up to BATCH jobs from a list and
 * notes each as in flight; another checks and removes the note, stores a
 * result of VALUE bytes for an hour and may publish an event per job. One
 * connection keeps WINDOW calls in flight, so that Redis never waits for it.
 *
 *   limit SOCKET JOBS BATCH WINDOW VALUE PUBLISH
 *
 * It empties the server, fills the list, and prints one JSON line.
 */
#include "config.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/clock.h"

#define BATCH_MAX 256
#define VALUE_MAX 4096
#define ID_MAX 48
#define FILL_CALLS 500          /* unanswered while the list is filled */

static const char claim_text[] =
    "local jobs = redis.call('RPOP', KEYS[1], ARGV[1]) "
    "if not jobs then return {} end "
    "local fields = {} "
    "for i = 1, #jobs do "
    "fields[2 * i - 1] = string.match(jobs[i], '\"id\":\"([^\"]+)\"') "
    "fields[2 * i] = jobs[i] end "
    "redis.call('HSET', KEYS[2], unpack(fields)) return jobs";
static const char commit_text[] =
    "local n = 0 "
    "for i = 2, #ARGV, 2 do "
    "if redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then "
    "redis.call('SET', 'result:' .. ARGV[i], ARGV[i + 1], 'PX', 3600000) "
    "if ARGV[1] == '1' then redis.call('PUBLISH', 'events', ARGV[i]) end "
    "n = n + 1 end end return n";

struct bench {
	redisContext *ctx;
	char *claim, *commit;   /* own; the scripts' SHA1s */
	long jobs, done;
	int batch, window, value;
	const char *publish;
	/* what the calls in flight are, oldest first; 2 * window is room
	 * for a claim and a commit each */
	unsigned char *kinds;
	long head, tail;
	int empty;              /* a claim came back with nothing */
};

enum kind { CLAIM, COMMIT };

static void
check(const struct bench *b, const redisReply *r)
{
	if (r == NULL)
		errx(1, "redis: %s", b->ctx->errstr);
	if (r->type == REDIS_REPLY_ERROR)
		errx(1, "redis: %s", r->str);
}

static redisReply *
next_reply(struct bench *b)
{
	void *r = NULL;

	(void)redisGetReply(b->ctx, &r);
	check(b, r);
	return (r);
}

static char *
load(struct bench *b, const char *text)
{
	redisReply *r = redisCommand(b->ctx, "SCRIPT LOAD %s", text);
	char *sha;

	check(b, r);
	sha = strdup(r->str);
	freeReplyObject(r);
	return (sha);
}

/* The same 200 bytes as the other systems' jobs. */
static int
put_job(char *out, size_t size, long i)
{
	double x = .123456789, d = (double)i * 1e-6;
	int n, k;

	n = snprintf(out, size, "{\"id\":\"job-%08ld\",\"type\":\"inference\","
	    "\"kind\":\"echo\",\"input\":[", i);
	for (k = 1; k <= 8; k++)
		n += snprintf(out + n, size - (size_t)n, "%s%.9f",
		    k > 1 ? "," : "", x * k + d);
	n += snprintf(out + n, size - (size_t)n, "]}");
	return (n);
}

static void
fill(struct bench *b)
{
	char job[400];
	long i, unread = 0;

	freeReplyObject(redisCommand(b->ctx, "FLUSHALL"));
	for (i = 0; i < b->jobs; i++) {
		redisAppendCommand(b->ctx, "LPUSH q %b", job,
		    (size_t)put_job(job, sizeof(job), i));
		if (++unread < FILL_CALLS && i + 1 < b->jobs)
			continue;
		while (unread-- > 0)
			freeReplyObject(next_reply(b));
		unread = 0;
	}
}

static void
note_call(struct bench *b, enum kind kind)
{
	b->kinds[b->tail++ % (2 * b->window)] = (unsigned char)kind;
}

static void
send_claim(struct bench *b)
{
	redisAppendCommand(b->ctx, "EVALSHA %s 2 q inflight %d", b->claim,
	    b->batch);
	note_call(b, CLAIM);
}

static void
send_commit(struct bench *b, const redisReply *jobs)
{
	static const char *word[2 * BATCH_MAX + 5];
	static size_t len[2 * BATCH_MAX + 5];
	static char values[BATCH_MAX][VALUE_MAX];
	const char *id;
	size_t i;
	int n = 5;

	word[0] = "EVALSHA";
	word[1] = b->commit;
	word[2] = "1";
	word[3] = "inflight";
	word[4] = b->publish;
	for (i = 0; i < 5; i++)
		len[i] = strlen(word[i]);
	for (i = 0; i < jobs->elements; i++) {
		id = strstr(jobs->element[i]->str, "\"id\":\"") + 6;
		word[n] = id;
		len[n++] = strcspn(id, "\"");
		(void)memset(values[i], 'x', (size_t)b->value);
		word[n] = values[i];
		len[n++] = (size_t)b->value;
	}
	redisAppendCommandArgv(b->ctx, n, word, len);
	note_call(b, COMMIT);
}

static void
run(struct bench *b)
{
	redisReply *r;
	int i;

	for (i = 0; i < b->window; i++)
		send_claim(b);
	while (b->head < b->tail) {
		r = next_reply(b);
		if (b->kinds[b->head++ % (2 * b->window)] == COMMIT) {
			b->done += r->integer;
			if (!b->empty)
				send_claim(b);
		} else if (r->elements > 0) {
			send_commit(b, r);
		} else {
			b->empty = 1;
		}
		freeReplyObject(r);
	}
}

static double
redis_cpu(struct bench *b)
{
	static const char *const names[] = { "used_cpu_sys:",
		"used_cpu_user:" };
	redisReply *r = redisCommand(b->ctx, "INFO cpu");
	const char *p;
	double sum = 0;
	size_t i;

	check(b, r);
	for (i = 0; i < 2; i++)
		if ((p = strstr(r->str, names[i])) != NULL)
			sum += strtod(p + strlen(names[i]), NULL);
	freeReplyObject(r);
	return (sum);
}

int
main(int argc, char **argv)
{
	struct bench b = { .jobs = 0 };
	double cpu, seconds;
	mono_t start;

	if (argc != 7)
		errx(2, "usage: limit SOCKET JOBS BATCH WINDOW VALUE PUBLISH");
	b.jobs = strtol(argv[2], NULL, 10);
	b.batch = (int)strtol(argv[3], NULL, 10);
	b.window = (int)strtol(argv[4], NULL, 10);
	b.value = (int)strtol(argv[5], NULL, 10);
	b.publish = argv[6];
	if (b.jobs < 1 || b.batch < 1 || b.batch > BATCH_MAX ||
	    b.window < 1 || b.value < 1 || b.value > VALUE_MAX)
		errx(2, "a number is out of its range");
	b.ctx = redisConnectUnix(argv[1]);
	if (b.ctx == NULL || b.ctx->err != 0)
		errx(1, "could not connect to %s", argv[1]);
	b.kinds = calloc((size_t)b.window, 2);
	if (b.kinds == NULL)
		err(1, NULL);
	b.claim = load(&b, claim_text);
	b.commit = load(&b, commit_text);
	fill(&b);
	cpu = redis_cpu(&b);
	start = mono_now();
	run(&b);
	seconds = (double)(mono_now() - start) / 1e9;
	cpu = redis_cpu(&b) - cpu;
	if (b.done != b.jobs)
		errx(1, "only %ld of %ld jobs were done", b.done, b.jobs);
	printf("{\"jobs_per_s\":%.0f,\"redis_busy\":%.3f,"
	    "\"redis_us_per_job\":%.2f}\n", (double)b.jobs / seconds,
	    cpu / seconds, cpu / (double)b.jobs * 1e6);
	free(b.kinds);
	free(b.claim);
	free(b.commit);
	redisFree(b.ctx);
	return (0);
}
