/*
 * The one table of causes: why an attempt ended other than well.
 *
 *   CAUSE(id, name, retried, charged, when, counter text / wording)
 *
 * retried: NEVER, ALWAYS, IF_TIMEOUTS (only with retry_timeouts = yes),
 *          LOST (at most max_worker_lost reruns)
 * charged: 1 if the attempt counts against max_attempts
 * when:    when it runs again: NONE, BACKOFF, ONCE (first time at once, then
 *          back-off), FRONT (at once, at the front of its lane)
 * state:   the record's state when it is not retried: FAILED, CANCELLED,
 *          EXPIRED
 *
 * The numbers travel in frames: append only, never renumber. The names are
 * the public contract (docs/contract.md, section 3).
 */
#define CAUSE_TABLE(CAUSE) \
	CAUSE(NONE,            "",                NEVER,       0, NONE,    FAILED,    "done") \
	CAUSE(HANDLER_ERROR,   "handler-error",   ALWAYS,      1, BACKOFF, FAILED,    "the handler reported an error") \
	CAUSE(TRY_AGAIN,       "try-again",       ALWAYS,      1, BACKOFF, FAILED,    "the handler asked to be run again later") \
	CAUSE(CRASHED,         "crashed",         ALWAYS,      1, ONCE,    FAILED,    "the handler's process died of its own signal or exit") \
	CAUSE(KILLED,          "killed",          ALWAYS,      1, ONCE,    FAILED,    "somebody else killed the handler's process") \
	CAUSE(OUT_OF_MEMORY,   "out-of-memory",   ALWAYS,      1, ONCE,    FAILED,    "the job went over its memory limit") \
	CAUSE(LOAD_FAILED,     "load-failed",     ALWAYS,      1, BACKOFF, FAILED,    "the handler or its model could not be loaded") \
	CAUSE(TIMEOUT,         "timeout",         IF_TIMEOUTS, 1, BACKOFF, FAILED,    "the job ran past its timeout") \
	CAUSE(NO_PROGRESS,     "no-progress",     IF_TIMEOUTS, 1, BACKOFF, FAILED,    "the job reported no progress for too long") \
	CAUSE(GPU_ERROR,       "gpu-error",       ALWAYS,      0, FRONT,   FAILED,    "the GPU failed") \
	CAUSE(GPU_MEMORY,      "gpu-memory",      ALWAYS,      0, FRONT,   FAILED,    "the GPU's memory was taken by others") \
	CAUSE(PREEMPTED,       "preempted",       ALWAYS,      0, FRONT,   FAILED,    "a job of high priority took the slot") \
	CAUSE(SHUTDOWN,        "shutdown",        ALWAYS,      0, FRONT,   FAILED,    "the worker was stopped") \
	CAUSE(WORKER_LOST,     "worker-lost",     LOST,        0, FRONT,   FAILED,    "the worker that ran it was lost") \
	CAUSE(SLOT_LOST,       "slot-lost",       LOST,        0, FRONT,   FAILED,    "the child that drove it was lost") \
	CAUSE(UNKNOWN_HANDLER, "unknown-handler", NEVER,       0, NONE,    FAILED,    "no handler of this worker serves it") \
	CAUSE(UNKNOWN_MODEL,   "unknown-model",   NEVER,       0, NONE,    FAILED,    "the model store has no such model") \
	CAUSE(INVALID_JOB,     "invalid-job",     NEVER,       0, NONE,    FAILED,    "the payload is not a valid job") \
	CAUSE(TOO_LARGE,       "too-large",       NEVER,       0, NONE,    FAILED,    "the payload is over max_job_size") \
	CAUSE(RESULT_TOO_LARGE, "result-too-large", NEVER,     0, NONE,    FAILED,    "the result is over max_result_size") \
	CAUSE(DUPLICATE,       "duplicate",       NEVER,       0, NONE,    FAILED,    "a live job with the same unique value exists") \
	CAUSE(CANCELLED,       "cancelled",       NEVER,       0, NONE,    CANCELLED, "the job was cancelled") \
	CAUSE(EXPIRED,         "expired",         NEVER,       0, NONE,    EXPIRED,   "the job was not started within its ttl") \
	CAUSE(BATCH_FAILED,    "batch-failed",    ALWAYS,      1, BACKOFF, FAILED,    "the batch that it ran in failed as a whole")
