/* The cgroup file systems. See cgroup.h. */
#include "config.h"

#include "supervisor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/xalloc.h"

#define DEPTH_MAX 16    /* of cgroups that jobs make below a slot's */

/* Looks until all of a cgroup have stopped. Most do at once; one that sleeps
 * uninterruptibly doesn't, and is met by the next round. */
#define FREEZE_LOOKS 50

char *
cgroup_read(const char *dir, const char *file)
{
	char *path = str_fmt("%s/%s", dir, file), *text = NULL;
	size_t n;

	if (fd_slurp(path, 1u << 20, &text, &n) != 0)
		text = xstrdup("");
	free(path);
	return (text);
}

int
cgroup_write(const char *dir, const char *file, const char *text)
{
	char *path = str_fmt("%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = -1, saved;

	saved = errno;
	free(path);
	errno = saved;
	if (fd < 0)
		return (-1);
	if (write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		r = 0;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return (r);
}

bool
cgroup_has_word(const char *list, const char *word, const char *seps)
{
	size_t n = strlen(word), len;

	while (*list != '\0') {
		len = strcspn(list, seps);
		if (len == n && memcmp(list, word, n) == 0)
			return (true);
		list += len;
		list += strspn(list, seps);
	}
	return (false);
}

/* ---- where we are ---- */

/* "4:memory:/a/b": is it that hierarchy's line, and our path in it. */
static bool
read_place(const char *line, const char *controller, char *path, size_t size)
{
	const char *list = strchr(line, ':'), *at;
	char names[256];

	if (list == NULL || (at = strchr(list + 1, ':')) == NULL)
		return (false);
	(void)snprintf(names, sizeof(names), "%.*s", (int)(at - list - 1),
	    list + 1);
	if (controller == NULL ? strncmp(line, "0::", 3) != 0 :
	    !cgroup_has_word(names, controller, ","))
		return (false);
	(void)snprintf(path, size, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
	return (true);
}

/* A line of mountinfo: is it that hierarchy; its root and mount point. */
static bool
read_mount(const char *line, const char *controller, char root[1024],
    char point[1024])
{
	char type[16], opts[256];
	const char *tail;

	if ((tail = strstr(line, " - ")) == NULL ||
	    sscanf(tail + 3, "%15s %*s %255s", type, opts) != 2 ||
	    sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) != 2)
		return (false);
	return (controller == NULL ? strcmp(type, "cgroup2") == 0 :
	    strcmp(type, "cgroup") == 0 &&
	    cgroup_has_word(opts, controller, ","));
}

/* In a container the mount shows only a part of the tree, from root on, and
 * our path may be told from the host's root or from that part's. */
static char *
join_place(const char *point, const char *root, const char *place)
{
	size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (n > 0 && strncmp(place, root, n) == 0 &&
	    (place[n] == '/' || place[n] == '\0'))
		place += n;
	if (strncmp(place, "/..", 3) == 0)
		return (NULL);          /* outside of what we see */
	return (str_fmt("%s%s", point, strcmp(place, "/") == 0 ? "" : place));
}

char *
cgroup_own_in(const char *controller, const char *mounts, const char *places)
{
	char place[1024], root[1024], point[1024];
	const char *line;
	bool found = false;

	for (line = places; !found && *line != '\0';
	    line += strcspn(line, "\n"), line += *line == '\n')
		found = read_place(line, controller, place, sizeof(place));
	if (!found)
		return (NULL);
	for (line = mounts; *line != '\0'; line += strcspn(line, "\n"),
	    line += *line == '\n')
		if (read_mount(line, controller, root, point))
			return (join_place(point, root, place));
	return (NULL);
}

/*
 * A process that another gangerd started for its upgrade stands in the leaf
 * that one made for itself (cage_delegate): what it may use is above.
 */
static void
leave_leaf(char *dir)
{
	char *slash = dir != NULL ? strrchr(dir, '/') : NULL;
	size_t n = slash != NULL ? strlen(slash) : 0;

	if (n > strlen("/ganger-.main") &&
	    strncmp(slash, "/ganger-", strlen("/ganger-")) == 0 &&
	    strcmp(slash + n - strlen(".main"), ".main") == 0)
		*slash = '\0';
}

char *
cgroup_own(const char *controller)
{
	char *mounts = cgroup_read("/proc/self", "mountinfo");
	char *places = cgroup_read("/proc/self", "cgroup");
	char *dir = cgroup_own_in(controller, mounts, places);

	leave_leaf(dir);
	free(mounts);
	free(places);
	return (dir);
}

/* ---- what is in a cgroup ---- */

int
cgroup_join(const char *dir)
{
	char path[4352];
	size_t n = strlen(dir);
	int fd, r;

	/* no stdio between fork and exec */
	if (n > sizeof(path) - 16)
		return (-1);
	memcpy(path, dir, n);
	memcpy(path + n, "/cgroup.procs", 14);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return (-1);
	r = write(fd, "0", 1) == 1 ? 0 : -1;
	(void)close(fd);
	return (r);
}

/* Calls func for each cgroup right below dir. */
static void
each_below(const char *dir, unsigned depth, void *arg,
    void (*func)(const char *, unsigned, void *))
{
	struct dirent *e;
	char *below;
	DIR *d;

	if (depth >= DEPTH_MAX || (d = opendir(dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		below = str_fmt("%s/%s", dir, e->d_name);
		func(below, depth + 1, arg);
		free(below);
	}
	(void)closedir(d);
}

static void
add_pids(const char *dir, unsigned depth, void *arg)
{
	char *text = cgroup_read(dir, "cgroup.procs"), *p, *save = NULL;

	for (p = strtok_r(text, "\n", &save); p != NULL;
	    p = strtok_r(NULL, "\n", &save))
		if (atoi(p) > 0)
			pids_add(arg, atoi(p));
	free(text);
	each_below(dir, depth, arg, add_pids);
}

void
cgroup_pids(const char *dir, struct pids *out)
{
	add_pids(dir, 0, out);
}

bool
cgroup_populated(const char *dir)
{
	char *text = cgroup_read(dir, "cgroup.events");
	bool populated = strstr(text, "populated 1") != NULL;

	free(text);
	return (populated);
}

static bool
is_frozen(const char *dir)
{
	char *text = cgroup_read(dir, "freezer.state");
	bool frozen = strcmp(text, "FROZEN\n") == 0;

	free(text);
	return (frozen);
}

unsigned
cgroup_freeze_and_kill(const char *dir)
{
	static struct pids p;
	unsigned i;

	/* empty is the rule when all has gone well: spare it the rest */
	p.n = 0;
	cgroup_pids(dir, &p);
	if (p.n == 0)
		return (0);
	(void)cgroup_write(dir, "freezer.state", "FROZEN");
	for (i = 0; i < FREEZE_LOOKS && !is_frozen(dir); i++)
		;
	p.n = 0;
	cgroup_pids(dir, &p);
	for (i = 0; i < p.n; i++)
		(void)kill(p.pid[i], SIGKILL);
	/* a frozen process does not even die */
	(void)cgroup_write(dir, "freezer.state", "THAWED");
	return (p.n);
}

static void
remove_tree(const char *dir, unsigned depth, void *arg)
{
	each_below(dir, depth, arg, remove_tree);
	*(int *)arg = rmdir(dir);
}

int
cgroup_remove(const char *dir)
{
	int r = -1;

	/* nothing below is the rule */
	if (rmdir(dir) == 0)
		return (0);
	if (errno == EBUSY || errno == ENOTEMPTY)
		remove_tree(dir, 0, &r);
	return (r);
}
