/*
 * Waiting. Two extra connections at most: one listens to the events, one
 * blocks in XREAD for log lines; the program's own looks at records. A wait
 * ends by a final record only: events say when to look, and what to show
 * meanwhile.
 */
#include "config.h"

#include "cli/watch.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "cli/joblog.h"
#include "cli/out.h"
#include "cli/rds.h"

#define WATCH_MAGIC 0x77617463u
#define LOOK_AGAIN DUR_S          /* how often records are looked at anyway */
#define LOST_FOR (30 * DUR_S)     /* how long Redis may be away */
#define MGET_MAX 256
#define BLOCK_MS 1000             /* of one XREAD */

struct watched {
	char *id;             /* owns */
	char *queue;          /* owns; NULL: not known yet */
	bool known;           /* seen somewhere */
	bool dirty;           /* look at its record now */
	bool closed;          /* final, or unknown for good */
	unsigned absent;      /* looks in a row that found nothing */
	double progress;
	struct joblog log;
};

struct watch {
	unsigned magic;
	struct cli *cli;              /* borrows */
	const struct fleet *fleet;    /* borrows */
	struct watch_opts opts;
	struct watched **jobs;        /* owns */
	size_t n, open, bad;
	json_t *index;                /* owns; id to position */
	redisContext *events;         /* owns */
	redisContext *lines;          /* owns; NULL unless following */
	bool asked;                   /* an XREAD is under way */
	bool lost;                    /* a connection broke */
};

static void
drop_links(struct watch *w)
{
	if (w->events != NULL)
		redisFree(w->events);
	if (w->lines != NULL)
		redisFree(w->lines);
	w->events = w->lines = NULL;
	w->asked = false;
}

/* 0, or -ERR_CLOSED with the reason in why. */
static int
open_links(struct watch *w, char *why, size_t size)
{
	redisReply *r;

	w->events = rds_connect(w->cli, why, size);
	if (w->events == NULL)
		return (-ERR_CLOSED);
	r = redisCommand(w->events, "SUBSCRIBE %s:events",
	    cli_prefix(w->cli));
	if (r == NULL || r->type == REDIS_REPLY_ERROR) {
		snprintf(why, size, "%s", r == NULL ? w->events->errstr :
		    r->str);
		if (r != NULL)
			freeReplyObject(r);
		drop_links(w);
		return (-ERR_CLOSED);
	}
	freeReplyObject(r);
	if (w->opts.follow) {
		w->lines = rds_connect(w->cli, why, size);
		if (w->lines == NULL)
			drop_links(w);
	}
	w->lost = w->events == NULL;
	return (w->lost ? -ERR_CLOSED : 0);
}

struct watch *
watch_open(struct cli *cli, const struct fleet *f,
    const struct watch_opts *opts)
{
	struct watch *w = xcalloc(1, sizeof(*w));
	char why[256];

	w->magic = WATCH_MAGIC;
	w->cli = cli;
	w->fleet = f;
	w->opts = *opts;
	w->index = json_object();
	if (open_links(w, why, sizeof(why)) != 0)
		cli_die(CLI_UNREACHABLE, "could not use Redis at %s: %s",
		    rds_where(cli), why);
	return (w);
}

void
watch_free(struct watch **wp)
{
	struct watch *w = *wp;
	size_t i;

	if (w == NULL)
		return;
	OBJ_CHECK(w, WATCH_MAGIC);
	for (i = 0; i < w->n; i++) {
		free(w->jobs[i]->id);
		free(w->jobs[i]->queue);
		free(w->jobs[i]);
	}
	free(w->jobs);
	json_decref(w->index);
	drop_links(w);
	w->magic = 0;
	free(w);
	*wp = NULL;
}

void
watch_add(struct watch *w, const char *id, const char *queue, bool known)
{
	struct watched *j;

	OBJ_CHECK(w, WATCH_MAGIC);
	if (json_object_get(w->index, id) != NULL)
		return;
	j = xcalloc(1, sizeof(*j));
	j->id = xstrdup(id);
	j->queue = queue == NULL ? NULL : xstrdup(queue);
	j->known = known;
	j->dirty = true;
	if ((w->n & (w->n - 1)) == 0)
		w->jobs = xrealloc(w->jobs,
		    (w->n == 0 ? 1 : 2 * w->n) * sizeof(*w->jobs));
	json_object_set_new(w->index, id, json_integer((json_int_t)w->n));
	w->jobs[w->n++] = j;
	w->open++;
}

static void
show_progress(struct watch *w, const struct watched *j, const char *message)
{
	char label[64];

	if (w->opts.quiet || cli_json(w->cli))
		return;
	if (w->n == 1) {
		out_progress(j->id, j->progress, message);
		return;
	}
	if (!isatty(STDERR_FILENO))
		return;
	snprintf(label, sizeof(label), "%zu of %zu ended", w->n - w->open,
	    w->n);
	out_progress(label, (double)(w->n - w->open) / (double)w->n, message);
}

static void
print_outcome(const struct watched *j, const json_t *rec)
{
	const json_t *error = js_get(rec, "error");
	const json_t *result = js_get(rec, "result");
	const char *state = js_str(rec, "state");
	double ran = js_num(rec, "finished_at") - js_num(rec, "started_at");
	char buf[24], *text;

	printf("%s %s", j->id, state);
	if (js_num(rec, "started_at") > 0)
		printf(" %s", out_dur(buf, ran));
	if (error != NULL && strcmp(state, "done") != 0) {
		printf(" %s: ", js_str(error, "cause"));
		out_text(stdout, js_str(error, "message"),
		    strlen(js_str(error, "message")));
	} else if (result != NULL) {
		text = json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
		printf(" %s", text == NULL ? "" : text);
		free(text);
	}
	putchar('\n');
	fflush(stdout);
}

static void
close_job(struct watch *w, struct watched *j, const json_t *rec)
{
	j->closed = true;
	w->open--;
	if (!w->opts.quiet && strcmp(js_str(rec, "state"), "done") != 0)
		w->bad++;
	if (w->opts.follow && j->queue != NULL &&
	    joblog_drain(&j->log, w->cli, j->queue) != 0)
		cli_warn("lost Redis before the end of the log of %s", j->id);
	if (w->opts.quiet)
		return;
	out_progress_end();
	if (cli_json(w->cli))
		out_json(rec);
	else
		print_outcome(j, rec);
	fflush(stdout);
	if (w->open > 0)
		show_progress(w, j, "");
}

static void
close_unknown(struct watch *w, struct watched *j)
{
	json_t *o;

	j->closed = true;
	w->open--;
	w->bad++;
	out_progress_end();
	if (cli_json(w->cli)) {
		o = json_pack("{s:s, s:s}", "id", j->id, "state", "unknown");
		out_json(o);
		json_decref(o);
	} else
		cli_warn("unknown job %s%s", j->id,
		    cli_has(w->cli, OPT_QUEUE) ? " in this queue" :
		    " (--queue names a queue that no worker serves)");
}

static void
set_queue(struct watched *j, const char *queue)
{
	if (queue[0] == '\0' ||
	    (j->queue != NULL && strcmp(j->queue, queue) == 0))
		return;
	free(j->queue);
	j->queue = xstrdup(queue);
}

/* What a record says; rec is NULL where there is none. */
static void
see_record(struct watch *w, struct watched *j, const json_t *rec)
{
	const char *state = js_str(rec, "state");

	if (rec == NULL)
		return;
	j->known = true;
	j->absent = 0;
	if (strcmp(state, "moved") == 0) {
		set_queue(j, js_str(rec, "moved_to"));
		return;
	}
	set_queue(j, js_str(rec, "queue"));
	if (state_final(state)) {
		close_job(w, j, rec);
		return;
	}
	j->progress = js_num(rec, "progress");
}

/*
 * Records of count jobs whose queue is known, in one MGET. 0 or -ERR_CLOSED.
 */
static int
look_at_batch(struct watch *w, struct watched **batch, size_t count)
{
	const char *argv[MGET_MAX + 1] = { "MGET" };
	json_t *rec;
	redisReply *r = NULL;
	size_t i;

	for (i = 0; i < count; i++)
		argv[i + 1] = key_of2(batch[i]->queue, "job", batch[i]->id);
	if (rds_ready(w->cli))
		r = redisCommandArgv(w->cli->redis, (int)count + 1, argv,
		    NULL);
	for (i = 0; i < count; i++)
		free((void *)(uintptr_t)argv[i + 1]);
	if (r == NULL || r->type != REDIS_REPLY_ARRAY ||
	    r->elements != count) {
		if (r != NULL)
			freeReplyObject(r);
		rds_drop(w->cli);
		return (-ERR_CLOSED);
	}
	for (i = 0; i < count; i++) {
		rec = r->element[i]->str == NULL ? NULL :
		    json_loadb(r->element[i]->str, r->element[i]->len, 0,
		    NULL);
		see_record(w, batch[i], rec);
		json_decref(rec);
	}
	freeReplyObject(r);
	return (0);
}

/* A job of which only the id is known: anywhere in the fleet's queues. */
static void
search(struct watch *w, struct watched *j)
{
	json_t *rec = record_find(w->cli, w->fleet, j->id);
	struct place place;

	see_record(w, j, rec);
	if (rec == NULL && !j->known) {
		place_find(w->cli, w->fleet, j->id, &place);
		if (place.where != PLACE_NONE) {
			j->known = true;
			set_queue(j, place.queue);
		} else if (++j->absent >= 2)
			close_unknown(w, j);
		place_fini(&place);
	}
	json_decref(rec);
}

/* Looks at the dirty jobs, or at all. 0 or -ERR_CLOSED. */
static int
look(struct watch *w, bool all)
{
	struct watched *batch[MGET_MAX], *j;
	size_t i, count = 0;

	for (i = 0; i < w->n; i++) {
		j = w->jobs[i];
		if (j->closed || (!all && !j->dirty))
			continue;
		j->dirty = false;
		if (j->queue == NULL) {
			search(w, j);
			continue;
		}
		batch[count++] = j;
		if (count == MGET_MAX) {
			if (look_at_batch(w, batch, count) != 0)
				return (-ERR_CLOSED);
			count = 0;
		}
	}
	return (count == 0 ? 0 : look_at_batch(w, batch, count));
}

static void
see_event(struct watch *w, const json_t *ev)
{
	const json_t *at = json_object_get(w->index, js_str(ev, "id"));
	const char *queue = js_str(ev, "queue"), *state = js_str(ev, "state");
	struct watched *j;

	if (at == NULL)
		return;
	j = w->jobs[json_integer_value(at)];
	if (j->closed || (j->queue != NULL && queue[0] != '\0' &&
	    strcmp(j->queue, queue) != 0))
		return;
	j->known = true;
	if (j->queue == NULL)
		set_queue(j, queue);
	if (state_final(state) || strcmp(state, "moved") == 0) {
		j->dirty = true;
		return;
	}
	if (js_get(ev, "progress") != NULL)
		j->progress = js_num(ev, "progress");
	show_progress(w, j, js_str(ev, "message")[0] != '\0' ?
	    js_str(ev, "message") : state);
}

static void
take_message(struct watch *w, const redisReply *r)
{
	json_t *ev;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
	    r->element[2]->type != REDIS_REPLY_STRING)
		return;
	ev = json_loadb(r->element[2]->str, r->element[2]->len, 0, NULL);
	if (ev != NULL)
		see_event(w, ev);
	json_decref(ev);
}

static void
take_lines(struct watch *w, const redisReply *r)
{
	const redisReply *one;
	struct watched *j;
	size_t i, k;
	char *key;

	w->asked = false;
	if (r->type != REDIS_REPLY_ARRAY)
		return;
	for (k = 0; k < r->elements; k++) {
		one = r->element[k];
		if (one->elements != 2)
			continue;
		for (i = 0; i < w->n; i++) {
			j = w->jobs[i];
			if (j->closed || j->queue == NULL)
				continue;
			key = key_of2(j->queue, "log", j->id);
			if (strcmp(key, one->element[0]->str) == 0)
				joblog_entries(&j->log, one->element[1]);
			free(key);
		}
	}
}

/* Asks for lines of all open jobs whose queue is known. */
static void
ask_lines(struct watch *w)
{
	const char **argv;
	char block[16];
	size_t i, k = 0, n = 0, at = 4;

	if (w->lines == NULL || w->asked)
		return;
	for (i = 0; i < w->n; i++)
		n += !w->jobs[i]->closed && w->jobs[i]->queue != NULL;
	if (n == 0)
		return;
	snprintf(block, sizeof(block), "%d", BLOCK_MS);
	argv = xcalloc(4 + 2 * n, sizeof(*argv));
	argv[0] = "XREAD";
	argv[1] = "BLOCK";
	argv[2] = block;
	argv[3] = "STREAMS";
	for (i = 0; i < w->n; i++) {
		if (w->jobs[i]->closed || w->jobs[i]->queue == NULL)
			continue;
		argv[at + k] = key_of2(w->jobs[i]->queue, "log",
		    w->jobs[i]->id);
		argv[at + n + k] = w->jobs[i]->log.pos;
		k++;
	}
	w->asked = redisAppendCommandArgv(w->lines, (int)(4 + 2 * n), argv,
	    NULL) == REDIS_OK;
	for (k = 0; k < n; k++)
		free((void *)(uintptr_t)argv[at + k]);
	free(argv);
}

typedef void take_f(struct watch *w, const redisReply *r);

/* All replies that have arrived on a link. Sets w->lost if it broke. */
static void
drain(struct watch *w, redisContext *c, take_f *take)
{
	void *r = NULL;

	if (redisBufferRead(c) != REDIS_OK) {
		w->lost = true;
		return;
	}
	while (redisGetReplyFromReader(c, &r) == REDIS_OK && r != NULL) {
		take(w, r);
		freeReplyObject(r);
		r = NULL;
	}
	if (c->err != 0)
		w->lost = true;
}

static void
wait_a_while(struct watch *w, mono_t until)
{
	struct pollfd fds[2] = { { .fd = -1 }, { .fd = -1 } };
	int done = 0;
	dur_t left;

	ask_lines(w);
	while (w->asked && !done)
		if (redisBufferWrite(w->lines, &done) != REDIS_OK) {
			w->lost = true;
			return;
		}
	left = until - mono_now();
	if (left <= 0)
		return;
	fds[0] = (struct pollfd){ w->events->fd, POLLIN, 0 };
	if (w->lines != NULL)
		fds[1] = (struct pollfd){ w->lines->fd, POLLIN, 0 };
	if (poll(fds, 2, (int)(left / DUR_MS) + 1) <= 0)
		return;
	if (fds[0].revents != 0)
		drain(w, w->events, take_message);
	if (fds[1].revents != 0)
		drain(w, w->lines, take_lines);
}

/* Redis went away: 0 once it is back, -ERR_CLOSED if it stays away. */
static int
come_back(struct watch *w, mono_t deadline)
{
	mono_t end = mono_add(mono_now(), LOST_FOR);
	char why[256] = "";

	out_progress_end();
	cli_warn("lost Redis, trying again");
	drop_links(w);
	rds_drop(w->cli);
	while (mono_now() < end && mono_now() < deadline) {
		if (open_links(w, why, sizeof(why)) == 0)
			return (0);
		poll(NULL, 0, 250);
	}
	cli_warn("could not use Redis: %s", why);
	return (-ERR_CLOSED);
}

static int
time_is_over(struct watch *w)
{
	json_t *o;
	size_t i;

	out_progress_end();
	for (i = 0; i < w->n && cli_json(w->cli); i++) {
		if (w->jobs[i]->closed)
			continue;
		o = json_pack("{s:s, s:s?, s:b}", "id", w->jobs[i]->id,
		    "queue", w->jobs[i]->queue, "timed_out", 1);
		out_json(o);
		json_decref(o);
	}
	cli_warn("timed out: %zu of %zu jobs have not ended", w->open, w->n);
	return (CLI_TIMEOUT);
}

/* At the deadline: a job that was never seen is unknown, not late. */
static void
give_up_unseen(struct watch *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (!w->jobs[i]->closed && !w->jobs[i]->known)
			close_unknown(w, w->jobs[i]);
}

int
watch_run(struct watch *w, mono_t deadline)
{
	mono_t next = 0, now;
	size_t i;

	OBJ_CHECK(w, WATCH_MAGIC);
	for (i = 0; i < w->n; i++)
		joblog_init(&w->jobs[i]->log, w->cli, w->jobs[i]->id,
		    w->n > 1);
	while (w->open > 0) {
		now = mono_now();
		if (!w->lost && look(w, now >= next) != 0)
			w->lost = true;
		if (w->open > 0 && now >= deadline)
			give_up_unseen(w);
		if (w->open > 0 && now >= deadline)
			return (time_is_over(w));
		if (now >= next)
			next = mono_add(now, LOOK_AGAIN);
		if (w->lost) {
			if (come_back(w, deadline) != 0)
				return (CLI_UNREACHABLE);
			next = 0;
			continue;
		}
		if (w->open > 0)
			wait_a_while(w, next < deadline ? next : deadline);
	}
	out_progress_end();
	return (w->bad > 0 ? CLI_FAILED : CLI_OK);
}
