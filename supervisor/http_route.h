/*
 * Which route a request takes and whether it may: pure decisions, without a
 * socket, a clock or the daemon. http.c does the rest.
 */
#ifndef SUPERVISOR_HTTP_ROUTE_H
#define SUPERVISOR_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

struct ask;

enum http_class { HTTP_OPEN, HTTP_READ, HTTP_CHANGE };

struct http_route {
	const char *method;
	const char *path;         /* `*`: one segment */
	enum http_class class;
	void (*func)(struct ask *);
	const char *help;
};

#define HTTP_ARG_MAX 128

struct http_match {
	const struct http_route *route; /* NULL unless the answer is 200 */
	char arg[HTTP_ARG_MAX + 1];     /* what `*` stood for, decoded */
	char allow[64];                 /* of a 405: "GET, HEAD, DELETE" */
};

/* 200 and the route, 404, or 405 and what the path allows. A `*` that is no
 * job id leads nowhere. */
int http_route_find(const struct http_route *routes, size_t n,
    const char *method, const char *path, struct http_match *m);

/* How the server is configured to be used. */
struct http_access {
	bool loopback;
	bool open_read;
	const char *token;        /* "": none */
};

/* 0: go on, 401: the token is missing or wrong, 403: none is configured.
 * authorization is the header's value, or NULL. Takes the same time whatever
 * a wrong token has in common with the right one. */
int http_access_check(const struct http_access *a, enum http_class class,
    const char *authorization);

/*
 * Whether a server on loopback may trust a request with this Host header: an
 * address or localhost. A page on the web that had its own name point to
 * 127.0.0.1 would send that name, and could read what is open here.
 */
bool http_host_ok(const char *host);

#endif
