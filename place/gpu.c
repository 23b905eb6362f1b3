/*
 * Reads the prober's list of GPUs. See gpu.h. What the prober writes is
 * checked like anything from another process: lengths, counts, and parents
 * that must exist.
 */
#include "config.h"

#include "place/gpu.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/part.h"
#include "base/str.h"
#include "base/xalloc.h"

const char *
gpu_prober(void)
{
	static char *found;   /* for the life of the process */
	const char *given = getenv("GANGER_GPUPROBE");

	if (given != NULL && given[0] != '\0')
		return (given);
	if (found == NULL)
		found = part_path(LIBEXECDIR, "", "ganger-gpuprobe");
	return (found);
}

void
gpu_list_fini(struct gpu_list *l)
{
	free(l->gpus);
	memset(l, 0, sizeof(*l));
}

/* A member of the right kind that fits, or false; absent is "". */
static bool
read_text(const json_t *o, const char *key, char *out, size_t size)
{
	const json_t *v = json_object_get(o, key);

	out[0] = '\0';
	if (v == NULL)
		return (true);
	if (!json_is_string(v) || json_string_length(v) >= size ||
	    strlen(json_string_value(v)) != json_string_length(v))
		return (false);
	memcpy(out, json_string_value(v), json_string_length(v) + 1);
	return (true);
}

static bool
read_number(const json_t *o, const char *key, int64_t min, int64_t max,
    int64_t absent, int64_t *vp)
{
	const json_t *v = json_object_get(o, key);

	*vp = absent;
	if (v == NULL)
		return (true);
	if (!json_is_integer(v))
		return (false);
	*vp = json_integer_value(v);
	return (*vp >= min && *vp <= max);
}

/* NULL, or the key that is bad. */
static const char *
read_gpu(const json_t *o, struct gpu *g)
{
	struct {
		const char *key;
		char *out;
		size_t size;
	} texts[] = {
		{ "uuid", g->uuid, sizeof(g->uuid) },
		{ "pci", g->pci, sizeof(g->pci) },
		{ "name", g->name, sizeof(g->name) },
		{ "cpus", g->cpus, sizeof(g->cpus) },
		{ "mode", g->mode, sizeof(g->mode) },
		{ "sick", g->sick, sizeof(g->sick) },
	};
	int64_t index, instance, total, free_now, node, parent;
	unsigned i;

	for (i = 0; i < NELEM(texts); i++)
		if (!read_text(o, texts[i].key, texts[i].out, texts[i].size))
			return (texts[i].key);
	if (g->uuid[0] == '\0')
		return ("uuid");
	if (!read_number(o, "index", 0, GPU_LIST_MAX, -1, &index) || index < 0)
		return ("index");
	if (!read_number(o, "instance", -1, GPU_LIST_MAX, -1, &instance))
		return ("instance");
	if (!read_number(o, "memory_total", 0, INT64_MAX, 0, &total) ||
	    !read_number(o, "memory_free", 0, INT64_MAX, 0, &free_now))
		return ("memory");
	if (!read_number(o, "node", -1, INT_MAX, -1, &node))
		return ("node");
	if (!read_number(o, "parent", 0, GPU_LIST_MAX, 0, &parent))
		return ("parent");
	g->index = (unsigned)index;
	g->instance = (int)instance;
	g->memory_total = (uint64_t)total;
	g->memory_free = (uint64_t)free_now;
	g->node = (int)node;
	g->parent = (unsigned)parent;
	g->mig = json_is_true(json_object_get(o, "mig"));
	g->mig_parent = json_is_true(json_object_get(o, "mig_parent"));
	g->ecc = json_is_true(json_object_get(o, "ecc"));
	return (NULL);
}

static int
refuse(struct gpu_list *out, const char *what)
{
	free(out->gpus);
	out->gpus = NULL;
	out->ngpus = 0;
	(void)snprintf(out->why, sizeof(out->why),
	    "the list of GPUs can't be read: %.128s", what);
	return (-ERR_SYNTAX);
}

static int
read_gpus(const json_t *list, struct gpu_list *out)
{
	size_t i, n = json_array_size(list);
	const char *bad;
	struct gpu *g;

	if (n > GPU_LIST_MAX)
		return (refuse(out, "too many devices"));
	out->gpus = xcalloc(n == 0 ? 1 : n, sizeof(*out->gpus));
	for (i = 0; i < n; i++) {
		g = &out->gpus[i];
		if ((bad = read_gpu(json_array_get(list, i), g)) != NULL)
			return (refuse(out, bad));
		if (g->mig && (g->parent >= i ||
		    !out->gpus[g->parent].mig_parent))
			return (refuse(out, "a MIG device without its GPU"));
		out->ngpus++;
	}
	return (0);
}

int
gpu_list_parse(const char *text, size_t n, struct gpu_list *out)
{
	json_error_t error;
	const json_t *list;
	int64_t cuda;
	json_t *o;
	int rc;

	memset(out, 0, sizeof(*out));
	if ((o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error)) == NULL)
		return (refuse(out, error.text));
	list = json_object_get(o, "gpus");
	if (!json_is_array(list) ||
	    !read_text(o, "driver", out->driver, sizeof(out->driver)) ||
	    !read_text(o, "why", out->why, sizeof(out->why)) ||
	    !read_number(o, "cuda", 0, INT_MAX, 0, &cuda)) {
		rc = refuse(out, "not an object with gpus");
	} else {
		out->cuda = (int)cuda;
		rc = read_gpus(list, out);
	}
	json_decref(o);
	return (rc);
}

bool
gpu_usable(const struct gpu *g)
{
	return (!g->mig_parent && g->sick[0] == '\0');
}

unsigned
gpu_list_physical(const struct gpu_list *l)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < l->ngpus; i++)
		n += !l->gpus[i].mig;
	return (n);
}

static bool
is_number(const char *word)
{
	return (word[0] != '\0' && word[strspn(word, "0123456789")] == '\0');
}

static bool
is_named(const struct gpu *g, const char *word)
{
	int64_t index;

	if (is_number(word))
		return (!g->mig && str_int(word, &index) == 0 &&
		    index == g->index);
	/* a few letters more than the kind, as CUDA_VISIBLE_DEVICES has it */
	return (strlen(word) > 4 &&
	    strncasecmp(g->uuid, word, strlen(word)) == 0);
}

static void
say_none(const struct gpu_list *l, const char *word, struct buf *why)
{
	unsigned n = gpu_list_physical(l);

	if (l->ngpus == 0)
		(void)buf_printf(why, "this host has no GPU that can be "
		    "used: %s", l->why[0] != '\0' ? l->why : "none is there");
	else if (is_number(word))
		(void)buf_printf(why, "there is no GPU %s: this host has %u, "
		    "numbered 0 to %u", word, n, n - 1);
	else
		(void)buf_printf(why, "there is no GPU %s among the %zu of "
		    "this host", word, l->ngpus);
}

const struct gpu *
gpu_list_find(const struct gpu_list *l, const char *word, struct buf *why)
{
	const struct gpu *found = NULL;
	size_t i;

	for (i = 0; i < l->ngpus; i++) {
		if (!is_named(&l->gpus[i], word))
			continue;
		if (found != NULL) {
			(void)buf_printf(why, "%s may be GPU %s or %s", word,
			    found->uuid, l->gpus[i].uuid);
			return (NULL);
		}
		found = &l->gpus[i];
	}
	if (found == NULL)
		say_none(l, word, why);
	else if (found->mig_parent)
		(void)buf_printf(why, "GPU %s is split by MIG: name its MIG "
		    "devices", word);
	else if (found->sick[0] != '\0')
		(void)buf_printf(why, "GPU %s can't be used: %s", word,
		    found->sick);
	return (found != NULL && gpu_usable(found) ? found : NULL);
}
