/*
 * Upgrade in place, the new process's side. See upgrade.h. Until the old
 * process says go we are nobody: no worker id, no HTTP, no slot.
 */
#include "config.h"

#include "supervisor/upgrade.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "proto/page.h"

#include "supervisor/beat.h"
#include "supervisor/forget.h"
#include "supervisor/http.h"
#include "supervisor/life.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/stop.h"
#include "supervisor/sup.h"

#define VARIABLE "GANGER_HANDOVER"
#define CLEAR_EVERY (20 * DUR_MS)
#define CLEAR_PATIENCE (5 * DUR_S)

bool
heir_open(struct heir *h)
{
	const char *text = getenv(VARIABLE);
	int *fds[] = { &h->sock, &h->pid_fd, &h->http_fd, &h->stderr_fd };
	size_t i;

	*h = (struct heir){ .sock = -1, .pid_fd = -1, .http_fd = -1,
		.stderr_fd = -1 };
	if (text == NULL)
		return (false);
	if (sscanf(text, "1:%d:%d:%d:%d:%199s", &h->sock, &h->pid_fd,
	    &h->http_fd, &h->stderr_fd, h->listen) < 4 || h->sock < 0)
		life_die(78, VARIABLE " is no handover that this version "
		    "understands: stop and start instead");
	for (i = 0; i < NELEM(fds); i++)
		if (*fds[i] >= 0 && fd_cloexec(*fds[i]) != 0)
			life_die(71, VARIABLE " names a descriptor that is "
			    "not open");
	(void)unsetenv(VARIABLE);
	return (true);
}

static void
say(struct sup *sup, const char *word)
{
	if (sup->heir.talk != NULL)
		(void)evbuffer_add_printf(
		    bufferevent_get_output(sup->heir.talk), "%s\n", word);
}

/* ---- slots ---- */

static bool
same_place(const struct heir_slot *o, const struct proc *p)
{
	char *mine;
	bool same;

	if (o->what == NULL)
		return (false);
	mine = str_fmt("%s|%s|%s", p->pool->name, p->where.cpus_text,
	    p->where.devices);
	same = strcmp(mine, o->what) == 0;
	free(mine);
	return (same);
}

/* The slot of the same number and place; where the plan has changed, all. */
bool
heir_holds(const struct sup *sup, const struct proc *p)
{
	const struct heir *h = &sup->heir;
	unsigned i = p->slot.index;

	if (h->waiting)
		return (true);
	if (h->talk == NULL && !h->clearing)
		return (false);
	if (i < h->nold && same_place(&h->old[i], p))
		return (h->old[i].busy);
	for (i = 0; i < h->nold; i++)
		if (h->old[i].busy)
			return (true);
	return (false);
}

static void
start_free(struct sup *sup)
{
	struct proc *p;
	unsigned i;

	if (!sup->heir.up || sup->mode == MODE_STOPPING)
		return;
	for (i = 0; i < sup->nslots; i++)
		if ((p = sup->slots[i]) != NULL && !p->leaving &&
		    p->slot.state == SLOT_DOWN && !heir_holds(sup, p))
			slot_event(&p->slot, EV_START, mono_now(), WHY_NONE);
}

/* "slot 3 pool|0-3|" */
static void
hear_slot(struct sup *sup, const char *rest)
{
	struct heir *h = &sup->heir;
	unsigned long i;
	char *end;

	i = strtoul(rest, &end, 10);
	if (end == rest || *end != ' ' || i >= PAGE_SLOTS_MAX)
		return;
	if (i >= h->nold) {
		h->old = xrealloc(h->old, (i + 1) * sizeof(*h->old));
		memset(h->old + h->nold, 0,
		    (i + 1 - h->nold) * sizeof(*h->old));
		h->nold = (unsigned)i + 1;
	}
	free(h->old[i].what);
	h->old[i] = (struct heir_slot){ true, xstrdup(end + 1) };
}

static void
hear_free(struct sup *sup, const char *rest)
{
	unsigned long i = strtoul(rest, NULL, 10);

	if (i < sup->heir.nold)
		sup->heir.old[i].busy = false;
	start_free(sup);
}

/* ---- words ---- */

static void
hear_drained(struct sup *sup, const char *rest)
{
	sup->heir.draining = true;
}

static void
hear_go(struct sup *sup, const char *rest)
{
	sup->heir.waiting = false;
	if (sup->heir.draining)
		stop_drain(sup);
	if (sup->ready)
		beat_send(sup);
}

/* The service manager knows us now. */
static void
hear_main(struct sup *sup, const char *rest)
{
	notify_ready(sup);
}

static const struct {
	const char *word;
	void (*func)(struct sup *, const char *rest);
} words[] = {
	{ "slot ", hear_slot },
	{ "drained", hear_drained },
	{ "go", hear_go },
	{ "main", hear_main },
	{ "free ", hear_free },
};

static void
talked(struct bufferevent *bev, void *priv)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	char *line;
	size_t i, n;

	while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF)) != NULL) {
		for (i = 0; i < NELEM(words); i++) {
			n = strlen(words[i].word);
			if (strncmp(line, words[i].word, n) == 0) {
				words[i].func(priv, line + n);
				break;
			}
		}
		free(line);
	}
}

/* The old process has ended. Before it said go it can only have been killed:
 * what it held then runs out like any dead worker's. */
static void
parted(struct bufferevent *bev, short what, void *priv)
{
	struct sup *sup = priv;
	struct heir *h = &sup->heir;

	bufferevent_free(h->talk);
	h->talk = NULL;
	log_info("upgrade", "the old process has ended");
	if (h->waiting)
		hear_go(sup, "");
	else if (!sup->notify.ready)
		notify_ready(sup);
	h->clearing = true;
	h->clear_at = mono_now();
	h->clear_until = mono_add(h->clear_at, CLEAR_PATIENCE);
	sup->pending.again = true;
}

/* Its lock is the last thing that goes with a process. */
void
heir_phase(struct sup *sup)
{
	struct heir *h = &sup->heir;
	mono_t now;

	if (!h->clearing)
		return;
	if ((now = mono_now()) >= h->clear_at) {
		if (berth_clear_others(sup->conf, &sup->berth) == 0 ||
		    now >= h->clear_until) {
			h->clearing = false;
			forget_load(sup);
			start_free(sup);
			return;
		}
		h->clear_at = mono_add(now, CLEAR_EVERY);
	}
	sup_wake_at(sup, h->clear_at);
}

void
heir_begin(struct sup *sup)
{
	struct heir *h = &sup->heir;

	h->waiting = true;
	if (fd_nonblock(h->sock) != 0 || (h->talk = bufferevent_socket_new(
	    sup->base, h->sock, BEV_OPT_CLOSE_ON_FREE)) == NULL)
		life_die(71, "cannot talk to the old process");
	h->sock = -1;
	bufferevent_setcb(h->talk, talked, NULL, parted, sup);
	(void)bufferevent_enable(h->talk, EV_READ | EV_WRITE);
}

void
heir_prepared(struct sup *sup)
{
	log_info("upgrade", "ready to take over");
	say(sup, "prepared");
}

/* So far it was the old process's to read, should we fail. */
static void
restore_stderr(struct sup *sup)
{
	const struct conf_log *l = &sup->conf->log;

	if (sup->heir.stderr_fd < 0)
		return;
	(void)dup2(sup->heir.stderr_fd, STDERR_FILENO);
	fd_close(&sup->heir.stderr_fd);
	if (strcmp(l->target, "stderr") == 0)
		(void)log_open("gangerd", l->target,
		    (enum log_format)l->format, (enum log_level)l->level);
	if (!sup->foreground)
		life_leave_stderr(sup);
}

void
heir_up(struct sup *sup)
{
	struct heir *h = &sup->heir;

	h->up = true;
	restore_stderr(sup);
	sup->upgrade.ok = true;
	sup->upgrade.at = sup_wall(sup);
	(void)snprintf(sup->upgrade.text, sizeof(sup->upgrade.text),
	    "version " PACKAGE_VERSION ", process %d, took over from process "
	    "%d", (int)getpid(), (int)getppid());
	log_info("upgrade", "%s", sup->upgrade.text);
	life_write_pid(sup->pid_fd);
	http_pause(sup->http, false);
	say(sup, "up");
	beat_send(sup);         /* whoever asked for it waits to read this */
	start_free(sup);
}

void
heir_pass(struct sup *sup, const char *word)
{
	say(sup, word);
}

bool
heir_has_old(const struct sup *sup)
{
	return (sup->heir.talk != NULL);
}

void
heir_close(struct sup *sup)
{
	struct heir *h = &sup->heir;
	unsigned i;

	if (h->talk != NULL)
		bufferevent_free(h->talk);
	h->talk = NULL;
	for (i = 0; i < h->nold; i++)
		free(h->old[i].what);
	free(h->old);
	h->old = NULL;
	h->nold = 0;
	fd_close(&h->sock);
	fd_close(&h->http_fd);
}
