/* Jobs held by this worker: construction, names, log lines, history. */
#include "config.h"

#include "supervisor/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/queue.h"
#include "supervisor/rename.h"
#include "supervisor/sup.h"

#define LOG_PENDING_MAX (1u << 20)  /* bytes of lines waiting to be written */
#define LOG_KEY_BYTES (256u << 10)  /* the contract's cap of one job's log */

struct job *
job_new(struct queue *q, struct pool *pool, uint64_t number)
{
	struct job *j = xcalloc(1, sizeof(*j));

	j->magic = JOB_MAGIC;
	j->q = q;
	j->pool = pool;
	j->number = number;
	j->stage = STAGE_HISTORY;
	j->progress = -1;
	j->claimed = mono_now();
	buf_init(&j->log, LOG_PENDING_MAX);
	TAILQ_INSERT_TAIL(&q->jobs, j, link);
	q->njobs++;
	q->sup->njobs++;
	return (j);
}

void
job_free(struct job **jp)
{
	struct job *j = *jp;
	unsigned i;

	if (j == NULL)
		return;
	OBJ_CHECK(j, JOB_MAGIC);
	*jp = NULL;
	TAILQ_REMOVE(&j->q->jobs, j, link);
	j->q->njobs--;
	j->q->sup->njobs--;
	for (i = 0; i < JOB_TAIL_LINES; i++)
		free(j->tail.line[i]);
	buf_fini(&j->log);
	job_spec_fini(&j->spec);
	free(j->line_sizes);
	free(j->kept_message);
	free(j->said);
	free(j->evidence);
	free(j->payload_new);
	free(j->payload);
	j->magic = 0;
	free(j);
}

mono_t
job_sign(const struct job *j)
{
	mono_t at = j->started;

	if (j->progress_at > at)
		at = j->progress_at;
	return (j->output_at > at ? j->output_at : at);
}

bool
job_ran(const struct job *j)
{
	return (j->started != 0 || j->hist.ran || j->hist.attempts > 0 ||
	    (j->lost && !j->never_ran));
}

unsigned
job_attempt(const struct job *j)
{
	bool runs = j->stage == STAGE_RUNNING || j->stage == STAGE_OVER;

	return (j->hist.attempts + (runs && j->started != 0 ? 1 : 0));
}

void
job_field(char out[JOB_FIELD_MAX], const char *token, unsigned number)
{
	size_t n = strlen(token), digits = 1;
	unsigned v;

	for (v = number; v >= 10; v /= 10)
		digits++;
	ASSERT(n + digits + 2 <= JOB_FIELD_MAX);
	memcpy(out, token, n);
	out[n++] = ':';
	out[n + digits] = '\0';
	for (v = number; digits-- > 0; v /= 10)
		out[n + digits] = (char)('0' + v % 10);
}

void
job_name(struct job *j, wall_t now)
{
	j->had_id = j->spec.id.p != NULL;
	if (j->had_id) {
		ASSERT(j->spec.id.n < sizeof(j->id));
		memcpy(j->id, j->spec.id.p, j->spec.id.n);
		j->id[j->spec.id.n] = '\0';
	} else
		str_uuid7(j->id, now);
}

static void
tail_add(struct log_tail *t, const char *line, size_t n)
{
	free(t->line[t->next]);
	t->line[t->next] = xstrndup(line,
	    n < JOB_TAIL_LINE ? n : JOB_TAIL_LINE);
	t->next = (t->next + 1) % JOB_TAIL_LINES;
}

/* Remembers the line's size in the ring of those that the log key holds. */
static void
count_line(struct job *j, size_t n)
{
	unsigned cap;

	if (j->line_sizes == NULL) {
		cap = (unsigned)j->q->sup->conf->supervisor.log_max_lines;
		j->line_cap = cap == 0 ? 1 : cap;
		j->line_sizes = xcalloc(j->line_cap, sizeof(*j->line_sizes));
	}
	if (j->line_count == j->line_cap) {
		j->line_bytes -= j->line_sizes[j->line_at];
		j->line_count--;
	}
	j->line_sizes[j->line_at] = (unsigned)n;
	j->line_at = (j->line_at + 1) % j->line_cap;
	j->line_count++;
	j->line_bytes += n;
	while (j->line_bytes > LOG_KEY_BYTES && j->line_count > 1) {
		unsigned oldest = (j->line_at + j->line_cap - j->line_count) %
		    j->line_cap;

		j->line_bytes -= j->line_sizes[oldest];
		j->line_count--;
	}
}

/* What a runner prints when it is asked for its stacks is no sign of life. */
#define STACKS_TIME DUR_S

static void
note_output(struct job *j, const char *line, size_t n)
{
	mono_t now = mono_now();

	if (j->stacks_at == 0 || now - j->stacks_at > STACKS_TIME) {
		j->output_at = now;
		j->stacks_at = 0;
	}
	tail_add(&j->tail, line, n);
}

void
job_log(struct job *j, const char *stream, const char *line, size_t n)
{
	struct sup *sup = j->q->sup;

	if (strcmp(stream, "evidence") != 0)    /* ours, not the job's words */
		note_output(j, line, n);
	sup->stat.n[STAT_LOG_LINES]++;
	if (sup->conf->supervisor.log_max_lines == 0)
		return;
	if (n > LOG_KEY_BYTES / 4)
		n = LOG_KEY_BYTES / 4;
	if (j->log.len + n + 16 > LOG_PENDING_MAX) {
		sup->stat.n[STAT_LOG_DROPPED]++;
		return;
	}
	(void)buf_put(&j->log, stream, strlen(stream) + 1);
	(void)buf_printf(&j->log, "%zu", n);
	(void)buf_putc(&j->log, '\0');
	(void)buf_put(&j->log, line, n);
	j->log_lines++;
	count_line(j, n + 32);
}

unsigned
job_log_room(const struct job *j)
{
	return (j->line_count == 0 ? 1 : j->line_count);
}

void
history_parse(struct history *h, const char *text, size_t n)
{
	char copy[320];
	const char *home, *since, *turns;
	int cancelled = 0, ran = 0;

	*h = (struct history){ 0 };
	if (text == NULL || n == 0 || n >= sizeof(copy))
		return;
	memcpy(copy, text, n);
	copy[n] = '\0';
	/* Later versions may append fields; earlier ones wrote fewer. */
	(void)sscanf(copy, "a%u l%u d%" SCNd64 " f%" SCNd64 " c%d r%d "
	    "b%u", &h->attempts, &h->lost, &h->due, &h->first, &cancelled,
	    &ran, &h->crowd);
	if ((home = strstr(copy, " h")) != NULL &&
	    sscanf(home, " h%" SCNd64 ":%128s", &h->home_until, h->home) != 2)
		h->home[0] = '\0';
	if ((turns = strstr(copy, " p")) != NULL)
		(void)sscanf(turns, " p%" SCNd64 ":%" SCNd64, &h->turn[0],
		    &h->turn[1]);
	if ((since = strstr(copy, " g")) != NULL)
		(void)sscanf(since, " g%" SCNd64, &h->gpu_since);
	h->cancelled = cancelled != 0;
	h->ran = ran != 0 || h->attempts > 0 || h->lost > 0;
}

void
history_put(const struct history *h, struct buf *b)
{
	(void)buf_printf(b, "a%u l%u d%" PRId64 " f%" PRId64 " c%d r%d",
	    h->attempts, h->lost, h->due, h->first, h->cancelled ? 1 : 0,
	    h->ran ? 1 : 0);
	if (h->crowd > 0)
		(void)buf_printf(b, " b%u", h->crowd);
	/* a 1 in front says to earlier versions that the turn has come */
	if (h->turn[0] != 0 || h->turn[1] != 0)
		(void)buf_printf(b, " p%" PRId64 ":%" PRId64,
		    h->turn[0] != 0 ? h->turn[0] : 1, h->turn[1]);
	if (h->gpu_since > 0)
		(void)buf_printf(b, " g%" PRId64, h->gpu_since);
	if (h->home[0] != '\0')
		(void)buf_printf(b, " h%" PRId64 ":%s", h->home_until,
		    h->home);
}
