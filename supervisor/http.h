/* The HTTP server, on the supervisor's loop. Contract, section 7. */
#ifndef SUPERVISOR_HTTP_H
#define SUPERVISOR_HTTP_H

struct conf_http;
#include <stdbool.h>

struct http;
struct sup;

/* Listens as configured; *hp NULL if HTTP is off. 0 or -ERR_SYSTEM. */
int http_open(struct sup *sup, struct http **hp);
/* Accepts no connections, or again; h may be NULL. */
void http_pause(struct http *h, bool pause);
/* The socket that it listens on; -1 if HTTP is off. */
int http_socket(const struct http *h);
void http_close(struct http **hp);
/* Streams of events listen at the Redis of the moment; clients come again. */
void http_new_redis(struct sup *sup);

/*
 * A move to another address, in two steps: http_bind takes the address while
 * the server is where it was (-1 in *fdp: there is nothing to take); it may
 * fail with -ERR_SYSTEM, then nothing has changed. http_move leaves the old
 * address; connections stay. Takes the descriptor.
 */
int http_bind(const struct sup *sup, const struct conf_http *c, int *fdp);
void http_move(struct sup *sup, const struct conf_http *c, int *fdp);

#endif
