/*
 * Credits: frames of jobs sent to a child and not back yet. A slot is idle
 * when none is out; it may have a second one ahead for short jobs. The page
 * shared with the child says which jobs have begun; the others can be taken
 * back at any moment, because beginning and recalling are one compare and
 * swap (proto/page.h).
 */
#ifndef SUPERVISOR_CREDIT_H
#define SUPERVISOR_CREDIT_H

#include "supervisor/proc.h"

/* Sends n jobs of one handler as a credit; takes them. The slot is IDLE, or
 * BUSY with fewer than FRAME_CREDITS_MAX out. */
void credit_send(struct proc *p, struct job_list *jobs, unsigned n);
/*
 * Sends a job that nobody has claimed yet as a credit of its own to an IDLE
 * slot. The child gets ready and waits: it begins only after credit_release
 * of the same job, claimed meanwhile. The credit's number, or 0.
 */
uint32_t credit_send_held(struct proc *p, struct job *j);
void credit_release(struct proc *p, struct job *j, uint32_t number);
/* A RESULT frame. */
void credit_results(struct proc *p, struct frame_reader *r);
/* Jobs that have begun get their deadline, from when their step began. */
void credit_clock(struct proc *p);
/* When jobs that wait behind the one at work go back, because it turned out
 * long; MONO_NEVER if none waits. And: that time has come. */
mono_t credit_stall(const struct proc *p);
void credit_stalled(struct proc *p);

/* Jobs that are out and have not begun. */
unsigned credit_unbegun(const struct proc *p);
/* Those of them that an urgent job goes before. */
unsigned credit_yields(const struct proc *p);
/* Takes them back into the pool's ready list, for another slot. True if j
 * (may be NULL) is among them. */
bool credit_withdraw(struct proc *p, const struct job *j);
/* Takes them back and gives them back to Redis, for any worker. */
void credit_give_back(struct proc *p);

/* Brings the slot's timer forward if a limit comes earlier than it. */
void credit_look_in_time(struct proc *p);

/* The child is gone: each job that was out gets its end. */
void credit_settle(struct proc *p);
/* The lease's end of the jobs that are out goes to the child. */
void credit_fence(struct proc *p);
/* The job that runs now, for its log lines; NULL if none does. */
struct job *credit_running(const struct proc *p);

#endif
