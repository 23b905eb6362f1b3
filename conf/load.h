/*
 * A configuration while it is being read: shared by the files that take part
 * in conf_load, used by nobody else.
 */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include <sys/types.h>
#include <stdbool.h>

#include "conf/conf.h"
#include "conf/ini.h"
#include "conf/problem.h"
#include "conf/table.h"

struct load {
	struct conf *c;       /* owns until success */
	const struct conf *running; /* of a reload, else NULL; borrows */
	const char *path;     /* of the file, or NULL; borrows */
	const char *pidfile;  /* of the command line, or NULL; borrows */
	char *dir;            /* its absolute folder, or the current one; owns */
	char *const *env;     /* borrows */
	struct ini *ini;      /* that of c; borrows */
	struct problem_list problems;
};

/* A variable of the given environment, or NULL; an empty one counts as not
 * set, because that is what compose files make of an absent one. */
const char *load_env(const struct load *ld, const char *name);

/* Whether the effective value of a key was given, in the file or by a
 * variable. name is "" where the section takes none. */
bool load_given(const struct load *ld, enum conf_section section,
    const char *name, const char *key);
/* The line of a key in the file; 0 if it is not there. */
int load_line(const struct load *ld, enum conf_section section,
    const char *name, const char *key);

/*
 * Adds "key: ..." at the line (or variable) that the effective value of the
 * key comes from, else at the section's line, else for the whole file.
 */
void load_problem(struct load *ld, enum conf_section section,
    const char *name, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The absolute folder that a path's file lies in; the current folder for NULL
 * or a bare name. The caller frees. */
char *load_folder(const char *path);

/* Makes a relative path absolute, from the folder of the file. */
void load_absolute(const struct load *ld, char **path);

/* resolve.c: everything that is derived within the single sections */
void resolve_supervisor(struct load *ld);
void resolve_redis(struct load *ld);
void resolve_http(struct load *ld);
void resolve_log(struct load *ld);
void resolve_models(struct load *ld);
/* identity.c: who and where this worker is */
void resolve_dirs(struct load *ld);
void resolve_worker_id(struct load *ld);
void resolve_user(struct load *ld);
int find_user(const char *name, uid_t *uid, gid_t *gid);
/* include.c: reads what the main file includes */
void load_includes(struct load *ld);
/* keep.c: RESTART rows stay as they are in ld->running */
void keep_running(struct load *ld);
/* handler.c, pool.c */
void resolve_handlers(struct load *ld);
void resolve_pools(struct load *ld);
void resolve_schedules(struct load *ld);
void resolve_rates(struct load *ld);

#endif
