/*
 * One event, one line: `ts level area message key=value...`, or one JSON
 * object with format json. Callers write the message as "text key=value ..."
 * with printf; stable keys are slot gen pid job queue pool from to why err.
 * The only file-scope mutable state of the program lives here and in stat.c.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/clock.h"

/* name, syslog priority */
#define LOG_LEVELS(X) \
	X(BUG, "bug", 2) X(ERR, "error", 3) X(WARN, "warn", 4) \
	X(INFO, "info", 6) X(DEBUG, "debug", 7) X(TRACE, "trace", 7)

enum log_level {
#define X(id, name, prio) LOG_L_##id,
	LOG_LEVELS(X)
#undef X
	LOG_NLEVELS
};

enum log_format { LOG_TEXT, LOG_JSON };

/*
 * target is "stderr", "syslog", "journal" (both may name their socket, as in
 * "syslog:/path") or a file's path. Returns 0 or -ERR_SYSTEM, and then the old
 * target stays. May be called again at any time.
 */
int log_open(const char *ident, const char *target, enum log_format format,
    enum log_level level);
int log_reopen(void); /* after logrotate; no-op unless the target is a file */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);
/* Now and then: says what was repeated (see log_repeat.h) and held back. */
void log_tick(void);
void log_close(void);

void log_put(enum log_level level, const char *area, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void log_vput(enum log_level level, const char *area, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

#define log_bug(area, ...) log_put(LOG_L_BUG, area, __VA_ARGS__)
#define log_err(area, ...) log_put(LOG_L_ERR, area, __VA_ARGS__)
#define log_warn(area, ...) log_put(LOG_L_WARN, area, __VA_ARGS__)
#define log_info(area, ...) log_put(LOG_L_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) \
	do { \
		if (log_wants(LOG_L_DEBUG)) \
			log_put(LOG_L_DEBUG, area, __VA_ARGS__); \
	} while (0)

/*
 * Rate limit for lines that a peer can cause again and again:
 *   static struct log_limit lim = LOG_LIMIT(10, 5 * DUR_S);
 *   if (log_limit(&lim)) log_warn(...);
 * burst lines per period pass; the first one after a silence also says how
 * many were held back (log_put appends suppressed=N).
 */
struct log_limit {
	unsigned burst;
	dur_t period;
	mono_t start;
	unsigned used;
	unsigned held;
};
#define LOG_LIMIT(burst, period) { (burst), (period), 0, 0, 0 }
bool log_limit(struct log_limit *lim);

#endif
