/*
 * The CLI's Redis: one synchronous connection, opened at the first use. What
 * Redis can't do ends the program with CLI_UNREACHABLE and says why; a caller
 * that can live with an error uses rds_try. Keys are built here too.
 */
#ifndef CLI_RDS_H
#define CLI_RDS_H

#include <hiredis/hiredis.h>

#include "base/buf.h"

#include "cli/cli.h"

/*
 * A new connection, greeted. NULL on failure with the reason in why. The
 * caller frees it with redisFree.
 */
redisContext *rds_connect(struct cli *cli, char *why, size_t size);

/* The program's own connection. */
redisContext *rds(struct cli *cli);
void rds_drop(struct cli *cli);     /* closes it; the next use opens it anew */

/* The words of a target for messages, without a password. The caller frees. */
char *rds_where(struct cli *cli);

/* One command, hiredis's format. Never NULL, never an error reply. */
redisReply *rds_cmd(struct cli *cli, const char *fmt, ...);
/* The same, but gives error replies to the caller. */
redisReply *rds_try(struct cli *cli, const char *fmt, ...);
long long rds_int(struct cli *cli, const char *fmt, ...); /* 0: not a number */

/* Pipelines: as many rds_reply as rds_send. */
void rds_send(struct cli *cli, const char *fmt, ...);
redisReply *rds_reply(struct cli *cli);     /* may be an error reply */

/*
 * For loops that outlive a restart of Redis: 0 and a reply, or -ERR_CLOSED
 * with the connection dropped.
 */
int rds_soft(struct cli *cli, redisReply **rp, const char *fmt, ...);

/* Opens the connection if need be; false if that fails. */
bool rds_ready(struct cli *cli);

/* Whether a server answers PING on a unix socket (for `up`). */
bool rds_alive(const char *socket_path);

/* Keys; the caller frees. */
char *key_default(struct cli *cli, const char *kind); /* "gpu" */
/* The default queue of a job; type NULL or "": inference. */
char *key_route(struct cli *cli, const char *type, bool requires_gpu);
char *key_direct(struct cli *cli, const char *worker);
char *key_worker(struct cli *cli, const char *worker);
char *key_of(const char *queue, const char *part);     /* {Q}:part */
char *key_of2(const char *queue, const char *part, const char *what);

#endif
