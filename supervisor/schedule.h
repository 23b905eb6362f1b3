/* [schedule NAME]: jobs by the clock, each firing once per fleet. */
#ifndef SUPERVISOR_SCHEDULE_H
#define SUPERVISOR_SCHEDULE_H

#include "base/buf.h"
#include "conf/conf.h"

struct sup;

/* Checks what conf could not: that each job is a valid one. Appends a line per
 * problem; how many there were. */
unsigned schedule_check(const struct conf *c, struct buf *problems);

/* Takes the schedules of sup->conf; firings that were missed while nobody was
 * there are not made up for. */
void schedule_open(struct sup *sup);
void schedule_close(struct sup *sup);
/* Pushes what is due and sets the time of the next turn. */
void schedule_phase(struct sup *sup);

#endif
