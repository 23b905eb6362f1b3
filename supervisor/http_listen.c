/*
 * The socket that the HTTP server listens on, and its move to another one
 * while the daemon works: the new one is bound before the old one is left.
 */
#include "config.h"

#include "supervisor/http.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/http_ask.h"
#include "supervisor/sup.h"

#define BACKLOG 128

static socklen_t
address_of(const char *host, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return (sizeof(*v4));
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return (0);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return (sizeof(*v6));
}

static void
set_option(int fd, int option, int on)
{
	(void)setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
}

/*
 * beside: a socket of ours that may listen on the same port of an address
 * that overlaps (127.0.0.1 and 0.0.0.0), or -1. Only for the moment of the
 * bind both may share it: another daemon must not.
 */
static int
bind_socket(const char *host, uint16_t port, int beside, int *fdp)
{
	struct sockaddr_storage ss;
	socklen_t n = address_of(host, port, &ss);
	int fd, r;

	*fdp = -1;
	if (n == 0) {
		errno = EADDRNOTAVAIL;
		return (-ERR_SYSTEM);
	}
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd < 0)
		return (-ERR_SYSTEM);
	set_option(fd, SO_REUSEADDR, 1);
	if (beside >= 0) {
		set_option(beside, SO_REUSEPORT, 1);
		set_option(fd, SO_REUSEPORT, 1);
	}
	r = bind(fd, (struct sockaddr *)&ss, n) == 0 &&
	    listen(fd, BACKLOG) == 0 ? 0 : -ERR_SYSTEM;
	if (beside >= 0) {
		set_option(beside, SO_REUSEPORT, 0);
		set_option(fd, SO_REUSEPORT, 0);
	}
	if (r != 0)
		fd_close(&fd);
	*fdp = fd;
	return (r);
}

static unsigned
port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return (0);
	if (ss.ss_family == AF_INET6)
		return (ntohs(((struct sockaddr_in6 *)&ss)->sin6_port));
	return (ntohs(((struct sockaddr_in *)&ss)->sin_port));
}

static bool
is_at(const struct http *h, const struct conf_http *c)
{
	return (h->port == c->port && strcmp(h->host, c->host) == 0);
}

int
http_bind(const struct sup *sup, const struct conf_http *c, int *fdp)
{
	const struct http *h = sup->http;

	*fdp = -1;
	if (c->host[0] == '\0' || (h != NULL && is_at(h, c)))
		return (0);
	return (bind_socket(c->host, c->port, h != NULL &&
	    h->port == c->port ? evconnlistener_get_fd(h->listener) : -1,
	    fdp));
}

void
http_listen(struct http *h, const struct conf_http *c, int *fdp)
{
	struct evhttp_bound_socket *old = h->bound;
	const char *host = c->host;
	int fd = *fdp;

	*fdp = -1;
	h->bound = evhttp_accept_socket_with_handle(h->evhttp, fd);
	ASSERT(h->bound != NULL);       /* else memory is out */
	h->listener = evhttp_bound_socket_get_listener(h->bound);
	evconnlistener_set_error_cb(h->listener, http_accept_error);
	if (old != NULL)
		evhttp_del_accept_socket(h->evhttp, old);
	free(h->host);
	h->host = xstrdup(host);
	h->port = c->port;
	h->loopback = c->loopback;
	log_info("http", "listening on http://%s%s%s:%u/",
	    strchr(host, ':') != NULL ? "[" : "", host,
	    strchr(host, ':') != NULL ? "]" : "", port_of(fd));
}

bool
http_on_loopback(const struct http *h, struct evhttp_connection *conn)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	/* a connection may be older than the address we listen on now */
	if (!h->loopback)
		return (false);
	fd = bufferevent_getfd(evhttp_connection_get_bufferevent(conn));
	memset(&ss, 0, sizeof(ss));
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return (false);
	if (ss.ss_family == AF_INET)
		return (ntohl(((struct sockaddr_in *)&ss)->sin_addr.s_addr) >>
		    24 == 127);
	return (ss.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(
	    &((struct sockaddr_in6 *)&ss)->sin6_addr));
}
