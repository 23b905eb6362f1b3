/*
 * Reload: read, check, compare, swap. The new configuration is complete
 * before anything changes; pools and handlers are matched by name, so a
 * running job keeps its handler. What only a restart can change is named in
 * the log and stays as it is.
 */
#include "config.h"

#include "supervisor/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "conf/diff.h"

#include "supervisor/beat.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/schedule.h"
#include "supervisor/sup.h"

extern char **environ;

struct plan {
	struct sup *sup;
	unsigned changes, restarts;
	bool drain_all;           /* a change that concerns every slot */
	char pools[512];          /* names of pools to drain, comma separated */
	char refused[256];
};

void
reload_limits(struct sup *sup)
{
	const struct conf_supervisor *c = &sup->conf->supervisor;

	sup->limits = (struct slot_limits){
		.load_timeout = c->load_timeout,
		.kill_grace = c->kill_grace,
		.release_timeout = c->release_timeout,
		.backoff_min = 200 * DUR_MS,
		.backoff_max = 30 * DUR_S,
		.quit_grace = 2 * DUR_S,
		.early_max = 8,
		.retry_failing = 5 * 60 * DUR_S,
	};
}

/* What only a restart can change, all of it: "handler x came, log target". */
static void
add_refused(struct plan *pl, const struct conf_change *ch)
{
	size_t at = strlen(pl->refused);

	pl->restarts++;
	(void)snprintf(pl->refused + at, sizeof(pl->refused) - at,
	    "%s%s%s%s %s", at > 0 ? ", " : "", ch->section_name,
	    ch->name[0] != '\0' ? " " : "", ch->name, ch->key != NULL ?
	    ch->key : ch->from == NULL ? "came" : "went");
}

static void
see_change(void *priv, const struct conf_change *ch)
{
	struct plan *pl = priv;

	pl->changes++;
	log_info("reload", "section=%s%s%s key=%s class=%s from=\"%s\" to=\"%s\"",
	    ch->section_name, ch->name[0] != '\0' ? " name=" : "", ch->name,
	    ch->key != NULL ? ch->key : "-", conf_class_name(ch->class),
	    ch->from != NULL ? ch->from : "", ch->to != NULL ? ch->to : "");
	if (ch->class == CONF_RESTART || ch->key == NULL) {
		add_refused(pl, ch);
	} else if (ch->class == CONF_RESPAWN) {
		if (strcmp(ch->section_name, "pool") == 0 &&
		    strlen(pl->pools) + strlen(ch->name) + 3 <
		    sizeof(pl->pools)) {
			(void)strcat(pl->pools, ",");
			(void)strcat(pl->pools, ch->name);
			(void)strcat(pl->pools, ",");
		} else
			pl->drain_all = true;
	}
}

/* Same pools with the same slots, same handlers, in the same order. */
static bool
same_shape(const struct conf *a, const struct conf *b)
{
	unsigned i;

	if (a->npools != b->npools || a->nhandlers != b->nhandlers)
		return (false);
	for (i = 0; i < a->npools; i++)
		if (strcmp(a->pools[i].name, b->pools[i].name) != 0 ||
		    a->pools[i].nslots != b->pools[i].nslots ||
		    strcmp(a->pools[i].cpus, b->pools[i].cpus) != 0)
			return (false);
	for (i = 0; i < a->nhandlers; i++)
		if (strcmp(a->handlers[i].name, b->handlers[i].name) != 0)
			return (false);
	return (true);
}

static void
swap_pools(struct sup *sup, struct conf *c)
{
	struct pool *p;
	unsigned i = 0;

	TAILQ_FOREACH(p, &sup->pools, link)
		p->conf = &c->pools[i++];
}

static void
drain_changed(const struct plan *pl)
{
	struct sup *sup = pl->sup;
	char name[160];
	unsigned i;

	for (i = 0; i < sup->nslots; i++) {
		if (sup->slots[i] == NULL)
			continue;
		(void)snprintf(name, sizeof(name), ",%.150s,",
		    sup->slots[i]->pool->name);
		if (pl->drain_all || strstr(pl->pools, name) != NULL)
			slot_event(&sup->slots[i]->slot, EV_DRAIN, mono_now(),
			    WHY_DRAIN);
	}
}

static void
say(struct sup *sup, bool ok, const char *text)
{
	sup->reload_ok = ok;
	sup->reload_at = sup_wall(sup);
	(void)snprintf(sup->reload_text, sizeof(sup->reload_text), "%s", text);
	sup->stat.n[ok ? STAT_RELOADS : STAT_RELOADS_FAILED]++;
	if (ok)
		log_info("reload", "%s", text);
	else
		log_err("reload", "configuration not changed: %s", text);
}

static void
take_over(struct sup *sup, struct conf *c)
{
	struct plan pl = { .sup = sup };
	char text[512];

	(void)conf_diff(sup->conf, c, see_change, &pl);
	if (!same_shape(sup->conf, c)) {
		(void)snprintf(text, sizeof(text), "needs a restart, nothing "
		    "was changed: %s", pl.refused[0] != '\0' ? pl.refused :
		    "the order of the pools or handlers");
		say(sup, false, text);
		conf_free(&c);
		return;
	}
	swap_pools(sup, c);
	if (sup->conf != sup->boot_conf)
		conf_free(&sup->conf);
	sup->conf = c;
	reload_limits(sup);
	log_set_level((enum log_level)c->log.level);
	schedule_open(sup);
	drain_changed(&pl);
	if (pl.restarts > 0)
		(void)snprintf(text, sizeof(text), "taken over, %u change(s); "
		    "needs a restart: %s", pl.changes, pl.refused);
	else
		(void)snprintf(text, sizeof(text), "taken over, %u change(s)",
		    pl.changes);
	say(sup, true, text);
}

void
reload_process(struct sup *sup)
{
	struct conf_problems problems;
	struct conf *c = NULL;

	sup->pending.reload = false;
	conf_problems_init(&problems);
	if (conf_load_pidfile(sup->conf_path, sup->pidfile_arg, environ, &c,
	    &problems) != 0)
		say(sup, false, buf_cstr(&problems.text));
	else if (schedule_check(c, &problems.text) > 0) {
		say(sup, false, buf_cstr(&problems.text));
		conf_free(&c);
	} else
		take_over(sup, c);
	conf_problems_fini(&problems);
	if (sup->ready)
		beat_send(sup);
}
