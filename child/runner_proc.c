/*
 * The process behind a runner. Its socket is read and written without ever
 * waiting; a message is handed on only when all of it is there, and room for
 * it is made as its bytes come, never by the length it claims.
 */
#include "config.h"

#include "child/runner_proc.h"

#include <sys/socket.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "child/dirs.h"
#include "child/prepare.h"
#include "child/runner_msg.h"
#include "child/sandbox.h"
#include "child/spawn.h"

#define READ_CHUNK (64u << 10)
#define READS_A_TURN 64
#define READS_AT_END 4096 /* a dead runner's children may go on writing */

static int
take_messages(struct runner *r)
{
	const unsigned char *p;
	size_t at = 0, n;
	int rc = 0;

	while (rc == 0 && r->in.len - at >= RUNNER_HEAD) {
		p = (const unsigned char *)r->in.data + at;
		n = (size_t)p[0] << 24 | (size_t)p[1] << 16 |
		    (size_t)p[2] << 8 | p[3];
		if (n > RUNNER_MSG_MAX)
			return (runner_proc_blame(r, "sent a message over "
			    "64 MiB, or text that is no message"));
		if (r->in.len - at - RUNNER_HEAD < n)
			break;
		rc = r->take(r, p + RUNNER_HEAD, n);
		at += RUNNER_HEAD + n;
	}
	buf_consume(&r->in, at);
	if (r->in.len == 0)
		buf_reset(&r->in);
	return (rc);
}

/* 1: bytes came, 0: none now, -ERR_CLOSED: none ever again. */
static int
read_some(struct runner *r)
{
	ssize_t n;

	if (buf_reserve(&r->in, READ_CHUNK) != 0)
		return (-ERR_CLOSED);
	n = read(r->sock.fd, r->in.data + r->in.len, READ_CHUNK);
	if (n > 0) {
		r->in.len += (size_t)n;
		return (1);
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return (0);
	return (-ERR_CLOSED);
}

static void
read_socket(struct runner *r, unsigned reads)
{
	int got = 1;

	while (got > 0 && reads-- > 0 && r->sock.fd >= 0) {
		got = read_some(r);
		if (got > 0 && take_messages(r) != 0) {
			child_say("%s", r->fault);
			fd_close(&r->sock.fd);
			runner_proc_kill(r);
			return;
		}
	}
	if (got == -ERR_CLOSED) {
		fd_close(&r->sock.fd);
		r->kill_at = mono_add(mono_now(), r->child->start->kill_grace);
	}
}

static void
on_socket(struct child *c, void *arg, short revents)
{
	struct runner *r = arg;

	if ((revents & POLLOUT) != 0)
		runner_proc_flush(r);
	if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		read_socket(r, READS_A_TURN);
}

static void
on_end(struct child *c, void *arg, short revents)
{

	tree_reap(&c->tree);    /* tick_runner sees what it brought */
}

static int
spawn_runner(struct runner *r, const struct spawn_user *user, int fd,
    struct buf *why)
{
	struct sandbox box;
	struct spawn s = {
		.argv = r->handler->conf->argv,
		.cwd = r->work,
		.in_fd = -1,
		.extra_fd = fd,
		.user = user,
		.box = &box,
	};
	struct env e;
	int rc;

	prepare_env(r->child, r->handler, NULL, &e);
	env_set(&e, "GANGER_WORKDIR", r->work);
	env_set(&e, "GANGER_RUNNER_FD", "3");
	s.env = e.v;
	rc = dirs_sandbox(r->child->start, r->handler->conf->sandbox, &box,
	    why);
	if (rc == 0) {
		rc = spawn_process(&s, &r->proc, why);
		sandbox_close(&box);
	}
	env_fini(&e);
	return (rc);
}

_Static_assert(SPAWN_EXTRA_FD == 3, "GANGER_RUNNER_FD is written above");

static int
connect_runner(struct runner *r, const struct spawn_user *user,
    struct buf *why)
{
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
		buf_printf(why, "could not make a socket: %s",
		    strerror(errno));
		return (-ERR_SYSTEM);
	}
	rc = spawn_runner(r, user, fds[1], why);
	fd_close(&fds[1]);
	if (rc == 0 && fd_nonblock(fds[0]) == 0)
		r->sock.fd = fds[0];
	else
		fd_close(&fds[0]);
	return (rc);
}

void
runner_proc_init(struct runner *r)
{

	r->proc.pidfd = -1;
	buf_init(&r->in, RUNNER_MSG_MAX + RUNNER_HEAD + READ_CHUNK);
	buf_init(&r->out, RUNNER_MSG_MAX + (64u << 10));
	buf_init(&r->models, 32u << 10);
	r->end = (struct watch){ -1, POLLIN, on_end, r };
	r->sock = (struct watch){ -1, POLLIN, on_socket, r };
	child_watch(r->child, &r->end);
	child_watch(r->child, &r->sock);
}

void
runner_proc_fini(struct runner *r)
{

	buf_fini(&r->in);
	buf_fini(&r->out);
	buf_fini(&r->models);
}

int
runner_proc_start(struct runner *r, struct buf *why)
{
	const struct spawn_user *user;
	int rc;

	r->fault[0] = '\0';
	r->replace = false;
	r->greeted = false;
	r->makes_dirs = false;
	r->owes = true;
	if (!prepare_user(r->child, r->handler, &user, why))
		return (-ERR_NOTFOUND);
	rc = dirs_private(r->child->start, user, &r->work, why);
	if (rc != 0)
		return (rc);
	if ((rc = connect_runner(r, user, why)) != 0) {
		dir_remove(r->work);
		free(r->work);
		r->work = NULL;
		return (rc);
	}
	r->proc.kept = true;
	tree_add(&r->child->tree, &r->proc);
	r->end.fd = r->proc.pidfd;
	r->sock.events = POLLIN;
	r->phase = RUNNER_STARTING;
	return (0);
}

void
runner_proc_kill(struct runner *r)
{

	if (r->proc.pid == 0 || r->phase == RUNNER_ENDING)
		return;
	r->phase = RUNNER_ENDING;
	r->proc.kept = false;
	tree_signal_one(r->proc.pid, SIGKILL);
}

void
runner_proc_drop(struct runner *r)
{

	tree_forget(&r->child->tree, &r->proc);
	fd_close(&r->sock.fd);
	r->end.fd = -1;
	r->kill_at = 0;
	buf_reset(&r->in);
	buf_reset(&r->out);
	buf_reset(&r->models);
	if (r->work != NULL && dir_remove(r->work) != 0)
		child_say("could not remove %s: %s", r->work, strerror(errno));
	free(r->work);
	r->work = NULL;
	r->owes = false;
	r->phase = RUNNER_DOWN;
	r->child->dirty = true; /* what it started may still be there */
}

void
runner_proc_drain(struct runner *r)
{

	if (r->phase != RUNNER_ENDING && r->sock.fd >= 0)
		read_socket(r, READS_AT_END);
}

void
runner_proc_flush(struct runner *r)
{
	ssize_t n;

	while (r->out.len > 0 && r->sock.fd >= 0) {
		n = send(r->sock.fd, r->out.data, r->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		buf_consume(&r->out, (size_t)n);
	}
	if (r->out.len == 0)
		buf_reset(&r->out);
	r->sock.events = POLLIN | (r->out.len > 0 ? POLLOUT : 0);
}

void
runner_proc_quit(struct runner *r)
{
	struct pollfd p;

	if (r->open || r->proc.pid == 0 || r->proc.ended || r->sock.fd < 0)
		return;
	runner_put_quit(&r->out);
	runner_proc_flush(r);
	shutdown(r->sock.fd, SHUT_WR);
	p = (struct pollfd){ .fd = r->proc.pidfd, .events = POLLIN };
	while (poll(&p, 1, (int)(r->child->start->kill_grace / DUR_MS)) < 0 &&
	    errno == EINTR)
		;
}

int
runner_proc_blame(struct runner *r, const char *what)
{

	snprintf(r->fault, sizeof(r->fault), "the runner %s", what);
	return (-ERR_PROTOCOL);
}
