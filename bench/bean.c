/*
 * beanstalkd's worker: PROCESSES of them reserve a job, note when it began,
 * store its result in Redis and delete it.
 *
 *   bean REDIS_SOCKET BEANSTALKD_SOCKET PROCESSES
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "bench/starts.h"

#define JOB_MAX 4096

static FILE *
dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	FILE *f;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (void *)&to, sizeof(to)) != 0 ||
	    (f = fdopen(fd, "r")) == NULL)
		err(1, "%s", path);
	return (f);
}

static void
say(FILE *f, const char *text)
{
	size_t n = strlen(text);

	if (write(fileno(f), text, n) != (ssize_t)n)
		err(1, "beanstalkd");
}

static void
one_job(FILE *f, redisContext *ctx)
{
	char line[256], job[JOB_MAX + 1];
	const char *id;
	char *end;
	unsigned long number;
	size_t size;
	int n;

	say(f, "reserve\r\n");
	if (fgets(line, sizeof(line), f) == NULL)
		errx(1, "beanstalkd closed the connection");
	if (strncmp(line, "RESERVED ", 9) != 0)
		errx(1, "unexpected: %s", line);
	number = strtoul(line + 9, &end, 10);
	size = strtoul(end, &end, 10);
	if (*end != '\r' || size > JOB_MAX - 2 ||
	    fread(job, 1, size + 2, f) != size + 2)
		errx(1, "unexpected: %s", line);
	job[size] = '\0';
	starts_note(job, size);
	id = strstr(job, "\"id\":\"");
	id = id == NULL ? "" : id + 6;
	n = (int)strcspn(id, "\"");
	freeReplyObject(redisCommand(ctx,
	    "SET result:%b {\"id\":\"%b\"} PX 3600000",
	    id, (size_t)n, id, (size_t)n));
	(void)snprintf(line, sizeof(line), "delete %lu\r\n", number);
	say(f, line);
	if (fgets(line, sizeof(line), f) == NULL)
		errx(1, "beanstalkd closed the connection");
}

static void
work(const char *redis, const char *bean)
{
	redisContext *ctx = redisConnectUnix(redis);
	FILE *f = dial(bean);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ctx == NULL || ctx->err != 0)
		errx(1, "could not connect to %s", redis);
	for (;;)
		one_job(f, ctx);
}

int
main(int argc, char **argv)
{
	long i;

	if (argc != 4)
		errx(2, "usage: bean REDIS_SOCKET BEANSTALKD_SOCKET "
		    "PROCESSES");
	for (i = 0; i < strtol(argv[3], NULL, 10); i++)
		if (fork() == 0)
			work(argv[1], argv[2]);
	while (wait(NULL) > 0)
		;
	return (0);
}
