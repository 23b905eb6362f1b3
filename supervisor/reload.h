/* SIGHUP: the file again. Contract, guarantee 8. */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

struct sup;

/* Begins a reload that is asked for, or goes on with the one under way. A bad
 * file changes nothing; the outcome is in log and status. */
void reload_phase(struct sup *sup);
/* The daemon ends: forgets one that is under way. */
void reload_drop(struct sup *sup);
/* The limits of the slot machine from the configuration of the moment. */
void reload_limits(struct sup *sup);

#endif
