/*
 * What is looked at now and then rather than on an event: running records,
 * progress and log lines, wrong lanes, due jobs, leases, heartbeats.
 */
#ifndef SUPERVISOR_WATCH_H
#define SUPERVISOR_WATCH_H

struct sup;

/* A phase of the turn; does what is due and arranges the next look. */
void watch_phase(struct sup *sup);

#endif
