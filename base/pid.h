/* Is there still life behind a process id? */
#ifndef BASE_PID_H
#define BASE_PID_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * PID_GONE: no such process, or nothing of it but its exit status: what it
 * held open is closed. PID_ENDING: it is on its way there and runs no more
 * code of its own.
 */
enum pid_life { PID_ALIVE, PID_ENDING, PID_GONE };

enum pid_life pid_life(pid_t pid);

#endif
