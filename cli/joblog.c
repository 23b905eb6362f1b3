/*
 * Log streams: entries of the fields `stream` (stdout, stderr, log) and
 * `line`. Lines go to stdout as they are, control characters taken out where
 * a terminal reads them.
 */
#include "config.h"

#include "cli/joblog.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/err.h"

#include "cli/out.h"
#include "cli/rds.h"

void
joblog_init(struct joblog *l, struct cli *cli, const char *id, bool label)
{
	memset(l, 0, sizeof(*l));
	l->id = id;
	l->json = cli_json(cli);
	l->label = label;
	snprintf(l->pos, sizeof(l->pos), "0-0");
}

/* Whether stream id a ("ms-seq") is beyond b. */
static bool
is_after(const char *a, const char *b)
{
	uint64_t ams, bms, aseq = 0, bseq = 0;
	char *end;

	ams = strtoull(a, &end, 10);
	if (*end == '-')
		aseq = strtoull(end + 1, NULL, 10);
	bms = strtoull(b, &end, 10);
	if (*end == '-')
		bseq = strtoull(end + 1, NULL, 10);
	return (ams != bms ? ams > bms : aseq > bseq);
}

static const redisReply *
field(const redisReply *fields, const char *name)
{
	size_t i;

	for (i = 0; i + 1 < fields->elements; i += 2)
		if (strcasecmp(fields->element[i]->str, name) == 0)
			return (fields->element[i + 1]);
	return (NULL);
}

static void
print_json(const struct joblog *l, const char *at, const redisReply *stream,
    const redisReply *line)
{
	json_t *text = json_stringn(line->str, line->len);
	json_t *o;

	if (text == NULL)   /* not UTF-8 */
		text = json_string("(not text)");
	o = json_pack("{s:s, s:I, s:s, s:o}", "id", l->id, "ts",
	    (json_int_t)strtoll(at, NULL, 10), "stream",
	    stream == NULL ? "stdout" : stream->str, "line", text);
	out_json(o);
	json_decref(o);
}

static void
print_entry(const struct joblog *l, const char *at, const redisReply *fields)
{
	const redisReply *line = field(fields, "line");
	size_t n;

	if (line == NULL || line->type != REDIS_REPLY_STRING)
		return;
	if (l->json) {
		print_json(l, at, field(fields, "stream"), line);
		return;
	}
	out_progress_end();
	if (l->label)
		printf("%s: ", l->id);
	n = line->len;
	while (n > 0 && line->str[n - 1] == '\n')
		n--;
	if (isatty(STDOUT_FILENO))
		out_text(stdout, line->str, n);
	else
		fwrite(line->str, 1, n, stdout);
	putchar('\n');
}

void
joblog_entries(struct joblog *l, const redisReply *entries)
{
	const redisReply *e;
	size_t i;

	for (i = 0; i < entries->elements; i++) {
		e = entries->element[i];
		if (e->type != REDIS_REPLY_ARRAY || e->elements < 2 ||
		    e->element[1]->type != REDIS_REPLY_ARRAY ||
		    !is_after(e->element[0]->str, l->pos))
			continue;
		print_entry(l, e->element[0]->str, e->element[1]);
		snprintf(l->pos, sizeof(l->pos), "%s", e->element[0]->str);
	}
	fflush(stdout);
}

int
joblog_drain(struct joblog *l, struct cli *cli, const char *queue)
{
	redisReply *r;

	if (rds_soft(cli, &r, "XRANGE {%s}:log:%s %s +", queue, l->id,
	    strcmp(l->pos, "0-0") == 0 ? "-" : l->pos) != 0)
		return (-ERR_CLOSED);
	joblog_entries(l, r);
	freeReplyObject(r);
	return (0);
}
