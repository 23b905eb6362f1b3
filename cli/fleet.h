/*
 * What Redis knows of the fleet now: the live workers' status objects and
 * the queues that they serve, and where a job stands: its record, or its
 * place in a lane, the delayed set or a lease.
 */
#ifndef CLI_FLEET_H
#define CLI_FLEET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

#include "cli/cli.h"

#define FLEET_MAGIC 0x666c6565u

struct fleet {
	unsigned magic;
	json_t *workers;     /* owns; array of status objects */
	char **queues;       /* owns; full keys */
	size_t nqueues;
	char **ids;          /* owns; all ids of ai:workers, dead ones too */
	size_t nids;
};

/* Loads all; --queue leaves just that queue. */
struct fleet *fleet_load(struct cli *cli);
void fleet_free(struct fleet **fp);
/* Status of one worker: borrowed, NULL if it is not alive. */
const json_t *fleet_worker(const struct fleet *f, const char *id);

/* One worker's status straight from Redis; gives it, or NULL. */
json_t *worker_status(struct cli *cli, const char *id);

bool state_final(const char *state);

/*
 * The job's record: gives it (json_decref), or NULL if there is none in any
 * queue of the fleet. Where several queues have one, a record that says
 * "moved" loses to the one it was moved to, else the newest wins.
 */
json_t *record_find(struct cli *cli, const struct fleet *f, const char *id);

enum place_where {
	PLACE_NONE, PLACE_LANE, PLACE_DELAYED, PLACE_LEASED
};

/* Where a job without a final record lies. */
struct place {
	enum place_where where;
	const char *queue;   /* borrows from the fleet */
	char *key;           /* owns; the list, zset or hash it is in */
	const char *lane;    /* "high" "normal" "low"; "" unless in a lane */
	const char *worker;  /* who leases it; borrows; "" unless leased */
	size_t before;       /* jobs of the lane that are taken first */
	double due;          /* unix ms; delayed only */
	char *member;        /* owns; the element's bytes */
	size_t len;
	size_t offset;       /* of the payload in the element */
};

/*
 * Looks for the job in the lanes (the 100,000 next ones of each), the delayed
 * sets and the leases of all queues. Always call place_fini.
 */
void place_find(struct cli *cli, const struct fleet *f, const char *id,
    struct place *p);
void place_fini(struct place *p);

#endif
