/* Devices in the status object and in /metrics. Reads only. */
#include "config.h"

#include "supervisor/gpu.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/jsonw.h"

#include "supervisor/gpu_impl.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

static void
put_known(struct jsonw *w, const char *key, int64_t value)
{
	jsonw_key(w, key);
	if (value >= 0)
		jsonw_int(w, value);
	else
		jsonw_null(w);
}

static void
put_processes(struct jsonw *w, const struct gpu_dev *d)
{
	const struct gpu_proc *q;

	jsonw_key(w, "processes");
	jsonw_arr(w);
	for (q = d->procs; q < d->procs + d->nprocs; q++) {
		jsonw_obj(w);
		jsonw_kint(w, "pid", q->pid);
		jsonw_kstr(w, "name", q->name);
		put_known(w, "slot", q->slot);
		put_known(w, "memory", q->bytes);
		jsonw_kbool(w, "foreign", q->slot < 0 && !q->helper);
		jsonw_kbool(w, "trespass", q->slot >= 0 &&
		    (unsigned)q->slot < d->all->sup->nslots &&
		    d->all->sup->slots[q->slot] != NULL &&
		    !gpu_slot_has(d->all->sup->slots[q->slot], d));
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void
put_keep(struct jsonw *w, const struct gpu_keep *k)
{
	jsonw_kstr(w, "kept_for", k != NULL ? k->job->id : NULL);
	if (k == NULL)
		return;
	jsonw_kint(w, "kept_since", k->since);
	jsonw_kuint(w, "kept_bytes", k->job->spec.gpu_memory);
}

static void
put_device(struct jsonw *w, const struct gpu_dev *d)
{
	unsigned i;

	jsonw_obj(w);
	jsonw_kuint(w, "index", d->index);
	jsonw_kstr(w, "uuid", d->uuid);
	jsonw_kstr(w, "name", d->name);
	jsonw_kstr(w, "pci", d->pci);
	jsonw_kbool(w, "mig", d->mig);
	jsonw_kstr(w, "state", d->mig_parent ? "split" :
	    gpu_state_name(d->state));
	jsonw_kstr(w, "why", d->why[0] != '\0' ? d->why : NULL);
	put_keep(w, d->keep);
	jsonw_kuint(w, "memory_total", d->total);
	jsonw_kuint(w, "memory_used", d->used);
	jsonw_kuint(w, "memory_free", d->free);
	put_known(w, "temperature", d->temperature);
	put_known(w, "utilization", d->utilization);
	put_known(w, "ecc_errors", d->ecc);
	jsonw_kbool(w, "remap_pending", d->remap_pending == 1);
	jsonw_key(w, "xids");
	jsonw_obj(w);
	for (i = 0; i < d->nxids; i++) {
		char number[16];

		(void)snprintf(number, sizeof(number), "%u",
		    d->xids[i].number);
		jsonw_kuint(w, number, d->xids[i].count);
	}
	jsonw_end(w);
	put_processes(w, d);
	jsonw_end(w);
}

static const char *
prober_name(enum gpu_prober_state s)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		GPU_PROBER_STATES(X)
#undef X
	};

	return (names[s]);
}

void
gpu_put_status(struct jsonw *w, const struct sup *sup)
{
	const struct gpus *g = sup->gpus;
	unsigned i;

	jsonw_key(w, "gpus");
	jsonw_arr(w);
	for (i = 0; g != NULL && i < g->n; i++)
		put_device(w, g->d[i]);
	jsonw_end(w);
	jsonw_key(w, "gpu_prober");
	if (g == NULL || g->prober.state == PROBER_OFF) {
		jsonw_null(w);
		return;
	}
	jsonw_obj(w);
	jsonw_kstr(w, "state", prober_name(g->prober.state));
	jsonw_kstr(w, "why", g->prober.why[0] != '\0' ? g->prober.why : NULL);
	jsonw_kint(w, "pid", g->prober.pid);
	jsonw_kuint(w, "restarts", g->prober.restarts);
	jsonw_kstr(w, "driver", g->driver);
	jsonw_kbool(w, "kernel_log", g->prober.kmsg >= 0);
	jsonw_kint(w, "sample_ms_ago", g->sampled_at == 0 ? -1 :
	    (mono_now() - g->sampled_at) / DUR_MS);
	jsonw_end(w);
}

/* ---- metrics ---- */

static void
put_head(struct buf *b, const char *name, const char *type, const char *help)
{
	(void)buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    type);
}

static void
put_gauges(struct buf *b, const struct gpus *g, const char *name,
    const char *help, int64_t (*get)(const struct gpu_dev *))
{
	unsigned i;

	put_head(b, name, "gauge", help);
	for (i = 0; i < g->n; i++)
		if (!g->d[i]->mig_parent && get(g->d[i]) >= 0)
			(void)buf_printf(b, "%s{gpu=\"%u\",uuid=\"%s\"} %"
			    PRId64 "\n", name, g->d[i]->index, g->d[i]->uuid,
			    get(g->d[i]));
}

static int64_t
total_of(const struct gpu_dev *d)
{
	return ((int64_t)d->total);
}

static int64_t
used_of(const struct gpu_dev *d)
{
	return ((int64_t)d->used);
}

static int64_t
temperature_of(const struct gpu_dev *d)
{
	return (d->temperature);
}

static int64_t
utilization_of(const struct gpu_dev *d)
{
	return (d->utilization);
}

static int64_t
ecc_of(const struct gpu_dev *d)
{
	return (d->ecc);
}

static int64_t
good_of(const struct gpu_dev *d)
{
	return (d->state == GPU_GOOD);
}

void
gpu_put_metrics(struct buf *b, const struct sup *sup)
{
	const struct gpus *g = sup->gpus;
	unsigned i, k;

	if (g == NULL || g->prober.state == PROBER_OFF)
		return;
	put_head(b, "ganger_gpu_prober_up", "gauge",
	    "1 while the GPU prober answers");
	(void)buf_printf(b, "ganger_gpu_prober_up %d\n",
	    g->prober.state == PROBER_UP);
	put_gauges(b, g, "ganger_gpu_good", "1 if jobs may use the device",
	    good_of);
	put_gauges(b, g, "ganger_gpu_memory_total_bytes", "memory of the "
	    "device", total_of);
	put_gauges(b, g, "ganger_gpu_memory_used_bytes", "memory in use, by "
	    "whomever", used_of);
	put_gauges(b, g, "ganger_gpu_temperature_celsius", "temperature",
	    temperature_of);
	put_gauges(b, g, "ganger_gpu_utilization_percent", "time with a "
	    "kernel at work", utilization_of);
	put_gauges(b, g, "ganger_gpu_ecc_errors", "uncorrected ECC errors "
	    "since the driver was loaded", ecc_of);
	put_head(b, "ganger_gpu_xid_total", "counter", "Xid events");
	for (i = 0; i < g->n; i++)
		for (k = 0; k < g->d[i]->nxids; k++)
			(void)buf_printf(b, "ganger_gpu_xid_total{gpu=\"%u\","
			    "uuid=\"%s\",xid=\"%u\"} %" PRIu64 "\n",
			    g->d[i]->index, g->d[i]->uuid,
			    g->d[i]->xids[k].number, g->d[i]->xids[k].count);
}
