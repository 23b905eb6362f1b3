/* The prober's output. See report.h. */
#include "config.h"

#include "gpu/report.h"

#include <stdio.h>
#include <string.h>

#include "base/jsonw.h"

#include "gpu/device.h"

#define MIB (1024.0 * 1024.0)

static void
put_device(struct jsonw *w, const struct device *d)
{
	jsonw_obj(w);
	jsonw_kuint(w, "index", d->index);
	jsonw_kstr(w, "uuid", d->uuid);
	jsonw_kstr(w, "pci", d->pci);
	jsonw_kstr(w, "name", d->name);
	jsonw_kuint(w, "memory_total", d->total);
	jsonw_kuint(w, "memory_free", d->free);
	jsonw_kint(w, "node", d->node);
	jsonw_kstr(w, "cpus", d->cpus);
	jsonw_kstr(w, "mode", d->mode);
	jsonw_kbool(w, "ecc", d->ecc);
	jsonw_kbool(w, "mig", d->mig);
	jsonw_kbool(w, "mig_parent", d->mig_parent);
	if (d->mig) {
		jsonw_kuint(w, "parent", d->parent);
		jsonw_kint(w, "instance", d->instance);
	}
	jsonw_kstr(w, "sick", d->sick);
	jsonw_end(w);
}

void
report_list(struct buf *b, const struct devices *all, bool event)
{
	struct jsonw w;
	unsigned i;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	if (event)
		jsonw_kstr(&w, "ev", "list");
	jsonw_kint(&w, "v", 1);
	jsonw_kstr(&w, "driver", all->driver);
	jsonw_kint(&w, "cuda", all->cuda);
	jsonw_kstr(&w, "why", all->why);
	jsonw_key(&w, "gpus");
	jsonw_arr(&w);
	for (i = 0; i < all->n; i++)
		put_device(&w, &all->d[i]);
	jsonw_end(&w);
	jsonw_end(&w);
}

static void
put_processes(struct jsonw *w, const struct device *d)
{
	unsigned i;

	jsonw_key(w, "procs");
	jsonw_arr(w);
	for (i = 0; i < d->nprocs; i++) {
		jsonw_arr(w);
		jsonw_uint(w, d->procs[i].pid);
		jsonw_int(w, d->procs[i].used == NVML_UNKNOWN_USED ? -1 :
		    (int64_t)d->procs[i].used);
		jsonw_end(w);
	}
	jsonw_end(w);
}

void
report_sample(struct buf *b, const struct devices *all, uint64_t seq,
    int64_t kmsg)
{
	const struct device *d;
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "ev", "sample");
	jsonw_kuint(&w, "seq", seq);
	jsonw_kint(&w, "kmsg", kmsg);
	jsonw_key(&w, "gpus");
	jsonw_arr(&w);
	for (d = all->d; d < all->d + all->n; d++) {
		jsonw_obj(&w);
		jsonw_kstr(&w, "uuid", d->uuid);
		jsonw_kstr(&w, "sick", d->sick);
		jsonw_kuint(&w, "total", d->total);
		jsonw_kuint(&w, "used", d->used);
		jsonw_kuint(&w, "free", d->free);
		jsonw_kint(&w, "temperature", d->temperature);
		jsonw_kint(&w, "utilization", d->utilization);
		jsonw_kint(&w, "ecc", d->ecc_errors);
		jsonw_kint(&w, "remap_pending", d->remap_pending);
		jsonw_kint(&w, "remap_failed", d->remap_failed);
		put_processes(&w, d);
		jsonw_end(&w);
	}
	jsonw_end(&w);
	jsonw_end(&w);
}

void
report_xid(struct buf *b, const char *uuid, uint64_t xid, bool late)
{
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "ev", "xid");
	jsonw_kstr(&w, "uuid", uuid);
	jsonw_kuint(&w, "xid", xid);
	if (late)
		jsonw_kbool(&w, "late", true);
	jsonw_end(&w);
}

static void
put_known(struct buf *b, const char *form, int64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "-");
	if (value >= 0)
		(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	(void)buf_printf(b, form[0] == '5' ? "%5s" : "%4s", text);
}

static void
put_row(struct buf *b, const struct device *d)
{
	char number[24], node[16] = "-";

	(void)snprintf(number, sizeof(number), d->mig ? "%u:%d" : "%u",
	    d->index, d->instance);
	if (d->node >= 0)
		(void)snprintf(node, sizeof(node), "%d", d->node);
	(void)buf_printf(b, "%-5s %-28.28s %-13s %4s ", number, d->name,
	    d->pci, node);
	if (d->mig_parent)
		(void)buf_printf(b, "%17s", "-");
	else
		(void)buf_printf(b, "%8.0f %8.0f", (double)d->free / MIB,
		    (double)d->total / MIB);
	put_known(b, "5", d->temperature);
	put_known(b, "5", d->utilization);
	put_known(b, "4", d->ecc ? d->ecc_errors : -1);
	(void)buf_printf(b, " %5u  %s\n", d->nprocs, d->sick[0] != '\0' ?
	    d->sick : d->mig_parent ? "split by MIG" : d->remap_failed == 1 ?
	    "row remapping failed" : d->remap_pending == 1 ?
	    "rows wait for a reset to be remapped" : "ok");
	(void)buf_printf(b, "      %s  cpus %s  mode %s\n", d->uuid,
	    d->cpus[0] != '\0' ? d->cpus : "?",
	    d->mode[0] != '\0' ? d->mode : "?");
}

void
report_table(struct buf *b, const struct devices *all)
{
	unsigned i, k;

	if (all->driver[0] != '\0')
		(void)buf_printf(b, "driver %s, CUDA %d.%d\n", all->driver,
		    all->cuda / 1000, all->cuda % 1000 / 10);
	if (all->why[0] != '\0')
		(void)buf_printf(b, "no GPU: %s\n", all->why);
	if (all->n > 0)
		(void)buf_puts(b, "GPU   NAME                         PCI    "
		    "       NODE FREE MiB    TOTAL TEMP UTIL  ECC PROCS  "
		    "STATE\n");
	for (i = 0; i < all->n; i++) {
		put_row(b, &all->d[i]);
		for (k = 0; k < all->d[i].nprocs; k++)
			(void)buf_printf(b, "      process %u  %.0f MiB\n",
			    all->d[i].procs[k].pid,
			    all->d[i].procs[k].used == NVML_UNKNOWN_USED ?
			    0. : (double)all->d[i].procs[k].used / MIB);
	}
}
