/*
 * The cgroup file systems: where a hierarchy is mounted, where we are in it,
 * and its small files. Knows nothing of slots; see contain.c and cage.c.
 */
#ifndef SUPERVISOR_CGROUP_H
#define SUPERVISOR_CGROUP_H

#include <sys/types.h>
#include <stdbool.h>

#include "supervisor/pids.h"

/*
 * Folder of our own cgroup in the v1 hierarchy of a controller, or in the v2
 * tree (controller NULL). NULL: there is none, or it is not visible from our
 * mounts. Gives the text.
 */
char *cgroup_own(const char *controller);
/* The same, from the text of /proc/self/mountinfo and /proc/self/cgroup. */
char *cgroup_own_in(const char *controller, const char *mounts,
    const char *places);

/* A small file; "" if it can't be read. Gives the text. */
char *cgroup_read(const char *dir, const char *file);
/* 0, or -1 with errno. */
int cgroup_write(const char *dir, const char *file, const char *text);
/* A word of a list whose members are parted by one of seps. */
bool cgroup_has_word(const char *list, const char *word, const char *seps);

/* We go into it. For a new process before exec: async-signal-safe. 0 or -1. */
int cgroup_join(const char *dir);
/* Adds the processes of it and of the cgroups that they made below it. */
void cgroup_pids(const char *dir, struct pids *out);
/* v2: whether a process is in it or below it. */
bool cgroup_populated(const char *dir);
/* v1 freezer: KILL to all in it, none of which can fork meanwhile. How many
 * there were. */
unsigned cgroup_freeze_and_kill(const char *dir);
/* Removes it with all below it; what has processes stays. 0 or -1. */
int cgroup_remove(const char *dir);

#endif
