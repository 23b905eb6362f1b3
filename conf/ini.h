/*
 * The text of an ini file as sections and keys with their lines. Knows the
 * form, not the meaning: which sections and keys exist is load.c's business.
 */
#ifndef CONF_INI_H
#define CONF_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/problem.h"

#define INI_SIZE_MAX (1u << 20)   /* bytes of a file */
#define INI_ITEMS_MAX 1000        /* sections, keys of a section */
#define INI_FILES_MAX 500         /* that one file includes */

struct ini_key {
	char *key;
	char *value;  /* trimmed, comment cut off; may be "" */
	int line;     /* a place, see problem.h */
};

struct ini_section {
	char *kind;   /* first word of the header */
	char *name;   /* the rest, "" if none */
	int line;     /* a place */
	bool again;   /* the same header was seen before */
	unsigned nkeys, size;
	struct ini_key *keys;
};

struct ini {
	unsigned nsections, size;
	struct ini_section *sections;
	unsigned nfiles;
	char **files;       /* names, in the order of reading; own */
	bool may_include;   /* the main file is being read */
	char *include;      /* its value before the first section, or NULL */
	int include_line;
};

void ini_init(struct ini *ini);
void ini_fini(struct ini *ini);

/*
 * Reads n bytes of the file of that name; whatever is wrong goes to problems,
 * the rest is kept. Of a key given twice the first stays. A further file goes
 * on with the sections that take no name; one that has a name must not come
 * twice.
 */
void ini_parse(struct ini *ini, const char *name, const char *text, size_t n,
    struct problem_list *problems);

/* The first section of that kind and name, and a key in it; or NULL. */
const struct ini_section *ini_section(const struct ini *ini, const char *kind,
    const char *name);
const struct ini_key *ini_key(const struct ini_section *s, const char *key);

#endif
