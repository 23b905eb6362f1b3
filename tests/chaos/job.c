/*
 * The command handler of the crash laboratory: a job that witnesses its runs.
 * input.ms: how long it runs. input.crash: its first so many attempts end by
 * SIGABRT; input.fail: by exit 1. Otherwise its result is its attempt.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/chaos/witness.h"

static double
number(const json_t *input, const char *key)
{
	return (json_number_value(json_object_get(input, key)));
}

static int
give_result(unsigned attempt)
{
	const char *path = getenv("GANGER_RESULT");
	FILE *f;

	if (path == NULL || (f = fopen(path, "we")) == NULL)
		return (1);
	(void)fprintf(f, "%u\n", attempt);
	return (fclose(f) == 0 ? 0 : 1);
}

int
main(void)
{
	const char *text = getenv("GANGER_ATTEMPT"), *id;
	json_t *job = json_loadf(stdin, 0, NULL);
	const json_t *input = json_object_get(job, "input");
	unsigned attempt = text != NULL ? (unsigned)atoi(text) : 0;
	int fd;

	id = getenv("GANGER_JOB_ID");
	if (job == NULL || id == NULL || (fd = witness_begin(id, attempt)) < 0)
		return (2);
	witness_sleep(number(input, "ms"));
	if (attempt <= (unsigned)number(input, "crash")) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)kill(getpid(), SIGABRT);
	}
	if (attempt <= (unsigned)number(input, "fail")) {
		witness_end(fd, attempt);
		return (1);
	}
	if (give_result(attempt) != 0)
		return (3);
	witness_end(fd, attempt);
	json_decref(job);
	return (0);
}
