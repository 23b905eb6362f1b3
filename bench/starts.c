/* Start times of jobs. See starts.h. */
#include "starts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char mark[] = "\"t\":";

static const char *
find(const char *p, size_t n)
{
	const char *end = p + n - (sizeof(mark) - 1);

	for (; p < end; p++)
		if (memcmp(p, mark, sizeof(mark) - 1) == 0)
			return (p + sizeof(mark) - 1);
	return (NULL);
}

void
starts_note(const char *job, size_t n)
{
	static int fd = -1;
	struct timespec ts;
	const char *path, *at;
	char line[32];
	int64_t now;
	int len;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (n < sizeof(mark) || (at = find(job, n)) == NULL)
		return;
	if (fd < 0 && (path = getenv("BENCH_STARTS")) != NULL)
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
		    0600);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	len = snprintf(line, sizeof(line), "%" PRId64 "\n",
	    now - (int64_t)strtoll(at, NULL, 10));
	if (write(fd, line, (size_t)len) != len)
		abort();        /* a lost sample would look like a lost job */
}
