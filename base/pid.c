/*
 * What the kernel says of a process in /proc/PID/stat. kill(pid, 0) is no
 * answer to "does it live": it succeeds for a zombie, and for a killed
 * process that still gives its memory back. Without /proc it has to do.
 */
#include "config.h"

#include "base/pid.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define EXITING 0x4u            /* PF_EXITING of the kernel's task flags */

static enum pid_life
ask_kill(pid_t pid)
{
	return (kill(pid, 0) != 0 && errno == ESRCH ? PID_GONE : PID_ALIVE);
}

enum pid_life
pid_life(pid_t pid)
{
	char path[48], text[512], state;
	const char *after;
	unsigned flags;
	ssize_t n;
	int fd;

	if (pid <= 0)
		return (PID_GONE);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return (ask_kill(pid));
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return (ask_kill(pid));
	text[n] = '\0';
	/* the name in brackets may hold brackets and blanks */
	if ((after = strrchr(text, ')')) == NULL || sscanf(after + 1,
	    " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		return (ask_kill(pid));
	if (strchr("ZXx", state) != NULL)
		return (PID_GONE);
	return ((flags & EXITING) != 0 ? PID_ENDING : PID_ALIVE);
}

void
pid_space(char *text, size_t size)
{
	char boot[40] = "";
	struct stat st;
	ssize_t n = -1;
	int fd;

	text[0] = '\0';
	if (stat("/proc/self/ns/pid", &st) != 0)
		return;
	if ((fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC)) >= 0) {
		n = read(fd, boot, sizeof(boot) - 1);
		(void)close(fd);
	}
	if (n <= 0)
		return;
	boot[strcspn(boot, "\n")] = '\0';
	(void)snprintf(text, size, "%s:%llu", boot,
	    (unsigned long long)st.st_ino);
}
