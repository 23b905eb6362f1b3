/*
 * One request from its arrival to its answer, and what the files of the HTTP
 * server share. Only they include this.
 *
 * A route's function answers at once, or sends Redis calls and answers in
 * their callbacks. An ask lives until it is answered and no call is out, so
 * a reply that comes late finds it. evhttp stops reading while a request is
 * unanswered and so notices no close before the answer: the request stays
 * valid till then, and nothing else may free it (http_close answers first).
 */
#ifndef SUPERVISOR_HTTP_ASK_H
#define SUPERVISOR_HTTP_ASK_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "supervisor/conn.h"
#include "supervisor/http_route.h"
#include "supervisor/http_tbl.h"

#define HTTP_MAGIC 0x68747470u
#define ASK_MAGIC 0x61736b21u

#define ASKS_MAX 256                    /* unanswered ones at a time */
#define ANSWER_MAX ((size_t)1 << 30)    /* bytes of a body that we make */
#define QUEUE_NAME_MAX 512              /* bytes of ?queue= */

struct ask;
struct conf_http;
struct evconnlistener;
struct event;
struct evhttp;
struct evhttp_bound_socket;
struct evhttp_connection;
struct evhttp_request;
struct events;
struct fleet;
struct script_args;
struct sup;

struct http {
	unsigned magic;
	struct sup *sup;                  /* borrows */
	bool loopback;                    /* where it listens */
	char *host;                       /* owns */
	uint16_t port;                    /* as configured */
	struct evhttp *evhttp;            /* owns */
	struct evhttp_bound_socket *bound; /* lent by evhttp; NULL: not yet */
	struct evconnlistener *listener;  /* lent by it */
	struct event *resume;             /* accepts again; owns */
	bool paused;                      /* by http_pause */
	TAILQ_HEAD(, ask) asks;           /* all that are not freed yet */
	unsigned nasks;
	struct events *events;            /* owns; NULL: nobody listens */
};

typedef void ask_f(struct ask *a);
/* i is what ask_call was given. reply as in conn.h: NULL if lost. */
typedef void ask_reply_f(struct ask *a, unsigned i, redisReply *reply);

struct ask {
	unsigned magic;
	TAILQ_ENTRY(ask) link;
	struct http *http;           /* borrows; NULL after http_close */
	struct sup *sup;             /* borrows */
	struct evhttp_request *req;  /* NULL once answered */
	char arg[HTTP_ARG_MAX + 1];  /* what the path's `*` stood for */
	char *queue;                 /* owns; ?queue=, NULL without */
	unsigned calls;              /* replies of Redis still to come */
	bool busy;                   /* a function of the route runs */
	ask_f *next;                 /* runs when the last reply is here */
	ask_f *late;                 /* runs at the limit; must answer */
	struct event *limit;         /* owns; NULL: none */
	struct fleet *fleet;         /* owns; see fleet_load */
	void *state;                 /* the route's own; owns */
	void (*free_state)(void *);
};

/* ---- http.c, http_listen.c ---- */

void http_accept_error(struct evconnlistener *listener, void *priv);
/* Accepts there from now on, and nowhere else; takes the descriptor. */
void http_listen(struct http *h, const struct conf_http *c, int *fdp);
/* Both ends of the connection are on this host. */
bool http_on_loopback(const struct http *h, struct evhttp_connection *conn);

/* ---- http_ask.c ---- */

/* Takes the request. NULL if there are too many; it is answered then. */
struct ask *ask_new(struct http *h, struct evhttp_request *req);
/* Runs the route's function. The ask may be gone afterwards. */
void ask_run(struct ask *a, ask_f *func);
/* Answers what is still unanswered, for http_close. */
void ask_abandon(struct ask *a);

/* Answers; each may be called once, and the ask stays valid until the
 * function that runs returns. Code and type, then the body: taken out of b
 * (NULL: none). */
void ask_reply(struct ask *a, int code, const char *type, struct buf *b);
void ask_json(struct ask *a, int code, struct buf *b);
/* {"error": "..."} */
void ask_error(struct ask *a, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* 503: Redis is away, or answered r with an error. */
void ask_no_redis(struct ask *a, const redisReply *r);
/* A header of the answer, to be set before it. */
void ask_header(struct ask *a, const char *name, const char *value);
/* Gives the request to the caller, who answers it: the ask is done. */
struct evhttp_request *ask_give(struct ask *a);

/* Whether Redis can be asked now. */
bool ask_redis(const struct ask *a);
/*
 * Sends one command of words on the main connection; lens may be NULL. fn is
 * called with the answer, unless the ask was answered meanwhile. 0, or
 * -ERR_CLOSED and fn is not called.
 */
int ask_call(struct ask *a, ask_reply_f *fn, unsigned i, int argc,
    const char *const *argv, const size_t *lens);
/* The same with a script that was begun. */
int ask_script(struct ask *a, ask_reply_f *fn, unsigned i,
    struct script_args *args);
/* Runs late unless there is an answer by then. */
void ask_set_limit(struct ask *a, dur_t limit, ask_f *late);

/* ---- http_fleet.c ---- */

/*
 * Reads the fleet, then runs next: who lives, their status, which queues
 * there are. Without Redis, or when it takes too long, that is this worker
 * alone.
 */
void fleet_load(struct ask *a, ask_f *next);
void fleet_free(struct fleet **fp);
unsigned fleet_nqueues(const struct fleet *f);
const char *fleet_queue(const struct fleet *f, unsigned i);

/* ---- http_queues.c ---- */

/* What the `glance` script said of a queue. */
#define GLANCE_N 6
#define GLANCE_DEAD 5        /* the others are jobs that have not ended */
struct glance {
	char *queue;             /* owns */
	bool known;              /* it was answered */
	long long n[GLANCE_N];   /* in the order of glance_names */
	long long oldest_age;    /* ms; -1: no job, or it does not say */
};
struct glances {
	unsigned n;
	struct glance g[];
};
extern const char *const glance_names[GLANCE_N];

/* Runs the script for one queue; fn may read its answer, as ask_call. */
void glance_send(struct ask *a, ask_reply_f *fn, const char *queue,
    unsigned i);
bool glance_read(const redisReply *r, struct glance *g);

/* Asks about these queues; the answers are in the ask's state, a struct
 * glances, when its `next` runs. */
void glances_load(struct ask *a, const char *const *queues, unsigned n);

/* The text of the status page; see scripts/embed_page.sh. */
extern const char page_text[];

/* Functions of the routes. */
#define X(method, path, class, func, help) ask_f func;
HTTP_ROUTES(X)
#undef X

/* ---- http_events.c ---- */

void events_close(struct events **ep);

#endif
