/*
 * The supervisor's connections to Redis. What follows when they come and go,
 * and when a reload leads to another Redis, is decided here.
 */
#include "config.h"

#include "supervisor/redis.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/beat.h"
#include "supervisor/bell.h"
#include "supervisor/control.h"
#include "supervisor/http.h"
#include "supervisor/intake.h"
#include "supervisor/queue.h"
#include "supervisor/script.h"
#include "supervisor/sup.h"

wall_t
sup_wall(const struct sup *sup)
{
	return (sup->skew_known ? mono_now() / DUR_MS + sup->redis_skew :
	    wall_now());
}

void
sup_saw_redis(struct sup *sup, long long redis_ms, mono_t sent)
{
	mono_t now = mono_now();

	sup->redis_seen = now;
	/* Redis read its clock somewhere between sent and now. */
	sup->redis_skew = redis_ms - (sent / 2 + now / 2) / DUR_MS;
	sup->skew_known = true;
}

void
queue_saw_redis(const struct queue *q, long long redis_ms, mono_t sent)
{
	/* the clock of one that we leave counts no more */
	if (q->redis->role == REDIS_OURS)
		sup_saw_redis(q->sup, redis_ms, sent);
}

void
sup_redis_error(struct sup *sup, const char *what, const char *key,
    const redisReply *r)
{
	static struct log_limit limit = LOG_LIMIT(5, 5 * DUR_S);

	sup->stat.n[STAT_REDIS_ERRORS]++;
	if (log_limit(&limit))
		log_warn("redis", "script=%s key=%s err=\"%s\"", what, key,
		    r == NULL ? "no answer" : r->type == REDIS_REPLY_ERROR ?
		    r->str : "an answer of another form than expected");
}

/* ---- a trial ---- */

static void
judge(struct redis *r, bool good, const char *why)
{
	if (r->judged)
		return;
	r->judged = true;
	r->good = good;
	if (why != NULL) {
		free(r->why);
		r->why = xstrdup(why);
	}
	r->sup->pending.again = true;   /* the reload goes on this turn */
}

/* Who has our id there: nobody, this very run, or another daemon. */
static void
holder_answered(void *priv, redisReply *reply)
{
	struct redis *r = priv;
	char mark[40], who[320], why[400];

	if (reply == NULL)
		return;                 /* main_state says why */
	(void)snprintf(mark, sizeof(mark), "\"run\":\"%s\"", r->sup->run);
	if (reply->type == REDIS_REPLY_ERROR)
		judge(r, false, reply->str);
	else if (reply->type != REDIS_REPLY_STRING)
		judge(r, true, NULL);
	else if (strstr(reply->str, mark) != NULL) {
		r->same = true;
		judge(r, true, NULL);
	} else if (beat_held(r->sup, reply->str, who, sizeof(who))) {
		(void)snprintf(why, sizeof(why), "worker id %s is held there "
		    "by another live daemon (%s)", r->sup->id, who);
		judge(r, false, why);
	} else
		judge(r, true, NULL);
}

static void
look_for_holder(struct redis *r)
{
	if (conn_cmd(r->main, holder_answered, r, "GET %s:worker:%s",
	    r->sup->conf->redis.prefix, r->sup->id) != 0)
		judge(r, false, "connection lost");
}

/* ---- states of the connections ---- */

static void
became_ready(struct redis *r)
{
	struct sup *sup = r->sup;
	struct queue *q;

	r->ready = true;
	if (r->role == REDIS_OURS)
		upgrade_reconnected(sup);
	TAILQ_FOREACH(q, &sup->queues, link) {
		if (q->redis != r)
			continue;
		q->waiting = !q->closing;
		q->promoting = q->sifting = q->renewing = false;
		intake_recover(q);
	}
	if (r->role != REDIS_OURS)
		return;
	sup->ready = true;
	sup->redis_seen = mono_now();
	if (sup->heir.waiting)
		heir_prepared(sup);
	beat_send(sup);
}

static void
scripts_loaded(void *priv, redisReply *reply)
{
	struct redis *r = priv;
	const char *why;

	if (reply == NULL)
		return;
	if (conn_failed(reply, &why)) {
		sup_redis_error(r->sup, "load", "", reply);
		conn_reset(r->main, why);
		return;
	}
	if (r->role == REDIS_TRIED)
		look_for_holder(r);
	else
		became_ready(r);
}

/* Before the first success a failure ends the start: exit 69. */
static void
lost(struct redis *r, const char *why)
{
	struct sup *sup = r->sup;

	if (r->role != REDIS_OURS)
		return;
	if (sup->ready)
		sup->stat.n[STAT_REDIS_LOST]++;
	sup->ready = false;
	if (sup->beaten || strncmp(why, "LOADING", 7) == 0)
		return;
	log_err("redis", "cannot use Redis: %s", why);
	sup->exit_code = EX_UNAVAILABLE;
	sup->pending.stop += 2;
}

static void
main_state(void *priv, struct conn *c, const char *why)
{
	struct redis *r = priv;

	OBJ_CHECK(r, REDIS_MAGIC);
	if (why == NULL) {
		(void)script_load_all(c, scripts_loaded, r);
		return;
	}
	r->ready = false;
	if (r->role == REDIS_TRIED) {
		judge(r, false, why);
		return;
	}
	free(r->why);
	r->why = xstrdup(why);
	lost(r, why);
}

static void
control_state(void *priv, struct conn *c, const char *why)
{
	struct redis *r = priv;

	if (why == NULL)
		control_subscribe(r->sup, c);
}

/* ---- life ---- */

static char *
copy(const char *text)
{
	return (text == NULL ? NULL : xstrdup(text));
}

static struct redis *
redis_new(struct sup *sup, const struct conf_redis *c, enum redis_role role)
{
	struct redis *r = xcalloc(1, sizeof(*r));

	r->magic = REDIS_MAGIC;
	r->sup = sup;
	r->role = role;
	r->shown = redis_url_text(&c->addr, false);
	r->opts = (struct conn_opts){ .host = copy(c->addr.host),
		.port = c->addr.port, .path = copy(c->addr.path),
		.db = (int)c->addr.db, .username = copy(c->addr.username),
		.password = copy(c->addr.password),
		.name = str_fmt("gangerd:%s", sup->id),
		.connect_timeout = c->connect_timeout,
		.command_timeout = c->command_timeout };
	r->group = conn_group_new(sup->base, &r->opts);
	r->main = conn_open(r->group, role == REDIS_TRIED ? "trial" : "main",
	    main_state, r);
	return (r);
}

static void
close_links(struct redis *r)
{
	if (r->control != NULL)
		conn_close(&r->control);
	if (r->main != NULL)
		conn_close(&r->main);
}

void
redis_free(struct redis **rp)
{
	struct redis *r = *rp;

	if (r == NULL)
		return;
	OBJ_CHECK(r, REDIS_MAGIC);
	*rp = NULL;
	close_links(r);
	conn_group_free(&r->group);
	free((char *)(uintptr_t)r->opts.host);
	free((char *)(uintptr_t)r->opts.path);
	free((char *)(uintptr_t)r->opts.username);
	if (r->opts.password != NULL)
		explicit_bzero((char *)(uintptr_t)r->opts.password,
		    strlen(r->opts.password));
	free((char *)(uintptr_t)r->opts.password);
	free((char *)(uintptr_t)r->opts.name);
	free(r->shown);
	free(r->why);
	r->magic = 0;
	free(r);
}

/* The one that the daemon works with from now on. */
static void
make_ours(struct sup *sup, struct redis *r)
{
	r->role = REDIS_OURS;
	sup->redis = r;
	sup->group = r->group;
	sup->main = r->main;
	conn_rename(r->main, "main");
	r->control = conn_open(r->group, "control", control_state, r);
	sup->control = r->control;
}

void
sup_connect(struct sup *sup)
{
	make_ours(sup, redis_new(sup, &sup->conf->redis, REDIS_OURS));
}

void
sup_flush(struct sup *sup)
{
	struct redis *r;

	conn_flush_all(sup->group);
	TAILQ_FOREACH(r, &sup->left, link)
		conn_flush_all(r->group);
	if (sup->trial != NULL)
		conn_flush_all(sup->trial->group);
}

void
sup_disconnect_links(struct sup *sup)
{
	struct redis *r;

	redis_free(&sup->trial);
	TAILQ_FOREACH(r, &sup->left, link)
		close_links(r);
	close_links(sup->redis);
	sup->main = sup->control = NULL;
}

void
sup_disconnect(struct sup *sup)
{
	struct redis *r;

	while ((r = TAILQ_FIRST(&sup->left)) != NULL) {
		TAILQ_REMOVE(&sup->left, r, link);
		redis_free(&r);
	}
	redis_free(&sup->redis);
	sup->group = NULL;
}

/* ---- to another Redis ---- */

static bool
same_text(const char *a, const char *b)
{
	return (a == NULL || b == NULL ? a == b : strcmp(a, b) == 0);
}

bool
redis_is(const struct redis *r, const struct conf_redis *c)
{
	const struct conn_opts *o = &r->opts;

	return (same_text(o->host, c->addr.host) &&
	    (o->host == NULL || o->port == c->addr.port) &&
	    same_text(o->path, c->addr.path) && o->db == (int)c->addr.db &&
	    same_text(o->username, c->addr.username) &&
	    same_text(o->password, c->addr.password));
}

struct redis *
redis_try(struct sup *sup, const struct conf_redis *c)
{
	struct redis *r = redis_new(sup, c, REDIS_TRIED);

	r->give_up = mono_add(mono_now(), c->connect_timeout +
	    2 * c->command_timeout);
	sup_wake_at(sup, r->give_up);
	return (r);
}

bool
redis_judged(struct redis *r)
{
	if (!r->judged && mono_now() >= r->give_up)
		judge(r, false, "no answer in time");
	if (!r->judged)
		sup_wake_at(r->sup, r->give_up);
	return (r->judged);
}

/*
 * The queues go on with the new connections. The old ones stay until all that
 * was asked there is answered: were they closed with a claim on its way, it
 * might run after we had asked what became of it.
 */
static void
go_on_with(struct sup *sup, struct redis *old)
{
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->redis == old)
			queue_move(q, sup->redis);
	old->role = REDIS_CLOSING;
	TAILQ_INSERT_TAIL(&sup->left, old, link);
	sup->parting = true;
}

static void
begin_to_leave(struct sup *sup, struct redis *old)
{
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		queue_close(q);
	old->role = REDIS_LEFT;
	TAILQ_INSERT_TAIL(&sup->left, old, link);
	sup->parting = true;
	log_info("redis", "leaving %s: %u job(s) claimed there end there",
	    old->shown, sup->njobs);
}

void
redis_take(struct sup *sup, struct redis **rp)
{
	struct redis *old = sup->redis, *r = *rp;

	OBJ_CHECK(r, REDIS_MAGIC);
	ASSERT(r->judged && r->good);
	*rp = NULL;
	log_info("redis", "from %s to %s%s", old->shown, r->shown,
	    r->same ? ", which is the same" : "");
	sup->ready = false;
	http_new_redis(sup);    /* it has a connection of the old one */
	make_ours(sup, r);
	if (r->same)
		go_on_with(sup, old);
	else
		begin_to_leave(sup, old);
	if (conn_state(r->main) == CONN_READY)
		became_ready(r);
	FAILPOINT(RELOAD_MOVED);
}

const struct redis *
redis_leaving(const struct sup *sup)
{
	const struct redis *r;

	TAILQ_FOREACH(r, &sup->left, link)
		if (r->role == REDIS_LEFT)
			break;
	return (r);
}

static bool
is_needed(const struct sup *sup, const struct redis *r)
{
	const struct queue *q;

	if (r->role == REDIS_CLOSING)
		return (conn_pending(r->main) > 0);
	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->redis == r)
			return (true);
	return (false);
}

/* Claims whose answers were lost with it after all. */
static void
recover_claims(struct sup *sup)
{
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (q->redis == sup->redis && sup->ready)
			intake_recover(q);
}

static void
leave(struct sup *sup, struct redis *r)
{
	TAILQ_REMOVE(&sup->left, r, link);
	if (r->role == REDIS_CLOSING)
		recover_claims(sup);
	else {
		log_info("redis", "%s is left", r->shown);
		FAILPOINT(RELOAD_LEFT);
		beat_leave_of(sup, r);
		conn_flush_all(r->group);
	}
	redis_free(&r);
}

void
redis_leave_phase(struct sup *sup)
{
	struct redis *r, *next;

	for (r = TAILQ_FIRST(&sup->left); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		if (is_needed(sup, r))
			sup->parting = true;
		else
			leave(sup, r);
	}
}
