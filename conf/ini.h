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
#define INI_ITEMS_MAX 1000        /* sections of a file, keys of a section */

struct ini_key {
	char *key;
	char *value;  /* trimmed, comment cut off; may be "" */
	int line;
};

struct ini_section {
	char *kind;   /* first word of the header */
	char *name;   /* the rest, "" if none */
	int line;
	bool again;   /* the same header was seen before */
	unsigned nkeys, size;
	struct ini_key *keys;
};

struct ini {
	unsigned nsections, size;
	struct ini_section *sections;
};

void ini_init(struct ini *ini);
void ini_fini(struct ini *ini);

/* Reads n bytes; whatever is wrong goes to problems, the rest is kept. Of a
 * key given twice the first stays. */
void ini_parse(struct ini *ini, const char *text, size_t n,
    struct problem_list *problems);

/* The first section of that kind and name, and a key in it; or NULL. */
const struct ini_section *ini_section(const struct ini *ini, const char *kind,
    const char *name);
const struct ini_key *ini_key(const struct ini_section *s, const char *key);

#endif
