/*
 * The rig's redis-server and what a producer does with it: push, look at
 * records, dead letters, leases, logs and events.
 */
#include "config.h"

#include "tests/rig/rig.h"

#include <sys/time.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig_impl.h"

/* Gives a connection, or NULL where nobody answers. */
static redisContext *
open_context(const struct rig *r)
{
	struct timeval tv = { .tv_sec = (time_t)rig_limit() };
	redisContext *c;

	c = redisConnectUnixWithTimeout(r->sock, tv);
	if (c != NULL && c->err == 0) {
		redisSetTimeout(c, tv);
		return (c);
	}
	if (c != NULL)
		redisFree(c);
	return (NULL);
}

static bool
answers(struct rig *r)
{
	redisContext *c = open_context(r);
	redisReply *reply;
	bool yes = false;

	if (c == NULL)
		return (false);
	/* While it loads its file it answers -LOADING. */
	if ((reply = redisCommand(c, "PING")) != NULL) {
		yes = reply->type == REDIS_REPLY_STATUS;
		freeReplyObject(reply);
	}
	redisFree(c);
	return (yes);
}

void
rig_redis_start(struct rig *r)
{
	const char *aof = r->flags & RIG_AOF ? "yes" : "no";
	const char *argv[] = { rig_path("REDIS_SERVER", "redis-server"),
	    "--port", "0", "--unixsocket", r->sock, "--save", "",
	    "--appendonly", aof, "--appendfsync", "always", "--dir", r->dir,
	    "--logfile", "", "--daemonize", "no", NULL };

	ck_assert_int_eq(r->redis, 0);
	r->redis = rig_spawn(r, argv, NULL, rig_fmt(r, "%s/redis.log",
	    r->dir));
	rig_until(r, answers(r));
}

static bool
redis_gone(struct rig *r)
{
	return (waitpid(r->redis, NULL, WNOHANG) == r->redis);
}

void
rig_redis_stop(struct rig *r)
{
	rig_kill(r->redis, SIGTERM);
	if (r->ctx != NULL)
		redisFree(r->ctx);
	if (r->sub != NULL)
		redisFree(r->sub);
	r->ctx = r->sub = NULL;
	rig_until(r, redis_gone(r));
	r->redis = 0;
}

pid_t
rig_redis_pid(const struct rig *r)
{
	return (r->redis);
}

static redisReply *
vcommand(struct rig *r, const char *fmt, va_list ap)
{
	redisReply *reply;

	if (r->ctx == NULL)
		r->ctx = open_context(r);
	ck_assert_msg(r->ctx != NULL, "could not connect to %s", r->sock);
	reply = redisvCommand(r->ctx, fmt, ap);
	ck_assert_msg(reply != NULL, "redis does not answer: %s",
	    r->ctx->errstr);
	ck_assert_msg(reply->type != REDIS_REPLY_ERROR, "redis says: %s",
	    reply->str);
	return (rig_keep_reply(r, reply));
}

redisReply *
rig_cmd(struct rig *r, const char *fmt, ...)
{
	redisReply *reply;
	va_list ap;

	va_start(ap, fmt);
	reply = vcommand(r, fmt, ap);
	va_end(ap);
	return (reply);
}

long long
rig_int(struct rig *r, const char *fmt, ...)
{
	redisReply *reply;
	va_list ap;

	va_start(ap, fmt);
	reply = vcommand(r, fmt, ap);
	va_end(ap);
	if (reply->type == REDIS_REPLY_STRING)
		return (strtoll(reply->str, NULL, 10));
	ck_assert_int_eq(reply->type, REDIS_REPLY_INTEGER);
	return (reply->integer);
}

const char *
rig_str(struct rig *r, const char *fmt, ...)
{
	redisReply *reply;
	va_list ap;

	va_start(ap, fmt);
	reply = vcommand(r, fmt, ap);
	va_end(ap);
	return (reply->str != NULL ? reply->str : "");
}

void
rig_push(struct rig *r, const char *queue, const char *job)
{
	rig_cmd(r, "LPUSH %s %s", queue, job);
}

void
rig_pushf(struct rig *r, const char *queue, const char *fmt, ...)
{
	char *job;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&job, fmt, ap), 0);
	va_end(ap);
	rig_cmd(r, "LPUSH %s %s", queue, job);
	free(job);
}

void
rig_push_bytes(struct rig *r, const char *queue, const void *p, size_t n)
{
	rig_cmd(r, "LPUSH %s %b", queue, p, n);
}

static json_t *
parse(struct rig *r, const redisReply *reply)
{
	json_error_t err;
	json_t *j;

	if (reply->type == REDIS_REPLY_NIL)
		return (NULL);
	j = json_loadb(reply->str, (size_t)reply->len, JSON_DECODE_ANY, &err);
	ck_assert_msg(j != NULL, "not JSON (%s): %.300s", err.text,
	    reply->str);
	return (rig_keep_json(r, j));
}

json_t *
rig_record(struct rig *r, const char *queue, const char *id)
{
	return (parse(r, rig_cmd(r, "GET {%s}:job:%s", queue, id)));
}

static bool
is_final(const char *state)
{
	return (strcmp(state, "done") == 0 || strcmp(state, "failed") == 0 ||
	    strcmp(state, "cancelled") == 0 || strcmp(state, "expired") == 0);
}

/* Gives the record once it has the state; NULL: not yet. */
static json_t *
has_state(struct rig *r, const char *queue, const char *id, const char *state)
{
	json_t *rec = rig_record(r, queue, id);
	const char *now = js_str(rec, "state");

	if (strcmp(now, state) == 0)
		return (rec);
	ck_assert_msg(!is_final(now), "job %s is %s instead of %s: %s", id,
	    now, state, rig_keep_text(r, json_dumps(rec, 0)));
	return (NULL);
}

json_t *
rig_wait_record(struct rig *r, const char *queue, const char *id,
    const char *state)
{
	struct rig_wait w;
	json_t *rec;
	/* what was lent to us is gone after RIG_KEEP looks */
	char *q = strdup(queue), *i = strdup(id), *what = NULL;

	ck_assert_ptr_nonnull(q);
	ck_assert_ptr_nonnull(i);
	ck_assert_int_gt(asprintf(&what, "job %s to be %s", i, state), 0);
	rig_wait_begin(&w, rig_limit());
	while ((rec = has_state(r, q, i, state)) == NULL)
		rig_wait_step(r, &w, what, __FILE__, __LINE__);
	free(q);
	free(i);
	free(what);
	return (rec);
}

json_t *
rig_dead(struct rig *r, const char *queue, int i)
{
	return (parse(r, rig_cmd(r, "LINDEX {%s}:dead %d", queue, i)));
}

long long
rig_leased(struct rig *r)
{
	redisReply *keys = rig_cmd(r, "KEYS {*}:leased:*");
	long long n = 0;
	size_t i;

	for (i = 0; i < keys->elements; i++)
		n += rig_int(r, "HLEN %s", keys->element[i]->str);
	return (n);
}

long long
rig_stat(struct rig *r, const char *queue, const char *name)
{
	return (strtoll(rig_str(r, "HGET {%s}:stats %s", queue, name), NULL,
	    10));
}

const char *
rig_log(struct rig *r, const char *queue, const char *id)
{
	redisReply *all = rig_cmd(r, "XRANGE {%s}:log:%s - +", queue, id);
	redisReply *fields;
	char *text;
	size_t i, k, n;
	FILE *f;

	ck_assert_ptr_nonnull(f = open_memstream(&text, &n));
	for (i = 0; i < all->elements; i++) {
		fields = all->element[i]->element[1];
		for (k = 1; k < fields->elements; k += 2)
			fprintf(f, "%s ", fields->element[k]->str);
		fputc('\n', f);
	}
	ck_assert_int_eq(fclose(f), 0);
	return (rig_keep_text(r, text));
}

void
rig_subscribe(struct rig *r, const char *channel)
{
	redisReply *reply;

	ck_assert_ptr_null(r->sub);
	ck_assert_ptr_nonnull(r->sub = open_context(r));
	reply = redisCommand(r->sub, "SUBSCRIBE %s", channel);
	ck_assert_ptr_nonnull(reply);
	freeReplyObject(reply);
}

json_t *
rig_event(struct rig *r)
{
	void *got = NULL;
	redisReply *reply;

	ck_assert_msg(redisGetReply(r->sub, &got) == REDIS_OK,
	    "no event came: %s", r->sub->errstr);
	reply = rig_keep_reply(r, got);
	ck_assert_uint_eq(reply->elements, 3);
	return (parse(r, reply->element[2]));
}
