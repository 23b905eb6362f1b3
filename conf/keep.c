/*
 * Reload's side of a configuration. Nothing here looks at a file: load.c
 * calls keep_running between what says who this worker is and what is derived
 * from that.
 */
#include "config.h"

#include "conf/keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/xalloc.h"
#include "conf/dump.h"
#include "conf/load.h"

#define TEXT_MAX_LEN (1u << 16)

static char *
text_of(const struct conf_row *row, const void *p)
{
	struct buf b;
	char *text;

	buf_init(&b, TEXT_MAX_LEN);
	dump_value(row, p, &b);
	text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return (text);
}

static void
add_held(struct conf *c, const struct conf_row *row, const void *was,
    const void *wanted)
{
	c->held = xrealloc(c->held, (c->nheld + 1) * sizeof(*c->held));
	c->held[c->nheld++] = (struct conf_held){ row->section, row->key,
	    text_of(row, was), text_of(row, wanted) };
}

static bool
was_given(const struct conf *c, const struct conf_row *row)
{
	const struct ini_section *s;

	if (c->ini == NULL)
		return (false);
	s = ini_section(c->ini, conf_sections[row->section].name, "");
	return (s != NULL && ini_key(s, row->key) != NULL);
}

/* A default that is computed may come out otherwise once the rights that the
 * start had are dropped: only what somebody wrote, or took away, counts. */
static bool
is_wish(const struct load *ld, const struct conf_row *row)
{
	return (load_given(ld, row->section, "", row->key) ||
	    was_given(ld->running, row));
}

void
keep_running(struct load *ld)
{
	const struct conf_row *row;
	struct buf b;
	void *p, *q;

	for (row = conf_rows; row < conf_rows + conf_nrows; row++) {
		if (row->class != CONF_RESTART)
			continue;
		p = conf_instance(ld->c, row->section, 0);
		q = conf_instance(ld->running, row->section, 0);
		if (value_equal(row, p, q))
			continue;
		if (is_wish(ld, row))
			add_held(ld->c, row, q, p);
		buf_init(&b, TEXT_MAX_LEN);
		value_put(row, q, &b);
		value_set_good(row, p, buf_cstr(&b));
		buf_fini(&b);
	}
}

void
conf_put_held(const struct conf *c, struct buf *b)
{
	unsigned i;

	for (i = 0; i < c->nheld; i++)
		(void)buf_printf(b, "%s%s %s", i > 0 ? ", " : "",
		    conf_sections[c->held[i].section].name, c->held[i].key);
}

/* ---- handlers ---- */

static bool
same(const struct conf_handler *a, const struct conf_handler *b)
{
	return (!a->gone && !b->gone && a->kind == b->kind &&
	    strcmp(a->name, b->name) == 0);
}

/* Its place among the new ones not yet placed, or n. */
static unsigned
find_same(const struct conf_handler *h, const struct conf_handler *list,
    unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (list[i].name != NULL && same(h, &list[i]))
			break;
	return (i);
}

/* Moves an entry; the place it leaves has no name. */
static void
move_handler(struct conf_handler *to, struct conf_handler *from)
{
	*to = *from;
	memset(from, 0, sizeof(*from));
}

void
conf_adopt(struct conf *c, struct conf *from, conf_in_use_f *in_use,
    void *priv)
{
	unsigned n = c->nhandlers, max = n + from->nhandlers, i, k;
	struct conf_handler *old = c->handlers, *list;

	list = xcalloc(max + 1, sizeof(*list));
	for (i = 0; i < from->nhandlers; i++) {
		k = find_same(&from->handlers[i], old, n);
		if (k < n)
			move_handler(&list[i], &old[k]);
		else if (in_use(priv, i)) {
			move_handler(&list[i], &from->handlers[i]);
			list[i].gone = true;
		}
	}
	for (k = i = 0; k < n; k++) {
		if (old[k].name == NULL)
			continue;
		while (list[i].name != NULL)
			i++;
		move_handler(&list[i], &old[k]);
	}
	/* an empty place between others stays taken by who had it last */
	for (i = max; i > 0 && list[i - 1].name == NULL; i--)
		;
	c->nhandlers = i;
	for (k = 0; k < i; k++)
		if (list[k].name == NULL) {
			move_handler(&list[k], &from->handlers[k]);
			list[k].gone = true;
		}
	free(old);
	c->handlers = list;
}
