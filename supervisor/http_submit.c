/*
 * POST /jobs: checks the body as a worker would, gives it an id if it has
 * none, and pushes it where the CLI would push it.
 */
#include "config.h"

#include "supervisor/http_ask.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "base/jsonw.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "proto/job.h"

#include "supervisor/rename.h"
#include "supervisor/sup.h"

struct submission {
	char id[129];
	char *queue;            /* owns */
	char *payload;          /* owns; NULL: the body as it came */
	size_t len;
};

static void
free_submission(void *state)
{
	struct submission *s = state;

	free(s->queue);
	free(s->payload);
	free(s);
}

/* The rule of docs/contract.md, section 8. */
static char *
route_of(const struct sup *sup, const struct job_spec *spec)
{
	const char *kind = "cpu";

	if (spec->requires_gpu)
		kind = "gpu";
	else if (slice_is(spec->type, "training"))
		kind = "training";
	else if (slice_is(spec->type, "inference"))
		kind = "inference";
	return (str_fmt("%s:%s:queue", sup->conf->redis.prefix, kind));
}

static bool
queue_ok(const char *queue)
{
	size_t n = strlen(queue);

	return (n > 0 && n <= QUEUE_NAME_MAX && str_utf8_ok(queue, n) &&
	    strpbrk(queue, "{}\r\n") == NULL);
}

static void
on_pushed(struct ask *a, unsigned i, redisReply *r)
{
	const struct submission *s = a->state;
	struct jsonw w;
	struct buf b;

	if (r == NULL) {
		ask_error(a, 503, "Redis did not answer: whether job %s is "
		    "queued is not known", s->id);
		return;
	}
	if (r->type == REDIS_REPLY_ERROR &&
	    strncmp(r->str, "WRONGTYPE", 9) == 0) {
		ask_error(a, 400, "%s is not a queue", s->queue);
		return;
	}
	if (conn_failed(r, NULL)) {
		ask_no_redis(a, r);
		return;
	}
	buf_init(&b, 8192);
	jsonw_init(&w, &b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "id", s->id);
	jsonw_kstr(&w, "queue", s->queue);
	jsonw_end(&w);
	ask_json(a, 202, &b);
	buf_fini(&b);
}

static void
push(struct ask *a, enum job_lane lane, struct slice payload)
{
	const struct submission *s = a->state;
	const char *argv[3] = { "LPUSH" };
	size_t lens[3] = { 5 };
	char *key;
	int r;

	key = lane == LANE_NORMAL ? xstrdup(s->queue) :
	    str_fmt("{%s}:%s", s->queue, job_lane_name(lane));
	argv[1] = key;
	lens[1] = strlen(key);
	argv[2] = payload.p;
	lens[2] = payload.n;
	r = ask_call(a, on_pushed, 0, 3, argv, lens);
	free(key);
	if (r != 0)
		ask_no_redis(a, NULL);
}

/* Fills in the id; 0, or the code of the answer that was given. */
static int
name_job(struct ask *a, const struct job_spec *spec)
{
	struct submission *s = a->state;
	char id[37];

	if (spec->id.p != NULL) {
		memcpy(s->id, spec->id.p, spec->id.n);
		return (0);
	}
	str_uuid7(id, sup_wall(a->sup));
	memcpy(s->id, id, sizeof(id));
	if (rename_payload(spec->payload, spec->is_msgpack, s->id,
	    &s->payload, &s->len) != 0) {
		ask_error(a, 500, "could not give the job an id");
		return (500);
	}
	if (s->len > a->sup->conf->supervisor.max_job_size) {
		ask_error(a, 413, "the job, with the id it was given, is "
		    "over max_job_size");
		return (413);
	}
	return (0);
}

static void
submit_spec(struct ask *a, const struct job_spec *spec)
{
	struct submission *s = a->state;

	if (name_job(a, spec) != 0)
		return;
	s->queue = a->queue != NULL ? xstrdup(a->queue) :
	    route_of(a->sup, spec);
	push(a, spec->lane, s->payload == NULL ? spec->payload :
	    (struct slice){ s->payload, s->len });
	/* The command holds a copy. */
	free(s->payload);
	s->payload = NULL;
}

void
submit_job(struct ask *a)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(a->req);
	size_t n = evbuffer_get_length(in);
	size_t max = a->sup->conf->supervisor.max_job_size;
	struct job_problem problem;
	struct job_spec spec;

	if (a->queue != NULL && !queue_ok(a->queue)) {
		ask_error(a, 400, "queue: 1 to %d bytes of UTF-8 without "
		    "braces", QUEUE_NAME_MAX);
		return;
	}
	if (n > max) {
		ask_error(a, 413, "the job has %zu bytes, max_job_size is "
		    "%zu", n, max);
		return;
	}
	a->state = xcalloc(1, sizeof(struct submission));
	a->free_state = free_submission;
	if (job_parse(n > 0 ? (const void *)evbuffer_pullup(in, -1) : "", n,
	    max, &spec, &problem) != 0)
		ask_error(a, problem.cause == CAUSE_TOO_LARGE ? 413 : 400,
		    "%s", problem.message);
	else
		submit_spec(a, &spec);
	job_spec_fini(&spec);
}
