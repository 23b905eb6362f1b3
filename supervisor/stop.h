/* Drain, resume and the stops. Contract, section 1. */
#ifndef SUPERVISOR_STOP_H
#define SUPERVISOR_STOP_H

#include <stdbool.h>

struct sup;
struct job;

void stop_drain(struct sup *sup);    /* stop claiming, stay up */
void stop_resume(struct sup *sup);
/* TERMs (or an INT, QUIT) arrived: begins the stop or hastens it. */
void stop_process(struct sup *sup);
/* Nothing is left to wait for. */
bool stop_complete(struct sup *sup);
/* A job's fate was written while stopping: a line of the receipt. */
void stop_receipt(struct sup *sup, const struct job *j, bool final);

#endif
