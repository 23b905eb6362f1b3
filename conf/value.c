/*
 * The types of parameters: one table row each, with a parser that is strict,
 * a writer that gives back what the parser takes, and the words that tell an
 * operator what is accepted.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/slice.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/table.h"

#define LIST_MAX 1000  /* words; nobody needs more, and checks compare pairs */

union value {
	int64_t i;   /* dur, int, count */
	uint64_t u;  /* size, rlim */
	bool b;
	int e;
	char *s;     /* str, path; owned */
	char **l;    /* list, pairs; owned */
};

struct type {
	const char *text;   /* for documents */
	const char *form;   /* completes "is not" */
	size_t size;
	int (*parse)(const struct conf_row *row, const char *text,
	    union value *v);
	void (*put)(const struct conf_row *row, const union value *v,
	    struct buf *b);
	int (*compare)(const union value *a, const union value *b);
	void (*fini)(union value *v);  /* NULL: owns nothing */
};

static int
parse_dur(const struct conf_row *row, const char *text, union value *v)
{
	return (str_dur(text, &v->i));
}

static void
put_dur(const struct conf_row *row, const union value *v, struct buf *b)
{
	str_dur_put(b, v->i);
}

static int
parse_size(const struct conf_row *row, const char *text, union value *v)
{
	return (str_size(text, &v->u));
}

static void
put_size(const struct conf_row *row, const union value *v, struct buf *b)
{
	str_size_put(b, v->u);
}

static int
parse_int(const struct conf_row *row, const char *text, union value *v)
{
	return (str_int(text, &v->i));
}

static void
put_int(const struct conf_row *row, const union value *v, struct buf *b)
{
	(void)buf_printf(b, "%lld", (long long)v->i);
}

static int
parse_count(const struct conf_row *row, const char *text, union value *v)
{
	if (strcasecmp(text, "auto") == 0) {
		v->i = CONF_AUTO;
		return (0);
	}
	return (str_int(text, &v->i));
}

static void
put_count(const struct conf_row *row, const union value *v, struct buf *b)
{
	if (v->i == CONF_AUTO)
		(void)buf_puts(b, "auto");
	else
		put_int(row, v, b);
}

static int
parse_bool(const struct conf_row *row, const char *text, union value *v)
{
	return (str_bool(text, &v->b));
}

static void
put_bool(const struct conf_row *row, const union value *v, struct buf *b)
{
	(void)buf_puts(b, v->b ? "yes" : "no");
}

static int
parse_str(const struct conf_row *row, const char *text, union value *v)
{
	v->s = xstrdup(text);
	return (0);
}

static void
put_str(const struct conf_row *row, const union value *v, struct buf *b)
{
	(void)buf_puts(b, v->s);
}

static void
fini_str(union value *v)
{
	free(v->s);
}

static bool
is_separator(char c)
{
	return (c == ',' || c == ' ' || c == '\t');
}

/* The next word from *textp, which is moved behind it; n 0 at the end. */
static struct slice
next_word(const char **textp)
{
	const char *p = *textp;
	size_t n;

	while (is_separator(*p))
		p++;
	for (n = 0; p[n] != '\0' && !is_separator(p[n]); n++)
		;
	*textp = p + n;
	return ((struct slice){ p, n });
}

static int
parse_list(const struct conf_row *row, const char *text, union value *v)
{
	const char *p = text;
	size_t n = 0;
	struct slice w;

	while (next_word(&p).n > 0)
		if (++n > LIST_MAX)
			return (-ERR_RANGE);
	v->l = xcalloc(n + 1, sizeof(*v->l));
	for (n = 0, p = text; (w = next_word(&p)).n > 0; n++)
		v->l[n] = xstrndup(w.p, w.n);
	return (0);
}

static void
put_words(const union value *v, struct buf *b, const char *between)
{
	char *const *w;

	for (w = v->l; *w != NULL; w++) {
		if (w != v->l)
			(void)buf_puts(b, between);
		(void)buf_puts(b, *w);
	}
}

static void
put_list(const struct conf_row *row, const union value *v, struct buf *b)
{
	put_words(v, b, ", ");
}

static void
fini_list(union value *v)
{
	char **w;

	if (v->l == NULL)
		return;
	for (w = v->l; *w != NULL; w++)
		free(*w);
	free(v->l);
}

/* The n-th word of the row's list of names; *lenp 0 past the last. */
static const char *
enum_name(const struct conf_row *row, int n, size_t *lenp)
{
	const char *p = row->min;

	for (; n > 0 && *p != '\0'; n--) {
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	*lenp = strcspn(p, " ");
	return (p);
}

static int
parse_enum(const struct conf_row *row, const char *text, union value *v)
{
	const char *p;
	size_t len;

	for (v->e = 0;; v->e++) {
		p = enum_name(row, v->e, &len);
		if (len == 0)
			return (-ERR_SYNTAX);
		if (strlen(text) == len && strncasecmp(p, text, len) == 0)
			return (0);
	}
}

static void
put_enum(const struct conf_row *row, const union value *v, struct buf *b)
{
	const char *p;
	size_t len;

	if (v->e < 0)
		return;
	p = enum_name(row, v->e, &len);
	(void)buf_put(b, p, len);
}

/* Only the default of pairs is text: the empty one. */
static int
parse_pairs(const struct conf_row *row, const char *text, union value *v)
{
	ASSERT(*text == '\0');
	v->l = xcalloc(1, sizeof(*v->l));
	return (0);
}

static void
put_pairs(const struct conf_row *row, const union value *v, struct buf *b)
{
	put_words(v, b, " ");
}

static const struct {
	const char *name;
	uint64_t u;
} rlim_words[] = {
	{ "inherit", CONF_INHERIT }, { "unlimited", CONF_UNLIMITED },
};

static int
parse_rlim(const struct conf_row *row, const char *text, union value *v)
{
	size_t i;

	for (i = 0; i < NELEM(rlim_words); i++)
		if (strcasecmp(text, rlim_words[i].name) == 0) {
			v->u = rlim_words[i].u;
			return (0);
		}
	return (str_size(text, &v->u));
}

static void
put_rlim(const struct conf_row *row, const union value *v, struct buf *b)
{
	size_t i;

	for (i = 0; i < NELEM(rlim_words); i++)
		if (v->u == rlim_words[i].u) {
			(void)buf_puts(b, rlim_words[i].name);
			return;
		}
	str_size_put(b, v->u);
}

static int
compare_int(const union value *a, const union value *b)
{
	return (a->i < b->i ? -1 : a->i > b->i);
}

static int
compare_size(const union value *a, const union value *b)
{
	return (a->u < b->u ? -1 : a->u > b->u);
}

static int
compare_bool(const union value *a, const union value *b)
{
	return (a->b - b->b);
}

static int
compare_enum(const union value *a, const union value *b)
{
	return (a->e < b->e ? -1 : a->e > b->e);
}

static int
compare_str(const union value *a, const union value *b)
{
	return (strcmp(a->s, b->s));
}

static int
compare_list(const union value *a, const union value *b)
{
	unsigned i;
	int d;

	for (i = 0; a->l[i] != NULL && b->l[i] != NULL; i++)
		if ((d = strcmp(a->l[i], b->l[i])) != 0)
			return (d);
	return ((a->l[i] != NULL) - (b->l[i] != NULL));
}

static const struct type types[CONF_NTYPES] = {
	[CONF_TYPE_dur] = { "duration",
	    "a duration such as 500ms, 30s, 5m, 2h or 7d", sizeof(dur_t),
	    parse_dur, put_dur, compare_int, NULL },
	[CONF_TYPE_size] = { "size", "a size such as 512, 64K, 16M or 6G",
	    sizeof(uint64_t), parse_size, put_size, compare_size, NULL },
	[CONF_TYPE_int] = { "whole number", "a whole number", sizeof(int64_t),
	    parse_int, put_int, compare_int, NULL },
	[CONF_TYPE_count] = { "whole number or auto",
	    "a whole number or auto", sizeof(int64_t), parse_count, put_count,
	    compare_int, NULL },
	[CONF_TYPE_bool] = { "yes or no", "yes or no", sizeof(bool),
	    parse_bool, put_bool, compare_bool, NULL },
	[CONF_TYPE_str] = { "text", "text", sizeof(char *), parse_str, put_str,
	    compare_str, fini_str },
	[CONF_TYPE_path] = { "path", "a path", sizeof(char *), parse_str,
	    put_str, compare_str, fini_str },
	[CONF_TYPE_list] = { "list", "a list", sizeof(char **), parse_list,
	    put_list, compare_list, fini_list },
	[CONF_TYPE_enum] = { "one of", "one of", sizeof(int), parse_enum,
	    put_enum, compare_enum, NULL },
	[CONF_TYPE_pairs] = { "variables", "variables", sizeof(char **),
	    parse_pairs, put_pairs, compare_list, fini_list },
	[CONF_TYPE_rlim] = { "size, unlimited or inherit",
	    "a number or size, unlimited or inherit", sizeof(uint64_t),
	    parse_rlim, put_rlim, compare_size, NULL },
};

static void
read_field(const struct conf_row *row, const void *p, union value *v)
{
	memset(v, 0, sizeof(*v));
	memcpy(v, (const char *)p + row->offset, types[row->type].size);
}

static bool
in_range(const struct conf_row *row, const union value *v)
{
	const struct type *t = &types[row->type];
	union value bound;

	if (row->max[0] == '\0')
		return (true);
	if (row->type == CONF_TYPE_count && v->i == CONF_AUTO)
		return (true);
	ASSERT(t->parse(row, row->min, &bound) == 0);
	if (t->compare(v, &bound) < 0)
		return (false);
	ASSERT(t->parse(row, row->max, &bound) == 0);
	return (t->compare(v, &bound) <= 0);
}

/* "a, b or c" of the names of an enum. */
static void
put_names(const struct conf_row *row, struct buf *why)
{
	const char *p;
	size_t len, after;
	int i;

	for (i = 0;; i++) {
		p = enum_name(row, i, &len);
		if (len == 0)
			return;
		(void)enum_name(row, i + 1, &after);
		if (i > 0)
			(void)buf_puts(why, after == 0 ? " or " : ", ");
		(void)buf_put(why, p, len);
	}
}

static void
explain(const struct conf_row *row, const char *text, int r, struct buf *why)
{
	if (r == -ERR_RANGE && row->max[0] != '\0')
		(void)buf_printf(why, "%.80s is out of range, %s to %s", text,
		    row->min, row->max);
	else if (r == -ERR_RANGE && row->type == CONF_TYPE_list)
		(void)buf_printf(why, "more than %d words", LIST_MAX);
	else if (row->type == CONF_TYPE_enum) {
		(void)buf_printf(why, "\"%.80s\" is not ", text);
		put_names(row, why);
	} else
		(void)buf_printf(why, "\"%.80s\" is not %s", text,
		    types[row->type].form);
}

int
value_set(const struct conf_row *row, void *p, const char *text,
    struct buf *why)
{
	const struct type *t = &types[row->type];
	union value v;
	int r;

	memset(&v, 0, sizeof(v));
	r = t->parse(row, text, &v);
	/* Typing "auto" gives CONF_AUTO; typing its number is out of range. */
	if (r == 0 && row->type == CONF_TYPE_count && v.i == CONF_AUTO &&
	    strcasecmp(text, "auto") != 0)
		r = -ERR_RANGE;
	if (r == 0 && !in_range(row, &v))
		r = -ERR_RANGE;
	if (r != 0) {
		explain(row, text, r, why);
		return (r);
	}
	value_fini(row, p);
	memcpy((char *)p + row->offset, &v, t->size);
	return (0);
}

void
value_set_good(const struct conf_row *row, void *p, const char *text)
{
	struct buf why;
	int unset = -1;

	if (row->type == CONF_TYPE_enum && text[0] == '\0') {
		memcpy((char *)p + row->offset, &unset, sizeof(unset));
		return;
	}
	buf_init(&why, 1024);
	ASSERT(value_set(row, p, text, &why) == 0);
	buf_fini(&why);
}

void
value_put(const struct conf_row *row, const void *p, struct buf *b)
{
	union value v;

	read_field(row, p, &v);
	types[row->type].put(row, &v, b);
}

bool
value_equal(const struct conf_row *row, const void *p, const void *q)
{
	union value a, b;

	read_field(row, p, &a);
	read_field(row, q, &b);
	return (types[row->type].compare(&a, &b) == 0);
}

void
value_fini(const struct conf_row *row, void *p)
{
	const struct type *t = &types[row->type];
	union value v;

	if (t->fini == NULL)
		return;
	read_field(row, p, &v);
	t->fini(&v);
	memset((char *)p + row->offset, 0, t->size);
}

const char *
value_type_text(enum conf_type type)
{
	return (types[type].text);
}

void
value_replace(char **field, char *text)
{
	free(*field);
	*field = text;
}

void
value_list_add(char ***list, char *word)
{
	unsigned n = value_list_len(*list);

	*list = xrealloc(*list, (n + 2) * sizeof(**list));
	(*list)[n] = word;
	(*list)[n + 1] = NULL;
}

unsigned
value_list_len(char *const *list)
{
	unsigned n;

	for (n = 0; list[n] != NULL; n++)
		;
	return (n);
}

bool
value_list_has(char *const *list, const char *word)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, word) == 0)
			return (true);
	return (false);
}
