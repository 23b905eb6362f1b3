/*
 * The producer of the latency benchmark: LPUSHes COUNT jobs onto KEY, RATE a
 * second, each with "t", CLOCK_MONOTONIC in ns just before the call. In C,
 * because the producer's own speed is part of what is measured.
 *
 *   pace SOCKET KEY COUNT RATE [REPLY_KEY [MEMBERS]]
 *
 * With REPLY_KEY each job names it in reply_to, the next one waits for the
 * reply, and the times from call to reply are printed in ns, one a line.
 * MEMBERS is JSON that each job gets besides, such as '"ms":5,'; REPLY_KEY may
 * be empty then.
 */
#include "config.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <hiredis/hiredis.h>

#include "base/clock.h"

static void
check(redisContext *ctx, redisReply *r)
{
	if (r == NULL)
		errx(1, "redis: %s", ctx->errstr);
	if (r->type == REDIS_REPLY_ERROR || r->type == REDIS_REPLY_NIL)
		errx(1, "redis: %s", r->str != NULL ? r->str : "no reply");
	freeReplyObject(r);
}

static void
push(redisContext *ctx, const char *key, long i, const char *reply,
    const char *members)
{
	char job[512], more[128] = "";
	mono_t from = mono_now();
	int n;

	if (reply != NULL)
		(void)snprintf(more, sizeof(more), ",\"reply_to\":\"%s\"",
		    reply);
	n = snprintf(job, sizeof(job), "{\"id\":\"pace-%08ld\","
	    "\"type\":\"inference\",%s\"input\":[0.123456789,0.246913578,"
	    "0.370370367,0.493827156,0.617283945],\"t\":%" PRId64 "%s}", i,
	    members, from, more);
	if (n < 0 || (size_t)n >= sizeof(job))
		errx(2, "the members are too long");
	check(ctx, redisCommand(ctx, "LPUSH %s %b", key, job, (size_t)n));
	if (reply == NULL)
		return;
	check(ctx, redisCommand(ctx, "BRPOP %s 60", reply));
	printf("%" PRId64 "\n", mono_now() - from);
}

int
main(int argc, char **argv)
{
	redisContext *ctx;
	struct timespec ts;
	mono_t at;
	double rate;
	long i, count;

	if (argc < 5 || argc > 7)
		errx(2, "usage: pace SOCKET KEY COUNT RATE "
		    "[REPLY_KEY [MEMBERS]]");
	count = strtol(argv[3], NULL, 10);
	rate = strtod(argv[4], NULL);
	ctx = redisConnectUnix(argv[1]);
	if (ctx == NULL || ctx->err != 0 || !(rate > 0))
		errx(1, "could not connect to %s", argv[1]);
	at = mono_now() + 100000000;
	for (i = 0; i < count; i++) {
		ts.tv_sec = at / 1000000000;
		ts.tv_nsec = at % 1000000000;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts,
		    NULL) != 0)
			;
		push(ctx, argv[2], i, argc > 5 && argv[5][0] != '\0' ?
		    argv[5] : NULL, argc > 6 ? argv[6] : "");
		at += (mono_t)(1e9 / rate);
	}
	redisFree(ctx);
	return (0);
}
