/* Descriptors: they start at -1, are close-on-exec, and are closed once. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <sys/types.h>
#include <stddef.h>

void fd_close(int *fdp);          /* closes if >= 0 and sets -1 */
int fd_cloexec(int fd);           /* 0 or -ERR_SYSTEM */
int fd_nonblock(int fd);          /* 0 or -ERR_SYSTEM */
int fd_write_all(int fd, const void *p, size_t n);  /* blocking; 0 or -ERR_SYSTEM */
int fd_read_all(int fd, void *p, size_t n);         /* 0, -ERR_CLOSED, -ERR_SYSTEM */

/* Reads a whole file of at most max bytes into a NUL-terminated allocation
 * that the caller frees. 0, -ERR_SYSTEM, -ERR_RANGE (larger), -ERR_NOMEM. */
int fd_slurp(const char *path, size_t max, char **textp, size_t *lenp);

/* mkdir -p; new folders get mode. 0 or -ERR_SYSTEM. */
int dir_make(const char *path, mode_t mode);

/* rm -r below and including path, never following links, never leaving the
 * file system it starts on. 0 (also if absent) or -ERR_SYSTEM. */
int dir_remove(const char *path);

#endif
