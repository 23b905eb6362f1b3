/*
 * The only list of the options of `ganger`. Which command takes which is in
 * cmd_tbl.h. Parser, help, man page and completion all come from here.
 *
 *   OPT(id, long name, letter or 0, argument or NULL, kind, help)
 *
 * kind: FLAG (no argument), TEXT, COUNT (a whole number >= 0), SPAN (a
 * length of time as in ganger.ini; a bare number is seconds).
 */
#define OPT_TABLE(OPT) \
	OPT(HELP, "help", 'h', NULL, FLAG, \
	    "show how to use this command") \
	OPT(JSON, "json", 0, NULL, FLAG, \
	    "print JSON: one object, or one object per line") \
	OPT(REDIS, "redis", 0, "URL", TEXT, \
	    "the Redis to use; else REDIS_URL, else the configuration's") \
	OPT(CONFIG, "config", 'c', "FILE", TEXT, \
	    "the configuration file to take the Redis and the prefix from") \
	OPT(QUEUE, "queue", 'q', "Q", TEXT, \
	    "this queue only, by its full key (ai:cpu:queue)") \
	OPT(PRIORITY, "priority", 'p', "P", TEXT, \
	    "high, normal or low; written into the job") \
	OPT(GPU, "gpu", 0, NULL, FLAG, \
	    "the job needs a GPU (sets requires_gpu)") \
	OPT(WORKER, "worker", 'w', "W", TEXT, \
	    "the direct queue of this worker") \
	OPT(SPREAD, "spread", 0, NULL, FLAG, \
	    "deal the jobs to the live workers, by their free slots") \
	OPT(WAIT, "wait", 0, NULL, FLAG, \
	    "wait until the jobs have ended; show results") \
	OPT(FOLLOW, "follow", 'f', NULL, FLAG, \
	    "show log lines as they come, until the job has ended") \
	OPT(TIMEOUT, "timeout", 't', "S", SPAN, \
	    "give up waiting after this long (exit 4)") \
	OPT(MIN_REPLICAS, "min-replicas", 0, "N", COUNT, \
	    "succeed only once N replicas hold the job (WAIT)") \
	OPT(WAIT_AOF, "wait-aof", 0, NULL, FLAG, \
	    "succeed only once the job is on disk (WAITAOF, Redis 7.2)") \
	OPT(CONFIRM, "confirm-timeout", 0, "S", SPAN, \
	    "how long --min-replicas and --wait-aof may take (5s)") \
	OPT(WATCH, "watch", 0, NULL, FLAG, \
	    "show it again every second, until interrupted") \
	OPT(ALL, "all", 0, NULL, FLAG, \
	    "all of the queue's entries") \
	OPT(LIMIT, "limit", 'n', "N", COUNT, \
	    "show at most the newest N (100)") \
	OPT(JOBS, "jobs", 0, "N", COUNT, \
	    "how many jobs are sent together (10000)") \
	OPT(DIR, "dir", 'd', "DIR", TEXT, \
	    "the folder to work in") \
	OPT(LISTEN, "listen", 'l', "ADDR", TEXT, \
	    "HTTP address, 127.0.0.1:8000 or the next free port by default") \
	OPT(READY_FILE, "ready-file", 0, "FILE", TEXT, \
	    "write the HTTP URL and the socket here once jobs can run") \
	OPT(TOPOLOGY, "topology", 0, "FILE.xml", TEXT, \
	    "plan for the host recorded there (lstopo FILE.xml)") \
	OPT(GPUS, "gpus", 0, "FILE.json", TEXT, \
	    "with the GPUs listed there (ganger-gpuprobe --list)") \
	OPT(VERSION, "version", 'V', NULL, FLAG, \
	    "print the version")
