/*
 * Fail points: named places where the crash laboratory (tests/chaos) stops,
 * kills or leaves a process. Compiled in only with --enable-failpoints; a
 * normal build has no trace of them.
 *
 * GANGER_FAILPOINT, or the file that GANGER_FAILPOINT_FILE names, holds
 * entries NAME:COUNT:ACTION separated by ';' or new lines: at the COUNT-th
 * time that this process comes to NAME, counted from when it read the entry,
 * it does ACTION, once. A file is read again when it has changed, and who acts
 * removes it first: of several processes exactly one acts.
 *
 *   kill            KILL to this process
 *   stop            STOP to this process
 *   exit            _exit(70)
 *   kill-parent     KILL to the parent
 *   kill-child      KILL to each direct child
 *   pause=PATH      writes "NAME PID" to PATH, then waits until PATH is gone
 *                   (a minute at most), so that others can be killed meanwhile
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include "base/failpoint_tbl.h"

enum failpoint {
#define X(id, name, text) FP_##id,
	FAILPOINTS(X)
#undef X
	FP_N
};

#ifdef GANGER_FAILPOINTS
void failpoint_hit(enum failpoint fp);
/* Hits later, when failpoint_marked is called: behind a socket's write. */
void failpoint_mark(enum failpoint fp);
void failpoint_marked(void);
#define FAILPOINT(id) failpoint_hit(FP_##id)
#define FAILPOINT_MARK(id) failpoint_mark(FP_##id)
#define FAILPOINT_MARKED() failpoint_marked()
#else
#define FAILPOINT(id) ((void)0)
#define FAILPOINT_MARK(id) ((void)0)
#define FAILPOINT_MARKED() ((void)0)
#endif

#endif
