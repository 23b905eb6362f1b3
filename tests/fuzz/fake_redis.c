/* See fake_redis.h. Requests are read by the reader of replies: they have the
 * form of one. */
#include "config.h"

#include "tests/fuzz/fake_redis.h"

#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <hiredis/hiredis.h>

#include "base/obj.h"

#define RECORD "{\"id\":\"a\",\"queue\":\"q\",\"state\":\"moved\"," \
	"\"moved_to\":\"ai:x\",\"queued_at\":1}"
#define STATUS "{\"worker_id\":\"w2\",\"active_jobs\":1," \
	"\"available_slots\":2,\"gpu_enabled\":true,\"queues\":[\"ai:y\"]}"

/* Command, its answer, and the answer where the last byte of the second word
 * is odd (NULL: the same). A bulk string's length is put in front of it. */
static const struct {
	const char *command, *even, *odd;
} answers[] = {
	{ "LPUSH", ":1", "-WRONGTYPE Operation against a key" },
	{ "GET", "$" RECORD, "$-1" },
	{ "ZREVRANGE", "*2\r\n$6\r\nfuzz-1\r\n$2\r\nw2", NULL },
	{ "MGET", "$[" STATUS, NULL },
	{ "XRANGE", "*1\r\n*2\r\n$3\r\n1-0\r\n*4\r\n$4\r\nline\r\n$2\r\nhi"
	    "\r\n$6\r\nstream\r\n$6\r\nstdout", "*0" },
	{ "PUBLISH", ":0", NULL },
	{ "EVAL", "*10\r\n:9\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n"
	    "$0\r\n\r\n$15\r\n{\"queued_at\":1}\r\n$-1", NULL },
	{ "SUBSCRIBE", "*3\r\n$9\r\nsubscribe\r\n$9\r\nai:events\r\n:1", NULL },
	{ "PING", "+PONG", NULL },
};

static void
put_answer(struct evbuffer *out, const char *text)
{
	if (text[0] == '$' && text[1] == '{')
		(void)evbuffer_add_printf(out, "$%zu\r\n%s\r\n",
		    strlen(text + 1), text + 1);
	else if (text[0] == '$' && text[1] == '[')
		(void)evbuffer_add_printf(out, "*2\r\n$-1\r\n$%zu\r\n%s\r\n",
		    strlen(text + 2), text + 2);
	else
		(void)evbuffer_add_printf(out, "%s\r\n", text);
}

static void
answer(struct evbuffer *out, const redisReply *words)
{
	const redisReply *key;
	bool odd;
	size_t i;

	ASSERT(words->type == REDIS_REPLY_ARRAY && words->elements > 0);
	key = words->element[words->elements > 1 ? 1 : 0];
	odd = key->len > 0 && (key->str[key->len - 1] & 1) != 0;
	for (i = 0; i < NELEM(answers); i++)
		if (strcasecmp(words->element[0]->str, answers[i].command) ==
		    0) {
			put_answer(out, odd && answers[i].odd != NULL ?
			    answers[i].odd : answers[i].even);
			return;
		}
	put_answer(out, "+OK");
}

static void
on_read(struct bufferevent *bev, void *priv)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t n = evbuffer_get_length(in);
	redisReader *reader = priv;
	void *words;

	(void)redisReaderFeed(reader, (const char *)evbuffer_pullup(in, -1), n);
	(void)evbuffer_drain(in, n);
	while (redisReaderGetReply(reader, &words) == REDIS_OK &&
	    words != NULL) {
		answer(bufferevent_get_output(bev), words);
		freeReplyObject(words);
	}
}

static void
on_end(struct bufferevent *bev, short what, void *priv)
{
	redisReaderFree(priv);
	bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int size, void *priv)
{
	struct bufferevent *bev = bufferevent_socket_new(priv, fd,
	    BEV_OPT_CLOSE_ON_FREE);
	const int yes = 1;

	/* no answer waits for the acknowledgement of the one before */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	ASSERT(bev != NULL);
	bufferevent_setcb(bev, on_read, NULL, on_end, redisReaderCreate());
	(void)bufferevent_enable(bev, EV_READ | EV_WRITE);
}

int
fake_redis(struct event_base *base)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(sin);
	struct evconnlistener *l;

	l = evconnlistener_new_bind(base, on_accept, base,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
	    (struct sockaddr *)&sin, (int)sizeof(sin));
	ASSERT(l != NULL && getsockname(evconnlistener_get_fd(l),
	    (struct sockaddr *)&sin, &size) == 0);
	return (ntohs(sin.sin_port));
}
