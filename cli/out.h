/*
 * What the CLI prints: aligned tables, JSON lines, ages, and one progress
 * line. Text that came from Redis is made harmless for a terminal.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"

#define TABLE_COLS 12

struct table {
	unsigned cols, used;
	char **cell;      /* owns */
	bool right[TABLE_COLS];
};

/* Names are separated by spaces; one that starts with '>' is right-aligned. */
void table_begin(struct table *t, const char *names);
void table_put(struct table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void table_end(struct table *t, FILE *f); /* prints (f NULL: not) and frees */

void out_json(const json_t *v);           /* one line on stdout */
void out_text(FILE *f, const char *p, size_t n); /* no control characters */

/* Length of time in few characters ("12ms", "3.2s", "4m05s", "2h10m"). */
const char *out_dur(char buf[24], double ms);
const char *out_size(char buf[24], double bytes);
const char *out_time(char buf[32], double ms);   /* local time of unix ms */

/*
 * Progress on stderr: a bar that is drawn over itself on a terminal, else a
 * plain line whenever the text changes by more than the fraction.
 */
void out_progress(const char *label, double fraction, const char *message);
void out_progress_end(void);              /* clears the bar */

/* For --watch: from the top of the screen again. */
void out_home(void);

/* Members of an object; the defaults are "", 0, false. Borrowed. */
const char *js_str(const json_t *o, const char *key);
double js_num(const json_t *o, const char *key);
bool js_bool(const json_t *o, const char *key);
const json_t *js_get(const json_t *o, const char *key); /* NULL for null */

#endif
