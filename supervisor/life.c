/* Folders, pidfile, background, user. See life.h. */
#include "config.h"

#include "supervisor/life.h"

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/pid.h"
#include "conf/conf.h"

#include "supervisor/sup.h"

void
life_die(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("gangerd: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(code);
}

/* ---- folders ---- */

static void
make_dir(const struct conf *c, const char *path, mode_t mode)
{
	const struct conf_supervisor *s = &c->supervisor;

	if (dir_make(path, mode) != 0)
		life_die(EX_OSERR, "cannot make folder %s: %s", path,
		    strerror(errno));
	if (s->change_user && chown(path, s->uid, s->gid) != 0)
		life_die(EX_OSERR, "cannot give folder %s to %s: %s", path,
		    s->user, strerror(errno));
}

/*
 * Whoever may write here may put his own socket in the place of ours. 0711 is
 * what handlers that run as another user need, see child/dirs.c.
 */
static void
guard_run_dir(const struct conf *c)
{
	const struct conf_supervisor *s = &c->supervisor;
	struct stat st;
	int fd;

	fd = open(s->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		life_die(EX_OSERR, "cannot open run_dir %s: %s", s->run_dir,
		    strerror(errno));
	if (st.st_uid != s->uid && st.st_uid != geteuid())
		life_die(EX_CONFIG, "run_dir %s belongs to user %u, not to "
		    "us: it is not safe to use", s->run_dir,
		    (unsigned)st.st_uid);
	if ((st.st_mode & 066) != 0 &&
	    fchmod(fd, (st.st_mode & 07777) & ~(mode_t)066) != 0)
		life_die(EX_OSERR, "cannot close run_dir %s to others: %s",
		    s->run_dir, strerror(errno));
	(void)close(fd);
}

void
life_make_run_dir(const struct conf *c)
{
	make_dir(c, c->supervisor.run_dir, 0700);
	guard_run_dir(c);
}

void
life_make_dirs(const struct conf *c)
{
	make_dir(c, c->supervisor.state_dir, 0700);
	if (c->models.dir[0] != '\0')
		make_dir(c, c->models.dir, 0755);
}

/* No reason to end: plugins do without, and so does a worker of nothing else,
 * for example in a container with a root that is read-only. */
void
life_check_dirs(const struct conf *c)
{
	if (access(c->supervisor.state_dir, W_OK) != 0)
		log_warn("main", "state_dir %s can't be written, so jobs of "
		    "commands and runners will fail: %s",
		    c->supervisor.state_dir, strerror(errno));
}

/* ---- the pidfile ---- */

static pid_t
read_holder(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return ((pid_t)atoi(text));
}

/*
 * Locks it. A gangerd that is killed keeps the lock until it has ended, and
 * leaves it with a child that it was just starting until that one's exec: so
 * where the holder is dead or dying, wait; where it seems alive, look twice.
 * With the lock in hand the rest of it (its sockets) may still be closing.
 */
static bool
lock_pidfile(int fd, char *holder, size_t size)
{
	const struct timespec nap = { 0, 5000000 };
	mono_t from = mono_now();
	enum pid_life life;
	bool held;
	pid_t pid;

	for (;;) {
		held = flock(fd, LOCK_EX | LOCK_NB) != 0;
		pid = read_holder(fd, holder, size);
		life = pid == getpid() ? PID_GONE : pid_life(pid);
		if (!held && life != PID_ENDING)
			return (true);
		if (held && pid <= 0)
			return (false);
		if (mono_now() - from > (life == PID_ALIVE ? 200 * DUR_MS :
		    2 * DUR_S))
			return (!held);
		(void)nanosleep(&nap, NULL);
	}
}

/* A daemon that stops removes its pidfile: what was locked may be a file
 * without a name by now, of which another start sees nothing. */
bool
life_is_file(int fd, const char *path)
{
	struct stat here, there;

	return (fstat(fd, &here) == 0 && stat(path, &there) == 0 &&
	    here.st_dev == there.st_dev && here.st_ino == there.st_ino);
}

int
life_hold_pidfile(const char *path)
{
	char holder[32] = "";
	int fd;

	for (;;) {
		if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC |
		    O_NOFOLLOW, 0644)) < 0)
			life_die(EX_CANTCREAT, "cannot open pidfile %s: %s",
			    path, strerror(errno));
		if (!lock_pidfile(fd, holder, sizeof(holder)))
			life_die(EX_CANTCREAT, "already running: pidfile %s "
			    "is held by process %s", path,
			    holder[0] != '\0' ? holder : "?");
		if (life_is_file(fd, path))
			return (fd);
		(void)close(fd);
	}
}

void
life_write_pid(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		log_warn("main", "cannot write the pidfile: %s",
		    strerror(errno));
}

/* ---- the user ---- */

void
life_drop_rights(const struct conf *c)
{
	const struct conf_supervisor *s = &c->supervisor;
	int r;

	if (!s->change_user)
		return;
	r = s->user[0] != '\0' ? initgroups(s->user, s->gid) :
	    setgroups(1, &s->gid);
	if (r != 0 || setgid(s->gid) != 0 || setuid(s->uid) != 0)
		life_die(EX_OSERR, "cannot become user %s group %s: %s",
		    s->user[0] != '\0' ? s->user : "(unchanged)",
		    s->group[0] != '\0' ? s->group : "(the user's)",
		    strerror(errno));
	if (s->uid != 0 && setuid(0) == 0)
		life_die(EX_OSERR, "still root after becoming user %s",
		    s->user);
}

void
life_hide(const struct conf *c)
{
	if (geteuid() != 0 && (c->redis.addr.password[0] != '\0' ||
	    c->http.token[0] != '\0'))
		(void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

/* ---- the background ---- */

/* Up; or failed, and then gone too: whoever starts it again must not find the
 * pidfile held. Without a word its exit status is what there is to say. */
_Noreturn static void
await_word(int fd, pid_t pid)
{
	unsigned char code = EX_OSERR;
	int status = 0;
	ssize_t n;

	while ((n = read(fd, &code, 1)) < 0 && errno == EINTR)
		;
	if (n == 1 && code == 0)
		_exit(0);
	if (waitpid(pid, &status, 0) == pid && n != 1 && WIFEXITED(status) &&
	    WEXITSTATUS(status) != 0)
		code = (unsigned char)WEXITSTATUS(status);
	_exit(code);
}

/* The folder we were started in may be unmounted; what is relative to it is
 * made absolute by main before. */
static void
leave_terminal(void)
{
	int null;

	(void)setsid();
	if (chdir("/") != 0)
		log_warn("main", "cannot go to the root folder: %s",
		    strerror(errno));
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)close(null);
	}
}

int
life_background(void)
{
	int pair[2];
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		life_die(EX_OSERR, "cannot go to the background: %s",
		    strerror(errno));
	if (pid > 0) {
		(void)close(pair[1]);
		await_word(pair[0], pid);
	}
	(void)close(pair[0]);
	leave_terminal();
	return (pair[1]);
}

/*
 * Whoever started us has its terminal, or its end of a pipe, back. A log on
 * stderr goes to syslog from now on, and stays only where stderr is a file or
 * where there is no syslog.
 */
void
life_leave_stderr(struct sup *sup)
{
	const struct conf *c = sup->conf;
	struct stat st;
	int null;

	if (strcmp(c->log.target, "stderr") == 0 &&
	    ((fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode)) ||
	    log_open("gangerd", "syslog", (enum log_format)c->log.format,
	    (enum log_level)c->log.level) != 0))
		return;
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0) {
		(void)dup2(null, STDERR_FILENO);
		(void)close(null);
		sup->no_stderr = true;
	}
}

void
sup_announce(struct sup *sup, int code)
{
	unsigned char byte = (unsigned char)code;

	if (sup->announce_fd < 0)
		return;
	(void)!write(sup->announce_fd, &byte, 1);
	fd_close(&sup->announce_fd);
	if (code == 0)
		life_leave_stderr(sup);
}
