/*
 * Handlers of kind command: a fresh process per job. The job's JSON is its
 * standard input (a memfd: writing it never waits for a reader), progress
 * comes through a pipe, the result through a file.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "child/child.h"
#include "child/prepare.h"
#include "child/progress.h"
#include "child/report.h"
#include "child/result.h"
#include "child/sandbox.h"
#include "child/spawn.h"

#define READ_CHUNK 4096
#define READS_A_TURN 16  /* a chatty job must not starve the link */

struct command {
	struct child *child;      /* borrows */
	struct cjob *job;         /* borrows while a job runs, else NULL */
	struct proc proc;
	struct watch end;         /* the process's pidfd */
	struct watch progress;    /* the pipe's reading end; owns the fd */
	struct progress_lines lines;
	char *result;             /* path; owns */
};

static void
take_line(void *arg, struct slice line)
{
	struct command *cmd = arg;
	struct slice message;
	double fraction;
	struct buf b;

	if (progress_parse(line, &fraction, &message) == 0) {
		report_progress(cmd->child, cmd->job, fraction, message);
		return;
	}
	buf_init(&b, PROGRESS_LINE_MAX + 128);
	buf_printf(&b, "not a line of progress: %.*s", (int)line.n, line.p);
	report_log(cmd->child, cmd->job, (struct slice){ b.data, b.len });
	buf_fini(&b);
}

static void
read_progress(struct command *cmd, unsigned reads)
{
	char data[READ_CHUNK];
	ssize_t n = 0;

	while (reads-- > 0) {
		n = read(cmd->progress.fd, data, sizeof(data));
		if (n <= 0)
			break;
		progress_feed(&cmd->lines, data, (size_t)n, take_line, cmd);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		progress_end(&cmd->lines, take_line, cmd);
		fd_close(&cmd->progress.fd);
	}
}

static void
on_progress(struct child *c, void *arg, short revents)
{

	read_progress(arg, READS_A_TURN);
}

static void
note_ended(struct command *cmd)
{

	cmd->end.fd = -1;
	cmd->child->ended = true;
}

static void
on_end(struct child *c, void *arg, short revents)
{

	tree_reap(&c->tree);    /* tick_command sees what it brought */
}

static void
tick_command(struct child *c, struct child_handler *h)
{
	struct command *cmd = h->state;

	if (cmd->proc.pid != 0 && cmd->proc.ended && !c->ended)
		note_ended(cmd);
}

static int
open_command(struct child *c, struct child_handler *h, struct buf *why)
{
	struct command *cmd;

	cmd = xcalloc(1, sizeof(*cmd));
	cmd->child = c;
	cmd->proc.pidfd = -1;
	cmd->end = (struct watch){ -1, POLLIN, on_end, cmd };
	cmd->progress = (struct watch){ -1, POLLIN, on_progress, cmd };
	child_watch(c, &cmd->end);
	child_watch(c, &cmd->progress);
	h->state = cmd;
	return (0);
}

static int
job_on_memfd(const struct cjob *j)
{
	int fd;

	if ((fd = memfd_create("job", MFD_CLOEXEC)) < 0)
		return (-1);
	if (fd_write_all(fd, j->text.p, j->text.n) != 0 ||
	    lseek(fd, 0, SEEK_SET) != 0)
		fd_close(&fd);
	return (fd);
}

static int
open_progress(struct command *cmd, int *writep)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return (-ERR_SYSTEM);
	if (fd_nonblock(fds[0]) != 0) {
		fd_close(&fds[0]);
		fd_close(&fds[1]);
		return (-ERR_SYSTEM);
	}
	memset(&cmd->lines, 0, sizeof(cmd->lines));
	cmd->progress.fd = fds[0];
	*writep = fds[1];
	return (0);
}

static int
start_process(struct command *cmd, struct child_handler *h,
    const struct spawn_user *user, int in, int progress, struct buf *why)
{
	struct sandbox box;
	struct spawn s = {
		.argv = h->conf->argv,
		.cwd = cmd->job->dirs.work,
		.in_fd = in,
		.extra_fd = progress,
		.user = user,
		.box = &box,
	};
	const char *const places[] = { cmd->job->dirs.work,
	    cmd->job->dirs.output, cmd->job->dirs.checkpoint, NULL };
	struct env e;
	int r;

	prepare_env(cmd->child, h, cmd->job, &e);
	env_set(&e, "GANGER_RESULT", cmd->result);
	env_set(&e, "GANGER_PROGRESS_FD", "3");
	s.env = e.v;
	r = sandbox_open(&box, h->conf->sandbox, places, why);
	if (r == 0)
		r = spawn_process(&s, &cmd->proc, why);
	sandbox_close(&box);
	env_fini(&e);
	return (r);
}

_Static_assert(SPAWN_EXTRA_FD == 3, "GANGER_PROGRESS_FD is written above");

static int
start_job(struct command *cmd, struct child_handler *h, struct buf *why)
{
	const struct spawn_user *user;
	int in, progress = -1, r;

	if (!prepare_user(cmd->child, h, &user, why))
		return (-ERR_NOTFOUND);
	cmd->result = str_fmt("%s/result.json", cmd->job->dirs.work);
	in = job_on_memfd(cmd->job);
	if (in < 0 || open_progress(cmd, &progress) != 0) {
		buf_printf(why, "could not prepare the job's input: %s",
		    strerror(errno));
		r = -ERR_SYSTEM;
	} else {
		r = start_process(cmd, h, user, in, progress, why);
	}
	fd_close(&in);
	fd_close(&progress);
	return (r);
}

static void
begin_command(struct child *c, struct child_handler *h)
{
	struct command *cmd = h->state;
	struct cjob *j = &c->credit->jobs[c->from];
	struct buf why;

	if (j->settled || !prepare_model(c, j) || !prepare_dirs(c, h, j)) {
		c->ended = true;
		return;
	}
	cmd->job = j;
	buf_init(&why, 4096);
	if (start_job(cmd, h, &why) != 0) {
		cjob_fail(j, CAUSE_LOAD_FAILED, "%s", buf_cstr(&why));
		c->ended = true;
	} else {
		tree_add(&c->tree, &cmd->proc);
		cmd->end.fd = cmd->proc.pidfd;
		report_started(c, j, cmd->proc.pid);
		FAILPOINT(CHILD_STARTED);
	}
	buf_fini(&why);
}

static void
settle(struct command *cmd)
{
	struct cjob *j = cmd->job;

	if (cmd->proc.code != CLD_EXITED || cmd->proc.status != 0)
		cjob_ended(j, "", cmd->proc.code, cmd->proc.status);
	else if (result_read(j, cmd->result) == 0)
		prepare_done(cmd->child, j);
}

static void
finish_command(struct child *c, struct child_handler *h)
{
	struct command *cmd = h->state;

	if (cmd->job == NULL)
		return;
	if (cmd->progress.fd >= 0)
		read_progress(cmd, READS_A_TURN);
	if (cmd->progress.fd >= 0)
		progress_end(&cmd->lines, take_line, cmd);
	fd_close(&cmd->progress.fd);
	if (cmd->proc.pid != 0)
		settle(cmd);
	tree_forget(&c->tree, &cmd->proc);
	cmd->end.fd = -1;
	dirs_drop(&cmd->job->dirs);
	free(cmd->result);
	cmd->result = NULL;
	cmd->job = NULL;
}

static void
close_command(struct child *c, struct child_handler *h)
{

	free(h->state);
	h->state = NULL;
}

const struct kind kind_command = {
	.open = open_command,
	.begin = begin_command,
	.finish = finish_command,
	.tick = tick_command,
	.close = close_command,
};
