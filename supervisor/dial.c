/*
 * Resolves and connects; see dial.h. hiredis can connect too, but resolves
 * names with a blocking getaddrinfo, tries one address family after the other
 * in ways that differ between its versions, and leaves descriptors open over
 * exec; so it gets a socket that is connected already.
 *
 * The name server list and hosts file are read again after each failure to
 * resolve, since a daemon that runs for months outlives them.
 */
#include "config.h"

#include "supervisor/dial.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#define DIALER_MAGIC 0x6469616cu
#define DIAL_MAGIC 0x64696121u
#define RESOLV_CONF "/etc/resolv.conf"

struct dialer {
	unsigned magic;
	struct event_base *base;        /* borrows */
	struct evdns_base *dns;         /* owns; NULL until a name is met */
	bool dns_stale;                 /* read resolv.conf and hosts again */
	const char *path;               /* borrows; NULL: TCP */
	const char *host;               /* borrows */
	int port;
};

/* A name on its way. Outlives its dial when that is cancelled, because evdns
 * calls back later even then. */
struct lookup {
	struct dial *dial;              /* borrows; NULL: nobody waits */
	struct evdns_getaddrinfo_request *req;
};

struct dial {
	unsigned magic;
	struct dialer *dr;              /* borrows */
	dur_t timeout;
	dial_done_f *done;
	void *priv;
	struct lookup *lookup;          /* borrows while resolving, else NULL */
	struct evutil_addrinfo *list;   /* owns */
	struct evutil_addrinfo *next;   /* in list; NULL: all were tried */
	int fd;                         /* the attempt under way, or -1 */
	struct event *writable;         /* owns; fires when fd is connected */
	struct event *timer;            /* owns; first the start, then the limit */
	bool started;
	char why[160];                  /* of the last attempt that failed */
};

static void
free_dial(struct dial *d)
{
	if (d->lookup != NULL) {
		d->lookup->dial = NULL;
		evdns_getaddrinfo_cancel(d->lookup->req);
	}
	if (d->writable != NULL)
		event_free(d->writable);
	event_free(d->timer);
	if (d->list != NULL)
		evutil_freeaddrinfo(d->list);
	fd_close(&d->fd);
	d->magic = 0;
	free(d);
}

/* Ends the dial with its socket, or without one for d->why. */
static void
finish(struct dial *d)
{
	dial_done_f *done = d->done;
	void *priv = d->priv;
	char why[sizeof(d->why)];
	int fd = d->fd;

	memcpy(why, d->why, sizeof(why));
	d->fd = -1;
	free_dial(d);
	done(priv, fd, fd < 0 ? why : NULL);
}

static void
set_why(struct dial *d, const char *text)
{
	snprintf(d->why, sizeof(d->why), "%s", text);
}

static void
arm_limit(struct dial *d)
{
	struct timeval tv;

	tv.tv_sec = d->timeout / DUR_S;
	tv.tv_usec = d->timeout % DUR_S / DUR_US;
	evtimer_add(d->timer, &tv);
}

static void
set_tcp_options(int fd)
{
	static const struct { int level, name, value; } opt[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 30 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 5 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
	};
	unsigned i;

	/* A socket that refuses one of these still works. */
	for (i = 0; i < NELEM(opt); i++)
		setsockopt(fd, opt[i].level, opt[i].name, &opt[i].value,
		    sizeof(opt[i].value));
}

/* Begins to connect. True: connected or under way; false: errno says why. */
static bool
connect_to(struct dial *d, const struct sockaddr *sa, socklen_t len)
{
	d->fd = socket(sa->sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0)
		return (false);
	if (sa->sa_family != AF_UNIX)
		set_tcp_options(d->fd);
	if (connect(d->fd, sa, len) == 0 || errno == EINPROGRESS)
		return (true);
	return (false);
}

static void try_next(struct dial *d);

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	socklen_t len = sizeof(int);
	int err = 0;

	OBJ_CHECK(d, DIAL_MAGIC);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (err == 0) {
		finish(d);
		return;
	}
	set_why(d, strerror(err));
	try_next(d);
}

static void
watch(struct dial *d)
{
	d->writable = event_new(d->dr->base, d->fd, EV_WRITE, on_writable, d);
	ASSERT(d->writable != NULL);
	event_add(d->writable, NULL);
	arm_limit(d);
}

/* The next address; after the last one, the end. */
static void
try_next(struct dial *d)
{
	struct evutil_addrinfo *ai;

	if (d->writable != NULL) {
		event_free(d->writable);
		d->writable = NULL;
	}
	for (;;) {
		fd_close(&d->fd);
		if ((ai = d->next) == NULL)
			break;
		d->next = ai->ai_next;
		if (connect_to(d, ai->ai_addr, ai->ai_addrlen)) {
			watch(d);
			return;
		}
		set_why(d, strerror(errno));
	}
	finish(d);
}

/* A unix socket connects at once or not at all (EAGAIN: its queue is full). */
static void
connect_path(struct dial *d)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(d->dr->path);

	if (n >= sizeof(sun.sun_path)) {
		set_why(d, "path of the socket is too long");
	} else {
		memcpy(sun.sun_path, d->dr->path, n + 1);
		if (!connect_to(d, (struct sockaddr *)&sun, sizeof(sun))) {
			set_why(d, strerror(errno));
			fd_close(&d->fd);
		}
	}
	finish(d);
}

static void
on_lookup(int result, struct evutil_addrinfo *list, void *arg)
{
	struct lookup *l = arg;
	struct dial *d = l->dial;

	free(l);
	if (d == NULL) {
		if (list != NULL)
			evutil_freeaddrinfo(list);
		return;
	}
	OBJ_CHECK(d, DIAL_MAGIC);
	d->lookup = NULL;
	if (result != 0) {
		d->dr->dns_stale = true;
		snprintf(d->why, sizeof(d->why), "could not resolve %s: %s",
		    d->dr->host, evutil_gai_strerror(result));
		finish(d);
		return;
	}
	d->list = d->next = list;
	try_next(d);
}

/* Makes the DNS base, or renews its servers and hosts after a failure. */
static bool
prepare_dns(struct dialer *dr)
{
	if (dr->dns == NULL) {
		dr->dns = evdns_base_new(dr->base,
		    EVDNS_BASE_DISABLE_WHEN_INACTIVE);
		if (dr->dns == NULL)
			return (false);
	} else if (dr->dns_stale) {
		evdns_base_clear_nameservers_and_suspend(dr->dns);
		evdns_base_clear_host_addresses(dr->dns);
	} else {
		return (true);
	}
	/* Without a usable file evdns asks a server on this host. */
	if (evdns_base_resolv_conf_parse(dr->dns, DNS_OPTIONS_ALL,
	    RESOLV_CONF) != 0)
		log_debug("redis", "no name servers from %s", RESOLV_CONF);
	if (dr->dns_stale)
		evdns_base_resume(dr->dns);
	dr->dns_stale = false;
	return (true);
}

static void
resolve(struct dial *d, const struct evutil_addrinfo *hints, const char *port)
{
	struct evdns_getaddrinfo_request *req;
	struct lookup *l;

	if (!prepare_dns(d->dr)) {
		set_why(d, "could not start the name resolver");
		finish(d);
		return;
	}
	arm_limit(d);
	l = xcalloc(1, sizeof(*l));
	l->dial = d;
	d->lookup = l;
	/* NULL: on_lookup has been called already, and d may be gone. */
	req = evdns_getaddrinfo(d->dr->dns, d->dr->host, port, hints,
	    on_lookup, l);
	if (req != NULL)
		l->req = req;
}

static void
connect_host(struct dial *d)
{
	struct evutil_addrinfo hints;
	char port[16];

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_protocol = IPPROTO_TCP;
	hints.ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV;
	snprintf(port, sizeof(port), "%d", d->dr->port);
	if (evutil_getaddrinfo(d->dr->host, port, &hints, &d->list) == 0) {
		d->next = d->list;
		try_next(d);
		return;
	}
	d->list = NULL;
	hints.ai_flags = EVUTIL_AI_NUMERICSERV;
	resolve(d, &hints, port);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;

	OBJ_CHECK(d, DIAL_MAGIC);
	if (!d->started) {
		d->started = true;
		if (d->dr->path != NULL)
			connect_path(d);
		else
			connect_host(d);
	} else if (d->lookup != NULL) {
		d->dr->dns_stale = true;
		snprintf(d->why, sizeof(d->why),
		    "could not resolve %s: timed out", d->dr->host);
		finish(d);
	} else {
		set_why(d, "connect timed out");
		try_next(d);
	}
}

struct dialer *
dialer_new(struct event_base *base, const char *path, const char *host,
    int port)
{
	struct dialer *dr;

	ASSERT(path != NULL || host != NULL);
	dr = xcalloc(1, sizeof(*dr));
	dr->magic = DIALER_MAGIC;
	dr->base = base;
	dr->path = path;
	dr->host = host;
	dr->port = port;
	return (dr);
}

void
dialer_free(struct dialer **dp)
{
	struct dialer *dr = *dp;

	if (dr == NULL)
		return;
	OBJ_CHECK(dr, DIALER_MAGIC);
	*dp = NULL;
	if (dr->dns != NULL)
		evdns_base_free(dr->dns, 0);
	dr->magic = 0;
	free(dr);
}

struct dial *
dial_start(struct dialer *dr, dur_t timeout, dial_done_f *done, void *priv)
{
	static const struct timeval now = { 0, 0 };
	struct dial *d;

	OBJ_CHECK(dr, DIALER_MAGIC);
	d = xcalloc(1, sizeof(*d));
	d->magic = DIAL_MAGIC;
	d->dr = dr;
	d->timeout = timeout;
	d->done = done;
	d->priv = priv;
	d->fd = -1;
	d->timer = evtimer_new(dr->base, on_timer, d);
	ASSERT(d->timer != NULL);
	evtimer_add(d->timer, &now);
	return (d);
}

void
dial_cancel(struct dial **dp)
{
	struct dial *d = *dp;

	if (d == NULL)
		return;
	OBJ_CHECK(d, DIAL_MAGIC);
	*dp = NULL;
	free_dial(d);
}

bool
dial_resolving(const struct dial *d)
{
	OBJ_CHECK(d, DIAL_MAGIC);
	return (d->lookup != NULL);
}
