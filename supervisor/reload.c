/*
 * Reload: read, check, compare, swap. The new configuration is complete and
 * all that can fail has been tried before anything changes; then slots, pools
 * and queues follow it (reshape.c), each after the job it has. What only a
 * restart can change is named in the outcome and stays as it is. Where it
 * leads to another Redis the reload waits for that one, while all goes on as
 * before; HUPs that come meanwhile make one more reload.
 */
#include "config.h"

#include "supervisor/reload.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "conf/diff.h"
#include "conf/keep.h"

#include "supervisor/beat.h"
#include "supervisor/http.h"
#include "supervisor/job.h"
#include "supervisor/notify.h"
#include "supervisor/pace.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/reshape.h"
#include "supervisor/schedule.h"
#include "supervisor/sup.h"

#define TEXT_MAX_LEN 4096       /* of an outcome, in log and status */
#define WHY_MAX_LEN (1u << 20)  /* of all that is wrong */

extern char **environ;

struct reload {
	struct sup *sup;
	struct conf *c;           /* owns until the swap */
	struct shape shape;
	int http;                 /* the new address, bound; -1: none */
	unsigned changes;
	bool handlers;            /* some handler changed, came or went */
};

void
reload_limits(struct sup *sup)
{
	const struct conf_supervisor *c = &sup->conf->supervisor;

	sup->limits = (struct slot_limits){
		.load_timeout = c->load_timeout,
		.kill_grace = c->kill_grace,
		.release_timeout = c->release_timeout,
		.backoff_min = 200 * DUR_MS,
		.backoff_max = 30 * DUR_S,
		.quit_grace = 2 * DUR_S,
		.early_max = 8,
		.retry_failing = 5 * 60 * DUR_S,
	};
}

/* ---- the outcome ---- */

/* One line of the log per line of the text. */
static void
log_lines(const char *text)
{
	size_t n;

	for (; *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		log_err("reload", "configuration not changed: %.*s", (int)n,
		    text);
	}
}

static void
say(struct sup *sup, bool ok, const char *text)
{
	wall_t now = sup_wall(sup);
	size_t n = strlen(text);

	while (n > 0 && text[n - 1] == '\n')
		n--;
	sup->reload_ok = ok;
	sup->reload_count++;
	/* whoever waits for the outcome sees the time change */
	sup->reload_at = now > sup->reload_at ? now : sup->reload_at + 1;
	free(sup->reload_text);
	sup->reload_text = xstrndup(text, n < TEXT_MAX_LEN ? n : TEXT_MAX_LEN);
	sup->stat.n[ok ? STAT_RELOADS : STAT_RELOADS_FAILED]++;
	if (ok)
		log_info("reload", "%s", sup->reload_text);
	else
		log_lines(sup->reload_text);
}

/* ---- what changes ---- */

/* Keys that only matter through the slots they make: the plan tells. */
static const struct {
	enum conf_section section;
	const char *key;
} planned[] = {
	{ CONF_S_supervisor, "max_concurrent_jobs" },
	{ CONF_S_supervisor, "use_gpu" },
	{ CONF_S_supervisor, "gpu_device" },
	{ CONF_S_supervisor, "housekeeping_cpus" },
	{ CONF_S_pool, "slots" },
	{ CONF_S_pool, "cpus" },
	{ CONF_S_pool, "devices" },
	{ CONF_S_pool, "slots_per_device" },
	{ CONF_S_pool, "devices_per_slot" },
};

static bool
is_planned(const struct conf_change *ch)
{
	size_t i;

	for (i = 0; i < NELEM(planned); i++)
		if (planned[i].section == ch->section &&
		    strcmp(planned[i].key, ch->key) == 0)
			return (true);
	return (false);
}

/* Whether the children of the pool know of it. */
static bool
concerns(const struct conf_pool *p, const struct conf_change *ch)
{
	char *const *h;

	if (ch->section == CONF_S_pool)
		return (strcmp(p->name, ch->name) == 0);
	if (ch->section != CONF_S_handler || p->handlers[0] == NULL)
		return (true);
	for (h = p->handlers; *h != NULL; h++)
		if (strcmp(*h, ch->name) == 0)
			return (true);
	return (false);
}

static void
see_change(void *priv, const struct conf_change *ch)
{
	struct reload *r = priv;
	unsigned i;

	r->changes++;
	log_info("reload", "section=%s%s%s key=%s class=%s from=\"%s\" to=\"%s\"",
	    ch->section_name, ch->name[0] != '\0' ? " name=" : "", ch->name,
	    ch->key != NULL ? ch->key : ch->from == NULL ? "(came)" : "(went)",
	    conf_class_name(ch->class),
	    ch->from != NULL ? ch->from : "", ch->to != NULL ? ch->to : "");
	if (ch->class != CONF_RESPAWN)
		return;
	if (ch->section == CONF_S_handler)
		r->handlers = true;
	/* a pool that comes or goes, comes and goes with all its slots */
	if (ch->key == NULL ? ch->section == CONF_S_pool : is_planned(ch))
		return;
	for (i = 0; i < r->c->npools; i++)
		if (concerns(&r->c->pools[i], ch))
			r->shape.touched[i] = true;
}

/* ---- the swap ---- */

/* A job that runs, or a child that was told of it, knows the handler by its
 * number. */
static bool
in_use(void *priv, unsigned handler)
{
	const struct sup *sup = priv;
	const struct proc *p;
	const struct queue *q;
	const struct job *j;
	unsigned i, k;

	TAILQ_FOREACH(q, &sup->queues, link)
		TAILQ_FOREACH(j, &q->jobs, link)
			if (j->handler == handler && j->stage >= STAGE_CHECKING)
				return (true);
	for (i = 0; i < sup->nslots; i++) {
		if ((p = sup->slots[i]) == NULL)
			continue;
		for (k = 0; k < p->ncredits; k++)
			if (p->credits[k].handler == handler)
				return (true);
	}
	return (false);
}

/* What was measured of a handler holds as long as no handler changes. */
static void
renew_pace(struct sup *sup, bool forget)
{
	unsigned n = sup->conf->nhandlers;

	sup->pace = xrealloc(sup->pace, (n + 1) * sizeof(*sup->pace));
	if (forget)
		memset(sup->pace, 0, (n + 1) * sizeof(*sup->pace));
}

static void
swap(struct reload *r)
{
	struct sup *sup = r->sup;

	conf_adopt(r->c, sup->conf, in_use, sup);
	if (sup->conf != sup->boot_conf)
		conf_free(&sup->conf);
	sup->conf = r->c;
	r->c = NULL;
	reload_limits(sup);
	if (sup->trial != NULL)
		redis_take(sup, &sup->trial);
	sup->redis->opts.connect_timeout = sup->conf->redis.connect_timeout;
	sup->redis->opts.command_timeout = sup->conf->redis.command_timeout;
	http_move(sup, &sup->conf->http, &r->http);
	renew_pace(sup, r->handlers);
	reshape_apply(sup, &r->shape);
	schedule_open(sup);
	FAILPOINT(RELOAD_SWAPPED);
}

static void
say_taken(struct reload *r)
{
	const struct sup *sup = r->sup;
	struct buf b;

	buf_init(&b, TEXT_MAX_LEN);
	(void)buf_printf(&b, "taken over, %u change(s)", r->changes);
	if (sup->conf->nheld > 0) {
		(void)buf_puts(&b, "; needs a restart: ");
		conf_put_held(sup->conf, &b);
	}
	say(r->sup, true, buf_cstr(&b));
	buf_fini(&b);
}

/* The address of HTTP is taken before the old one is left. */
static int
prepare_http(struct reload *r, struct buf *why)
{
	const struct conf_http *h = &r->c->http;

	if (http_bind(r->sup, h, &r->http) == 0)
		return (0);
	conf_put_place(r->c, "http", "listen", why);
	(void)buf_printf(why, "listen: cannot listen on %s: %s\n", h->listen,
	    strerror(errno));
	return (-ERR_CONFIG);
}

/* Last of all: from here on lines go to the new target. */
static int
prepare_log(struct reload *r, struct buf *why)
{
	const struct conf_log *now = &r->sup->conf->log, *l = &r->c->log;
	const char *target = r->sup->no_stderr &&
	    strcmp(l->target, "stderr") == 0 ? "syslog" : l->target;

	if (strcmp(now->target, l->target) == 0 && now->format == l->format) {
		log_set_level((enum log_level)l->level);
		return (0);
	}
	if (log_open("gangerd", target, (enum log_format)l->format,
	    (enum log_level)l->level) == 0)
		return (0);
	conf_put_place(r->c, "log", "target", why);
	(void)buf_printf(why, "target: cannot open the log %s: %s\n",
	    target, strerror(errno));
	return (-ERR_CONFIG);
}

/* ---- another Redis ---- */

/* Nothing of ours would be lost with the connection. */
static bool
holds_nothing(const struct sup *sup)
{
	const struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		if (!queue_idle(q))
			return (false);
	return (true);
}

static int
refuse_redis(const struct reload *r, struct buf *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
refuse_redis(const struct reload *r, struct buf *why, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf_put_place(r->c, "redis", "url", why);
	(void)buf_printf(why, "url: %s\n", text);
	return (-ERR_CONFIG);
}

/* Connects to it if it is another one; the reload waits for that. */
static int
begin_redis(struct reload *r, struct buf *why)
{
	struct sup *sup = r->sup;

	if (redis_is(sup->redis, &r->c->redis))
		return (0);
	if (redis_leaving(sup) != NULL)
		return (refuse_redis(r, why, "%s is still being left: jobs "
		    "that were claimed there run to their end first",
		    redis_leaving(sup)->shown));
	sup->trial = redis_try(sup, &r->c->redis);
	return (0);
}

static int
judge_redis(struct reload *r, struct buf *why)
{
	struct sup *sup = r->sup;

	if (sup->trial == NULL)
		return (0);
	if (!sup->trial->good)
		return (refuse_redis(r, why, "cannot use %s: %s",
		    sup->trial->shown, sup->trial->why));
	if (!sup->trial->same && !sup->ready && !holds_nothing(sup))
		return (refuse_redis(r, why, "%s does not answer, and %u "
		    "job(s) of it are held that could only be committed there",
		    sup->redis->shown, sup->njobs));
	return (0);
}

/* Everything that can fail but Redis; the text says why. */
static int
prepare(struct reload *r, struct buf *why)
{
	struct sup *sup = r->sup;
	struct conf_problems problems;
	int e;

	if (sup->mode == MODE_STOPPING) {
		(void)buf_puts(why, "the worker is stopping");
		return (-1);
	}
	conf_problems_init(&problems);
	e = conf_reload(sup->conf_path, sup->pidfile_arg, environ,
	    sup->conf, &r->c, &problems);
	if (e == 0 && schedule_check(r->c, &problems.text) > 0)
		e = -1;
	(void)buf_puts(why, buf_cstr(&problems.text));
	conf_problems_fini(&problems);
	if (e == 0 && (e = reshape_plan(sup, r->c, &r->shape, why)) == 0) {
		FAILPOINT(RELOAD_READ);
		e = begin_redis(r, why);
	}
	return (e);
}

static void
reload_free(struct reload **rp)
{
	struct reload *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	fd_close(&r->http);
	redis_free(&r->sup->trial);
	conf_free(&r->c);
	reshape_fini(&r->shape);
	free(r);
}

void
reload_drop(struct sup *sup)
{
	reload_free(&sup->reload);
}

/* All is there: the rest takes no time, and is done or refused as a whole. */
static void
complete(struct sup *sup, int e, struct buf *why)
{
	struct reload *r = sup->reload;

	if (e == 0 && (e = judge_redis(r, why)) == 0 &&
	    (e = prepare_http(r, why)) == 0)
		e = prepare_log(r, why);
	if (e != 0)
		say(sup, false, buf_cstr(why));
	else {
		(void)conf_diff(sup->conf, r->c, see_change, r);
		swap(r);
		say_taken(r);
	}
	reload_free(&sup->reload);
	notify_ready(sup);
	if (sup->ready)
		beat_send(sup);
}

static void
begin(struct sup *sup)
{
	struct reload *r = xcalloc(1, sizeof(*r));
	struct buf why;
	int e;

	notify_reloading(sup);
	r->sup = sup;
	r->http = -1;
	sup->reload = r;
	buf_init(&why, WHY_MAX_LEN);
	e = prepare(r, &why);
	if (e != 0 || sup->trial == NULL)
		complete(sup, e, &why);
	buf_fini(&why);
}

void
reload_phase(struct sup *sup)
{
	struct buf why;

	if (sup->reload == NULL) {
		/* the next process reads the file as it is then */
		if (!sup->pending.reload || sup->heir.waiting ||
		    sup->upgrade.state != UPGRADE_NONE)
			return;
		sup->pending.reload = false;
		begin(sup);
	} else if (redis_judged(sup->trial)) {
		FAILPOINT(RELOAD_TRIED);
		buf_init(&why, WHY_MAX_LEN);
		complete(sup, 0, &why);
		buf_fini(&why);
	}
}
