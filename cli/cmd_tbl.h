/*
 * The only list of the commands of `ganger`: dispatch, `ganger help`, usage
 * errors, ganger(1) and the shell's completion come from it.
 *
 *   CMD(name, operands, least, most, options, one line, text)
 *
 * cmd_NAME is the function. least and most bound the number of operands (most
 * -1: any). options are those besides HELP, JSON, REDIS and CONFIG, which
 * every command takes. The text is plain words; the man page breaks its lines.
 */
#define O(id) (1u << OPT_##id)

#define CMD_TABLE(CMD) \
	CMD(submit, "FILE|-|JSON...", 1, -1, \
	    O(QUEUE) | O(PRIORITY) | O(GPU) | O(WORKER) | O(SPREAD) | O(WAIT) | \
	    O(FOLLOW) | O(TIMEOUT) | O(MIN_REPLICAS) | O(WAIT_AOF) | O(CONFIRM), \
	    "queue jobs", \
	    "Reads jobs from files, standard input (-) or the command line, checks " \
	    "them all, and only then queues them. One text may hold several JSON " \
	    "objects, one per line or laid out freely, or msgpack maps. A missing " \
	    "id and queued_at are filled in; all other bytes stay as they are. " \
	    "Without --queue, --worker or --spread, a job that requires a GPU goes " \
	    "to the gpu queue, training and inference to theirs, any other type to " \
	    "the cpu queue. Prints the ids, or, with --wait, how the jobs ended.") \
	CMD(status, "", 0, 0, O(WATCH), \
	    "show the fleet and its slots", \
	    "Shows every live worker and what each of its slots is doing.") \
	CMD(queues, "", 0, 0, O(QUEUE) | O(WATCH), \
	    "show what waits in each queue", \
	    "Shows for every queue of the fleet what waits in its lanes, what is " \
	    "delayed, leased to a worker and dead, and the age of the oldest job.") \
	CMD(job, "ID", 1, 1, O(QUEUE), \
	    "show a job", \
	    "Shows the record of a job, or where it waits if it has none yet.") \
	CMD(wait, "ID...", 1, -1, O(QUEUE) | O(TIMEOUT), \
	    "wait for jobs to end", \
	    "Waits until all the jobs have ended and prints one line for each. " \
	    "Exits 0 if all are done, 1 if one failed or is unknown, 4 when the " \
	    "time is over.") \
	CMD(logs, "ID", 1, 1, O(QUEUE) | O(FOLLOW), \
	    "show what a job wrote", \
	    "Prints the log of a job; with -f until the job has ended.") \
	CMD(cancel, "ID", 1, 1, O(QUEUE) | O(TIMEOUT), \
	    "cancel a job", \
	    "Takes a waiting job out of its queue, or asks the worker that runs it " \
	    "to stop it, and waits until that shows in its record.") \
	CMD(dead, "list | retry ID | drop ID", 1, 2, \
	    O(QUEUE) | O(ALL) | O(LIMIT), \
	    "look after dead letters", \
	    "Lists the jobs that failed for good, newest first, queues one again " \
	    "(retry) or deletes it (drop). With --all, retry and drop take every " \
	    "dead letter of the queue named with --queue, or of all queues.") \
	CMD(workers, "", 0, 0, O(WATCH), \
	    "list the workers", \
	    "Lists the live workers, one line each.") \
	CMD(drain, "WORKER", 1, 1, O(TIMEOUT), \
	    "let a worker take no more jobs", \
	    "Asks the worker to claim nothing more, and waits until it says so.") \
	CMD(resume, "WORKER", 1, 1, O(TIMEOUT), \
	    "let a drained worker take jobs again", \
	    "Ends a drain, and waits until the worker says so.") \
	CMD(reload, "WORKER", 1, 1, O(TIMEOUT), \
	    "let a worker read its configuration again", \
	    "Asks the worker to reload, waits for the outcome and shows it.") \
	CMD(upgrade, "[WORKER]", 0, 1, O(TIMEOUT), \
	    "replace a worker's program, its jobs run on", \
	    "Asks the worker, or the one of the configuration file, to start its " \
	    "program anew, from the file that has its name now, and to hand over " \
	    "to it. The jobs that run stay with the old process until they end. " \
	    "Waits for the outcome and shows it; where the new program can't " \
	    "take over, the old one goes on and the exit status is 1.") \
	CMD(models, "", 0, 0, O(DIR), \
	    "list the model store", \
	    "Lists the models and versions below the [models] dir of the " \
	    "configuration, or below --dir.") \
	CMD(plan, "", 0, 0, O(TOPOLOGY) | O(GPUS), \
	    "show which cores and GPUs each slot has", \
	    "Plans the slots of the configuration on this host and shows them as a " \
	    "table and as a picture: which cores, NUMA node and GPUs each slot has, " \
	    "where the daemon itself runs, and what is left over. With --topology, " \
	    "on a host recorded with lstopo; with --gpus, with the GPUs that " \
	    "ganger-gpuprobe --list wrote there. Needs neither Redis nor a daemon. " \
	    "Exits 1, and says what is missing, if the plan is not possible.") \
	CMD(explain, "ID", 1, 1, O(QUEUE), \
	    "say why a job waits", \
	    "Says what state a job is in, how many are before it in its lane, until " \
	    "when it is delayed, which workers serve its queue, and what it lacks " \
	    "there: a slot, GPUs, GPU memory, or leave under a limit.") \
	CMD(doctor, "", 0, 0, 0, \
	    "check this host and Redis", \
	    "Checks Redis, its settings, the workers and this host, and says for " \
	    "each what is wrong and what helps. Exits 1 if a check failed.") \
	CMD(bench, "[FILE|JSON]", 0, 1, \
	    O(JOBS) | O(QUEUE) | O(WORKER) | O(TIMEOUT), \
	    "measure the fleet that is running", \
	    "Sends copies of one job, the selftest echo unless another is given, " \
	    "through a queue: first one at a time, then --jobs (10,000) of them " \
	    "together, and shows jobs per second and how long they took. One at a " \
	    "time that is from the push to the reply, together from queued_at to " \
	    "finished_at. They are real jobs: they wait behind what is queued. " \
	    "Exits 1 if the job fails, 4 if no reply comes for 30 s.") \
	CMD(up, "", 0, 0, O(DIR) | O(LISTEN) | O(READY_FILE), \
	    "start a private Redis and gangerd, to try it", \
	    "Starts a redis-server of its own (append-only file, unix socket) and " \
	    "gangerd in the foreground, with the selftest handler turned on, and " \
	    "ends both on Ctrl-C. --dir is where all state lives " \
	    "(~/.local/state/ganger/up). Sections and keys of a --config file are " \
	    "used on top of the generated ones; only the Redis stays the private " \
	    "one.") \
	CMD(help, "[COMMAND]", 0, 1, 0, \
	    "show help", \
	    "Lists the commands, or shows how to use one.")
