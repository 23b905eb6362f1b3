/*
 * Which lines of the log are said too often. A line is known by all of its
 * text; of each one that comes again and again a few pass per period, the
 * rest is counted, and one line tells how many there were. Keeps a bounded
 * number of lines; pure, so that tests can drive its clock.
 */
#ifndef BASE_LOG_REPEAT_H
#define BASE_LOG_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define LOG_REPEAT_ROWS 24
#define LOG_REPEAT_BURST 5              /* of one line that pass ... */
#define LOG_REPEAT_PERIOD (10 * DUR_S)  /* ... in this time */

struct log_repeat_row {
	uint64_t hash;        /* of level, area and text; 0: free */
	mono_t start;
	unsigned passed, held;
	int level;
	char area[16];
	char head[160];       /* the text's begin, to tell it by */
};

struct log_repeat {
	unsigned held;        /* rows with held > 0 */
	struct log_repeat_row row[LOG_REPEAT_ROWS];
};

/* Says that row->held lines were held back. */
typedef void log_repeat_say(const struct log_repeat_row *row);

/* True if the line may be written now. May say something about others. */
bool log_repeat_pass(struct log_repeat *t, int level, const char *area,
    const char *text, mono_t now, log_repeat_say *say);
/* Says what is due; all: also what is not due yet. */
void log_repeat_flush(struct log_repeat *t, mono_t now, bool all,
    log_repeat_say *say);

#endif
