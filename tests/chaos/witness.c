/* A job's own account of its runs. See witness.h. */
#include "config.h"

#include "tests/chaos/witness.h"

#include <sys/file.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int
put_line(int fd, char what, unsigned attempt)
{
	struct timespec ts;
	char line[96];
	int n;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	n = snprintf(line, sizeof(line), "%c %lld%09ld %d %d %u\n", what,
	    (long long)ts.tv_sec, ts.tv_nsec, (int)getpid(), (int)getppid(),
	    attempt);
	return (write(fd, line, (size_t)n) == n ? 0 : -1);
}

int
witness_begin(const char *id, unsigned attempt)
{
	const char *dir = getenv("CHAOS_DIR");
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : ".",
	    id);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return (-1);
	if (put_line(fd, flock(fd, LOCK_EX | LOCK_NB) == 0 ? 'b' : 'o',
	    attempt) != 0) {
		(void)close(fd);
		return (-1);
	}
	return (fd);
}

void
witness_end(int fd, unsigned attempt)
{
	(void)put_line(fd, 'e', attempt);
	(void)close(fd);
}

void
witness_sleep(double ms)
{
	struct timespec ts = { (time_t)(ms / 1e3),
	    (long)((ms - (double)(long)(ms / 1e3) * 1e3) * 1e6) };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}
