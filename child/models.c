/*
 * Looking models up and publishing them. Nothing here keeps state: a version
 * that another host or child publishes is seen by the next job.
 */
#include "config.h"

#include "child/models.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"
#include "child/copy.h"

#define MARKER_MAX 256
#define PUBLISH_TRIES 100

/* One component of a path that names itself: no '/', no leading point. */
static bool
is_plain_name(struct slice name)
{

	return (name.n > 0 && name.n < 256 && name.p[0] != '.' &&
	    memchr(name.p, '/', name.n) == NULL &&
	    memchr(name.p, '\0', name.n) == NULL);
}

/* "12" is a version; "012", "0", "12a" and ".tmp" are not. 0: none. */
static uint32_t
read_version(const char *name)
{
	unsigned long v = 0;
	const char *p;

	if (*name == '0' || strlen(name) > 10)
		return (0);
	for (p = name; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return (0);
		v = v * 10 + (unsigned long)(*p - '0');
	}
	return (v <= UINT32_MAX ? (uint32_t)v : 0);
}

static bool
is_dir(int at, const char *name)
{
	struct stat st;

	return (fstatat(at, name, &st, 0) == 0 && S_ISDIR(st.st_mode));
}

/* The version, if its marker names the job. */
static bool
is_by_job(int at, const char *version, struct slice id)
{
	char path[64], text[MARKER_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/" MODELS_MARKER, version);
	fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return (false);
	n = read(fd, text, sizeof(text));
	close(fd);
	return (n == (ssize_t)id.n && memcmp(text, id.p, id.n) == 0);
}

struct survey {
	uint32_t highest;  /* 0: none */
	uint32_t by_job;   /* version that the job in question made; 0: none */
};

/* id.p == NULL: nobody asks for by_job. -ERR_SYSTEM: no such model. */
static int
survey_model(const char *dir, struct slice id, struct survey *s)
{
	struct dirent *e;
	uint32_t v;
	DIR *d;

	memset(s, 0, sizeof(*s));
	if ((d = opendir(dir)) == NULL)
		return (-ERR_SYSTEM);
	while ((e = readdir(d)) != NULL) {
		v = read_version(e->d_name);
		if (v == 0 || !is_dir(dirfd(d), e->d_name))
			continue;
		if (v > s->highest)
			s->highest = v;
		if (id.p != NULL && is_by_job(dirfd(d), e->d_name, id))
			s->by_job = v;
	}
	closedir(d);
	return (0);
}

static char *
model_dir(const char *store, struct slice name)
{

	return (str_fmt("%s/%.*s", store, (int)name.n, name.p));
}

int
models_find(const char *store, struct slice name, uint32_t version,
    uint32_t *versionp, char **pathp)
{
	struct survey s;
	char *dir, *path = NULL;
	int r = -ERR_NOTFOUND;

	if (*store == '\0' || !is_plain_name(name))
		return (-ERR_NOTFOUND);
	dir = model_dir(store, name);
	if (version == 0 && survey_model(dir, SLICE_NULL, &s) == 0)
		version = s.highest;
	if (version != 0) {
		path = str_fmt("%s/%u", dir, (unsigned)version);
		if (is_dir(AT_FDCWD, path))
			r = 0;
	}
	free(dir);
	if (r != 0) {
		free(path);
		return (r);
	}
	*versionp = version;
	*pathp = path;
	return (0);
}

static bool
is_empty(const char *path)
{
	struct dirent *e;
	bool empty = true;
	DIR *d;

	if ((d = opendir(path)) == NULL)
		return (true);
	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, MODELS_MARKER) == 0;
	closedir(d);
	return (empty);
}

/* The job's user may own the folder: what lies there is replaced, never
 * followed. */
static int
write_marker(const char *dir, struct slice id)
{
	char *path;
	int fd, r;

	path = str_fmt("%s/" MODELS_MARKER, dir);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	free(path);
	if (fd < 0)
		return (-ERR_SYSTEM);
	r = fd_write_all(fd, id.p, id.n);
	if (r == 0 && fsync(fd) != 0)
		r = -ERR_SYSTEM;
	close(fd);
	return (r);
}

static int
rename_fresh(const char *from, const char *to)
{

	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return (0);
	/* Not every file system knows the flag. A plain rename replaces no
	 * version either: each holds its marker, and only an empty folder
	 * can be replaced. */
	if ((errno == EINVAL || errno == ENOSYS) && rename(from, to) == 0)
		return (0);
	return (-ERR_SYSTEM);
}

static void
sync_dir(const char *path)
{
	int fd;

	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

/* Other publishers may take the number first: then the next one is tried. */
static int
take_number(const char *dir, const char *from, uint32_t highest,
    uint32_t *versionp)
{
	unsigned tries;
	char *to;
	int r;

	for (tries = 0; tries < PUBLISH_TRIES; tries++) {
		if (highest == UINT32_MAX) {
			errno = EOVERFLOW;
			return (-ERR_SYSTEM);
		}
		to = str_fmt("%s/%u", dir, (unsigned)++highest);
		r = rename_fresh(from, to);
		free(to);
		if (r == 0) {
			*versionp = highest;
			return (0);
		}
		if (errno != EEXIST && errno != ENOTEMPTY)
			return (r);
	}
	return (-ERR_SYSTEM);
}

/* Across file systems: copied beside its place first, then renamed. */
static int
copy_and_take(const char *dir, const char *from, struct slice id,
    uint32_t highest, uint32_t *versionp)
{
	char *tmp;
	int r, saved;

	tmp = str_fmt("%s/.tmp-%.*s", dir, (int)id.n, id.p);
	if ((r = dir_remove(tmp)) == 0 && (r = copy_tree(from, tmp)) == 0)
		r = take_number(dir, tmp, highest, versionp);
	saved = errno;
	(void)dir_remove(r == 0 ? from : tmp);
	errno = saved;
	free(tmp);
	return (r);
}

static int
publish_in(const char *dir, const char *from, struct slice id,
    uint32_t *versionp)
{
	struct survey s;
	int r;

	if ((r = dir_make(dir, 0755)) != 0 ||
	    (r = survey_model(dir, id, &s)) != 0)
		return (r);
	(void)chmod(dir, 0755);         /* our umask keeps it to ourselves */
	if (s.by_job != 0) {
		*versionp = s.by_job;
		return (dir_remove(from));
	}
	if ((r = write_marker(from, id)) != 0)
		return (r);
	if (chmod(from, 0755) != 0)
		return (-ERR_SYSTEM);
	r = take_number(dir, from, s.highest, versionp);
	if (r != 0 && errno == EXDEV)
		r = copy_and_take(dir, from, id, s.highest, versionp);
	if (r == 0)
		sync_dir(dir);
	return (r);
}

int
models_publish(const char *store, struct slice name, const char *from,
    struct slice job_id, uint32_t *versionp, struct buf *why)
{
	char *dir;
	int r;

	if (!is_plain_name(name) || *store == '\0') {
		buf_printf(why, "could not publish %.*s: %s", (int)name.n,
		    name.p, *store == '\0' ? "no model store is configured" :
		    "not a model name");
		return (-ERR_SYNTAX);
	}
	if (is_empty(from)) {
		buf_printf(why, "could not publish %.*s: the output folder is "
		    "empty", (int)name.n, name.p);
		return (-ERR_NOTFOUND);
	}
	dir = model_dir(store, name);
	if ((r = publish_in(dir, from, job_id, versionp)) != 0)
		buf_printf(why, "could not publish %.*s in %s: %s",
		    (int)name.n, name.p, dir, err_text(r));
	free(dir);
	return (r);
}
