/*
 * Synchronous Redis with deadlines. Works with hiredis 0.14 and 1.x; TLS
 * needs a build with hiredis_ssl. Passwords are never printed.
 */
#include "config.h"

#include "cli/rds.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"
#include "conf/conf.h"

static struct timeval
timeval_of(dur_t d)
{
	return ((struct timeval){ .tv_sec = d / DUR_S,
	    .tv_usec = d % DUR_S / DUR_US });
}

/* --redis, else the configuration's, which REDIS_URL has overridden. */
static const struct redis_url *
find_target(struct cli *cli, struct redis_url *own)
{
	const char *text = cli_text(cli, OPT_REDIS);
	const char *why;

	if (text == NULL)
		return (&cli_conf(cli)->redis.addr);
	if (redis_url_parse(text, own, &why) != 0)
		cli_usage(cli->cmd, "bad --redis \"%s\": %s", text, why);
	return (own);
}

char *
rds_where(struct cli *cli)
{
	struct redis_url own = { .host = NULL };
	char *text = redis_url_text(find_target(cli, &own), false);

	redis_url_fini(&own);
	return (text);
}

/* 0, or -ERR_REFUSED with the server's words in why. */
static int
greet(redisContext *c, char *why, size_t size, const char *fmt, ...)
{
	redisReply *r;
	va_list ap;
	int rc = 0;

	va_start(ap, fmt);
	r = redisvCommand(c, fmt, ap);
	va_end(ap);
	if (r == NULL || r->type == REDIS_REPLY_ERROR) {
		snprintf(why, size, "%s", r == NULL ? c->errstr : r->str);
		rc = -ERR_REFUSED;
	}
	if (r != NULL)
		freeReplyObject(r);
	return (rc);
}

static int
greet_all(redisContext *c, const struct redis_url *u, char *why, size_t size)
{
	int r = 0;

	if (u->password[0] != '\0' && u->username[0] != '\0')
		r = greet(c, why, size, "AUTH %s %s", u->username,
		    u->password);
	else if (u->password[0] != '\0')
		r = greet(c, why, size, "AUTH %s", u->password);
	if (r == 0 && u->db != 0)
		r = greet(c, why, size, "SELECT %u", u->db);
	return (r);
}

static redisContext *
dial(const struct redis_url *u, dur_t connect_timeout)
{
	struct timeval tv = timeval_of(connect_timeout);

	if (u->path != NULL)
		return (redisConnectUnixWithTimeout(u->path, tv));
	return (redisConnectWithTimeout(u->host, u->port, tv));
}

redisContext *
rds_connect(struct cli *cli, char *why, size_t size)
{
	struct redis_url own = { .host = NULL };
	const struct redis_url *u = find_target(cli, &own);
	bool configured = cli->conf != NULL;
	dur_t connect = 2 * DUR_S, command = 5 * DUR_S;
	redisContext *c = NULL;

	if (configured) {
		connect = cli->conf->redis.connect_timeout;
		command = cli->conf->redis.command_timeout;
	}
	if (u->tls) {
		snprintf(why, size, "this build speaks no TLS to Redis");
		goto out;
	}
	c = dial(u, connect);
	if (c == NULL || c->err != 0) {
		snprintf(why, size, "%s", c == NULL ? "out of memory" :
		    c->errstr);
		goto fail;
	}
	fd_cloexec(c->fd);
	redisSetTimeout(c, timeval_of(command));
	if (greet_all(c, u, why, size) == 0)
		goto out;
 fail:
	if (c != NULL)
		redisFree(c);
	c = NULL;
 out:
	redis_url_fini(&own);
	return (c);
}

redisContext *
rds(struct cli *cli)
{
	char why[256];

	if (cli->redis != NULL)
		return (cli->redis);
	cli->redis = rds_connect(cli, why, sizeof(why));
	if (cli->redis == NULL)
		cli_die(CLI_UNREACHABLE, "could not use Redis at %s: %s",
		    rds_where(cli), why);
	return (cli->redis);
}

void
rds_drop(struct cli *cli)
{
	if (cli->redis != NULL)
		redisFree(cli->redis);
	cli->redis = NULL;
}

_Noreturn static void
lost(struct cli *cli)
{
	cli_die(CLI_UNREACHABLE, "lost Redis at %s: %s", rds_where(cli),
	    cli->redis->errstr[0] != '\0' ? cli->redis->errstr : "no answer");
}

redisReply *
rds_try(struct cli *cli, const char *fmt, ...)
{
	redisReply *r;
	va_list ap;

	va_start(ap, fmt);
	r = redisvCommand(rds(cli), fmt, ap);
	va_end(ap);
	if (r == NULL)
		lost(cli);
	return (r);
}

static redisReply *
insist(redisReply *r)
{
	char text[256];

	if (r->type != REDIS_REPLY_ERROR)
		return (r);
	snprintf(text, sizeof(text), "%s", r->str);
	freeReplyObject(r);
	cli_die(CLI_UNREACHABLE, "Redis refused: %s", text);
}

redisReply *
rds_cmd(struct cli *cli, const char *fmt, ...)
{
	redisReply *r;
	va_list ap;

	va_start(ap, fmt);
	r = redisvCommand(rds(cli), fmt, ap);
	va_end(ap);
	if (r == NULL)
		lost(cli);
	return (insist(r));
}

long long
rds_int(struct cli *cli, const char *fmt, ...)
{
	long long n = 0;
	redisReply *r;
	va_list ap;

	va_start(ap, fmt);
	r = redisvCommand(rds(cli), fmt, ap);
	va_end(ap);
	if (r == NULL)
		lost(cli);
	if (insist(r)->type == REDIS_REPLY_INTEGER)
		n = r->integer;
	freeReplyObject(r);
	return (n);
}

void
rds_send(struct cli *cli, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = redisvAppendCommand(rds(cli), fmt, ap);
	va_end(ap);
	if (r != REDIS_OK)
		lost(cli);
}

redisReply *
rds_reply(struct cli *cli)
{
	void *r = NULL;

	if (redisGetReply(rds(cli), &r) != REDIS_OK || r == NULL)
		lost(cli);
	return (r);
}

bool
rds_ready(struct cli *cli)
{
	char why[256];

	if (cli->redis == NULL)
		cli->redis = rds_connect(cli, why, sizeof(why));
	return (cli->redis != NULL);
}

int
rds_soft(struct cli *cli, redisReply **rp, const char *fmt, ...)
{
	va_list ap;

	*rp = NULL;
	if (!rds_ready(cli))
		return (-ERR_CLOSED);
	va_start(ap, fmt);
	*rp = redisvCommand(cli->redis, fmt, ap);
	va_end(ap);
	if (*rp == NULL || (*rp)->type == REDIS_REPLY_ERROR) {
		if (*rp != NULL)
			freeReplyObject(*rp);
		*rp = NULL;
		rds_drop(cli);
		return (-ERR_CLOSED);
	}
	return (0);
}

bool
rds_alive(const char *socket_path)
{
	redisContext *c = redisConnectUnixWithTimeout(socket_path,
	    timeval_of(DUR_S));
	redisReply *r = NULL;
	bool alive = false;

	if (c != NULL && c->err == 0) {
		redisSetTimeout(c, timeval_of(DUR_S));
		r = redisCommand(c, "PING");
		alive = r != NULL && r->type == REDIS_REPLY_STATUS;
	}
	if (r != NULL)
		freeReplyObject(r);
	if (c != NULL)
		redisFree(c);
	return (alive);
}

char *
key_default(struct cli *cli, const char *kind)
{
	return (str_fmt("%s:%s:queue", cli_prefix(cli), kind));
}

char *
key_route(struct cli *cli, const char *type, bool requires_gpu)
{
	if (requires_gpu)
		return (key_default(cli, "gpu"));
	if (type == NULL || type[0] == '\0')
		return (key_default(cli, "inference"));
	if (strcmp(type, "training") == 0 || strcmp(type, "inference") == 0)
		return (key_default(cli, type));
	return (key_default(cli, "cpu"));
}

char *
key_direct(struct cli *cli, const char *worker)
{
	return (str_fmt("%s:worker:%s:queue", cli_prefix(cli), worker));
}

char *
key_worker(struct cli *cli, const char *worker)
{
	return (str_fmt("%s:worker:%s", cli_prefix(cli), worker));
}

char *
key_of(const char *queue, const char *part)
{
	return (str_fmt("{%s}:%s", queue, part));
}

char *
key_of2(const char *queue, const char *part, const char *what)
{
	return (str_fmt("{%s}:%s:%s", queue, part, what));
}
