/* See redis_rig.h. */
#include "config.h"

#include "redis_rig.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/xalloc.h"

struct fake_peer {
	struct fake *f;
	struct fake_peer *next;
	struct event *ev;
	int fd;
	unsigned packet;
};

static const char *
server_program(void)
{
	const char *p = getenv("REDIS_SERVER");

	return (p == NULL ? "redis-server" : p);
}

bool
rig_possible(void)
{
	return (server_program()[0] != '\0');
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
}

void
rig_start(struct rig *rig)
{
	static const struct timeval tick = { 0, 20000 };
	const char *tmp = getenv("TMPDIR");
	struct event_config *cfg;

	signal(SIGPIPE, SIG_IGN);
	memset(rig, 0, sizeof(*rig));
	if (tmp == NULL || strlen(tmp) > 40)
		tmp = "/tmp";
	snprintf(rig->dir, sizeof(rig->dir), "%s/ganger-t-XXXXXX", tmp);
	ck_assert_ptr_nonnull(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/redis.sock", rig->dir);
	cfg = event_config_new();
	event_config_set_flag(cfg, EVENT_BASE_FLAG_PRECISE_TIMER);
	rig->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	rig->tick = event_new(rig->base, -1, EV_PERSIST, on_tick, NULL);
	event_add(rig->tick, &tick);
	rig->opts = (struct conn_opts){
		.path = rig->path,
		.username = "",
		.password = "",
		.name = "ganger-test",
		.connect_timeout = 2 * DUR_S,
		.command_timeout = 2 * DUR_S,
	};
}

static void
run_server(const struct rig *rig)
{
	/* Never outlive a test that libcheck killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (freopen("/dev/null", "w", stdout) == NULL)
		_exit(126);
	execlp(server_program(), "redis-server", "--port", "0",
	    "--unixsocket", rig->path, "--dir", rig->dir, "--save", "",
	    "--appendonly", "no", (char *)NULL);
	_exit(127);
}

void
rig_redis(struct rig *rig)
{
	mono_t end = mono_now() + RIG_LIMIT;

	rig->pid = fork();
	ck_assert_int_ge(rig->pid, 0);
	if (rig->pid == 0)
		run_server(rig);
	for (;;) {
		rig->side = redisConnectUnix(rig->path);
		ck_assert_ptr_nonnull(rig->side);
		if (rig->side->err == 0)
			break;
		redisFree(rig->side);
		rig->side = NULL;
		ck_assert_msg(mono_now() < end, "redis-server does not start");
		poll(NULL, 0, 5);
	}
}

void
rig_redis_stop(struct rig *rig)
{
	if (rig->side != NULL)
		redisFree(rig->side);
	rig->side = NULL;
	if (rig->pid <= 0)
		return;
	kill(rig->pid, SIGKILL);
	waitpid(rig->pid, NULL, 0);
	rig->pid = 0;
	unlink(rig->path);
}

struct conn_group *
rig_group(struct rig *rig)
{
	rig->group = conn_group_new(rig->base, &rig->opts);
	return (rig->group);
}

void
rig_stop(struct rig *rig)
{
	conn_group_free(&rig->group);
	rig_redis_stop(rig);
	event_free(rig->tick);
	event_base_free(rig->base);
	ck_assert_int_eq(dir_remove(rig->dir), 0);
}

void
rig_turn(struct rig *rig)
{
	if (rig->group != NULL)
		conn_flush_all(rig->group);
	event_base_loop(rig->base, EVLOOP_ONCE);
	if (rig->group != NULL)
		conn_flush_all(rig->group);
}

static redisReply *
ask(struct rig *rig, const char *fmt, va_list ap)
{
	redisReply *reply = redisvCommand(rig->side, fmt, ap);

	ck_assert_ptr_nonnull(reply);
	ck_assert_msg(reply->type != REDIS_REPLY_ERROR, "%s: %s", fmt,
	    reply->str);
	return (reply);
}

redisReply *
rig_ask(struct rig *rig, const char *fmt, ...)
{
	redisReply *reply;
	va_list ap;

	va_start(ap, fmt);
	reply = ask(rig, fmt, ap);
	va_end(ap);
	return (reply);
}

void
rig_do(struct rig *rig, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	freeReplyObject(ask(rig, fmt, ap));
	va_end(ap);
}

long long
rig_int(struct rig *rig, const char *fmt, ...)
{
	redisReply *reply;
	long long v;
	va_list ap;

	va_start(ap, fmt);
	reply = ask(rig, fmt, ap);
	va_end(ap);
	ck_assert_int_eq(reply->type, REDIS_REPLY_INTEGER);
	v = reply->integer;
	freeReplyObject(reply);
	return (v);
}

static void
hang_up(struct fake_peer *p)
{
	event_del(p->ev);
	fd_close(&p->fd);
}

static void
on_packet(evutil_socket_t fd, short what, void *arg)
{
	struct fake_peer *p = arg;
	const char *text;
	char in[4096];

	if (read(fd, in, sizeof(in)) <= 0) {
		hang_up(p);
		return;
	}
	p->f->packets++;
	text = p->packet < FAKE_MAX ? p->f->answer[p->packet] : NULL;
	p->packet++;
	if (text == NULL)
		return;
	if (text[0] == '\0')
		hang_up(p);
	else
		ck_assert_int_eq(write(fd, text, strlen(text)),
		    (ssize_t)strlen(text));
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct fake *f = arg;
	struct fake_peer *p = xcalloc(1, sizeof(*p));

	p->fd = accept(fd, NULL, NULL);
	ck_assert_int_ge(p->fd, 0);
	p->f = f;
	p->ev = event_new(event_get_base(f->listener), p->fd,
	    EV_READ | EV_PERSIST, on_packet, p);
	event_add(p->ev, NULL);
	p->next = f->peers;
	f->peers = p;
	f->accepted++;
}

static void
listen_on(struct rig *rig, struct fake *f)
{
	ck_assert_int_eq(listen(f->fd, 16), 0);
	f->listener = event_new(rig->base, f->fd, EV_READ | EV_PERSIST,
	    on_accept, f);
	event_add(f->listener, NULL);
}

void
fake_unix(struct rig *rig, struct fake *f)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", rig->path);
	f->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(f->fd, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
	listen_on(rig, f);
}

void
fake_tcp(struct rig *rig, struct fake *f)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(f->fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(getsockname(f->fd, (struct sockaddr *)&sin, &len), 0);
	f->port = ntohs(sin.sin_port);
	listen_on(rig, f);
}

void
fake_stop(struct fake *f)
{
	struct fake_peer *p;

	while ((p = f->peers) != NULL) {
		f->peers = p->next;
		event_free(p->ev);
		fd_close(&p->fd);
		free(p);
	}
	event_free(f->listener);
	fd_close(&f->fd);
}

void
see_state(void *priv, struct conn *c, const char *why)
{
	struct seen *s = priv;

	if (why == NULL) {
		s->ready++;
	} else {
		s->lost++;
		snprintf(s->why, sizeof(s->why), "%s", why);
	}
}
