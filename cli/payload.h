/*
 * Jobs on their way into a queue: one text is cut into its jobs, each is
 * checked, and the keys that the CLI sets are written into the bytes without
 * touching the others. JSON and msgpack alike.
 */
#ifndef CLI_PAYLOAD_H
#define CLI_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "proto/job.h"

struct payload {
	char *data;          /* owns */
	size_t len;
	char id[129];
	char *type;          /* owns */
	bool requires_gpu;
	enum job_lane lane;
};

struct payload_list {
	struct payload *v;   /* owns */
	size_t n;
};

struct payload_opts {
	size_t max_size;      /* of one job */
	const char *priority; /* NULL: as the job says */
	bool gpu;             /* set requires_gpu */
	wall_t now;
};

/*
 * Cuts text into jobs and appends them to the list. Returns 0, or
 * -ERR_SYNTAX with a message that says which job of the text, at which line,
 * has what problem. what names the text in it.
 */
int payload_read(struct payload_list *list, const char *what,
    const char *text, size_t n, const struct payload_opts *opts, char *why,
    size_t size);
void payload_list_fini(struct payload_list *list);

/*
 * Length of the first JSON object or msgpack map of a text, leading white
 * space not counted (*skipp says how much there is); 0: it does not begin
 * with one, or it is cut short.
 */
size_t payload_cut(const char *p, size_t n, size_t *skipp);

/* For dead letters: the raw text of a member of a JSON object, false if it is
 * not there. */
bool payload_member(const char *json, size_t n, const char *key,
    const char **valuep, size_t *lenp);

/* Decodes RFC 4648 base64 of n characters. 0, -ERR_SYNTAX or a buf error. */
int payload_unbase64(struct buf *b, const char *p, size_t n);

#endif
