/* GET /metrics in Prometheus text format, and the two health routes. */
#include "config.h"

#include "supervisor/http_ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/gpu.h"
#include "supervisor/proc.h"
#include "supervisor/stat.h"
#include "supervisor/status.h"
#include "supervisor/sup.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define PATIENCE (500 * DUR_MS)

/* ---- health ---- */

void
health_alive(struct ask *a)
{
	struct buf b;

	buf_init(&b, 16);
	(void)buf_puts(&b, "ok\n");
	ask_reply(a, 200, "text/plain", &b);
	buf_fini(&b);
}

void
health_ready(struct ask *a)
{
	const char *why = sup_unready(a->sup);
	struct buf b;

	buf_init(&b, 512);
	(void)buf_printf(&b, "%s\n", why == NULL ? "ok" : why);
	ask_reply(a, why == NULL ? 200 : 503, "text/plain", &b);
	buf_fini(&b);
}

/* ---- metrics ---- */

/* A label's value: backslash, quote and line end are escaped. */
static void
put_label(struct buf *b, const char *value)
{
	for (; *value != '\0'; value++)
		if (*value == '\n')
			(void)buf_puts(b, "\\n");
		else {
			if (*value == '"' || *value == '\\')
				(void)buf_putc(b, '\\');
			(void)buf_putc(b, *value);
		}
}

static void
put_head(struct buf *b, const char *name, const char *type, const char *help)
{
	(void)buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    type);
}

static void
put_gauge(struct buf *b, const char *name, const char *help, double value)
{
	put_head(b, name, "gauge", help);
	(void)buf_printf(b, "%s %.15g\n", name, value);
}

static void
put_counters(struct buf *b, const struct sup *sup)
{
	unsigned i;

	for (i = 0; i < STAT_N; i++)
		(void)buf_printf(b, "# HELP ganger_%s_total %s\n"
		    "# TYPE ganger_%s_total counter\nganger_%s_total %llu\n",
		    stat_rows[i].name, stat_rows[i].help, stat_rows[i].name,
		    stat_rows[i].name, (unsigned long long)sup->stat.n[i]);
	put_head(b, "ganger_attempts_ended_total", "counter",
	    "attempts that ended without a result, by cause");
	for (i = 1; i < CAUSE_NCAUSES; i++)
		(void)buf_printf(b, "ganger_attempts_ended_total{cause="
		    "\"%s\"} %llu\n", cause_row((enum cause)i)->name,
		    (unsigned long long)sup->stat.cause[i]);
}

static void
put_slots(struct buf *b, const struct sup *sup)
{
	unsigned n[SLOT_NSTATES] = { 0 }, i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL)
			n[sup->slots[i]->slot.state]++;
	put_head(b, "ganger_slots", "gauge", "slots by state");
	for (i = 0; i < SLOT_NSTATES; i++)
		(void)buf_printf(b, "ganger_slots{state=\"%s\"} %u\n",
		    slot_state_name((enum slot_state)i), n[i]);
}

static void
put_worker(struct buf *b, const struct sup *sup)
{
	put_head(b, "ganger_info", "gauge", "the worker and its version");
	(void)buf_puts(b, "ganger_info{version=\"" PACKAGE_VERSION
	    "\",worker=\"");
	put_label(b, sup->id);
	(void)buf_printf(b, "\",state=\"%s\"} 1\n", status_mode(sup));
	put_gauge(b, "ganger_up", "1 while the daemon answers", 1);
	put_gauge(b, "ganger_ready", "1 if /readyz is 200",
	    sup_unready(sup) == NULL);
	put_gauge(b, "ganger_redis_connected", "1 if Redis can be used",
	    sup->ready);
	put_gauge(b, "ganger_config_ok", "0 if the last reload failed",
	    sup->reload_ok);
	put_gauge(b, "ganger_start_time_seconds", "start, unix time",
	    (double)sup->started_at / 1000);
	put_gauge(b, "ganger_active_jobs", "jobs that run now",
	    status_active(sup));
	put_gauge(b, "ganger_available_slots", "slots that could take a job "
	    "now", status_available(sup));
}

static void
put_queues(struct buf *b, const struct glances *all)
{
	unsigned i, k;

	put_head(b, "ganger_queue_jobs", "gauge", "jobs of each queue that "
	    "this worker serves; the same whichever worker is asked");
	for (i = 0; i < all->n; i++)
		for (k = 0; all->g[i].known && k < GLANCE_N; k++) {
			(void)buf_puts(b, "ganger_queue_jobs{queue=\"");
			put_label(b, all->g[i].queue);
			(void)buf_printf(b, "\",in=\"%s\"} %lld\n",
			    glance_names[k], all->g[i].n[k]);
		}
	put_head(b, "ganger_queue_oldest_age_seconds", "gauge",
	    "how long the oldest waiting job has waited");
	for (i = 0; i < all->n; i++)
		if (all->g[i].known && all->g[i].oldest_age >= 0) {
			(void)buf_puts(b, "ganger_queue_oldest_age_seconds"
			    "{queue=\"");
			put_label(b, all->g[i].queue);
			(void)buf_printf(b, "\"} %.3f\n",
			    (double)all->g[i].oldest_age / 1000);
		}
}

/* Also at the limit: then without the queues that are not known. */
static void
show(struct ask *a)
{
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	put_worker(&b, a->sup);
	put_slots(&b, a->sup);
	gpu_put_metrics(&b, a->sup);
	put_counters(&b, a->sup);
	put_queues(&b, a->state);
	ask_reply(a, 200, METRICS_TYPE, &b);
	buf_fini(&b);
}

void
metrics_show(struct ask *a)
{
	const char **names;
	struct queue *q;
	unsigned n = 0;

	TAILQ_FOREACH(q, &a->sup->queues, link)
		n++;
	names = xcalloc(n + 1, sizeof(*names));
	n = 0;
	TAILQ_FOREACH(q, &a->sup->queues, link)
		names[n++] = q->name;
	ask_set_limit(a, PATIENCE, show);
	a->next = show;
	glances_load(a, names, n);
	free(names);
}
