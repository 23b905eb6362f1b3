/*
 * The only list of parameters. From its rows come struct conf, the defaults,
 * the parser, the dump, the diff for reload, ganger.ini.example, ganger.ini(5)
 * and docs/config.md.
 *
 *   X(section, key, type, default, min, max, class, doc)
 *
 * type: dur size int bool str path list enum, or
 *   count   int64_t, a whole number or "auto" (CONF_AUTO)
 *   rlim    uint64_t, a size, "unlimited" or "inherit"
 *   pairs   char **, NULL-terminated "NAME=value"; the key is "env.NAME"
 * default, min, max: text as one writes it in the file. For enum `min` is the
 * list of names instead. An empty default that stands for a computed value
 * says so in the doc.
 * class: LIVE (read at next use), RESPAWN (the slots it touches are drained
 * and restarted), RESTART (refused on reload).
 */
#ifndef CONF_CONF_TBL_H
#define CONF_CONF_TBL_H

/* X(section, title, instances?, doc) */
#define CONF_SECTIONS(X) \
	X(supervisor, SUPERVISOR, SINGLE, \
	    "The daemon itself, and what holds for every job.") \
	X(redis, REDIS, SINGLE, \
	    "Where the queues are.") \
	X(http, HTTP, SINGLE, \
	    "Status, health, metrics and control over HTTP.") \
	X(log, LOG, SINGLE, \
	    "The daemon's own log. What jobs print goes to Redis instead.") \
	X(models, MODELS, SINGLE, \
	    "The model store and the cache of loaded models.") \
	X(pool, POOL, NAMED, \
	    "A set of equal slots. Without any [pool NAME] there is one pool of " \
	    "max_concurrent_jobs slots, on the GPU if use_gpu, that takes the " \
	    "default queues.") \
	X(handler, HANDLER, NAMED, \
	    "What a job may run. A job names a handler or its type; only this " \
	    "file says what that is. An empty [handler selftest] turns on the " \
	    "plugin for tests and benchmarks.") \
	X(queue, QUEUE, NAMED, \
	    "Limits of one queue, for the whole fleet; NAME is its full key. " \
	    "Workers that serve it should all have the same.") \
	X(model, MODEL, NAMED, \
	    "Limits of the jobs that name this model, whatever version, for the " \
	    "whole fleet.") \
	X(schedule, SCHEDULE, NAMED, \
	    "A job that is submitted at times given as in crontab(5), once per " \
	    "fleet.")

#define CONF_SUPERVISOR_ROWS(X) \
	X(supervisor, worker_id, str, "", "", "", RESTART, \
	    "Name of this worker, 1 to 128 of letters, digits and ._:-, unique " \
	    "over all workers of one Redis. Default: the host name, a dash and " \
	    "six hex digits made from /etc/machine-id and the path of pidfile, " \
	    "so that it is the same after a restart and differs between two " \
	    "daemons on one host. Environment: WORKER_ID.") \
	X(supervisor, include, list, "", "", "", LIVE, \
	    "Other files to read, as patterns such as conf.d/*.ini, relative to " \
	    "the folder of this file; in the order of their names. May stand " \
	    "before the first section too. What this file may say, they may: " \
	    "they go on with its sections, and a key or a [pool NAME] that is " \
	    "there already is an error that names both places. They include no " \
	    "others.") \
	X(supervisor, max_concurrent_jobs, count, "2", "1", "1024", RESPAWN, \
	    "Slots of the pool that exists when no [pool NAME] is given, or auto. " \
	    "auto on CPUs: 1 slot for up to 3 cores, 2 for up to 7, 4 for up to " \
	    "15, else 8. auto on a GPU: 1 slot under 8 GB, 2 under 16 GB, else 4 " \
	    "(for training 1, 1 and 2). Environment: MAX_CONCURRENT_JOBS.") \
	X(supervisor, use_gpu, bool, "no", "", "", RESPAWN, \
	    "Whether that pool's slots own a GPU. Environment: USE_GPU.") \
	X(supervisor, gpu_device, list, "0", "", "", RESPAWN, \
	    "GPUs of that pool: indices, UUIDs (GPU-...), MIG UUIDs (MIG-...), " \
	    "or all. Read only with use_gpu. Environment: GPU_DEVICE.") \
	X(supervisor, job_timeout, dur, "1h", "1ms", "365d", LIVE, \
	    "Time a job may run that names no timeout itself. When it is over, " \
	    "the job's whole process tree gets TERM, after kill_grace KILL. " \
	    "Capped by max_job_timeout. Environment: JOB_TIMEOUT.") \
	X(supervisor, max_job_timeout, dur, "7d", "1ms", "365d", LIVE, \
	    "The longest timeout that a job or handler may ask for; longer ones " \
	    "are cut to it.") \
	X(supervisor, kill_grace, dur, "10s", "0", "10m", LIVE, \
	    "Time between TERM and KILL.") \
	X(supervisor, release_timeout, dur, "60s", "100ms", "1h", LIVE, \
	    "A slot whose processes or GPU memory are not gone this long after " \
	    "the KILL is quarantined.") \
	X(supervisor, gpu_test, bool, "yes", "", "", LIVE, \
	    "Whether a GPU is tested (memory, arithmetic, copies) before its " \
	    "first job, and before it is used again after an error. no: it is " \
	    "used as soon as the driver lists it without one.") \
	X(supervisor, gpu_recheck, dur, "30s", "100ms", "24h", LIVE, \
	    "A quarantined GPU is looked at again after this, then after twice " \
	    "as long each time, up to 10 minutes.") \
	X(supervisor, gpu_wait, dur, "30s", "0", "24h", LIVE, \
	    "A job that has waited so long for GPU memory which a GPU could " \
	    "give it gets that GPU kept: nothing else begins there until it " \
	    "has started.") \
	X(supervisor, load_timeout, dur, "5m", "100ms", "24h", LIVE, \
	    "Time a child may take to start, and a model to load.") \
	X(supervisor, no_progress_timeout, dur, "0", "0", "365d", LIVE, \
	    "A job that reports no progress and prints nothing for this long is " \
	    "killed as no-progress. 0: never.") \
	X(supervisor, queue_ttl, dur, "0", "0", "3650d", LIVE, \
	    "A job that names no ttl expires when it has not started so long " \
	    "after its queued_at (or after it was first seen; after it was due, " \
	    "if it is delayed). 0: never.") \
	X(supervisor, shutdown_grace, dur, "30s", "0", "24h", LIVE, \
	    "At TERM: time for running jobs to end before they are killed and " \
	    "handed back, uncharged.") \
	X(supervisor, lease_ttl, dur, "15s", "1s", "1h", RESTART, \
	    "How long a claimed job belongs to this worker without a renewal. A " \
	    "worker that can't renew ends its own jobs a third of it before the " \
	    "end. Others take over the jobs of a dead worker after it.") \
	X(supervisor, containment, enum, "auto", "auto cgroup2 freezer sweep", \
	    "", RESTART, \
	    "What holds a job's processes together: cgroup2, a group of the v2 " \
	    "tree; freezer, one of the v1 freezer; sweep, no group at all but a " \
	    "search through /proc, memory_limit kept by sampling. auto: the " \
	    "first of these that this host allows. One that is named and can't " \
	    "be had is an error.") \
	X(supervisor, max_attempts, int, "3", "1", "1000", LIVE, \
	    "Charged attempts of a job that names none itself.") \
	X(supervisor, retry_backoff, dur, "1s", "1ms", "24h", LIVE, \
	    "Wait before the first retry; it doubles with each one, with 20 % " \
	    "jitter.") \
	X(supervisor, retry_backoff_max, dur, "5m", "1ms", "7d", LIVE, \
	    "The longest wait before a retry. Not less than retry_backoff.") \
	X(supervisor, retry_timeouts, bool, "no", "", "", LIVE, \
	    "Whether a job that ended with timeout or no-progress is tried " \
	    "again.") \
	X(supervisor, max_worker_lost, int, "5", "0", "1000", LIVE, \
	    "Uncharged reruns of a job whose worker or slot was lost.") \
	X(supervisor, dead_max, int, "100000", "1", "100000000", LIVE, \
	    "Entries that a queue's dead list keeps; the oldest go first.") \
	X(supervisor, log_max_lines, int, "1000", "0", "1000000", LIVE, \
	    "Lines kept of each job's log.") \
	X(supervisor, preempt_grace, dur, "20s", "0", "1h", LIVE, \
	    "Time for a displaced job to write its checkpoint before it is " \
	    "killed.") \
	X(supervisor, preempt_min_run, dur, "10s", "0", "24h", LIVE, \
	    "A job is not displaced before it has run this long.") \
	X(supervisor, lane_weights, str, "16:4:1", "", "", LIVE, \
	    "Shares of the lanes high:normal:low while all three wait; whole " \
	    "numbers from 1 to 1000.") \
	X(supervisor, look_ahead, dur, "20ms", "0", "10s", LIVE, \
	    "Work that may be claimed ahead of need, as time; only for handlers " \
	    "whose jobs are measured to be short. 0: never.") \
	X(supervisor, max_job_size, size, "16M", "1K", "512M", LIVE, \
	    "A larger payload goes to the dead list as too-large.") \
	X(supervisor, max_result_size, size, "16M", "1K", "512M", RESPAWN, \
	    "A larger result fails its job as result-too-large.") \
	X(supervisor, result_ttl, dur, "24h", "1s", "3650d", LIVE, \
	    "How long final records and logs are kept.") \
	X(supervisor, housekeeping_cpus, str, "auto", "", "", RESPAWN, \
	    "CPUs for the daemon itself, that slots with cpus = auto keep off: " \
	    "a list such as 0-1; auto: what the slots leave, and one core of " \
	    "theirs where that costs a slot no more than a quarter of its cores; " \
	    "none: it runs wherever it may.") \
	X(supervisor, run_dir, path, "", "", "", RESTART, \
	    "Folder for sockets and the private folders of running jobs, mode " \
	    "0700 (0711 once a handler runs as another user). Default: /run/ganger as root, else ganger in XDG_RUNTIME_DIR, " \
	    "else /tmp/ganger-UID.") \
	X(supervisor, state_dir, path, "", "", "", RESTART, \
	    "Folder for outputs and checkpoints. Default: /var/lib/ganger as " \
	    "root, else ganger in XDG_STATE_HOME or ~/.local/state.") \
	X(supervisor, pidfile, path, "", "", "", RESTART, \
	    "The locked file with the daemon's pid. Default: gangerd.pid in " \
	    "run_dir.") \
	X(supervisor, user, str, "", "", "", RESTART, \
	    "User to run as; only root can change it. Empty: stay.") \
	X(supervisor, group, str, "", "", "", RESTART, \
	    "Group to run as. Empty: the user's own.")

#define CONF_REDIS_ROWS(X) \
	X(redis, url, str, "redis://127.0.0.1:6379/0", "", "", LIVE, \
	    "redis://[user:password@]host:port/db, rediss:// for TLS, " \
	    "unix:/path or unix:///path?db=N. A user and password in it win over " \
	    "username and password_file. Environment: REDIS_URL.") \
	X(redis, prefix, str, "ai", "", "", RESTART, \
	    "First part of every key; 1 to 64 of letters, digits and ._:-.") \
	X(redis, username, str, "", "", "", LIVE, \
	    "User for AUTH. Empty: the default user.") \
	X(redis, password_file, path, "", "", "", LIVE, \
	    "File whose first line is the password. Nobody else may write it.") \
	X(redis, connect_timeout, dur, "2s", "10ms", "5m", LIVE, \
	    "Time to connect and authenticate.") \
	X(redis, command_timeout, dur, "2s", "10ms", "5m", LIVE, \
	    "Time for one answer; then the connection is dropped and made anew.")

#define CONF_HTTP_ROWS(X) \
	X(http, listen, str, "127.0.0.1:8000", "", "", LIVE, \
	    "address:port, [IPv6]:port, or empty for no HTTP at all. Off " \
	    "loopback, token_file or open_read must be set.") \
	X(http, token_file, path, "", "", "", LIVE, \
	    "File whose first line is the token that changes (and reading off " \
	    "loopback) need. Nobody else may write it.") \
	X(http, open_read, bool, "no", "", "", LIVE, \
	    "Whether anybody may read off loopback without the token.")

#define CONF_LOG_ROWS(X) \
	X(log, level, enum, "info", "bug error warn info debug trace", "", LIVE, \
	    "The least important lines that are written.") \
	X(log, format, enum, "text", "text json", "", LIVE, \
	    "One line of text, or one JSON object, per event.") \
	X(log, target, str, "stderr", "", "", LIVE, \
	    "stderr, syslog, journal, or the path of a file. syslog:/PATH and " \
	    "journal:/PATH name another socket than the usual one. In the " \
	    "background stderr becomes syslog once the daemon is up, if there " \
	    "is one. A stderr that leads to the journal gets priorities.")

#define CONF_MODELS_ROWS(X) \
	X(models, dir, path, "", "", "", RESPAWN, \
	    "The model store, laid out NAME/VERSION/. Default: models in " \
	    "state_dir.") \
	X(models, max_models, int, "10", "1", "100000", RESPAWN, \
	    "Models that one child keeps loaded; the least recently used goes " \
	    "first.") \
	X(models, max_model_bytes, size, "0", "0", "1024T", RESPAWN, \
	    "Bytes of model files that one child keeps loaded. 0: no limit.")

#define CONF_POOL_ROWS(X) \
	X(pool, slots, count, "auto", "1", "1024", RESPAWN, \
	    "Jobs at a time, or auto by the number of the pool's cores (see " \
	    "max_concurrent_jobs). Not with devices: there it is " \
	    "slots_per_device.") \
	X(pool, cpus, str, "auto", "", "", RESPAWN, \
	    "CPUs of the pool as a list such as 0-3,8, or auto: whole cores that " \
	    "no other pool names, near the slot's GPU if it has one.") \
	X(pool, memory_node, enum, "prefer", "prefer bind any", "", RESPAWN, \
	    "Memory of the slot's processes comes from the NUMA node of its CPUs " \
	    "as long as that has some (prefer), only from there (bind: where it " \
	    "is full, processes are killed), or from anywhere.") \
	X(pool, cpuset, enum, "auto", "auto yes no", "", RESPAWN, \
	    "Whether the slot's cgroup keeps its processes on its CPUs too, so " \
	    "that a job can't leave them: auto where that costs nothing " \
	    "(cgroup v2), yes also by a v1 hierarchy, which makes each start of " \
	    "a child some milliseconds slower.") \
	X(pool, devices, list, "", "", "", RESPAWN, \
	    "GPUs of the pool: indices, UUIDs, MIG UUIDs, or all. Empty: a pool " \
	    "without GPU.") \
	X(pool, slots_per_device, count, "1", "1", "1024", RESPAWN, \
	    "Slots that share one GPU (or one group of devices_per_slot GPUs), or " \
	    "auto by its memory (see max_concurrent_jobs); a pool that takes the " \
	    "training queue and not the inference queue is one for training.") \
	X(pool, devices_per_slot, int, "1", "1", "64", RESPAWN, \
	    "GPUs that one slot owns, for training on several at once.") \
	X(pool, mps, path, "", "", "", RESPAWN, \
	    "Pipe folder of a CUDA MPS daemon that the pool's jobs use (their " \
	    "CUDA_MPS_PIPE_DIRECTORY). Who shares a GPU through MPS shares its " \
	    "faults: see docs/gpu.md. Empty: as in the daemon's environment.") \
	X(pool, queues, list, "", "", "", LIVE, \
	    "Full keys of the queues, in order. Default: the default queues; a " \
	    "pool without GPU leaves out PREFIX:gpu:queue. The worker's direct " \
	    "queue is always added.") \
	X(pool, handlers, list, "", "", "", RESPAWN, \
	    "Handlers that may run here. Empty: all.") \
	X(pool, queue_ttl, dur, "0", "0", "3650d", LIVE, \
	    "As [supervisor] queue_ttl, for the jobs of this pool's queues. 0: " \
	    "that one.") \
	X(pool, memory_limit, size, "0", "0", "1024T", RESPAWN, \
	    "Memory of one slot with all its processes. A job that goes over " \
	    "it ends as out-of-memory. 0: no limit.") \
	X(pool, pids_limit, int, "0", "0", "4194304", RESPAWN, \
	    "Processes and threads of one slot, the child's own (about 4) " \
	    "included. 0: no limit.") \
	X(pool, cpu_weight, int, "0", "0", "10000", RESPAWN, \
	    "Share of the CPUs where slots compete for them; 100 is what " \
	    "others have by default. 0: leave it.") \
	X(pool, oom_score_adj, int, "0", "-1000", "1000", RESPAWN, \
	    "How willingly the kernel ends the slots' processes where the " \
	    "whole host is out of memory; lower than the daemon's own needs " \
	    "a privilege.") \
	X(pool, policy, enum, "idle", "idle round-robin packed", "", LIVE, \
	    "Which of its slots gets a job. idle: the one with the fewest jobs " \
	    "out, among equals one that has the job's model loaded, else in " \
	    "turn. round-robin: in turn. packed: the first one with room, so " \
	    "that the last ones stay idle.") \
	X(pool, preempts, bool, "no", "", "", LIVE, \
	    "Whether a job of any priority that finds no slot of this pool " \
	    "displaces a preemptible one of another queue there, as jobs of " \
	    "high priority do in every pool.") \
	X(pool, nice, int, "0", "-20", "19", RESPAWN, \
	    "Nice value of the slots' processes.") \
	X(pool, limit_nofile, rlim, "inherit", "", "", RESPAWN, \
	    "Open files of each process of a slot, as ulimit -n: soft and hard " \
	    "limit alike. More than the daemon's own hard limit needs a " \
	    "privilege; where that is lacking it is the most that may be had, " \
	    "with a warning. inherit: the daemon's own limits.") \
	X(pool, limit_core, rlim, "inherit", "", "", RESPAWN, \
	    "Size of a core file, as ulimit -c (but in bytes). 0: none is " \
	    "written.") \
	X(pool, limit_as, rlim, "inherit", "", "", RESPAWN, \
	    "Address space of each process, as ulimit -v (but in bytes). CUDA " \
	    "reserves far more than it uses; memory_limit is what is meant as " \
	    "a rule.") \
	X(pool, limit_memlock, rlim, "inherit", "", "", RESPAWN, \
	    "Memory that each process may lock, as ulimit -l (but in bytes).") \
	X(pool, limit_stack, rlim, "inherit", "", "", RESPAWN, \
	    "Stack of each process, as ulimit -s (but in bytes); also what a " \
	    "new thread gets by default.") \
	X(pool, limit_fsize, rlim, "inherit", "", "", RESPAWN, \
	    "Size of a file that a process writes, as ulimit -f (but in " \
	    "bytes).") \
	X(pool, limit_nproc, rlim, "inherit", "", "", RESPAWN, \
	    "Processes and threads of the user, all slots and programs " \
	    "together, as ulimit -u; not kept for root. pids_limit counts one " \
	    "slot's.")

#define CONF_HANDLER_ROWS(X) \
	X(handler, kind, enum, "", "command runner plugin", "", RESPAWN, \
	    "command: a fresh process per job. runner: a process kept across " \
	    "jobs. plugin: a shared object inside the child. Must be given.") \
	X(handler, command, str, "", "", "", RESPAWN, \
	    "Program and arguments of a command or runner, quoted as in a shell; " \
	    "no shell runs and nothing is expanded. The program is looked up in " \
	    "PATH.") \
	X(handler, path, path, "", "", "", RESPAWN, \
	    "The plugin. A name without a slash is looked up in the plugin " \
	    "folder (GANGER_PLUGIN_DIR in the environment names another one).") \
	X(handler, types, list, "", "", "", RESPAWN, \
	    "Job types that come here when the job names no handler. Empty: only " \
	    "jobs that name it.") \
	X(handler, batch_size, int, "1", "1", "256", RESPAWN, \
	    "Jobs of one model that are handed over together.") \
	X(handler, batch_window, dur, "5ms", "0", "10s", LIVE, \
	    "How long a batch that is not full may wait for jobs that are on " \
	    "their way from a queue. When nothing more waits there, it goes at " \
	    "once.") \
	X(handler, max_batch_bytes, size, "32M", "1K", "4G", LIVE, \
	    "Bytes of the jobs of one batch. A larger job goes alone.") \
	X(handler, job_timeout, dur, "0", "0", "365d", LIVE, \
	    "As [supervisor] job_timeout, for this handler's jobs. 0: that one.") \
	X(handler, max_jobs_per_child, int, "0", "0", "1000000000", LIVE, \
	    "The child is replaced after so many jobs. 0: never.") \
	X(handler, max_child_memory, size, "0", "0", "1024T", LIVE, \
	    "The child is replaced after a job that leaves it larger than this. " \
	    "0: never.") \
	X(handler, max_child_age, dur, "0", "0", "3650d", LIVE, \
	    "The child is replaced after a job that ends this long after its " \
	    "start. 0: never.") \
	X(handler, max_running, int, "0", "0", "1000000", LIVE, \
	    "Jobs of this handler that may run at a time in the whole fleet. 0: any number.") \
	X(handler, rate, str, "", "", "", LIVE, \
	    "Jobs of this handler that may start, as NUMBER/s, /m or /h, in the whole fleet; " \
	    "a tenth of a second's worth of them, or one, at once. Empty: any " \
	    "rate.") \
	X(handler, env, pairs, "", "", "", RESPAWN, \
	    "env.NAME = value sets a variable for the handler, on top of those " \
	    "that Ganger sets. Names that start with GANGER_ and " \
	    "CUDA_VISIBLE_DEVICES are taken.") \
	X(handler, user, str, "", "", "", RESPAWN, \
	    "User that the handler's processes run as; only root can give one. " \
	    "Empty: as the daemon. Not for plugins.") \
	X(handler, group, str, "", "", "", RESPAWN, \
	    "Group that they run as; only root can give one. Empty: the " \
	    "user's own.") \
	X(handler, groups, list, "", "", "", RESPAWN, \
	    "Their supplementary groups, such as video; only root can give " \
	    "them. Empty: those that the user is in.") \
	X(handler, sandbox, enum, "none", "none default strict", "", RESPAWN, \
	    "What the handler's processes may ask of the kernel. default: no " \
	    "mounts, namespaces, kernel modules, tracing of others, keys, " \
	    "clocks. strict: also no network, and no writes but to the job's " \
	    "own folders, /tmp, /var/tmp and /dev/shm; GPUs stay open. strict " \
	    "needs a kernel with Landlock. A plugin's sandbox is that of the " \
	    "whole child.")

#define CONF_QUEUE_ROWS(X) \
	X(queue, max_running, int, "0", "0", "1000000", LIVE, \
	    "Jobs of this queue (taken by a worker, to be exact) that may run at a time in the whole fleet. 0: any number.") \
	X(queue, rate, str, "", "", "", LIVE, \
	    "Jobs of this queue that may start, as NUMBER/s, /m or /h, in the whole fleet; " \
	    "a tenth of a second's worth of them, or one, at once. Empty: any " \
	    "rate.")

#define CONF_MODEL_ROWS(X) \
	X(model, max_running, int, "0", "0", "1000000", LIVE, \
	    "Jobs with this model that may run at a time in the whole fleet. 0: any number.") \
	X(model, rate, str, "", "", "", LIVE, \
	    "Jobs with this model that may start, as NUMBER/s, /m or /h, in the whole fleet; " \
	    "a tenth of a second's worth of them, or one, at once. Empty: any " \
	    "rate.")

#define CONF_SCHEDULE_ROWS(X) \
	X(schedule, cron, str, "", "", "", LIVE, \
	    "When: the five fields of crontab(5), local time, or six with seconds " \
	    "in front; also @hourly, @daily and so on. Each firing is one job in " \
	    "the whole fleet; what nobody was there for is not made up for. Must " \
	    "be given.") \
	X(schedule, queue, str, "", "", "", LIVE, \
	    "Full key of the queue. Must be given.") \
	X(schedule, job, str, "", "", "", LIVE, \
	    "The job, one JSON object; without an id it gets NAME.SECONDS. Must be " \
	    "given.")

#define CONF_ROWS(X) \
	CONF_SUPERVISOR_ROWS(X) CONF_REDIS_ROWS(X) CONF_HTTP_ROWS(X) \
	CONF_LOG_ROWS(X) CONF_MODELS_ROWS(X) CONF_POOL_ROWS(X) \
	CONF_HANDLER_ROWS(X) CONF_QUEUE_ROWS(X) CONF_MODEL_ROWS(X) \
	CONF_SCHEDULE_ROWS(X)

/*
 * Variables that win over the file: X(variable, section, key).
 */
#define CONF_ENV_TABLE(X) \
	X("MAX_CONCURRENT_JOBS", supervisor, max_concurrent_jobs) \
	X("USE_GPU", supervisor, use_gpu) \
	X("GPU_DEVICE", supervisor, gpu_device) \
	X("JOB_TIMEOUT", supervisor, job_timeout) \
	X("WORKER_ID", supervisor, worker_id) \
	X("REDIS_URL", redis, url)

#endif
