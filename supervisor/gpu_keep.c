/*
 * Devices that are kept. A job that has waited for GPU memory longer than
 * gpu_wait is not sent away any more: it stays here under its lease, on no
 * line, and nothing else begins on the device that will have room for it
 * first. It starts when it fits. What is kept hangs on the job alone: once
 * that is cancelled, expired or given back, nothing is kept.
 *
 * So that a worker whose jobs run for days does not sit on a job that another
 * one could run, it lets go of it again after as long as the job had waited
 * before, and who claims it then keeps a device in turn. These times double,
 * so one of them is long enough for whatever runs there to end: a job waits
 * gpu_wait, and less than three times the longest run.
 */
#include "config.h"

#include "supervisor/gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/admit.h"
#include "supervisor/finish.h"
#include "supervisor/gpu_impl.h"
#include "supervisor/guess.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/settle.h"
#include "supervisor/sup.h"

/* Memory that somebody else has must stay away so long: what a process left
 * behind is nobody's for a moment. */
#define UNABLE_MAX (3 * DUR_S)
/* Others may claim first what we let go of. */
#define PASS_FOR (200 * DUR_MS)
#define SAY_EVERY (2 * DUR_S)
/* Who was sent away comes back in GPU_PUT_OFF_MS, and is claimed. */
#define ELDEST_FOR (2 * GPU_PUT_OFF_MS * DUR_MS + DUR_S)

bool
gpu_kept(const struct proc *p)
{
	const struct gpu_dev *d;
	unsigned k;

	if (p->sup->gpus == NULL || TAILQ_EMPTY(&p->sup->gpus->keeps))
		return (false);
	for (k = 0; (d = gpu_of_slot(p, k)) != NULL; k++)
		if (d->keep != NULL)
			return (true);
	return (false);
}

/* ---- what a device could give, and when ---- */

/* Its jobs ask for it, or its processes have it. */
static uint64_t
share_of(const struct gpu_dev *d, const struct proc *p)
{
	uint64_t asked = 0, has = gpu_used_by(d, p->slot.index);
	const struct job *j;

	if (!gpu_slot_has(p, d))
		return (0);
	TAILQ_FOREACH(j, &p->jobs, ready)
		asked += j->spec.gpu_memory;
	return (asked > has ? asked : has);
}

/* All that is not others', however it is used now. */
static uint64_t
obtainable(const struct gpu_dev *d)
{
	const struct sup *sup = d->all->sup;
	uint64_t sum = d->free;
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL)
			sum += gpu_used_by(d, i);
	return (sum);
}

static bool
could_give(const struct proc *p, uint64_t want)
{
	const struct gpu_dev *d;
	unsigned k;

	if (p->leaving || p->slot.state == SLOT_DOWN ||
	    p->slot.state == SLOT_BACKOFF ||
	    p->slot.state == SLOT_QUARANTINED || gpu_fit(p, NULL) != GPU_FIT)
		return (false);
	for (k = 0; (d = gpu_of_slot(p, k)) != NULL; k++)
		if (obtainable(d) < want)
			return (false);
	return (k > 0);
}

/* When the slot's jobs have ended, by their timeouts. */
static mono_t
end_of(const struct proc *p, mono_t now)
{
	const struct job *j;
	mono_t at = now, end;

	TAILQ_FOREACH(j, &p->jobs, ready) {
		end = j->deadline != MONO_NEVER ? j->deadline :
		    mono_add(now, j->timeout);
		if (end > at)
			at = end;
	}
	return (at);
}

static uint64_t
left_at(const struct gpu_dev *d, mono_t at, mono_t now)
{
	const struct sup *sup = d->all->sup;
	uint64_t sum = gpu_left(d);
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && end_of(sup->slots[i], now) <= at)
			sum += share_of(d, sup->slots[i]);
	return (sum);
}

/* The first of the slots' ends after which it has as much. */
static mono_t
device_at(const struct gpu_dev *d, uint64_t want, mono_t now)
{
	const struct sup *sup = d->all->sup;
	mono_t best = MONO_NEVER, at;
	unsigned i;

	for (i = 0; i < sup->nslots; i++) {
		if (sup->slots[i] == NULL || !gpu_slot_has(sup->slots[i], d))
			continue;
		at = end_of(sup->slots[i], now);
		if (at < best && left_at(d, at, now) >= want)
			best = at;
	}
	return (best);
}

/* When the slot could take a job that wants as much, at the latest. */
static mono_t
slot_at(const struct proc *p, uint64_t want, mono_t now)
{
	mono_t at = end_of(p, now), t;
	const struct gpu_dev *d;
	unsigned k;

	for (k = 0; (d = gpu_of_slot(p, k)) != NULL; k++)
		if ((t = device_at(d, want, now)) > at)
			at = t;
	return (at);
}

/* The slot whose devices are free the soonest; NULL: none could give that
 * much. *takenp: one could, and is kept for another job. */
static struct proc *
choose(const struct pool *p, uint64_t want, bool *takenp)
{
	mono_t now = mono_now(), best = 0, at;
	struct proc *found = NULL, *proc;
	unsigned i;

	*takenp = false;
	for (i = 0; i < p->nprocs; i++) {
		proc = p->procs[i];
		if (!could_give(proc, want))
			continue;
		if (gpu_kept(proc)) {
			*takenp = true;
			continue;
		}
		at = slot_at(proc, want, now);
		if (found == NULL || at < best) {
			found = proc;
			best = at;
		}
	}
	return (found);
}

/* ---- who is next ---- */

static void
note_eldest(struct gpus *g, const struct job *j)
{
	struct gpu_eldest *e = &g->eldest;
	mono_t now = mono_now();

	if (strcmp(e->id, j->id) != 0 && now - e->seen < ELDEST_FOR &&
	    e->since <= j->hist.gpu_since)
		return;
	(void)snprintf(e->id, sizeof(e->id), "%s", j->id);
	e->pool = j->pool;
	e->since = j->hist.gpu_since;
	e->want = j->spec.gpu_memory;
	e->seen = now;
}

/* What could be kept for the job is for one that has waited longer. */
static bool
is_after_eldest(const struct gpus *g, const struct job *j,
    const struct proc *proc)
{
	const struct gpu_eldest *e = &g->eldest;

	return (e->pool == j->pool && e->id[0] != '\0' &&
	    mono_now() - e->seen < ELDEST_FOR && strcmp(e->id, j->id) != 0 &&
	    e->since < j->hist.gpu_since && could_give(proc, e->want));
}

/* ---- keeping ---- */

static void
drop(struct gpus *g, struct gpu_keep *k)
{
	unsigned i;

	for (i = 0; i < g->n; i++)
		if (g->d[i]->keep == k)
			g->d[i]->keep = NULL;
	TAILQ_REMOVE(&g->keeps, k, link);
	free(k);
	g->sup->pending.again = true;
}

void
gpu_keep_free(struct gpus *g)
{
	struct gpu_keep *k;

	while ((k = TAILQ_FIRST(&g->keeps)) != NULL)
		drop(g, k);
}

/* One of the slots that own just these devices. */
static bool
is_target(const struct proc *p, const struct gpu_keep *k)
{
	const struct gpu_dev *d;
	unsigned i;

	for (i = 0; (d = gpu_of_slot(p, i)) != NULL; i++)
		if (d->keep != k)
			return (false);
	return (i > 0);
}

static bool
touches(const struct proc *p, const struct gpu_keep *k)
{
	const struct gpu_dev *d;
	unsigned i;

	for (i = 0; (d = gpu_of_slot(p, i)) != NULL; i++)
		if (d->keep == k)
			return (true);
	return (false);
}

static void
put_time(struct buf *b, wall_t at)
{
	time_t t = (time_t)(at / 1000);
	char text[32];
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL && strftime(text, sizeof(text),
	    "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		(void)buf_puts(b, text);
}

/* What the job's record says. */
static void
put_words(struct buf *b, const struct gpus *g, const struct gpu_keep *k)
{
	uint64_t left = UINT64_MAX;
	const char *sep = "";
	unsigned i;

	(void)buf_puts(b, "waits for GPU memory: GPU ");
	for (i = 0; i < g->n; i++)
		if (g->d[i]->keep == k) {
			(void)buf_printf(b, "%s%u", sep, g->d[i]->index);
			sep = ", ";
			if (gpu_left(g->d[i]) < left)
				left = gpu_left(g->d[i]);
		}
	(void)buf_puts(b, " is kept for it since ");
	put_time(b, k->since);
	(void)buf_puts(b, "; ");
	gpu_put_size(b, k->job->spec.gpu_memory);
	(void)buf_puts(b, " wanted, ");
	gpu_put_size(b, left);
	(void)buf_puts(b, " free");
}

static void
say(const struct gpus *g, struct gpu_keep *k, mono_t now)
{
	struct buf b;

	if (now < k->say_after) {
		sup_wake_at(g->sup, k->say_after);
		return;
	}
	buf_init(&b, sizeof(k->said));
	put_words(&b, g, k);
	if (strcmp(buf_cstr(&b), k->said) != 0) {
		(void)snprintf(k->said, sizeof(k->said), "%s", buf_cstr(&b));
		settle_note_waiting(k->job, k->said);
		k->say_after = mono_add(now, SAY_EVERY);
	}
	buf_fini(&b);
}

/* Those that got a job before its claim would begin it. */
static void
withdraw_guesses(const struct gpus *g, const struct gpu_keep *k)
{
	const struct sup *sup = g->sup;
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && touches(sup->slots[i], k))
			guess_withdraw(sup->slots[i]);
}

static void
begin(struct gpus *g, struct job *j, const struct proc *proc, dur_t waited)
{
	struct gpu_keep *k = xcalloc(1, sizeof(*k));
	dur_t least = g->sup->conf->supervisor.gpu_wait;
	struct gpu_dev *d;
	unsigned i;

	pool_drop(j->pool, j);
	k->job = j;
	k->since = sup_wall(g->sup);
	k->until = mono_add(mono_now(), (waited > least ? waited : least) +
	    GPU_PUT_OFF_MS * DUR_MS);
	for (i = 0; (d = gpu_of_slot(proc, i)) != NULL; i++)
		d->keep = k;
	TAILQ_INSERT_TAIL(&g->keeps, k, link);
	withdraw_guesses(g, k);
	if (strcmp(g->eldest.id, j->id) == 0)
		g->eldest = (struct gpu_eldest){ 0 };
	g->sup->stat.n[STAT_GPU_KEEPS]++;
	log_info("gpu", "id=%s waits for %.1f s: GPU %u is kept for it", j->id,
	    (double)waited / (double)DUR_S, gpu_of_slot(proc, 0)->index);
	g->sup->pending.again = true;
}

bool
gpu_keep(struct job *j)
{
	struct sup *sup = j->q->sup;
	dur_t waited = (sup_wall(sup) - j->hist.gpu_since) * DUR_MS;
	struct gpus *g = sup->gpus;
	struct proc *proc;
	bool taken;

	if (waited < sup->conf->supervisor.gpu_wait)
		return (false);
	proc = choose(j->pool, j->spec.gpu_memory, &taken);
	if (proc == NULL || is_after_eldest(g, j, proc)) {
		if (proc == NULL && taken)
			note_eldest(g, j);
		return (false);
	}
	begin(g, j, proc, waited);
	return (true);
}

/* ---- until it starts ---- */

static struct proc *
fitting(const struct gpu_keep *k)
{
	const struct pool *p = k->job->pool;
	unsigned i;

	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i]->slot.state == SLOT_IDLE &&
		    gpu_fit(p->procs[i], NULL) == GPU_FIT &&
		    is_target(p->procs[i], k) &&
		    gpu_has_room(p->procs[i], k->job))
			return (p->procs[i]);
	return (NULL);
}

static bool
is_able(struct gpu_keep *k, mono_t now)
{
	const struct pool *p = k->job->pool;
	unsigned i;

	for (i = 0; i < p->nprocs; i++)
		if (is_target(p->procs[i], k) &&
		    could_give(p->procs[i], k->job->spec.gpu_memory)) {
			k->unable = 0;
			return (true);
		}
	if (k->unable == 0)
		k->unable = now;
	return (now - k->unable < UNABLE_MAX);
}

/* A child without a job may hold memory still: loaded models, a context. */
static void
renew_idle(const struct gpus *g, const struct gpu_keep *k)
{
	const struct gpu_dev *d;
	struct proc *p;
	unsigned i, n;

	for (i = 0; i < g->sup->nslots; i++) {
		p = g->sup->slots[i];
		if (p == NULL || p->slot.state != SLOT_IDLE || !p->resident)
			continue;
		for (n = 0; (d = gpu_of_slot(p, n)) != NULL; n++)
			if (d->keep == k && gpu_used_by(d, i) > 0 &&
			    gpu_left(d) < k->job->spec.gpu_memory)
				break;
		if (d != NULL)
			slot_event(&p->slot, EV_DRAIN, mono_now(), WHY_KEPT);
	}
}

/* The driver is asked at once when something has ended there. */
static void
ask_after_ends(struct gpus *g, struct gpu_keep *k)
{
	const struct sup *sup = g->sup;
	unsigned i, n = 0;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && touches(sup->slots[i], k))
			n += sup->slots[i]->njobs;
	if (n < k->njobs)
		(void)gpu_prober_ask(g);
	k->njobs = n;
}

static void
give_back(struct gpus *g, struct gpu_keep *k, const char *message, wall_t after)
{
	struct job *j = k->job;

	drop(g, k);
	finish_later(j, sup_wall(g->sup) + after, message);
}

static void
look_at(struct gpus *g, struct gpu_keep *k, mono_t now)
{
	struct job *j = k->job;
	struct proc *proc;

	if (admit_is_over(j)) {
		drop(g, k);
	} else if ((proc = fitting(k)) != NULL) {
		log_info("gpu", "id=%s starts on the GPU that was kept for it",
		    j->id);
		drop(g, k);
		pool_start(j->pool, j, proc);
	} else if (!is_able(k, now)) {
		give_back(g, k, "waits for GPU memory: the GPU that was kept "
		    "for it can't give it any more", GPU_PUT_OFF_MS);
	} else if (now >= k->until) {
		j->q->yield_until = mono_add(now, PASS_FOR);
		give_back(g, k, "waits for GPU memory: any worker may take it "
		    "now, and keep a GPU for it", 0);
	} else {
		ask_after_ends(g, k);
		renew_idle(g, k);
		say(g, k, now);
		sup_wake_at(g->sup, k->until);
	}
}

void
gpu_keep_phase(struct gpus *g, mono_t now)
{
	struct gpu_keep *k, *next;

	for (k = TAILQ_FIRST(&g->keeps); k != NULL; k = next) {
		next = TAILQ_NEXT(k, link);
		look_at(g, k, now);
	}
}
