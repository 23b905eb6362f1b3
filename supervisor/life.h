/*
 * The life of the process: folders, the locked pidfile, the background, the
 * user it becomes. What can't be had ends the start, with the contract's exit
 * status and one line that says why.
 */
#ifndef SUPERVISOR_LIFE_H
#define SUPERVISOR_LIFE_H

#include <stdbool.h>

struct conf;
struct sup;

/* "gangerd: ..." on stderr, and exit. */
_Noreturn void life_die(int code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* run_dir is there, ours, and nobody else may write into it. */
void life_make_run_dir(const struct conf *c);
/* The other folders, but that of running jobs (berth.h). */
void life_make_dirs(const struct conf *c);
/* Once the log is open: says what is missing. */
void life_check_dirs(const struct conf *c);

/* The pidfile, locked as long as the descriptor is open; dies with 73 where
 * another process holds it. */
int life_hold_pidfile(const char *path);
/* The descriptor is of the file that has that name now. */
bool life_is_file(int fd, const char *path);
void life_write_pid(int fd);

/* Where we hold secrets and are not root: jobs of the same user can neither
 * read our memory nor our environment. */
void life_hide(const struct conf *c);

/* Becomes the configured user and group, if it is not yet. */
void life_drop_rights(const struct conf *c);

/*
 * Goes to the background. The parent waits for the word that we are up (or
 * the exit code of why not) and ends with it, so that an init script sees a
 * failed start as one. Returns, in the child, where to write that word.
 */
int life_background(void);
/* In the background and up: the log leaves a stderr that is not ours alone. */
void life_leave_stderr(struct sup *sup);

#endif
