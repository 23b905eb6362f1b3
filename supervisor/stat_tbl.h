/*
 * The one list of counters: STAT(id, json name, help). They are what tests
 * and operators look at instead of the log; /metrics shows each as
 * ganger_<name>_total.
 */
#define STAT_TABLE(STAT) \
	STAT(CLAIMED, "claimed", "jobs taken from a queue") \
	STAT(STARTED, "started", "attempts sent to a child") \
	STAT(GUESSED, "guessed", "jobs that a child had before their claim was answered") \
	STAT(MISGUESSED, "misguessed", "jobs that a child had and another worker got") \
	STAT(DONE, "done", "results committed as done") \
	STAT(FAILED, "failed", "jobs committed as failed") \
	STAT(CANCELLED, "cancelled", "jobs committed as cancelled") \
	STAT(EXPIRED, "expired", "jobs committed as expired") \
	STAT(RETRIED, "retried", "attempts that will be made again") \
	STAT(RETURNED, "returned", "jobs given back uncharged") \
	STAT(MOVED, "moved", "jobs moved to another lane or queue") \
	STAT(SCHEDULED, "scheduled", "jobs pushed by a schedule") \
	STAT(SPLIT, "split", "jobs that run again among fewer because their batch failed as a whole") \
	STAT(PREEMPTED, "preempted", "jobs asked to make room for one of high priority") \
	STAT(STALE, "stale", "results refused because the lease was not ours any more") \
	STAT(TIMEOUTS, "timeouts", "jobs ended for their timeout") \
	STAT(LOST_TAKEN, "taken_over", "leases taken over from dead workers") \
	STAT(FENCED, "fenced", "jobs killed because the lease was not renewed in time") \
	STAT(CHILD_STARTS, "child_starts", "children started") \
	STAT(CHILD_DEATHS, "child_deaths", "children that died unasked") \
	STAT(CHILD_KILLS, "child_kills", "trees that got KILL") \
	STAT(FRAMES_STALE, "frames_stale", "frames of dead generations, dropped") \
	STAT(FRAMES_BAD, "frames_bad", "frames that made no sense") \
	STAT(REDIS_LOST, "redis_lost", "connections to Redis lost") \
	STAT(REDIS_ERRORS, "redis_errors", "errors answered by Redis") \
	STAT(LOG_LINES, "log_lines", "lines of jobs' output") \
	STAT(LOG_DROPPED, "log_dropped", "lines of output nobody could be given") \
	STAT(GPU_XIDS, "gpu_xids", "Xid events of GPUs") \
	STAT(GPU_XIDS_LATE, "gpu_xids_late", "of these, those found in the kernel's log after the prober had been down") \
	STAT(GPU_QUARANTINES, "gpu_quarantines", "GPUs taken out of use") \
	STAT(GPU_RECOVERIES, "gpu_recoveries", "GPUs that came back into use") \
	STAT(GPU_TESTS_FAILED, "gpu_tests_failed", "device tests that failed") \
	STAT(GPU_DRAINS, "gpu_drains", "times that a GPU made the worker drain") \
	STAT(GPU_TRESPASSES, "gpu_trespasses", "processes of a slot on a GPU that is not its own") \
	STAT(GPU_FOREIGN, "gpu_foreign", "processes of others seen on our GPUs") \
	STAT(GPU_WAITS, "gpu_waits", "jobs put off because GPU memory was not free") \
	STAT(GPU_KEEPS, "gpu_keeps", "times that a GPU was kept for a job that had waited long for its memory") \
	STAT(GPU_PROBER_RESTARTS, "gpu_prober_restarts", "times that the GPU prober was started again") \
	STAT(RELOADS, "reloads", "configurations taken over") \
	STAT(RELOADS_FAILED, "reloads_failed", "configurations refused") \
	STAT(BUGS, "bugs", "things that should not happen")
