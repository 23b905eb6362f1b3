/*
 * What the tests of the HTTP server say to it: whole requests with a method,
 * headers and a body, and connections that are kept open. Results are the
 * rig's, as in rig.h.
 */
#ifndef TESTS_SYSTEM_WEB_H
#define TESTS_SYSTEM_WEB_H

#include <stddef.h>

#include "tests/rig/rig.h"

#define WEB_TOKEN "Authorization: Bearer sesame\r\n"

struct web {
	int status;             /* 0: no answer */
	const char *head;       /* status line and headers */
	const char *body;
};

/* A connected socket with a limit on each read. */
int web_dial(struct rig *r, int d);
/* One request on a connection of its own; headers end in CRLF each, "" for
 * none; body may be NULL. */
struct web web_send(struct rig *r, int d, const char *method,
    const char *path, const char *headers, const void *body, size_t n);
struct web web_get(struct rig *r, int d, const char *path);
/* With the token. */
struct web web_post(struct rig *r, int d, const char *path, const char *job);
struct web web_delete(struct rig *r, int d, const char *path);
/* A header's value, "" if there is none. */
const char *web_header(struct rig *r, const struct web *w, const char *name);
/* The body as JSON; fails the test if it is none. */
json_t *web_json(struct rig *r, const struct web *w);

/* Writes the token file and gives the [http] keys that name it. */
const char *web_token_file(struct rig *r);
/* A daemon w1 with a token, ready; ini as in rig_daemon. */
struct rig *web_start(const char *ini);

#endif
