/* Drain, resume and the stops. Contract, section 1. */
#ifndef SUPERVISOR_STOP_H
#define SUPERVISOR_STOP_H

#include <stdbool.h>

struct sup;
struct job;

void stop_drain(struct sup *sup);    /* stop claiming, stay up */
void stop_resume(struct sup *sup);
/* Another process is the daemon now: the jobs here end as if nothing were,
 * whatever that takes, and then this process. */
void stop_leave(struct sup *sup);
/* What that process was told, and passes on. */
void stop_by_heir(struct sup *sup);
void stop_by_heir_quickly(struct sup *sup);
/* The log's file anew, here and in an old process that still has jobs. */
void stop_reopen(struct sup *sup);
/* TERMs (or an INT, QUIT) arrived: begins the stop or hastens it. */
void stop_process(struct sup *sup);
/* Nothing is left to wait for. */
bool stop_complete(struct sup *sup);
/* A job's fate was written while stopping: a line of the receipt. */
void stop_receipt(struct sup *sup, const struct job *j, bool final);

#endif
