/*
 * Handlers: that each kind has what it needs, that its program or plugin
 * exists and nobody else could have written it.
 */
#include "config.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/landlock.h"
#include "base/obj.h"
#include "base/part.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/file.h"
#include "conf/load.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"
#define SELFTEST "selftest"

/* Programs whose first argument is the real program. Versions may follow. */
static const char *const interpreters[] = {
	"python", "pypy", "sh", "bash", "dash", "perl", "ruby", "node", "php",
	"lua", "julia", "Rscript"
};

static void
add_problem(struct load *ld, const struct conf_handler *h, const char *key,
    const char *text)
{
	load_problem(ld, CONF_S_handler, h->name, key, "%s", text);
}

/* [handler selftest] needs nothing below it. */
static void
fill_selftest(const struct load *ld, struct conf_handler *h)
{
	if (strcmp(h->name, SELFTEST) != 0 ||
	    load_given(ld, CONF_S_handler, h->name, "kind"))
		return;
	h->kind = CONF_PLUGIN;
	if (h->path[0] == '\0')
		value_replace(&h->path, xstrdup(SELFTEST ".so"));
	if (h->types[0] == NULL)
		value_list_add(&h->types, xstrdup(SELFTEST));
}

static bool
is_interpreter(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	unsigned i;
	size_t n;

	for (i = 0; i < NELEM(interpreters); i++) {
		n = strlen(interpreters[i]);
		if (strncmp(name, interpreters[i], n) == 0 &&
		    name[n + strspn(name + n, "0123456789.")] == '\0')
			return (true);
	}
	return (false);
}

/*
 * The script that an interpreter would run, if it is named by an absolute
 * path; NULL if not, or if the code comes another way (-c, -m, -e).
 */
static const char *
script_of(char *const *argv)
{
	const char *option;

	if (!is_interpreter(argv[0]))
		return (NULL);
	for (argv++; *argv != NULL && (*argv)[0] == '-'; argv++) {
		option = *argv;
		if (strchr("cme", option[strlen(option) - 1]) != NULL)
			return (NULL);
	}
	return (*argv != NULL && (*argv)[0] == '/' ? *argv : NULL);
}

/* Replaces a program's name by its path. NULL or why there is none. */
static const char *
find_program(const struct load *ld, char **name)
{
	const char *path_list = load_env(ld, "PATH");
	char *found;

	if (strchr(*name, '/') != NULL) {
		load_absolute(ld, name);
		return (NULL);
	}
	found = file_find_program(*name, path_list == NULL ? PATH_DEFAULT :
	    path_list);
	if (found == NULL)
		return ("not found in PATH");
	value_replace(name, found);
	return (NULL);
}

static void
check_program(struct load *ld, struct conf_handler *h)
{
	const char *why, *script;

	if ((why = find_program(ld, &h->argv[0])) == NULL)
		why = file_check(h->argv[0], true);
	if (why != NULL) {
		load_problem(ld, CONF_S_handler, h->name, "command",
		    "%.200s: %s", h->argv[0], why);
		return;
	}
	script = script_of(h->argv);
	if (script != NULL && (why = file_check(script, false)) != NULL)
		load_problem(ld, CONF_S_handler, h->name, "command",
		    "%.200s: %s", script, why);
}

static void
resolve_command(struct load *ld, struct conf_handler *h)
{
	unsigned argc, i;
	char **words;

	if (h->path[0] != '\0')
		add_problem(ld, h, "path", "only for kind = plugin");
	if (str_words(h->command, &words, &argc) != 0) {
		add_problem(ld, h, "command", "quote without its end (a ; "
		    "behind white space starts a comment)");
		return;
	}
	h->argv = xcalloc(argc + 1, sizeof(*h->argv));
	for (i = 0; i < argc; i++)
		h->argv[i] = xstrdup(words[i]);
	free(words);
	if (argc == 0 || h->argv[0][0] == '\0')
		load_problem(ld, CONF_S_handler, h->name, "command",
		    "missing in [handler %s]", h->name);
	else
		check_program(ld, h);
}

static void
resolve_plugin(struct load *ld, struct conf_handler *h)
{
	const char *dir = load_env(ld, "GANGER_PLUGIN_DIR");
	const char *why;

	if (h->command[0] != '\0')
		add_problem(ld, h, "command", "not for kind = plugin");
	if (h->path[0] == '\0') {
		load_problem(ld, CONF_S_handler, h->name, "path",
		    "missing in [handler %s]", h->name);
		return;
	}
	if (strchr(h->path, '/') == NULL)
		value_replace(&h->path, dir != NULL ?
		    str_fmt("%s/%s", dir, h->path) :
		    part_path(PLUGINDIR, ".libs/", h->path));
	load_absolute(ld, &h->path);
	if ((why = file_check(h->path, false)) != NULL)
		load_problem(ld, CONF_S_handler, h->name, "path", "%.200s: %s",
		    h->path, why);
}

static void
resolve_groups(struct load *ld, struct conf_handler *h)
{
	struct group *gr;
	char **name;

	if (h->group[0] != '\0') {
		if ((gr = getgrnam(h->group)) != NULL)
			h->gid = gr->gr_gid;
		else
			load_problem(ld, CONF_S_handler, h->name, "group",
			    "no group \"%.80s\"", h->group);
		if (geteuid() != 0)
			add_problem(ld, h, "group", "only root can change it");
	}
	for (name = h->groups; *name != NULL; name++)
		if (getgrnam(*name) == NULL)
			load_problem(ld, CONF_S_handler, h->name, "groups",
			    "no group \"%.80s\"", *name);
	if (h->groups[0] != NULL && geteuid() != 0)
		add_problem(ld, h, "groups", "only root can change them");
}

static void
resolve_sandbox(struct load *ld, struct conf_handler *h)
{
	if (h->sandbox == CONF_SANDBOX_STRICT && landlock_abi() == 0)
		add_problem(ld, h, "sandbox", "strict needs Landlock, which "
		    "this kernel does not have or has switched off; default "
		    "works without it");
}

static void
resolve_handler_user(struct load *ld, struct conf_handler *h)
{
	resolve_groups(ld, h);
	if (h->kind == CONF_PLUGIN && (h->user[0] != '\0' ||
	    h->group[0] != '\0' || h->groups[0] != NULL))
		add_problem(ld, h, h->user[0] != '\0' ? "user" :
		    h->group[0] != '\0' ? "group" : "groups", "not for kind = "
		    "plugin, which runs in the child itself");
	if (h->user[0] == '\0')
		return;
	if (find_user(h->user, &h->uid, &h->gid) != 0)
		load_problem(ld, CONF_S_handler, h->name, "user",
		    "no user \"%.80s\"", h->user);
	else if (h->uid != geteuid() && geteuid() != 0)
		add_problem(ld, h, "user", "only root can change it");
	else
		h->has_user = true;
}

static void
resolve_handler(struct load *ld, struct conf_handler *h)
{
	fill_selftest(ld, h);
	if (h->job_timeout > ld->c->supervisor.max_job_timeout)
		h->job_timeout = ld->c->supervisor.max_job_timeout;
	resolve_handler_user(ld, h);
	resolve_sandbox(ld, h);
	if (h->kind == CONF_PLUGIN)
		resolve_plugin(ld, h);
	else if (h->kind >= 0)
		resolve_command(ld, h);
	else if (!load_given(ld, CONF_S_handler, h->name, "kind"))
		load_problem(ld, CONF_S_handler, h->name, "kind",
		    "missing in [handler %s]: command, runner or plugin",
		    h->name);
}

void
resolve_handlers(struct load *ld)
{
	unsigned i;

	for (i = 0; i < ld->c->nhandlers; i++)
		resolve_handler(ld, &ld->c->handlers[i]);
}
