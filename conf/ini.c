/*
 * Reader of ini text: any length of line, every problem with its line. A line
 * is a section header, "key = value", a comment (first character ; or #) or
 * empty. White space followed by ; starts a comment too. There are no
 * continuation lines, quotes or escapes at this level.
 */
#include "config.h"

#include "conf/ini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "base/str.h"
#include "base/xalloc.h"

struct reader {
	struct ini *ini;
	struct problem_list *problems;
	struct ini_section *section;  /* borrows; NULL before the first */
	bool *seen_here;              /* by section: this file goes on with it */
	bool skipping;                /* below a header that was no good */
	int line;                     /* a place */
};

void
ini_init(struct ini *ini)
{
	*ini = (struct ini){ .may_include = true };
}

static void
free_section(struct ini_section *s)
{
	unsigned i;

	for (i = 0; i < s->nkeys; i++) {
		/* a URL may hold a password */
		explicit_bzero(s->keys[i].value, strlen(s->keys[i].value));
		free(s->keys[i].key);
		free(s->keys[i].value);
	}
	free(s->keys);
	free(s->kind);
	free(s->name);
}

void
ini_fini(struct ini *ini)
{
	unsigned i;

	for (i = 0; i < ini->nsections; i++)
		free_section(&ini->sections[i]);
	free(ini->sections);
	for (i = 0; i < ini->nfiles; i++)
		free(ini->files[i]);
	free(ini->files);
	free(ini->include);
	ini_init(ini);
}

static struct ini_section *
find_section(const struct ini *ini, const char *kind, const char *name)
{
	struct ini_section *s;
	unsigned i;

	for (i = 0; i < ini->nsections; i++) {
		s = &ini->sections[i];
		if (strcmp(s->kind, kind) == 0 && strcmp(s->name, name) == 0)
			return (s);
	}
	return (NULL);
}

const struct ini_section *
ini_section(const struct ini *ini, const char *kind, const char *name)
{
	return (find_section(ini, kind, name));
}

const struct ini_key *
ini_key(const struct ini_section *s, const char *key)
{
	unsigned i;

	for (i = 0; i < s->nkeys; i++)
		if (strcmp(s->keys[i].key, key) == 0)
			return (&s->keys[i]);
	return (NULL);
}

static bool
is_space(char c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v');
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return (s);
}

/* The text up to a comment; trimmed. */
static struct slice
cut_comment(struct slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == ';' && (i == 0 || is_space(s.p[i - 1])))
			break;
	s.n = i;
	return (trim(s));
}

static char *
copy(struct slice s)
{
	return (xstrndup(s.p, s.n));
}

/* ", first at line 3" or, in another file, ", first at a.ini:3". */
static void
add_duplicate(struct reader *r, const char *what, int first)
{
	if (PLACE_FILE(first) == PLACE_FILE(r->line))
		problem_add(r->problems, r->line, "%s, first at line %d", what,
		    PLACE_LINE(first));
	else
		problem_add(r->problems, r->line, "%s, first at %s:%d", what,
		    r->ini->files[PLACE_FILE(first)], PLACE_LINE(first));
}

static void
add_section(struct reader *r, char *kind, char *name)
{
	struct ini_section *s, *first;
	struct ini *ini = r->ini;
	char what[160];

	first = find_section(ini, kind, name);
	r->skipping = false;
	if (first != NULL && name[0] == '\0' &&
	    PLACE_FILE(first->line) != PLACE_FILE(r->line) &&
	    !r->seen_here[first - ini->sections]) {
		r->seen_here[first - ini->sections] = true;
		r->section = first;
		free(kind);
		free(name);
		return;
	}
	if (first != NULL) {
		(void)snprintf(what, sizeof(what),
		    "duplicate section [%.60s%s%.60s]", kind,
		    *name == '\0' ? "" : " ", name);
		add_duplicate(r, what, first->line);
	}
	if (ini->nsections == ini->size) {
		ini->size = ini->size == 0 ? 16 : ini->size * 2;
		ini->sections = xrealloc(ini->sections,
		    ini->size * sizeof(*ini->sections));
	}
	s = &ini->sections[ini->nsections];
	*s = (struct ini_section){ .kind = kind, .name = name,
	    .line = r->line, .again = first != NULL };
	ini->nsections++;
	r->section = s;
}

/* [kind] or [kind name]; s starts at the bracket. */
static void
read_header(struct reader *r, struct slice s)
{
	struct slice inner, kind;
	const char *end;
	size_t i;

	r->section = NULL;
	r->skipping = true;
	end = memchr(s.p, ']', s.n);
	if (end == NULL) {
		problem_add(r->problems, r->line,
		    "section header without its closing ]");
		return;
	}
	inner = trim((struct slice){ s.p + 1, (size_t)(end - s.p) - 1 });
	s.n -= (size_t)(end + 1 - s.p);
	s.p = end + 1;
	if (cut_comment(s).n != 0) {
		problem_add(r->problems, r->line,
		    "text after the closing ] of a section header");
		return;
	}
	for (i = 0; i < inner.n && !is_space(inner.p[i]); i++)
		;
	kind = (struct slice){ inner.p, i };
	if (kind.n == 0)
		problem_add(r->problems, r->line, "section without a name");
	else if (r->ini->nsections == INI_ITEMS_MAX)
		problem_add(r->problems, r->line, "more than %d sections",
		    INI_ITEMS_MAX);
	else
		add_section(r, copy(kind), copy(trim((struct slice){
		    inner.p + i, inner.n - i })));
}

static void
add_key(struct reader *r, char *key, char *value)
{
	struct ini_section *s = r->section;
	const struct ini_key *first;
	char what[240];

	first = ini_key(s, key);
	if (first != NULL || s->nkeys == INI_ITEMS_MAX) {
		(void)snprintf(what, sizeof(what), "%.200s: duplicate key",
		    key);
		if (first != NULL)
			add_duplicate(r, what, first->line);
		else
			problem_add(r->problems, r->line,
			    "more than %d keys in one section", INI_ITEMS_MAX);
		free(key);
		free(value);
		return;
	}
	if (s->nkeys == s->size) {
		s->size = s->size == 0 ? 16 : s->size * 2;
		s->keys = xrealloc(s->keys, s->size * sizeof(*s->keys));
	}
	s->keys[s->nkeys] = (struct ini_key){ key, value, r->line };
	s->nkeys++;
}

/* The one key that may stand before the first section. */
static void
read_include(struct reader *r, struct slice value)
{
	struct ini *ini = r->ini;

	if (ini->include != NULL) {
		add_duplicate(r, "include: duplicate key", ini->include_line);
		return;
	}
	ini->include = copy(cut_comment(value));
	ini->include_line = r->line;
}

static void
read_pair(struct reader *r, struct slice s)
{
	struct slice key;
	const char *eq;

	if (r->skipping)
		return;
	eq = memchr(s.p, '=', s.n);
	if (eq == NULL) {
		problem_add(r->problems, r->line, "neither [section], "
		    "key = value nor a comment: %.*s",
		    (int)(s.n > 60 ? 60 : s.n), s.p);
		return;
	}
	key = trim((struct slice){ s.p, (size_t)(eq - s.p) });
	s.n -= (size_t)(eq + 1 - s.p);
	s.p = eq + 1;
	if (key.n == 0)
		problem_add(r->problems, r->line, "value without a key");
	else if (slice_is(key, "include") && !r->ini->may_include)
		problem_add(r->problems, r->line,
		    "include: only the main file includes others");
	else if (r->section == NULL && slice_is(key, "include"))
		read_include(r, s);
	else if (r->section == NULL)
		problem_add(r->problems, r->line,
		    "%.*s: key before the first [section]",
		    (int)(key.n > 60 ? 60 : key.n), key.p);
	else
		add_key(r, copy(key), copy(cut_comment(s)));
}

static void
read_line(struct reader *r, struct slice s)
{
	if (memchr(s.p, '\0', s.n) != NULL) {
		problem_add(r->problems, r->line, "NUL byte");
		return;
	}
	if (!str_utf8_ok(s.p, s.n)) {
		problem_add(r->problems, r->line, "not valid UTF-8");
		return;
	}
	s = trim(s);
	if (s.n == 0 || s.p[0] == ';' || s.p[0] == '#')
		return;
	if (s.p[0] == '[')
		read_header(r, s);
	else
		read_pair(r, s);
}

static void
add_file(struct ini *ini, const char *name)
{
	ini->files = xrealloc(ini->files,
	    (ini->nfiles + 1) * sizeof(*ini->files));
	ini->files[ini->nfiles++] = xstrdup(name);
}

void
ini_parse(struct ini *ini, const char *name, const char *text, size_t n,
    struct problem_list *problems)
{
	bool seen[INI_ITEMS_MAX] = { false };
	struct reader r = { .ini = ini, .problems = problems,
		.seen_here = seen };
	const char *end = text + n, *nl;

	add_file(ini, name);
	r.line = PLACE(ini->nfiles - 1, 0);
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;  /* the mark some editors put first */
	while (text < end) {
		nl = memchr(text, '\n', (size_t)(end - text));
		if (nl == NULL)
			nl = end;
		r.line++;
		read_line(&r, (struct slice){ text, (size_t)(nl - text) });
		text = nl + 1;
	}
}
