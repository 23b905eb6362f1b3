/*
 * The directories of a job: a private one that goes with it, and its output
 * and checkpoint folders, which go when the job is final.
 */
#ifndef CHILD_DIRS_H
#define CHILD_DIRS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "proto/startup.h"

struct sandbox;
struct spawn_user;

struct dirs {
	char *work;        /* owns; NULL: not made */
	char *output;      /* owns */
	char *checkpoint;  /* owns */
};

/*
 * Makes the three; user (may be NULL) becomes their owner. 0, or -ERR_SYSTEM
 * with a line in why and nothing left behind but the kept folders.
 */
int dirs_make(const struct start *s, struct slice id,
    const struct spawn_user *user, struct dirs *d, struct buf *why);

/*
 * A sandbox whose process may write to the folders of all jobs, as a runner
 * and a plugin must. See sandbox_open.
 */
int dirs_sandbox(const struct start *s, enum sandbox_level level,
    struct sandbox *b, struct buf *why);

/* Only fills in where the three would be; none is made. The number is unique
 * among the jobs of this run of the supervisor. */
void dirs_name(const struct start *s, struct slice id, uint64_t number,
    struct dirs *d);

/*
 * For a handler that runs as another user: lets everybody pass through the
 * folders above those of jobs, which stay their user's alone. 0, or
 * -ERR_SYSTEM with a line in why.
 */
int dirs_open_way(const struct start *s, struct buf *why);

/* Makes only a private directory below work_dir; gives its path in *pathp. */
int dirs_private(const struct start *s, const struct spawn_user *user,
    char **pathp, struct buf *why);

/*
 * The job is done: removes its output and checkpoint, whatever they hold.
 * (Those of a job that ends otherwise for good go by dirs_forget, when the
 * supervisor says so: only it knows that there is no other attempt.)
 */
void dirs_done(struct dirs *d);

/* The same by the job's id alone, for one that ended before. */
void dirs_forget(const struct start *s, struct slice id);

/* At start: removes the private directories that the slot's last child was
 * killed over. */
void dirs_sweep(const struct start *s);

/* Removes the private directory, and the kept ones where they are empty. */
void dirs_drop(struct dirs *d);

/*
 * state_dir/kind/<id>. An id may be "." or "..", so one that begins with a
 * point gets a '%' before it, which no id can hold. Gives the path.
 */
char *dirs_kept_path(const char *state_dir, const char *kind, struct slice id);

#endif
