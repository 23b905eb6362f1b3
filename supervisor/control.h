/* The control channels: PREFIX:control and PREFIX:control:<worker>. */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include <stdbool.h>

struct sup;

struct conn;

/* Subscribes; call when that control connection is READY. */
void control_subscribe(struct sup *sup, struct conn *c);
/* Cancels a job that this worker holds. False: it holds none of that id. */
bool control_cancel(struct sup *sup, const char *id);

#endif
