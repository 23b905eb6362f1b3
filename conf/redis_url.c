/*
 * Takes a Redis URL apart. Strict: what is not understood is refused, because
 * a typo here means a daemon that looks at somebody else's queues. Never
 * resolves names.
 */
#include "config.h"

#include "conf/redis_url.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/slice.h"
#include "base/str.h"
#include "base/xalloc.h"

#define PORT_DEFAULT 6379
#define DB_MAX 65535
#define SOCKET_PATH_MAX 107  /* bytes in sockaddr_un less the NUL */
#define FORMS "accepted are redis://[user:password@]host:port/db, " \
	"rediss://..., unix:/path and unix:///path?db=N"

static const char bad_form[] = "not a Redis URL; " FORMS;
static const char bad_port[] = "port is not a number from 1 to 65535; " FORMS;
static const char bad_db[] = "database is not a number from 0 to 65535; " FORMS;
static const char bad_escape[] = "bad % escape; " FORMS;
static const char bad_path[] = "socket is not an absolute path of at most 107 "
    "bytes; " FORMS;

void
redis_url_fini(struct redis_url *u)
{
	free(u->host);
	free(u->path);
	free(u->username);
	if (u->password != NULL)
		explicit_bzero(u->password, strlen(u->password));
	free(u->password);
	*u = (struct redis_url){ 0 };
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

/* A copy without % escapes, or NULL where one is bad or stands for NUL. */
static char *
unescape(struct slice s)
{
	char *out = xmalloc(s.n + 1);
	size_t i, n = 0;
	int c;

	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c == '%') {
			if (s.n - i < 3 || hex_digit(s.p[i + 1]) < 0 ||
			    hex_digit(s.p[i + 2]) < 0)
				goto bad;
			c = hex_digit(s.p[i + 1]) * 16 + hex_digit(s.p[i + 2]);
			i += 2;
		}
		if (c == '\0')
			goto bad;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return (out);
 bad:
	free(out);
	return (NULL);
}

static int
read_number(struct slice s, unsigned min, unsigned max, unsigned *vp)
{
	unsigned v = 0;
	size_t i;

	if (s.n == 0 || s.n > 5)
		return (-ERR_RANGE);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return (-ERR_SYNTAX);
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	if (v < min || v > max)
		return (-ERR_RANGE);
	*vp = v;
	return (0);
}

/* Splits s at the first c: the part before it, and the rest in *after, whose
 * p is NULL where there is no c. */
static struct slice
split(struct slice s, char c, struct slice *after)
{
	const char *at = s.n == 0 ? NULL : memchr(s.p, c, s.n);

	*after = SLICE_NULL;
	if (at == NULL)
		return (s);
	*after = (struct slice){ at + 1, s.n - (size_t)(at + 1 - s.p) };
	s.n = (size_t)(at - s.p);
	return (s);
}

/* Reads "user:password@" off the front of *s, if there is one before the
 * first slash. The last @ counts: passwords are often pasted unescaped. */
static int
read_userinfo(struct redis_url *u, struct slice *s, const char **whyp)
{
	struct slice user, password, rest;
	const char *at;

	user = split(*s, '/', &rest);
	at = user.n == 0 ? NULL : memrchr(user.p, '@', user.n);
	if (at == NULL)
		return (0);
	user.n = (size_t)(at - s->p);
	s->n -= (size_t)(at + 1 - s->p);
	s->p = at + 1;
	user = split(user, ':', &password);
	free(u->username);
	free(u->password);
	u->username = unescape(user);
	u->password = unescape(password);
	if (u->username == NULL || u->password == NULL) {
		*whyp = bad_escape;
		return (-ERR_SYNTAX);
	}
	return (0);
}

static int
read_db(struct redis_url *u, struct slice s, const char **whyp)
{
	int r = read_number(s, 0, DB_MAX, &u->db);

	if (r != 0)
		*whyp = bad_db;
	return (r);
}

/* path[?db=N] */
static int
read_unix(struct redis_url *u, struct slice s, const char **whyp)
{
	struct slice query;

	s = split(s, '?', &query);
	u->path = unescape(s);
	if (u->path == NULL) {
		*whyp = bad_escape;
		return (-ERR_SYNTAX);
	}
	if (u->path[0] != '/' || strlen(u->path) > SOCKET_PATH_MAX) {
		*whyp = bad_path;
		return (-ERR_SYNTAX);
	}
	if (query.p == NULL)
		return (0);
	if (query.n < 3 || memcmp(query.p, "db=", 3) != 0) {
		*whyp = bad_form;
		return (-ERR_SYNTAX);
	}
	return (read_db(u, (struct slice){ query.p + 3, query.n - 3 }, whyp));
}

/* The host off the front of *s; *port is what follows its colon. */
static int
read_host(struct redis_url *u, struct slice s, struct slice *port)
{
	struct slice host, rest;
	size_t i;

	if (s.n > 0 && s.p[0] == '[') {
		host = split((struct slice){ s.p + 1, s.n - 1 }, ']', &rest);
		if (rest.p == NULL || (rest.n > 0 && rest.p[0] != ':'))
			return (-ERR_SYNTAX);
		*port = rest.n == 0 ? SLICE_NULL :
		    (struct slice){ rest.p + 1, rest.n - 1 };
	} else
		host = split(s, ':', port);
	if (host.n == 0)
		return (-ERR_SYNTAX);
	for (i = 0; i < host.n; i++)
		if ((unsigned char)host.p[i] <= ' ' || host.p[i] == '?' ||
		    host.p[i] == '#' || host.p[i] == 0x7f)
			return (-ERR_SYNTAX);
	u->host = xstrndup(host.p, host.n);
	return (0);
}

/* host[:port][/db] */
static int
read_tcp(struct redis_url *u, struct slice s, const char **whyp)
{
	unsigned number = PORT_DEFAULT;
	struct slice port, db;
	int r;

	s = split(s, '/', &db);
	if ((r = read_host(u, s, &port)) != 0) {
		*whyp = bad_form;
		return (r);
	}
	if (port.p != NULL &&
	    (r = read_number(port, 1, UINT16_MAX, &number)) != 0) {
		*whyp = bad_port;
		return (r);
	}
	u->port = (uint16_t)number;
	if (db.p == NULL || db.n == 0)
		return (0);
	return (read_db(u, db, whyp));
}

static bool
take_prefix(struct slice *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->n < n || strncasecmp(s->p, prefix, n) != 0)
		return (false);
	s->p += n;
	s->n -= n;
	return (true);
}

static int
read_url(struct redis_url *u, struct slice s, const char **whyp)
{
	int r;

	if (take_prefix(&s, "unix://"))
		return ((r = read_userinfo(u, &s, whyp)) != 0 ? r :
		    read_unix(u, s, whyp));
	if (take_prefix(&s, "unix:"))
		return (read_unix(u, s, whyp));
	u->tls = take_prefix(&s, "rediss://");
	if (u->tls || take_prefix(&s, "redis://"))
		return ((r = read_userinfo(u, &s, whyp)) != 0 ? r :
		    read_tcp(u, s, whyp));
	*whyp = bad_form;
	return (-ERR_SYNTAX);
}

int
redis_url_parse(const char *text, struct redis_url *u, const char **whyp)
{
	const char *why = NULL;
	int r;

	*u = (struct redis_url){ 0 };
	u->username = xstrdup("");
	u->password = xstrdup("");
	r = read_url(u, slice_of(text), &why);
	if (r != 0)
		redis_url_fini(u);
	if (whyp != NULL)
		*whyp = why;
	return (r);
}

static void
put_escaped(struct buf *b, const char *s, const char *also)
{
	for (; *s != '\0'; s++)
		if (strchr("%?#@", *s) != NULL || strchr(also, *s) != NULL ||
		    (unsigned char)*s <= ' ')
			(void)buf_printf(b, "%%%02X", (unsigned char)*s);
		else
			(void)buf_putc(b, *s);
}

static void
put_userinfo(struct buf *b, const struct redis_url *u, bool secrets)
{
	if (u->username[0] == '\0' && u->password[0] == '\0')
		return;
	put_escaped(b, u->username, ":/");
	if (u->password[0] != '\0') {
		(void)buf_putc(b, ':');
		if (secrets)
			put_escaped(b, u->password, ":/");
		else
			(void)buf_puts(b, "(set)");
	}
	(void)buf_putc(b, '@');
}

char *
redis_url_text(const struct redis_url *u, bool secrets)
{
	bool v6 = u->host != NULL && strchr(u->host, ':') != NULL;
	struct buf b;
	char *text;

	buf_init(&b, 64 * 1024);
	if (u->path != NULL) {
		(void)buf_puts(&b, "unix://");
		put_userinfo(&b, u, secrets);
		put_escaped(&b, u->path, "");
		if (u->db != 0)
			(void)buf_printf(&b, "?db=%u", u->db);
	} else {
		(void)buf_puts(&b, u->tls ? "rediss://" : "redis://");
		put_userinfo(&b, u, secrets);
		(void)buf_printf(&b, v6 ? "[%s]:%u/%u" : "%s:%u/%u", u->host,
		    (unsigned)u->port, u->db);
	}
	text = xstrdup(buf_cstr(&b));
	if (secrets && b.data != NULL)
		explicit_bzero(b.data, b.len);
	buf_fini(&b);
	return (text);
}
