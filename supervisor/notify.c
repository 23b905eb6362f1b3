/* Talking to the service manager. See notify.h. */
#include "config.h"

#include "supervisor/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

#include "supervisor/status.h"
#include "supervisor/sup.h"

#define STATUS_EVERY (1 * DUR_S)
#define MESSAGE_BYTES 256

/* A path, or a name of the abstract kind, written with @. */
static int
connect_to(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(name);
	int fd;

	if (n >= sizeof(sun.sun_path) || (name[0] != '/' && name[0] != '@'))
		return (-1);
	memcpy(sun.sun_path, name, n);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) != 0)
		fd_close(&fd);
	return (fd);
}

/* A whole number above 0 of the environment, else 0. */
static uint64_t
number_of(const char *name)
{
	const char *text = getenv(name);
	unsigned long long v;
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return (0);
	errno = 0;
	v = strtoull(text, &end, 10);
	return (errno != 0 || *end != '\0' ? 0 : (uint64_t)v);
}

void
notify_open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");
	uint64_t usec = number_of("WATCHDOG_USEC");
	uint64_t pid = number_of("WATCHDOG_PID");

	*n = (struct notify){ .fd = -1, .due = MONO_NEVER };
	if (name == NULL)
		return;
	if ((n->fd = connect_to(name)) < 0) {
		log_warn("notify", "cannot reach the service manager at %s: "
		    "%s", name, strerror(errno));
		return;
	}
	/* twice as often as it must be, as sd_watchdog_enabled(3) advises */
	if (usec > 0 && usec < INT64_MAX / DUR_US &&
	    (pid == 0 || pid == (uint64_t)getpid()))
		n->watchdog = (dur_t)usec * DUR_US / 2;
}

void
notify_close(struct notify *n)
{
	fd_close(&n->fd);
}

__attribute__((format(printf, 2, 3))) static void
tell(const struct notify *n, const char *fmt, ...)
{
	char text[MESSAGE_BYTES];
	va_list ap;
	int len;

	if (n->fd < 0)
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len > 0 && (size_t)len < sizeof(text))
		(void)send(n->fd, text, (size_t)len, MSG_NOSIGNAL);
}

static void
put_status(const struct sup *sup, char *text, size_t size)
{
	const char *why = sup_unready(sup);

	(void)snprintf(text, size, "%s: %u job(s) at work, %u slot(s) idle%s%s",
	    status_mode(sup), status_active(sup), status_available(sup),
	    why != NULL ? ", " : "", why != NULL ? why : "");
}

void
notify_ready(struct sup *sup)
{
	struct notify *n = &sup->notify;

	if (n->fd < 0)
		return;
	put_status(sup, n->status, sizeof(n->status));
	/* the pid, because whoever went to the background has another one */
	tell(n, "READY=1\nMAINPID=%d\nSTATUS=%s", (int)getpid(), n->status);
	n->ready = true;
	n->due = n->watchdog > 0 ? mono_now() : MONO_NEVER;
}

/* systemd compares with its own CLOCK_MONOTONIC, whatever ours is. */
void
notify_reloading(struct sup *sup)
{
	struct timespec ts;

	if (sup->notify.fd < 0)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	tell(&sup->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64
	    "\nSTATUS=reading the configuration",
	    (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

void
notify_stopping(struct sup *sup, dur_t patience)
{
	tell(&sup->notify, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64
	    "\nSTATUS=stopping: %u job(s) may end", patience / DUR_US,
	    sup->njobs);
}

void
notify_hand_over(struct sup *sup, pid_t pid)
{
	tell(&sup->notify, "MAINPID=%d\nSTATUS=handed over to process %d",
	    (int)pid, (int)pid);
	notify_close(&sup->notify);
}

static void
tell_status(struct sup *sup)
{
	struct notify *n = &sup->notify;
	char text[sizeof(n->status)];

	put_status(sup, text, sizeof(text));
	if (strcmp(text, n->status) == 0)
		return;
	memcpy(n->status, text, sizeof(text));
	tell(n, "STATUS=%s", text);
}

void
notify_phase(struct sup *sup)
{
	struct notify *n = &sup->notify;
	mono_t now;

	if (n->fd < 0 || !n->ready)
		return;
	now = mono_now();
	if (now >= n->status_at) {
		n->status_at = mono_add(now, STATUS_EVERY);
		tell_status(sup);
	}
	if (now >= n->due) {
		tell(n, "WATCHDOG=1");
		n->due = mono_add(now, n->watchdog);
	}
	if (n->due != MONO_NEVER)
		sup_wake_at(sup, n->due);
}
