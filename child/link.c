/*
 * The DEALER towards the supervisor's ROUTER. One I/O thread. The socket is
 * the main thread's; the watchdog may send on it under the same lock, which
 * also is the barrier that ZeroMQ asks for.
 */
#include "config.h"

#include "child/link.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/xalloc.h"

#define LINK_MAGIC 0x6c696e6bu

struct link {
	unsigned magic;
	void *ctx;      /* owns */
	void *sock;     /* owns */
	int fd;         /* libzmq's */
	pthread_mutex_t lock;   /* of the socket */
	atomic_bool unsure;     /* see link_unsure */
};

static int
set_int(void *sock, int option, int value)
{

	return (zmq_setsockopt(sock, option, &value, sizeof(value)));
}

static int
open_socket(struct link *l, const char *endpoint, const char *identity)
{
	size_t len = sizeof(l->fd);

	if ((l->ctx = zmq_ctx_new()) == NULL)
		return (-ERR_SYSTEM);
	/* one socket: no table of a thousand in each of many children */
	zmq_ctx_set(l->ctx, ZMQ_MAX_SOCKETS, 4);
	if ((l->sock = zmq_socket(l->ctx, ZMQ_DEALER)) == NULL)
		return (-ERR_SYSTEM);
	if (zmq_setsockopt(l->sock, ZMQ_ROUTING_ID, identity,
	    strlen(identity)) != 0 ||
	    set_int(l->sock, ZMQ_LINGER, 0) != 0 ||
	    zmq_connect(l->sock, endpoint) != 0 ||
	    zmq_getsockopt(l->sock, ZMQ_FD, &l->fd, &len) != 0)
		return (-ERR_SYSTEM);
	return (0);
}

void
link_frame_free(struct link_frame **fp)
{

	if (*fp == NULL)
		return;
	zmq_msg_close((*fp)->msg);
	free((*fp)->msg);
	free(*fp);
	*fp = NULL;
}

int
link_open(const char *endpoint, const char *identity, struct link **lp)
{
	struct link *l;
	int saved;

	l = xcalloc(1, sizeof(*l));
	l->magic = LINK_MAGIC;
	pthread_mutex_init(&l->lock, NULL);
	atomic_store(&l->unsure, true);
	if (open_socket(l, endpoint, identity) != 0) {
		saved = errno;
		link_close(&l, 0);
		errno = saved;
		return (-ERR_SYSTEM);
	}
	*lp = l;
	return (0);
}

const char *
link_error(void)
{

	return (zmq_strerror(zmq_errno()));
}

void
link_close(struct link **lp, int linger_ms)
{
	struct link *l = *lp;

	if (l == NULL)
		return;
	OBJ_CHECK(l, LINK_MAGIC);
	if (l->sock != NULL) {
		set_int(l->sock, ZMQ_LINGER, linger_ms);
		zmq_close(l->sock);
	}
	while (l->ctx != NULL && zmq_ctx_term(l->ctx) != 0 &&
	    zmq_errno() == EINTR)
		;
	pthread_mutex_destroy(&l->lock);
	l->magic = 0;
	free(l);
	*lp = NULL;
}

int
link_fd(const struct link *l)
{

	OBJ_CHECK(l, LINK_MAGIC);
	return (l->fd);
}

/* False: there is none. */
static bool
receive(struct link *l, zmq_msg_t *m)
{
	bool got;

	pthread_mutex_lock(&l->lock);
	while (!(got = zmq_msg_recv(m, l->sock, ZMQ_DONTWAIT) >= 0) &&
	    zmq_errno() == EINTR)
		;
	atomic_store(&l->unsure, got);
	pthread_mutex_unlock(&l->lock);
	return (got);
}

struct link_frame *
link_recv(struct link *l)
{
	struct link_frame *f;
	zmq_msg_t *m;

	OBJ_CHECK(l, LINK_MAGIC);
	m = xmalloc(sizeof(*m));
	zmq_msg_init(m);
	if (!receive(l, m)) {
		zmq_msg_close(m);
		free(m);
		return (NULL);
	}
	f = xmalloc(sizeof(*f));
	f->msg = m;
	f->p = zmq_msg_data(m);
	f->n = zmq_msg_size(m);
	return (f);
}

bool
link_unsure(const struct link *l)
{

	OBJ_CHECK(l, LINK_MAGIC);
	return (atomic_load(&l->unsure));
}

/* With the lock. False: no room, and it may not wait. */
static bool
put(struct link *l, struct buf *b, bool wait)
{
	int r;

	ASSERT(!b->failed);
	while ((r = zmq_send(l->sock, b->data, b->len,
	    wait ? 0 : ZMQ_DONTWAIT)) < 0 && zmq_errno() == EINTR)
		;
	atomic_store(&l->unsure, true);
	if (r >= 0)
		buf_reset(b);
	return (r >= 0);
}

void
link_send(struct link *l, struct buf *b, bool may_be_lost)
{

	OBJ_CHECK(l, LINK_MAGIC);
	pthread_mutex_lock(&l->lock);
	(void)put(l, b, !may_be_lost);
	pthread_mutex_unlock(&l->lock);
	buf_reset(b);
}

bool
link_try_send(struct link *l, struct buf *b)
{
	bool sent;

	OBJ_CHECK(l, LINK_MAGIC);
	if (pthread_mutex_trylock(&l->lock) != 0)
		return (false);
	sent = put(l, b, false);
	pthread_mutex_unlock(&l->lock);
	return (sent);
}
