/*
 * What is decided about GPUs. Reading order: the tables of xid_tbl.h, act()
 * which carries out a class, then the states of a device (gpu_sampled,
 * gpu_tested, look_at_device).
 */
#include "config.h"

#include "supervisor/gpu.h"

#include <sys/wait.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#include "supervisor/gpu_impl.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/stop.h"
#include "supervisor/sup.h"
#include "supervisor/xid_tbl.h"

#define RECHECK_MAX (10 * 60 * DUR_S)  /* the longest wait for a next test */
/* An Xid that was told so shortly before the prober's end is the same one. */
#define TOLD_BEFORE (5 * DUR_S)
#define END_LIMIT (200 * DUR_MS)        /* for killed probers, at the end */

static const struct {
	unsigned number;
	enum gpu_class class;
	const char *text;
} xids[] = {
#define XID(number, class, text) { number, GPU_CLASS_##class, text },
	XID_TABLE(XID)
#undef XID
};

static const struct {
	enum gpu_class class;
	const char *text;
} faults[FAULT_N] = {
#define FAULT(id, class, text) [FAULT_##id] = { GPU_CLASS_##class, text },
	FAULT_TABLE(FAULT)
#undef FAULT
};

const char *
gpu_state_name(enum gpu_state s)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		GPU_STATES(X)
#undef X
	};

	return (names[s]);
}

const char *
gpu_class_name(enum gpu_class c)
{
	static const char *const names[] = {
#define X(id, name) name,
		GPU_CLASSES(X)
#undef X
	};

	return (names[c]);
}

/* ---- devices and slots ---- */

struct gpu_dev *
gpu_dev_find(const struct gpus *g, const char *uuid, size_t n)
{
	unsigned i;

	for (i = 0; i < g->n; i++)
		if (strlen(g->d[i]->uuid) == n &&
		    strncasecmp(g->d[i]->uuid, uuid, n) == 0)
			return (g->d[i]);
	return (NULL);
}

struct gpu_dev *
gpu_of_slot(const struct proc *p, unsigned k)
{
	const struct gpus *g = p->sup->gpus;
	const char *at = p->where.devices;
	size_t n;

	for (;; k--) {
		n = strcspn(at, ",");
		if (n == 0 || g == NULL)
			return (NULL);
		if (k == 0)
			return (gpu_dev_find(g, at, n));
		at += n + (at[n] == ',');
	}
}

unsigned
gpu_slot_devices(const struct proc *p)
{
	const char *at;
	unsigned n = p->where.devices[0] != '\0';

	for (at = p->where.devices; *at != '\0'; at++)
		n += *at == ',';
	return (n);
}

bool
gpu_slot_has(const struct proc *p, const struct gpu_dev *d)
{
	unsigned k, n = gpu_slot_devices(p);

	for (k = 0; k < n; k++)
		if (gpu_of_slot(p, k) == d)
			return (true);
	return (false);
}

/* Some slot of ours has it. */
static bool
is_ours(const struct gpu_dev *d)
{
	const struct sup *sup = d->all->sup;
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && gpu_slot_has(sup->slots[i], d))
			return (true);
	return (false);
}

/* What befalls a GPU befalls its MIG devices. */
static bool
is_part_of(const struct gpu_dev *d, const struct gpu_dev *whole)
{
	return (d == whole || (d->parent >= 0 &&
	    d->all->d[d->parent] == whole));
}

/* ---- what a fault leads to ---- */

static void
enter(struct gpu_dev *d, enum gpu_state to, const char *why)
{
	if ((d->state != to || strcmp(d->why, why) != 0) &&
	    (is_ours(d) || log_wants(LOG_L_DEBUG)))
		log_put(!is_ours(d) ? LOG_L_DEBUG : to == GPU_QUARANTINED ||
		    to == GPU_LOST ? LOG_L_ERR : LOG_L_INFO, "gpu",
		    "gpu=%u uuid=%s from=%s to=%s why=\"%s\"", d->index,
		    d->uuid, gpu_state_name(d->state), gpu_state_name(to),
		    why);
	d->state = to;
	(void)snprintf(d->why, sizeof(d->why), "%s", why);
	d->all->sup->pending.again = true;
}

static void
quarantine(struct gpu_dev *d, const char *why)
{
	struct stats *st = &d->all->sup->stat;
	dur_t wait = d->all->sup->conf->supervisor.gpu_recheck;
	unsigned i;

	if (d->state != GPU_QUARANTINED && d->state != GPU_LOST)
		st->n[STAT_GPU_QUARANTINES]++;
	for (i = 0; i < d->failures && wait < RECHECK_MAX; i++)
		wait *= 2;
	d->failures++;
	d->retry_at = mono_add(mono_now(), wait < RECHECK_MAX ? wait :
	    RECHECK_MAX);
	gpu_test_stop(d);
	enter(d, GPU_QUARANTINED, why);
	sup_wake_at(d->all->sup, d->retry_at);
}

/* Ends what runs on the device, without grace: its state is unknown. */
static void
end_slots(struct gpu_dev *d)
{
	const struct sup *sup = d->all->sup;
	struct proc *p;
	unsigned i;

	for (i = 0; i < sup->nslots; i++) {
		p = sup->slots[i];
		if (p == NULL || !gpu_slot_has(p, d) || (p->slot.state !=
		    SLOT_BUSY && p->slot.state != SLOT_DRAINING &&
		    p->slot.state != SLOT_IDLE &&
		    p->slot.state != SLOT_STARTING))
			continue;
		(void)snprintf(p->gpu_why, sizeof(p->gpu_why), "%s",
		    d->fault);
		slot_event(&p->slot, EV_FENCE, mono_now(), WHY_DEVICE);
	}
}

/* Their context may be the broken one. A command ends with its job. */
static void
renew_slots(struct gpu_dev *d)
{
	const struct sup *sup = d->all->sup;
	struct proc *p;
	unsigned i;

	for (i = 0; i < sup->nslots; i++) {
		p = sup->slots[i];
		if (p != NULL && p->resident && gpu_slot_has(p, d) &&
		    (p->slot.state == SLOT_BUSY || p->slot.state == SLOT_IDLE))
			slot_event(&p->slot, EV_DRAIN, mono_now(), WHY_GPU);
	}
}

static void
drain_host(struct gpu_dev *d, const char *why)
{
	struct sup *sup = d->all->sup;

	(void)snprintf(sup->drain_why, sizeof(sup->drain_why), "%s", why);
	if (sup->mode != MODE_RUNNING)
		return;
	sup->stat.n[STAT_GPU_DRAINS]++;
	log_err("gpu", "the worker drains: %s", why);
	stop_drain(sup);
}

static void
act(struct gpu_dev *whole, enum gpu_class class, const char *why)
{
	struct gpus *g = whole->all;
	struct gpu_dev *d;
	unsigned i;

	for (i = 0; i < g->n; i++) {
		d = g->d[i];
		if (!is_part_of(d, whole))
			continue;
		if (class == GPU_CLASS_APP)
			renew_slots(d);
		if (class < GPU_CLASS_RESTART)
			continue;
		d->fault_at = mono_now();
		(void)snprintf(d->fault, sizeof(d->fault), "%s", why);
		if (class >= GPU_CLASS_DEVICE && d->state != GPU_LOST)
			quarantine(d, why);
		end_slots(d);
	}
	if (class == GPU_CLASS_HOST)
		drain_host(whole, why);
}

static void
count_xid(struct gpu_dev *d, unsigned number)
{
	struct gpu_xid *x = d->xids, *oldest = d->xids;

	for (; x < d->xids + d->nxids && x->number != number; x++)
		if (x->at < oldest->at)
			oldest = x;
	if (x == d->xids + d->nxids) {
		if (d->nxids < GPU_XIDS_MAX)
			d->nxids++;
		else
			x = oldest;
		*x = (struct gpu_xid){ .number = number };
	}
	x->count++;
	x->at = mono_now();
}

void
gpu_xid(struct gpu_dev *d, unsigned number)
{
	enum gpu_class class = GPU_CLASS_NOTE;
	const char *text = "not in our table";
	char why[160];
	size_t i;

	for (i = 0; i < NELEM(xids); i++)
		if (xids[i].number == number) {
			class = xids[i].class;
			text = xids[i].text;
		}
	count_xid(d, number);
	d->all->sup->stat.n[STAT_GPU_XIDS]++;
	(void)snprintf(why, sizeof(why), "GPU %u: Xid %u, %s", d->index,
	    number, text);
	log_put(class >= GPU_CLASS_RESTART ? LOG_L_ERR : LOG_L_WARN, "gpu",
	    "uuid=%s xid=%u class=%s %s", d->uuid, number,
	    gpu_class_name(class), text);
	act(d, class, why);
}

void
gpu_xid_late(struct gpu_dev *d, unsigned number)
{
	const struct gpus *g = d->all;
	const struct gpu_xid *x;

	for (x = d->xids; x < d->xids + d->nxids; x++)
		if (x->number == number && g->prober.deaf_since > 0 &&
		    x->at > g->prober.deaf_since - TOLD_BEFORE)
			return;
	g->sup->stat.n[STAT_GPU_XIDS_LATE]++;
	gpu_xid(d, number);
}

void
gpu_doubt_all(struct gpus *g)
{
	unsigned i;

	if (!g->sup->conf->supervisor.gpu_test)
		return;
	log_warn("gpu", "the kernel's log can't be read, so Xids may have been "
	    "missed: each GPU is tested when nothing runs there");
	for (i = 0; i < g->n; i++)
		g->d[i]->doubted = g->d[i]->state == GPU_GOOD &&
		    !g->d[i]->mig_parent && is_ours(g->d[i]);
}

void
gpu_fault(struct gpu_dev *d, enum gpu_fault fault, const char *detail)
{
	char why[160];

	(void)snprintf(why, sizeof(why), "GPU %u: %s%s%.96s", d->index,
	    faults[fault].text, detail[0] != '\0' ? ": " : "", detail);
	log_err("gpu", "uuid=%s class=%s %s", d->uuid,
	    gpu_class_name(faults[fault].class), why);
	act(d, faults[fault].class, why);
}

/* ---- the states of a device ---- */

static void
become_good(struct gpu_dev *d)
{
	if (d->state == GPU_QUARANTINED || d->state == GPU_LOST ||
	    d->failures > 0)
		d->all->sup->stat.n[STAT_GPU_RECOVERIES]++;
	d->failures = 0;
	d->retry_at = MONO_NEVER;
	enter(d, GPU_GOOD, "");
}

static void
begin_test(struct gpu_dev *d)
{
	if (!is_ours(d) || !d->all->sup->conf->supervisor.gpu_test) {
		become_good(d);
		return;
	}
	gpu_test_start(d);
	if (d->test.pid > 0 && d->state == GPU_UNSEEN)
		enter(d, GPU_TESTING, "");
}

void
gpu_tested(struct gpu_dev *d, const char *why)
{
	d->tested = true;
	d->doubted = false;
	if (why[0] != '\0') {
		d->all->sup->stat.n[STAT_GPU_TESTS_FAILED]++;
		gpu_fault(d, FAULT_TEST, why);
	} else if (d->sick[0] == '\0')
		become_good(d);
}

static void
lose(struct gpu_dev *d, const char *why)
{
	if (d->state == GPU_LOST)
		return;
	gpu_test_stop(d);
	d->all->sup->stat.n[STAT_GPU_QUARANTINES]++;
	(void)snprintf(d->fault, sizeof(d->fault), "GPU %u: %s", d->index,
	    why);
	d->fault_at = mono_now();
	enter(d, GPU_LOST, why);
	end_slots(d);
}

/* No process and no job of anybody: a test takes memory, and where a device
 * is for one process alone it would fail. */
static bool
is_empty(const struct gpu_dev *d)
{
	const struct sup *sup = d->all->sup;
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && sup->slots[i]->njobs > 0 &&
		    gpu_slot_has(sup->slots[i], d))
			return (false);
	return (d->nprocs == 0);
}

static void
look_at_device(struct gpu_dev *d, mono_t now)
{
	if (d->mig_parent || !d->sampled)
		return;
	if (!d->listed || d->sick[0] != '\0') {
		lose(d, d->listed ? d->sick :
		    "the driver does not list it any more");
		return;
	}
	if (d->state == GPU_LOST) {
		/* it answers again: as after a quarantine that is over */
		d->failures = d->failures > 0 ? d->failures : 1;
		enter(d, GPU_QUARANTINED, "it answers again, and is tested");
		d->retry_at = now;
	}
	if (d->test.pid > 0)
		return;
	if (d->state == GPU_UNSEEN ||
	    (d->state == GPU_QUARANTINED && now >= d->retry_at))
		begin_test(d);
	else if (d->state == GPU_GOOD && d->doubted && is_empty(d)) {
		gpu_test_start(d);
		if (d->test.pid > 0)
			enter(d, GPU_TESTING, "");
	}
	if (d->state == GPU_QUARANTINED && d->retry_at > now)
		sup_wake_at(d->all->sup, d->retry_at);
}

/* Slots that wait for their memory, or whose device is fit again. */
static void
look_at_slots(struct gpus *g)
{
	const struct sup *sup = g->sup;
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL && sup->slots[i]->gpu_asked != 0 &&
		    sup->slots[i]->gpu_asked <= g->prober.seen)
			proc_look(sup->slots[i]);
}

void
gpu_sampled(struct gpus *g)
{
	mono_t now = mono_now();
	unsigned i;

	g->sampled_at = now;
	for (i = 0; i < g->n; i++)
		look_at_device(g->d[i], now);
	look_at_slots(g);
	g->sup->pending.again = true;
}

/* ---- life ---- */

/* Children that came up while their device was no good. */
static void
enforce(struct gpus *g)
{
	const struct sup *sup = g->sup;
	const char *why;
	struct proc *p;
	unsigned i;

	for (i = 0; i < sup->nslots; i++) {
		p = sup->slots[i];
		if (p == NULL || p->slot.state != SLOT_IDLE ||
		    gpu_fit(p, &why) != GPU_UNFIT)
			continue;
		(void)snprintf(p->gpu_why, sizeof(p->gpu_why), "%s", why);
		slot_event(&p->slot, EV_FENCE, mono_now(), WHY_DEVICE);
	}
}

void
gpu_phase(struct sup *sup)
{
	struct gpus *g = sup->gpus;
	mono_t now = mono_now();

	gpu_prober_phase(g, now);
	if (g->prober.state == PROBER_OFF)
		return;
	gpu_settle_doubts(g, now);
	enforce(g);
	gpu_keep_phase(g, now);
}

struct gpus *
gpu_open(struct sup *sup)
{
	struct gpus *g = xcalloc(1, sizeof(*g));

	g->magic = GPUS_MAGIC;
	g->sup = sup;
	g->prober.in = g->prober.out = -1;
	g->prober.kmsg = -1;
	TAILQ_INIT(&g->doubts);
	TAILQ_INIT(&g->keeps);
	return (g);
}

/* What was killed is taken away, a prober with those that it started (they
 * come to us when it is gone), so that nothing is left when we end; one that
 * hangs in the driver is not waited for. */
static void
await_end(pid_t group, mono_t until)
{
	const struct timespec ms = { 0, 1000000 };
	pid_t pid;

	while (group > 0 && mono_now() < until &&
	    (pid = waitpid(-group, NULL, WNOHANG)) >= 0)
		if (pid == 0)
			(void)nanosleep(&ms, NULL);
}

void
gpu_close(struct gpus **gp)
{
	mono_t until = mono_add(mono_now(), END_LIMIT);
	struct gpus *g = *gp;
	pid_t pid;
	unsigned i;

	if (g == NULL)
		return;
	OBJ_CHECK(g, GPUS_MAGIC);
	*gp = NULL;
	gpu_keep_free(g);
	pid = g->prober.pid;
	gpu_prober_end(g, "");
	await_end(pid, until);
	for (i = 0; i < g->n; i++) {
		pid = g->d[i]->test.pid;
		gpu_test_stop(g->d[i]);
		await_end(pid, until);
		free(g->d[i]);
	}
	free(g->d);
	g->magic = 0;
	free(g);
}
