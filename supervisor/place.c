/* The place of this daemon. See place.h. */
#include "config.h"

#include "supervisor/place.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "conf/conf.h"

int
place_plan(const struct place *pl, const struct conf *c,
    struct plan **planp, struct buf *problems)
{
	return (plan_make(c, pl->topo, pl->listed ? &pl->gpus : NULL, planp,
	    problems));
}

int
place_open(struct place *pl, const struct conf *c, struct buf *problems)
{
	int r;

	memset(pl, 0, sizeof(*pl));
	if ((r = topo_host(&pl->topo, problems)) != 0) {
		(void)buf_putc(problems, '\n');
		return (r);
	}
	if (plan_wants_gpus(c)) {
		/* what went wrong is in the list, and the plan says it */
		(void)gpu_list_probe(gpu_prober(), GPU_LIST_WAIT, &pl->gpus);
		pl->listed = true;
	}
	return (place_plan(pl, c, &pl->plan, problems));
}

void
place_close(struct place *pl)
{
	plan_free(&pl->plan);
	topo_free(&pl->topo);
	gpu_list_fini(&pl->gpus);
	pl->listed = false;
}

void
place_text(const struct place *pl, struct buf *b)
{
	plan_text(pl->plan, pl->topo, pl->listed ? &pl->gpus : NULL, b);
}

static void
log_warnings(const struct plan *p)
{
	const char *line = p->warnings.data;
	size_t n, left = p->warnings.len;

	for (; left > 0; line += n + 1, left -= n + 1) {
		n = (size_t)((const char *)memchr(line, '\n', left) - line);
		log_warn("place", "%.*s", (int)n, line);
	}
}

/* ZeroMQ's threads too: after a reload they are there already. */
static int
move_threads(const struct cpus *set)
{
	struct dirent *e;
	int r = 0;
	pid_t tid;
	DIR *d;

	if ((d = opendir("/proc/self/task")) == NULL)
		return (cpus_set_affinity(0, set));
	while ((e = readdir(d)) != NULL)
		if ((tid = atoi(e->d_name)) > 0 &&
		    cpus_set_affinity(tid, set) != 0)
			r = -ERR_SYSTEM;
	(void)closedir(d);
	return (r);
}

void
place_begin(const struct place *pl)
{
	const struct cpus *set = cpus_count(&pl->plan->keeper) > 0 ?
	    &pl->plan->keeper : &pl->plan->usable;

	log_warnings(pl->plan);
	if (move_threads(set) != 0)
		log_warn("place", "the daemon can't be kept off the slots' "
		    "CPUs: %s", strerror(errno));
}

void
place_take(struct place *pl, struct plan **planp)
{
	plan_free(&pl->plan);
	pl->plan = *planp;
	*planp = NULL;
	place_begin(pl);
}
