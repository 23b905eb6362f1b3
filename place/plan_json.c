/* A plan for programs: what plan_text.c draws, as one JSON object. */
#include "config.h"

#include "place/plan.h"

#include "base/jsonw.h"
#include "base/obj.h"
#include "place/gpu.h"
#include "place/topo.h"

#define LIST_MAX (64u << 10)

static void
put_cpus(struct jsonw *w, const char *key, const struct cpus *set)
{
	struct buf b;

	buf_init(&b, LIST_MAX);
	(void)cpus_put(&b, set);
	jsonw_kstr(w, key, buf_cstr(&b));
	buf_fini(&b);
}

static void
put_slot(struct jsonw *w, const struct plan *p, unsigned i,
    const struct gpu_list *gpus)
{
	const struct plan_slot *s = &p->slots[i];
	unsigned k;

	jsonw_obj(w);
	jsonw_kuint(w, "slot", i);
	jsonw_kstr(w, "pool", s->pool);
	jsonw_kuint(w, "at", s->at);
	jsonw_kstr(w, "cpus", s->cpus_text);
	jsonw_kuint(w, "cores", s->ncores);
	jsonw_kstr(w, "kind", s->kind[0] != '\0' ? s->kind : NULL);
	jsonw_kbool(w, "shared", s->shared);
	jsonw_kstr(w, "nodes", s->nodes);
	jsonw_key(w, "devices");
	jsonw_arr(w);
	for (k = 0; k < s->ngpus; k++)
		jsonw_str(w, gpus->gpus[s->gpus[k]].uuid);
	jsonw_end(w);
	jsonw_end(w);
}

static void
put_core(struct jsonw *w, const struct topo *t, unsigned i)
{
	const struct topo_core *c = &t->cores[i];
	struct cpus set;
	unsigned k;

	cpus_clear(&set);
	for (k = 0; k < c->ncpus; k++)
		cpus_add(&set, c->cpu[k]);
	jsonw_obj(w);
	put_cpus(w, "cpus", &set);
	jsonw_kuint(w, "package", c->package);
	jsonw_kuint(w, "node", t->node_os[c->node]);
	jsonw_kuint(w, "cache", c->cache);
	jsonw_kstr(w, "kind", t->nkinds > 1 ? topo_kind_name(t, c->kind) :
	    NULL);
	jsonw_end(w);
}

static void
put_gpu(struct jsonw *w, const struct gpu *g)
{
	jsonw_obj(w);
	jsonw_kuint(w, "index", g->index);
	jsonw_kstr(w, "uuid", g->uuid);
	jsonw_kstr(w, "name", g->name);
	jsonw_kint(w, "node", g->node);
	jsonw_kstr(w, "cpus", g->cpus);
	jsonw_kuint(w, "memory_total", g->memory_total);
	jsonw_kbool(w, "mig", g->mig);
	jsonw_kbool(w, "usable", gpu_usable(g));
	jsonw_end(w);
}

/* Lines as a list of strings. */
static void
put_lines(struct jsonw *w, const char *key, const struct buf *lines)
{
	struct slice line;
	size_t i, from = 0;

	jsonw_key(w, key);
	jsonw_arr(w);
	for (i = 0; i < lines->len; i++)
		if (lines->data[i] == '\n') {
			line = (struct slice){ lines->data + from, i - from };
			jsonw_slice(w, line);
			from = i + 1;
		}
	jsonw_end(w);
}

void
plan_json(const struct plan *p, const struct topo *t,
    const struct gpu_list *gpus, struct buf *b)
{
	struct jsonw w;
	size_t i;

	OBJ_CHECK(p, PLAN_MAGIC);
	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "host", t->what);
	jsonw_key(&w, "slots");
	jsonw_arr(&w);
	for (i = 0; i < p->nslots; i++)
		put_slot(&w, p, (unsigned)i, gpus);
	jsonw_end(&w);
	put_cpus(&w, "usable", &p->usable);
	put_cpus(&w, "daemon", cpus_count(&p->keeper) > 0 ? &p->keeper :
	    &p->usable);
	put_cpus(&w, "left", &p->left);
	put_lines(&w, "warnings", &p->warnings);
	jsonw_key(&w, "cores");
	jsonw_arr(&w);
	for (i = 0; i < t->ncores; i++)
		put_core(&w, t, (unsigned)i);
	jsonw_end(&w);
	jsonw_key(&w, "gpus");
	jsonw_arr(&w);
	for (i = 0; gpus != NULL && i < gpus->ngpus; i++)
		put_gpu(&w, &gpus->gpus[i]);
	jsonw_end(&w);
	jsonw_end(&w);
}
