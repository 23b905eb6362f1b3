/*
 * Upgrade in place, the old process's side. See upgrade.h. Up to the word
 * "up" of the new one everything can be taken back, and is, should it end.
 */
#include "config.h"

#include "supervisor/upgrade.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

#include "supervisor/beat.h"
#include "supervisor/http.h"
#include "supervisor/job.h"
#include "supervisor/life.h"
#include "supervisor/permit.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/script.h"
#include "supervisor/stop.h"
#include "supervisor/sup.h"

#define PATIENCE_S 60       /* for the new process to take our place */
#define ID_MAX 128

extern char **environ;

static void talked(struct bufferevent *bev, void *priv);
static void parted(struct bufferevent *bev, short what, void *priv);
static void too_late(evutil_socket_t fd, short what, void *priv);

/* ---- the outcome ---- */

__attribute__((format(printf, 3, 4))) static void
conclude(struct sup *sup, bool ok, const char *fmt, ...)
{
	struct upgrade *u = &sup->upgrade;
	wall_t now = sup_wall(sup);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(u->text, sizeof(u->text), fmt, ap);
	va_end(ap);
	u->ok = ok;
	/* whoever waits for the outcome sees the time change */
	u->at = now > u->at ? now : u->at + 1;
	if (ok)
		log_info("upgrade", "%s", u->text);
	else
		log_err("upgrade", "%s", u->text);
}

void
upgrade_abort(struct sup *sup)
{
	struct upgrade *u = &sup->upgrade;

	if (u->state != UPGRADE_NONE && u->state != UPGRADE_LEFT && u->pid > 0)
		(void)kill(u->pid, SIGKILL);
}

bool
upgrade_leaving(const struct sup *sup)
{
	return (sup->upgrade.state >= UPGRADE_MOVING);
}

/* NULL, or why it can't be begun now. */
static const char *
hindrance(const struct sup *sup)
{
	if (sup->upgrade.state != UPGRADE_NONE)
		return ("an upgrade is under way");
	if (heir_has_old(sup))
		return ("the process before this one still has jobs");
	if (sup->mode == MODE_STOPPING)
		return ("the worker is stopping");
	if (!sup->ready || !sup->beaten)
		return ("Redis does not answer");
	if (sup->trial != NULL || !TAILQ_EMPTY(&sup->left))
		return ("a reload still leads from one Redis to another");
	if (getpid() == 1)
		return ("this is process 1 of a container, which ends with "
		    "it: start a new container instead");
	if (sup->foreground && sup->notify.fd < 0)
		return ("this runs in the foreground of a program that would "
		    "take its end for a failure: restart it there instead");
	return (NULL);
}

/* ---- starting the new process ---- */

/* Ours, but what is about our own process. */
static char **
make_env(const struct sup *sup, int sock, int err)
{
	static const char *const dropped[] = { "WATCHDOG_PID=",
	    "GANGER_HANDOVER=" };
	char **env, **e;
	size_t n = 0, i;

	for (e = environ; *e != NULL; e++)
		n++;
	env = xcalloc(n + 2, sizeof(*env));
	for (n = 0, e = environ; *e != NULL; e++) {
		for (i = 0; i < NELEM(dropped); i++)
			if (strncmp(*e, dropped[i], strlen(dropped[i])) == 0)
				break;
		if (i == NELEM(dropped))
			env[n++] = xstrdup(*e);
	}
	env[n] = str_fmt("GANGER_HANDOVER=1:%d:%d:%d:%d:%s", sock, sup->pid_fd,
	    http_socket(sup->http), err, sup->conf->http.listen);
	return (env);
}

/* Its stderr is a file that we read should it fail; err is the true one. */
_Noreturn static void
become_new(const struct sup *sup, int sock, int err, char **env)
{
	int http = http_socket(sup->http), i;
	sigset_t none;

	for (i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	/* it plans its slots on what we were given, not on what we keep */
	(void)cpus_set_affinity(0, &sup->born);
	if (dup2(sup->upgrade.stderr_fd, STDERR_FILENO) < 0 ||
	    fcntl(sock, F_SETFD, 0) != 0 || fcntl(err, F_SETFD, 0) != 0 ||
	    fcntl(sup->pid_fd, F_SETFD, 0) != 0 ||
	    (http >= 0 && fcntl(http, F_SETFD, 0) != 0))
		_exit(126);
	(void)execve(sup->program, sup->argv, env);
	_exit(127);
}

static pid_t
start_new(struct sup *sup, int sock)
{
	int err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	char **env, **e;
	pid_t pid = -1;

	if (err >= 0) {
		env = make_env(sup, sock, err);
		if ((pid = fork()) == 0)
			become_new(sup, sock, err, env);
		for (e = env; *e != NULL; e++)
			free(*e);
		free(env);
	}
	fd_close(&err);
	return (pid);
}

static void
stop_talking(struct upgrade *u)
{
	if (u->talk != NULL)
		bufferevent_free(u->talk);
	if (u->timer != NULL)
		event_free(u->timer);
	u->talk = NULL;
	u->timer = NULL;
	fd_close(&u->stderr_fd);
}

static int
open_talk(struct sup *sup, int sock)
{
	const struct timeval tv = { PATIENCE_S, 0 };
	struct upgrade *u = &sup->upgrade;

	if (fd_nonblock(sock) != 0 || (u->talk = bufferevent_socket_new(
	    sup->base, sock, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
		(void)close(sock);
		return (-1);
	}
	bufferevent_setcb(u->talk, talked, NULL, parted, sup);
	(void)bufferevent_enable(u->talk, EV_READ | EV_WRITE);
	u->timer = evtimer_new(sup->base, too_late, sup);
	return (u->timer != NULL && event_add(u->timer, &tv) == 0 ? 0 : -1);
}

void
upgrade_begin(struct sup *sup)
{
	struct upgrade *u = &sup->upgrade;
	const char *why = hindrance(sup);
	int pair[2];

	if (why != NULL) {
		conclude(sup, false, "not begun: %s", why);
		return;
	}
	u->stderr_fd = memfd_create("ganger-upgrade", MFD_CLOEXEC);
	if (u->stderr_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
	    0, pair) != 0) {
		conclude(sup, false, "not begun: %s", strerror(errno));
		stop_talking(u);
		return;
	}
	u->pid = start_new(sup, pair[1]);
	(void)close(pair[1]);
	if (u->pid < 0 || open_talk(sup, pair[0]) != 0) {
		conclude(sup, false, "not begun: %s", strerror(errno));
		if (u->pid > 0)
			(void)kill(u->pid, SIGKILL);
		stop_talking(u);
		return;
	}
	u->state = UPGRADE_STARTING;
	log_info("upgrade", "started %s as process %d", sup->program,
	    (int)u->pid);
}

/* ---- our other name ---- */

static void
moved(void *priv, redisReply *r)
{
	struct sup *sup = priv;
	const char *why;

	if (r == NULL || !conn_failed(r, &why))
		return;         /* without an answer it is sent again */
	sup_redis_error(sup, "move", "", r);
	sup->upgrade.broken = true;
}

/* Before the leases move and after it, so that at no time fewer are counted
 * than run. */
static void
rename_permits(const struct queue *q, const char *old, bool drop)
{
	const struct job *j;

	TAILQ_FOREACH(j, &q->jobs, link)
		if (j->stage == STAGE_RUNNING)
			permit_rename(j, old, drop);
}

static void
move_queue(struct queue *q, const char *from)
{
	struct sup *sup = q->sup;
	struct script_args *a;
	char *old = str_fmt("%s%s", q->key.leased_of, from), run[24];

	rename_permits(q, old, false);
	(void)snprintf(run, sizeof(run), "%s-", sup->run);
	a = script_begin(SCRIPT_MOVE);
	script_key(a, old);
	script_key(a, q->leased);
	script_key(a, q->key.leases);
	script_arg_str(a, from);
	script_arg_str(a, sup->id);
	script_arg_str(a, run);
	script_arg_int(a, queue_lease_ms(q));
	(void)script_call(sup->main, a, moved, sup);
	rename_permits(q, old, true);
	free(old);
}

/* Says to the new process which slots there are, and that it may go. */
static void
say_go(struct sup *sup)
{
	struct evbuffer *out = bufferevent_get_output(sup->upgrade.talk);
	const struct proc *p;
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		if ((p = sup->slots[i]) != NULL)
			(void)evbuffer_add_printf(out, "slot %u %s|%s|%s\n", i,
			    p->pool->name, p->where.cpus_text,
			    p->where.devices);
	if (sup->upgrade.was_draining)
		(void)evbuffer_add_printf(out, "drained\n");
	(void)evbuffer_add_printf(out, "go\n");
	sup->upgrade.state = UPGRADE_GOING;
}

/* The id is free; answers come in the order of the calls, so all leases have
 * their other name too. */
static void
given_back(void *priv, redisReply *r)
{
	struct sup *sup = priv;
	struct upgrade *u = &sup->upgrade;

	if (r == NULL || u->state != UPGRADE_MOVING || u->talk == NULL)
		return;
	if (r->type == REDIS_REPLY_INTEGER && !u->broken)
		say_go(sup);
	else
		(void)kill(u->pid, SIGKILL);
}

/*
 * From the name that we had to the one we have now: one call per queue, then
 * the status. Whatever was sent before acts on the old name, whatever comes
 * after on the new one; sent again, it finds nothing more to move.
 */
static void
move_all(struct sup *sup)
{
	const struct upgrade *u = &sup->upgrade;
	const char *from = sup->id == u->id ? u->own_id : u->id;
	const char *prefix = sup->conf->redis.prefix;
	struct queue *q;

	TAILQ_FOREACH(q, &sup->queues, link)
		move_queue(q, from);
	(void)conn_cmd(sup->main, NULL, NULL, "ZREM %s:workers %s", prefix,
	    from);
	(void)conn_cmd(sup->main, given_back, sup, "DEL %s:worker:%s", prefix,
	    from);
	beat_send(sup);
}

static void
rename_to(struct sup *sup, const char *id)
{
	struct queue *q;

	sup->id = id;
	TAILQ_FOREACH(q, &sup->queues, link) {
		free(q->leased);
		q->leased = str_fmt("%s%s", q->key.leased_of, id);
	}
	if (sup->ready)
		move_all(sup);
}

void
upgrade_reconnected(struct sup *sup)
{
	const struct upgrade *u = &sup->upgrade;

	if (u->id != NULL && u->state < UPGRADE_GOING)
		move_all(sup);
}

static void
on_prepared(struct sup *sup)
{
	struct upgrade *u = &sup->upgrade;

	if (u->state != UPGRADE_STARTING)
		return;
	u->state = UPGRADE_MOVING;
	u->was_draining = sup->mode == MODE_DRAINING;
	stop_drain(sup);
	http_pause(sup->http, true);
	u->own_id = sup->id;
	u->broken = false;
	free(u->id);
	/* an id like any other, so that all tools see what still runs here */
	u->id = str_fmt("%.*s-old-%.6s", ID_MAX - 11, sup->id, sup->run);
	rename_to(sup, u->id);
}

/* ---- the end of it, either way ---- */

static void
on_up(struct sup *sup)
{
	struct upgrade *u = &sup->upgrade;

	if (u->state != UPGRADE_GOING)
		return;
	u->state = UPGRADE_LEFT;
	(void)event_del(u->timer);
	u->told = xcalloc(sup->nslots + 1, sizeof(*u->told));
	u->ntold = sup->nslots;
	notify_hand_over(sup, u->pid);
	(void)evbuffer_add_printf(bufferevent_get_output(u->talk), "main\n");
	http_close(&sup->http);
	fd_close(&sup->pid_fd);
	conclude(sup, true, "handed over to process %d; %u job(s) end here",
	    (int)u->pid, sup->njobs);
	stop_leave(sup);
}

/* The first words of what it wrote on its way. */
static void
read_words(struct upgrade *u, char *text, size_t size)
{
	ssize_t n = u->stderr_fd < 0 ? 0 : pread(u->stderr_fd, text, size - 1,
	    0);

	text[n > 0 ? n : 0] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
}

/* The new process is gone before it took over: all is as it was. */
static void
take_back(struct sup *sup, const char *how)
{
	struct upgrade *u = &sup->upgrade;
	enum upgrade_state was = u->state;
	char words[400];

	read_words(u, words, sizeof(words));
	stop_talking(u);
	u->state = UPGRADE_NONE;
	if (was >= UPGRADE_MOVING) {
		life_write_pid(sup->pid_fd);
		rename_to(sup, u->own_id);
		http_pause(sup->http, false);
		if (!u->was_draining)
			stop_resume(sup);
	}
	conclude(sup, false, "the new process %s, this one goes on%s%s", how,
	    words[0] != '\0' ? ": " : "", words);
	if (sup->ready)
		beat_send(sup);
}

bool
upgrade_exited(struct sup *sup, pid_t pid, int status)
{
	struct upgrade *u = &sup->upgrade;
	char how[64];

	if (pid != u->pid || pid <= 0)
		return (false);
	u->pid = 0;
	if (u->state == UPGRADE_LEFT || u->state == UPGRADE_NONE)
		return (true);
	(void)snprintf(how, sizeof(how), WIFEXITED(status) ?
	    "ended with status %d" : "was ended by signal %d",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	take_back(sup, how);
	return (true);
}

static void
too_late(evutil_socket_t fd, short what, void *priv)
{
	struct sup *sup = priv;

	log_err("upgrade", "process %d did not take over within %d s",
	    (int)sup->upgrade.pid, PATIENCE_S);
	(void)kill(sup->upgrade.pid, SIGKILL);
}

/* ---- talk ---- */

static const struct {
	const char *word;
	void (*func)(struct sup *);
} words_heard[] = {
	{ "prepared", on_prepared },
	{ "up", on_up },
	{ "stop", stop_by_heir },
	{ "quick", stop_by_heir_quickly },
	{ "reopen", stop_reopen },
};

static void
talked(struct bufferevent *bev, void *priv)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	char *line;
	size_t i;

	while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF)) != NULL) {
		for (i = 0; i < NELEM(words_heard); i++)
			if (strcmp(line, words_heard[i].word) == 0)
				words_heard[i].func(priv);
		free(line);
	}
}

/* It will not talk any more: gone, or as good as that. */
static void
parted(struct bufferevent *bev, short what, void *priv)
{
	struct sup *sup = priv;

	if (sup->upgrade.state == UPGRADE_LEFT)
		stop_talking(&sup->upgrade);
	else if (sup->upgrade.pid > 0)
		(void)kill(sup->upgrade.pid, SIGKILL);
}

void
upgrade_phase(struct sup *sup)
{
	struct upgrade *u = &sup->upgrade;
	unsigned i;

	if (u->state != UPGRADE_LEFT || u->talk == NULL)
		return;
	for (i = 0; i < u->ntold; i++) {
		if (u->told[i] || (i < sup->nslots && sup->slots[i] != NULL &&
		    sup->slots[i]->slot.state != SLOT_DOWN))
			continue;
		u->told[i] = true;
		(void)evbuffer_add_printf(bufferevent_get_output(u->talk),
		    "free %u\n", i);
	}
}

void
upgrade_close(struct sup *sup)
{
	struct upgrade *u = &sup->upgrade;

	upgrade_abort(sup);
	stop_talking(u);
	free(u->told);
	free(u->id);
	u->told = NULL;
	u->id = NULL;
}
