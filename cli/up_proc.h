/*
 * One program that `ganger up` started: its output comes through a pipe and
 * is passed on line by line, it dies with its parent whatever happens, and
 * its end is seen once.
 */
#ifndef CLI_UP_PROC_H
#define CLI_UP_PROC_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#define UP_LINE 4096

struct up_proc {
	const char *name;      /* in front of its lines; borrowed */
	pid_t pid;             /* 0: not running */
	int out;               /* -1: no output any more */
	int status;            /* of waitpid; once it has ended */
	bool started, ended;
	size_t have;
	char line[UP_LINE];
};

void up_proc_init(struct up_proc *p, const char *name);

/*
 * Starts argv[0] (a path) with env. keep_fd (-1: none) stays open in it.
 * Returns 0 or -ERR_SYSTEM; a failed exec shows as exit status 127.
 */
int up_proc_start(struct up_proc *p, char *const *argv, char *const *env,
    int keep_fd);

/* Passes on what it wrote; closes `out` at the end of file. */
void up_proc_relay(struct up_proc *p);

/* Reaps it if it has ended. */
void up_proc_reap(struct up_proc *p);

bool up_proc_running(const struct up_proc *p);
void up_proc_signal(struct up_proc *p, int signo);

/* "exit status 78 (bad configuration)", "signal 9 (Killed)". */
const char *up_proc_end(const struct up_proc *p, char buf[96]);

#endif
