/*
 * The ROUTER: frames to and from the children. The only user of ZeroMQ in
 * the supervisor. A frame of a dead generation is counted and dropped here.
 */
#ifndef SUPERVISOR_ROUTE_H
#define SUPERVISOR_ROUTE_H

#include <stdint.h>

#include "base/buf.h"

struct route;
struct sup;

/* Binds the ipc endpoint. 0, or -ERR_SYSTEM (errno) and *rp NULL. */
int route_open(struct sup *sup, const char *endpoint, struct route **rp);
void route_close(struct route **rp);
/* One frame to the child of that slot and generation. 0, -ERR_CLOSED (no
 * such peer), -ERR_SYSTEM. */
int route_send(struct route *r, uint32_t slot, uint32_t gen,
    const struct buf *frame);
/* Handles what has arrived, a bounded number; asks for another turn if there
 * is more. */
void route_drain(struct route *r);
/* The same where something may have arrived: a look that finds nothing costs
 * two system calls. */
void route_phase(struct route *r);
/* Something has arrived that no event will announce (a send may swallow the
 * hint): asks for another turn. The last thing a turn does. */
void route_check(struct route *r);

#endif
