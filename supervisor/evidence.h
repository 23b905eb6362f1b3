/*
 * Evidence: what a job that is about to be ended for its timeout, for its
 * silence or for a load without end was doing. Per process of its slot the
 * state, where it waits in the kernel, CPU time, memory, threads; what the job
 * last said; and the Python stacks of a runner. It goes into the job's log
 * (stream "evidence"), a short form into the record's error.
 */
#ifndef SUPERVISOR_EVIDENCE_H
#define SUPERVISOR_EVIDENCE_H

#include <stdbool.h>

struct proc;

/* Has runners write their stacks to their stderr. True if any was asked:
 * then their answer needs some milliseconds. */
bool evidence_ask(struct proc *p);
/* Writes it all down. */
void evidence_take(struct proc *p);

#endif
