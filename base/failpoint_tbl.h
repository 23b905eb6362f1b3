/*
 * The only list of fail points: X(id, name, where it lies). The order is that
 * of a job's way, then of a reload's; docs/recovery.md and tests/chaos use the
 * names. A point called ".sent" lies behind the write to the socket, one
 * called ".built" before it.
 */
#define FAILPOINTS(X) \
	X(CLAIM_BUILT, "claim.built", "claim waits in the output buffer") \
	X(CLAIM_SENT, "claim.sent", "claim is written to Redis") \
	X(CLAIM_ANSWERED, "claim.answered", "its answer is here, no job made") \
	X(RECOVER_SENT, "recover.sent", "a lost claim's jobs are asked for") \
	X(RECOVER_ANSWERED, "recover.answered", "they are here") \
	X(ADMIT_BEGUN, "admit.begun", "payload parsed, gates not asked") \
	X(ADMIT_PASSED, "admit.passed", "goes to its pool for a slot") \
	X(GUESS_SENT, "guess.sent", "a child has the job, not claimed yet") \
	X(DISPATCH_BUILT, "dispatch.built", "fence set, frame not sent") \
	X(DISPATCH_SENT, "dispatch.sent", "frame sent, slot busy") \
	X(CHILD_DO, "child.do", "the child has taken a credit") \
	X(CHILD_STARTED, "child.started", "a job's process (or call) begins") \
	X(RUN_STARTED, "run.started", "the supervisor knows the job's pid") \
	X(RUN_NOTED, "run.noted", "a running record was written to Redis") \
	X(RENEW_SENT, "renew.sent", "a renewal is written to Redis") \
	X(RENEW_ANSWERED, "renew.answered", "it was granted") \
	X(CHILD_ENDED, "child.ended", "job over, nothing cleaned up") \
	X(CHILD_CLEANED, "child.cleaned", "its processes and files are gone") \
	X(CHILD_SENT, "child.sent", "the child has sent the result") \
	X(RESULT_TAKEN, "result.taken", "the supervisor has the result") \
	X(COMMIT_BUILT, "commit.built", "commit waits in the output buffer") \
	X(COMMIT_SENT, "commit.sent", "commit is written to Redis") \
	X(COMMIT_ANSWERED, "commit.answered", "its answer is here") \
	X(REQUEUE_BUILT, "requeue.built", "requeue waits in the output buffer") \
	X(REQUEUE_SENT, "requeue.sent", "requeue is written to Redis") \
	X(REQUEUE_ANSWERED, "requeue.answered", "its answer is here") \
	X(PROMOTE_ANSWERED, "promote.answered", "delayed jobs are in their lanes") \
	X(REAP_SENT, "reap.sent", "others' leases are asked for") \
	X(REAP_ANSWERED, "reap.answered", "they are ours, no job made") \
	X(RELOAD_READ, "reload.read", "a new file is checked, nothing changed") \
	X(RELOAD_TRIED, "reload.tried", "another Redis answers, not ours yet") \
	X(RELOAD_MOVED, "reload.moved", "it is ours, the old one is left") \
	X(RELOAD_LEAVING, "reload.leaving", "a slot at work was told to go") \
	X(RELOAD_SWAPPED, "reload.swapped", "the new file holds, nobody was told") \
	X(RELOAD_PARTED, "reload.parted", "a slot is gone, not all of them are") \
	X(RELOAD_LEFT, "reload.left", "nothing of ours is at the old Redis")
