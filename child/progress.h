/*
 * Progress as commands report it: lines `0.42 message` on a pipe. Nothing in
 * here blocks.
 */
#ifndef CHILD_PROGRESS_H
#define CHILD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

#define PROGRESS_LINE_MAX 1024

struct progress_lines {
	char text[PROGRESS_LINE_MAX];
	size_t len;
	bool skipping;  /* the rest of a line that was too long */
};

/* One line without its end, at most PROGRESS_LINE_MAX - 1 bytes of it. */
typedef void progress_line_f(void *arg, struct slice line);

/* Cuts bytes into lines as they come. */
void progress_feed(struct progress_lines *p, const char *data, size_t n,
    progress_line_f *fn, void *arg);
/* The pipe's end: a line without a newline counts. */
void progress_end(struct progress_lines *p, progress_line_f *fn, void *arg);

/*
 * Splits a line: a decimal number from 0 to 1, then white space and the
 * message, which may be missing. 0, -ERR_SYNTAX or -ERR_RANGE.
 */
int progress_parse(struct slice line, double *fraction, struct slice *message);

#endif
