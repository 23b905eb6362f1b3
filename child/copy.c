/* A recursive copy that never follows a link and never opens a device. */
#include "config.h"

#include "child/copy.h"

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define DEPTH_MAX 64
#define CHUNK (1u << 30)

static int copy_dir(int from, int to, unsigned depth);

static int
copy_bytes(int in, int out)
{
	ssize_t n;

	while ((n = sendfile(out, in, NULL, CHUNK)) != 0)
		if (n < 0 && errno != EINTR)
			return (-ERR_SYSTEM);
	return (fsync(out) == 0 ? 0 : -ERR_SYSTEM);
}

static int
copy_file(int from, int to, const char *name, mode_t mode)
{
	int in, out, r = -ERR_SYSTEM;

	in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (in < 0)
		return (-ERR_SYSTEM);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    mode & 0777);
	if (out >= 0) {
		r = copy_bytes(in, out);
		close(out);
	}
	close(in);
	return (r);
}

static int
copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t n;

	if ((n = readlinkat(from, name, target, sizeof(target) - 1)) < 0)
		return (-ERR_SYSTEM);
	target[n] = '\0';
	return (symlinkat(target, to, name) == 0 ? 0 : -ERR_SYSTEM);
}

static int
copy_subdir(int from, int to, const char *name, unsigned depth)
{
	int in, out = -1, r = -ERR_SYSTEM;

	in = openat(from, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		return (-ERR_SYSTEM);
	if (mkdirat(to, name, 0755) == 0)
		out = openat(to, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out >= 0) {
		r = copy_dir(in, out, depth + 1);
		close(out);
	}
	close(in);
	return (r);
}

static int
copy_entry(int from, int to, const char *name, unsigned depth)
{
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return (0);
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return (-ERR_SYSTEM);
	if (S_ISREG(st.st_mode))
		return (copy_file(from, to, name, st.st_mode));
	if (S_ISLNK(st.st_mode))
		return (copy_link(from, to, name));
	if (S_ISDIR(st.st_mode))
		return (copy_subdir(from, to, name, depth));
	return (0);
}

/* Borrows both descriptors. */
static int
copy_dir(int from, int to, unsigned depth)
{
	struct dirent *e;
	DIR *d = NULL;
	int fd, r = 0;

	if (depth > DEPTH_MAX) {
		errno = ELOOP;
		return (-ERR_SYSTEM);
	}
	if ((fd = fcntl(from, F_DUPFD_CLOEXEC, 0)) < 0 ||
	    (d = fdopendir(fd)) == NULL) {
		if (fd >= 0)
			close(fd);
		return (-ERR_SYSTEM);
	}
	while (r == 0 && (errno = 0, e = readdir(d)) != NULL)
		r = copy_entry(from, to, e->d_name, depth);
	if (r == 0 && errno != 0)
		r = -ERR_SYSTEM;
	fd = errno;
	closedir(d);
	errno = fd;
	return (r);
}

int
copy_tree(const char *from, const char *to)
{
	int in, out = -1, r = -ERR_SYSTEM;

	in = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		return (-ERR_SYSTEM);
	if (mkdir(to, 0755) == 0)
		out = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out >= 0) {
		r = copy_dir(in, out, 0);
		close(out);
	}
	close(in);
	return (r);
}
