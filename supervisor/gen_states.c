/*
 * Prints docs/states.md from slot_tbl.h: states, events, actions and the
 * matrix that joins them. tests/unit/check_states_doc.sh compares.
 */
#include "config.h"

#include <stdio.h>

#include "supervisor/slot.h"

static void
print_matrix(void)
{
	enum slot_action a;
	int st, ev;

	(void)printf("\n## The table\n\nA dot is a pair that can't happen: it "
	    "is logged as a bug, and a slot that has a child loses it.\n\n"
	    "| state |");
	for (ev = 0; ev < EV_N; ev++)
		(void)printf(" %s |", slot_event_name((enum slot_event)ev));
	(void)printf("\n|---|");
	for (ev = 0; ev < EV_N; ev++)
		(void)printf("---|");
	for (st = 0; st < SLOT_NSTATES; st++) {
		(void)printf("\n| %s |", slot_state_name((enum slot_state)st));
		for (ev = 0; ev < EV_N; ev++) {
			a = slot_cell((enum slot_state)st,
			    (enum slot_event)ev);
			(void)printf(" %s |", a == ACT_BUG ? "·" :
			    slot_action_name(a));
		}
	}
	(void)printf("\n");
}

int
main(void)
{
	(void)printf("# States of a slot\n\nGenerated from "
	    "`supervisor/slot_tbl.h` by `make states-doc`; do not edit.\n\n"
	    "## States\n\n| state | meaning |\n|---|---|\n");
#define X(id, name, text) (void)printf("| %s | %s |\n", name, text);
	SLOT_STATES(X)
#undef X
	(void)printf("\n## Events\n\n| event | meaning |\n|---|---|\n");
#define X(id, text) (void)printf("| %s | %s |\n", #id, text);
	SLOT_EVENTS(X)
#undef X
	(void)printf("\n## Actions\n\n| action | what it does |\n|---|---|\n");
#define X(id, func, text) (void)printf("| %s | %s |\n", #id, text);
	SLOT_ACTIONS(X)
#undef X
	print_matrix();
	(void)printf("\n## Reasons\n\nWhere a slot is and why are two "
	    "variables. `why` in the status is one of:\n\n");
#define X(id, text) if (text[0] != '\0') (void)printf("* %s\n", text);
	SLOT_WHYS(X)
#undef X
	return (0);
}
