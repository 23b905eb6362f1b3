/* Berths. See berth.h. */
#include "config.h"

#include "supervisor/berth.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "conf/conf.h"

#include "supervisor/contain.h"
#include "supervisor/life.h"

static void
name_berth(const struct conf *c, unsigned number, struct berth *b)
{
	const struct conf_supervisor *s = &c->supervisor;
	char *tail = number == 0 ? str_fmt("%s", "") : str_fmt(".%u", number);

	*b = (struct berth){ .number = number, .fd = -1 };
	b->work = str_fmt("%s/work%s", s->run_dir, tail);
	b->socket = str_fmt("%s/children%s.sock", s->run_dir, tail);
	b->name = str_fmt("%s%s", s->worker_id, tail);
	free(tail);
}

static void
forget_names(struct berth *b)
{
	free(b->work);
	free(b->socket);
	free(b->name);
	b->work = b->socket = b->name = NULL;
}

/* False: somebody holds it, or it is not there. */
static bool
lock(struct berth *b)
{
	b->fd = open(b->work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (b->fd >= 0 && flock(b->fd, LOCK_EX | LOCK_NB) == 0)
		return (true);
	fd_close(&b->fd);
	return (false);
}

/* A fresh folder of that name, given to the user we become, and locked. No
 * other process takes berths meanwhile: that needs the pidfile. */
static bool
take_one(const struct conf *c, struct berth *b)
{
	const struct conf_supervisor *s = &c->supervisor;

	if (lock(b)) {
		(void)dir_remove(b->work);
		fd_close(&b->fd);
	} else if (access(b->work, F_OK) == 0)
		return (false);
	if (mkdir(b->work, 0700) != 0 || (s->change_user &&
	    chown(b->work, s->uid, s->gid) != 0))
		life_die(EX_OSERR, "cannot make folder %s: %s", b->work,
		    strerror(errno));
	return (lock(b));
}

void
berth_take(const struct conf *c, struct berth *b)
{
	unsigned i;

	for (i = 0; i < BERTH_MAX; i++) {
		name_berth(c, i, b);
		if (take_one(c, b))
			return;
		forget_names(b);
	}
	life_die(EX_CANTCREAT, "%d former processes of this worker still have "
	    "jobs in %s", BERTH_MAX, c->supervisor.run_dir);
}

unsigned
berth_clear_others(const struct conf *c, const struct berth *mine)
{
	struct berth b;
	unsigned i, held = 0;

	for (i = 0; i < BERTH_MAX; i++) {
		name_berth(c, i, &b);
		if (i != mine->number && lock(&b)) {
			contain_end(b.name, c->supervisor.run_dir);
			(void)unlink(b.socket);
			berth_leave(&b);
		} else {
			held += i != mine->number &&
			    access(b.work, F_OK) == 0;
			forget_names(&b);
		}
	}
	return (held);
}

void
berth_leave(struct berth *b)
{
	(void)dir_remove(b->work);
	fd_close(&b->fd);
	forget_names(b);
}
