/*
 * Finds gangerd and redis-server, installed or in a build tree. In a build
 * tree the daemon is told by its environment where its child and the plugins
 * are; REDIS_URL is taken out of it, for it would win over the file.
 */
#include "config.h"

#include "cli/up_find.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "cli/cli.h"

extern char **environ;

/* Takes path: gives it if it can be run, else frees it and gives NULL. */
static char *
if_runs(char *path)
{
	if (access(path, X_OK) == 0)
		return (path);
	free(path);
	return (NULL);
}

static char *
own_dir(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return (xstrdup("/"));
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	return (xstrdup(path));
}

static char *
on_path(const char *name)
{
	const char *p = getenv("PATH"), *colon;
	char *found = NULL;
	size_t n;

	if (p == NULL)
		p = "/usr/local/bin:/usr/bin:/bin";
	while (found == NULL) {
		colon = strchrnul(p, ':');
		n = (size_t)(colon - p);
		if (n > 0)
			found = if_runs(str_fmt("%.*s/%s", (int)n, p, name));
		if (*colon == '\0')
			break;
		p = colon + 1;
	}
	return (found);
}

static char *
find_redis(void)
{
	static const char *const names[] = { "redis-server",
	    "valkey-server" };
	const char *given = getenv("GANGER_REDIS_SERVER");
	char *found = NULL;
	size_t i;

	if (given != NULL && given[0] != '\0') {
		if ((found = if_runs(xstrdup(given))) == NULL)
			cli_die(CLI_USAGE, "GANGER_REDIS_SERVER=%s: %s",
			    given, strerror(errno));
		return (found);
	}
	for (i = 0; i < NELEM(names) && found == NULL; i++)
		found = on_path(names[i]);
	if (found == NULL)
		cli_die(CLI_UNREACHABLE, "no redis-server on the PATH: "
		    "install redis-server, or name one in "
		    "GANGER_REDIS_SERVER");
	return (found);
}

static char *
find_daemon(const char *dir)
{
	const char *given = getenv("GANGER_GANGERD");
	char *found;

	if (given != NULL && given[0] != '\0') {
		if ((found = if_runs(xstrdup(given))) == NULL)
			cli_die(CLI_USAGE, "GANGER_GANGERD=%s: %s", given,
			    strerror(errno));
		return (found);
	}
	if ((found = if_runs(str_fmt("%s/gangerd", dir))) == NULL &&
	    (found = if_runs(str_fmt("%s/../sbin/gangerd", dir))) == NULL &&
	    (found = if_runs(xstrdup(SBINDIR "/gangerd"))) == NULL)
		cli_die(CLI_UNREACHABLE, "no gangerd beside this program and "
		    "none in %s: name one in GANGER_GANGERD", SBINDIR);
	return (found);
}

/* A libtool build keeps its modules below .libs. */
static char *
find_plugins(const char *dir)
{
	static const char *const places[] = { ".libs", "plugins/.libs" };
	char *path;
	size_t i;

	for (i = 0; i < NELEM(places); i++) {
		path = str_fmt("%s/%s/selftest.so", dir, places[i]);
		if (access(path, R_OK) == 0) {
			*strrchr(path, '/') = '\0';
			return (path);
		}
		free(path);
	}
	return (NULL);
}

static bool
is_variable(const char *entry, const char *name)
{
	size_t n = strlen(name);

	return (strncmp(entry, name, n) == 0 && entry[n] == '=');
}

/* A copy of the environment that can grow. */
struct env {
	char **v;    /* owns, strings too */
	size_t n;
};

static void
env_add(struct env *e, char *entry)
{
	e->v = xrealloc(e->v, (e->n + 2) * sizeof(*e->v));
	e->v[e->n++] = entry;
	e->v[e->n] = NULL;
}

static struct env
env_copy(const char *drop)
{
	struct env e = { xcalloc(1, sizeof(char *)), 0 };
	size_t i;

	for (i = 0; environ[i] != NULL; i++)
		if (!is_variable(environ[i], drop))
			env_add(&e, xstrdup(environ[i]));
	return (e);
}

/* Takes value, which may be NULL. */
static void
env_default(struct env *e, const char *name, char *value)
{
	if (value != NULL && getenv(name) == NULL)
		env_add(e, str_fmt("%s=%s", name, value));
	free(value);
}

static void
env_free(char **v)
{
	size_t i;

	for (i = 0; v != NULL && v[i] != NULL; i++)
		free(v[i]);
	free(v);
}

void
up_paths_find(struct up_paths *p)
{
	char *dir = own_dir();
	struct env e;

	p->self = str_fmt("%s/ganger", dir);
	p->redis = find_redis();
	p->daemon = find_daemon(dir);
	p->redis_env = env_copy("REDIS_URL").v;
	e = env_copy("REDIS_URL");
	env_default(&e, "GANGER_CHILD",
	    if_runs(str_fmt("%s/ganger-child", dir)));
	env_default(&e, "GANGER_PLUGIN_DIR", find_plugins(dir));
	p->daemon_env = e.v;
	free(dir);
}

void
up_paths_fini(struct up_paths *p)
{
	free(p->self);
	free(p->daemon);
	free(p->redis);
	env_free(p->daemon_env);
	env_free(p->redis_env);
	memset(p, 0, sizeof(*p));
}
