/* Records, events and dead letters as JSON. See record.h. */
#include "config.h"

#include "supervisor/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "proto/json.h"

#include "supervisor/finish.h"
#include "supervisor/job.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

const char *
record_state_name(enum record_state st)
{
	static const char *const names[] = {
#define X(id, name) name,
		RECORD_STATES(X)
#undef X
	};

	return (names[st]);
}

static bool
is_final(enum record_state st)
{
	return (st == STATE_DONE || st == STATE_FAILED ||
	    st == STATE_CANCELLED || st == STATE_EXPIRED);
}

static bool
has_error(const struct record_extra *x)
{
	return (x->outcome != NULL && x->outcome->cause != CAUSE_NONE);
}

static struct slice
error_text(const struct outcome *o)
{
	return (o->message.n > 0 ? o->message :
	    slice_of(cause_row(o->cause)->text));
}

static void
put_time(struct jsonw *w, const char *key, wall_t at)
{
	jsonw_key(w, key);
	if (at > 0)
		jsonw_int(w, at);
	else
		jsonw_null(w);
}

static void
put_model(struct jsonw *w, const struct job *j)
{
	char text[192];

	jsonw_key(w, "model");
	if (j->spec.model.p == NULL)
		jsonw_null(w);
	else if (j->spec.model_version == 0)
		jsonw_slice(w, j->spec.model);
	else {
		(void)snprintf(text, sizeof(text), "%.*s@%u",
		    (int)j->spec.model.n, j->spec.model.p,
		    j->spec.model_version);
		jsonw_str(w, text);
	}
}

static void
put_error(struct jsonw *w, const struct outcome *o)
{
	jsonw_obj(w);
	jsonw_kstr(w, "cause", cause_row(o->cause)->name);
	jsonw_kslice(w, "message", error_text(o));
	jsonw_key(w, "exit_code");
	if (o->exit_code >= 0)
		jsonw_int(w, o->exit_code);
	else
		jsonw_null(w);
	jsonw_key(w, "signal");
	if (o->signal > 0)
		jsonw_int(w, o->signal);
	else
		jsonw_null(w);
	jsonw_end(w);
}

static void
put_progress(struct jsonw *w, const struct job *j,
    const struct record_extra *x)
{
	double p = x->state == STATE_DONE ? 1 :
	    j->progress < 0 ? 0 : j->progress;

	/* Six digits are more than any bar shows. */
	jsonw_knum(w, "progress", round(p * 1e6) / 1e6);
	jsonw_kstr(w, "message", x->message != NULL ? x->message :
	    j->message[0] != '\0' ? j->message : NULL);
}

void
record_put(struct buf *b, const struct job *j, const struct record_extra *x)
{
	const struct conf *conf = j->q->sup->conf;
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "id", j->id);
	jsonw_kstr(&w, "queue", j->q->name);
	jsonw_kstr(&w, "state", record_state_name(x->state));
	jsonw_kuint(&w, "attempt", x->attempt);
	jsonw_kstr(&w, "worker", j->q->sup->id);
	jsonw_key(&w, "slot");
	if (j->started != 0)
		jsonw_uint(&w, j->slot);
	else
		jsonw_null(&w);
	/* up to here also the event of a plain job; see lua/commit.lua */
	jsonw_kslice(&w, "type", j->spec.type);
	jsonw_kstr(&w, "handler", j->started == 0 ? NULL :
	    conf->handlers[j->handler].name);
	put_model(&w, j);
	put_time(&w, "queued_at", j->spec.queued_at);
	put_time(&w, "started_at", j->started_at);
	put_time(&w, "finished_at", is_final(x->state) ? x->now : 0);
	put_progress(&w, j, x);
	jsonw_key(&w, "result");
	if (x->outcome != NULL && x->outcome->result.n > 0)
		jsonw_raw(&w, x->outcome->result);
	else
		jsonw_null(&w);
	jsonw_key(&w, "error");
	if (has_error(x))
		put_error(&w, x->outcome);
	else
		jsonw_null(&w);
	if (x->moved_to != NULL)
		jsonw_kstr(&w, "moved_to", x->moved_to);
	jsonw_end(&w);
}

void
event_put(struct buf *b, const struct job *j, const struct record_extra *x)
{
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kint(&w, "v", 1);
	jsonw_kint(&w, "ts", x->now);
	jsonw_kstr(&w, "id", j->id);
	jsonw_kstr(&w, "queue", j->q->name);
	jsonw_kstr(&w, "state", record_state_name(x->state));
	jsonw_kuint(&w, "attempt", x->attempt);
	jsonw_kstr(&w, "worker", j->q->sup->id);
	jsonw_key(&w, "slot");
	if (j->started != 0)
		jsonw_uint(&w, j->slot);
	else
		jsonw_null(&w);
	if (has_error(x)) {
		jsonw_kstr(&w, "cause", cause_row(x->outcome->cause)->name);
		jsonw_kslice(&w, "message", error_text(x->outcome));
	} else {
		if (j->progress >= 0)
			jsonw_knum(&w, "progress", j->progress);
		if (x->message != NULL || j->message[0] != '\0')
			jsonw_kstr(&w, "message", x->message != NULL ?
			    x->message : j->message);
	}
	if (x->moved_to != NULL)
		jsonw_kstr(&w, "moved_to", x->moved_to);
	jsonw_end(&w);
}

static void
put_tail(struct jsonw *w, const struct job *j)
{
	const char *line;
	unsigned i;

	jsonw_key(w, "log");
	jsonw_arr(w);
	for (i = 0; i < JOB_TAIL_LINES; i++) {
		line = j->tail.line[(j->tail.next + i) % JOB_TAIL_LINES];
		if (line != NULL)
			jsonw_str(w, line);
	}
	jsonw_end(w);
}

static int
any_member(void *priv, const struct json_member *m)
{
	return (0);
}

/* The payload as it is if it is a JSON object at all, else its bytes. */
static void
put_payload(struct jsonw *w, const struct job *j)
{
	struct slice p = { j->payload, j->payload_len };
	struct buf raw;

	if (json_scan_object(p.p, p.n, any_member, NULL, NULL) == 0) {
		jsonw_kraw(w, "job", p);
		return;
	}
	buf_init(&raw, p.n * 2 + 16);
	(void)str_b64(&raw, p.p, p.n);
	jsonw_kstr(w, "raw", buf_cstr(&raw));
	buf_fini(&raw);
}

void
dead_put(struct buf *b, const struct job *j, const struct record_extra *x)
{
	struct jsonw w;

	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "id", j->anonymous ? NULL : j->id);
	jsonw_kstr(&w, "queue", j->q->name);
	jsonw_kstr(&w, "cause", cause_row(x->outcome->cause)->name);
	jsonw_kslice(&w, "message", error_text(x->outcome));
	jsonw_kuint(&w, "attempts", x->attempt);
	jsonw_kint(&w, "failed_at", x->now);
	jsonw_kstr(&w, "worker", j->q->sup->id);
	put_tail(&w, j);
	put_payload(&w, j);
	jsonw_end(&w);
}
