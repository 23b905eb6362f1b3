/*
 * What a reload keeps of the running configuration: the values that only a
 * restart can change, and the place of each handler in the list.
 */
#ifndef CONF_KEEP_H
#define CONF_KEEP_H

#include <stdbool.h>

#include "conf/conf.h"

/*
 * conf_load for a reload. The values of RESTART rows are those of `running`
 * whatever the file says; what it would have changed is in c->held.
 */
int conf_reload(const char *path, const char *pidfile, char *const *env,
    const struct conf *running, struct conf **cfp,
    struct conf_problems *problems);

/* Appends "supervisor lease_ttl, redis prefix": what waits for a restart. */
void conf_put_held(const struct conf *c, struct buf *b);

/* Whether anything still refers to the handler of that index. */
typedef bool conf_in_use_f(void *priv, unsigned handler);

/*
 * Brings c's handlers to the places that handlers of the same name and kind
 * have in `from`, so that an index means the same before and after. One that
 * is gone and still in use is taken over from `from` and marked so; its place
 * goes to another one only when nothing refers to it any more.
 */
void conf_adopt(struct conf *c, struct conf *from, conf_in_use_f *in_use,
    void *priv);

#endif
