/* The kernel's log. See kmsg.h. */
#include "config.h"

#include "gpu/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define RECORD_MAX 8192u        /* the kernel's largest, and more */

void
kmsg_open(struct kmsg *k)
{
	const char *path = getenv("GANGER_KMSG");

	k->fd = open(path != NULL ? path : KMSG_PATH,
	    O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	k->seq = -1;
	buf_init(&k->line, 4 * RECORD_MAX);
}

void
kmsg_close(struct kmsg *k)
{
	fd_close(&k->fd);
	buf_fini(&k->line);
}

/* True if there is a whole line. A read of the device gives one record. */
static bool
fill(struct kmsg *k)
{
	char part[RECORD_MAX];
	ssize_t n;

	while (k->line.len == 0 ||
	    memchr(k->line.data, '\n', k->line.len) == NULL) {
		n = read(k->fd, part, sizeof(part));
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;       /* the oldest are overwritten */
		if (n < 0 && errno != EAGAIN)
			fd_close(&k->fd);
		if (n <= 0)
			return (false);
		if (buf_put(&k->line, part, (size_t)n) != 0)
			buf_reset(&k->line);
	}
	return (true);
}

/* "NVRM: Xid (PCI:0000:17:00): 79, ...", "(0000:17:00)" of older drivers, and
 * "(PCI:0000:17:00 GPU-I:05)" of a GPU instance. */
static bool
read_xid(const char *text, struct kmsg_xid *x)
{
	static const char mark[] = "NVRM: Xid (";
	const char *at = strstr(text, mark), *end, *part;

	if (at == NULL)
		return (false);
	at += sizeof(mark) - 1;
	if (strncmp(at, "PCI:", 4) == 0)
		at += 4;
	if ((end = strstr(at, "): ")) == NULL || sscanf(at, "%x:%x:%x",
	    &x->domain, &x->bus, &x->device) != 3 ||
	    sscanf(end, "): %u", &x->number) != 1)
		return (false);
	x->instance = UINT_MAX;
	if ((part = strstr(at, "GPU-I:")) != NULL && part < end)
		(void)sscanf(part, "GPU-I:%u", &x->instance);
	return (true);
}

/* "6,1234,98765,-;text"; lines that begin with a space belong to the one
 * before. */
static bool
read_record(struct kmsg *k, const char *line, struct kmsg_xid *x)
{
	const char *text = strchr(line, ';');
	int64_t seq;

	if (line[0] == ' ' || text == NULL ||
	    sscanf(line, "%*u,%" SCNd64, &seq) != 1)
		return (false);
	k->seq = seq;
	return (read_xid(text + 1, x));
}

bool
kmsg_next(struct kmsg *k, struct kmsg_xid *x)
{
	bool found = false;
	char *end;

	while (!found && k->fd >= 0 && fill(k)) {
		end = memchr(k->line.data, '\n', k->line.len);
		*end = '\0';
		found = read_record(k, k->line.data, x);
		buf_consume(&k->line, (size_t)(end - k->line.data) + 1);
	}
	return (found);
}
