/* Names of the counters. */
#include "config.h"

#include "supervisor/stat.h"

const struct stat_row stat_rows[STAT_N] = {
#define STAT(id, name, help) [STAT_##id] = { name, help },
	STAT_TABLE(STAT)
#undef STAT
};
