/*
 * Deaths: the only place that puts the end of a child into words and maps it
 * to a cause.
 */
#ifndef SUPERVISOR_DEATH_H
#define SUPERVISOR_DEATH_H

#include <stdbool.h>

struct job;
struct outcome;
struct proc;

struct death {
	bool unasked;      /* we did not ask for it */
	char text[256];
};

/* The wait status of the proc's last child in words. */
void death_of_child(const struct proc *p, struct death *d);
/* What it means for a job it had; o->message borrows d->text. */
void death_of_job(const struct proc *p, const struct job *j, struct death *d,
    struct outcome *o);

#endif
