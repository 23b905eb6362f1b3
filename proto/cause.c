/*
 * The table of causes as data. All policy (retried, charged, when again) is in
 * cause_tbl.h; this file only turns its rows into an array.
 */
#include "config.h"

#include "proto/cause.h"

#include "base/obj.h"

static const struct cause_row rows[CAUSE_NCAUSES] = {
#define CAUSE(id, name_, retried, charged_, when_, state_, text_) \
	[CAUSE_##id] = { \
		.name = name_, .text = text_, .retry = RETRY_##retried, \
		.when = WHEN_##when_, .state = CSTATE_##state_, \
		.charged = charged_ \
	},
	CAUSE_TABLE(CAUSE)
#undef CAUSE
};

const struct cause_row *
cause_row(enum cause c)
{
	ASSERT((unsigned)c < CAUSE_NCAUSES);
	return (&rows[c]);
}
