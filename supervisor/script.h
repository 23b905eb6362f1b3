/*
 * The Lua scripts of lua/, embedded at build time as one table, called by
 * EVALSHA and loaded again on NOSCRIPT. Loading happens each time the
 * connection becomes READY, before anything else is sent.
 */
#ifndef SUPERVISOR_SCRIPT_H
#define SUPERVISOR_SCRIPT_H

#include "supervisor/conn.h"

/* The one list of scripts: id, file lua/NAME.lua, what it does. */
#define SCRIPT_TABLE(X) \
	X(CLAIM, claim, "take jobs from the lanes of a queue under a lease") \
	X(RECOVER, recover, "what a claim took whose answer was lost") \
	X(COMMIT, commit, "end jobs: record, reply, event, dead letter") \
	X(REQUEUE, requeue, "give jobs back: front, back, later, elsewhere") \
	X(NOTE, note, "running record, progress and log of a live lease") \
	X(RENEW, renew, "prolong this worker's leases of a queue") \
	X(REAP, reap, "take over the leases of dead workers") \
	X(PROMOTE, promote, "delayed jobs that are due go to their lanes") \
	X(PLUCK, pluck, "a waiting job with this id, to be cancelled") \
	X(SIFT, sift, "jobs that wait in the wrong lane go to theirs") \
	X(SCHEDULE, schedule, "one firing of a schedule, once per fleet") \
	X(BEAT, beat, "heartbeat and status of this worker") \
	X(PERMIT, permit, "leave to start a job of a limited handler or model") \
	X(MOVE, move, "the leases of a run go on under another name") \
	X(GLANCE, glance, "how much lies in a queue, and its oldest jobs")

enum script_id {
#define X(id, name, what) SCRIPT_##id,
	SCRIPT_TABLE(X)
#undef X
	SCRIPT_N
};

struct script_args;

/* Loads all scripts on a READY connection; done(priv, reply) comes after the
 * last one (reply NULL or an error: the load failed). */
int script_load_all(struct conn *c, conn_reply_f *done, void *priv);

/*
 * Builds one call. Keys first, then arguments; bytes are borrowed until
 * script_call returns, except script_arg_int's, which are kept inside.
 * One call is built at a time (a static buffer that only grows).
 */
struct script_args *script_begin(enum script_id id);
void script_key(struct script_args *a, const char *key);
void script_arg(struct script_args *a, struct slice s);
void script_arg_str(struct script_args *a, const char *s);
void script_arg_int(struct script_args *a, long long v);
/* Sends it. As conn_send, or -ERR_NOSPACE (over 512 MiB, Redis's own limit);
 * a NOSCRIPT answer loads the script again and sends the same call once more,
 * with its text, unseen by the caller. */
int script_call(struct conn *c, struct script_args *a, conn_reply_f *cb,
    void *priv);

const char *script_name(enum script_id id);
/* The script's text and length as embedded. */
struct slice script_text(enum script_id id);

#endif
