/* Making and removing a job's directories. */
#include "config.h"

#include "child/dirs.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "child/child.h"
#include "child/sandbox.h"
#include "child/spawn.h"

static int
give_to(const char *path, const struct spawn_user *user)
{

	if (user != NULL && chown(path, user->uid, user->gid) != 0)
		return (-ERR_SYSTEM);
	return (0);
}

static int
open_one(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (-ERR_SYSTEM);
	if ((st.st_mode & S_IXOTH) != 0)
		return (0);
	if (chmod(path, (st.st_mode & 07777) | 0111) != 0)
		return (-ERR_SYSTEM);
	return (0);
}

int
dirs_open_way(const struct start *s, struct buf *why)
{
	char *paths[] = {
		str_fmt("%s/..", s->work_dir), str_fmt("%s", s->work_dir),
		str_fmt("%s", s->state_dir),
		str_fmt("%s/outputs", s->state_dir),
		str_fmt("%s/checkpoints", s->state_dir),
	};
	unsigned i;
	int r = 0;

	for (i = 0; i < NELEM(paths); i++) {
		if (r == 0 && (dir_make(paths[i], 0700) != 0 ||
		    open_one(paths[i]) != 0)) {
			buf_printf(why, "could not let another user into %s: "
			    "%s", paths[i], strerror(errno));
			r = -ERR_SYSTEM;
		}
		free(paths[i]);
	}
	return (r);
}

/* The folder above is there but for the first job of a fresh state_dir. */
static int
make_kept(const char *path, const struct spawn_user *user)
{
	int r;

	if (mkdir(path, 0755) != 0) {
		if (errno == EEXIST)
			return (give_to(path, user));
		if ((r = dir_make(path, 0755)) != 0)
			return (r);
	}
	return (give_to(path, user));
}

static int
complain(struct buf *why, const char *path)
{

	buf_printf(why, "could not make %s: %s", path, strerror(errno));
	return (-ERR_SYSTEM);
}

char *
dirs_kept_path(const char *state_dir, const char *kind, struct slice id)
{

	return (str_fmt("%s/%s/%s%.*s", state_dir, kind,
	    id.n > 0 && id.p[0] == '.' ? "%" : "", (int)id.n, id.p));
}

int
dirs_private(const struct start *s, const struct spawn_user *user,
    char **pathp, struct buf *why)
{
	char *path;

	path = str_fmt("%s/s%u.XXXXXX", s->work_dir, (unsigned)s->slot);
	if (mkdtemp(path) == NULL) {
		complain(why, path);
		free(path);
		return (-ERR_SYSTEM);
	}
	if (give_to(path, user) != 0) {
		complain(why, path);
		rmdir(path);
		free(path);
		return (-ERR_SYSTEM);
	}
	*pathp = path;
	return (0);
}

int
dirs_make(const struct start *s, struct slice id,
    const struct spawn_user *user, struct dirs *d, struct buf *why)
{
	int r;

	d->output = dirs_kept_path(s->state_dir, "outputs", id);
	d->checkpoint = dirs_kept_path(s->state_dir, "checkpoints", id);
	if (make_kept(d->output, user) != 0)
		r = complain(why, d->output);
	else if (make_kept(d->checkpoint, user) != 0)
		r = complain(why, d->checkpoint);
	else
		r = dirs_private(s, user, &d->work, why);
	if (r != 0)
		dirs_drop(d);
	return (r);
}

int
dirs_sandbox(const struct start *s, enum sandbox_level level,
    struct sandbox *b, struct buf *why)
{
	char *outputs = str_fmt("%s/outputs", s->state_dir);
	char *checkpoints = str_fmt("%s/checkpoints", s->state_dir);
	const char *const places[] = { s->work_dir, outputs, checkpoints,
	    NULL };
	int r;

	/* a rule is about a folder that is there */
	if (level == SANDBOX_NONE)
		r = sandbox_open(b, level, places, why);
	else if (dir_make(outputs, 0700) != 0 || dir_make(checkpoints, 0700) != 0)
		r = complain(why, outputs);
	else
		r = sandbox_open(b, level, places, why);
	free(outputs);
	free(checkpoints);
	return (r);
}

void
dirs_name(const struct start *s, struct slice id, uint64_t number,
    struct dirs *d)
{

	d->output = dirs_kept_path(s->state_dir, "outputs", id);
	d->checkpoint = dirs_kept_path(s->state_dir, "checkpoints", id);
	d->work = str_fmt("%s/s%u.j%llu", s->work_dir, (unsigned)s->slot,
	    (unsigned long long)number);
}

/* Most are empty, or never were. */
static void
remove_dir(const char *path)
{

	if (path == NULL || rmdir(path) == 0 || errno == ENOENT)
		return;
	if (dir_remove(path) != 0)
		child_say("could not remove %s: %s", path, strerror(errno));
}

void
dirs_done(struct dirs *d)
{

	remove_dir(d->output);
	remove_dir(d->checkpoint);
	free(d->output);
	free(d->checkpoint);
	d->output = d->checkpoint = NULL;
}

void
dirs_forget(const struct start *s, struct slice id)
{
	struct dirs d = {
		.output = dirs_kept_path(s->state_dir, "outputs", id),
		.checkpoint = dirs_kept_path(s->state_dir, "checkpoints", id),
	};

	dirs_done(&d);
}

void
dirs_sweep(const struct start *s)
{
	struct dirent *e;
	char mine[16], *path;
	DIR *d;

	snprintf(mine, sizeof(mine), "s%u.", (unsigned)s->slot);
	if ((d = opendir(s->work_dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, mine, strlen(mine)) != 0)
			continue;
		path = str_fmt("%s/%s", s->work_dir, e->d_name);
		remove_dir(path);
		free(path);
	}
	closedir(d);
}

void
dirs_drop(struct dirs *d)
{

	remove_dir(d->work);
	if (d->output != NULL)
		rmdir(d->output);       /* only if empty */
	if (d->checkpoint != NULL)
		rmdir(d->checkpoint);
	free(d->work);
	free(d->output);
	free(d->checkpoint);
	memset(d, 0, sizeof(*d));
}
