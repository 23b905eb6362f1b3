/*
 * redis.conf and ganger.ini of a private instance. ganger.ini is the user's
 * file, if there is one, with the generated keys put in front of its
 * sections where the user has not set them. Where Redis is remains ours: the
 * user's url, username and password_file are left out.
 */
#include "config.h"

#include "cli/up_conf.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "base/slice.h"
#include "base/str.h"

#define INI_MAX (4u << 20)

/* A generated key; `ours` wins over the user's. */
struct row {
	const char *section, *key;
	char *value;     /* owns; NULL: leave it to the user's */
	bool ours;
};

enum { ROW_RUN, ROW_STATE, ROW_URL, ROW_USERNAME, ROW_PASSWORD, ROW_LISTEN,
	ROW_SELFTEST, ROW_N };

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && strchr(" \t\r", s.p[0]) != NULL) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && strchr(" \t\r", s.p[s.n - 1]) != NULL)
		s.n--;
	return (s);
}

/* Takes the next line off the text, without its end. */
static bool
next_line(struct slice *text, struct slice *line)
{
	const char *nl;

	if (text->n == 0)
		return (false);
	nl = memchr(text->p, '\n', text->n);
	line->p = text->p;
	line->n = nl == NULL ? text->n : (size_t)(nl - text->p);
	text->n -= line->n + (nl != NULL);
	text->p += line->n + (nl != NULL);
	return (true);
}

/* "[name]" gives name. */
static bool
header_of(struct slice line, struct slice *name)
{
	line = trim(line);
	if (line.n < 2 || line.p[0] != '[' || line.p[line.n - 1] != ']')
		return (false);
	*name = trim((struct slice){ line.p + 1, line.n - 2 });
	return (true);
}

static bool
pair_of(struct slice line, struct slice *key, struct slice *value)
{
	const char *eq;

	line = trim(line);
	if (line.n == 0 || line.p[0] == ';' || line.p[0] == '#')
		return (false);
	eq = memchr(line.p, '=', line.n);
	if (eq == NULL)
		return (false);
	*key = trim((struct slice){ line.p, (size_t)(eq - line.p) });
	*value = trim((struct slice){ eq + 1,
	    line.n - (size_t)(eq + 1 - line.p) });
	return (true);
}

bool
up_ini_get(const char *text, const char *section, const char *key, char *buf,
    unsigned size)
{
	struct slice rest = slice_of(text), line, name, k, v;
	bool inside = false;

	while (next_line(&rest, &line)) {
		if (header_of(line, &name))
			inside = slice_is(name, section);
		else if (inside && pair_of(line, &k, &v) &&
		    slice_is(k, key)) {
			snprintf(buf, size, "%.*s", (int)v.n, v.p);
			return (true);
		}
	}
	return (false);
}

static bool
is_ours(const struct row *rows, struct slice section, struct slice line)
{
	struct slice key, value;
	unsigned i;

	if (!pair_of(line, &key, &value))
		return (false);
	for (i = 0; i < ROW_N; i++)
		if (rows[i].ours && rows[i].key != NULL &&
		    slice_is(section, rows[i].section) &&
		    slice_is(key, rows[i].key))
			return (true);
	return (false);
}

/* The lines of all the user's sections of this name. */
static void
put_user_lines(struct buf *b, const struct row *rows, const char *text,
    const char *section)
{
	struct slice rest = slice_of(text), line, name = SLICE_NULL;

	while (next_line(&rest, &line)) {
		if (header_of(line, &name) || name.p == NULL ||
		    !slice_is(name, section) || is_ours(rows, name, line))
			continue;
		buf_slice(b, line);
		buf_putc(b, '\n');
	}
}

static bool
is_generated(const struct row *rows, struct slice section)
{
	unsigned i;

	for (i = 0; i < ROW_N; i++)
		if (slice_is(section, rows[i].section))
			return (true);
	return (false);
}

/* The user's other sections, as they are. */
static void
put_other_sections(struct buf *b, const struct row *rows, const char *text)
{
	struct slice rest = slice_of(text), line, name;
	bool ours = false;

	while (next_line(&rest, &line)) {
		if (header_of(line, &name))
			ours = is_generated(rows, name);
		if (ours)
			continue;
		buf_slice(b, line);
		buf_putc(b, '\n');
	}
}

static void
put_ini(struct buf *b, const struct up_conf *c, const struct row *rows)
{
	char have[16];
	unsigned i;

	buf_printf(b, "# Made by \"ganger up\" at each start; changes here are "
	    "lost.\n");
	if (c->user[0] != '\0')
		buf_printf(b, "# With the keys and sections of %s.\n",
		    c->user_path);
	for (i = 0; i < ROW_N; i++) {
		if (i == 0 || strcmp(rows[i].section,
		    rows[i - 1].section) != 0)
			buf_printf(b, "\n[%s]\n", rows[i].section);
		if (rows[i].value != NULL && (rows[i].ours ||
		    !up_ini_get(c->user, rows[i].section, rows[i].key, have,
		    sizeof(have))))
			buf_printf(b, "%s = %s\n", rows[i].key,
			    rows[i].value);
		if (i + 1 == ROW_N || strcmp(rows[i].section,
		    rows[i + 1].section) != 0)
			put_user_lines(b, rows, c->user, rows[i].section);
	}
	buf_putc(b, '\n');
	put_other_sections(b, rows, c->user);
}

/* Beside it first, so that nobody reads half a file. */
static int
write_file(const char *path, const struct buf *b)
{
	char *tmp = str_fmt("%s.new", path);
	int fd, r = -ERR_SYSTEM;

	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && fchmod(fd, 0600) == 0)
		r = fd_write_all(fd, b->data, b->len);
	fd_close(&fd);
	if (r == 0 && rename(tmp, path) != 0)
		r = -ERR_SYSTEM;
	free(tmp);
	return (r);
}

int
up_write_ini(const struct up_conf *c, const char *path)
{
	struct row rows[ROW_N] = {
		[ROW_RUN] = { "supervisor", "run_dir",
		    str_fmt("%s/run", c->dir), false },
		[ROW_STATE] = { "supervisor", "state_dir",
		    str_fmt("%s/state", c->dir), false },
		[ROW_URL] = { "redis", "url", str_fmt("unix:%s", c->socket),
		    true },
		[ROW_USERNAME] = { "redis", "username", NULL, true },
		[ROW_PASSWORD] = { "redis", "password_file", NULL, true },
		[ROW_LISTEN] = { "http", "listen", c->listen == NULL ? NULL :
		    str_fmt("%s", c->listen), true },
		[ROW_SELFTEST] = { "handler selftest", "", NULL, false },
	};
	struct buf b;
	unsigned i;
	int r;

	rows[ROW_LISTEN].ours = c->listen != NULL;
	buf_init(&b, INI_MAX);
	put_ini(&b, c, rows);
	r = b.failed ? -ERR_NOSPACE : write_file(path, &b);
	buf_fini(&b);
	for (i = 0; i < NELEM(rows); i++)
		free(rows[i].value);
	return (r);
}

int
up_write_redis(const struct up_conf *c, const char *path)
{
	struct buf b;
	int r;

	buf_init(&b, INI_MAX);
	buf_printf(&b, "# Made by \"ganger up\" at each start.\n"
	    "port 0\nunixsocket \"%s\"\nunixsocketperm 700\n"
	    "dir \"%s/redis\"\nappendonly yes\nappendfsync everysec\n"
	    "save \"\"\ndaemonize no\nmaxmemory-policy noeviction\n"
	    "logfile \"\"\n", c->socket, c->dir);
	r = b.failed ? -ERR_NOSPACE : write_file(path, &b);
	buf_fini(&b);
	return (r);
}
