/* Routes and access. See http_route.h. */
#include "config.h"

#include "supervisor/http_route.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#include "base/str.h"

/* Decodes %XX of a segment into arg; false if it is not a job id then. */
static bool
read_arg(const char *p, size_t n, char *arg)
{
	unsigned byte;
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		byte = (unsigned char)p[i];
		if (byte == '%') {
			if (n - i < 3 || !isxdigit((unsigned char)p[i + 1]) ||
			    !isxdigit((unsigned char)p[i + 2]) ||
			    sscanf(p + i + 1, "%2x", &byte) != 1)
				return (false);
			i += 2;
		}
		if (len == HTTP_ARG_MAX)
			return (false);
		arg[len++] = (char)byte;
	}
	arg[len] = '\0';
	return (str_id_ok((struct slice){ arg, len }));
}

static bool
path_fits(const char *pattern, const char *path, char *arg)
{
	size_t n;

	while (*pattern != '\0') {
		if (*pattern == '*') {
			n = strcspn(path, "/");
			if (!read_arg(path, n, arg))
				return (false);
			path += n;
			pattern++;
		} else if (*pattern++ != *path++)
			return (false);
	}
	return (*path == '\0');
}

static bool
method_fits(const char *of_route, const char *method)
{
	return (strcmp(of_route, method) == 0 ||
	    (strcmp(of_route, "GET") == 0 && strcmp(method, "HEAD") == 0));
}

static void
add_allowed(struct http_match *m, const char *method)
{
	size_t len = strlen(m->allow);

	(void)snprintf(m->allow + len, sizeof(m->allow) - len, "%s%s%s",
	    len > 0 ? ", " : "", method,
	    strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

int
http_route_find(const struct http_route *routes, size_t n,
    const char *method, const char *path, struct http_match *m)
{
	size_t i;

	m->route = NULL;
	m->arg[0] = m->allow[0] = '\0';
	for (i = 0; i < n; i++) {
		if (!path_fits(routes[i].path, path, m->arg))
			continue;
		if (method_fits(routes[i].method, method)) {
			m->route = &routes[i];
			return (200);
		}
		add_allowed(m, routes[i].method);
	}
	return (m->allow[0] == '\0' ? 404 : 405);
}

/* Its time depends on the lengths only. */
static bool
same_secret(const char *given, const char *token)
{
	size_t n = strlen(given), want = strlen(token), i;
	volatile unsigned char diff = n != want;

	for (i = 0; i < n; i++)
		diff |= (unsigned char)(given[i] ^ token[i % want]);
	return (diff == 0);
}

static bool
has_token(const char *authorization, const char *token)
{
	static const char scheme[] = "Bearer";
	const size_t n = sizeof(scheme) - 1;

	if (authorization == NULL ||
	    strncasecmp(authorization, scheme, n) != 0 ||
	    authorization[n] != ' ')
		return (false);
	authorization += n;
	authorization += strspn(authorization, " ");
	return (same_secret(authorization, token));
}

int
http_access_check(const struct http_access *a, enum http_class class,
    const char *authorization)
{
	if (class == HTTP_OPEN ||
	    (class == HTTP_READ && (a->loopback || a->open_read)))
		return (0);
	if (a->token[0] == '\0')
		return (403);
	return (has_token(authorization, a->token) ? 0 : 401);
}

/* The name of HOST, HOST:PORT or [HOST]:PORT; false if it is none of them. */
static bool
host_name(const char *host, char *name, size_t size)
{
	size_t n;

	if (*host == '[') {
		n = strcspn(++host, "]");
		if (host[n] != ']' || (host[n + 1] != ':' &&
		    host[n + 1] != '\0'))
			return (false);
	} else
		n = strcspn(host, ":");
	if (n >= size)
		return (false);
	memcpy(name, host, n);
	name[n] = '\0';
	return (true);
}

bool
http_host_ok(const char *host)
{
	static const char local[] = "localhost";
	struct in6_addr addr;
	char name[256];
	size_t n;

	if (host == NULL)
		return (true);
	if (!host_name(host, name, sizeof(name)))
		return (false);
	n = strlen(name);
	if (n > 0 && name[n - 1] == '.')
		name[--n] = '\0';
	if (n == 0 || inet_pton(AF_INET, name, &addr) == 1 ||
	    inet_pton(AF_INET6, name, &addr) == 1)
		return (true);
	if (n < sizeof(local) - 1 ||
	    strcasecmp(name + n - (sizeof(local) - 1), local) != 0)
		return (false);
	return (n == sizeof(local) - 1 || name[n - sizeof(local)] == '.');
}
