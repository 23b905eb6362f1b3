/*
 * struct conf: a field per row of conf_tbl.h, named as its key, plus what
 * conf_load derives from them. Strings and lists are owned by the struct and
 * never NULL ("" or an empty list) unless said otherwise.
 */
#ifndef CONF_CONF_STRUCT_H
#define CONF_CONF_STRUCT_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "conf/conf_tbl.h"
#include "conf/redis_url.h"

#define CONF_MAGIC 0x636f6e66u
#define CONF_AUTO INT64_C(-1)      /* "auto" in a field of type count */
/* Words in a field of type rlim. */
#define CONF_INHERIT UINT64_MAX
#define CONF_UNLIMITED (UINT64_MAX - 1)
#define CONF_SLOTS_MAX 1024u       /* of all pools together */

/* In the order of the names in [handler] kind. */
enum conf_kind { CONF_COMMAND, CONF_RUNNER, CONF_PLUGIN };

/* In the order of the names in [handler] sandbox. */
enum conf_sandbox { CONF_SANDBOX_NONE, CONF_SANDBOX_DEFAULT,
	CONF_SANDBOX_STRICT };

#define CONF_T_dur dur_t
#define CONF_T_size uint64_t
#define CONF_T_int int64_t
#define CONF_T_count int64_t
#define CONF_T_bool bool
#define CONF_T_str char *
#define CONF_T_path char *
#define CONF_T_list char **
#define CONF_T_pairs char **
#define CONF_T_enum int
#define CONF_T_rlim uint64_t

#define CONF_FIELD(section, key, type, def, min, max, class, doc) \
	CONF_T_##type key;

struct conf_supervisor {
	CONF_SUPERVISOR_ROWS(CONF_FIELD)
	/* Derived. job_timeout is capped already; run_dir, state_dir, pidfile
	 * and worker_id are never empty. */
	unsigned slots;      /* max_concurrent_jobs; 0: auto, which the plan
	                      * of the host decides (place/plan.h) */
	unsigned weights[3]; /* lane_weights: high, normal, low */
	bool change_user;    /* uid, gid below differ from what we are */
	uid_t uid;           /* that of user, else ours */
	gid_t gid;           /* that of group, else of user, else ours */
};

struct conf_redis {
	CONF_REDIS_ROWS(CONF_FIELD)
	struct redis_url addr; /* url parsed; username and password filled in
	                        * from username and password_file where the URL
	                        * has none. Never dumped */
};

struct conf_http {
	CONF_HTTP_ROWS(CONF_FIELD)
	char *host;     /* of listen, without brackets; "": HTTP is off */
	uint16_t port;  /* 0: any free one */
	bool loopback;  /* host is a loopback address */
	char *token;    /* from token_file; "": none. Never dumped */
};

struct conf_log {
	CONF_LOG_ROWS(CONF_FIELD) /* level is an enum log_level, format an
	                           * enum log_format */
};

struct conf_models {
	CONF_MODELS_ROWS(CONF_FIELD)
};

/* In the order of the names in [pool] policy. */
enum conf_policy { CONF_IDLE, CONF_ROUND_ROBIN, CONF_PACKED };

struct conf_pool {
	char *name;     /* "default" where the file has no pool */
	int line;       /* of the section's header; 0: not from the file */
	CONF_POOL_ROWS(CONF_FIELD)
	/* Derived. queues is never empty; its last entry is the direct queue. */
	unsigned nslots;   /* over all devices; 0: known when the host is
	                    * (auto, devices = all), see place/plan.h */
	int cpus_line, devices_line; /* of these keys in the file, or 0 */
	unsigned ndevices; /* entries of devices (1 for all); 0: a CPU pool */
	bool all_devices;  /* devices = all */
};

struct conf_handler {
	char *name;
	int line;
	bool gone;      /* no longer in the file; a job or child refers to it.
	                 * See conf_adopt */
	CONF_HANDLER_ROWS(CONF_FIELD) /* kind is an enum conf_kind; path is
	                               * absolute for a plugin */
	char **argv;    /* command as words, NULL-terminated; [0] is the program
	                 * as found in PATH. NULL for a plugin */
	bool has_user;  /* uid and gid are to be used */
	uid_t uid;
	gid_t gid;
	int64_t rate_us; /* of rate: microseconds per job; 0: any rate */
	int64_t burst;   /* and how many may start at once */
};

struct conf_queue {
	char *name;
	int line;
	CONF_QUEUE_ROWS(CONF_FIELD)
	int64_t rate_us;
	int64_t burst;
};

struct conf_model {
	char *name;
	int line;
	CONF_MODEL_ROWS(CONF_FIELD)
	int64_t rate_us;
	int64_t burst;
};

struct conf_schedule {
	char *name;
	int line;
	CONF_SCHEDULE_ROWS(CONF_FIELD)
};

/* What a reload did not take over, because only a restart can. */
struct conf_held {
	unsigned section;    /* enum conf_section */
	const char *key;
	char *from, *to;     /* as text; own */
};

struct ini;

struct conf {
	unsigned magic;
	char *path;          /* the file, or NULL */
	struct ini *ini;     /* owns; what the file gave, and where */
	unsigned nheld;
	struct conf_held *held;
	char *direct_queue;  /* PREFIX:worker:<worker_id>:queue */
	struct conf_supervisor supervisor;
	struct conf_redis redis;
	struct conf_http http;
	struct conf_log log;
	struct conf_models models;
	unsigned npools;     /* at least 1 */
	struct conf_pool *pools;
	unsigned nhandlers;
	struct conf_handler *handlers;
	unsigned nqueues;    /* that have limits */
	struct conf_queue *queues;
	unsigned nmodel_limits;
	struct conf_model *model_limits;
	unsigned nschedules;
	struct conf_schedule *schedules;
};

/* Slots by the contract's tables, for `auto`. */
unsigned conf_cpu_slots(unsigned ncpus);
unsigned conf_gpu_slots(uint64_t bytes, bool training);

#endif
