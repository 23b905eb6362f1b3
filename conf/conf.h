/*
 * The configuration: read, checked, immutable afterwards. A reader borrows
 * the pointer for the current turn only, because a reload swaps it.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"

#include "conf/conf_struct.h" /* struct conf, from conf_tbl.h */

/* Every problem found, in order of line: "FILE:LINE: message\n" each. */
struct conf_problems {
	struct buf text;
	unsigned count;
};
void conf_problems_init(struct conf_problems *p);
void conf_problems_fini(struct conf_problems *p);

/*
 * Reads path (NULL: defaults only), applies the environment on top, checks
 * everything against everything. On success gives *cfp (conf_free). On
 * failure returns -ERR_CONFIG with at least one problem; *cfp is NULL. Never
 * prints. env is a NULL-terminated "NAME=value" list (environ).
 */
int conf_load(const char *path, char *const *env, struct conf **cfp,
    struct conf_problems *problems);
/* The same with the pidfile of gangerd -p (NULL: none), which wins over the
 * file and decides the default worker_id too. */
int conf_load_pidfile(const char *path, const char *pidfile, char *const *env,
    struct conf **cfp, struct conf_problems *problems);
void conf_free(struct conf **cfp);

/* "FILE:LINE: " of a line in struct conf, or of what gave a key of a section
 * without name. */
void conf_put_at(const struct conf *c, int place, struct buf *b);
void conf_put_place(const struct conf *c, const char *section,
    const char *key, struct buf *b);

/* The effective configuration as an ini file; secrets as "(set)". */
void conf_dump(const struct conf *c, FILE *out);

#endif
