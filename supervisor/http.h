/* The HTTP server, on the supervisor's loop. Contract, section 7. */
#ifndef SUPERVISOR_HTTP_H
#define SUPERVISOR_HTTP_H

struct http;
struct sup;

/* Listens as configured; *hp NULL if HTTP is off. 0 or -ERR_SYSTEM. */
int http_open(struct sup *sup, struct http **hp);
void http_close(struct http **hp);

#endif
