/*
 * What is wrong with a configuration, collected in any order and written in
 * order of line. Inside conf only; conf.h has the outcome.
 */
#ifndef CONF_PROBLEM_H
#define CONF_PROBLEM_H

#include "base/buf.h"

/*
 * A place is a file and a line in one number: files count from 0, the main
 * one, and line 0 is the file as a whole. So a place in the main file is its
 * line.
 */
#define PLACE_LINES (1 << 21)   /* more than any file can have */
#define PLACE(file, line) ((int)(file) * PLACE_LINES + (line))
#define PLACE_FILE(place) ((unsigned)(place) / PLACE_LINES)
#define PLACE_LINE(place) ((place) % PLACE_LINES)

#define PROBLEM_FILE 0    /* the main file as a whole */
#define PROBLEM_ENV (-1)  /* an environment variable, no place */

struct problem {
	int line;       /* a place, or one of the above */
	unsigned seq;   /* order of discovery */
	char *message;  /* owns */
};

struct problem_list {
	unsigned count;
	unsigned size;
	struct problem *item;  /* owns */
};

void problem_init(struct problem_list *l);
void problem_fini(struct problem_list *l);

/* Control characters in the message become '?', so that it stays one line. */
void problem_add(struct problem_list *l, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "PATH:LINE: ", or "PATH: " for a whole file; files as in struct ini. */
void problem_put_place(char *const *files, unsigned nfiles, int place,
    struct buf *b);

/*
 * Appends "PATH:LINE: message\n" for each, file by file, a file as a whole
 * first and the environment last. Without files: no file was read.
 */
void problem_put(struct problem_list *l, char *const *files, unsigned nfiles,
    struct buf *b);

#endif
