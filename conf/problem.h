/*
 * What is wrong with a configuration, collected in any order and written in
 * order of line. Inside conf only; conf.h has the outcome.
 */
#ifndef CONF_PROBLEM_H
#define CONF_PROBLEM_H

#include "base/buf.h"

#define PROBLEM_FILE 0    /* the file as a whole */
#define PROBLEM_ENV (-1)  /* an environment variable, no line */

struct problem {
	int line;       /* from 1, or one of the above */
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

/*
 * Appends "PATH:LINE: message\n" for each, the file as a whole first and the
 * environment last. path NULL: no file was read.
 */
void problem_put(struct problem_list *l, const char *path, struct buf *b);

#endif
