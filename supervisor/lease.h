/*
 * Leases: renewing them, fencing ourselves when that fails, and taking over
 * those that others let run out.
 */
#ifndef SUPERVISOR_LEASE_H
#define SUPERVISOR_LEASE_H

#include "base/clock.h"

struct queue;
struct sup;

/* By then a job of this queue must be dead if no renewal was acknowledged: a
 * third of lease_ttl before the lease can run out. */
mono_t lease_fence(const struct queue *q);

/* An answer to a call sent then has prolonged our leases in that queue. */
void lease_extend(struct queue *q, mono_t sent);
/* Renews where it is time (a fifth of lease_ttl after the last one). */
void lease_renew(struct sup *sup);
/* Kills the jobs of queues whose fence has passed. */
void lease_check(struct sup *sup);
/* Takes over what is left of workers whose lease has ended, and, where the
 * last beat has shown that our id is ours, of former runs of this one. */
void lease_reap(struct queue *q);

#endif
