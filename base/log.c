/*
 * The log. A line is built on the stack and leaves in one write of at most
 * PIPE_BUF bytes, so lines of several processes on one pipe don't mix, and a
 * descriptor that poll calls writable takes it without blocking. A reader
 * that does not read costs one short wait, then lines are dropped and counted
 * until it reads again; the first line after that says how many. Syslog is
 * reached by our own datagram socket because syslog(3) blocks on a full one.
 */
#include "config.h"

#include "base/log.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/obj.h"

#define LINE_BYTES PIPE_BUF      /* a line, its newline included */
#define MESSAGE_BYTES 3072       /* a message before it is escaped */
#define TIME_BYTES 40           /* more than any year needs */
#define PATIENCE 50              /* ms to wait for a slow reader, once */
#define SYSLOG_PATH "/dev/log"
#define SYSLOG_FACILITY (3 << 3) /* daemon */

struct level {
	const char *name;
	int priority;
};

static const struct level levels[] = {
#define X(id, name, prio) [LOG_L_##id] = { name, prio },
	LOG_LEVELS(X)
#undef X
};

struct target {
	int fd;
	bool syslog;
	char *path;  /* owns; of a file that log_reopen opens again, or NULL */
};

static struct {
	struct target to;
	enum log_format format;
	enum log_level level;
	char ident[32];
	unsigned dropped; /* lines since the reader stopped reading */
} st = { .to = { .fd = STDERR_FILENO }, .level = LOG_L_INFO };

/* Lines that log_limit held back, due on this thread's next line. */
static _Thread_local unsigned suppressed;

static void
format_time(char *text, size_t size)
{
	wall_t now = wall_now();
	time_t secs = (time_t)(now / 1000);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&secs, &tm);
	n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text + n, size - n, ".%03dZ", (int)(now % 1000));
}

/* Text with the control characters escaped: a message can't forge a line. */
static void
put_visible(struct buf *b, const char *s)
{
	size_t run;

	for (; *s != '\0'; s++) {
		for (run = 0; (unsigned char)s[run] >= ' ' && s[run] != 0x7f;)
			run++;
		(void)buf_put(b, s, run);
		s += run;
		if (*s == '\0')
			return;
		if (*s == '\n')
			(void)buf_puts(b, "\\n");
		else if (*s == '\t')
			(void)buf_puts(b, "\\t");
		else
			(void)buf_printf(b, "\\x%02x", (unsigned char)*s);
	}
}

static void
put_json(struct buf *b, enum log_level level, const char *area,
    const char *msg)
{
	char when[TIME_BYTES];
	struct jsonw w;

	format_time(when, sizeof(when));
	jsonw_init(&w, b);
	jsonw_obj(&w);
	jsonw_kstr(&w, "ts", when);
	jsonw_kstr(&w, "level", levels[level].name);
	jsonw_kstr(&w, "area", area);
	jsonw_kstr(&w, "msg", msg);
	jsonw_end(&w);
}

static void
put_syslog_head(struct buf *b, enum log_level level)
{
	time_t secs = (time_t)(wall_now() / 1000);
	char when[32];
	struct tm tm;

	(void)localtime_r(&secs, &tm);
	(void)strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	(void)buf_printf(b, "<%d>%s %s[%d]: ",
	    SYSLOG_FACILITY | levels[level].priority, when, st.ident,
	    (int)getpid());
}

static void
put_line(struct buf *b, enum log_level level, const char *area,
    const char *msg)
{
	char when[TIME_BYTES];

	if (st.to.syslog)
		put_syslog_head(b, level);
	if (st.format == LOG_JSON) {
		put_json(b, level, area, msg);
	} else {
		if (!st.to.syslog) {
			format_time(when, sizeof(when));
			(void)buf_printf(b, "%s ", when);
		}
		(void)buf_printf(b, "%s %s ", levels[level].name, area);
		put_visible(b, msg);
	}
	if (!st.to.syslog)
		(void)buf_putc(b, '\n');
}

static bool
writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return (poll(&pfd, 1, st.dropped > 0 ? 0 : PATIENCE) == 1 &&
	    (pfd.revents & POLLOUT) != 0);
}

static int
connect_syslog(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = SYSLOG_PATH };
	int fd;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == -1)
		fd_close(&fd);
	return (fd);
}

/* True if the whole line left. */
static bool
send_line(const char *p, size_t n)
{
	int fd;

	if (!st.to.syslog)
		return (writable(st.to.fd) &&
		    write(st.to.fd, p, n) == (ssize_t)n);
	if (send(st.to.fd, p, n, MSG_NOSIGNAL) == (ssize_t)n)
		return (true);
	/* The syslog daemon was restarted: its socket is a new one. */
	if (errno == EAGAIN || (fd = connect_syslog()) == -1)
		return (false);
	fd_close(&st.to.fd);
	st.to.fd = fd;
	return (send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n);
}

/* Formats the message and what is to be said about lines that are missing. */
__attribute__((format(printf, 3, 0))) static void
format_message(char *msg, size_t size, const char *fmt, va_list ap)
{
	char tail[64] = "";
	size_t n = 0;

	if (suppressed > 0)
		n += (size_t)snprintf(tail, sizeof(tail), " suppressed=%u",
		    suppressed);
	if (st.dropped > 0)
		(void)snprintf(tail + n, sizeof(tail) - n, " dropped=%u",
		    st.dropped);
	n = size - strlen(tail);
	(void)vsnprintf(msg, n, fmt, ap);
	strcat(msg, tail);
	suppressed = 0;
}

static int
open_file(const char *path)
{
	/* O_NONBLOCK: a fifo without a reader fails instead of hanging. */
	return (open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK, 0640));
}

static void
close_target(struct target *t)
{
	if (t->fd != STDERR_FILENO)
		fd_close(&t->fd);
	free(t->path);
	*t = (struct target){ .fd = STDERR_FILENO };
}

static int
open_target(const char *name, struct target *t)
{
	*t = (struct target){ .fd = STDERR_FILENO };
	if (strcmp(name, "stderr") == 0)
		return (0);
	t->syslog = strcmp(name, "syslog") == 0;
	t->fd = t->syslog ? connect_syslog() : open_file(name);
	if (t->fd == -1)
		return (-ERR_SYSTEM);
	if (!t->syslog && (t->path = strdup(name)) == NULL) {
		fd_close(&t->fd);
		errno = ENOMEM;
		return (-ERR_SYSTEM);
	}
	return (0);
}

int
log_open(const char *ident, const char *target, enum log_format format,
    enum log_level level)
{
	struct target t;

	if (open_target(target, &t) != 0)
		return (-ERR_SYSTEM);
	close_target(&st.to);
	st.to = t;
	st.format = format;
	st.level = level;
	(void)snprintf(st.ident, sizeof(st.ident), "%s", ident);
	return (0);
}

int
log_reopen(void)
{
	int fd;

	if (st.to.path == NULL)
		return (0);
	if ((fd = open_file(st.to.path)) == -1)
		return (-ERR_SYSTEM);
	fd_close(&st.to.fd);
	st.to.fd = fd;
	return (0);
}

void
log_set_level(enum log_level level)
{
	st.level = level;
}

bool
log_wants(enum log_level level)
{
	return (level <= st.level);
}

void
log_close(void)
{
	close_target(&st.to);
}

void
log_put(enum log_level level, const char *area, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vput(level, area, fmt, ap);
	va_end(ap);
}

void
log_vput(enum log_level level, const char *area, const char *fmt, va_list ap)
{
	char msg[MESSAGE_BYTES];
	struct buf b;
	int saved = errno;
	size_t n;

	if (!log_wants(level))
		return;
	format_message(msg, sizeof(msg), fmt, ap);
	buf_init(&b, LINE_BYTES);
	put_line(&b, level, area, msg);
	/* Escapes made it too long: cut the message until it fits. */
	for (n = strlen(msg); b.failed && n > 0;) {
		msg[n /= 2] = '\0';
		buf_reset(&b);
		put_line(&b, level, area, msg);
	}
	if (!b.failed && send_line(b.data, b.len))
		st.dropped = 0;
	else
		st.dropped++;
	buf_fini(&b);
	errno = saved;
}

bool
log_limit(struct log_limit *lim)
{
	mono_t now = mono_now();

	if (lim->start == 0 || now - lim->start >= lim->period) {
		lim->start = now;
		lim->used = 0;
		suppressed += lim->held;
		lim->held = 0;
	}
	if (lim->used < lim->burst) {
		lim->used++;
		return (true);
	}
	lim->held++;
	return (false);
}
