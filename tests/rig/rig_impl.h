/* What the files of the rig share; tests include rig.h only. */
#ifndef TESTS_RIG_RIG_IMPL_H
#define TESTS_RIG_RIG_IMPL_H

#include "tests/rig/rig.h"

/* In the environment of all that a daemon of the rig starts: the rig's
 * folder. Processes are told by it, or by that folder in their command line
 * or as their current one. */
#define RIG_MARK "GANGER_RIG"
#define RIG_ENV_MAX 16

struct rig_daemon {
	char *id;
	char *dir;              /* run, state, ganger.ini, log */
	char *file;
	char *ini;              /* the test's text, expanded */
	int port;               /* where rig_http asks */
	char *redis;            /* URL of its file; NULL: the rig's */
	char *listen;           /* of its file; NULL: that port on loopback */
	pid_t pid;              /* 0: not running */
	int status;             /* of the last end */
};

struct rig_kept {               /* owns one of them */
	json_t *json;
	redisReply *reply;
	char *text;
};

struct rig {
	unsigned magic;
	unsigned flags;
	char dir[96];
	char sock[108];
	pid_t redis;            /* 0: not running */
	redisContext *ctx;      /* NULL: connect at the next command */
	redisContext *sub;
	struct rig_daemon d[RIG_DAEMONS];
	int ndaemons;
	char *env[RIG_ENV_MAX]; /* "NAME=value" */
	int nenv;
	struct rig_kept kept[RIG_KEEP];
	unsigned nkept;
};
#define RIG_MAGIC 0x7e57a901u

/* Of the whole program, made by rig_main and inherited by the tests. */
extern char rig_program_dir[64]; /* the rigs' folders are below it */

json_t *rig_keep_json(struct rig *r, json_t *j);
redisReply *rig_keep_reply(struct rig *r, redisReply *reply);
char *rig_keep_text(struct rig *r, char *text);
void rig_forget_all(struct rig *r);
char *rig_file_text(const char *path, size_t *np);     /* malloc, NULL */
void rig_remove_tree(const char *path);
const char *rig_path(const char *var, const char *built_in);
/* fork + exec in the rig's folder; stdout and stderr are appended to log.
 * env: "NAME=value" words to add, or NULL. */
pid_t rig_spawn(struct rig *r, const char *const *argv,
    const char *const *env, const char *log);
int rig_status_of(int wstatus);
/* Live processes that belong to this folder (a rig's or the program's). */
int rig_belonging(const char *dir, pid_t *pids, int max);
void rig_redis_connect(struct rig *r);
/* A daemon that is killed leaves its cgroups to its next start. */
void rig_note_daemon(const char *id, const char *run_dir);
/* For rig_main: before, and after, what is left of processes is killed. */
void rig_cgroups_thaw(void);
void rig_cgroups_remove(void);

#endif
