/* A client of the HTTP server. See web.h. */
#include "config.h"

#include "tests/system/web.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests/rig/rig_impl.h"

int
web_dial(struct rig *r, int d)
{
	struct timeval tv = { .tv_sec = (time_t)rig_limit() };
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((uint16_t)rig_daemon_port(r, d));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return (fd);
}

static void
send_all(int fd, const void *p, size_t n)
{
	const char *at = p;
	ssize_t done;

	for (; n > 0; n -= (size_t)done, at += done) {
		done = send(fd, at, n, MSG_NOSIGNAL);
		if (done <= 0)
			return;         /* it answers without reading all */
	}
}

static char *
read_all(int fd)
{
	char *text, part[4096];
	size_t size;
	ssize_t n;
	FILE *f;

	ck_assert_ptr_nonnull(f = open_memstream(&text, &size));
	while ((n = read(fd, part, sizeof(part))) > 0)
		fwrite(part, 1, (size_t)n, f);
	ck_assert_int_eq(fclose(f), 0);
	return (text);
}

struct web
web_send(struct rig *r, int d, const char *method, const char *path,
    const char *headers, const void *body, size_t n)
{
	const char *head = rig_fmt(r, "%s %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n%s%s\r\n", method, path, headers,
	    body == NULL ? "" : rig_fmt(r, "Content-Length: %zu\r\n", n));
	struct web w = { 0, "", "" };
	char *text, *end;
	int fd = web_dial(r, d);

	send_all(fd, head, strlen(head));
	send_all(fd, body, n);
	text = rig_keep_text(r, read_all(fd));
	close(fd);
	if (sscanf(text, "HTTP/1.%*d %d", &w.status) != 1)
		return (w);
	w.head = text;
	end = strstr(text, "\r\n\r\n");
	ck_assert_ptr_nonnull(end);
	end[2] = '\0';
	w.body = end + 4;
	return (w);
}

struct web
web_get(struct rig *r, int d, const char *path)
{
	return (web_send(r, d, "GET", path, "", NULL, 0));
}

struct web
web_post(struct rig *r, int d, const char *path, const char *job)
{
	return (web_send(r, d, "POST", path, WEB_TOKEN, job, strlen(job)));
}

struct web
web_delete(struct rig *r, int d, const char *path)
{
	return (web_send(r, d, "DELETE", path, WEB_TOKEN, NULL, 0));
}

const char *
web_header(struct rig *r, const struct web *w, const char *name)
{
	const char *p = w->head;
	size_t n = strlen(name);

	while ((p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			return (rig_fmt(r, "%.*s", (int)strcspn(p + n + 2,
			    "\r"), p + n + 2));
	}
	return ("");
}

json_t *
web_json(struct rig *r, const struct web *w)
{
	json_t *j = json_loads(w->body, 0, NULL);

	ck_assert_msg(j != NULL, "status %d, not JSON: %.300s", w->status,
	    w->body);
	return (rig_keep_json(r, j));
}

const char *
web_token_file(struct rig *r)
{
	const char *path = rig_fmt(r, "%s/token", rig_dir(r));
	FILE *f;

	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs("sesame\n", f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
	return (rig_fmt(r, "token_file = %s\n", path));
}

struct rig *
web_start(const char *ini)
{
	struct rig *r = rig_new(0);
	int d;

	d = rig_daemon(r, "w1", rig_fmt(r, "%s[http]\n%s", ini,
	    web_token_file(r)));
	rig_daemon_start(r, d);
	return (r);
}
