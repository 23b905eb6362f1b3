/*
 * The rows of conf_tbl.h as data, and what can be done to a field through its
 * row: parse, write, compare, free. Everything in conf that works on "all
 * parameters" goes through here.
 */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conf/conf_struct.h"

enum conf_type {
	CONF_TYPE_dur, CONF_TYPE_size, CONF_TYPE_int, CONF_TYPE_count,
	CONF_TYPE_bool, CONF_TYPE_str, CONF_TYPE_path, CONF_TYPE_list,
	CONF_TYPE_enum, CONF_TYPE_pairs, CONF_TYPE_rlim, CONF_NTYPES
};

enum conf_class { CONF_LIVE, CONF_RESPAWN, CONF_RESTART };

enum conf_section {
#define X(name, NAME, many, doc) CONF_S_##name,
	CONF_SECTIONS(X)
#undef X
	CONF_NSECTIONS
};

struct conf_section_info {
	const char *name;
	bool named;           /* [name NAME], any number of them */
	const char *doc;
	size_t size;          /* of its struct */
	size_t offset;        /* in struct conf: the struct, or if named the
	                       * pointer to the array of them */
	size_t count_offset;  /* named: of the number of them */
};

struct conf_row {
	enum conf_section section;
	const char *key;      /* "env" for the pairs of env.NAME */
	enum conf_type type;
	const char *def, *min, *max;
	enum conf_class class;
	const char *doc;
	size_t offset;        /* in the section's struct */
};

struct conf_env {
	const char *name;     /* of the variable */
	enum conf_section section;
	const char *key;
};

extern const struct conf_section_info conf_sections[CONF_NSECTIONS];
extern const struct conf_row conf_rows[];
extern const unsigned conf_nrows;
extern const struct conf_env conf_envs[];
extern const unsigned conf_nenvs;

/* NULL if there is none. */
const struct conf_row *conf_row(enum conf_section section, const char *key);
/* CONF_NSECTIONS if there is none. */
enum conf_section conf_section(const char *name);

/* Structs of a section (1 unless named) and the i-th of them, borrowed. The
 * first two members of a named one are its name and line. */
unsigned conf_instances(const struct conf *c, enum conf_section section);
void *conf_instance(const struct conf *c, enum conf_section section,
    unsigned i);
const char *conf_instance_name(enum conf_section section, const void *p);
/* Adds one of a named section, all fields empty; takes the name. */
void *conf_instance_add(struct conf *c, enum conf_section section, char *name,
    int line);

/*
 * Parses text into the row's field of the instance at p, whose old value is
 * freed. On failure returns -ERR_SYNTAX or -ERR_RANGE, leaves the field as it
 * is and appends to *why what is wrong with the value, and the accepted form.
 */
int value_set(const struct conf_row *row, void *p, const char *text,
    struct buf *why);
/* Sets a default or a derived value that is known to be good. */
void value_set_good(const struct conf_row *row, void *p, const char *text);
/* The value as one writes it in the file; pairs: "A=1 B=2". */
void value_put(const struct conf_row *row, const void *p, struct buf *b);
bool value_equal(const struct conf_row *row, const void *p, const void *q);
void value_fini(const struct conf_row *row, void *p);
/* Accepted form, for documents: "duration", "yes or no" ... */
const char *value_type_text(enum conf_type type);

/* Replaces the string; takes the new one. */
void value_replace(char **field, char *text);
/* Appends a word to a list (or "NAME=value" to pairs); takes it. */
void value_list_add(char ***list, char *word);
unsigned value_list_len(char *const *list);
bool value_list_has(char *const *list, const char *word);

#endif
