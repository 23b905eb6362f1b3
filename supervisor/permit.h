/*
 * Limits of handlers and models: how many of their jobs run at a time and how
 * many start in a second, in the whole fleet. Redis keeps count
 * (lua/permit.lua); a job without such a limit never comes here. The limits of
 * queues are kept by the claim itself (intake.c).
 */
#ifndef SUPERVISOR_PERMIT_H
#define SUPERVISOR_PERMIT_H

#include <stdbool.h>

struct job;
struct jsonw;
struct sup;

bool permit_needed(const struct job *j);
/* Asks for leave to start a job; takes it, and hands it to its pool once it
 * may, or puts it off. */
void permit_ask(struct job *j);
/* A running job's lease goes to another hash: it is counted under both until
 * the old name is dropped. */
void permit_rename(const struct job *j, const char *old_leased, bool drop);
/* A phase of the turn: jobs that were refused ask again. */
void permit_phase(struct sup *sup);
/* For the status: "held", the jobs that wait here, and for what. */
void permit_put_held(struct jsonw *w, const struct sup *sup);

#endif
