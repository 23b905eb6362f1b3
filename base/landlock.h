/*
 * Landlock, the kernel's way for a process to give up rights to the file
 * system: a list of places with what may be done below them, everything else
 * refused. By system calls, because the C library has no names for them.
 */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

/* The kernel's version of it; 0: it has none, or it is switched off. */
int landlock_abi(void);

enum landlock_may {
	LANDLOCK_MAY_READ,      /* read, list, execute */
	LANDLOCK_MAY_WRITE,     /* all but making device files */
	LANDLOCK_MAY_DEVICE     /* read, write, ioctl; no new files */
};

/* An empty list that refuses all that this kernel can refuse, TCP and signals
 * to others included; its descriptor, or -ERR_SYSTEM. */
int landlock_new(void);
/* 0 (also where there is no such path) or -ERR_SYSTEM. */
int landlock_allow(int fd, const char *path, enum landlock_may may);
/* From now on, for this thread and what it starts; wants no-new-privileges.
 * Async-signal-safe. 0 or -1. */
int landlock_enter(int fd);

#endif
