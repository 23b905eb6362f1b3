/*
 * Starting a child: fork, then exec at once. All that crosses is the five
 * descriptors and the packet that proto/startup.h names, and the environment
 * built here. Between fork and exec only async-signal-safe calls are made.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "proto/page.h"
#include "proto/startup.h"

#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/rlimit.h"
#include "supervisor/sup.h"

#define FD_HIGH 16   /* ours are moved above the child's own five */

#define MPS_PIPES "CUDA_MPS_PIPE_DIRECTORY="

extern char **environ;

/* Variables that never reach a child: secrets, and what is ours alone. */
static const char *const withheld[] = {
	"REDIS_URL", "GANGER_TOKEN_FILE", "NOTIFY_SOCKET", "LISTEN_FDS",
	"LISTEN_PID", "WATCHDOG_USEC", "WATCHDOG_PID", "WORKER_ID",
	"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "GANGER_WORKER_ID",
	"GANGER_SLOT", "GANGER_MARK", "GANGER_CHILD", "GANGER_GANGERD",
	"GANGER_GPUPROBE",
	"GANGER_HANDOVER", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM",
	"INVOCATION_ID", "LISTEN_FDNAMES", "REDISCLI_AUTH",
};

/* Threads that a library may start by itself: as many as the slot has CPUs. */
static const char *const thread_vars[] = {
	"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
	"NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
	"BLIS_NUM_THREADS", "RAYON_NUM_THREADS",
};

static bool
is_withheld(const char *var)
{
	size_t i, n;

	for (i = 0; i < NELEM(withheld); i++) {
		n = strlen(withheld[i]);
		if (strncmp(var, withheld[i], n) == 0 && var[n] == '=')
			return (true);
	}
	for (i = 0; i < NELEM(thread_vars); i++) {
		n = strlen(thread_vars[i]);
		if (strncmp(var, thread_vars[i], n) == 0 && var[n] == '=')
			return (true);
	}
	return (false);
}

/* The child's environment; free with free_env. */
static char **
make_env(const struct proc *p)
{
	unsigned ncpus = cpus_count(&p->where.cpus);
	const char *mps = p->pool->conf->mps;
	char **env, **e;
	size_t n = 0, i;

	for (e = environ; *e != NULL; e++)
		n++;
	env = xcalloc(n + NELEM(thread_vars) + 9, sizeof(*env));
	n = 0;
	for (e = environ; *e != NULL; e++)
		if (!is_withheld(*e) && (mps[0] == '\0' ||
		    strncmp(*e, MPS_PIPES, strlen(MPS_PIPES)) != 0))
			env[n++] = xstrdup(*e);
	if (mps[0] != '\0')
		env[n++] = str_fmt(MPS_PIPES "%s", mps);
	for (i = 0; i < NELEM(thread_vars); i++)
		env[n++] = str_fmt("%s=%u", thread_vars[i], ncpus);
	env[n++] = str_fmt("CUDA_VISIBLE_DEVICES=%s", p->where.devices);
	env[n++] = xstrdup("CUDA_DEVICE_ORDER=PCI_BUS_ID");
	env[n++] = str_fmt("GANGER_WORKER_ID=%s", p->sup->id);
	env[n++] = str_fmt("GANGER_SLOT=%u", p->slot.index);
	env[n++] = str_fmt("GANGER_MARK=%s", p->contain.mark);
	return (env);
}

static void
free_env(char **env)
{
	char **e;

	for (e = env; *e != NULL; e++)
		free(*e);
	free(env);
}

/* Handlers as the packet wants them; strings are borrowed from conf. */
static void
fill_handler(struct start_handler *s, const struct conf_handler *h)
{
	*s = (struct start_handler){ .name = h->name,
		.kind = (enum handler_kind)h->kind, .argv = h->argv,
		.path = h->path, .env = h->env,
		.user = h->user[0] == '\0' ? NULL : h->user,
		.group = h->group[0] == '\0' ? NULL : h->group,
		.groups = h->groups, .sandbox = (enum sandbox_level)h->sandbox,
		.batch_size = (uint32_t)h->batch_size };
}

/* Only a place in the list: nothing of it is opened, no job comes for it. */
static void
fill_gone(struct start_handler *s, const struct conf_handler *h)
{
	static char no_program[] = "/nonexistent";
	static char *argv[] = { no_program, NULL }, *env[] = { NULL };

	*s = (struct start_handler){ .name = h->name,
		.kind = HANDLER_COMMAND, .argv = argv, .env = env,
		.batch_size = 1 };
}

static void
fill_handlers(struct start *s, const struct conf *c)
{
	unsigned i;

	s->nhandlers = c->nhandlers;
	s->handlers = xcalloc(c->nhandlers + 1, sizeof(*s->handlers));
	for (i = 0; i < c->nhandlers; i++)
		if (c->handlers[i].gone)
			fill_gone(&s->handlers[i], &c->handlers[i]);
		else
			fill_handler(&s->handlers[i], &c->handlers[i]);
}

/* A plugin runs in the child itself, so its sandbox is the child's. */
static enum sandbox_level
sandbox_of(const struct proc *p)
{
	const struct conf *c = p->sup->conf;
	char *const *name;
	int level = 0;
	unsigned i;
	bool here;

	for (i = 0; i < c->nhandlers; i++) {
		here = p->pool->conf->handlers[0] == NULL;
		for (name = p->pool->conf->handlers; *name != NULL; name++)
			here = here || strcmp(*name, c->handlers[i].name) == 0;
		if (here && !c->handlers[i].gone &&
		    c->handlers[i].kind == CONF_PLUGIN &&
		    c->handlers[i].sandbox > level)
			level = c->handlers[i].sandbox;
	}
	return ((enum sandbox_level)level);
}

static int
send_packet(const struct proc *p, int fd)
{
	const struct conf *c = p->sup->conf;
	struct start s = { .slot = p->slot.index, .gen = p->slot.gen,
		.endpoint = p->sup->endpoint, .cpus = p->where.cpus_text,
		.devices = p->where.devices,
		.ncpus = cpus_count(&p->where.cpus),
		.work_dir = p->sup->berth.work,
		.state_dir = c->supervisor.state_dir,
		.model_dir = c->models.dir,
		.max_models = (uint32_t)c->models.max_models,
		.max_result_size = c->supervisor.max_result_size,
		.kill_grace = c->supervisor.kill_grace };
	struct buf b;
	ssize_t n;

	s.worker_id = c->supervisor.worker_id;
	s.sandbox = sandbox_of(p);
	fill_handlers(&s, c);
	buf_init(&b, START_PACKET_MAX + 4);
	start_put(&b, &s);
	/* Nobody reads yet: the packet must fit the socket's buffer. */
	n = b.failed ? -1 : send(fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0 && (size_t)n < b.len)
		errno = EMSGSIZE;
	n = n >= 0 && (size_t)n == b.len ? 0 : -ERR_SYSTEM;
	buf_fini(&b);
	free(s.handlers);
	return ((int)n);
}

/* What the child needs between fork and exec, made ready before. */
struct launch {
	const struct proc *p;
	int fd[5];          /* in the child's order */
	char **env;
	char *argv[2];
	int nice;
	bool joined;        /* it begins in its cgroup */
	char oom_adj[16];   /* empty: leave it */
};

/* Fails where it is below our own and we lack the privilege: as it is then. */
static void
write_oom_adj(const char *text)
{
	int fd;

	if (text[0] == '\0' ||
	    (fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)) < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	(void)close(fd);
}

/* To the slot's stderr, which is our log: only what is safe after fork. */
_Noreturn static void
give_up_start(const struct launch *l, const char *what, const char *which)
{
	char text[512];
	int e = errno, n;

	/* snprintf takes no lock for these conversions */
	n = snprintf(text, sizeof(text), "could not %s %.300s: errno %d\n",
	    what, which, e);
	if (n > 0 && write(l->fd[2], text, (size_t)n) < 0)
		errno = e;
	_exit(CHILD_EXIT_STARTUP);
}

_Noreturn static void
become_child(const struct launch *l)
{
	sigset_t none;
	int i;

	(void)sigemptyset(&none);
	for (i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			(void)signal(i, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (!l->joined && contain_join(&l->p->contain) != 0)
		give_up_start(l, "join the slot's cgroup",
		    l->p->contain.dir != NULL ? l->p->contain.dir : "");
	if (cage_join(&l->p->cage) != 0)
		give_up_start(l, "join the groups of the slot's limits", "");
	if (pin_self(&l->p->pin, l->fd[2]) != 0)
		_exit(CHILD_EXIT_STARTUP);
	/* our files in /proc are ours again, see life_hide */
	(void)prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L);
	write_oom_adj(l->oom_adj);
	if (l->nice != 0)
		(void)setpriority(PRIO_PROCESS, 0, l->nice);
	rlimit_apply(l->p->pool->conf);
	for (i = 0; i < 5; i++)
		if (dup2(l->fd[i], i) < 0)
			give_up_start(l, "place", "its descriptors");
	/* whoever started us may have left descriptors open */
	(void)close_range(5, ~0U, 0);
	(void)umask(077);
	/* no set-user-id program gives a job more rights than it has */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
	(void)execve(l->argv[0], l->argv, l->env);
	give_up_start(l, "run", l->argv[0]);
}

/*
 * fork; into the slot's cgroup where the kernel can: moving a process there
 * afterwards waits for an RCU grace period, 10 ms and more of each start.
 */
static pid_t
fork_into(struct launch *l)
{
	struct clone_args args;
	pid_t pid;
	int dir;

	if (l->p->contain.way != CONTAIN_CGROUP2 || l->p->contain.killed ||
	    l->p->sup->no_clone_into ||
	    (dir = open(l->p->contain.dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) <
	    0)
		return (fork());
	memset(&args, 0, sizeof(args));
	args.flags = CLONE_INTO_CGROUP;
	args.exit_signal = SIGCHLD;
	args.cgroup = (uint64_t)dir;
	l->joined = true;       /* the new process has its own copy */
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	(void)close(dir);
	if (pid >= 0)
		return (pid);
	l->joined = false;
	return (fork());
}

static int
raise_fd(int *fdp)
{
	int high = fcntl(*fdp, F_DUPFD_CLOEXEC, FD_HIGH);

	if (high < 0)
		return (-ERR_SYSTEM);
	fd_close(fdp);
	*fdp = high;
	return (0);
}

/* ours: our ends (start, out, err); theirs: the child's five. */
static int
make_fds(const struct proc *p, int ours[3], int theirs[5])
{
	int pair[2], i, big = 1 << 20;

	if ((theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		return (-ERR_SYSTEM);
	for (i = 1; i <= 2; i++) {
		if (pipe2(pair, O_CLOEXEC) != 0)
			return (-ERR_SYSTEM);
		ours[i] = pair[0];
		theirs[i] = pair[1];
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return (-ERR_SYSTEM);
	ours[0] = pair[0];
	theirs[3] = pair[1];
	(void)setsockopt(ours[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	if ((theirs[4] = fcntl(p->page_fd, F_DUPFD_CLOEXEC, FD_HIGH)) < 0)
		return (-ERR_SYSTEM);
	for (i = 0; i < 5; i++)
		if (theirs[i] < FD_HIGH && raise_fd(&theirs[i]) != 0)
			return (-ERR_SYSTEM);
	return (fd_nonblock(ours[1]) != 0 ? -ERR_SYSTEM :
	    fd_nonblock(ours[2]));
}

void
spawn_died_at_birth(struct sup *sup)
{
	if (sup->no_clone_into)
		return;
	sup->no_clone_into = true;
	log_warn("slot", "a child was killed at its start: children are not "
	    "cloned into their cgroup any more");
}

int
spawn_child_of(struct proc *p)
{
	struct launch l = { .p = p, .fd = { -1, -1, -1, -1, -1 },
		.nice = (int)p->pool->conf->nice };
	int ours[3] = { -1, -1, -1 }, i, r;
	pid_t pid;

	l.argv[0] = p->sup->child_path;
	if (p->pool->conf->oom_score_adj != 0)
		(void)snprintf(l.oom_adj, sizeof(l.oom_adj), "%d",
		    (int)p->pool->conf->oom_score_adj);
	if ((r = make_fds(p, ours, l.fd)) != 0 ||
	    (r = send_packet(p, ours[0])) != 0 ||
	    (r = output_open(p, ours + 1)) != 0)
		goto out;
	l.env = make_env(p);
	if ((pid = fork_into(&l)) == 0)
		become_child(&l);
	if (pid < 0) {
		r = -ERR_SYSTEM;
		output_close(p);
		goto out;
	}
	p->pid = pid;
	p->start_fd = ours[0];
	ours[0] = -1;
out:
	for (i = 0; i < 5; i++)
		fd_close(&l.fd[i]);
	for (i = 0; i < 3; i++)
		fd_close(&ours[i]);
	if (l.env != NULL)
		free_env(l.env);
	return (r);
}
