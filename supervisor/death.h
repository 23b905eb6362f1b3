/*
 * Deaths: the only place that puts the end of a child into words and maps it
 * to a cause.
 */
#ifndef SUPERVISOR_DEATH_H
#define SUPERVISOR_DEATH_H

#include <stdbool.h>

struct frame_result;
struct job;
struct outcome;
struct proc;

struct death {
	bool unasked;      /* we did not ask for it */
	char text[1024];
};

/* The wait status of the proc's last child in words. */
void death_of_child(const struct proc *p, struct death *d);
/* A job that failed after the kernel ended one of its processes for the
 * slot's memory limit: that is what it failed of. */
void death_by_memory(const struct proc *p, struct frame_result *x);
/* Before the jobs of a lost child are settled: is the slot to blame? */
void death_judge_slot(struct proc *p);
/* Logs what holds a quarantined slot. */
void death_tell_held(struct proc *p);
/* What it means for a job it had; o->message borrows d->text. */
void death_of_job(const struct proc *p, const struct job *j, struct death *d,
    struct outcome *o);

#endif
