/* The name that an unknown one was probably meant to be. */
#ifndef CONF_HINT_H
#define CONF_HINT_H

#include "conf/table.h"

/* Borrowed from the table, or NULL if nothing is near. */
const char *hint_key(enum conf_section section, const char *key);
const char *hint_section(const char *name);

#endif
