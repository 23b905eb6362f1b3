/*
 * The floor: what a queue that recovers nothing costs. PROCESSES workers wait
 * with BLMOVE into a list of their own, note when a job began, and store its
 * result and remove it in one transaction. Jobs of a worker that died stay in
 * its list for ever.
 *
 *   floor SOCKET PROCESSES
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "bench/starts.h"

static redisContext *ctx;

static redisReply *
answer(void)
{
	void *r = NULL;

	if (redisGetReply(ctx, &r) != REDIS_OK)
		errx(1, "redis: %s", ctx->errstr);
	return (r);
}

static void
finish(const char *taken, const redisReply *job)
{
	const char *id = strstr(job->str, "\"id\":\"");
	int i, n;

	if (id == NULL)
		errx(1, "a job without an id");
	id += 6;
	n = (int)strcspn(id, "\"");
	redisAppendCommand(ctx, "MULTI");
	redisAppendCommand(ctx, "SET result:%b {\"id\":\"%b\"} PX 3600000",
	    id, (size_t)n, id, (size_t)n);
	redisAppendCommand(ctx, "LREM %s 1 %b", taken, job->str,
	    (size_t)job->len);
	redisAppendCommand(ctx, "EXEC");
	for (i = 0; i < 4; i++)
		freeReplyObject(answer());
}

static void
work(const char *path)
{
	redisReply *job;
	char taken[40];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	ctx = redisConnectUnix(path);
	if (ctx == NULL || ctx->err != 0)
		errx(1, "could not connect to %s", path);
	(void)snprintf(taken, sizeof(taken), "taken:%d", (int)getpid());
	for (;;) {
		redisAppendCommand(ctx, "BLMOVE q %s RIGHT LEFT 5", taken);
		job = answer();
		if (job->type == REDIS_REPLY_STRING) {
			starts_note(job->str, (size_t)job->len);
			finish(taken, job);
		}
		freeReplyObject(job);
	}
}

int
main(int argc, char **argv)
{
	long i;

	if (argc != 3)
		errx(2, "usage: floor SOCKET PROCESSES");
	for (i = 0; i < strtol(argv[2], NULL, 10); i++)
		if (fork() == 0)
			work(argv[1]);
	while (wait(NULL) > 0)
		;
	return (0);
}
