/*
 * Who and where this worker is: its folders, its id, the user it runs as.
 * All of it is the same after a restart.
 */
#include "config.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/load.h"

#define HOST_LEN_MAX 110   /* so that the id with its suffix fits in 128 */
#define MACHINE_ID "/etc/machine-id"

static char *
default_run_dir(const struct load *ld)
{
	const char *xdg = load_env(ld, "XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		return (xstrdup("/run/ganger"));
	if (xdg != NULL && xdg[0] == '/')
		return (str_fmt("%s/ganger", xdg));
	return (str_fmt("/tmp/ganger-%u", (unsigned)geteuid()));
}

/* NULL where an ordinary user has no home. */
static char *
default_state_dir(const struct load *ld)
{
	const char *xdg = load_env(ld, "XDG_STATE_HOME");
	const char *home = load_env(ld, "HOME");
	struct passwd *pw;

	if (geteuid() == 0)
		return (xstrdup("/var/lib/ganger"));
	if (xdg != NULL && xdg[0] == '/')
		return (str_fmt("%s/ganger", xdg));
	if (home == NULL && (pw = getpwuid(geteuid())) != NULL)
		home = pw->pw_dir;
	if (home == NULL || home[0] != '/')
		return (NULL);
	return (str_fmt("%s/.local/state/ganger", home));
}

/* That of the command line; a relative one starts at the current folder. */
static char *
given_pidfile(const char *pidfile)
{
	char *here, *path;

	if (pidfile[0] == '/')
		return (xstrdup(pidfile));
	here = load_folder(NULL);
	path = str_fmt("%s/%s", here, pidfile);
	free(here);
	return (path);
}

void
resolve_dirs(struct load *ld)
{
	struct conf_supervisor *s = &ld->c->supervisor;
	char *dir;

	if (s->run_dir[0] == '\0')
		value_replace(&s->run_dir, default_run_dir(ld));
	if (ld->pidfile != NULL)
		value_replace(&s->pidfile, given_pidfile(ld->pidfile));
	else if (s->pidfile[0] == '\0')
		value_replace(&s->pidfile, str_fmt("%s/gangerd.pid",
		    s->run_dir));
	if (s->state_dir[0] != '\0')
		return;
	if ((dir = default_state_dir(ld)) != NULL)
		value_replace(&s->state_dir, dir);
	else
		load_problem(ld, CONF_S_supervisor, "", "state_dir",
		    "must be given, because this user has no home");
}

/* FNV-1a: spreads well, needs no library, and nothing here is a secret. */
static uint64_t
hash(uint64_t h, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
	return (h);
}

/* Six hex digits of the machine and the pidfile, of which there can't be two
 * on one machine. */
static unsigned
suffix(const char *pidfile)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	char *machine;
	size_t n;

	if (fd_slurp(MACHINE_ID, 4096, &machine, &n) == 0) {
		h = hash(h, machine, n);
		free(machine);
	}
	h = hash(h, "/", 1);
	h = hash(h, pidfile, strlen(pidfile));
	return ((unsigned)((h ^ (h >> 24) ^ (h >> 48)) & 0xffffff));
}

static char *
default_worker_id(const char *pidfile)
{
	char host[HOST_LEN_MAX + 1], *p;

	if (gethostname(host, sizeof(host)) != 0)
		strcpy(host, "host");
	host[HOST_LEN_MAX] = '\0';
	for (p = host; *p != '\0'; p++)
		if (!str_id_ok((struct slice){ p, 1 }))
			*p = '-';
	return (str_fmt("%s-%06x", host, suffix(pidfile)));
}

void
resolve_worker_id(struct load *ld)
{
	struct conf_supervisor *s = &ld->c->supervisor;

	if (s->worker_id[0] == '\0')
		value_replace(&s->worker_id, default_worker_id(s->pidfile));
	else if (!str_id_ok(slice_of(s->worker_id)))
		load_problem(ld, CONF_S_supervisor, "", "worker_id",
		    "\"%.80s\" is not 1 to 128 of letters, digits and ._:-",
		    s->worker_id);
}

int
find_user(const char *name, uid_t *uid, gid_t *gid)
{
	struct passwd *pw = getpwnam(name);

	if (pw == NULL)
		return (-ERR_NOTFOUND);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return (0);
}

void
resolve_user(struct load *ld)
{
	struct conf_supervisor *s = &ld->c->supervisor;
	struct group *gr;

	s->uid = geteuid();
	s->gid = getegid();
	if (s->user[0] != '\0' && find_user(s->user, &s->uid, &s->gid) != 0)
		load_problem(ld, CONF_S_supervisor, "", "user",
		    "no user \"%.80s\"", s->user);
	if (s->group[0] != '\0') {
		if ((gr = getgrnam(s->group)) != NULL)
			s->gid = gr->gr_gid;
		else
			load_problem(ld, CONF_S_supervisor, "", "group",
			    "no group \"%.80s\"", s->group);
	}
	s->change_user = s->uid != geteuid() || s->gid != getegid();
	if (s->change_user && geteuid() != 0)
		load_problem(ld, CONF_S_supervisor, "",
		    s->uid != geteuid() ? "user" : "group",
		    "only root can change it");
}
