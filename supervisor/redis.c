/*
 * The supervisor's connections to Redis: `main` for all scripts, `control`
 * for orders. What follows when they come and go is decided here.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/beat.h"
#include "supervisor/bell.h"
#include "supervisor/control.h"
#include "supervisor/intake.h"
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

static void
scripts_loaded(void *priv, redisReply *r)
{
	struct sup *sup = priv;
	struct queue *q;
	const char *why;

	if (r == NULL)
		return;
	if (conn_failed(r, &why)) {
		sup_redis_error(sup, "load", "", r);
		conn_reset(sup->main, why);
		return;
	}
	sup->ready = true;
	sup->redis_seen = mono_now();
	TAILQ_FOREACH(q, &sup->queues, link) {
		q->waiting = true;
		q->promoting = q->sifting = q->renewing = false;
		intake_recover(q);
	}
	beat_send(sup);
}

/* Before the first success a failure ends the start: exit 69. */
static void
main_state(void *priv, struct conn *c, const char *why)
{
	struct sup *sup = priv;

	if (why == NULL) {
		(void)script_load_all(c, scripts_loaded, sup);
		return;
	}
	if (sup->ready)
		sup->stat.n[STAT_REDIS_LOST]++;
	sup->ready = false;
	free(sup->redis_why);
	sup->redis_why = xstrdup(why);
	if (sup->beaten || strncmp(why, "LOADING", 7) == 0)
		return;
	log_err("redis", "cannot use Redis: %s", why);
	sup->exit_code = EX_UNAVAILABLE;
	sup->pending.stop += 2;
}

static void
control_state(void *priv, struct conn *c, const char *why)
{
	if (why == NULL)
		control_subscribe(priv);
}

void
sup_connect(struct sup *sup)
{
	const struct conf_redis *r = &sup->conf->redis;

	sup->conn_name = str_fmt("gangerd:%s", sup->id);
	sup->conn_opts = (struct conn_opts){ .host = r->addr.host,
		.port = r->addr.port, .path = r->addr.path,
		.db = (int)r->addr.db, .username = r->addr.username,
		.password = r->addr.password, .name = sup->conn_name,
		.connect_timeout = r->connect_timeout,
		.command_timeout = r->command_timeout };
	sup->group = conn_group_new(sup->base, &sup->conn_opts);
	sup->main = conn_open(sup->group, "main", main_state, sup);
	sup->control = conn_open(sup->group, "control", control_state, sup);
}

void
sup_disconnect_links(struct sup *sup)
{
	if (sup->control != NULL)
		conn_close(&sup->control);
	if (sup->main != NULL)
		conn_close(&sup->main);
}

void
sup_disconnect(struct sup *sup)
{
	conn_group_free(&sup->group);
	free(sup->conn_name);
	free(sup->redis_why);
	sup->conn_name = sup->redis_why = NULL;
}
