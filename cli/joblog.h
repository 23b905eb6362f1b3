/* The log of a job: reading its stream and printing its lines. */
#ifndef CLI_JOBLOG_H
#define CLI_JOBLOG_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "cli/cli.h"

#define JOBLOG_POS 48

/* How far a log was read, and how its lines are shown. */
struct joblog {
	const char *id;         /* of the job; borrowed */
	bool json;
	bool label;             /* put the id in front */
	char pos[JOBLOG_POS];   /* id of the last entry shown; "0-0" at first */
};

void joblog_init(struct joblog *l, struct cli *cli, const char *id,
    bool label);

/* Prints the entries (an XRANGE answer) that were not shown yet. */
void joblog_entries(struct joblog *l, const redisReply *entries);

/* Prints what is in the stream beyond the position. Returns how many. 0 or
 * -ERR_CLOSED when Redis was lost. */
int joblog_drain(struct joblog *l, struct cli *cli, const char *queue);

#endif
