/* A value as text that may be shown to anybody. Inside conf only. */
#ifndef CONF_DUMP_H
#define CONF_DUMP_H

#include "base/buf.h"
#include "conf/table.h"

/* As value_put, but a password in a URL shows as "(set)". */
void dump_value(const struct conf_row *row, const void *p, struct buf *b);

#endif
