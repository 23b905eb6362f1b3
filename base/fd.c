/*
 * Descriptors, whole files and folders. dir_remove must hold against what a
 * job left behind: links, folders without permissions, and nesting deeper
 * than there are descriptors.
 */
#include "config.h"

#include "base/fd.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/obj.h"

#define SLURP_CHUNK 4096   /* bytes asked for at least, per read */
#define REMOVE_DEPTH 32    /* open folders at once, at most */

/* One dir_remove at work. */
struct removal {
	int top;         /* borrows: the folder that is being removed */
	dev_t dev;       /* the file system it may not leave */
	unsigned moved;  /* deep folders moved up so far */
};

void
fd_close(int *fdp)
{
	int saved = errno;

	if (*fdp >= 0)
		(void)close(*fdp);
	*fdp = -1;
	errno = saved;
}

int
fd_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags == -1 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == -1)
		return (-ERR_SYSTEM);
	return (0);
}

int
fd_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return (-ERR_SYSTEM);
	return (0);
}

/* After a failed read or write: 0 if it may be tried again by now. */
static int
wait_for(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	if (errno == EINTR)
		return (0);
	if (errno != EAGAIN)
		return (-ERR_SYSTEM);
	if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
		return (-ERR_SYSTEM);
	return (0);
}

int
fd_write_all(int fd, const void *p, size_t n)
{
	const char *s = p;
	ssize_t done;

	while (n > 0) {
		done = write(fd, s, n);
		if (done == -1) {
			if (wait_for(fd, POLLOUT) != 0)
				return (-ERR_SYSTEM);
			continue;
		}
		s += done;
		n -= (size_t)done;
	}
	return (0);
}

int
fd_read_all(int fd, void *p, size_t n)
{
	char *s = p;
	ssize_t done;

	while (n > 0) {
		done = read(fd, s, n);
		if (done == 0)
			return (-ERR_CLOSED);
		if (done == -1) {
			if (wait_for(fd, POLLIN) != 0)
				return (-ERR_SYSTEM);
			continue;
		}
		s += done;
		n -= (size_t)done;
	}
	return (0);
}

/* Appends all of fd to b, whose cap is one byte over the limit. */
static int
read_to_end(int fd, struct buf *b)
{
	size_t room;
	ssize_t done;
	int r;

	for (;;) {
		if (b->len == b->cap)
			return (-ERR_RANGE);
		room = b->cap - b->len;
		if (room > SLURP_CHUNK)
			room = SLURP_CHUNK;
		if ((r = buf_reserve(b, room)) != 0)
			return (r);
		done = read(fd, b->data + b->len, b->size - b->len);
		if (done == 0)
			return (0);
		if (done == -1 && errno != EINTR)
			return (-ERR_SYSTEM);
		if (done > 0)
			b->len += (size_t)done;
	}
}

int
fd_slurp(const char *path, size_t max, char **textp, size_t *lenp)
{
	struct buf b;
	int fd, r;

	/* A fifo in the file's place must not hang the caller. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return (-ERR_SYSTEM);
	buf_init(&b, max < SIZE_MAX ? max + 1 : max);
	r = read_to_end(fd, &b);
	if (r == 0)
		*textp = buf_take(&b, lenp);
	fd_close(&fd);
	buf_fini(&b);
	return (r);
}

static int
make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return (0);
	if (errno != EEXIST)
		return (-ERR_SYSTEM);
	if (stat(path, &st) == -1)
		return (-ERR_SYSTEM);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return (-ERR_SYSTEM);
	}
	return (0);
}

int
dir_make(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t i, n = strlen(path);

	if (n == 0 || n >= sizeof(part)) {
		errno = n == 0 ? ENOENT : ENAMETOOLONG;
		return (-ERR_SYSTEM);
	}
	memcpy(part, path, n + 1);
	for (i = 1; i < n; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		if (make_one(part, mode) != 0)
			return (-ERR_SYSTEM);
		part[i] = '/';
	}
	return (make_one(part, mode));
}

/* Opens a folder of ours even if its owner took the permissions away. */
static int
open_dir(int parent, const char *name, const struct stat *st)
{
	if ((st->st_mode & S_IRWXU) != S_IRWXU)
		(void)fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW);
	return (openat(parent, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/* Moves a folder that lies too deep to just below the top. */
static int
move_up(struct removal *rm, int parent, const char *name)
{
	char to[64];

	do {
		(void)snprintf(to, sizeof(to), ".deep-%u", rm->moved++);
	} while (faccessat(rm->top, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	return (renameat(parent, name, rm->top, to) == -1 ? -ERR_SYSTEM : 0);
}

static int empty_dir(struct removal *rm, int fd, unsigned depth);

static int
remove_entry(struct removal *rm, int parent, const char *name, unsigned depth)
{
	struct stat st;
	int fd, r;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (errno == ENOENT ? 0 : -ERR_SYSTEM);
	if (!S_ISDIR(st.st_mode))
		return (unlinkat(parent, name, 0) == -1 && errno != ENOENT ?
		    -ERR_SYSTEM : 0);
	if (st.st_dev != rm->dev) {
		errno = EXDEV;
		return (-ERR_SYSTEM);
	}
	if (depth >= REMOVE_DEPTH)
		return (move_up(rm, parent, name));
	if ((fd = open_dir(parent, name, &st)) == -1)
		return (-ERR_SYSTEM);
	if ((r = empty_dir(rm, fd, depth + 1)) != 0)
		return (r);
	return (unlinkat(parent, name, AT_REMOVEDIR) == -1 ? -ERR_SYSTEM : 0);
}

/* One pass over a folder; *leftp tells if it held anything. */
static int
empty_pass(struct removal *rm, DIR *dir, unsigned depth, bool *leftp)
{
	struct dirent *de;
	int r;

	*leftp = false;
	rewinddir(dir);
	while ((errno = 0, de = readdir(dir)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		*leftp = true;
		r = remove_entry(rm, dirfd(dir), de->d_name, depth);
		if (r != 0)
			return (r);
	}
	return (errno != 0 ? -ERR_SYSTEM : 0);
}

/* Takes fd. Passes until one finds nothing: entries that were moved up into
 * the folder while it was read may have been missed. */
static int
empty_dir(struct removal *rm, int fd, unsigned depth)
{
	DIR *dir;
	bool left;
	int r, saved;

	if ((dir = fdopendir(fd)) == NULL) {
		fd_close(&fd);
		return (-ERR_SYSTEM);
	}
	do {
		r = empty_pass(rm, dir, depth, &left);
	} while (r == 0 && left);
	saved = errno;
	(void)closedir(dir);
	errno = saved;
	return (r);
}

int
dir_remove(const char *path)
{
	struct removal rm = { .top = -1 };
	struct stat st;
	int r, again;

	if (lstat(path, &st) == -1)
		return (errno == ENOENT ? 0 : -ERR_SYSTEM);
	if (!S_ISDIR(st.st_mode))
		return (unlink(path) == -1 ? -ERR_SYSTEM : 0);
	rm.dev = st.st_dev;
	if ((rm.top = open_dir(AT_FDCWD, path, &st)) == -1)
		return (-ERR_SYSTEM);
	if ((again = fcntl(rm.top, F_DUPFD_CLOEXEC, 0)) == -1)
		r = -ERR_SYSTEM;
	else
		r = empty_dir(&rm, again, 1);
	fd_close(&rm.top);
	if (r == 0 && rmdir(path) == -1)
		r = -ERR_SYSTEM;
	return (r);
}
