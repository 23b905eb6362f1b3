/* The status object. See status.h. */
#include "config.h"

#include "supervisor/status.h"

#include <string.h>
#include <unistd.h>

#include "base/jsonw.h"
#include "base/obj.h"

#include "supervisor/conn.h"
#include "supervisor/gpu.h"
#include "supervisor/intake.h"
#include "supervisor/job.h"
#include "supervisor/permit.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

const char *
status_mode(const struct sup *sup)
{
	static const char *const names[] = {
		[MODE_RUNNING] = "running",
		[MODE_DRAINING] = "draining",
		[MODE_STOPPING] = "stopping",
	};

	return (names[sup->mode]);
}

unsigned
status_active(const struct sup *sup)
{
	unsigned i, n = 0;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL)
			n += sup->slots[i]->njobs;
	return (n);
}

unsigned
status_available(const struct sup *sup)
{
	const struct pool *p;
	unsigned n = 0;

	if (sup->mode != MODE_RUNNING)
		return (0);
	TAILQ_FOREACH(p, &sup->pools, link)
		n += pool_idle(p);
	return (n);
}

static bool
has_gpu(const struct sup *sup)
{
	const struct pool *p;

	TAILQ_FOREACH(p, &sup->pools, link)
		if (p->gpu)
			return (true);
	return (false);
}

static void
put_list(struct jsonw *w, const char *key, const char *text)
{
	const char *end;

	jsonw_key(w, key);
	jsonw_arr(w);
	while (*text != '\0') {
		end = strchrnul(text, ',');
		jsonw_slice(w, (struct slice){ text, (size_t)(end - text) });
		text = *end == ',' ? end + 1 : end;
	}
	jsonw_end(w);
}

static void
put_why(struct jsonw *w, const struct proc *p)
{
	struct contain c = p->contain;
	const char *waits;
	struct buf text;

	if (p->leaving && p->slot.state != SLOT_QUARANTINED) {
		jsonw_kstr(w, "why", "leaves with a reload");
		return;
	}
	if (p->slot.why == WHY_NONE && p->slot.state != SLOT_BACKOFF) {
		waits = NULL;
		if (p->slot.state == SLOT_IDLE &&
		    gpu_fit(p, &waits) == GPU_FIT)
			waits = gpu_kept(p) ? "its GPU is kept for a job that "
			    "waits for memory" : NULL;
		jsonw_kstr(w, "why", waits);
		return;
	}
	buf_init(&text, 4096);
	(void)buf_puts(&text, slot_why_text(p->slot.why));
	if (p->slot.why == WHY_HELD) {
		(void)buf_puts(&text, ": ");
		(void)contain_count(&c, p->pid, &text);
		gpu_put_held(p, &text);
	} else if (p->slot.why == WHY_MISFIT) {
		(void)buf_printf(&text, ": it %s", p->misfit);
	} else if (p->slot.why == WHY_DEVICE) {
		(void)buf_puts(&text, ": ");
		if (gpu_fit(p, &waits) == GPU_UNFIT)
			(void)buf_puts(&text, waits);
		else
			(void)buf_puts(&text, p->gpu_why);
	} else if (p->last_words[0] != '\0')
		(void)buf_printf(&text, "%s%s", text.len > 0 ? ": " : "",
		    p->last_words);
	jsonw_kstr(w, "why", buf_cstr(&text));
	buf_fini(&text);
}

static void
put_slot(struct jsonw *w, const struct proc *p)
{
	const struct job *j = TAILQ_FIRST(&p->jobs);

	jsonw_obj(w);
	jsonw_kuint(w, "slot", p->slot.index);
	jsonw_kstr(w, "pool", p->pool->name);
	jsonw_kstr(w, "state", slot_state_name(p->slot.state));
	jsonw_key(w, "pid");
	if (p->pid > 0)
		jsonw_int(w, p->pid);
	else
		jsonw_null(w);
	jsonw_kuint(w, "generation", p->slot.gen);
	jsonw_kstr(w, "cpus", p->where.cpus_text);
	jsonw_kstr(w, "memory", p->memory[0] != '\0' ? p->memory : NULL);
	put_list(w, "devices", p->where.devices);
	jsonw_kstr(w, "job", j != NULL ? j->id : NULL);
	jsonw_kstr(w, "handler", j != NULL ?
	    p->sup->conf->handlers[j->handler].name : NULL);
	put_list(w, "models", p->models);
	put_why(w, p);
	if (p->where.devices[0] != '\0')
		jsonw_kint(w, "gpu_release_ms", p->freed_in / DUR_MS);
	jsonw_end(w);
}

static void
put_counters(struct jsonw *w, const struct sup *sup)
{
	unsigned i;

	jsonw_key(w, "counters");
	jsonw_obj(w);
	for (i = 0; i < STAT_N; i++)
		jsonw_kuint(w, stat_rows[i].name, sup->stat.n[i]);
	jsonw_key(w, "causes");
	jsonw_obj(w);
	for (i = 1; i < CAUSE_NCAUSES; i++)
		jsonw_kuint(w, cause_row((enum cause)i)->name,
		    sup->stat.cause[i]);
	jsonw_end(w);
	jsonw_end(w);
}

static void
put_redis(struct jsonw *w, const struct sup *sup)
{
	const struct redis *r;

	jsonw_key(w, "redis");
	jsonw_obj(w);
	jsonw_kstr(w, "url", sup->redis->shown);
	jsonw_kbool(w, "connected", sup->ready);
	jsonw_kstr(w, "why", !sup->ready ? sup->redis->why :
	    sup->redis_refuses[0] != '\0' ? sup->redis_refuses : NULL);
	jsonw_kint(w, "last_answer_ms_ago", sup->redis_seen == 0 ? -1 :
	    (mono_now() - sup->redis_seen) / DUR_MS);
	jsonw_key(w, "leaving");
	jsonw_arr(w);
	TAILQ_FOREACH(r, &sup->left, link)
		if (r->role == REDIS_LEFT)
			jsonw_str(w, r->shown);
	jsonw_end(w);
	jsonw_end(w);
}

static void
put_config(struct jsonw *w, const struct sup *sup)
{
	jsonw_key(w, "config");
	jsonw_obj(w);
	jsonw_kstr(w, "file", sup->conf_path);
	jsonw_kbool(w, "ok", sup->reload_ok);
	jsonw_kuint(w, "count", sup->reload_count);
	jsonw_kint(w, "loaded_at", sup->reload_at);
	jsonw_kstr(w, "message", sup->reload_text);
	jsonw_end(w);
}

static void
put_queues(struct jsonw *w, const struct sup *sup)
{
	const struct queue *q;

	jsonw_key(w, "queues");
	jsonw_arr(w);
	TAILQ_FOREACH(q, &sup->queues, link)
		if (!q->closing)
			jsonw_str(w, q->name);
	jsonw_end(w);
}

/* Outcome of the last attempt. */
static void
put_upgrade(struct jsonw *w, const struct upgrade *u)
{
	jsonw_key(w, "upgrade");
	jsonw_obj(w);
	jsonw_kbool(w, "ok", u->ok);
	jsonw_kint(w, "at", u->at);
	jsonw_kstr(w, "message", u->text);
	jsonw_end(w);
}

/* The limits of queues, and which of them allow no claim now. */
static void
put_limits(struct jsonw *w, const struct sup *sup)
{
	const struct conf_queue *c;
	const struct queue *q;
	unsigned i;

	jsonw_key(w, "limits");
	jsonw_arr(w);
	for (i = 0; i < sup->conf->nqueues; i++) {
		c = &sup->conf->queues[i];
		if ((q = queue_find(sup, c->name)) == NULL)
			continue;
		jsonw_obj(w);
		jsonw_kstr(w, "queue", c->name);
		jsonw_kint(w, "max_running", c->max_running);
		jsonw_kstr(w, "rate", c->rate[0] != '\0' ? c->rate : NULL);
		jsonw_kstr(w, "reached", !intake_limited(q) ? NULL :
		    q->limited_full ? "max_running" : "rate");
		jsonw_end(w);
	}
	jsonw_end(w);
}

void
status_put(struct buf *b, const struct sup *sup)
{
	char host[256] = "";
	struct jsonw w;
	unsigned i;

	(void)gethostname(host, sizeof(host) - 1);
	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "worker_id", sup->id);
	jsonw_kstr(&w, "host", host);
	jsonw_kint(&w, "pid", getpid());
	jsonw_kstr(&w, "pid_space", sup->pid_space);
	jsonw_kstr(&w, "version", PACKAGE_VERSION);
	jsonw_kstr(&w, "run", sup->run);
	jsonw_kstr(&w, "state", status_mode(sup));
	jsonw_kuint(&w, "active_jobs", status_active(sup));
	jsonw_kuint(&w, "available_slots", status_available(sup));
	jsonw_kbool(&w, "gpu_enabled", has_gpu(sup));
	jsonw_kint(&w, "started_at", sup->started_at);
	jsonw_kstr(&w, "containment", contain_way_name(sup->way));
	jsonw_kstr(&w, "drain_why", sup->mode == MODE_DRAINING &&
	    sup->drain_why[0] != '\0' ? sup->drain_why : NULL);
	gpu_put_status(&w, sup);
	put_redis(&w, sup);
	put_config(&w, sup);
	if (sup->upgrade.at > 0)
		put_upgrade(&w, &sup->upgrade);
	put_queues(&w, sup);
	put_limits(&w, sup);
	permit_put_held(&w, sup);
	put_counters(&w, sup);
	jsonw_key(&w, "slots");
	jsonw_arr(&w);
	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL)
			put_slot(&w, sup->slots[i]);
	jsonw_end(&w);
	jsonw_end(&w);
}
