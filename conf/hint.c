/*
 * "Did you mean": the nearest name by edit distance, if it is near enough to
 * be a slip of the fingers rather than another word.
 */
#include "config.h"

#include "conf/hint.h"

#include <string.h>

#define NAME_MAX_LEN 32  /* names longer than this have no neighbours */
#define FAR 1000u

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return (m < c ? m : c);
}

/* Levenshtein's distance; FAR where one is too long to bother. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_LEN + 1], diagonal, above, i, j;
	size_t na = strlen(a), nb = strlen(b);

	if (na > NAME_MAX_LEN || nb > NAME_MAX_LEN)
		return (FAR);
	for (j = 0; j <= nb; j++)
		row[j] = j;
	for (i = 1; i <= na; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= nb; j++) {
			above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
			    diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return (row[nb]);
}

struct nearest {
	const char *name;   /* borrows; NULL: none yet */
	unsigned distance;  /* of the best so far, or the limit */
};

static void
consider(struct nearest *n, const char *wanted, const char *name)
{
	unsigned d = distance(wanted, name);

	if (d < n->distance) {
		n->name = name;
		n->distance = d;
	}
}

/* A third of the letters may be wrong, but at least one. */
static struct nearest
start(const char *wanted)
{
	size_t n = strlen(wanted);

	return ((struct nearest){ NULL, n > NAME_MAX_LEN ? 0 :
	    (unsigned)n / 3 + (n < 3 ? 2 : 1) });
}

const char *
hint_key(enum conf_section section, const char *key)
{
	struct nearest n = start(key);
	const struct conf_row *r;

	for (r = conf_rows; r < conf_rows + conf_nrows; r++)
		if (r->section == section && r->type != CONF_TYPE_pairs)
			consider(&n, key, r->key);
	return (n.name);
}

const char *
hint_section(const char *name)
{
	struct nearest n = start(name);
	unsigned i;

	for (i = 0; i < CONF_NSECTIONS; i++)
		consider(&n, name, conf_sections[i].name);
	return (n.name);
}
