/*
 * The log. A line is built on the stack and leaves in one write of at most
 * PIPE_BUF bytes, so lines of several processes on one pipe don't mix, and a
 * descriptor that poll calls writable takes it without blocking. A reader
 * that does not read costs one short wait, then lines are dropped and counted
 * until it reads again; the first line after that says how many. Syslog is
 * reached by our own datagram socket because syslog(3) blocks on a full one,
 * and so is the journal; on a stderr that leads to the journal each line begins
 * with its priority. Lines that say the same again and again are counted.
 */
#include "config.h"

#include "base/log.h"

#include <sys/socket.h>
#include <sys/stat.h>
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
#include "base/log_repeat.h"
#include "base/obj.h"

#define LINE_BYTES PIPE_BUF      /* a line, its newline included */
#define MESSAGE_BYTES 3072       /* a message before it is escaped */
#define TIME_BYTES 40           /* more than any year needs */
#define PATIENCE 50              /* ms to wait for a slow reader, once */
#define SYSLOG_PATH "/dev/log"
#define SYSLOG_FACILITY (3 << 3) /* daemon */
#define JOURNAL_PATH "/run/systemd/journal/socket"

struct level {
	const char *name;
	int priority;
};

static const struct level levels[] = {
#define X(id, name, prio) [LOG_L_##id] = { name, prio },
	LOG_LEVELS(X)
#undef X
};

/* PREFIXED: a stream that the journal reads line by line. */
enum kind { TO_PLAIN, TO_PREFIXED, TO_SYSLOG, TO_JOURNAL };

struct target {
	int fd;
	enum kind kind;
	char *path;  /* owns; of a file that log_reopen opens again, or of a
	              * socket; else NULL */
};

static struct {
	struct target to;
	enum log_format format;
	enum log_level level;
	char ident[32];
	unsigned dropped; /* lines since the reader stopped reading */
	struct log_repeat repeat;
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

static bool
is_socket(enum kind kind)
{
	return (kind == TO_SYSLOG || kind == TO_JOURNAL);
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

/* The journal's own protocol: one FIELD=value per line, the message last. */
static void
put_journal_head(struct buf *b, enum log_level level, const char *area)
{
	(void)buf_printf(b, "PRIORITY=%d\nSYSLOG_FACILITY=%d\n"
	    "SYSLOG_IDENTIFIER=%s\nGANGER_AREA=%s\nMESSAGE=",
	    levels[level].priority, SYSLOG_FACILITY >> 3, st.ident, area);
}

/* What stands before the line proper; all but a file know the time. */
static void
put_head(struct buf *b, enum log_level level, const char *area)
{
	char when[TIME_BYTES];

	switch (st.to.kind) {
	case TO_SYSLOG:
		put_syslog_head(b, level);
		return;
	case TO_JOURNAL:
		put_journal_head(b, level, area);
		return;
	case TO_PREFIXED:
		(void)buf_printf(b, "<%d>", levels[level].priority);
		return;
	case TO_PLAIN:
		break;
	}
	if (st.format == LOG_TEXT) {
		format_time(when, sizeof(when));
		(void)buf_printf(b, "%s ", when);
	}
}

static void
put_line(struct buf *b, enum log_level level, const char *area,
    const char *msg)
{
	put_head(b, level, area);
	if (st.format == LOG_JSON) {
		put_json(b, level, area, msg);
	} else {
		(void)buf_printf(b, "%s %s ", levels[level].name, area);
		put_visible(b, msg);
	}
	if (st.to.kind != TO_SYSLOG)
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
connect_socket(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	strcpy(sun.sun_path, path);
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

	if (!is_socket(st.to.kind))
		return (writable(st.to.fd) &&
		    write(st.to.fd, p, n) == (ssize_t)n);
	if (send(st.to.fd, p, n, MSG_NOSIGNAL) == (ssize_t)n)
		return (true);
	/* The other end was restarted: its socket is a new one. */
	if (errno == EAGAIN || (fd = connect_socket(st.to.path)) == -1)
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

/* Escapes may have made it too long: msg is cut until it fits. */
static void
write_line(enum log_level level, const char *area, char *msg)
{
	struct buf b;
	size_t n;

	buf_init(&b, LINE_BYTES);
	put_line(&b, level, area, msg);
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
}

static void
say_repeated(const struct log_repeat_row *r)
{
	char msg[sizeof(r->head) + 64];

	(void)snprintf(msg, sizeof(msg), "last message repeated %u more "
	    "time(s): %s", r->held, r->head);
	write_line((enum log_level)r->level, r->area, msg);
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

/* systemd says which device and inode it gave us as stderr. */
static bool
stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st_err;

	return (text != NULL && sscanf(text, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st_err) == 0 && st_err.st_dev == dev &&
	    st_err.st_ino == ino);
}

/* "syslog", "journal", either with another socket's path behind a colon. */
static bool
names_socket(const char *name, const char *word, const char *path,
    const char **pathp)
{
	size_t n = strlen(word);

	if (strncmp(name, word, n) != 0)
		return (false);
	if (name[n] == '\0')
		*pathp = path;
	else if (name[n] == ':' && name[n + 1] == '/')
		*pathp = name + n + 1;
	else
		return (false);
	return (true);
}

static int
open_target(const char *name, struct target *t)
{
	const char *path = name;

	*t = (struct target){ .fd = STDERR_FILENO };
	if (strcmp(name, "stderr") == 0) {
		t->kind = stderr_is_journal() ? TO_PREFIXED : TO_PLAIN;
		return (0);
	}
	if (names_socket(name, "syslog", SYSLOG_PATH, &path))
		t->kind = TO_SYSLOG;
	else if (names_socket(name, "journal", JOURNAL_PATH, &path))
		t->kind = TO_JOURNAL;
	t->fd = is_socket(t->kind) ? connect_socket(path) : open_file(path);
	if (t->fd == -1)
		return (-ERR_SYSTEM);
	if ((t->path = strdup(path)) == NULL) {
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
	log_repeat_flush(&st.repeat, 0, true, say_repeated);
	memset(&st.repeat, 0, sizeof(st.repeat));
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

	if (st.to.kind != TO_PLAIN || st.to.path == NULL)
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
	log_repeat_flush(&st.repeat, 0, true, say_repeated);
	memset(&st.repeat, 0, sizeof(st.repeat));
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
	bool news = suppressed > 0 || st.dropped > 0;
	char msg[MESSAGE_BYTES];
	int saved = errno;

	if (!log_wants(level))
		return;
	format_message(msg, sizeof(msg), fmt, ap);
	if (news || log_repeat_pass(&st.repeat, (int)level, area, msg,
	    mono_now(), say_repeated))
		write_line(level, area, msg);
	errno = saved;
}

void
log_tick(void)
{
	if (st.repeat.held > 0)
		log_repeat_flush(&st.repeat, mono_now(), false, say_repeated);
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
