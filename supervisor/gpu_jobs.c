/*
 * Devices and jobs: whether a slot may get one, whether its gpu_memory is
 * there, and whose fault it was that it failed. See gpu.h.
 */
#include "config.h"

#include "supervisor/gpu.h"

#include <stdio.h>
#include <string.h>

#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/finish.h"
#include "supervisor/gpu_impl.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/split.h"
#include "supervisor/sup.h"

#define FAULT_STANDS (5 * DUR_S)   /* a fault explains failures so long */
#define DOUBT_MAX DUR_S            /* a verdict waits no longer */

enum gpu_fit
gpu_fit(const struct proc *p, const char **whyp)
{
	unsigned k, n = gpu_slot_devices(p);
	enum gpu_fit fit = GPU_FIT;
	const struct gpu_dev *d;
	const char *why = "";

	if (whyp != NULL)
		*whyp = why;
	for (k = 0; k < n && fit != GPU_UNFIT; k++) {
		d = gpu_of_slot(p, k);
		if (d == NULL || d->state == GPU_UNSEEN ||
		    d->state == GPU_TESTING) {
			fit = GPU_WAIT;
			why = d == NULL || d->state == GPU_UNSEEN ?
			    "its GPU was not seen yet" :
			    "its GPU is being tested";
		} else if (d->state != GPU_GOOD) {
			fit = GPU_UNFIT;
			why = d->why;
		}
	}
	if (whyp != NULL)
		*whyp = why;
	return (fit);
}

/* Promised to jobs that run on it, and not taken yet. */
static uint64_t
promised(const struct gpu_dev *d)
{
	const struct sup *sup = d->all->sup;
	uint64_t sum = 0, want, has;
	const struct job *j;
	unsigned i;

	for (i = 0; i < sup->nslots; i++) {
		if (sup->slots[i] == NULL || !gpu_slot_has(sup->slots[i], d))
			continue;
		want = 0;
		TAILQ_FOREACH(j, &sup->slots[i]->jobs, ready)
			want += j->spec.gpu_memory;
		has = gpu_used_by(d, i);
		sum += want > has ? want - has : 0;
	}
	return (sum);
}

uint64_t
gpu_left(const struct gpu_dev *d)
{
	uint64_t taken = promised(d);

	return (d->free > taken ? d->free - taken : 0);
}

bool
gpu_has_room(const struct proc *p, const struct job *j)
{
	const struct gpu_dev *d;
	unsigned k;

	if (j->spec.gpu_memory == 0 || p->where.devices[0] == '\0')
		return (true);
	for (k = 0; (d = gpu_of_slot(p, k)) != NULL; k++)
		if (gpu_left(d) < j->spec.gpu_memory)
			return (false);
	return (true);
}

void
gpu_put_size(struct buf *b, uint64_t bytes)
{
	(void)buf_printf(b, "%.1f GiB", (double)bytes / (double)(1 << 30));
}

/* Who has what of a device, the largest other one by name. */
static void
put_device(struct buf *b, const struct gpu_dev *d)
{
	const struct gpu_proc *q, *other = NULL;

	(void)buf_printf(b, "; GPU %u has ", d->index);
	gpu_put_size(b, d->free);
	(void)buf_puts(b, " free of ");
	gpu_put_size(b, d->total);
	if (promised(d) > 0) {
		(void)buf_puts(b, ", promises ");
		gpu_put_size(b, promised(d));
	}
	if (d->keep != NULL)
		(void)buf_printf(b, ", is kept for job %s", d->keep->job->id);
	for (q = d->procs; q < d->procs + d->nprocs; q++)
		if (q->slot < 0 && !q->helper &&
		    (other == NULL || q->bytes > other->bytes))
			other = q;
	if (other != NULL) {
		(void)buf_printf(b, ", process %d (%s), not ours, has ",
		    (int)other->pid, other->name);
		gpu_put_size(b, other->bytes > 0 ? (uint64_t)other->bytes : 0);
	}
}

/* Slots are idle, and none of them has the memory. */
static bool
lacks_memory(const struct pool *p, const struct job *j)
{
	bool idle = false;
	unsigned i;

	if (j->spec.gpu_memory == 0 || !p->gpu)
		return (false);
	for (i = 0; i < p->nprocs; i++) {
		if (p->procs[i]->slot.state != SLOT_IDLE ||
		    gpu_fit(p->procs[i], NULL) != GPU_FIT ||
		    gpu_kept(p->procs[i]))
			continue;
		if (gpu_has_room(p->procs[i], j))
			return (false);
		idle = true;
	}
	return (idle);
}

bool
gpu_put_off(struct job *j)
{
	struct pool *p = j->pool;
	struct sup *sup = p->sup;
	const struct gpu_dev *d;
	struct buf b;
	unsigned i, k;

	if (!lacks_memory(p, j))
		return (false);
	if (j->hist.gpu_since == 0)
		j->hist.gpu_since = sup_wall(sup);
	sup->stat.n[STAT_GPU_WAITS]++;
	if (gpu_keep(j))
		return (true);
	buf_init(&b, 1024);
	(void)buf_puts(&b, "waits for GPU memory: it asks for ");
	gpu_put_size(&b, j->spec.gpu_memory);
	for (i = 0; i < sup->gpus->n; i++) {
		d = sup->gpus->d[i];
		for (k = 0; k < p->nprocs; k++)
			if (gpu_slot_has(p->procs[k], d)) {
				put_device(&b, d);
				break;
			}
	}
	(void)gpu_prober_ask(sup->gpus);
	finish_later(j, sup_wall(sup) + GPU_PUT_OFF_MS, buf_cstr(&b));
	buf_fini(&b);
	return (true);
}

/* ---- whose fault was it ---- */

static bool
may_be_gpu(enum cause c)
{
	return (c == CAUSE_HANDLER_ERROR || c == CAUSE_CRASHED ||
	    c == CAUSE_KILLED || c == CAUSE_LOAD_FAILED ||
	    c == CAUSE_SLOT_LOST);
}

/* It was promised more than others have left it. */
static bool
was_robbed(const struct proc *p, const struct job *j,
    const struct gpu_dev *d)
{
	const struct gpu_proc *q;
	bool others = false;

	if (j->spec.gpu_memory == 0 || d->free + gpu_used_by(d,
	    p->slot.index) >= j->spec.gpu_memory)
		return (false);
	for (q = d->procs; q < d->procs + d->nprocs; q++)
		others = others || (q->slot < 0 && !q->helper &&
		    q->first > j->started);
	return (others);
}

void
gpu_judge(const struct proc *p, const struct job *j, struct outcome *o)
{
	const struct gpu_dev *d;
	unsigned k;

	if (!may_be_gpu(o->cause))
		return;
	for (k = 0; (d = gpu_of_slot(p, k)) != NULL; k++) {
		if (d->fault_at >= j->started && d->fault_at != 0 &&
		    mono_now() - d->fault_at < FAULT_STANDS) {
			o->cause = CAUSE_GPU_ERROR;
			o->message = slice_of(d->fault);
			return;
		}
		if (was_robbed(p, j, d)) {
			o->cause = CAUSE_GPU_MEMORY;
			o->message = SLICE_NULL;
		}
	}
}

bool
gpu_doubt(const struct proc *p, struct job *j, const struct outcome *o)
{
	struct gpus *g = p->sup->gpus;

	if (g == NULL || p->where.devices[0] == '\0' || !may_be_gpu(o->cause) ||
	    g->prober.state != PROBER_UP)
		return (false);
	if (!j->kept) {
		j->kept = true;
		j->kept_cause = o->cause;
		j->kept_exit = o->exit_code;
		j->kept_signal = o->signal;
		j->kept_message = xstrndup(o->message.n > 0 ? o->message.p :
		    "", o->message.n);
	}
	j->stage = STAGE_CHECKING;
	j->doubt = gpu_prober_ask(g);
	j->doubt_until = mono_add(mono_now(), DOUBT_MAX);
	TAILQ_INSERT_TAIL(&g->doubts, j, ready);
	sup_wake_at(p->sup, mono_add(mono_now(), GPU_DOUBT_MIN));
	return (true);
}

static void
settle_doubt(struct gpus *g, struct job *j)
{
	struct outcome o = { .cause = j->kept_cause,
		.exit_code = j->kept_exit, .signal = j->kept_signal,
		.message = slice_of(j->kept_message) };
	const struct sup *sup = g->sup;

	TAILQ_REMOVE(&g->doubts, j, ready);
	if (j->slot < sup->nslots && sup->slots[j->slot] != NULL)
		gpu_judge(sup->slots[j->slot], j, &o);
	if (j->hist.cancelled)
		o = (struct outcome)OUTCOME(CAUSE_CANCELLED);
	split_or_finish(j, &o);
}

void
gpu_settle_doubts(struct gpus *g, mono_t now)
{
	struct job *j, *next;

	for (j = TAILQ_FIRST(&g->doubts); j != NULL; j = next) {
		next = TAILQ_NEXT(j, ready);
		if (now >= j->doubt_until || g->prober.state != PROBER_UP ||
		    (g->prober.seen >= j->doubt &&
		    j->doubt_until - now <= DOUBT_MAX - GPU_DOUBT_MIN))
			settle_doubt(g, j);
		else
			sup_wake_at(g->sup, mono_add(now, GPU_DOUBT_MIN));
	}
}
