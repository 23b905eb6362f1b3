/*
 * ganger-child: the process that serves one slot. gangerd starts it; users
 * never do. Reads its start-up packet, takes its place, loads its plugins,
 * says hello and serves credits until it is told to leave.
 *
 * Diagnostics: a line on stderr (which is the log of whatever runs here), a
 * BUG frame once the link is up, and an exit status of CHILD_EXIT_TABLE.
 */
#include "config.h"

#include <sys/prctl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/mempol.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "child/child.h"
#include "child/dirs.h"
#include "child/link.h"
#include "child/loop.h"
#include "child/model_cache.h"
#include "child/plugin.h"
#include "child/report.h"
#include "child/sandbox.h"
#include "child/spawn.h"
#include "child/start.h"
#include "child/trim.h"
#include "child/watchdog.h"

#define LAST_WORDS_MS 1000 /* for frames under way when the child leaves */
#define KILL_LIMIT (1 * DUR_S)

static void
ignore_signal(int sig)
{
}

/*
 * The supervisor speaks by frames and by KILL; a TERM to the whole group is
 * for the job. Handled and not ignored, because exec passes "ignored" on to
 * what plugins start. SIGCHLD only has to interrupt the loop's poll.
 */
static void
set_signals(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGPIPE,
	    SIGUSR1, SIGUSR2, SIGCHLD };
	struct sigaction sa;
	sigset_t none;
	unsigned i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = ignore_signal;
	sa.sa_flags = SA_RESTART | SA_NOCLDSTOP;
	for (i = 0; i < NELEM(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static char *
read_affinity(void)
{
	struct cpus cpus;
	struct buf b;
	char *text;

	buf_init(&b, 64u << 10);
	if (cpus_get_affinity(0, &cpus) == 0)
		cpus_put(&b, &cpus);
	text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return (text);
}

static char *
read_mempol(void)
{
	struct mempol m;
	struct buf b;
	char *text;

	buf_init(&b, 64u << 10);
	if (mempol_get(&m) == 0)
		mempol_put(&b, &m);
	text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return (text);
}

static char **
copy_environment(void)
{
	unsigned n = 0;
	char **v;

	while (environ[n] != NULL)
		n++;
	v = xcalloc(n + 1, sizeof(*v));
	memcpy(v, environ, n * sizeof(*v));
	return (v);
}

static int
fail_start(struct child *c, struct buf *why, int code)
{

	child_say("%s", buf_cstr(why));
	if (c->link != NULL)
		report_bug(c, buf_cstr(why));
	return (code);
}

static int
take_place(struct child *c, struct buf *why)
{
	struct page *page;

	if (start_audit(why) != 0 || start_receive(&c->start, why) != 0 ||
	    start_map_page(0, &page, why) != 0)
		return (fail_start(c, why, CHILD_EXIT_STARTUP));
	c->words = &page->slot[0];
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
		buf_puts(why, "could not become a subreaper");
		return (fail_start(c, why, CHILD_EXIT_STARTUP));
	}
	c->cpus = read_affinity();
	c->memory = read_mempol();
	c->env = copy_environment();
	setenv("GANGER_MODEL_DIR", c->start->model_dir, 1);
	c->models = model_cache_new(c->start->max_models, plugin_unload);
	return (0);
}

/* Before there are threads, which would stay outside. */
static int
confine(struct child *c, struct buf *why)
{

	if (sandbox_child(c, why) != 0)
		return (fail_start(c, why, CHILD_EXIT_STARTUP));
	return (0);
}

static void
on_link(struct child *c, void *arg, short revents)
{
	c->link_hinted = true;
}

static int
join(struct child *c, struct buf *why)
{
	char identity[32];

	start_identity(identity, c->start->slot, c->start->gen);
	if (link_open(c->start->endpoint, identity, &c->link) != 0) {
		buf_printf(why, "no link to %s: %s", c->start->endpoint,
		    link_error());
		return (fail_start(c, why, CHILD_EXIT_LINK));
	}
	c->link_watch = (struct watch){ link_fd(c->link), POLLIN, on_link,
	    NULL };
	child_watch(c, &c->link_watch);
	if (watchdog_start(c->words, report_late, c, &c->watchdog) != 0) {
		buf_printf(why, "could not start the watchdog: %s",
		    err_text(-ERR_SYSTEM));
		return (fail_start(c, why, CHILD_EXIT_STARTUP));
	}
	return (0);
}

static const struct kind *const kinds[HANDLER_NKINDS] = {
	[HANDLER_COMMAND] = &kind_command,
	[HANDLER_RUNNER] = &kind_runner,
	[HANDLER_PLUGIN] = &kind_plugin,
};

static int
open_handlers(struct child *c, struct buf *why)
{
	struct child_handler *h;
	unsigned i;
	int code;

	dirs_sweep(c->start);
	c->handlers = xcalloc(c->start->nhandlers + 1, sizeof(*c->handlers));
	for (i = 0; i < c->start->nhandlers; i++) {
		h = &c->handlers[i];
		h->conf = &c->start->handlers[i];
		ASSERT(h->conf->kind < HANDLER_NKINDS);
		h->kind = kinds[h->conf->kind];
		if ((code = h->kind->open(c, h, why)) != 0)
			return (fail_start(c, why, code));
	}
	return (0);
}

static int
serve(struct child *c)
{
	struct buf why;
	int code;

	buf_init(&why, 8192);
	if ((code = take_place(c, &why)) == 0 &&
	    (code = confine(c, &why)) == 0 &&
	    (code = join(c, &why)) == 0 &&
	    (code = open_handlers(c, &why)) == 0) {
		trim_memory();
		report_hello(c);
		code = loop_run(c);
	}
	buf_fini(&why);
	return (code);
}

/* Handlers first: a runner may still need its environment. */
static void
leave(struct child *c)
{
	unsigned i;

	for (i = 0; c->handlers != NULL && i < c->start->nhandlers; i++) {
		if (c->handlers[i].state != NULL)
			c->handlers[i].kind->close(c, &c->handlers[i]);
		spawn_user_free(&c->handlers[i].user);
	}
	tree_kill_all(KILL_LIMIT);
	credit_free(&c->credit);
	for (i = 0; i < c->nnext; i++)
		credit_free(&c->next[i]);
	model_cache_free(&c->models);
	link_close(&c->link, LAST_WORDS_MS);
	free(c->handlers);
	free(c->watches);
	free(c->env);
	free(c->cpus);
	free(c->memory);
	start_free(&c->start);
}

int
main(int argc, char **argv)
{
	struct child c;
	int code;

	/* idle children are many: one arena each, and thresholds that give
	 * what a large job took back to the system */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	set_signals();
	memset(&c, 0, sizeof(c));
	c.magic = CHILD_MAGIC;
	c.alarm = MONO_NEVER;
	pthread_mutex_init(&c.held_lock, NULL);
	code = serve(&c);
	leave(&c);
	return (code);
}
