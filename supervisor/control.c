/* Orders from outside. See control.h; the table `ops` is the list. */
#include "config.h"

#include "supervisor/control.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/log.h"
#include "base/obj.h"

#include "supervisor/beat.h"
#include "supervisor/cancel.h"
#include "supervisor/conn.h"
#include "supervisor/credit.h"
#include "supervisor/stop.h"
#include "supervisor/sup.h"

bool
control_cancel(struct sup *sup, const char *id)
{
	return (cancel_here(sup, id));
}

static void
op_cancel(struct sup *sup, json_t *o)
{
	const char *id = json_string_value(json_object_get(o, "id"));

	if (id != NULL)
		(void)cancel_begin(sup, id);
}

static void
op_drain(struct sup *sup, json_t *o)
{
	stop_drain(sup);
	beat_send(sup);
}

static void
op_resume(struct sup *sup, json_t *o)
{
	stop_resume(sup);
	beat_send(sup);
}

static void
op_reload(struct sup *sup, json_t *o)
{
	sup->pending.reload = true;
}

/* A fresh status object is the answer. */
static void
op_ping(struct sup *sup, json_t *o)
{
	beat_send(sup);
}

static void
op_upgrade(struct sup *sup, json_t *o)
{
	sup->pending.upgrade = true;
}

/* always: also for a process that is not the daemon, but has jobs. */
static const struct {
	const char *name;
	void (*func)(struct sup *, json_t *);
	bool always;
} ops[] = {
	{ "cancel", op_cancel, true },
	{ "drain", op_drain, false },
	{ "resume", op_resume, false },
	{ "reload", op_reload, false },
	{ "upgrade", op_upgrade, false },
	{ "ping", op_ping, true },
};

static void
message(void *priv, redisReply *r)
{
	static struct log_limit limit = LOG_LIMIT(5, 10 * DUR_S);
	struct sup *sup = priv;
	const char *name;
	json_t *o;
	size_t i;

	if (r == NULL || r->type != REDIS_REPLY_ARRAY || r->elements < 3 ||
	    strcmp(r->element[0]->str, "message") != 0)
		return;
	o = json_loadb(r->element[2]->str, r->element[2]->len, 0, NULL);
	name = json_string_value(json_object_get(o, "op"));
	for (i = 0; name != NULL && i < NELEM(ops); i++)
		if (strcmp(name, ops[i].name) == 0) {
			if (ops[i].always || (!upgrade_leaving(sup) &&
			    !sup->heir.waiting))
				ops[i].func(sup, o);
			break;
		}
	if ((name == NULL || i == NELEM(ops)) && log_limit(&limit))
		log_warn("control", "channel=%s message is no order of ours",
		    r->element[1]->str);
	json_decref(o);
}

void
control_subscribe(struct sup *sup, struct conn *c)
{
	char all[256], own[512];
	const char *channels[2] = { all, own };

	(void)snprintf(all, sizeof(all), "%s:control", sup->conf->redis.prefix);
	(void)snprintf(own, sizeof(own), "%s:control:%s",
	    sup->conf->redis.prefix, sup->id);
	(void)conn_subscribe(c, message, sup, 2, channels);
}
