/*
 * What the rig borrows out, waits for and starts: kept values, JSON paths,
 * files, processes.
 */
#include "config.h"

#include "tests/rig/rig.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/rig/rig_impl.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW_BUILD 1
#else
#define SLOW_BUILD 0
#endif

/* ---- kept values ---- */

static struct rig_kept *
next_kept(struct rig *r)
{
	struct rig_kept *k = &r->kept[r->nkept++ % RIG_KEEP];

	json_decref(k->json);
	if (k->reply != NULL)
		freeReplyObject(k->reply);
	free(k->text);
	memset(k, 0, sizeof(*k));
	return (k);
}

json_t *
rig_keep_json(struct rig *r, json_t *j)
{
	return (next_kept(r)->json = j);
}

redisReply *
rig_keep_reply(struct rig *r, redisReply *reply)
{
	return (next_kept(r)->reply = reply);
}

char *
rig_keep_text(struct rig *r, char *text)
{
	return (next_kept(r)->text = text);
}

void
rig_forget_all(struct rig *r)
{
	int i;

	for (i = 0; i < RIG_KEEP; i++)
		next_kept(r);
}

const char *
rig_fmt(struct rig *r, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&text, fmt, ap), 0);
	va_end(ap);
	return (rig_keep_text(r, text));
}

/* ---- JSON ---- */

json_t *
js(const json_t *o, const char *path)
{
	char word[64];
	const json_t *j = o;
	size_t n;

	while (j != NULL && *path != '\0') {
		n = strcspn(path, ".");
		ck_assert_uint_lt(n, sizeof(word));
		memcpy(word, path, n);
		word[n] = '\0';
		if (json_is_array(j))
			j = json_array_get(j, strtoul(word, NULL, 10));
		else
			j = json_object_get(j, word);
		path += n + (path[n] == '.');
	}
	return (j == NULL || json_is_null(j) ? NULL : (json_t *)(uintptr_t)j);
}

const char *
js_str(const json_t *o, const char *path)
{
	const char *s = json_string_value(js(o, path));

	return (s != NULL ? s : "");
}

long long
js_int(const json_t *o, const char *path)
{
	json_t *j = js(o, path);

	if (!json_is_number(j))
		return (-1);
	return (json_is_integer(j) ? json_integer_value(j) :
	    (long long)json_real_value(j));
}

/* ---- files ---- */

char *
rig_file_text(const char *path, size_t *np)
{
	char *text = NULL, part[4096];
	size_t n, size;
	FILE *in, *out;

	if ((in = fopen(path, "re")) == NULL)
		return (NULL);
	if ((out = open_memstream(&text, &size)) != NULL) {
		while ((n = fread(part, 1, sizeof(part), in)) > 0)
			fwrite(part, 1, n, out);
		fclose(out);
		if (np != NULL)
			*np = size;
	}
	fclose(in);
	return (text);
}

const char *
rig_slurp(struct rig *r, const char *path)
{
	char *text = rig_file_text(path, NULL);

	return (text != NULL ? rig_keep_text(r, text) : NULL);
}

bool
rig_exists(const struct rig *r, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	return (access(path, F_OK) == 0);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	return (remove(path));
}

void
rig_remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
rig_path(const char *var, const char *built_in)
{
	const char *v = getenv(var);

	return (v != NULL && *v != '\0' ? v : built_in);
}

/* ---- processes ---- */

int
rig_status_of(int wstatus)
{
	return (WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) :
	    128 + WTERMSIG(wstatus));
}

static _Noreturn void
exec_child(const char *dir, const char *const *argv, const char *const *env,
    const char *log)
{
	struct rlimit core;
	char *words[32];
	int fd, null, i, n = 0;
	char *wrap;

	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = core.rlim_max;
		setrlimit(RLIMIT_CORE, &core);
	}
	for (i = 0; env != NULL && env[i] != NULL; i++)
		putenv((char *)(uintptr_t)env[i]);
	signal(SIGPIPE, SIG_DFL);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 ||
	    dup2(fd, 2) < 0 || chdir(dir) != 0)
		_exit(127);
	/* RIG_WRAP: a tool to run gangerd under, such as valgrind. */
	if (env != NULL && (wrap = getenv("RIG_WRAP")) != NULL)
		for (wrap = strtok(wrap, " "); wrap != NULL && n < 14;
		    wrap = strtok(NULL, " "))
			words[n++] = wrap;
	for (i = 0; argv[i] != NULL; i++)
		words[n++] = (char *)(uintptr_t)argv[i];
	words[n] = NULL;
	execvp(words[0], words);
	fprintf(stderr, "could not run %s: %s\n", words[0], strerror(errno));
	_exit(127);
}

pid_t
rig_spawn(struct rig *r, const char *const *argv, const char *const *env,
    const char *log)
{
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		exec_child(r->dir, argv, env, log);
	return (pid);
}

void
rig_kill(pid_t pid, int sig)
{
	ck_assert_int_gt(pid, 1);
	ck_assert_msg(kill(pid, sig) == 0, "could not send signal %d to %d: "
	    "%s", sig, (int)pid, strerror(errno));
}

static bool
holds(const char *text, size_t n, const char *dir)
{
	return (text != NULL && memmem(text, n, dir, strlen(dir)) != NULL);
}

static bool
file_holds(pid_t pid, const char *file, const char *dir)
{
	char path[64], *text;
	size_t n = 0;
	bool yes;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	text = rig_file_text(path, &n);
	yes = holds(text, n, dir);
	free(text);
	return (yes);
}

static bool
lives_in(pid_t pid, const char *dir)
{
	char path[64], cwd[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	n = readlink(path, cwd, sizeof(cwd));
	return (n > 0 && holds(cwd, (size_t)n, dir));
}

bool
rig_alive(pid_t pid)
{
	char path[64], *text, *state;
	bool yes = false;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((text = rig_file_text(path, NULL)) != NULL &&
	    (state = strrchr(text, ')')) != NULL)
		yes = state[2] != 'Z' && state[2] != 'X';
	free(text);
	return (yes);
}

int
rig_belonging(const char *dir, pid_t *pids, int max)
{
	struct dirent *e;
	pid_t pid;
	DIR *proc;
	int n = 0;

	/* No assertion here: rig_main calls this outside of any test. */
	if ((proc = opendir("/proc")) == NULL)
		return (-1);
	while ((e = readdir(proc)) != NULL) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid == getpid() || !(file_holds(pid, "environ", dir) ||
		    file_holds(pid, "cmdline", dir) || lives_in(pid, dir)) ||
		    !rig_alive(pid))
			continue;
		if (n < max)
			pids[n] = pid;
		n++;
	}
	closedir(proc);
	return (n);
}

int
rig_processes(const struct rig *r, pid_t *pids, int max)
{
	pid_t all[64];
	int i, n, out = 0;

	n = rig_belonging(r->dir, all, 64);
	ck_assert(n >= 0 && n <= 64);
	for (i = 0; i < n; i++) {
		if (all[i] == r->redis)
			continue;
		if (out < max)
			pids[out] = all[i];
		out++;
	}
	return (out);
}

/* ---- waiting ---- */

double
rig_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

double
rig_limit(void)
{
	const char *text = getenv("RIG_LIMIT");

	if (text != NULL && atof(text) > 0)
		return (atof(text));
	return (SLOW_BUILD ? 60.0 : 10.0);
}

bool
rig_fast(void)
{
	double load = 0;

	(void)getloadavg(&load, 1);
	return (rig_limit() <= 10.0 &&
	    load <= 2.0 * (double)sysconf(_SC_NPROCESSORS_ONLN));
}

void
rig_wait_begin(struct rig_wait *w, double limit)
{
	w->end = rig_now() + limit;
}

void
rig_wait_step(struct rig *r, struct rig_wait *w, const char *what,
    const char *file, int line)
{
	struct timespec ts = { .tv_nsec = 2000000 };

	if (rig_now() >= w->end)
		ck_abort_msg("%s:%d: gave up waiting for: %s", file, line,
		    what);
	nanosleep(&ts, NULL);
}
