/*
 * ganger plan: which cores, node and GPUs each slot of a configuration has on
 * this host, or on a recorded one. Needs neither Redis nor a daemon; GPUs are
 * listed by the prober, in a process of its own.
 */
#include "config.h"

#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fd.h"
#include "conf/conf.h"
#include "place/gpu.h"
#include "place/plan.h"
#include "place/topo.h"

#define LIST_BYTES (4u << 20)
#define TEXT_BYTES (64u << 20)

static void
read_gpus(const char *path, struct gpu_list *gpus)
{
	char *text;
	size_t n;
	int r;

	if ((r = fd_slurp(path, LIST_BYTES, &text, &n)) != 0)
		cli_die(CLI_FAILED, "could not read %s: %s", path,
		    err_text(r));
	if (gpu_list_parse(text, n, gpus) != 0)
		cli_die(CLI_FAILED, "%s: %s", path, gpus->why);
	free(text);
}

/* Of the file, else of this host if it is this host's plan and wants any;
 * false: they are not known. */
static bool
get_gpus(struct cli *cli, struct gpu_list *gpus)
{
	if (cli_has(cli, OPT_GPUS)) {
		read_gpus(cli_text(cli, OPT_GPUS), gpus);
		return (true);
	}
	if (cli_has(cli, OPT_TOPOLOGY) || !plan_wants_gpus(cli_conf(cli)))
		return (false);
	/* what went wrong is in the list, and the plan says it */
	(void)gpu_list_probe(gpu_prober(), GPU_LIST_WAIT, gpus);
	return (true);
}

static struct topo *
get_topology(struct cli *cli)
{
	const char *file = cli_text(cli, OPT_TOPOLOGY);
	struct topo *t;
	struct buf why;
	int r;

	buf_init(&why, 4096);
	r = file != NULL ? topo_file(file, &t, &why) : topo_host(&t, &why);
	if (r != 0)
		cli_die(CLI_FAILED, "%s", buf_cstr(&why));
	buf_fini(&why);
	return (t);
}

static void
print(struct cli *cli, struct plan *p, const struct topo *t,
    const struct gpu_list *gpus)
{
	struct buf b;

	buf_init(&b, TEXT_BYTES);
	if (cli_json(cli)) {
		plan_json(p, t, gpus, &b);
		(void)buf_putc(&b, '\n');
	} else
		plan_text(p, t, gpus, &b);
	(void)fputs(buf_cstr(&b), stdout);
	(void)fflush(stdout);
	if (!cli_json(cli) && p->nwarnings > 0)
		(void)fprintf(stderr, "\nwarnings:\n%s",
		    buf_cstr(&p->warnings));
	buf_fini(&b);
}

int
cmd_plan(struct cli *cli)
{
	const struct conf *c = cli_conf(cli);
	struct topo *t = get_topology(cli);
	struct gpu_list gpus = { .gpus = NULL };
	bool listed = get_gpus(cli, &gpus);
	int r = CLI_OK;
	struct buf problems;
	struct plan *p;

	buf_init(&problems, TEXT_BYTES);
	if (plan_make(c, t, listed ? &gpus : NULL, &p, &problems) != 0) {
		(void)fputs(buf_cstr(&problems), stderr);
		cli_warn("this plan is not possible on %s", t->what);
		r = CLI_FAILED;
	} else
		print(cli, p, t, listed ? &gpus : NULL);
	plan_free(&p);
	buf_fini(&problems);
	gpu_list_fini(&gpus);
	topo_free(&t);
	return (r);
}
