/* Counters of this run. See stat_tbl.h. */
#ifndef SUPERVISOR_STAT_H
#define SUPERVISOR_STAT_H

#include <stdint.h>

#include "proto/cause.h"
#include "supervisor/stat_tbl.h"

enum stat_id {
#define STAT(id, name, help) STAT_##id,
	STAT_TABLE(STAT)
#undef STAT
	STAT_N
};

struct stat_row {
	const char *name;
	const char *help;
};
extern const struct stat_row stat_rows[STAT_N];

struct stats {
	uint64_t n[STAT_N];
	uint64_t cause[CAUSE_NCAUSES]; /* attempts ended, by cause */
};

#endif
