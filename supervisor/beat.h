/* Heartbeat: this worker's entry in PREFIX:workers and its status object. */
#ifndef SUPERVISOR_BEAT_H
#define SUPERVISOR_BEAT_H

struct sup;

/* Sends one; the first must find the id free, or the daemon ends with 73. */
void beat_send(struct sup *sup);
/* Takes the entry away again at a regular end. */
void beat_leave(struct sup *sup);

#endif
