/*
 * Where a Redis is: redis://[user:password@]host[:port][/db], rediss://...,
 * unix:/path[?db=N], unix://[user:password@]/path[?db=N]. Percent escapes are
 * decoded in user, password and path. Never prints a password.
 */
#ifndef CONF_REDIS_URL_H
#define CONF_REDIS_URL_H

#include <stdbool.h>
#include <stdint.h>

struct redis_url {
	char *host;      /* name or address, no brackets; NULL: a unix socket */
	uint16_t port;   /* 6379 when absent */
	char *path;      /* of the socket; NULL: TCP */
	unsigned db;
	char *username;  /* "" : none */
	char *password;  /* "" : none */
	bool tls;
};

/*
 * Fills *u (redis_url_fini) and returns 0, or -ERR_SYNTAX / -ERR_RANGE with
 * *whyp (may be NULL) a static text that names the accepted form; *u is then
 * empty.
 */
int redis_url_parse(const char *text, struct redis_url *u, const char **whyp);
void redis_url_fini(struct redis_url *u);

/* The URL in its shortest form, the password as "(set)", or with secrets as
 * it is. The caller frees. */
char *redis_url_text(const struct redis_url *u, bool secrets);

#endif
