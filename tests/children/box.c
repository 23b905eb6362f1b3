/*
 * What a job may do, tried one thing after the other, for the tests of the
 * sandbox. The result is an object: 0 where it went well, else the errno.
 * $OUTSIDE names a folder that is none of the job's, with a file "given".
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *out;

static const char *
var(const char *name)
{
	const char *v = getenv(name);

	return (v != NULL ? v : "/nonexistent");
}

static void
say(const char *name, int r)
{
	fprintf(out, "\"%s\": %d, ", name, r == -1 ? errno : 0);
}

static int
make_file(const char *dir)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/box.%d", dir, (int)getpid());
	if ((fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0)
		return (-1);
	close(fd);
	return (unlink(path));
}

static int
move_file(const char *from, const char *to)
{
	char a[4096], b[4096];
	int fd;

	snprintf(a, sizeof(a), "%s/moved", from);
	snprintf(b, sizeof(b), "%s/moved", to);
	if ((fd = open(a, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0)
		return (-1);
	close(fd);
	return (rename(a, b));
}

static int
open_given(int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/given", var("OUTSIDE"));
	if ((fd = open(path, flags | O_CLOEXEC)) >= 0)
		close(fd);
	return (fd < 0 ? -1 : 0);
}

static int
open_one(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return (fd < 0 ? -1 : 0);
}

static int
open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return (fd < 0 ? -1 : 0);
}

static void *
nothing(void *arg)
{
	return (arg);
}

static int
run_thread(void)
{
	pthread_t t;

	errno = pthread_create(&t, NULL, nothing, NULL);
	if (errno != 0)
		return (-1);
	pthread_join(t, NULL);
	return (0);
}

static int
run_program(void)
{
	int status;
	pid_t pid;

	if ((pid = fork()) == 0) {
		execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
		_exit(1);
	}
	return (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ?
	    0 : -1);
}

static long
clone_into_namespace(void)
{
	long pid = syscall(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), 0, 0,
	    0, 0);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return (pid < 0 ? -1 : 0);
}

static void
try_files(void)
{
	say("work", make_file(var("GANGER_WORKDIR")));
	say("output", make_file(var("GANGER_OUTPUT_DIR")));
	say("checkpoint", make_file(var("GANGER_CHECKPOINT_DIR")));
	say("move", move_file(var("GANGER_WORKDIR"),
	    var("GANGER_OUTPUT_DIR")));
	say("tmp", make_file("/tmp"));
	say("shm", make_file("/dev/shm"));
	say("outside", make_file(var("OUTSIDE")));
	say("model", make_file(var("GANGER_MODEL_DIR")));
	say("read", open_given(O_RDONLY));
	say("write", open_given(O_WRONLY));
	say("truncate", open_given(O_WRONLY | O_TRUNC));
	say("null", open_one("/dev/null", O_RDWR));
}

static void
try_calls(void)
{
	say("unix", open_socket(AF_UNIX));
	say("inet", open_socket(AF_INET));
	say("inet6", open_socket(AF_INET6));
	say("netlink", open_socket(AF_NETLINK));
	/* none of these does anything where it is allowed */
	say("mount", mount("none", "/nonexistent/folder", "none", 0, NULL));
	say("ptrace", (int)ptrace(PTRACE_CONT, 0, 0, 0));
	say("bpf", (int)syscall(SYS_bpf, 0, NULL, 0));
	say("keyctl", (int)syscall(SYS_keyctl, 0, -3, 0));
	say("clone", (int)clone_into_namespace());
	say("unshare", unshare(0));
	say("thread", run_thread());
	say("program", run_program());
}

static int
no_new_privs(void)
{
	char line[128];
	FILE *f = fopen("/proc/self/status", "r");
	int v = -1;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "NoNewPrivs: %d", &v) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return (v);
}

int
main(void)
{
	gid_t groups[64];
	int i, n = getgroups(64, groups);
	mode_t mask = umask(0);

	umask(mask);
	if ((out = fopen(var("GANGER_RESULT"), "w")) == NULL)
		return (1);
	fprintf(out, "{");
	try_files();
	try_calls();
	fprintf(out, "\"privs\": %d, \"umask\": %d, \"uid\": %d, \"gid\": %d, "
	    "\"groups\": [", no_new_privs(), (int)mask, (int)getuid(),
	    (int)getgid());
	for (i = 0; i < n; i++)
		fprintf(out, "%s%d", i > 0 ? ", " : "", (int)groups[i]);
	fprintf(out, "]}");
	return (fclose(out) != 0);
}
