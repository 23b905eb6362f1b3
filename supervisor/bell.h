/*
 * A doorbell: rings when a Redis list has something in it, without polling
 * and without taking anything. It blocks in BLMOVE L L RIGHT RIGHT, which
 * pops the list's oldest element and puts it back in the same place in one
 * step, so nothing is ever between two places. One bell is one connection.
 */
#ifndef SUPERVISOR_BELL_H
#define SUPERVISOR_BELL_H

#include <stdbool.h>

#include "supervisor/conn.h"

struct bell;
/* element: what waits (borrowed, but its text may be taken), or NULL. */
typedef void bell_ring_f(void *priv, redisReply *element);

/* Opens the connection; not armed yet. on_ring is also called once after each
 * reconnect of an armed bell (the list may have changed meanwhile). */
struct bell *bell_new(struct conn_group *g, const char *list,
    bell_ring_f *on_ring, void *priv);
void bell_free(struct bell **bp);
/* Rings once, as soon as the list is not empty, then is unarmed. Arming an
 * armed bell does nothing. */
void bell_arm(struct bell *b);
bool bell_armed(const struct bell *b);

#endif
