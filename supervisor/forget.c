/*
 * Ids wait here for a child to remove their folders. It is asked only after
 * Redis has the job's end, because until then the job may have to run again
 * and wants its checkpoint. An id that came back meanwhile is left alone: the
 * end of that job sees to it. Jobs that end while the daemon stops find no
 * child any more; their ids wait in a file for its next start.
 */
#include "config.h"

#include "supervisor/forget.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

#include "supervisor/job.h"
#include "supervisor/proc.h"
#include "supervisor/route.h"
#include "supervisor/sup.h"

#define FORGET_MAGIC 0x666f7267u
#define PATIENCE DUR_S          /* then a child at work has to do */
#define FILE_MAX (1u << 20)     /* bytes of ids over a restart */
#define A_TURN 64               /* ids; a child removes one after the other */

struct forget {
	unsigned magic;
	TAILQ_ENTRY(forget) link;
	mono_t since;
	char id[129];
};

static void
drop(struct sup *sup, struct forget **fp)
{
	struct forget *f = *fp;

	OBJ_CHECK(f, FORGET_MAGIC);
	*fp = NULL;
	TAILQ_REMOVE(&sup->forgets, f, link);
	f->magic = 0;
	free(f);
}

static struct proc *
find_child(const struct sup *sup, enum slot_state state)
{
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if (sup->slots[i] != NULL &&
		    sup->slots[i]->slot.state == state)
			return (sup->slots[i]);
	return (NULL);
}

static bool
is_held(const struct sup *sup, const char *id)
{
	const struct queue *q;
	const struct job *j;

	TAILQ_FOREACH(q, &sup->queues, link)
		TAILQ_FOREACH(j, &q->jobs, link)
			if (j->stage != STAGE_OVER && strcmp(j->id, id) == 0)
				return (true);
	return (false);
}

static int
send_id(struct proc *p, const char *id)
{
	struct buf b;
	int r;

	buf_init(&b, 1024);
	frame_put_forget(&b, p->slot.gen, slice_of(id));
	r = route_send(p->sup->route, p->slot.index, p->slot.gen, &b);
	buf_fini(&b);
	return (r);
}

void
forget_job(struct sup *sup, const char *id)
{
	struct forget *f = xcalloc(1, sizeof(*f));

	f->magic = FORGET_MAGIC;
	f->since = mono_now();
	(void)snprintf(f->id, sizeof(f->id), "%s", id);
	TAILQ_INSERT_TAIL(&sup->forgets, f, link);
	sup_wake_at(sup, mono_add(f->since, PATIENCE));
}

void
forget_phase(struct sup *sup)
{
	struct forget *f = TAILQ_FIRST(&sup->forgets);
	struct proc *p;
	unsigned n;

	if (f == NULL)
		return;
	p = find_child(sup, SLOT_IDLE);
	if (p == NULL && mono_now() - f->since >= PATIENCE)
		p = find_child(sup, SLOT_BUSY);
	for (n = 0; p != NULL && n < A_TURN; n++) {
		if ((f = TAILQ_FIRST(&sup->forgets)) == NULL)
			return;
		if (!is_held(sup, f->id) && send_id(p, f->id) != 0)
			return;
		drop(sup, &f);
	}
	sup->pending.again = sup->pending.again || p != NULL;
}

static char *
file_path(const struct sup *sup)
{
	return (str_fmt("%s/forget", sup->boot_conf->supervisor.state_dir));
}

void
forget_load(struct sup *sup)
{
	char *path = file_path(sup), *text, *line, *at;
	size_t n;

	if (fd_slurp(path, FILE_MAX, &text, &n) == 0) {
		for (at = text; (line = strsep(&at, "\n")) != NULL;)
			if (str_id_ok(slice_of(line)))
				forget_job(sup, line);
		free(text);
		(void)unlink(path);
	}
	free(path);
}

void
forget_save(struct sup *sup)
{
	struct forget *f;
	struct buf b;
	char *path;
	int fd;

	buf_init(&b, FILE_MAX);
	while ((f = TAILQ_FIRST(&sup->forgets)) != NULL) {
		if (!is_held(sup, f->id))
			(void)buf_printf(&b, "%s\n", f->id);
		drop(sup, &f);
	}
	path = file_path(sup);
	if (b.len > 0 && (fd = open(path, O_WRONLY | O_CREAT | O_APPEND |
	    O_NOFOLLOW | O_CLOEXEC, 0600)) >= 0) {
		if (fd_write_all(fd, b.data, b.len) != 0)
			log_warn("stop", "cannot write %s: %s", path,
			    strerror(errno));
		(void)close(fd);
	}
	free(path);
	buf_fini(&b);
}
