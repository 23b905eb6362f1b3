/*
 * Collects problems and sorts them. They are found in phases (syntax, values,
 * what must fit together), but an operator reads them from top to bottom.
 */
#include "config.h"

#include "conf/problem.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"

void
problem_init(struct problem_list *l)
{
	*l = (struct problem_list){ 0, 0, NULL };
}

void
problem_fini(struct problem_list *l)
{
	unsigned i;

	for (i = 0; i < l->count; i++)
		free(l->item[i].message);
	free(l->item);
	problem_init(l);
}

void
problem_add(struct problem_list *l, int line, const char *fmt, ...)
{
	char message[512], *p;
	va_list ap;
	bool utf8;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	/* A long value was perhaps cut within a character. */
	utf8 = str_utf8_ok(message, strlen(message));
	for (p = message; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f ||
		    (!utf8 && (unsigned char)*p > 0x7f))
			*p = '?';
	if (l->count == l->size) {
		l->size = l->size == 0 ? 16 : l->size * 2;
		l->item = xrealloc(l->item, l->size * sizeof(*l->item));
	}
	l->item[l->count].line = line;
	l->item[l->count].seq = l->count;
	l->item[l->count].message = xstrdup(message);
	l->count++;
}

static int
rank(const struct problem *p)
{
	return (p->line == PROBLEM_ENV ? INT_MAX : p->line);
}

/* By line, within a line in the order of discovery. */
static int
compare(const void *ap, const void *bp)
{
	const struct problem *a = ap, *b = bp;

	if (rank(a) != rank(b))
		return (rank(a) < rank(b) ? -1 : 1);
	return (a->seq < b->seq ? -1 : a->seq > b->seq);
}

void
problem_put_place(char *const *files, unsigned nfiles, int place,
    struct buf *b)
{
	unsigned file = PLACE_FILE(place);

	(void)buf_puts(b, file < nfiles ? files[file] : "configuration");
	if (PLACE_LINE(place) != 0)
		(void)buf_printf(b, ":%d", PLACE_LINE(place));
	(void)buf_puts(b, ": ");
}

void
problem_put(struct problem_list *l, char *const *files, unsigned nfiles,
    struct buf *b)
{
	const struct problem *p;
	unsigned i;

	if (l->count > 1)
		qsort(l->item, l->count, sizeof(*l->item), compare);
	for (i = 0; i < l->count; i++) {
		p = &l->item[i];
		if (p->line == PROBLEM_ENV)
			(void)buf_puts(b, "environment: ");
		else
			problem_put_place(files, nfiles, p->line, b);
		(void)buf_printf(b, "%s\n", p->message);
	}
}
