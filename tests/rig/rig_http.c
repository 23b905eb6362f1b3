/* A small HTTP client of the rig, and what the status page says. */
#include "config.h"

#include "tests/rig/rig.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig_impl.h"

/* A connected socket, or -1. */
static int
dial(int port)
{
	struct timeval tv = { .tv_sec = (time_t)rig_limit() };
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(fd);
		return (-1);
	}
	return (fd);
}

/* All that the peer says until it closes, or all that it said in time. */
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

int
rig_http(struct rig *r, int d, const char *path, const char **bodyp)
{
	int fd, status = 0;
	char *text, *body;

	if ((fd = dial(r->d[d].port)) < 0)
		return (0);
	if (dprintf(fd, "GET %s HTTP/1.0\r\nHost: localhost\r\n"
	    "Connection: close\r\n\r\n", path) < 0) {
		close(fd);
		return (0);
	}
	text = rig_keep_text(r, read_all(fd));
	close(fd);
	if (sscanf(text, "HTTP/1.%*d %d", &status) != 1)
		return (0);
	body = strstr(text, "\r\n\r\n");
	if (bodyp != NULL)
		*bodyp = body != NULL ? body + 4 : "";
	return (status);
}

json_t *
rig_status(struct rig *r, int d)
{
	const char *body;
	json_t *all, *w;
	size_t i;

	ck_assert_int_eq(rig_http(r, d, "/workers/status", &body), 200);
	all = json_loads(body, 0, NULL);
	ck_assert_msg(all != NULL, "the status is not JSON: %.300s", body);
	rig_keep_json(r, all);
	json_array_foreach(js(all, "workers"), i, w)
		if (strcmp(js_str(w, "worker_id"), r->d[d].id) == 0)
			return (w);
	ck_abort_msg("the status has no worker %s: %s", r->d[d].id, body);
	return (NULL);
}

long long
rig_slot_int(struct rig *r, int d, int slot, const char *key)
{
	return (js_int(rig_status(r, d), rig_fmt(r, "slots.%d.%s", slot,
	    key)));
}

const char *
rig_slot_str(struct rig *r, int d, int slot, const char *key)
{
	return (js_str(rig_status(r, d), rig_fmt(r, "slots.%d.%s", slot,
	    key)));
}
