/* Is there still life behind a process id, and whose number is it? */
#ifndef BASE_PID_H
#define BASE_PID_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * PID_GONE: no such process, or nothing of it but its exit status: what it
 * held open is closed. PID_ENDING: it is on its way there and runs no more
 * code of its own.
 */
enum pid_life { PID_ALIVE, PID_ENDING, PID_GONE };

enum pid_life pid_life(pid_t pid);

#define PID_SPACE_MAX 64

/*
 * Names the space in which our process numbers mean something: this boot of
 * this kernel, and the namespace. No two that exist at a time have the same
 * name. "" where /proc does not tell.
 */
void pid_space(char *text, size_t size);

#endif
