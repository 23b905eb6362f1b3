/*
 * Round trips of 200 bytes between two processes over ZeroMQ ipc, ROUTER to
 * DEALER: the two hops that Ganger's corridor has beyond a worker which talks
 * to Redis itself. Paced as the latency benchmark is, so that both sides have
 * gone to sleep in between.
 *
 *   hops COUNT RATE
 *
 * Prints the times in ns, one a line.
 */
#include "config.h"

#include <sys/wait.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"

#define SIZE 200

static void
echo(const char *endpoint, long count)
{
	void *ctx = zmq_ctx_new(), *s = zmq_socket(ctx, ZMQ_DEALER);
	char msg[SIZE] = { 0 };
	long i;

	if (zmq_connect(s, endpoint) != 0 || zmq_send(s, msg, SIZE, 0) < 0)
		errx(1, "zmq: %s", zmq_strerror(zmq_errno()));
	for (i = 0; i < count; i++)
		if (zmq_recv(s, msg, SIZE, 0) < 0 ||
		    zmq_send(s, msg, SIZE, 0) < 0)
			errx(1, "zmq: %s", zmq_strerror(zmq_errno()));
	(void)zmq_close(s);
	(void)zmq_ctx_term(ctx);
}

static void
measure(void *s, long count, double rate)
{
	struct timespec gap = { 0, (long)(1e9 / rate) % 1000000000 };
	char id[256], msg[SIZE];
	mono_t start;
	int n;

	n = zmq_recv(s, id, sizeof(id), 0);
	(void)zmq_recv(s, msg, SIZE, 0);
	while (count-- > 0) {
		nanosleep(&gap, NULL);
		start = mono_now();
		if (zmq_send(s, id, (size_t)n, ZMQ_SNDMORE) < 0 ||
		    zmq_send(s, msg, SIZE, 0) < 0 ||
		    zmq_recv(s, id, sizeof(id), 0) < 0 ||
		    zmq_recv(s, msg, SIZE, 0) < 0)
			errx(1, "zmq: %s", zmq_strerror(zmq_errno()));
		printf("%" PRId64 "\n", mono_now() - start);
	}
}

int
main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	char dir[64], endpoint[96];
	void *ctx, *s;
	long count;
	pid_t pid;

	if (argc != 3 || (count = strtol(argv[1], NULL, 10)) < 1)
		errx(2, "usage: hops COUNT RATE");
	(void)snprintf(dir, sizeof(dir), "%.40s/hops-XXXXXX",
	    tmp != NULL ? tmp : P_tmpdir);
	if (mkdtemp(dir) == NULL)
		err(1, "%s", dir);
	(void)snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", dir);
	if ((pid = fork()) == 0) {
		echo(endpoint, count);
		exit(0);
	}
	ctx = zmq_ctx_new();
	s = zmq_socket(ctx, ZMQ_ROUTER);
	if (zmq_bind(s, endpoint) != 0)
		errx(1, "zmq: %s", zmq_strerror(zmq_errno()));
	measure(s, count, strtod(argv[2], NULL));
	(void)waitpid(pid, NULL, 0);
	(void)zmq_close(s);
	(void)zmq_ctx_term(ctx);
	(void)unlink(endpoint + strlen("ipc://"));
	(void)rmdir(dir);
	return (0);
}
