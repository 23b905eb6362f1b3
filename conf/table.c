/*
 * conf_tbl.h turned into arrays, and the way from a row to its field.
 */
#include "config.h"

#include "conf/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/xalloc.h"

#define PLACE_SINGLE(name) offsetof(struct conf, name), 0
/* The array of each named section, and its count with an n before it. */
#define MANY_OF_pool pools
#define MANY_OF_handler handlers
#define MANY_OF_queue queues
#define MANY_OF_model model_limits
#define MANY_OF_schedule schedules
#define PASTE(a, b) PASTE_(a, b)
#define PASTE_(a, b) a##b
#define PLACE_NAMED(name) \
	offsetof(struct conf, MANY_OF_##name), \
	offsetof(struct conf, PASTE(n, MANY_OF_##name))
#define MANY_SINGLE false
#define MANY_NAMED true

const struct conf_section_info conf_sections[CONF_NSECTIONS] = {
#define X(name, NAME, many, doc) [CONF_S_##name] = { #name, MANY_##many, \
	doc, sizeof(struct conf_##name), PLACE_##many(name) },
	CONF_SECTIONS(X)
#undef X
};

const struct conf_row conf_rows[] = {
#define X(section, key, type, def, min, max, class, doc) { CONF_S_##section, \
	#key, CONF_TYPE_##type, def, min, max, CONF_##class, doc, \
	offsetof(struct conf_##section, key) },
	CONF_ROWS(X)
#undef X
};
const unsigned conf_nrows = NELEM(conf_rows);

const struct conf_env conf_envs[] = {
#define X(name, section, key) { name, CONF_S_##section, #key },
	CONF_ENV_TABLE(X)
#undef X
};
const unsigned conf_nenvs = NELEM(conf_envs);

/* What every struct of a named section starts with. */
struct named {
	char *name;
	int line;
};

const struct conf_row *
conf_row(enum conf_section section, const char *key)
{
	const struct conf_row *r;

	for (r = conf_rows; r < conf_rows + conf_nrows; r++)
		if (r->section == section && strcmp(r->key, key) == 0)
			return (r);
	return (NULL);
}

enum conf_section
conf_section(const char *name)
{
	unsigned s;

	for (s = 0; s < CONF_NSECTIONS; s++)
		if (strcmp(conf_sections[s].name, name) == 0)
			break;
	return ((enum conf_section)s);
}

static void *
array_of(const struct conf *c, enum conf_section section)
{
	void *p;

	memcpy(&p, (const char *)c + conf_sections[section].offset, sizeof(p));
	return (p);
}

unsigned
conf_instances(const struct conf *c, enum conf_section section)
{
	const struct conf_section_info *s = &conf_sections[section];
	unsigned n;

	if (!s->named)
		return (1);
	memcpy(&n, (const char *)c + s->count_offset, sizeof(n));
	return (n);
}

void *
conf_instance(const struct conf *c, enum conf_section section, unsigned i)
{
	const struct conf_section_info *s = &conf_sections[section];
	uintptr_t base;

	ASSERT(i < conf_instances(c, section));
	base = s->named ? (uintptr_t)array_of(c, section) :
	    (uintptr_t)c + s->offset;
	return ((void *)(base + i * s->size));
}

const char *
conf_instance_name(enum conf_section section, const void *p)
{
	return (conf_sections[section].named ?
	    ((const struct named *)p)->name : "");
}

void *
conf_instance_add(struct conf *c, enum conf_section section, char *name,
    int line)
{
	const struct conf_section_info *s = &conf_sections[section];
	unsigned n = conf_instances(c, section) + 1;
	struct named *x;
	void *array;

	ASSERT(s->named);
	array = xrealloc(array_of(c, section), n * s->size);
	memcpy((char *)c + s->offset, &array, sizeof(array));
	memcpy((char *)c + s->count_offset, &n, sizeof(n));
	x = conf_instance(c, section, n - 1);
	memset(x, 0, s->size);
	x->name = name;
	x->line = line;
	return (x);
}
