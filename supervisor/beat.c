/*
 * Heartbeat. The status object carries this run's mark; `beat` refuses to
 * overwrite another run's, so two daemons with one id find out at once. One
 * that is dead and ran on this very host is taken over without waiting; one
 * that is alive there may have been killed this very moment, so the first
 * heartbeat is tried again for a while before the start is given up; longer
 * where it ran in another container, whose processes we don't see.
 */
#include "config.h"

#include "supervisor/beat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/pid.h"
#include "base/xalloc.h"

#include "supervisor/lease.h"
#include "supervisor/script.h"
#include "supervisor/status.h"
#include "supervisor/sup.h"

#define DYING_TAKES (2 * DUR_S)
#define LOOK_EVERY (20 * DUR_MS)
#define LOOK_AFAR (250 * DUR_MS)
#define REDIAL_EVERY (2 * DUR_S)
#define LIFE_MIN (5 * DUR_S)    /* of the status; beats come every second */

/*
 * The process of another run with our id, by its status. HIDDEN: it names our
 * host, but a process of another container; its number tells us nothing.
 */
enum holder { HOLDER_GONE, HOLDER_HERE, HOLDER_HIDDEN, HOLDER_ELSEWHERE };

static enum holder
look_at_pid(const struct sup *sup, const json_t *status, pid_t pid)
{
	const char *space = json_string_value(json_object_get(status,
	    "pid_space"));

	if (pid <= 0)
		return (HOLDER_ELSEWHERE);
	/* an older version does not say */
	if (space != NULL && strcmp(space, sup->pid_space) != 0)
		return (HOLDER_HIDDEN);
	return (pid == getpid() || pid_life(pid) == PID_GONE ? HOLDER_GONE :
	    HOLDER_HERE);
}

static enum holder
look_at_holder(const struct sup *sup, const char *text, char *who, size_t size)
{
	json_t *o = json_loads(text, 0, NULL);
	const char *host = json_string_value(json_object_get(o, "host"));
	json_int_t pid = json_integer_value(json_object_get(o, "pid"));
	enum holder h = HOLDER_ELSEWHERE;
	char here[256] = "";

	(void)gethostname(here, sizeof(here) - 1);
	if (host != NULL && strcmp(host, here) == 0)
		h = look_at_pid(sup, o, (pid_t)pid);
	(void)snprintf(who, size, "pid %lld on host %s%s", (long long)pid,
	    host != NULL ? host : "?",
	    h == HOLDER_HIDDEN ? ", in another container" : "");
	json_decref(o);
	return (h);
}

/* While the status lives nobody else gets the id. */
static dur_t
life(const struct sup *sup)
{
	dur_t ttl = sup->conf->supervisor.lease_ttl;

	return (ttl > LIFE_MIN ? ttl : LIFE_MIN);
}

/*
 * True: it may be on its way out, and another heartbeat is on its way. A
 * hidden one gives itself away by a status that changes; that of a container
 * which was killed, and started again as us, only runs out.
 */
static bool
wait_for_end(struct sup *sup, enum holder h, const char *status)
{
	mono_t now = mono_now();
	bool hidden = h == HOLDER_HIDDEN;

	if (sup->beaten || h == HOLDER_ELSEWHERE)
		return (false);
	if (sup->beat_until == 0) {
		sup->beat_until = mono_add(now, hidden ? life(sup) +
		    DYING_TAKES : DYING_TAKES);
		sup->beat_found = xstrdup(status);
	}
	if (now >= sup->beat_until ||
	    (hidden && strcmp(status, sup->beat_found) != 0))
		return (false);
	sup->beat_again = mono_add(now, hidden ? LOOK_AFAR : LOOK_EVERY);
	sup_wake_at(sup, sup->beat_again);
	return (true);
}

static void
retry(void *priv, redisReply *r)
{
	beat_send(priv);
}

/*
 * The id is ours: what former runs of it left is ours too. At the start that
 * comes before any claim (the calls keep their order); it is repeated because
 * an answer may get lost, or a claim of a dead run arrive late.
 */
static void
accepted(struct sup *sup)
{
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (!q->closing)
			lease_reap(q);
}

static void
first_accepted(struct sup *sup)
{
	sup->beaten = true;
	log_info("main", "worker %s is ready: %u slot(s), containment %s",
	    sup->id, sup->nslots, contain_way_name(sup->way));
	if (sup->is_heir)
		heir_up(sup);
	else
		notify_ready(sup);
	sup_announce(sup, 0);
}

/* Another run's status is in our place. */
static void
refused(struct sup *sup, const char *status)
{
	char who[320];
	enum holder h = look_at_holder(sup, status, who, sizeof(who));

	if (h == HOLDER_GONE) {
		log_info("beat", "worker id %s was held by %s, which is gone: "
		    "taking it over", sup->id, who);
		(void)conn_cmd(sup->main, retry, sup, "DEL %s:worker:%s",
		    sup->conf->redis.prefix, sup->id);
		return;
	}
	if (wait_for_end(sup, h, status))
		return;
	log_err("beat", "worker id %s is held by another live daemon (%s)",
	    sup->id, who);
	sup->exit_code = EX_CANTCREAT;
	sup->pending.stop += 2;
}

/*
 * Redis answers, but takes nothing: full, read-only, without replicas. A
 * read-only one may be what a failover left behind, and its name or address
 * may lead to the new primary by now: dial again, now and then.
 */
static void
unwritable(struct sup *sup, const redisReply *r)
{
	mono_t now = mono_now();

	sup_redis_error(sup, "beat", sup->id, r);
	(void)snprintf(sup->redis_refuses, sizeof(sup->redis_refuses),
	    "Redis takes no writes: %s", r->type == REDIS_REPLY_ERROR ?
	    r->str : "an answer of another form than expected");
	sup->redis_refuses[strcspn(sup->redis_refuses, "\r\n")] = '\0';
	if (strstr(sup->redis_refuses, ": READONLY ") == NULL)
		return;
	if (now < sup->redial_at)
		return;
	sup->redial_at = mono_add(now, REDIAL_EVERY);
	conn_reset(sup->main, "it became read-only");
	conn_reset(sup->control, "it became read-only");
}

static void
answered(void *priv, redisReply *r)
{
	struct sup *sup = priv;

	if (r == NULL)
		return;
	if (r->type == REDIS_REPLY_INTEGER) {
		sup->redis_refuses[0] = '\0';
		sup_saw_redis(sup, r->integer, sup->beat_sent);
		accepted(sup);
		if (!sup->beaten)
			first_accepted(sup);
	} else if (r->type == REDIS_REPLY_STRING) {
		refused(sup, r->str);
	} else
		unwritable(sup, r);
}

static struct script_args *
build(struct sup *sup)
{
	struct script_args *a = script_begin(SCRIPT_BEAT);
	struct buf status, keys;
	char mark[40];
	size_t at;

	buf_init(&status, 16u << 20);
	buf_init(&keys, 4096);
	status_put(&status, sup);
	(void)buf_printf(&keys, "%s:workers", sup->conf->redis.prefix);
	(void)buf_putc(&keys, '\0');
	at = keys.len;
	(void)buf_printf(&keys, "%s:worker:%s", sup->conf->redis.prefix,
	    sup->id);
	(void)buf_putc(&keys, '\0');
	(void)snprintf(mark, sizeof(mark), "\"run\":\"%s\"", sup->run);
	script_key(a, keys.data);
	script_key(a, keys.data + at);
	script_arg_str(a, sup->id);
	script_arg(a, (struct slice){ status.data, status.len });
	script_arg_int(a, life(sup) / DUR_MS);
	script_arg_str(a, mark);
	buf_fini(&status);
	buf_fini(&keys);
	return (a);
}

/* Nobody asks there any more; the id stays ours as long as our jobs are. */
static void
answered_there(void *priv, redisReply *r)
{
}

void
beat_send(struct sup *sup)
{
	struct redis *r;

	if (sup->heir.waiting)
		return;         /* the id is not ours yet */
	sup->beat_again = MONO_NEVER;
	sup->beat_sent = mono_now();
	(void)script_call(sup->main, build(sup), answered, sup);
	TAILQ_FOREACH(r, &sup->left, link)
		if (r->ready && r->role == REDIS_LEFT)
			(void)script_call(r->main, build(sup), answered_there,
			    NULL);
}

void
beat_phase(struct sup *sup, mono_t now)
{
	if (sup->ready && now >= sup->beat_again)
		beat_send(sup);
}

void
beat_leave_of(struct sup *sup, struct redis *r)
{
	const char *prefix = sup->conf->redis.prefix;

	if (!r->ready || !sup->beaten)
		return;
	(void)conn_cmd(r->main, NULL, NULL, "ZREM %s:workers %s", prefix,
	    sup->id);
	(void)conn_cmd(r->main, NULL, NULL, "DEL %s:worker:%s", prefix,
	    sup->id);
}

void
beat_leave(struct sup *sup)
{
	struct redis *r;

	beat_leave_of(sup, sup->redis);
	TAILQ_FOREACH(r, &sup->left, link)
		if (r->role == REDIS_LEFT)
			beat_leave_of(sup, r);
}

bool
beat_held(const struct sup *sup, const char *status, char *who, size_t size)
{
	return (look_at_holder(sup, status, who, size) != HOLDER_GONE);
}
