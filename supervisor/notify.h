/*
 * What a service manager is told, by systemd's protocol: datagrams of
 * VARIABLE=value lines to the socket that NOTIFY_SOCKET names. Where there is
 * none, all of this does nothing. Never blocks: a datagram that does not fit
 * is lost, and the next one says the same.
 *
 * The watchdog is answered from the loop's own turns, so a loop that is stuck
 * stops answering.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"

struct sup;

struct notify {
	int fd;             /* -1: nobody to tell */
	dur_t watchdog;     /* between two answers; 0: none wanted */
	mono_t due;         /* the next one */
	mono_t status_at;   /* the next look at the status text */
	char status[120];   /* as last told */
	bool ready;
};

/* Reads the environment, before any fork. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* The daemon is up; also after a reload. */
void notify_ready(struct sup *sup);
void notify_reloading(struct sup *sup);
/* The stop began; it may take so long from now on. */
void notify_stopping(struct sup *sup, dur_t patience);
/* Another process is the daemon: it is named, and we fall silent. */
void notify_hand_over(struct sup *sup, pid_t pid);
/* Each turn: watchdog and status. */
void notify_phase(struct sup *sup);

#endif
