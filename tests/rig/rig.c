/*
 * The rig's life: folders, configuration files, daemons, and the reckoning at
 * the end. See rig.h.
 */
#include "config.h"

#include "tests/rig/rig.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/rig/rig_impl.h"

char rig_program_dir[64];

struct rig *
rig_new(unsigned flags)
{
	struct rig *r;

	ck_assert_ptr_nonnull(r = calloc(1, sizeof(*r)));
	r->magic = RIG_MAGIC;
	r->flags = flags;
	snprintf(r->dir, sizeof(r->dir), "%s/XXXXXX", rig_program_dir);
	ck_assert_ptr_nonnull(mkdtemp(r->dir));
	snprintf(r->sock, sizeof(r->sock), "%s/redis.sock", r->dir);
	if (!(flags & RIG_NO_REDIS))
		rig_redis_start(r);
	return (r);
}

struct rig *
rig_start(const char *ini)
{
	struct rig *r;

	r = rig_new(0);
	rig_daemon_start(r, rig_daemon(r, "w1", ini));
	return (r);
}

const char *
rig_dir(const struct rig *r)
{
	return (r->dir);
}

const char *
rig_socket(const struct rig *r)
{
	return (r->sock);
}

int
rig_free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return (ntohs(a.sin_port));
}

/* Gives text with @DIR@, @SRC@ and @BIN@ replaced. */
static char *
expand(const struct rig *r, const char *text)
{
	const struct {
		const char *name, *value;
	} words[] = {
		{ "@DIR@", r->dir },
		{ "@SRC@", rig_path("RIG_CHILDREN_SRC", RIG_CHILDREN_SRC) },
		{ "@BIN@", rig_path("RIG_CHILDREN_BIN", RIG_CHILDREN_BIN) },
	};
	char *out;
	size_t n, i;
	FILE *f;

	ck_assert_ptr_nonnull(f = open_memstream(&out, &n));
	while (*text != '\0') {
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strncmp(text, words[i].name, 5) == 0)
				break;
		if (i < sizeof(words) / sizeof(words[0])) {
			fputs(words[i].value, f);
			text += 5;
		} else
			fputc(*text++, f);
	}
	ck_assert_int_eq(fclose(f), 0);
	return (out);
}

/* What ini says, with our address in its [http], which may be absent. */
static void
put_ini(FILE *f, const struct rig *r, const struct rig_daemon *d)
{
	const char *http = strstr(d->ini, "[http]\n");
	const char *rest = http == NULL ? "" : http + strlen("[http]\n");
	size_t n = http == NULL ? strlen(d->ini) : (size_t)(http - d->ini);

	fprintf(f, "%.*s\n", (int)n, d->ini);
	if (d->redis != NULL)
		fprintf(f, "[redis]\nurl = %s\n[http]\n", d->redis);
	else
		fprintf(f, "[redis]\nurl = unix:%s\n[http]\n", r->sock);
	if (d->listen != NULL)
		fprintf(f, "listen = %s\n%s", d->listen, rest);
	else
		fprintf(f, "listen = 127.0.0.1:%d\n%s", d->port, rest);
}

static void
write_config(const struct rig *r, struct rig_daemon *d)
{
	char *file;
	FILE *f;

	/* at once, in case the daemon reads it this moment */
	ck_assert_int_gt(asprintf(&file, "%s.new", d->file), 0);
	ck_assert_ptr_nonnull(f = fopen(file, "w"));
	fprintf(f, "[supervisor]\nworker_id = %s\nrun_dir = %s/run\n"
	    "state_dir = %s/state\n", d->id, d->dir, d->dir);
	put_ini(f, r, d);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(file, 0600), 0);
	ck_assert_int_eq(rename(file, d->file), 0);
	free(file);
}

int
rig_daemon(struct rig *r, const char *id, const char *ini)
{
	struct rig_daemon *d;

	ck_assert_int_lt(r->ndaemons, RIG_DAEMONS);
	d = &r->d[r->ndaemons];
	ck_assert_ptr_nonnull(d->id = strdup(id));
	ck_assert_int_gt(asprintf(&d->dir, "%s/d%d", r->dir, r->ndaemons), 0);
	ck_assert_int_gt(asprintf(&d->file, "%s/ganger.ini", d->dir), 0);
	ck_assert_int_eq(mkdir(d->dir, 0700), 0);
	d->ini = expand(r, ini);
	rig_note_daemon(id, rig_fmt(r, "%s/run", d->dir));
	d->port = rig_free_port();
	write_config(r, d);
	return (r->ndaemons++);
}

void
rig_daemon_config(struct rig *r, int i, const char *ini)
{
	struct rig_daemon *d = &r->d[i];

	free(d->ini);
	d->ini = expand(r, ini);
	write_config(r, d);
}

void
rig_daemon_listen(struct rig *r, int i, const char *listen, int port)
{
	free(r->d[i].listen);
	ck_assert_ptr_nonnull(r->d[i].listen = strdup(listen));
	if (port != 0)
		r->d[i].port = port;
}

void
rig_daemon_redis(struct rig *r, int i, const char *url)
{
	free(r->d[i].redis);
	ck_assert_ptr_nonnull(r->d[i].redis = strdup(url));
}

void
rig_setenv(struct rig *r, const char *name, const char *value)
{
	ck_assert_int_lt(r->nenv, RIG_ENV_MAX);
	ck_assert_int_gt(asprintf(&r->env[r->nenv++], "%s=%s", name, value),
	    0);
}

/* Fills env with what gangerd gets on top; the last word is NULL. */
static void
daemon_env(struct rig *r, const char **env)
{
	const char *asan = getenv("ASAN_OPTIONS");
	int i;

	for (i = 0; i < r->nenv; i++)
		env[i] = r->env[i];
	env[i++] = rig_fmt(r, RIG_MARK "=%s", r->dir);
	env[i++] = rig_fmt(r, "GANGER_CHILD=%s", rig_path("GANGER_CHILD",
	    RIG_CHILD));
	env[i++] = rig_fmt(r, "GANGER_PLUGIN_DIR=%s",
	    rig_path("GANGER_PLUGIN_DIR", RIG_PLUGIN_DIR));
	env[i++] = rig_fmt(r, "ASAN_OPTIONS=%s:log_path=%s/san",
	    asan != NULL ? asan : "", r->dir);
	env[i++] = rig_fmt(r, "UBSAN_OPTIONS=print_stacktrace=1:"
	    "log_path=%s/san", r->dir);
	env[i] = NULL;
}

void
rig_daemon_spawn(struct rig *r, int i)
{
	struct rig_daemon *d = &r->d[i];
	const char *env[RIG_ENV_MAX + 6];
	const char *argv[] = { rig_path("GANGERD", RIG_GANGERD), "-F", "-c",
	    d->file, NULL };

	ck_assert_int_lt(i, r->ndaemons);
	ck_assert_int_eq(d->pid, 0);
	daemon_env(r, env);
	d->pid = rig_spawn(r, argv, env, rig_fmt(r, "%s/log", d->dir));
}

int
rig_gangerd(struct rig *r, const char **outp, const char *const *args)
{
	const char *env[RIG_ENV_MAX + 6];
	const char *argv[16] = { rig_path("GANGERD", RIG_GANGERD) };
	const char *log = rig_fmt(r, "%s/gangerd.out", r->dir);
	int i, wstatus;
	pid_t pid;

	for (i = 0; args[i] != NULL; i++) {
		ck_assert_int_lt(i, 14);
		argv[i + 1] = args[i];
	}
	daemon_env(r, env);
	unlink(log);
	pid = rig_spawn(r, argv, env, log);
	rig_until(r, waitpid(pid, &wstatus, WNOHANG) == pid);
	if (outp != NULL)
		ck_assert_ptr_nonnull(*outp = rig_slurp(r, log));
	return (rig_status_of(wstatus));
}

bool
rig_daemon_gone(struct rig *r, int i)
{
	struct rig_daemon *d = &r->d[i];
	int wstatus;

	if (d->pid != 0 && waitpid(d->pid, &wstatus, WNOHANG) == d->pid) {
		d->pid = 0;
		d->status = rig_status_of(wstatus);
	}
	return (d->pid == 0);
}

int
rig_daemon_wait(struct rig *r, int i)
{
	rig_until(r, rig_daemon_gone(r, i));
	return (r->d[i].status);
}

/* Ready, or dead of the port that somebody else took meanwhile: then again. */
static bool
came_up(struct rig *r, int i)
{
	if (!rig_daemon_gone(r, i))
		return (rig_http(r, i, "/readyz", NULL) == 200);
	ck_assert_msg(r->d[i].status == 71, "gangerd %s ended at its start "
	    "with status %d", r->d[i].id, r->d[i].status);
	r->d[i].port = rig_free_port();
	write_config(r, &r->d[i]);
	rig_daemon_spawn(r, i);
	return (false);
}

void
rig_daemon_start(struct rig *r, int i)
{
	rig_daemon_spawn(r, i);
	rig_until(r, came_up(r, i));
}

/* Ready (true), or ended because there is no such containment here. */
static bool
is_held(struct rig *r)
{
	rig_daemon_spawn(r, 0);
	rig_until(r, rig_daemon_gone(r, 0) ||
	    rig_http(r, 0, "/readyz", NULL) == 200);
	if (!rig_daemon_gone(r, 0))
		return (true);
	if (r->d[0].status == 78)
		return (false);
	rig_until(r, came_up(r, 0));    /* the port was taken */
	return (true);
}

struct rig *
rig_start_held(const char *way, const char *ini)
{
	struct rig *r = rig_new(0);

	rig_daemon(r, "w1", rig_fmt(r, "containment = %s\n%s", way, ini));
	if (is_held(r)) {
		ck_assert_str_eq(js_str(rig_status(r, 0), "containment"), way);
		return (r);
	}
	ck_assert_ptr_nonnull(strstr(rig_slurp(r, rig_fmt(r, "%s/d0/log",
	    r->dir)), "can't be had"));
	rig_skip(rig_fmt(r, "this host has no %s for us", way));
	rig_stop(&r);
	return (NULL);
}

pid_t
rig_daemon_pid(const struct rig *r, int i)
{
	ck_assert_int_ne(r->d[i].pid, 0);
	return (r->d[i].pid);
}

int
rig_daemon_port(const struct rig *r, int i)
{
	return (r->d[i].port);
}

const char *
rig_daemon_file(const struct rig *r, int i)
{
	return (r->d[i].file);
}

/* What the daemon itself calls impossible must not have happened. */
static void
check_counters(struct rig *r, int i)
{
	json_t *w;

	if (rig_http(r, i, "/healthz", NULL) != 200)
		return;
	w = rig_status(r, i);
	ck_assert_int_eq(js_int(w, "counters.bugs"), 0);
	ck_assert_int_eq(js_int(w, "counters.frames_bad"), 0);
}

void
rig_daemon_end(struct rig *r, int i)
{
	int status;

	check_counters(r, i);
	rig_kill(rig_daemon_pid(r, i), SIGTERM);
	status = rig_daemon_wait(r, i);
	ck_assert_msg(status == 0, "gangerd %s ended with status %d after "
	    "TERM", r->d[i].id, status);
}

static void
check_processes(struct rig *r)
{
	const char *cmd;
	pid_t pids[8];

	if (rig_processes(r, pids, 8) == 0)
		return;
	cmd = rig_slurp(r, rig_fmt(r, "/proc/%d/cmdline", (int)pids[0]));
	ck_abort_msg("process %d (%s) is left after the daemon's end",
	    (int)pids[0], cmd != NULL ? cmd : "?");
}

/* Cores and sanitizer reports lie in the rig's folder itself. */
static void
check_reports(const struct rig *r)
{
	struct dirent *e;
	DIR *dir;

	ck_assert_ptr_nonnull(dir = opendir(r->dir));
	while ((e = readdir(dir)) != NULL) {
		ck_assert_msg(strncmp(e->d_name, "san.", 4) != 0,
		    "a sanitizer reported into %s", e->d_name);
		ck_assert_msg((r->flags & RIG_CORES) ||
		    strncmp(e->d_name, "core", 4) != 0,
		    "a process of the daemon dumped core: %s", e->d_name);
	}
	closedir(dir);
}

static char left_over[256];     /* first thing that nftw found */

static int
find_left_over(const char *path, const struct stat *st, int type,
    struct FTW *w)
{
	if (w->level == 0 || left_over[0] != '\0')
		return (0);
	if (!S_ISDIR(st->st_mode))
		snprintf(left_over, sizeof(left_over), "%s", path);
	return (0);
}

/* No socket, pidfile, private folder's content outlives the daemon. */
static void
check_files(struct rig *r)
{
	int i;

	for (i = 0; i < r->ndaemons; i++) {
		left_over[0] = '\0';
		nftw(rig_fmt(r, "%s/run", r->d[i].dir), find_left_over, 8,
		    FTW_PHYS);
		ck_assert_msg(left_over[0] == '\0',
		    "%s is left after the daemon's end", left_over);
	}
}

static void
free_rig(struct rig *r)
{
	int i;

	rig_forget_all(r);
	for (i = 0; i < r->ndaemons; i++) {
		free(r->d[i].id);
		free(r->d[i].dir);
		free(r->d[i].file);
		free(r->d[i].ini);
		free(r->d[i].listen);
		free(r->d[i].redis);
	}
	for (i = 0; i < r->nenv; i++)
		free(r->env[i]);
	r->magic = 0;
	free(r);
}

void
rig_stop(struct rig **rp)
{
	struct rig *r = *rp;
	int i;

	ck_assert(r != NULL && r->magic == RIG_MAGIC);
	*rp = NULL;
	for (i = 0; i < r->ndaemons; i++)
		if (r->d[i].pid != 0)
			rig_daemon_end(r, i);
	check_processes(r);
	if (r->redis != 0) {
		ck_assert_msg(rig_leased(r) == 0, "%lld leases are left",
		    rig_leased(r));
		rig_redis_stop(r);
	}
	check_files(r);
	check_reports(r);
	rig_remove_tree(r->dir);
	free_rig(r);
}
