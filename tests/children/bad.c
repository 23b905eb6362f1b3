/*
 * A command that misbehaves as its argument says. Whatever it does, the
 * supervisor must get rid of it, of all that it started, and go on.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Long enough for any test; what a failed one loses goes some time. */
#define LIFE 600

static void
wait_for_ever(void)
{
	(void)sleep(LIFE);
	_exit(0);
}

/* All that can be blocked, and what can't is ignored where it can be. */
static void
block_all(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	wait_for_ever();
}

static void
ignore_term(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	wait_for_ever();
}

/* A daemon in the old style: its parent gone, in a session of its own. */
static void
daemonize(void)
{
	if (fork() != 0)
		return;
	(void)setsid();
	if (fork() != 0)
		_exit(0);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	wait_for_ever();
}

static void
daemonize_and_wait(void)
{
	daemonize();
	wait_for_ever();
}

/*
 * Never there when one looks: each one starts the next and leaves. It ends by
 * itself after a minute, because a test that is killed leaves nobody to end it.
 */
static void
run_away(void)
{
	time_t end = time(NULL) + LIFE / 10;

	(void)signal(SIGTERM, SIG_IGN);
	if (fork() != 0)
		wait_for_ever();
	while (time(NULL) < end) {
		(void)setsid();
		(void)usleep(1000);
		if (fork() > 0)
			_exit(0);
	}
}

static void
breed(void)
{
	int i;

	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	for (i = 0; i < 6; i++)
		(void)fork();
	wait_for_ever();
}

static void
stop_itself(void)
{
	(void)raise(SIGSTOP);
	wait_for_ever();
}

/* Into groups of its own below those that hold it, where it may. */
static void
nest(void)
{
	static const char *const trees[][2] = {
		{ "0::", "/sys/fs/cgroup/unified" }, { "0::", "/sys/fs/cgroup" },
		{ ":freezer:", "/sys/fs/cgroup/freezer" } };
	char line[1024], dir[2048], path[2100];
	const char *at;
	FILE *f, *g;
	size_t i;

	for (i = 0; (f = fopen("/proc/self/cgroup", "re")) != NULL &&
	    i < sizeof(trees) / sizeof(trees[0]); i++) {
		while (fgets(line, sizeof(line), f) != NULL) {
			line[strcspn(line, "\n")] = '\0';
			if ((at = strstr(line, trees[i][0])) == NULL ||
			    strstr(at, "/ganger-") == NULL)
				continue;
			(void)snprintf(dir, sizeof(dir), "%s%s/own",
			    trees[i][1], at + strlen(trees[i][0]));
			(void)snprintf(path, sizeof(path), "%s/cgroup.procs",
			    dir);
			if (mkdir(dir, 0700) == 0 &&
			    (g = fopen(path, "we")) != NULL) {
				(void)fputs("0", g);
				(void)fclose(g);
			}
		}
		(void)fclose(f);
	}
	ignore_term();
}

static void
flood(void)
{
	static char line[8192];
	long long left = 1LL << 30;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	while (left > 0 && write(1, line, sizeof(line)) > 0)
		left -= (long long)sizeof(line);
}

static void
say_nothing(void)
{
}

static const struct {
	const char *name;
	void (*func)(void);
} modes[] = {
	{ "block", block_all },
	{ "ignore", ignore_term },
	{ "daemon", daemonize_and_wait },
	{ "leave", daemonize },
	{ "runaway", run_away },
	{ "breed", breed },
	{ "stop", stop_itself },
	{ "nest", nest },
	{ "flood", flood },
	{ "nothing", say_nothing },
};

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, argv[1]) == 0) {
			modes[i].func();
			return (0);
		}
	fprintf(stderr, "bad: no such way to misbehave\n");
	return (64);
}
