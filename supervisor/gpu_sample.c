/*
 * Takes in what the prober says: lists, samples, Xid events, one JSON object
 * a line. Finds out whose each process on a device is, and from that what a
 * slot has taken, who trespasses, and whether the memory of a dead child is
 * back. Lines that make no sense are refused as a whole.
 */
#include "config.h"

#include "supervisor/gpu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/pid.h"
#include "base/xalloc.h"
#include "place/gpu.h"

#include "supervisor/gpu_impl.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

/* Memory that no process has may grow by this much (drivers keep some). */
#define LOOSE_SLACK (INT64_C(256) << 20)

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return (s != NULL ? s : "");
}

static int64_t
int_of(const json_t *o, const char *key, int64_t absent)
{
	const json_t *v = json_object_get(o, key);

	return (json_is_integer(v) ? json_integer_value(v) : absent);
}

/* ---- the list ---- */

static struct gpu_dev *
add_device(struct gpus *g, const struct gpu *l)
{
	struct gpu_dev *d = xcalloc(1, sizeof(*d));

	d->all = g;
	(void)snprintf(d->uuid, sizeof(d->uuid), "%s", l->uuid);
	d->parent = -1;
	d->retry_at = MONO_NEVER;
	d->ecc = -1;
	d->temperature = d->utilization = -1;
	d->test.fd = -1;
	g->d = xrealloc(g->d, (g->n + 1) * sizeof(struct gpu_dev *));
	g->d[g->n++] = d;
	return (d);
}

static int
read_list(struct gpus *g, const char *text, size_t n)
{
	struct gpu_list l;
	struct gpu_dev *d, *parent;
	size_t i, k;

	if (gpu_list_parse(text, n, &l) != 0)
		return (-ERR_SYNTAX);
	for (i = 0; i < g->n; i++)
		g->d[i]->listed = false;
	for (i = 0; i < l.ngpus; i++) {
		d = gpu_dev_find(g, l.gpus[i].uuid, strlen(l.gpus[i].uuid));
		if (d == NULL)
			d = add_device(g, &l.gpus[i]);
		d->listed = true;
		d->index = l.gpus[i].index;
		d->mig = l.gpus[i].mig;
		d->mig_parent = l.gpus[i].mig_parent;
		(void)snprintf(d->name, sizeof(d->name), "%s", l.gpus[i].name);
		(void)snprintf(d->pci, sizeof(d->pci), "%s", l.gpus[i].pci);
		d->total = l.gpus[i].memory_total;
		parent = !d->mig ? NULL : gpu_dev_find(g,
		    l.gpus[l.gpus[i].parent].uuid,
		    strlen(l.gpus[l.gpus[i].parent].uuid));
		for (k = 0, d->parent = -1; k < g->n; k++)
			if (parent != NULL && g->d[k] == parent)
				d->parent = (int)k;
	}
	(void)snprintf(g->driver, sizeof(g->driver), "%s", l.driver);
	if (l.ngpus == 0)
		(void)snprintf(g->prober.why, sizeof(g->prober.why), "%s",
		    l.why);
	gpu_list_fini(&l);
	return (0);
}

/* ---- whose process it is ---- */

static int
slot_of(const struct sup *sup, pid_t pid)
{
	pid_t pids[4096];
	struct proc *p;
	unsigned i, k, n;

	for (i = 0; i < sup->nslots; i++) {
		if ((p = sup->slots[i]) == NULL || p->pid == 0)
			continue;
		n = contain_list(&p->contain, p->pid, pids, NELEM(pids));
		for (k = 0; k < n; k++)
			if (pids[k] == pid)
				return ((int)i);
	}
	return (-1);
}

static void
read_name(struct gpu_proc *q)
{
	char path[48], *text;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)q->pid);
	(void)snprintf(q->name, sizeof(q->name), "?");
	if (fd_slurp(path, 64, &text, &n) != 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(q->name, sizeof(q->name), "%s", text);
	free(text);
}

/* A process that was not there in the last sample. */
static void
judge_process(struct gpu_dev *d, struct gpu_proc *q)
{
	struct sup *sup = d->all->sup;
	bool ours = false;
	unsigned i;

	q->known = true;
	q->first = mono_now();
	q->slot = slot_of(sup, q->pid);
	read_name(q);
	q->helper = gpu_prober_owns(d->all, q->pid) ||
	    strncmp(q->name, "nvidia-cuda-mps", 15) == 0;
	for (i = 0; i < sup->nslots; i++)
		ours = ours || (sup->slots[i] != NULL &&
		    gpu_slot_has(sup->slots[i], d));
	if (q->slot >= 0 && !gpu_slot_has(sup->slots[q->slot], d)) {
		sup->stat.n[STAT_GPU_TRESPASSES]++;
		log_warn("gpu", "slot=%d pid=%d (%s) uses GPU %u (%s), which is "
		    "not its own", q->slot, (int)q->pid, q->name, d->index,
		    d->uuid);
	} else if (q->slot < 0 && !q->helper && ours &&
	    pid_life(q->pid) != PID_GONE) {
		sup->stat.n[STAT_GPU_FOREIGN]++;
		log_warn("gpu", "pid=%d (%s) uses GPU %u (%s) and is not ours",
		    (int)q->pid, q->name, d->index, d->uuid);
	}
}

static void
read_processes(struct gpu_dev *d, const json_t *list)
{
	struct gpu_proc old[GPU_PROCS_MAX], *q;
	unsigned nold = d->nprocs, i, k;

	memcpy(old, d->procs, sizeof(old));
	d->nprocs = 0;
	for (i = 0; i < json_array_size(list) && d->nprocs < GPU_PROCS_MAX;
	    i++) {
		q = &d->procs[d->nprocs++];
		*q = (struct gpu_proc){ .slot = -1, .bytes = -1 };
		q->pid = (pid_t)json_integer_value(json_array_get(
		    json_array_get(list, i), 0));
		q->bytes = json_integer_value(json_array_get(
		    json_array_get(list, i), 1));
		for (k = 0; k < nold; k++)
			if (old[k].pid == q->pid) {
				old[k].bytes = q->bytes;
				*q = old[k];
			}
		if (!q->known)
			judge_process(d, q);
		q->dead = pid_life(q->pid) == PID_GONE;
	}
}

/* ---- samples ---- */

/* A slot's child is on its way out there. */
static bool
is_in_flux(const struct gpu_dev *d)
{
	const struct sup *sup = d->all->sup;
	enum slot_state st;
	unsigned i;

	for (i = 0; i < sup->nslots; i++) {
		if (sup->slots[i] == NULL || !gpu_slot_has(sup->slots[i], d))
			continue;
		st = sup->slots[i]->slot.state;
		if (st != SLOT_IDLE && st != SLOT_DOWN && st != SLOT_STARTING)
			return (true);
	}
	return (false);
}

static void
weigh(struct gpu_dev *d)
{
	int64_t loose = (int64_t)d->used, before = d->loose, least;
	unsigned i;

	for (i = 0; i < d->nprocs; i++) {
		if (d->procs[i].bytes < 0) {
			d->loose = -1;  /* can't be told */
			return;
		}
		loose -= d->procs[i].bytes;
	}
	d->loose = loose > 0 ? loose : 0;
	/* one sample may be of two moments, and a base that is too low would
	 * keep every slot from its release */
	least = before > d->loose ? before : d->loose;
	if (d->loose_base == 0 || !is_in_flux(d))
		d->loose_base = d->loose;
	else if (least < d->loose_base)
		d->loose_base = least;
}

static void
read_errors(struct gpu_dev *d, const json_t *o)
{
	int64_t ecc = int_of(o, "ecc", -1);
	int failed = (int)int_of(o, "remap_failed", -1);
	char text[64];

	d->remap_pending = (int)int_of(o, "remap_pending", -1);
	if (d->ecc >= 0 && ecc > d->ecc) {
		(void)snprintf(text, sizeof(text), "%" PRId64 " new ones",
		    ecc - d->ecc);
		d->ecc = ecc;
		gpu_fault(d, FAULT_ECC, text);
	}
	d->ecc = ecc;
	if (failed == 1 && d->remap_failed != 1) {
		d->remap_failed = failed;
		gpu_fault(d, FAULT_REMAP, "");
	}
	d->remap_failed = failed;
}

static void
read_device(struct gpus *g, const json_t *o)
{
	const char *uuid = text_of(o, "uuid");
	struct gpu_dev *d = gpu_dev_find(g, uuid, strlen(uuid));

	if (d == NULL)
		return;
	(void)snprintf(d->sick, sizeof(d->sick), "%s", text_of(o, "sick"));
	d->sampled = true;
	if (d->sick[0] != '\0')
		return;         /* the rest is what it was before */
	d->total = (uint64_t)int_of(o, "total", 0);
	d->used = (uint64_t)int_of(o, "used", 0);
	d->free = (uint64_t)int_of(o, "free", 0);
	d->temperature = (int)int_of(o, "temperature", -1);
	d->utilization = (int)int_of(o, "utilization", -1);
	if (d->mig_parent)
		d->nprocs = 0;  /* they are on its MIG devices */
	else
		read_processes(d, json_object_get(o, "procs"));
	weigh(d);
	read_errors(d, o);
}

static void
read_sample(struct gpus *g, const json_t *o)
{
	const json_t *list = json_object_get(o, "gpus");
	int64_t seq = int_of(o, "seq", 0), kmsg = int_of(o, "kmsg", -1);
	size_t i;

	if (g->prober.was_down && (kmsg < 0 || g->prober.kmsg < 0))
		gpu_doubt_all(g);
	g->prober.was_down = false;
	g->prober.kmsg = kmsg;

	for (i = 0; i < json_array_size(list); i++)
		read_device(g, json_array_get(list, i));
	/* devices that were listed once and are not any more */
	for (i = 0; i < g->n; i++)
		if (!g->d[i]->listed)
			g->d[i]->sampled = true;
	if (seq > 0 && (uint64_t)seq <= g->prober.asked &&
	    (uint64_t)seq > g->prober.seen)
		g->prober.seen = (uint64_t)seq;
	gpu_sampled(g);
}

int
gpu_line(struct gpus *g, const char *text, size_t n)
{
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	const char *ev = text_of(o, "ev");
	struct gpu_dev *d;
	int r = 0;

	if (strcmp(ev, "list") == 0)
		r = read_list(g, text, n);
	else if (strcmp(ev, "sample") == 0)
		read_sample(g, o);
	else if (strcmp(ev, "xid") == 0) {
		d = gpu_dev_find(g, text_of(o, "uuid"),
		    strlen(text_of(o, "uuid")));
		if (d != NULL && json_is_true(json_object_get(o, "late")))
			gpu_xid_late(d, (unsigned)int_of(o, "xid", 0));
		else if (d != NULL)
			gpu_xid(d, (unsigned)int_of(o, "xid", 0));
	} else
		r = -ERR_SYNTAX;
	json_decref(o);
	return (r);
}

/* ---- what slots have ---- */

uint64_t
gpu_used_by(const struct gpu_dev *d, unsigned slot)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < d->nprocs; i++)
		if (d->procs[i].slot == (int)slot && d->procs[i].bytes > 0)
			sum += (uint64_t)d->procs[i].bytes;
	return (sum);
}

/* That process may be one of the slot's last child. One that is dead and was
 * never seen alive came and went between two samples: if it is younger than
 * the child it may have been a child's. */
static bool
may_be_of(const struct proc *p, const struct gpu_proc *q)
{
	return (q->slot == (int)p->slot.index ||
	    (q->slot < 0 && q->dead && !q->helper && q->first > p->spawned));
}

static bool
is_back(const struct proc *p, const struct gpu_dev *d)
{
	unsigned i;

	for (i = 0; i < d->nprocs; i++)
		if (may_be_of(p, &d->procs[i]))
			return (false);
	return (d->loose < 0 || d->loose <= d->loose_base + LOOSE_SLACK);
}

enum gpu_release
gpu_released(struct proc *p)
{
	struct gpus *g = p->sup->gpus;
	const struct gpu_dev *d;
	enum gpu_release r = GPU_BACK;
	unsigned k;

	if (p->where.devices[0] == '\0' || g == NULL)
		return (GPU_BACK);
	if (gpu_fit(p, NULL) == GPU_UNFIT)
		return (GPU_UNUSABLE);
	if (p->gpu_asked == 0)
		p->gpu_asked = gpu_prober_ask(g);
	if (g->prober.state != PROBER_UP || g->prober.seen < p->gpu_asked ||
	    (p->slot.why == WHY_DIED && !TAILQ_EMPTY(&p->jobs) &&
	    mono_now() - p->freed_since < GPU_DOUBT_MIN))
		return (GPU_NOT_YET);
	for (k = 0; (d = gpu_of_slot(p, k)) != NULL; k++)
		if (!is_back(p, d))
			r = GPU_NOT_YET;
	p->gpu_asked = r == GPU_BACK ? 0 : gpu_prober_ask(g);
	return (r);
}

void
gpu_put_held(const struct proc *p, struct buf *b)
{
	const struct gpus *g = p->sup->gpus;
	const struct gpu_dev *d;
	const struct gpu_proc *q;
	const char *why;
	unsigned k;

	if (p->where.devices[0] == '\0' || g == NULL)
		return;
	if (gpu_fit(p, &why) == GPU_UNFIT) {
		(void)buf_puts(b, why);
		return;
	}
	if (g->prober.state != PROBER_UP)
		(void)buf_printf(b, "the GPU prober is %s, so its GPU memory "
		    "can't be checked", g->prober.state == PROBER_DOWN ?
		    "down" : "not up");
	for (k = 0; (d = gpu_of_slot(p, k)) != NULL; k++) {
		if (is_back(p, d))
			continue;
		(void)buf_printf(b, "%sGPU %u memory is not back:",
		    b->len > 0 ? "; " : "", d->index);
		for (q = d->procs; q < d->procs + d->nprocs; q++)
			if (may_be_of(p, q))
				(void)buf_printf(b, " pid %d (%s)%s has %"
				    PRId64 " MiB", (int)q->pid, q->name,
				    q->dead ? ", dead," : "",
				    q->bytes >> 20);
		if (d->loose > d->loose_base + LOOSE_SLACK)
			(void)buf_printf(b, " %" PRId64 " MiB that no process "
			    "has", (d->loose - d->loose_base) >> 20);
	}
}
