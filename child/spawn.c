/*
 * fork and exec of handlers. vfork, because a plugin in this process may have
 * mapped gigabytes whose page tables a fork would copy; so between vfork and
 * exec only plain system calls are made, and those that glibc would carry out
 * in every thread (setuid and friends) go past it. What goes wrong there
 * comes back through a pipe that exec closes.
 */
#include "config.h"

#include "child/spawn.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "child/sandbox.h"
#include "child/tree.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif

#define STAGES(X) \
	X(FDS, "could not arrange its descriptors") \
	X(USER, "could not become its user") \
	X(CWD, "could not enter its directory") \
	X(BOX, "could not enter its sandbox") \
	X(EXEC, "could not run it")

enum stage {
#define X(id, text) STAGE_##id,
	STAGES(X)
#undef X
};

struct failure {
	enum stage stage;
	int error;
};

static const char *const stage_text[] = {
#define X(id, text) text,
	STAGES(X)
#undef X
};

static _Noreturn void
give_up(int fd, enum stage stage)
{
	struct failure f = { stage, errno };

	if (write(fd, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

static void
reset_signals(void)
{
	struct sigaction sa;
	sigset_t none;
	int sig;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All but 0, 1, 2 and the extra one close at exec, whoever opened them. */
static int
arrange_fds(const struct spawn *s)
{

	if (s->in_fd >= 0 && dup2(s->in_fd, 0) < 0)
		return (-1);
	if (s->extra_fd >= 0 && dup2(s->extra_fd, SPAWN_EXTRA_FD) < 0)
		return (-1);
	return ((int)syscall(SYS_close_range,
	    s->extra_fd >= 0 ? SPAWN_EXTRA_FD + 1 : SPAWN_EXTRA_FD, ~0u,
	    CLOSE_RANGE_CLOEXEC));
}

static int
become_user(const struct spawn_user *u)
{

	if (syscall(SYS_setgroups, (size_t)u->ngroups, u->groups) != 0)
		return (-1);
	if (syscall(SYS_setresgid, u->gid, u->gid, u->gid) != 0)
		return (-1);
	return ((int)syscall(SYS_setresuid, u->uid, u->uid, u->uid));
}

static _Noreturn void
run_image(const struct spawn *s, int report)
{

	reset_signals();
	setsid();
	if (arrange_fds(s) != 0)
		give_up(report, STAGE_FDS);
	if (s->user != NULL && become_user(s->user) != 0)
		give_up(report, STAGE_USER);
	/* should this child be killed with nobody left to clean up after it;
	 * after the change of user, which would forget it */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (chdir(s->cwd) != 0)
		give_up(report, STAGE_CWD);
	if (s->box != NULL && sandbox_enter(s->box) != 0)
		give_up(report, STAGE_BOX);
	execvpe(s->argv[0], s->argv, s->env);
	give_up(report, STAGE_EXEC);
}

/*
 * vfork in a function of its own: nothing live here is written by the child.
 * posix_spawn can't do what run_image does (another user, close_range), and
 * run_image keeps to system calls, so the two warnings do not apply.
 */
static pid_t
start_image(const struct spawn *s, int report)
{
	pid_t pid;

	pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (pid == 0)
		run_image(s, report); /* NOLINT(clang-analyzer-unix.Vfork) */
	return (pid);
}

static int
wait_for_exec(const struct spawn *s, struct proc *p, int fd, struct buf *why)
{
	struct failure f;

	if (fd_read_all(fd, &f, sizeof(f)) != 0)
		return (0);     /* closed by exec */
	waitpid(p->pid, NULL, 0);
	fd_close(&p->pidfd);
	p->pid = 0;
	ASSERT(f.stage < NELEM(stage_text));
	buf_printf(why, "%s: %s: %s", s->argv[0], stage_text[f.stage],
	    strerror(f.error));
	return (-ERR_SYSTEM);
}

int
spawn_process(const struct spawn *s, struct proc *p, struct buf *why)
{
	sigset_t all, old;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) != 0)
		goto failed;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	p->pid = start_image(s, fds[1]);
	r = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	fd_close(&fds[1]);
	errno = r;
	if (p->pid < 0) {
		p->pid = 0;
		fd_close(&fds[0]);
		goto failed;
	}
	p->ended = false;
	/* -1 where descriptors are out: then SIGCHLD alone tells its end */
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	r = wait_for_exec(s, p, fds[0], why);
	fd_close(&fds[0]);
	return (r);
 failed:
	buf_printf(why, "%s: could not start a process: %s", s->argv[0],
	    strerror(errno));
	return (-ERR_SYSTEM);
}

void
spawn_user_free(struct spawn_user **up)
{

	if (*up == NULL)
		return;
	free((*up)->groups);
	free(*up);
	*up = NULL;
}

static int
take_named(struct spawn_user *u, char *const *names)
{
	struct group *gr;
	int n = 0;

	while (names[n] != NULL)
		n++;
	u->groups = xcalloc((size_t)n, sizeof(*u->groups));
	for (; *names != NULL; names++) {
		if ((gr = getgrnam(*names)) == NULL)
			return (-ERR_NOTFOUND);
		u->groups[u->ngroups++] = gr->gr_gid;
	}
	return (0);
}

static void
take_memberships(struct spawn_user *u, const char *name)
{
	int n = 0;

	getgrouplist(name, u->gid, NULL, &n);
	u->groups = xcalloc((size_t)n + 1, sizeof(*u->groups));
	u->ngroups = n;
	if (getgrouplist(name, u->gid, u->groups, &u->ngroups) < 0)
		u->ngroups = 0;
}

static int
fill_user(struct spawn_user *u, const char *user, const char *group,
    char *const *groups)
{
	struct passwd *pw = user != NULL ? getpwnam(user) : getpwuid(getuid());
	struct group *gr;

	if (user != NULL && pw == NULL)
		return (-ERR_NOTFOUND);
	u->uid = pw != NULL ? pw->pw_uid : getuid();
	u->gid = user != NULL ? pw->pw_gid : getgid();
	if (group != NULL) {
		if ((gr = getgrnam(group)) == NULL)
			return (-ERR_NOTFOUND);
		u->gid = gr->gr_gid;
	}
	if (groups != NULL && groups[0] != NULL)
		return (take_named(u, groups));
	if (pw != NULL)
		take_memberships(u, pw->pw_name);
	return (0);
}

int
spawn_user_find(const char *user, const char *group, char *const *groups,
    struct spawn_user **up)
{
	struct spawn_user *u = xcalloc(1, sizeof(*u));
	int r = fill_user(u, user, group, groups);

	if (r != 0)
		spawn_user_free(&u);
	*up = u;
	return (r);
}

static size_t
name_len(const char *assignment)
{

	return (strcspn(assignment, "="));
}

/* Takes the string. */
static void
put_owned(struct env *e, char *assignment)
{
	size_t len = name_len(assignment);
	unsigned i;

	e->own = xrealloc(e->own, (e->nown + 1) * sizeof(*e->own));
	e->own[e->nown++] = assignment;
	for (i = 0; i < e->n; i++)
		if (strncmp(e->v[i], assignment, len) == 0 &&
		    e->v[i][len] == '=') {
			e->v[i] = assignment;
			return;
		}
	if (e->n + 1 == e->size) {
		e->size *= 2;
		e->v = xrealloc(e->v, e->size * sizeof(*e->v));
	}
	e->v[e->n++] = assignment;
	e->v[e->n] = NULL;
}

void
env_init(struct env *e, char *const *base)
{

	memset(e, 0, sizeof(*e));
	while (base[e->n] != NULL)
		e->n++;
	e->size = e->n + 32;
	e->v = xcalloc(e->size, sizeof(*e->v));
	memcpy(e->v, base, e->n * sizeof(*e->v));
}

void
env_fini(struct env *e)
{
	unsigned i;

	for (i = 0; i < e->nown; i++)
		free(e->own[i]);
	free(e->own);
	free(e->v);
	memset(e, 0, sizeof(*e));
}

void
env_put(struct env *e, const char *assignment)
{

	put_owned(e, xstrdup(assignment));
}

void
env_set(struct env *e, const char *name, const char *value)
{

	put_owned(e, str_fmt("%s=%s", name, value));
}
