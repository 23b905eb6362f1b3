/*
 * What a reload would change, parameter by parameter, so that the supervisor
 * can refuse RESTART ones by name and restart only the slots it must.
 */
#ifndef CONF_DIFF_H
#define CONF_DIFF_H

#include "conf/conf.h"
#include "conf/table.h"

struct conf_change {
	enum conf_section section;
	const char *section_name;  /* "pool" */
	const char *name;          /* of [pool NAME]; "" for single sections */
	const char *key;           /* NULL: the whole section came or went */
	enum conf_class class;
	const char *from, *to;     /* as text; secrets as "(set)"; NULL where
	                            * the section did not or does not exist */
};

/* Everything is borrowed for the call only. */
typedef void conf_change_f(void *priv, const struct conf_change *change);

/* Calls fn (may be NULL) for each change in order of the table; returns how
 * many. A secret that changed in its file counts as its key. */
unsigned conf_diff(const struct conf *from, const struct conf *to,
    conf_change_f *fn, void *priv);

const char *conf_class_name(enum conf_class class); /* "LIVE" */

#endif
