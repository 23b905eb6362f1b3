/*
 * The file was written by a program that may be wrong or hostile: it may be a
 * link to somebody's secrets, a FIFO that would block for ever, or endless.
 */
#include "config.h"

#include "child/result.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "child/credit.h"

#define CHUNK (64u << 10)

/* Reads on until the end or one byte over the cap. */
static int
read_rest(struct cjob *j, int fd, struct buf *b)
{
	ssize_t n;

	for (;;) {
		if (buf_reserve(b, CHUNK) != 0)
			return (-ERR_NOMEM);
		n = read(fd, b->data + b->len, CHUNK);
		if (n == 0)
			return (0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return (-ERR_SYSTEM);
		b->len += (size_t)n;
		if (b->len > j->result.cap)
			return (0);
	}
}

static int
take_file(struct cjob *j, int fd)
{
	struct stat st;
	struct buf b;
	int r;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		cjob_fail(j, CAUSE_HANDLER_ERROR,
		    "the result is not a regular file");
		return (-ERR_TYPE);
	}
	if (st.st_size == 0)
		return (0);
	if ((uintmax_t)st.st_size > j->result.cap)
		return (cjob_set_result(j, "", (size_t)st.st_size));
	buf_init(&b, j->result.cap + 2 * CHUNK);
	if ((r = read_rest(j, fd, &b)) != 0)
		cjob_fail(j, CAUSE_HANDLER_ERROR, "could not read the result: "
		    "%s", err_text(r));
	else
		r = cjob_set_result(j, b.data, b.len);
	buf_fini(&b);
	return (r);
}

int
result_read(struct cjob *j, const char *path)
{
	int fd, r;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return (0);
	if (fd < 0) {
		cjob_fail(j, CAUSE_HANDLER_ERROR,
		    "could not read the result: %s",
		    errno == ELOOP ? "it is a link" : strerror(errno));
		return (-ERR_SYSTEM);
	}
	r = take_file(j, fd);
	close(fd);
	return (r);
}
