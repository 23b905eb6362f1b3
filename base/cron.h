/*
 * Times in the form of crontab(5): minute, hour, day of month, month, day of
 * week; numbers, names (jan, mon), ranges, lists, steps; @hourly @daily
 * @weekly @monthly @yearly. A sixth field in front gives seconds. Where both
 * days are restricted, either may match, as in cron. Local time; what falls
 * into the hour that a clock change skips does not run that day.
 */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct cron {
	uint64_t second, minute;   /* bit n: n matches */
	uint32_t hour, day, month; /* day 1 to 31, month 1 to 12 */
	uint32_t weekday;          /* 0 Sunday to 6 */
	bool any_day, any_weekday; /* the field was * */
};

/* 0, or -ERR_SYNTAX / -ERR_RANGE with *whyp (may be NULL) a static text that
 * names the field. */
int cron_parse(const char *text, struct cron *c, const char **whyp);

/* The first matching second after `after`, or -1: none within four years. */
time_t cron_next(const struct cron *c, time_t after);

#endif
