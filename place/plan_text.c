/*
 * A plan for people: a table of the slots, then the host as a picture, one
 * cell per core in the order of nearness, a line per shared cache.
 */
#include "config.h"

#include "place/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "base/xalloc.h"
#include "place/gpu.h"
#include "place/topo.h"

#define CELLS_MAX 16    /* of a line */
#define COLS 6

struct drawing {
	const struct plan *p;
	const struct topo *t;
	const struct gpu_list *gpus;    /* may be NULL */
	struct buf *b;
	unsigned cell;                  /* width */
	int label;                      /* width of a line's list of CPUs */
};

/* "3", or "3.1" for a MIG device. */
static void
gpu_name(const struct gpu *g, char *out, size_t size)
{
	if (g->mig)
		(void)snprintf(out, size, "%u.%d", g->index, g->instance);
	else
		(void)snprintf(out, size, "%u", g->index);
}

static void
slot_gpus(const struct drawing *d, const struct plan_slot *s, char *out,
    size_t size)
{
	char name[32];
	unsigned i;
	size_t n;

	(void)snprintf(out, size, "%s", s->ngpus == 0 ? "-" : "");
	for (i = 0; i < s->ngpus; i++) {
		gpu_name(&d->gpus->gpus[s->gpus[i]], name, sizeof(name));
		n = strlen(out);
		(void)snprintf(out + n, size - n, "%s%s", i > 0 ? "," : "",
		    name);
	}
}

/* ---- table ---- */

typedef char row_t[COLS][256];

static void
fill_row(const struct drawing *d, unsigned slot, row_t row)
{
	const struct plan_slot *s = &d->p->slots[slot];

	(void)snprintf(row[0], sizeof(row[0]), "%u", slot);
	(void)snprintf(row[1], sizeof(row[1]), "%.200s/%u", s->pool, s->at);
	(void)snprintf(row[2], sizeof(row[2]), "%u%s%s%s", s->ncores,
	    s->kind[0] != '\0' ? " " : "", s->kind,
	    s->shared ? " shared" : "");
	(void)snprintf(row[3], sizeof(row[3]), "%.250s", s->nodes);
	slot_gpus(d, s, row[4], sizeof(row[4]));
	(void)snprintf(row[5], sizeof(row[5]), "%.250s", s->cpus_text);
}

static void
print_row(struct buf *b, row_t row, const size_t width[COLS])
{
	unsigned i;

	for (i = 0; i + 1 < COLS; i++)
		(void)buf_printf(b, "%-*s  ", (int)width[i], row[i]);
	(void)buf_printf(b, "%s\n", row[COLS - 1]);
}

static void
draw_table(const struct drawing *d)
{
	row_t head = { "SLOT", "NAME", "CORES", "NODE", "GPU", "CPUS" };
	size_t width[COLS], n;
	unsigned i, k;
	row_t row;

	for (k = 0; k < COLS; k++)
		width[k] = strlen(head[k]);
	for (i = 0; i < d->p->nslots; i++) {
		fill_row(d, i, row);
		for (k = 0; k < COLS; k++)
			width[k] = (n = strlen(row[k])) > width[k] ? n :
			    width[k];
	}
	print_row(d->b, head, width);
	for (i = 0; i < d->p->nslots; i++) {
		fill_row(d, i, row);
		print_row(d->b, row, width);
	}
}

static void
draw_rest(const struct drawing *d)
{
	const struct plan *p = d->p;

	(void)buf_puts(d->b, "daemon on CPUs ");
	(void)cpus_put(d->b, cpus_count(&p->keeper) > 0 ? &p->keeper :
	    &p->usable);
	(void)buf_puts(d->b, cpus_count(&p->keeper) > 0 ? "" :
	    ", those of the slots too");
	(void)buf_puts(d->b, "; left over: ");
	if (cpus_count(&p->left) > 0)
		(void)cpus_put(d->b, &p->left);
	else
		(void)buf_puts(d->b, "none");
	(void)buf_puts(d->b, "\n");
}

/* ---- picture ---- */

static void
core_set(const struct drawing *d, unsigned core, const struct cpus *of,
    struct cpus *out)
{
	cpus_clear(out);
	(void)topo_core_cpus(d->t, core, of, out);
}

static bool
has_core(const struct drawing *d, unsigned core, const struct cpus *of)
{
	struct cpus set;

	core_set(d, core, of, &set);
	return (cpus_count(&set) > 0);
}

static void
draw_cell(const struct drawing *d, unsigned core)
{
	unsigned i, n = 0, first = 0;
	char text[16];

	for (i = 0; i < d->p->nslots; i++)
		if (has_core(d, core, &d->p->slots[i].cpus) && n++ == 0)
			first = i;
	if (n > 0)
		(void)snprintf(text, sizeof(text), "%u%s", first,
		    n > 1 ? "+" : "");
	else
		(void)snprintf(text, sizeof(text), "%s",
		    has_core(d, core, &d->p->keeper) ? "d" :
		    has_core(d, core, &d->p->left) ? "-" : "x");
	(void)buf_printf(d->b, "%*s", (int)d->cell, text);
}

/* How many cores from this one on go into one line. */
static unsigned
line_length(const struct topo *t, unsigned from)
{
	const struct topo_core *a = &t->cores[from], *c;
	unsigned n = 0;

	for (c = a; c < t->cores + t->ncores && n < CELLS_MAX; c++, n++)
		if (c->cache != a->cache || c->node != a->node ||
		    c->package != a->package || c->kind != a->kind)
			break;
	return (n);
}

static void
line_label(const struct drawing *d, unsigned from, unsigned n, struct buf *b)
{
	struct cpus set;
	unsigned i, k;

	cpus_clear(&set);
	for (i = from; i < from + n; i++)
		for (k = 0; k < d->t->cores[i].ncpus; k++)
			cpus_add(&set, d->t->cores[i].cpu[k]);
	buf_reset(b);
	(void)buf_puts(b, "CPU ");
	(void)cpus_put(b, &set);
	if (d->t->nkinds > 1)
		(void)buf_printf(b, " %s", topo_kind_name(d->t,
		    d->t->cores[from].kind));
}

static void
measure(struct drawing *d)
{
	unsigned i, n, most = d->p->nslots;
	struct buf b;

	d->cell = 3;
	for (i = 1; most >= 10; i++, most /= 10)
		d->cell = i + 3;
	buf_init(&b, 64u << 10);
	for (i = 0; i < d->t->ncores; i += n) {
		n = line_length(d->t, i);
		line_label(d, i, n, &b);
		if ((int)b.len > d->label)
			d->label = (int)b.len;
	}
	buf_fini(&b);
}

static void
draw_gpu(const struct drawing *d, const struct gpu *g)
{
	unsigned i, k, n = 0, at = (unsigned)(g - d->gpus->gpus);
	char name[32];

	gpu_name(g, name, sizeof(name));
	(void)buf_printf(d->b, "  %sGPU %s%s%s%s: ", g->mig ? "  MIG " : "",
	    name, g->name[0] != '\0' ? " (" : "", g->name,
	    g->name[0] != '\0' ? ")" : "");
	for (i = 0; i < d->p->nslots; i++)
		for (k = 0; k < d->p->slots[i].ngpus; k++)
			if (d->p->slots[i].gpus[k] == at)
				(void)buf_printf(d->b, "%s%u",
				    n++ == 0 ? "slot " : " ", i);
	(void)buf_puts(d->b, n > 0 ? "" : g->mig_parent ? "split by MIG" :
	    g->sick[0] != '\0' ? g->sick : "-");
	(void)buf_puts(d->b, "\n");
}

/* node -1: those of nodes that no core has. */
static void
draw_gpus(const struct drawing *d, int node)
{
	bool known;
	size_t i;
	unsigned k;

	for (i = 0; d->gpus != NULL && i < d->gpus->ngpus; i++) {
		known = false;
		for (k = 0; k < d->t->ncores; k++)
			known = known || d->t->node_os[d->t->cores[k].node] ==
			    d->gpus->gpus[i].node;
		if (node >= 0 ? d->gpus->gpus[i].node == node : !known)
			draw_gpu(d, &d->gpus->gpus[i]);
	}
}

static void
draw_picture(const struct drawing *d)
{
	const struct topo_core *c, *last = NULL;
	unsigned i, k, n;
	struct buf b;

	buf_init(&b, 64u << 10);
	for (i = 0; i < d->t->ncores; i += n, last = c) {
		c = &d->t->cores[i];
		if (last == NULL || c->package != last->package ||
		    c->node != last->node) {
			if (last != NULL)
				draw_gpus(d, d->t->node_os[last->node]);
			(void)buf_printf(d->b, "package %u, node %u\n",
			    c->package, d->t->node_os[c->node]);
		}
		n = line_length(d->t, i);
		line_label(d, i, n, &b);
		(void)buf_printf(d->b, "  %-*s ", d->label, buf_cstr(&b));
		for (k = i; k < i + n; k++)
			draw_cell(d, k);
		(void)buf_puts(d->b, "\n");
	}
	if (last != NULL)
		draw_gpus(d, d->t->node_os[last->node]);
	draw_gpus(d, -1);
	buf_fini(&b);
}

void
plan_text(const struct plan *p, const struct topo *t,
    const struct gpu_list *gpus, struct buf *b)
{
	struct drawing d = { .p = p, .t = t, .gpus = gpus, .b = b };

	OBJ_CHECK(p, PLAN_MAGIC);
	draw_table(&d);
	draw_rest(&d);
	(void)buf_printf(b, "\n%s: %u package%s, %u node%s, %u core%s, %u "
	    "CPU%s", t->what, t->npackages, t->npackages == 1 ? "" : "s",
	    t->nnodes, t->nnodes == 1 ? "" : "s", t->ncores,
	    t->ncores == 1 ? "" : "s", t->ncpus, t->ncpus == 1 ? "" : "s");
	if (gpus != NULL)
		(void)buf_printf(b, ", %u GPU%s", gpu_list_physical(gpus),
		    gpu_list_physical(gpus) == 1 ? "" : "s");
	if (t->nkinds > 1)
		(void)buf_puts(b, "\nP: performance cores, E: efficiency "
		    "cores");
	(void)buf_puts(b, "\na cell is a core: its slot (+: shared), d the "
	    "daemon, - left over, x not ours\n");
	measure(&d);
	draw_picture(&d);
}
