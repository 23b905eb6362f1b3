/*
 * A tiny HTTP client for one question, and the choice of a port. An attempt
 * is a fresh connection with a deadline; the next one starts a little later.
 */
#include "config.h"

#include "cli/up_http.h"

#include <sys/socket.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

#define ATTEMPT (2 * DUR_S)
#define PAUSE (50 * DUR_MS)
#define PORTS 100       /* how many are tried after the first */

/* Splits "host:port" or "[v6]:port" and resolves it, numbers only. */
static int
parse_listen(const char *listen, struct sockaddr_storage *addr,
    socklen_t *lenp)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICSERV,
	    .ai_socktype = SOCK_STREAM }, *ai;
	const char *colon = strrchr(listen, ':');
	char host[256];
	size_t n;

	if (colon == NULL || colon[1] == '\0')
		return (-ERR_SYNTAX);
	n = (size_t)(colon - listen);
	if (n >= 2 && listen[0] == '[' && listen[n - 1] == ']') {
		listen++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(host))
		return (-ERR_SYNTAX);
	memcpy(host, listen, n);
	host[n] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &ai) != 0)
		return (-ERR_SYNTAX);
	memcpy(addr, ai->ai_addr, ai->ai_addrlen);
	*lenp = ai->ai_addrlen;
	freeaddrinfo(ai);
	return (0);
}

/* sin_port and sin6_port lie at the same place. */
static unsigned
port_of(const struct sockaddr_storage *addr)
{
	return (ntohs(((const struct sockaddr_in *)addr)->sin_port));
}

static void
set_port(struct sockaddr_storage *addr, unsigned port)
{
	((struct sockaddr_in *)addr)->sin_port = htons((uint16_t)port);
}

static int
format_addr(const struct sockaddr_storage *addr, socklen_t len, char *out,
    size_t size)
{
	char host[INET6_ADDRSTRLEN + 32];

	if (getnameinfo((const struct sockaddr *)addr, len, host,
	    sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
		return (-ERR_SYNTAX);
	snprintf(out, size, addr->ss_family == AF_INET6 ? "[%s]:%u" :
	    "%s:%u", host, port_of(addr));
	return (0);
}

/* Binds for a moment; the port that was bound is filled in. */
static int
try_bind(struct sockaddr_storage *addr, socklen_t len)
{
	int fd, on = 1, r = -ERR_SYSTEM, saved;

	fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)addr, len) == 0 &&
		    listen(fd, 1) == 0 &&
		    getsockname(fd, (struct sockaddr *)addr, &len) == 0)
			r = 0;
	}
	saved = errno;
	fd_close(&fd);
	errno = saved;
	return (r);
}

int
up_listen_choose(const char *listen, bool search, char *listenp, size_t size)
{
	struct sockaddr_storage addr = { .ss_family = 0 };
	unsigned first, i;
	socklen_t len;
	int r;

	if ((r = parse_listen(listen, &addr, &len)) != 0)
		return (r);
	first = port_of(&addr);
	r = try_bind(&addr, len);
	for (i = 1; r != 0 && errno == EADDRINUSE && search && i <= PORTS;
	    i++) {
		set_port(&addr, first + i);
		r = try_bind(&addr, len);
	}
	return (r != 0 ? r : format_addr(&addr, len, listenp, size));
}

/* One can't connect to a wildcard everywhere. */
static void
loopback_for_any(struct sockaddr_storage *addr)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;

	if (addr->ss_family == AF_INET &&
	    v4->sin_addr.s_addr == htonl(INADDR_ANY))
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (addr->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
		v6->sin6_addr = in6addr_loopback;
}

int
up_probe_init(struct up_probe *p, const char *listen, char *url, size_t size)
{
	char text[128];
	int r;

	memset(p, 0, sizeof(*p));
	p->fd = -1;
	if ((r = parse_listen(listen, &p->addr, &p->addrlen)) != 0)
		return (r);
	loopback_for_any(&p->addr);
	if ((r = format_addr(&p->addr, p->addrlen, text, sizeof(text))) == 0)
		snprintf(url, size, "http://%s/", text);
	return (r);
}

void
up_probe_fini(struct up_probe *p)
{
	fd_close(&p->fd);
}

short
up_probe_events(const struct up_probe *p)
{
	if (p->fd < 0)
		return (0);
	return (p->sent ? POLLIN : POLLOUT);
}

static void
end_attempt(struct up_probe *p)
{
	fd_close(&p->fd);
	p->next = mono_add(mono_now(), PAUSE);
}

static void
begin_attempt(struct up_probe *p)
{
	p->sent = false;
	p->have = 0;
	p->until = mono_add(mono_now(), ATTEMPT);
	p->fd = socket(p->addr.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd >= 0 && connect(p->fd, (struct sockaddr *)&p->addr,
	    p->addrlen) != 0 && errno != EINPROGRESS)
		end_attempt(p);
}

static void
send_request(struct up_probe *p)
{
	static const char ask[] = "GET /readyz HTTP/1.0\r\n"
	    "Host: localhost\r\nConnection: close\r\n\r\n";
	ssize_t n = send(p->fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL);

	if (n == (ssize_t)sizeof(ask) - 1)
		p->sent = true;
	else if (n >= 0 || (errno != EAGAIN && errno != ENOTCONN))
		end_attempt(p);
}

/* Reads to the end of the answer; true if its status is 200. */
static bool
read_answer(struct up_probe *p)
{
	ssize_t n;

	while ((n = read(p->fd, p->answer + p->have,
	    sizeof(p->answer) - 1 - p->have)) > 0)
		p->have += (size_t)n;
	if (n < 0 && errno == EAGAIN)
		return (false);
	p->answer[p->have] = '\0';
	if (p->have > 12 && strncmp(p->answer, "HTTP/1.", 7) == 0)
		p->status = (int)strtol(p->answer + 9, NULL, 10);
	end_attempt(p);
	return (p->status == 200);
}

bool
up_probe_step(struct up_probe *p)
{
	mono_t now = mono_now();

	if (p->fd < 0) {
		if (now >= p->next)
			begin_attempt(p);
		return (false);
	}
	if (now >= p->until) {
		end_attempt(p);
		return (false);
	}
	if (!p->sent)
		send_request(p);
	return (p->sent && p->fd >= 0 && read_answer(p));
}

const char *
up_probe_reason(struct up_probe *p)
{
	char *body = strstr(p->answer, "\r\n\r\n");

	if (p->status == 0)
		return ("no answer");
	if (body == NULL || body[4] == '\0')
		return ("no reason given");
	body[4 + strcspn(body + 4, "\r\n")] = '\0';
	return (body + 4);
}
