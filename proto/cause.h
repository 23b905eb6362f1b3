/* Causes as values. The table and its meaning are in cause_tbl.h. */
#ifndef PROTO_CAUSE_H
#define PROTO_CAUSE_H

#include <stdbool.h>

#include "proto/cause_tbl.h"

enum cause {
#define CAUSE(id, name, retried, charged, when, state, text) CAUSE_##id,
	CAUSE_TABLE(CAUSE)
#undef CAUSE
	CAUSE_NCAUSES
};

enum cause_retry { RETRY_NEVER, RETRY_ALWAYS, RETRY_IF_TIMEOUTS, RETRY_LOST };
enum cause_when { WHEN_NONE, WHEN_BACKOFF, WHEN_ONCE, WHEN_FRONT };
enum cause_state { CSTATE_FAILED, CSTATE_CANCELLED, CSTATE_EXPIRED };

struct cause_row {
	const char *name;  /* public name; "" for CAUSE_NONE */
	const char *text;  /* default wording for the record's message */
	enum cause_retry retry;
	enum cause_when when;
	enum cause_state state;
	bool charged;
};

/* Row of a cause; c must be below CAUSE_NCAUSES. Static. */
const struct cause_row *cause_row(enum cause c);

#endif
