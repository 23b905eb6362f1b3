/*
 * Files that decide what the daemon does: read only if nobody else could have
 * written them.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <sys/stat.h>
#include <stdbool.h>
#include <stddef.h>

/* NULL if the file may be trusted, else why not, as "others may write it". */
const char *file_distrust(const struct stat *st);

/*
 * Reads a regular file (or a character device such as /dev/null) of at most
 * max bytes into a NUL-terminated allocation that the caller frees. The file
 * that is checked is the file that is read. On failure returns NULL and
 * *whyp, static or strerror's text.
 */
char *file_read(const char *path, size_t max, size_t *lenp, const char **whyp);

/* The first line of such a file, without its end; NULL also if it is empty.
 * The caller frees. */
char *file_read_secret(const char *path, const char **whyp);

/* NULL if path is a regular file that may be trusted (and, if asked, run),
 * else why not. */
const char *file_check(const char *path, bool run);

/*
 * Looks a program up in path_list (as PATH has it). The caller frees; NULL if
 * there is none.
 */
char *file_find_program(const char *name, const char *path_list);

#endif
