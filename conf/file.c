/*
 * Reads and checks the files that a configuration consists of or names.
 * Refuses what others may write; as root also what the group may write, since
 * then the group would be root.
 */
#include "config.h"

#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/xalloc.h"

#define SECRET_MAX 4096  /* bytes of a secret file */

const char *
file_distrust(const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return (NULL);
	if (!S_ISREG(st->st_mode))
		return ("not a regular file");
	if ((st->st_mode & S_IWOTH) != 0)
		return ("others may write it");
	if (geteuid() == 0 && (st->st_mode & S_IWGRP) != 0)
		return ("its group may write it");
	return (NULL);
}

/* All bytes of fd into b; NULL or why not. */
static const char *
read_all(int fd, struct buf *b)
{
	char chunk[16384];
	ssize_t n;
	int r;

	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			return (NULL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return (strerror(errno));
		r = buf_put(b, chunk, (size_t)n);
		explicit_bzero(chunk, (size_t)n);
		if (r != 0)
			return (r == -ERR_NOSPACE ? "too large" : err_text(r));
	}
}

/* O_NONBLOCK: a fifo must not stop us before it is refused. */
static const char *
open_and_read(const char *path, int *fdp, struct buf *b)
{
	const char *why;
	struct stat st;

	*fdp = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fdp < 0 || fstat(*fdp, &st) != 0)
		return (strerror(errno));
	if ((why = file_distrust(&st)) != NULL)
		return (why);
	return (read_all(*fdp, b));
}

char *
file_read(const char *path, size_t max, size_t *lenp, const char **whyp)
{
	char *text = NULL;
	struct buf b;
	int fd = -1;

	buf_init(&b, max);
	*whyp = open_and_read(path, &fd, &b);
	fd_close(&fd);
	if (*whyp == NULL) {
		*lenp = b.len;
		text = xmalloc(b.len + 1);
		if (b.len > 0)
			memcpy(text, b.data, b.len);
		text[b.len] = '\0';
	}
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	buf_fini(&b);
	return (text);
}

char *
file_read_secret(const char *path, const char **whyp)
{
	char *text, *line;
	size_t len;

	text = file_read(path, SECRET_MAX, &len, whyp);
	if (text == NULL)
		return (NULL);
	line = xstrndup(text, strcspn(text, "\r\n"));
	explicit_bzero(text, len);
	free(text);
	if (*line != '\0')
		return (line);
	free(line);
	*whyp = "its first line is empty";
	return (NULL);
}

const char *
file_check(const char *path, bool run)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (strerror(errno));
	if (!S_ISREG(st.st_mode))
		return ("not a regular file");
	if (faccessat(AT_FDCWD, path, run ? X_OK : R_OK, AT_EACCESS) != 0)
		return (run ? "not executable" : strerror(errno));
	return (file_distrust(&st));
}

char *
file_find_program(const char *name, const char *path_list)
{
	const char *p, *end;
	struct stat st;
	char *path;

	for (p = path_list;; p = end + 1) {
		end = p + strcspn(p, ":");
		/* An empty entry means the current folder: never for us. */
		if (end > p && *p == '/') {
			path = str_fmt("%.*s/%s", (int)(end - p), p, name);
			if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
			    faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
				return (path);
			free(path);
		}
		if (*end == '\0')
			return (NULL);
	}
}
