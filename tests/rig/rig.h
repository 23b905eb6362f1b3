/*
 * The rig of the whole-system tests: a temporary folder, a real redis-server
 * on a unix socket, and one or more real gangerd in the foreground, used only
 * from outside: Redis, HTTP, signals, /proc. It links nothing of Ganger.
 *
 * Waiting means rig_until: a condition and one global limit (RIG_LIMIT
 * seconds in the environment; 10, or 60 under a sanitizer). Every must-happen
 * aborts the test. rig_stop is part of each test: it ends the daemons with
 * TERM and fails the test for whatever they left behind.
 *
 * What a function returns is the rig's (it borrows): JSON, replies and text
 * stay valid for RIG_KEEP further calls.
 */
#ifndef TESTS_RIG_RIG_H
#define TESTS_RIG_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <check.h>
#include <hiredis/hiredis.h>
#include <jansson.h>

#define RIG_KEEP 1024
#define RIG_DAEMONS 4

/* The default queues, and the keys around them. */
#define Q_INF "ai:inference:queue"
#define Q_TRAIN "ai:training:queue"
#define Q_CPU "ai:cpu:queue"
#define Q_GPU "ai:gpu:queue"
#define REC(q, id) "{" q "}:job:" id

/* One slot, the selftest plugin, short waits: what most tests want. */
#define INI_ONE \
	"kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"[pool p]\nslots = 1\ncpus = 0\n[handler selftest]\n"
#define INI_FOUR \
	"kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"[pool p]\nslots = 4\n[handler selftest]\n"

enum rig_flag {
	RIG_AOF = 1,            /* Redis keeps an append-only file */
	RIG_CORES = 2,          /* processes of the daemon dump core on purpose */
	RIG_NO_REDIS = 4        /* the test starts Redis itself, or never */
};

struct rig;

struct rig *rig_new(unsigned flags);
/* rig_new(0), one daemon with id "w1" and this configuration, ready. */
struct rig *rig_start(const char *ini);
/* The same with this [supervisor] containment; NULL (and said so) where the
 * host does not have it. */
struct rig *rig_start_held(const char *way, const char *ini);
/* Says in the test's output that it can't be made here, and why. */
void rig_skip(const char *why);
/* A cgroup of the v1 freezer that the test made; thawed, emptied and removed
 * at the end of the program, if the test does not live to do it. */
void rig_note_freezer(const char *dir);
/*
 * Ends all daemons with TERM, each with exit status 0, then looks for
 * processes, leases, files, cores and sanitizer output that they left.
 */
void rig_stop(struct rig **rp);
const char *rig_dir(const struct rig *r);
const char *rig_socket(const struct rig *r);  /* Redis's */

/*
 * ini starts with keys of [supervisor]; other sections may follow. The rig
 * adds worker_id, run_dir, state_dir, [redis], and listen to [http], which
 * may be among those sections. @DIR@ stands for
 * the rig's folder, @SRC@ and @BIN@ for tests/children in the source and the
 * build tree. Returns the daemon's number, from 0; nothing is started.
 */
int rig_daemon(struct rig *r, const char *id, const char *ini);
/* Writes its file anew; the daemon is not told. */
void rig_daemon_config(struct rig *r, int d, const char *ini);
/* What the file says from the next rig_daemon_config on, and where rig_http
 * asks from now on (0: where it did). */
void rig_daemon_listen(struct rig *r, int d, const char *listen, int port);
/* The same for the URL of Redis. */
void rig_daemon_redis(struct rig *r, int d, const char *url);
/* A port that was free a moment ago. */
int rig_free_port(void);
void rig_daemon_start(struct rig *r, int d);   /* and waits until it is ready */
void rig_daemon_spawn(struct rig *r, int d);   /* does not wait */
void rig_daemon_end(struct rig *r, int d);     /* TERM, exit 0, as rig_stop */
/* Waits for its end: exit status, or 128 + signal. */
int rig_daemon_wait(struct rig *r, int d);
bool rig_daemon_gone(struct rig *r, int d);    /* does not wait */
pid_t rig_daemon_pid(const struct rig *r, int d);
int rig_daemon_port(const struct rig *r, int d);
const char *rig_daemon_file(const struct rig *r, int d); /* its ganger.ini */
/* Runs gangerd with these arguments to its end; its stdout and stderr
 * together. Exit status, or 128 + signal. */
int rig_gangerd(struct rig *r, const char **outp, const char *const *args);
/* An environment variable for daemons that are started from now on. */
void rig_setenv(struct rig *r, const char *name, const char *value);

void rig_redis_start(struct rig *r);
void rig_redis_stop(struct rig *r);     /* TERM: it writes what it must */
pid_t rig_redis_pid(const struct rig *r);

/* redisCommand's format. Errors of Redis abort the test. */
redisReply *rig_cmd(struct rig *r, const char *fmt, ...);
long long rig_int(struct rig *r, const char *fmt, ...);
const char *rig_str(struct rig *r, const char *fmt, ...); /* "" for nil */

/* What a test does to its processes; signal must succeed. */
void rig_kill(pid_t pid, int sig);
/* Processes that any daemon of this rig left alive or still has, itself
 * included; pids gets at most max of them. */
int rig_processes(const struct rig *r, pid_t *pids, int max);
bool rig_alive(pid_t pid);              /* exists and is no zombie */

/* GET; the status, 0 if nobody listens. bodyp may be NULL. */
int rig_http(struct rig *r, int d, const char *path, const char **bodyp);
/* That daemon's WORKER object of /workers/status. */
json_t *rig_status(struct rig *r, int d);
long long rig_slot_int(struct rig *r, int d, int slot, const char *key);
const char *rig_slot_str(struct rig *r, int d, int slot, const char *key);

/* LPUSH of a job: text as it is, or made by printf. */
void rig_push(struct rig *r, const char *queue, const char *job);
void rig_pushf(struct rig *r, const char *queue, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void rig_push_bytes(struct rig *r, const char *queue, const void *p, size_t n);
/* The record of a job, NULL if there is none. */
json_t *rig_record(struct rig *r, const char *queue, const char *id);
/* Waits until the record has this state, or fails the test. A final state
 * that is another one fails it at once. */
json_t *rig_wait_record(struct rig *r, const char *queue, const char *id,
    const char *state);
/* An entry of the queue's dead list, newest first; NULL if there is none. */
json_t *rig_dead(struct rig *r, const char *queue, int i);
/* Number of fields of all {Q}:leased:<worker> hashes. */
long long rig_leased(struct rig *r);
/* A counter of {Q}:stats, 0 if absent. */
long long rig_stat(struct rig *r, const char *queue, const char *name);
/* All lines of the job's log stream, joined by newlines. */
const char *rig_log(struct rig *r, const char *queue, const char *id);

/* Listens to a channel from now on; the next message within the limit. */
void rig_subscribe(struct rig *r, const char *channel);
json_t *rig_event(struct rig *r);

/* Members by path, "error.cause", "slots.0.pid". Absent or null: NULL, "", -1. */
json_t *js(const json_t *o, const char *path);
const char *js_str(const json_t *o, const char *path);
long long js_int(const json_t *o, const char *path);

/* A whole file as text, NULL if it cannot be read. */
const char *rig_slurp(struct rig *r, const char *path);
bool rig_exists(const struct rig *r, const char *name); /* below rig_dir */
const char *rig_fmt(struct rig *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

double rig_now(void);                   /* seconds, monotonic */
double rig_limit(void);                 /* seconds */
/* A bound on speed is only kept where nothing slows the daemon down. */
bool rig_fast(void);

struct rig_wait {
	double end;
};
void rig_wait_begin(struct rig_wait *w, double limit);
void rig_wait_step(struct rig *r, struct rig_wait *w, const char *what,
    const char *file, int line);

/* Waits for an expression; it is evaluated every 2 ms. */
#define rig_until_in(r, limit, expr) \
	do { \
		struct rig_wait rig_w_; \
		rig_wait_begin(&rig_w_, (limit)); \
		while (!(expr)) \
			rig_wait_step((r), &rig_w_, #expr, __FILE__, \
			    __LINE__); \
	} while (0)
#define rig_until(r, expr) rig_until_in(r, rig_limit(), expr)

/* main of a check program: runs the tests (all, or the one that argv names),
 * prints what failed ones left in their logs, ends their processes. */
int rig_main(int argc, char **argv, const char *name,
    const TTest *const *tests, size_t n);

#define RIG_MAIN(name, ...) \
	int \
	main(int argc, char **argv) \
	{ \
		const TTest *const tests[] = { __VA_ARGS__ }; \
		return (rig_main(argc, argv, name, tests, \
		    sizeof(tests) / sizeof(tests[0]))); \
	}

#endif
