/* Fail points. See failpoint.h; empty in a normal build. */
#include "config.h"

#include "base/failpoint.h"

#ifdef GANGER_FAILPOINTS

#include <sys/stat.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/obj.h"

#define SPEC_MAX 4096
#define EXIT_CODE 70
#define PAUSE_MAX 60000 /* ms; the driver may have died */

static const char *const names[FP_N] = {
#define X(id, name, text) [FP_##id] = name,
	FAILPOINTS(X)
#undef X
};

/* What is armed; text is empty for points that are not. */
static struct {
	unsigned long left;     /* hits until it acts; 0: never */
	char action[256];
} armed[FP_N];
static bool marked[FP_N];
static struct stat seen;        /* of the file when it was read */
static bool started;

static void
arm(char *entry)
{
	char *count = strchr(entry, ':'), *action;
	unsigned i;

	if (count == NULL || (action = strchr(count + 1, ':')) == NULL)
		return;
	*count++ = '\0';
	*action++ = '\0';
	for (i = 0; i < FP_N; i++)
		if (strcmp(names[i], entry) == 0) {
			armed[i].left = strtoul(count, NULL, 10);
			(void)snprintf(armed[i].action,
			    sizeof(armed[i].action), "%s", action);
		}
}

static void
arm_all(char *text)
{
	char *entry, *save = NULL;

	memset(armed, 0, sizeof(armed));
	for (entry = strtok_r(text, ";\n", &save); entry != NULL;
	    entry = strtok_r(NULL, ";\n", &save))
		arm(entry);
}

static void
read_file(const char *path)
{
	char text[SPEC_MAX] = "";
	struct stat st;
	ssize_t n;
	int fd;

	if (stat(path, &st) != 0) {
		/* somebody acted on it, or it was withdrawn */
		memset(armed, 0, sizeof(armed));
		memset(&seen, 0, sizeof(seen));
		return;
	}
	if (st.st_ino == seen.st_ino && st.st_size == seen.st_size &&
	    st.st_mtim.tv_sec == seen.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == seen.st_mtim.tv_nsec)
		return;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return;
	seen = st;
	arm_all(text);
}

static void
signal_children(int sig)
{
	char path[64], text[4096], *p, *save = NULL;
	ssize_t n;
	long pid;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
	    (int)getpid());
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (p = strtok_r(text, " ", &save); p != NULL;
	    p = strtok_r(NULL, " ", &save))
		if ((pid = strtol(p, NULL, 10)) > 0)
			(void)kill((pid_t)pid, sig);
}

static void
pause_at(enum failpoint fp, const char *path)
{
	const struct timespec ms = { 0, 1000000 };
	char text[128];
	int fd, n, i;

	n = snprintf(text, sizeof(text), "%s %d\n", names[fp], (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, text, (size_t)n) != n)
		(void)unlink(path);
	(void)close(fd);
	for (i = 0; i < PAUSE_MAX && access(path, F_OK) == 0; i++)
		(void)nanosleep(&ms, NULL);
}

static void
act(enum failpoint fp, const char *action)
{
	if (strcmp(action, "kill") == 0)
		(void)kill(getpid(), SIGKILL);
	else if (strcmp(action, "stop") == 0)
		(void)kill(getpid(), SIGSTOP);
	else if (strcmp(action, "exit") == 0)
		_exit(EXIT_CODE);
	else if (strcmp(action, "kill-parent") == 0)
		(void)kill(getppid(), SIGKILL);
	else if (strcmp(action, "kill-child") == 0)
		signal_children(SIGKILL);
	else if (strncmp(action, "pause=", 6) == 0)
		pause_at(fp, action + 6);
}

void
failpoint_hit(enum failpoint fp)
{
	const char *file = getenv("GANGER_FAILPOINT_FILE"), *spec;
	char text[SPEC_MAX];

	ASSERT(fp < FP_N);
	if (file != NULL)
		read_file(file);
	else if (!started) {
		started = true;
		spec = getenv("GANGER_FAILPOINT");
		(void)snprintf(text, sizeof(text), "%s",
		    spec != NULL ? spec : "");
		arm_all(text);
	}
	if (armed[fp].left == 0 || --armed[fp].left > 0)
		return;
	if (file == NULL || unlink(file) == 0)
		act(fp, armed[fp].action);
}

void
failpoint_mark(enum failpoint fp)
{
	marked[fp] = true;
}

void
failpoint_marked(void)
{
	unsigned i;

	for (i = 0; i < FP_N; i++)
		if (marked[i]) {
			marked[i] = false;
			failpoint_hit((enum failpoint)i);
		}
}

#endif
