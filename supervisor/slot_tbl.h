/*
 * The only lists of slot states, events, reasons and actions, and the table
 * that joins them: SLOT_CELLS(X) has one row X(state, event, action) for each
 * pair that has a meaning. A pair without a row is a bug of ours: it is
 * logged and the slot's child is killed, so that the damage stays in the slot.
 * docs/states.md is generated from this file (scripts/gen_states.sh).
 */
#define SLOT_STATES(X) \
	X(DOWN, "down", "not wanted; no process") \
	X(STARTING, "starting", "spawned; waits for the child's HELLO") \
	X(IDLE, "idle", "ready for a job") \
	X(BUSY, "busy", "runs the jobs of one credit") \
	X(DRAINING, "draining", "busy, and to be replaced or stopped after this") \
	X(STOPPING, "stopping", "asked to end: QUIT when idle, TERM to the tree when busy") \
	X(KILLED, "killed", "KILL sent to the whole tree; waits for the child's end") \
	X(RELEASING, "releasing", "the child is gone; waits until all it started is gone too") \
	X(BACKOFF, "backoff", "died too early; waits before the next start") \
	X(QUARANTINED, "quarantined", "something of the last child can't be ended, or it keeps failing; see why")

#define SLOT_EVENTS(X) \
	X(START, "wanted: start a child") \
	X(HELLO, "the child is up and what it says fits") \
	X(ASSIGN, "a credit was sent") \
	X(DONE, "the last credit came back and nothing of it is left") \
	X(DEADLINE, "the state's deadline passed") \
	X(END, "end the running jobs by the ladder (timeout, cancel, preemption)") \
	X(FENCE, "end everything now, without grace (lease over, misfit, bug)") \
	X(EXIT, "the child's process ended") \
	X(RELEASED, "nothing of the last child is left") \
	X(UNFIT, "the processes are gone, and its GPU can't be used") \
	X(DRAIN, "replace the child after its job (reload), or stop the slot") \
	X(STOP, "stop the slot now, by the ladder")

#define SLOT_WHYS(X) \
	X(NONE, "") \
	X(TIMEOUT, "timeout") \
	X(NO_PROGRESS, "no-progress") \
	X(CANCEL, "cancel") \
	X(PREEMPT, "preempt") \
	X(STOP, "stop") \
	X(FENCE, "lease not renewed in time") \
	X(MISFIT, "the child is not what was asked for") \
	X(BUG, "internal error") \
	X(STUCK, "the child does not give its credit back") \
	X(LOAD, "did not start in load_timeout") \
	X(SPAWN, "could not be spawned") \
	X(DIED, "child died") \
	X(DRAIN, "replaced") \
	X(HELD, "something of the last child is left") \
	X(RETIRED, "worn out") \
	X(MEMORY, "memory limit") \
	X(FAILING, "keeps failing") \
	X(GPU, "GPU error in its process") \
	X(DEVICE, "its GPU can't be used") \
	X(KEPT, "replaced, because its GPU's memory is kept for a job")

#define SLOT_ACTIONS(X) \
	X(IGNORE, ignore, "nothing to do") \
	X(SPAWN, spawn_child, "spawn, arm load_timeout -> STARTING; BACKOFF on failure") \
	X(READY, become_ready, "-> IDLE") \
	X(BEGIN, begin_jobs, "arm the credit's deadline -> BUSY") \
	X(FINISH, finish_jobs, "forget early deaths -> IDLE") \
	X(LEAVE, leave_after_jobs, "QUIT -> STOPPING") \
	X(QUIT, quit_child, "QUIT, short deadline -> STOPPING") \
	X(DRAIN, drain_after_jobs, "-> DRAINING, deadline unchanged") \
	X(TERMINATE, terminate_jobs, "ask, TERM to the tree, arm kill_grace -> STOPPING; KILLED without grace") \
	X(TIMEOUT, time_out, "as TERMINATE, for the jobs' timeout") \
	X(KILL, kill_tree, "KILL to the tree -> KILLED") \
	X(REKILL, kill_again, "still there: KILL again, say so; past release_timeout as QUARANTINE") \
	X(LATE_START, give_up_start, "KILL, count an early death -> KILLED") \
	X(EARLY_EXIT, die_early, "count an early death, KILL the rest -> RELEASING") \
	X(LOSE, lose_child, "KILL the rest of the tree -> RELEASING") \
	X(SETTLE, settle_jobs, "settle the jobs -> STARTING, BACKOFF or DOWN") \
	X(QUARANTINE, hold_slot, "settle the jobs, keep looking -> QUARANTINED") \
	X(SHELVE, shelve_slot, "settle the jobs, wait for the GPU -> QUARANTINED") \
	X(RETURN, return_slot, "-> STARTING, BACKOFF or DOWN") \
	X(CLOSE, close_slot, "-> DOWN if not wanted any more") \
	X(LOOK, look_again, "look again whether it is released") \
	X(RESUME, resume_slot, "forget its failures, look again")

#define SLOT_CELLS(X) \
	X(DOWN, START, SPAWN) \
	X(DOWN, DRAIN, IGNORE) \
	X(DOWN, STOP, IGNORE) \
	X(DOWN, FENCE, IGNORE) \
	X(DOWN, EXIT, IGNORE) \
	\
	X(STARTING, HELLO, READY) \
	X(STARTING, DEADLINE, LATE_START) \
	X(STARTING, EXIT, EARLY_EXIT) \
	X(STARTING, DRAIN, KILL) \
	X(STARTING, STOP, KILL) \
	X(STARTING, FENCE, KILL) \
	X(STARTING, START, IGNORE) \
	\
	X(IDLE, ASSIGN, BEGIN) \
	X(IDLE, EXIT, EARLY_EXIT) \
	X(IDLE, DRAIN, QUIT) \
	X(IDLE, STOP, QUIT) \
	X(IDLE, FENCE, KILL) \
	X(IDLE, START, IGNORE) \
	\
	X(BUSY, DONE, FINISH) \
	X(BUSY, DEADLINE, TIMEOUT) \
	X(BUSY, END, TERMINATE) \
	X(BUSY, FENCE, KILL) \
	X(BUSY, EXIT, LOSE) \
	X(BUSY, DRAIN, DRAIN) \
	X(BUSY, STOP, TERMINATE) \
	X(BUSY, START, IGNORE) \
	\
	X(DRAINING, DONE, LEAVE) \
	X(DRAINING, DEADLINE, TIMEOUT) \
	X(DRAINING, END, TERMINATE) \
	X(DRAINING, FENCE, KILL) \
	X(DRAINING, EXIT, LOSE) \
	X(DRAINING, DRAIN, IGNORE) \
	X(DRAINING, STOP, TERMINATE) \
	X(DRAINING, START, IGNORE) \
	\
	X(STOPPING, DONE, KILL) \
	X(STOPPING, DEADLINE, KILL) \
	X(STOPPING, END, IGNORE) \
	X(STOPPING, FENCE, KILL) \
	X(STOPPING, EXIT, LOSE) \
	X(STOPPING, DRAIN, IGNORE) \
	X(STOPPING, STOP, IGNORE) \
	X(STOPPING, START, IGNORE) \
	\
	X(KILLED, DONE, IGNORE) \
	X(KILLED, HELLO, IGNORE) \
	X(KILLED, DEADLINE, REKILL) \
	X(KILLED, END, IGNORE) \
	X(KILLED, FENCE, IGNORE) \
	X(KILLED, EXIT, LOSE) \
	X(KILLED, DRAIN, IGNORE) \
	X(KILLED, STOP, IGNORE) \
	X(KILLED, START, IGNORE) \
	\
	X(RELEASING, RELEASED, SETTLE) \
	X(RELEASING, DEADLINE, QUARANTINE) \
	X(RELEASING, UNFIT, SHELVE) \
	X(RELEASING, END, IGNORE) \
	X(RELEASING, FENCE, IGNORE) \
	X(RELEASING, DRAIN, IGNORE) \
	X(RELEASING, STOP, IGNORE) \
	X(RELEASING, START, IGNORE) \
	\
	X(BACKOFF, DEADLINE, SPAWN) \
	X(BACKOFF, DRAIN, CLOSE) \
	X(BACKOFF, STOP, CLOSE) \
	X(BACKOFF, FENCE, IGNORE) \
	X(BACKOFF, EXIT, IGNORE) \
	X(BACKOFF, START, SPAWN) \
	\
	X(QUARANTINED, RELEASED, RETURN) \
	X(QUARANTINED, EXIT, LOOK) \
	X(QUARANTINED, HELLO, IGNORE) \
	X(QUARANTINED, DONE, IGNORE) \
	X(QUARANTINED, END, IGNORE) \
	X(QUARANTINED, START, RESUME) \
	X(QUARANTINED, UNFIT, IGNORE) \
	X(QUARANTINED, DEADLINE, LOOK) \
	X(QUARANTINED, DRAIN, CLOSE) \
	X(QUARANTINED, STOP, CLOSE) \
	X(QUARANTINED, FENCE, IGNORE)
