/*
 * The HTTP server: evhttp on the supervisor's loop. Here are the socket and
 * the way from a request to its route; answers are made in the other http_
 * files. No request waits for anything but a callback, and each does bounded
 * work in a turn.
 */
#include "config.h"

#include "supervisor/http.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/http_ask.h"
#include "supervisor/sup.h"

#define HEADERS_MAX 16384
#define IDLE_TIMEOUT_S 30       /* no byte came, or none was taken */
#define PAUSE_MS 200            /* of accepting, when descriptors run out */

#define X(method, path, class, func, help) \
	{ #method, path, HTTP_##class, func, help },
static const struct http_route routes[] = { HTTP_ROUTES(X) };
#undef X

static const struct {
	enum evhttp_cmd_type type;
	const char *name;
} methods[] = {
	{ EVHTTP_REQ_GET, "GET" }, { EVHTTP_REQ_HEAD, "HEAD" },
	{ EVHTTP_REQ_POST, "POST" }, { EVHTTP_REQ_DELETE, "DELETE" },
	{ EVHTTP_REQ_PUT, "PUT" }, { EVHTTP_REQ_PATCH, "PATCH" },
	{ EVHTTP_REQ_OPTIONS, "OPTIONS" }, { EVHTTP_REQ_TRACE, "TRACE" },
	{ EVHTTP_REQ_CONNECT, "CONNECT" },
};

/* ---- from a request to its route ---- */

static const char *
method_of(struct evhttp_request *req)
{
	enum evhttp_cmd_type type = evhttp_request_get_command(req);
	size_t i;

	for (i = 0; i < NELEM(methods); i++)
		if (methods[i].type == type)
			return (methods[i].name);
	return ("?");
}

static const char *
path_of(struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);

	if (path == NULL)
		return ("");
	return (path[0] == '\0' ? "/" : path);
}

static const char *
header_of(struct evhttp_request *req, const char *name)
{
	return (evhttp_find_header(evhttp_request_get_input_headers(req),
	    name));
}

/* 404 with what there is, for whoever explores with curl. */
static void
say_routes(struct ask *a)
{
	struct jsonw w;
	struct buf b;
	size_t i;

	buf_init(&b, 16384);
	jsonw_init(&w, &b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "error", "no such path, or no such id");
	jsonw_key(&w, "paths");
	jsonw_arr(&w);
	for (i = 0; i < NELEM(routes); i++) {
		jsonw_obj(&w);
		jsonw_kstr(&w, "method", routes[i].method);
		jsonw_kstr(&w, "path", routes[i].path);
		jsonw_kstr(&w, "what", routes[i].help);
		jsonw_end(&w);
	}
	jsonw_end(&w);
	jsonw_end(&w);
	ask_json(a, 404, &b);
	buf_fini(&b);
}

static void
log_refusal(struct ask *a, int code)
{
	static struct log_limit limit = LOG_LIMIT(5, 10 * DUR_S);
	char *peer = NULL;
	ev_uint16_t port = 0;

	evhttp_connection_get_peer(evhttp_request_get_connection(a->req),
	    &peer, &port);
	if (log_limit(&limit))
		log_warn("http", "refused status=%d peer=%s method=%s", code,
		    peer != NULL ? peer : "?", method_of(a->req));
}

static void
refuse(struct ask *a, int code)
{
	log_refusal(a, code);
	if (code == 403) {
		ask_error(a, 403, "no token is configured: set token_file in "
		    "[http]");
		return;
	}
	ask_header(a, "WWW-Authenticate", "Bearer realm=\"ganger\"");
	ask_error(a, 401, "the token is missing or wrong: send it as "
	    "\"Authorization: Bearer TOKEN\"");
}

/* A foreign Host on loopback may be a web page that plays a trick; whoever
 * knows the token is trusted. */
static bool
host_trusted(struct ask *a, const struct http_access *access,
    enum http_class class)
{
	if (!access->loopback || class == HTTP_OPEN ||
	    http_host_ok(header_of(a->req, "Host")))
		return (true);
	return (http_access_check(access, HTTP_CHANGE,
	    header_of(a->req, "Authorization")) == 0);
}

static void
decide(struct ask *a)
{
	const struct conf_http *conf = &a->sup->conf->http;
	const struct http_access access = { http_on_loopback(a->http,
	    evhttp_request_get_connection(a->req)), conf->open_read, conf->token };
	struct http_match m;
	int code;

	code = http_route_find(routes, NELEM(routes), method_of(a->req),
	    path_of(a->req), &m);
	if (code == 404) {
		say_routes(a);
		return;
	}
	if (code == 405) {
		ask_header(a, "Allow", m.allow);
		ask_error(a, 405, "this path takes %s", m.allow);
		return;
	}
	code = http_access_check(&access, m.route->class,
	    header_of(a->req, "Authorization"));
	if (code != 0) {
		refuse(a, code);
		return;
	}
	if (!host_trusted(a, &access, m.route->class)) {
		log_refusal(a, 403);
		ask_error(a, 403, "unknown name in the Host header: use the "
		    "address or localhost, or send the token");
		return;
	}
	memcpy(a->arg, m.arg, sizeof(a->arg));
	m.route->func(a);
}

/* The body may be half as large again, so that most that are too large get
 * an answer of ours; beyond that evhttp refuses. */
static void
set_body_limit(struct http *h)
{
	uint64_t max = h->sup->conf->supervisor.max_job_size;

	evhttp_set_max_body_size(h->evhttp,
	    (ev_ssize_t)(max + max / 2 + (1u << 20)));
}

static void
on_request(struct evhttp_request *req, void *priv)
{
	struct http *h = priv;
	struct ask *a;

	OBJ_CHECK(h, HTTP_MAGIC);
	set_body_limit(h);      /* of later connections; may be reloaded */
	a = ask_new(h, req);
	if (a != NULL)
		ask_run(a, decide);
}

/* ---- the socket ---- */

static void
pause_accepting(struct http *h)
{
	static struct log_limit limit = LOG_LIMIT(1, 60 * DUR_S);
	const struct timeval tv = { .tv_usec = PAUSE_MS * 1000 };

	if (log_limit(&limit))
		log_warn("http", "no more connections for a while: "
		    "descriptors run out");
	(void)evconnlistener_disable(h->listener);
	(void)event_add(h->resume, &tv);
}

static void
on_resume(evutil_socket_t fd, short what, void *priv)
{
	struct http *h = priv;

	if (!h->paused)
		(void)evconnlistener_enable(h->listener);
}

void
http_pause(struct http *h, bool pause)
{
	if (h == NULL)
		return;
	h->paused = pause;
	if (pause)
		(void)evconnlistener_disable(h->listener);
	else
		(void)evconnlistener_enable(h->listener);
}

int
http_socket(const struct http *h)
{
	return (h == NULL ? -1 : (int)evconnlistener_get_fd(h->listener));
}

/* Without this libevent would try again and again, and say so each time. */
void
http_accept_error(struct evconnlistener *listener, void *priv)
{
	pause_accepting(priv);
}

/*
 * Called for each connection that was accepted. Clients must not take the
 * descriptors that children need: beyond three quarters of what we may have
 * none is accepted for a while. The lowest free one says how many are in use.
 */
static struct bufferevent *
on_connection(struct event_base *base, void *priv)
{
	struct http *h = priv;
	struct rlimit rl;
	int fd;

	fd = fcntl(evconnlistener_get_fd(h->listener), F_DUPFD_CLOEXEC, 0);
	if (fd < 0 || (getrlimit(RLIMIT_NOFILE, &rl) == 0 &&
	    rl.rlim_cur != RLIM_INFINITY &&
	    (rlim_t)fd > rl.rlim_cur / 4 * 3))
		pause_accepting(h);
	if (fd >= 0)
		(void)close(fd);
	return (NULL);          /* evhttp makes its usual one */
}

static void
configure(struct http *h)
{
	ev_uint16_t allowed = 0;
	size_t i;

	for (i = 0; i < NELEM(methods); i++)
		allowed |= (ev_uint16_t)methods[i].type;
	/* All reach us, so that a 405 is ours. */
	evhttp_set_allowed_methods(h->evhttp, allowed);
	evhttp_set_default_content_type(h->evhttp, NULL);
	evhttp_set_max_headers_size(h->evhttp, HEADERS_MAX);
	evhttp_set_timeout(h->evhttp, IDLE_TIMEOUT_S);
	/* A client that still sends its body reads no answer to it. */
	(void)evhttp_set_flags(h->evhttp, EVHTTP_SERVER_LINGERING_CLOSE);
	evhttp_set_bevcb(h->evhttp, on_connection, h);
	evhttp_set_gencb(h->evhttp, on_request, h);
	set_body_limit(h);
}

static struct http *
new_server(struct sup *sup)
{
	struct http *h = xcalloc(1, sizeof(*h));

	h->magic = HTTP_MAGIC;
	h->sup = sup;
	h->host = xstrdup("");
	TAILQ_INIT(&h->asks);
	h->evhttp = evhttp_new(sup->base);
	h->resume = evtimer_new(sup->base, on_resume, h);
	ASSERT(h->evhttp != NULL && h->resume != NULL);
	configure(h);
	return (h);
}

void
http_move(struct sup *sup, const struct conf_http *c, int *fdp)
{
	if (*fdp >= 0) {
		if (sup->http == NULL)
			sup->http = new_server(sup);
		http_listen(sup->http, c, fdp);
	} else if (c->host[0] == '\0' && sup->http != NULL) {
		log_info("http", "off");
		http_close(&sup->http);
	}
}

int
http_open(struct sup *sup, struct http **hp)
{
	const struct conf_http *c = &sup->conf->http;
	int fd, r;

	*hp = NULL;
	if (sup->heir.http_fd >= 0 &&
	    strcmp(sup->heir.listen, c->listen) == 0) {
		fd = sup->heir.http_fd;
		sup->heir.http_fd = -1;
	} else if ((r = http_bind(sup, c, &fd)) != 0 || fd < 0)
		return (r);
	*hp = new_server(sup);
	http_listen(*hp, c, &fd);
	return (0);
}

void
http_new_redis(struct sup *sup)
{
	if (sup->http != NULL)
		events_close(&sup->http->events);
}

void
http_close(struct http **hp)
{
	struct http *h = *hp;
	struct ask *a;

	if (h == NULL)
		return;
	OBJ_CHECK(h, HTTP_MAGIC);
	*hp = NULL;
	events_close(&h->events);
	/* evhttp_free would free requests that an ask still holds. */
	while ((a = TAILQ_FIRST(&h->asks)) != NULL)
		ask_abandon(a);
	evhttp_free(h->evhttp);
	event_free(h->resume);
	free(h->host);
	h->magic = 0;
	free(h);
}
