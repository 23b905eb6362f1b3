/*
 * Settling: the last stop of a job's way. Every turn of the loop sends what
 * the turn decided: commits of one queue in one call, requeues one by one.
 */
#include "config.h"

#include "supervisor/settle.h"

#include <stdlib.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/job.h"
#include "supervisor/record.h"
#include "supervisor/script.h"
#include "supervisor/stop.h"
#include "supervisor/sup.h"

#define BATCH_MAX 128           /* jobs in one commit */
#define BATCH_BYTES (4u << 20)  /* and their bytes, roughly */
#define CALLS_MAX 8             /* unanswered calls of one queue */
#define WORDS_SIZE 1000         /* bytes of a small job's words, at once */
#define RETRY_AFTER (200 * DUR_MS)

/* One call of commit or requeue on its way. */
struct call {
	unsigned magic;
	struct queue *q;
	struct settle_list list;
	mono_t sent;
};
#define CALL_MAGIC 0x63616c6cu

struct settle *
settle_new(struct job *j, bool final, enum stat_id counted)
{
	struct settle *s = xcalloc(1, sizeof(*s));

	ASSERT(j->stage == STAGE_OVER);
	s->magic = SETTLE_MAGIC;
	s->q = j->q;
	s->job = j;
	s->final = final;
	s->counted = counted;
	buf_init(&s->text, SIZE_MAX / 4);
	(void)buf_reserve(&s->text, WORDS_SIZE);
	return (s);
}

static void
settle_free(struct settle **sp)
{
	struct settle *s = *sp;

	OBJ_CHECK(s, SETTLE_MAGIC);
	*sp = NULL;
	job_free(&s->job);
	buf_fini(&s->text);
	free(s->target);
	s->magic = 0;
	free(s);
}

void
settle_open(struct settle *s)
{
	ASSERT(s->nwords < SETTLE_WORDS);
	s->word[s->nwords].at = s->text.len;
}

void
settle_shut(struct settle *s)
{
	s->word[s->nwords].len = s->text.len - s->word[s->nwords].at;
	s->nwords++;
}

void
settle_slice(struct settle *s, struct slice v)
{
	settle_open(s);
	(void)buf_slice(&s->text, v);
	settle_shut(s);
}

void
settle_word(struct settle *s, const char *text)
{
	settle_slice(s, slice_of(text));
}

void
settle_add(struct settle *s)
{
	ASSERT(!s->text.failed);
	TAILQ_INSERT_TAIL(&s->q->settles, s, link);
	s->q->nsettles++;
	s->q->settle_bytes += s->text.len;
}

static void
put_words(struct script_args *a, const struct settle *s)
{
	unsigned i;

	for (i = 0; i < s->nwords; i++)
		script_arg(a, (struct slice){ s->text.data == NULL ? "" :
		    s->text.data + s->word[i].at, s->word[i].len });
}

/* The answer was lost, or Redis could not: the same again, in order. */
static void
put_back(struct call *c, bool again)
{
	struct settle *s;

	while ((s = TAILQ_LAST(&c->list, settle_list)) != NULL) {
		TAILQ_REMOVE(&c->list, s, link);
		s->again = s->again || again;
		TAILQ_INSERT_HEAD(&c->q->settles, s, link);
		c->q->nsettles++;
		c->q->settle_bytes += s->text.len;
	}
}

/* Redis has answered for this one. */
static void
conclude(struct settle *s, bool done)
{
	struct stats *st = &s->q->sup->stat;

	s->q->sup->ended++;
	if (s->q->limited_full) {       /* one less is leased */
		s->q->limited_full = false;
		s->q->limited_until = 0;
	}
	if (done) {
		st->n[s->counted]++;
		if (s->final && s->counted != STAT_DONE && job_ran(s->job))
			forget_job(s->q->sup, s->job->id);
		stop_receipt(s->q->sup, s->job, s->final);
	}
	else if (!s->again) {
		/* Not ours any more: another worker took the lease over, and
		 * whatever we did is refused. */
		st->n[STAT_STALE]++;
		log_warn("settle", "id=%s queue=%s the lease was lost, "
		    "its %s is refused", s->job->id, s->q->name,
		    s->final ? "result" : "return");
	}
	settle_free(&s);
}

static bool
says_done(const redisReply *r, size_t i)
{
	if (r->type == REDIS_REPLY_INTEGER)
		return (r->integer == 1);
	return (r->type == REDIS_REPLY_ARRAY && i < r->elements &&
	    r->element[i]->integer == 1);
}

static void
note_answer(const struct call *c)
{
	if (TAILQ_FIRST(&c->list)->final)
		FAILPOINT(COMMIT_ANSWERED);
	else
		FAILPOINT(REQUEUE_ANSWERED);
}

static void
answered(void *priv, redisReply *r)
{
	struct call *c = priv;
	struct queue *q = c->q;
	struct settle *s;
	size_t i;

	OBJ_CHECK(c, CALL_MAGIC);
	q->in_flight--;
	if (r == NULL || r->type == REDIS_REPLY_ERROR) {
		if (r != NULL) {
			sup_redis_error(q->sup, "settle", q->name, r);
			q->settle_after = mono_add(mono_now(), RETRY_AFTER);
			sup_wake_at(q->sup, q->settle_after);
		}
		/* also after an error: a commit of several may have done
		 * those before the one that failed */
		put_back(c, true);
	} else {
		note_answer(c);
		for (i = 0; (s = TAILQ_FIRST(&c->list)) != NULL; i++) {
			TAILQ_REMOVE(&c->list, s, link);
			conclude(s, says_done(r, i));
		}
	}
	c->magic = 0;
	free(c);
}

static void
pull(struct call *c, struct settle *s)
{
	TAILQ_REMOVE(&c->q->settles, s, link);
	c->q->nsettles--;
	c->q->settle_bytes -= s->text.len;
	TAILQ_INSERT_TAIL(&c->list, s, link);
}

/* The next jobs that are plain, or that are not: how many, and they. */
static void
put_group(struct call *c, struct script_args *a, bool plain, unsigned *np,
    size_t *bytesp)
{
	struct settle *s;
	unsigned n = 0;

	TAILQ_FOREACH(s, &c->q->settles, link) {
		if (!s->final || s->plain != plain || *np == BATCH_MAX ||
		    *bytesp >= BATCH_BYTES)
			break;
		n++;
		++*np;
		*bytesp += s->text.len;
	}
	script_arg_int(a, n);
	while (n-- > 0) {
		s = TAILQ_FIRST(&c->q->settles);
		pull(c, s);
		put_words(a, s);
	}
}

static struct script_args *
begin_commit(struct call *c)
{
	struct queue *q = c->q;
	const struct conf *conf = q->sup->conf;
	struct script_args *a = script_begin(SCRIPT_COMMIT);
	const struct settle *s;
	unsigned n = 0;
	size_t bytes = 0;

	script_key(a, q->leased);
	script_key(a, q->key.stats);
	script_key(a, q->key.dead);
	script_key(a, q->key.history);
	script_arg_str(a, q->key.job);
	script_arg_str(a, q->key.log);
	script_arg_str(a, q->sup->events);
	script_arg_int(a, conf->supervisor.dead_max);
	script_arg_int(a, conf->supervisor.result_ttl / DUR_MS);
	while ((s = TAILQ_FIRST(&q->settles)) != NULL && s->final &&
	    n < BATCH_MAX && bytes < BATCH_BYTES) {
		put_group(c, a, true, &n, &bytes);
		put_group(c, a, false, &n, &bytes);
	}
	return (a);
}

static struct script_args *
begin_requeue(struct call *c)
{
	struct queue *q = c->q;
	struct script_args *a = script_begin(SCRIPT_REQUEUE);
	struct settle *s = TAILQ_FIRST(&q->settles);
	struct buf key;
	unsigned i;

	buf_init(&key, 4096);
	(void)buf_printf(&key, "%s%s", q->key.job, s->job->id);
	pull(c, s);
	script_key(a, q->leased);
	script_key(a, s->target);
	script_key(a, buf_cstr(&key));
	script_key(a, q->key.history);
	script_key(a, q->key.stats);
	for (i = 0; i < 8; i++)
		script_arg(a, (struct slice){ s->text.data + s->word[i].at,
		    s->word[i].len });
	script_arg_str(a, q->sup->events);
	for (; i < s->nwords; i++)
		script_arg(a, (struct slice){ s->text.data + s->word[i].at,
		    s->word[i].len });
	buf_fini(&key);
	return (a);
}

/* The last lines of the next jobs go before their results, while the leases
 * are ours still. */
static void
flush_logs(struct queue *q)
{
	struct settle *s;
	unsigned n = 0;

	TAILQ_FOREACH(s, &q->settles, link) {
		if (n++ == BATCH_MAX)
			return;
		if (s->job->log_lines > 0)
			settle_note(s->job, false, false);
	}
}

static void
note_sent(bool final)
{
	if (final) {
		FAILPOINT(COMMIT_BUILT);
		FAILPOINT_MARK(COMMIT_SENT);
	} else {
		FAILPOINT(REQUEUE_BUILT);
		FAILPOINT_MARK(REQUEUE_SENT);
	}
}

static void
flush_queue(struct queue *q)
{
	struct script_args *a;
	struct call *c;

	while (!TAILQ_EMPTY(&q->settles) && q->in_flight < CALLS_MAX &&
	    mono_now() >= q->settle_after) {
		c = xcalloc(1, sizeof(*c));
		c->magic = CALL_MAGIC;
		c->q = q;
		c->sent = mono_now();
		TAILQ_INIT(&c->list);
		flush_logs(q);
		a = TAILQ_FIRST(&q->settles)->final ? begin_commit(c) :
		    begin_requeue(c);
		q->in_flight++;
		if (script_call(q->redis->main, a, answered, c) != 0) {
			q->in_flight--;
			put_back(c, false);
			c->magic = 0;
			free(c);
			return;
		}
		note_sent(TAILQ_FIRST(&c->list)->final);
	}
}

void
settle_flush(struct sup *sup)
{
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->redis->ready)
			flush_queue(q);
}

void
settle_drop(struct settle **sp)
{
	struct queue *q = (*sp)->q;

	TAILQ_REMOVE(&q->settles, *sp, link);
	q->nsettles--;
	q->settle_bytes -= (*sp)->text.len;
	settle_free(sp);
}

bool
settle_idle(const struct queue *q)
{
	return (TAILQ_EMPTY(&q->settles) && q->in_flight == 0);
}

size_t
settle_waiting(const struct sup *sup)
{
	const struct queue *q;
	size_t n = 0;

	TAILQ_FOREACH(q, &sup->queues, link)
		n += q->settle_bytes;
	return (n);
}

/* ---- notes ---- */

static void
put_log(struct script_args *a, struct job *j)
{
	const char *p = j->log.data, *end = p + j->log.len, *stream;
	size_t n;

	while (p < end) {
		stream = p;
		p += strlen(p) + 1;
		n = strtoul(p, NULL, 10);
		p += strlen(p) + 1;
		script_arg_str(a, stream);
		script_arg(a, (struct slice){ p, n });
		p += n;
	}
}

static void
note_answered(void *priv, redisReply *r)
{
	struct sup *sup = priv;

	if (r != NULL && r->type == REDIS_REPLY_ERROR)
		sup_redis_error(sup, "note", "", r);
}

/* x: the record, NULL: it stays as it is. */
static int
note(struct job *j, const struct record_extra *x, bool with_id)
{
	struct queue *q = j->q;
	struct script_args *a = script_begin(SCRIPT_NOTE);
	struct buf keys, text, event;
	size_t at;
	int r;

	buf_init(&keys, 8192);
	buf_init(&text, 1u << 20);
	buf_init(&event, 1u << 20);
	(void)buf_printf(&keys, "%s%s", q->key.job, j->id);
	(void)buf_putc(&keys, '\0');
	at = keys.len;
	(void)buf_printf(&keys, "%s%s", q->key.log, j->id);
	(void)buf_putc(&keys, '\0');
	if (x != NULL) {
		record_put(&text, j, x);
		event_put(&event, j, x);
	}
	script_key(a, q->leased);
	script_key(a, keys.data);
	script_key(a, keys.data + at);
	script_arg_str(a, j->field);
	script_arg(a, (struct slice){ buf_cstr(&text), text.len });
	script_arg_str(a, q->sup->events);
	script_arg(a, (struct slice){ buf_cstr(&event), event.len });
	script_arg_int(a, job_log_room(j));
	script_arg(a, with_id ? ((struct slice){ j->payload_new,
	    j->payload_new_len }) : SLICE_LIT(""));
	put_log(a, j);
	r = script_call(q->redis->main, a, note_answered, q->sup);
	if (r == 0) {
		j->logged = j->logged || j->log_lines > 0;
		buf_reset(&j->log);
		j->log_lines = 0;
	}
	buf_fini(&keys);
	buf_fini(&text);
	buf_fini(&event);
	return (r);
}

void
settle_note(struct job *j, bool with_record, bool with_id)
{
	struct record_extra x = { .state = STATE_RUNNING,
		.attempt = job_attempt(j), .now = sup_wall(j->q->sup) };

	if (note(j, with_record ? &x : NULL, with_id) != 0 || !with_record)
		return;
	FAILPOINT_MARK(RUN_NOTED);
	j->noted = true;
	j->changed = false;
}

void
settle_note_waiting(struct job *j, const char *message)
{
	struct record_extra x = { .state = STATE_WAITING,
		.attempt = j->hist.attempts, .now = sup_wall(j->q->sup),
		.message = message };

	(void)note(j, &x, false);
}
