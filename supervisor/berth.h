/*
 * Where a gangerd of this run_dir has its own things: folder of running jobs,
 * socket of the children, cgroups. Normally there is one; while an upgrade
 * lets the old process end, there are two side by side. A berth is held by a
 * lock on its folder, so it is free when its holder is dead, however it died.
 */
#ifndef SUPERVISOR_BERTH_H
#define SUPERVISOR_BERTH_H

struct conf;

#define BERTH_MAX 4

struct berth {
	unsigned number;  /* 0: the usual one */
	int fd;           /* of the folder, locked; -1: none */
	char *work;       /* owns; the folder */
	char *socket;     /* owns; path of the children's socket */
	char *name;       /* owns; for cgroups and marks */
};

/* The first one that is free, empty; dies if there is none. */
void berth_take(const struct conf *c, struct berth *b);
/* Ends and removes what dead holders of the others left. Waits for killed
 * processes, three seconds at most, where one was killed. How many others somebody still holds. */
unsigned berth_clear_others(const struct conf *c, const struct berth *mine);
/* Gives it back, with its folder. */
void berth_leave(struct berth *b);

#endif
