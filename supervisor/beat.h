/* Heartbeat: this worker's entry in PREFIX:workers and its status object. */
#ifndef SUPERVISOR_BEAT_H
#define SUPERVISOR_BEAT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct sup;

/* Sends one; the first must find the id free, or the daemon ends with 73. */
void beat_send(struct sup *sup);
/* Sends one again where the id may become free any moment. */
void beat_phase(struct sup *sup, mono_t now);
/* Takes the entry away again at a regular end. */
void beat_leave(struct sup *sup);
struct redis;
void beat_leave_of(struct sup *sup, struct redis *r);
/* Whether a status that was found under our id is that of a daemon that may
 * live; who gets a name for it. */
bool beat_held(const struct sup *sup, const char *status, char *who,
    size_t size);

#endif
