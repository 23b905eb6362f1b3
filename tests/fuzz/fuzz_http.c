/*
 * Any bytes as what an HTTP client sends on one connection: through evhttp,
 * routes, access, the reading of a submitted job and the answers, with a
 * Redis that answers every command (fake_redis.c). The server must answer or
 * hang up, keep no request, and stay able to answer the next one.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "supervisor/http.h"
#include "supervisor/http_ask.h"
#include "supervisor/sup.h"
#include "tests/fuzz/fake_redis.h"

#define TURNS_MAX 400           /* of the loop, for one input */

static struct sup *sup;
static struct sockaddr_un address;
static socklen_t address_size;

/* Nobody waits for us; the daemon's own is in its main(). */
__attribute__((weak)) void
sup_announce(struct sup *s, int code)
{
}

static void
keep_ready(void *priv, struct conn *c, const char *why)
{
	sup->ready = why == NULL;
}

/* A name in the abstract space: nothing is left in a folder. */
static void
listen_to_clients(struct evhttp *server)
{
	struct evconnlistener *l;
	int fd, n;

	address.sun_family = AF_UNIX;
	n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
	    "ganger-fuzz-http-%d", (int)getpid());
	address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	FUZZ_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address,
	    address_size) == 0);
	l = evconnlistener_new(sup->base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, fd);
	FUZZ_CHECK(l != NULL && evhttp_bind_listener(server, l) != NULL);
}

/* Waits only while an answer of Redis is on its way. */
static void
turn(void)
{
	(void)event_base_loop(sup->base, sup->http != NULL &&
	    sup->http->nasks > 0 ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
	conn_flush_all(sup->group);
}

static void
start(void)
{
	static char home[] = "HOME=/nowhere", http[] = "LC_ALL=C";
	static char *env[] = { home, http, NULL };
	struct conf_problems problems;

	log_set_level(LOG_L_BUG);
	sup = xcalloc(1, sizeof(*sup));
	sup->magic = SUP_MAGIC;
	sup->base = event_base_new();
	conf_problems_init(&problems);
	FUZZ_CHECK(conf_load(NULL, env, &sup->conf, &problems) == 0);
	conf_problems_fini(&problems);
	free(sup->conf->http.token);
	sup->conf->http.token = xstrdup("t");
	sup->conf->http.port = 0;
	sup->boot_conf = sup->conf;
	sup->id = "fuzz-1";
	sup->events = xstrdup("ai:events");
	TAILQ_INIT(&sup->queues);
	TAILQ_INIT(&sup->pools);
	TAILQ_INIT(&sup->cancels);
	TAILQ_INIT(&sup->forgets);
	TAILQ_INIT(&sup->left);
	sup->redis = xcalloc(1, sizeof(*sup->redis));
	sup->redis->shown = xstrdup("redis://127.0.0.1");
	sup->redis->opts = (struct conn_opts){ .host = "127.0.0.1",
		.port = fake_redis(sup->base), .username = "", .password = "",
		.name = "fuzz", .connect_timeout = 5 * DUR_S,
		.command_timeout = 5 * DUR_S };
	sup->group = conn_group_new(sup->base, &sup->redis->opts);
	sup->main = conn_open(sup->group, "main", keep_ready, sup);
	while (!sup->ready)
		turn();
	FUZZ_CHECK(http_open(sup, &sup->http) == 0);
	listen_to_clients(sup->http->evhttp);
}

/* Reads what is there; false once the server has hung up. */
static bool
read_answer(int fd)
{
	char bytes[65536];
	ssize_t n;

	do
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	while (n > 0);
	return (n < 0 && errno == EAGAIN);
}

static void
talk(const uint8_t *data, size_t size)
{
	size_t sent = 0;
	ssize_t n;
	int fd, i;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address,
	    address_size) == 0);
	for (i = 0; i < TURNS_MAX; i++) {
		if (sent < size) {
			n = send(fd, data + sent, size - sent,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
			if (n > 0)
				sent += (size_t)n;
			if (sent == size)
				(void)shutdown(fd, SHUT_WR);
		}
		turn();
		if (!read_answer(fd))
			break;
		/* a stream of events ends with its client only */
		if (sent == size && sup->http->events != NULL && i > 20)
			break;
	}
	(void)close(fd);
	for (i = 0; i < TURNS_MAX && (sup->http->nasks > 0 ||
	    sup->http->events != NULL); i++)
		turn();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (sup == NULL)
		start();
	if (size == 0)
		return (0);
	talk(data, size);
	FUZZ_CHECK(sup->http->nasks == 0 && sup->http->events == NULL);
	FUZZ_CHECK(sup->ready);
	return (0);
}
