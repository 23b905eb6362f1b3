/*
 * Evidence. Read from /proc while the processes are still there, only from
 * files whose reading can't wait for the process: not cmdline, maps, or
 * anything else that takes its memory's lock. Bounded in processes and time,
 * because the loop stands still meanwhile.
 */
#include "config.h"

#include "supervisor/evidence.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xalloc.h"

#include "supervisor/job.h"
#include "supervisor/proc.h"
#include "supervisor/sup.h"

#define PROCESSES_MAX 128       /* looked at; the rest is counted */
#define TIME_MAX (20 * DUR_MS)  /* for all of them */
#define STACK_FRAMES 12
#define SHORT_MAX 400           /* bytes of the short form */

/* A file of /proc/PID; "" if it can't be read. */
static const char *
read_proc(pid_t pid, const char *file, char *out, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
		n = read(fd, out, size - 1);
		(void)close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
	return (out);
}

static uint64_t
status_field(const char *status, const char *name, int base)
{
	const char *at = strstr(status, name);

	return (at == NULL ? 0 : strtoull(at + strlen(name), NULL, base));
}

struct seen {
	char name[64];
	char state;
	char wchan[64];
	double cpu;             /* seconds, user and system */
	unsigned threads;
	uint64_t rss;           /* KiB */
};

/* False: it is gone. */
static bool
look(pid_t pid, struct seen *s)
{
	char text[4096], *open_, *close_;
	unsigned long user = 0, sys = 0;

	(void)read_proc(pid, "stat", text, sizeof(text));
	open_ = strchr(text, '(');
	close_ = strrchr(text, ')');    /* the name may hold anything */
	if (open_ == NULL || close_ == NULL ||
	    sscanf(close_ + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%lu %lu %*d %*d %*d %*d %u", &s->state, &user, &sys,
	    &s->threads) != 4)
		return (false);
	(void)snprintf(s->name, sizeof(s->name), "%.*s",
	    (int)(close_ - open_ - 1), open_ + 1);
	s->cpu = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
	(void)read_proc(pid, "status", text, sizeof(text));
	s->rss = status_field(text, "VmRSS:", 10);
	(void)read_proc(pid, "wchan", s->wchan, sizeof(s->wchan));
	if (s->wchan[0] == '\0' || strcmp(s->wchan, "0") == 0)
		(void)snprintf(s->wchan, sizeof(s->wchan), "-");
	return (true);
}

/* "[<0>] futex_wait+0x12/0x34" lines as "futex_wait < ...". */
static void
put_stack(struct buf *b, pid_t pid)
{
	char text[4096], *line, *save = NULL, *name;
	unsigned n = 0;

	(void)read_proc(pid, "stack", text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line != NULL &&
	    n < STACK_FRAMES; line = strtok_r(NULL, "\n", &save)) {
		if ((name = strchr(line, ' ')) == NULL)
			continue;
		name++;
		(void)buf_printf(b, "%s%.*s", n++ == 0 ? " stack " : " < ",
		    (int)strcspn(name, "+ "), name);
	}
}

static void
put_process(struct buf *b, pid_t pid, const struct seen *s)
{
	(void)buf_printf(b, "pid %d (%s) state %c wchan %s cpu %.2f s rss "
	    "%" PRIu64 " K threads %u", (int)pid, s->name, s->state, s->wchan,
	    s->cpu, s->rss, s->threads);
}

static void
put_age(struct buf *b, const char *what, mono_t at, mono_t now)
{
	if (at == 0)
		(void)buf_printf(b, "no %s", what);
	else
		(void)buf_printf(b, "last %s %.1f s ago", what,
		    (double)(now - at) / (double)DUR_S);
}

/* NULL: none. */
static const char *
last_line(const struct job *j)
{
	return (j->tail.line[(j->tail.next + JOB_TAIL_LINES - 1) %
	    JOB_TAIL_LINES]);
}

/* What the job itself said last. */
static void
put_signs(struct buf *b, const struct job *j, mono_t now)
{
	const char *line = j->stacks_at != 0 ? j->said : last_line(j);

	put_age(b, "progress", j->progress_at, now);
	if (j->progress_at != 0)
		(void)buf_printf(b, " (%.3g)", j->progress);
	(void)buf_puts(b, ", ");
	if (line == NULL) {
		(void)buf_puts(b, "no output");
		return;
	}
	put_age(b, "output", j->output_at, now);
	(void)buf_printf(b, ": \"%.120s\"", line);
}

static void
log_buf(struct job *j, struct buf *b)
{
	job_log(j, "evidence", buf_cstr(b), b->len);
	buf_reset(b);
}

/* The job's own process, where its handler has one, else the child. */
static pid_t
main_of(const struct proc *p, const struct job *j)
{
	return (j->pid > 0 ? (pid_t)j->pid : p->pid);
}

static void
take_short(const struct proc *p, struct job *j, mono_t now)
{
	struct seen s;
	struct buf b;

	buf_init(&b, 4096);
	if (look(main_of(p, j), &s))
		(void)buf_printf(&b, "pid %d (%s) was in state %c, wchan %s, "
		    "cpu %.2f s; ", (int)main_of(p, j), s.name, s.state,
		    s.wchan, s.cpu);
	put_signs(&b, j, now);
	free(j->evidence);
	j->evidence = xstrndup(buf_cstr(&b),
	    b.len < SHORT_MAX ? b.len : SHORT_MAX);
	buf_fini(&b);
}

/* The slot's processes, into the log of its first job. */
static void
take_processes(struct proc *p, struct job *j, mono_t until)
{
	pid_t pids[PROCESSES_MAX];
	unsigned n, i, told = 0;
	struct seen s;
	struct buf b;

	n = contain_list(&p->contain, p->pid, pids, PROCESSES_MAX);
	buf_init(&b, 8192);
	for (i = 0; i < n && mono_now() < until; i++) {
		if (!look(pids[i], &s))
			continue;
		put_process(&b, pids[i], &s);
		put_stack(&b, pids[i]);
		log_buf(j, &b);
		told++;
	}
	if (n == PROCESSES_MAX || i < n) {
		(void)buf_printf(&b, "%u processes looked at, there are more",
		    told);
		log_buf(j, &b);
	}
	buf_fini(&b);
}

void
evidence_take(struct proc *p)
{
	mono_t now = mono_now();
	struct job *j;
	struct buf b;

	output_drain(p, false);
	buf_init(&b, 4096);
	TAILQ_FOREACH(j, &p->jobs, ready) {
		take_short(p, j, now);
		(void)buf_printf(&b, "%s after %.3f s; ",
		    slot_why_text(p->slot.why),
		    (double)(now - j->started) / (double)DUR_S);
		put_signs(&b, j, now);
		log_buf(j, &b);
	}
	buf_fini(&b);
	if ((j = TAILQ_FIRST(&p->jobs)) != NULL)
		take_processes(p, j, mono_add(now, TIME_MAX));
}

/* A child says which process its job is; it is not believed blindly. */
static bool
is_ours(struct proc *p, pid_t pid)
{
	pid_t pids[PROCESSES_MAX];
	unsigned n, i;

	n = contain_list(&p->contain, p->pid, pids, PROCESSES_MAX);
	for (i = 0; i < n && pids[i] != pid; i++)
		;
	return (i < n);
}

bool
evidence_ask(struct proc *p)
{
	const struct conf *conf = p->sup->conf;
	char text[4096];
	struct job *j = TAILQ_FIRST(&p->jobs);

	if (j == NULL || j->pid <= 0 ||
	    conf->handlers[j->handler].kind != CONF_RUNNER ||
	    !is_ours(p, (pid_t)j->pid))
		return (false);
	/* only one that catches it: others would die of it */
	(void)read_proc((pid_t)j->pid, "status", text, sizeof(text));
	if ((status_field(text, "SigCgt:", 16) >> (SIGUSR2 - 1) & 1) == 0)
		return (false);
	if (kill((pid_t)j->pid, SIGUSR2) != 0)
		return (false);
	TAILQ_FOREACH(j, &p->jobs, ready) {
		j->stacks_at = mono_now();
		free(j->said);
		j->said = last_line(j) != NULL ? xstrdup(last_line(j)) : NULL;
	}
	return (true);
}
