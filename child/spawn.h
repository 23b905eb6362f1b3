/*
 * Starting a handler's process: vfork and exec, in a session of its own, with
 * default signals, and with nothing open but 0, 1, 2 and at most one more.
 */
#ifndef CHILD_SPAWN_H
#define CHILD_SPAWN_H

#include <sys/types.h>

#include "base/buf.h"

struct proc;

#define SPAWN_EXTRA_FD 3

struct spawn_user {
	uid_t uid;
	gid_t gid;
	gid_t *groups;   /* owns */
	int ngroups;
};

/*
 * By names: user may be NULL (this process's own), so may group (the user's)
 * and groups (those that the user is in). 0, or -ERR_NOTFOUND.
 */
int spawn_user_find(const char *user, const char *group, char *const *groups,
    struct spawn_user **up);
void spawn_user_free(struct spawn_user **up);

struct spawn {
	char *const *argv;
	char *const *env;
	const char *cwd;
	int in_fd;                      /* becomes 0; -1: /dev/null stays */
	int extra_fd;                   /* becomes SPAWN_EXTRA_FD; -1: none */
	const struct spawn_user *user;  /* NULL: as this process */
	const struct sandbox *box;      /* NULL: none */
};

/*
 * 0 and p->pid and p->pidfd, or -ERR_SYSTEM with a line in why. The caller
 * keeps its descriptors.
 */
int spawn_process(const struct spawn *s, struct proc *p, struct buf *why);

/* The environment of a process: what was there, and what is set over it. */
struct env {
	char **v;         /* NULL-terminated; owns the array */
	unsigned n, size;
	char **own;       /* the strings made here; owns them */
	unsigned nown;
};

void env_init(struct env *e, char *const *base);
void env_fini(struct env *e);
void env_put(struct env *e, const char *assignment); /* "NAME=value", copied */
void env_set(struct env *e, const char *name, const char *value);

#endif
