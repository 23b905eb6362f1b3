/*
 * conf_load: defaults, then the file, then the environment, then what follows
 * from them, then whether it fits together. Every step goes on after a
 * problem, so that one run names them all; nothing is printed here.
 */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/file.h"
#include "conf/hint.h"
#include "conf/keep.h"
#include "conf/load.h"

#define PROBLEMS_TEXT_MAX (1u << 20)
#define WHY_MAX 1024

void
conf_problems_init(struct conf_problems *p)
{
	buf_init(&p->text, PROBLEMS_TEXT_MAX);
	p->count = 0;
}

void
conf_problems_fini(struct conf_problems *p)
{
	buf_fini(&p->text);
	p->count = 0;
}

const char *
load_env(const struct load *ld, const char *name)
{
	size_t n = strlen(name);
	char *const *e;

	for (e = ld->env; e != NULL && *e != NULL; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return ((*e)[n + 1] == '\0' ? NULL : *e + n + 1);
	return (NULL);
}

/* The variable that sets a key of a single section, if it is set. */
static const char *
variable_of(const struct load *ld, enum conf_section section, const char *key)
{
	const struct conf_env *v;

	for (v = conf_envs; v < conf_envs + conf_nenvs; v++)
		if (v->section == section && strcmp(v->key, key) == 0)
			return (load_env(ld, v->name) == NULL ? NULL : v->name);
	return (NULL);
}

int
load_line(const struct load *ld, enum conf_section section, const char *name,
    const char *key)
{
	const struct ini_section *s;
	const struct ini_key *k;

	s = ini_section(ld->ini, conf_sections[section].name, name);
	if (s == NULL)
		return (0);
	k = ini_key(s, key);
	return (k == NULL ? 0 : k->line);
}

bool
load_given(const struct load *ld, enum conf_section section, const char *name,
    const char *key)
{
	return (variable_of(ld, section, key) != NULL ||
	    load_line(ld, section, name, key) != 0);
}

void
load_problem(struct load *ld, enum conf_section section, const char *name,
    const char *key, const char *fmt, ...)
{
	const struct ini_section *s;
	const char *variable;
	char message[400];
	va_list ap;
	int line;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	variable = variable_of(ld, section, key);
	if (variable != NULL) {
		problem_add(&ld->problems, PROBLEM_ENV, "%s: %s", variable,
		    message);
		return;
	}
	line = load_line(ld, section, name, key);
	if (line == 0) {
		s = ini_section(ld->ini, conf_sections[section].name, name);
		line = s == NULL ? PROBLEM_FILE : s->line;
	}
	problem_add(&ld->problems, line, "%s: %s", key, message);
}

void
conf_put_at(const struct conf *c, int place, struct buf *b)
{
	problem_put_place(c->ini->files, c->ini->nfiles, place, b);
}

void
conf_put_place(const struct conf *c, const char *section, const char *key,
    struct buf *b)
{
	const struct ini_section *s = ini_section(c->ini, section, "");
	const struct ini_key *k = s == NULL ? NULL : ini_key(s, key);

	conf_put_at(c, k != NULL ? k->line : s != NULL ? s->line : 0, b);
}

void
load_absolute(const struct load *ld, char **path)
{
	if ((*path)[0] != '\0' && (*path)[0] != '/')
		value_replace(path, str_fmt("%s/%s", ld->dir, *path));
}

static void
set_defaults(enum conf_section section, void *p)
{
	const struct conf_row *r;

	for (r = conf_rows; r < conf_rows + conf_nrows; r++)
		if (r->section == section)
			value_set_good(r, p, r->def);
}

static struct conf *
new_conf(const char *path)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	unsigned s;

	c->magic = CONF_MAGIC;
	c->path = path == NULL ? NULL : xstrdup(path);
	c->ini = xcalloc(1, sizeof(*c->ini));
	ini_init(c->ini);
	c->direct_queue = xstrdup("");
	c->http.host = xstrdup("");
	c->http.token = xstrdup("");
	for (s = 0; s < CONF_NSECTIONS; s++)
		if (!conf_sections[s].named)
			set_defaults((enum conf_section)s,
			    conf_instance(c, (enum conf_section)s, 0));
	return (c);
}

static bool
variable_name_ok(const char *s)
{
	if (*s == '\0' || isdigit((unsigned char)*s))
		return (false);
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return (false);
	return (true);
}

/* env.NAME = value */
static void
apply_pair(struct load *ld, const struct conf_row *row, void *p,
    const struct ini_key *k)
{
	const char *name = strchr(k->key, '.') + 1;
	char ***list = (char ***)(void *)((char *)p + row->offset);

	if (!variable_name_ok(name))
		problem_add(&ld->problems, k->line,
		    "%s: not the name of a variable: letters, digits and _",
		    k->key);
	else if (strncmp(name, "GANGER_", 7) == 0 ||
	    strcmp(name, "CUDA_VISIBLE_DEVICES") == 0)
		problem_add(&ld->problems, k->line,
		    "%s: this variable is set by ganger itself", k->key);
	else
		value_list_add(list, str_fmt("%s=%s", name, k->value));
}

/* The row of a key; "env.NAME" is a key of the row env. */
static const struct conf_row *
row_of(enum conf_section section, const char *key)
{
	const struct conf_row *row;
	char *head;

	head = xstrndup(key, strcspn(key, "."));
	row = conf_row(section, head);
	if (row != NULL && (strchr(key, '.') != NULL) !=
	    (row->type == CONF_TYPE_pairs))
		row = NULL;
	free(head);
	return (row);
}

static void
unknown_key(struct load *ld, enum conf_section section,
    const struct ini_key *k)
{
	const char *hint = hint_key(section, k->key);

	problem_add(&ld->problems, k->line, "%.80s: unknown key in [%s]%s%s%s",
	    k->key, conf_sections[section].name,
	    hint == NULL ? "" : ", did you mean ", hint == NULL ? "" : hint,
	    hint == NULL ? "" : "?");
}

/* p NULL: only the names are looked at. */
static void
apply_key(struct load *ld, enum conf_section section, void *p,
    const struct ini_key *k)
{
	const struct conf_row *row = row_of(section, k->key);
	struct buf why;

	if (row == NULL) {
		unknown_key(ld, section, k);
		return;
	}
	if (p == NULL)
		return;
	if (row->type == CONF_TYPE_pairs) {
		apply_pair(ld, row, p, k);
		return;
	}
	buf_init(&why, WHY_MAX);
	if (value_set(row, p, k->value, &why) != 0)
		problem_add(&ld->problems, k->line, "%s: %s", k->key,
		    buf_cstr(&why));
	else if (row->type == CONF_TYPE_path && section != CONF_S_handler)
		load_absolute(ld, (char **)(void *)((char *)p + row->offset));
	buf_fini(&why);
}

static void
unknown_section(struct load *ld, const struct ini_section *s)
{
	const char *hint = hint_section(s->kind);

	problem_add(&ld->problems, s->line, "unknown section [%.80s]%s%s%s",
	    s->kind, hint == NULL ? "" : ", did you mean [",
	    hint == NULL ? "" : hint, hint == NULL ? "" : "]?");
}

/* The struct that a section of the file fills; NULL if it can't be one. */
static void *
place_of(struct load *ld, enum conf_section section,
    const struct ini_section *s)
{
	const struct conf_section_info *info = &conf_sections[section];
	void *p;

	if (s->again)
		return (NULL);
	if (!info->named) {
		if (s->name[0] == '\0')
			return (conf_instance(ld->c, section, 0));
		problem_add(&ld->problems, s->line, "[%s] takes no name",
		    s->kind);
		return (NULL);
	}
	if (!str_id_ok(slice_of(s->name))) {
		problem_add(&ld->problems, s->line, s->name[0] == '\0' ?
		    "[%s] needs a name, as in [%s NAME]" :
		    "[%s %.80s]: a name is 1 to 128 of letters, digits and "
		    "._:-", s->kind, s->name[0] == '\0' ? s->kind : s->name);
		return (NULL);
	}
	p = conf_instance_add(ld->c, section, xstrdup(s->name), s->line);
	set_defaults(section, p);
	return (p);
}

static void
apply_section(struct load *ld, const struct ini_section *s)
{
	enum conf_section section = conf_section(s->kind);
	unsigned i;
	void *p;

	if (section == CONF_NSECTIONS) {
		unknown_section(ld, s);
		return;
	}
	p = place_of(ld, section, s);
	for (i = 0; i < s->nkeys; i++)
		apply_key(ld, section, p, &s->keys[i]);
}

static void
apply_file(struct load *ld)
{
	const char *why;
	size_t len;
	char *text;
	unsigned i;

	text = file_read(ld->path, INI_SIZE_MAX, &len, &why);
	if (text == NULL) {
		ini_parse(ld->ini, ld->path, "", 0, &ld->problems);
		problem_add(&ld->problems, PROBLEM_FILE, "could not read: %s",
		    why);
		return;
	}
	ini_parse(ld->ini, ld->path, text, len, &ld->problems);
	explicit_bzero(text, len);
	free(text);
	load_includes(ld);
	for (i = 0; i < ld->ini->nsections; i++)
		apply_section(ld, &ld->ini->sections[i]);
}

static void
apply_env(struct load *ld)
{
	const struct conf_env *v;
	const char *text;
	struct buf why;

	for (v = conf_envs; v < conf_envs + conf_nenvs; v++) {
		text = load_env(ld, v->name);
		if (text == NULL)
			continue;
		buf_init(&why, WHY_MAX);
		if (value_set(conf_row(v->section, v->key),
		    conf_instance(ld->c, v->section, 0), text, &why) != 0)
			problem_add(&ld->problems, PROBLEM_ENV, "%s: %s",
			    v->name, buf_cstr(&why));
		buf_fini(&why);
	}
}

/* Order matters: directories before the id that is made from them, the id
 * before the direct queue, handlers before the pools that name them. */
static void
resolve(struct load *ld)
{
	resolve_dirs(ld);
	resolve_worker_id(ld);
	resolve_user(ld);
	if (ld->running != NULL)
		keep_running(ld);
	resolve_supervisor(ld);
	resolve_redis(ld);
	resolve_http(ld);
	resolve_log(ld);
	resolve_models(ld);
	resolve_handlers(ld);
	resolve_pools(ld);
	resolve_schedules(ld);
	resolve_rates(ld);
}

char *
load_folder(const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	char cwd[4096];

	if (slash != NULL && path[0] == '/')
		return (xstrndup(path, slash == path ? 1 :
		    (size_t)(slash - path)));
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return (xstrdup("/"));
	if (slash == NULL)
		return (xstrdup(cwd));
	return (str_fmt("%s/%.*s", cwd, (int)(slash - path), path));
}

int
conf_reload(const char *path, const char *pidfile, char *const *env,
    const struct conf *running, struct conf **cfp,
    struct conf_problems *problems)
{
	struct load ld = { .running = running, .path = path,
		.pidfile = pidfile, .env = env };
	int r = 0;

	*cfp = NULL;
	problem_init(&ld.problems);
	ld.dir = load_folder(path);
	ld.c = new_conf(path);
	ld.ini = ld.c->ini;
	if (path != NULL)
		apply_file(&ld);
	apply_env(&ld);
	resolve(&ld);
	if (ld.problems.count > 0) {
		problems->count += ld.problems.count;
		problem_put(&ld.problems, ld.ini->files, ld.ini->nfiles,
		    &problems->text);
		r = -ERR_CONFIG;
	} else {
		*cfp = ld.c;
		ld.c = NULL;
	}
	conf_free(&ld.c);
	problem_fini(&ld.problems);
	free(ld.dir);
	return (r);
}

int
conf_load_pidfile(const char *path, const char *pidfile, char *const *env,
    struct conf **cfp, struct conf_problems *problems)
{
	return (conf_reload(path, pidfile, env, NULL, cfp, problems));
}

int
conf_load(const char *path, char *const *env, struct conf **cfp,
    struct conf_problems *problems)
{
	return (conf_load_pidfile(path, NULL, env, cfp, problems));
}

static void
free_secret(char **sp)
{
	if (*sp != NULL)
		explicit_bzero(*sp, strlen(*sp));
	free(*sp);
	*sp = NULL;
}

static void
free_section(struct conf *c, enum conf_section section)
{
	const struct conf_row *r;
	unsigned i;

	for (i = 0; i < conf_instances(c, section); i++)
		for (r = conf_rows; r < conf_rows + conf_nrows; r++)
			if (r->section == section)
				value_fini(r, conf_instance(c, section, i));
}

void
conf_free(struct conf **cfp)
{
	struct conf *c = *cfp;
	unsigned i;
	char **w;

	*cfp = NULL;
	if (c == NULL)
		return;
	OBJ_CHECK(c, CONF_MAGIC);
	if (c->redis.url != NULL)
		explicit_bzero(c->redis.url, strlen(c->redis.url));
	for (i = 0; i < CONF_NSECTIONS; i++)
		free_section(c, (enum conf_section)i);
	for (i = 0; i < c->nheld; i++) {
		free(c->held[i].from);
		free(c->held[i].to);
	}
	free(c->held);
	ini_fini(c->ini);
	free(c->ini);
	for (i = 0; i < c->npools; i++)
		free(c->pools[i].name);
	for (i = 0; i < c->nhandlers; i++) {
		for (w = c->handlers[i].argv; w != NULL && *w != NULL; w++)
			free(*w);
		free(c->handlers[i].argv);
		free(c->handlers[i].name);
	}
	for (i = 0; i < c->nschedules; i++)
		free(c->schedules[i].name);
	for (i = 0; i < c->nqueues; i++)
		free(c->queues[i].name);
	for (i = 0; i < c->nmodel_limits; i++)
		free(c->model_limits[i].name);
	free(c->pools);
	free(c->handlers);
	free(c->schedules);
	free(c->queues);
	free(c->model_limits);
	redis_url_fini(&c->redis.addr);
	free_secret(&c->http.token);
	free(c->http.host);
	free(c->direct_queue);
	free(c->path);
	c->magic = 0;
	free(c);
}
