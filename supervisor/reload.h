/* SIGHUP: the file again. Contract, guarantee 8. */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

struct sup;

/* Reads and checks the file; a bad one changes nothing and says why. */
void reload_process(struct sup *sup);
/* The limits of the slot machine from the configuration of the moment. */
void reload_limits(struct sup *sup);

#endif
