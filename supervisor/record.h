/* JSON that users read: records, events, dead letters. Contract section 3. */
#ifndef SUPERVISOR_RECORD_H
#define SUPERVISOR_RECORD_H

#include "base/buf.h"
#include "base/clock.h"

struct job;
struct outcome;

/* The one list of states: id, name. */
#define RECORD_STATES(X) \
	X(RUNNING, "running") X(WAITING, "waiting") X(MOVED, "moved") \
	X(DONE, "done") X(FAILED, "failed") X(CANCELLED, "cancelled") \
	X(EXPIRED, "expired")

enum record_state {
#define X(id, name) STATE_##id,
	RECORD_STATES(X)
#undef X
};

/* What a record or event says beyond what the job itself knows. */
struct record_extra {
	enum record_state state;
	unsigned attempt;
	wall_t now;               /* finished_at of a final state; ts */
	const struct outcome *outcome; /* result, error; NULL: none */
	const char *moved_to;     /* NULL: not moved */
	const char *message;      /* NULL: the job's own last message */
};

void record_put(struct buf *b, const struct job *j,
    const struct record_extra *x);
void event_put(struct buf *b, const struct job *j,
    const struct record_extra *x);
void dead_put(struct buf *b, const struct job *j,
    const struct record_extra *x);

const char *record_state_name(enum record_state st);

#endif
