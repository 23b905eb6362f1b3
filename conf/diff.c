/*
 * Compares two configurations through the table. Derived fields need no look
 * of their own, except secrets, whose files may change behind the same path.
 */
#include "config.h"

#include "conf/diff.h"

#include <string.h>

#include "conf/dump.h"

#define TEXT_MAX_LEN (1u << 20)

struct diff {
	const struct conf *from, *to;
	conf_change_f *fn;
	void *priv;
	unsigned count;
};

static const char *const class_names[] = {
	[CONF_LIVE] = "LIVE", [CONF_RESPAWN] = "RESPAWN",
	[CONF_RESTART] = "RESTART"
};

const char *
conf_class_name(enum conf_class class)
{
	return (class_names[class]);
}

static void
report(struct diff *d, const struct conf_change *change)
{
	d->count++;
	if (d->fn != NULL)
		d->fn(d->priv, change);
}

static void
report_row(struct diff *d, const struct conf_row *row, const void *p,
    const void *q)
{
	struct conf_change change = { row->section,
	    conf_sections[row->section].name,
	    conf_instance_name(row->section, p), row->key, row->class, NULL,
	    NULL };
	struct buf from, to;

	buf_init(&from, TEXT_MAX_LEN);
	buf_init(&to, TEXT_MAX_LEN);
	dump_value(row, p, &from);
	dump_value(row, q, &to);
	change.from = buf_cstr(&from);
	change.to = buf_cstr(&to);
	report(d, &change);
	buf_fini(&from);
	buf_fini(&to);
}

/* A pool or handler that comes or goes takes slots with it; the
 * others do not. */
static void
report_section(struct diff *d, enum conf_section section, const void *p,
    bool came)
{
	struct conf_change change = { section, conf_sections[section].name,
	    conf_instance_name(section, p), NULL,
	    section == CONF_S_pool || section == CONF_S_handler ?
	    CONF_RESPAWN : CONF_LIVE,
	    came ? NULL : "", came ? "" : NULL };

	report(d, &change);
}

/* Whether the secret behind a key differs. */
static bool
secret_differs(const struct diff *d, const struct conf_row *row)
{
	const struct conf *a = d->from, *b = d->to;

	if (row->section == CONF_S_http && strcmp(row->key, "token_file") == 0)
		return (strcmp(a->http.token, b->http.token) != 0);
	if (row->section == CONF_S_redis &&
	    strcmp(row->key, "password_file") == 0)
		return (a->redis.password_file[0] != '\0' &&
		    strcmp(a->redis.addr.password,
		    b->redis.addr.password) != 0);
	return (false);
}

static void
diff_rows(struct diff *d, enum conf_section section, const void *p,
    const void *q)
{
	const struct conf_row *row;

	for (row = conf_rows; row < conf_rows + conf_nrows; row++)
		if (row->section == section &&
		    (!value_equal(row, p, q) || secret_differs(d, row)))
			report_row(d, row, p, q);
}

/* A handler that only old jobs refer to. */
static bool
is_gone(enum conf_section section, const void *p)
{
	return (section == CONF_S_handler &&
	    ((const struct conf_handler *)p)->gone);
}

static const void *
find(const struct conf *c, enum conf_section section, const char *name)
{
	const void *p;
	unsigned i;

	for (i = 0; i < conf_instances(c, section); i++) {
		p = conf_instance(c, section, i);
		if (!is_gone(section, p) &&
		    strcmp(conf_instance_name(section, p), name) == 0)
			return (p);
	}
	return (NULL);
}

static void
diff_section(struct diff *d, enum conf_section section)
{
	const void *p, *q;
	unsigned i;

	for (i = 0; i < conf_instances(d->from, section); i++) {
		p = conf_instance(d->from, section, i);
		if (is_gone(section, p))
			continue;
		q = find(d->to, section, conf_instance_name(section, p));
		if (q == NULL)
			report_section(d, section, p, false);
		else
			diff_rows(d, section, p, q);
	}
	for (i = 0; i < conf_instances(d->to, section); i++) {
		q = conf_instance(d->to, section, i);
		if (find(d->from, section, conf_instance_name(section, q)) ==
		    NULL)
			report_section(d, section, q, true);
	}
}

unsigned
conf_diff(const struct conf *from, const struct conf *to, conf_change_f *fn,
    void *priv)
{
	struct diff d = { from, to, fn, priv, 0 };
	unsigned s;

	for (s = 0; s < CONF_NSECTIONS; s++)
		diff_section(&d, (enum conf_section)s);
	return (d.count);
}
