/*
 * gangerd: arguments, start in order, run, end in order. Everything that can
 * refuse to start does so here, with the exit code of the contract (section
 * 1) and one line that says what is wrong.
 *
 * Diagnostics: 64 usage, 69 Redis, 71 an address or folder that can't be had,
 * 73 already running, 78 configuration.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/part.h"
#include "base/pid.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/conf.h"

#include "supervisor/beat.h"
#include "supervisor/gpu.h"
#include "supervisor/http.h"
#include "supervisor/job.h"
#include "supervisor/life.h"
#include "supervisor/notify.h"
#include "supervisor/pace.h"
#include "supervisor/pin.h"
#include "supervisor/place.h"
#include "supervisor/pool.h"
#include "supervisor/proc.h"
#include "supervisor/reload.h"
#include "supervisor/route.h"
#include "supervisor/schedule.h"
#include "supervisor/settle.h"
#include "supervisor/sup.h"

extern char **environ;

struct args {
	const char *file;       /* -c, or the default one if it exists */
	const char *pidfile;    /* -p */
	bool foreground, test, dump;
};

static void
usage(FILE *out)
{
	(void)fputs("usage: gangerd [-c FILE] [-p PIDFILE] [-FtTVh]\n"
	    "  -c FILE     configuration (default: " SYSCONFDIR
	    "/ganger/ganger.ini, if it exists)\n"
	    "  -p PIDFILE  write the process id there, and hold it locked\n"
	    "  -F          stay in the foreground\n"
	    "  -t          test the configuration, name every problem, show "
	    "where each\n              slot runs, exit\n"
	    "  -T          print the effective configuration, exit\n"
	    "  -V          print the version, exit\n", out);
}

static struct args
parse_args(int argc, char **argv)
{
	struct args a = { 0 };
	int c;

	while ((c = getopt(argc, argv, "c:p:FtTVh")) != -1) {
		switch (c) {
		case 'c': a.file = optarg; break;
		case 'p': a.pidfile = optarg; break;
		case 'F': a.foreground = true; break;
		case 't': a.test = true; break;
		case 'T': a.dump = true; break;
		case 'V':
			(void)printf("gangerd %s\n", PACKAGE_VERSION);
			exit(EX_OK);
		case 'h':
			usage(stdout);
			exit(EX_OK);
		default:
			usage(stderr);
			exit(EX_USAGE);
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "gangerd: unexpected argument %s\n",
		    argv[optind]);
		usage(stderr);
		exit(EX_USAGE);
	}
	if (a.file == NULL &&
	    access(SYSCONFDIR "/ganger/ganger.ini", F_OK) == 0)
		a.file = SYSCONFDIR "/ganger/ganger.ini";
	return (a);
}

static struct conf *
load_conf(const struct args *a)
{
	struct conf_problems problems;
	struct conf *c = NULL;

	conf_problems_init(&problems);
	if (conf_load_pidfile(a->file, a->pidfile, environ, &c,
	    &problems) != 0) {
		(void)fputs(buf_cstr(&problems.text), stderr);
		exit(EX_CONFIG);
	}
	if (schedule_check(c, &problems.text) > 0) {
		(void)fputs(buf_cstr(&problems.text), stderr);
		exit(EX_CONFIG);
	}
	conf_problems_fini(&problems);
	return (c);
}

/* Every problem of the placement is one of the configuration. */
static void
open_place(struct place *pl, const struct conf *c)
{
	struct buf problems;
	int r;

	buf_init(&problems, 1u << 20);
	if ((r = place_open(pl, c, &problems)) != 0) {
		(void)fputs(buf_cstr(&problems), stderr);
		exit(r == -ERR_CONFIG ? EX_CONFIG : EX_OSERR);
	}
	buf_fini(&problems);
}

static void
print_place(const struct place *pl)
{
	struct buf text;

	buf_init(&text, 16u << 20);
	place_text(pl, &text);
	(void)fputs(buf_cstr(&text), stdout);
	(void)printf("%s%s", pl->plan->nwarnings > 0 ? "\nwarnings:\n" : "",
	    buf_cstr(&pl->plan->warnings));
	buf_fini(&text);
}

static char *
find_child(void)
{
	const char *given = getenv("GANGER_CHILD");
	char *path = given != NULL && given[0] != '\0' ? xstrdup(given) :
	    part_path(LIBEXECDIR, "", "ganger-child");

	if (access(path, X_OK) != 0)
		life_die(EX_OSERR, "cannot run %s: %s", path, strerror(errno));
	return (path);
}

static void
make_pools(struct sup *sup)
{
	const struct conf *c = sup->conf;
	const struct plan *plan = sup->place.plan;
	struct pool *p;
	unsigned i, k, at;

	sup->nslots = plan->nslots;
	sup->slots = xcalloc(plan->nslots + 1, sizeof(struct proc *));
	sup->pace = xcalloc(c->nhandlers + 1, sizeof(*sup->pace));
	for (i = 0; i < c->npools; i++) {
		p = pool_new(sup, &c->pools[i], plan->pools[i].nslots);
		for (k = 0; k < plan->pools[i].nslots; k++) {
			at = plan->pools[i].first + k;
			sup->slots[at] = proc_new(sup, p, at,
			    &plan->slots[at]);
			p->procs[p->nprocs++] = sup->slots[at];
		}
	}
}

static void
make_run_mark(struct sup *sup)
{
	unsigned char raw[8];
	unsigned i;

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		life_die(EX_OSERR, "no randomness: %s", strerror(errno));
	for (i = 0; i < sizeof(raw); i++)
		(void)snprintf(sup->run + 2 * i, 3, "%02x", raw[i]);
}

static void
open_base(struct sup *sup)
{
	struct event_config *ec = event_config_new();

	/* without it timers are as coarse as the kernel's tick */
	(void)event_config_set_flag(ec, EVENT_BASE_FLAG_PRECISE_TIMER);
	sup->base = event_base_new_with_config(ec);
	event_config_free(ec);
	if (sup->base == NULL || sup_signals(sup) != 0)
		life_die(EX_OSERR, "cannot make the event loop: %s",
		    strerror(errno));
}

/* EX_OK, or the exit status; what was opened is left to end(). */
static int
open_sockets(struct sup *sup)
{
	const struct conf *c = sup->conf;

	sup->endpoint = str_fmt("ipc://%s", sup->berth.socket);
	if (strlen(sup->endpoint) - 6 > 107) {
		log_err("main", "run_dir %s is too long for a socket's path",
		    c->supervisor.run_dir);
		return (EX_OSERR);
	}
	if (route_open(sup, sup->endpoint, &sup->route) != 0) {
		log_err("main", "cannot bind %s: %s", sup->endpoint,
		    strerror(errno));
		return (EX_OSERR);
	}
	/* run_dir may have to let other users pass: only we may connect */
	(void)chmod(sup->endpoint + strlen("ipc://"), 0600);
	if (http_open(sup, &sup->http) != 0) {
		log_err("main", "cannot listen on %s: %s", c->http.listen,
		    strerror(errno));
		return (EX_OSERR);
	}
	if (sup->heir.waiting)
		http_pause(sup->http, true);
	return (EX_OK);
}

static void
start_slots(struct sup *sup)
{
	unsigned i;

	for (i = 0; i < sup->nslots; i++)
		slot_event(&sup->slots[i]->slot, EV_START, mono_now(),
		    WHY_NONE);
}

/* Job by job what is left at the end; Redis was told, or could not be. */
static void
drop_jobs(struct sup *sup)
{
	struct queue *q;
	struct settle *s;
	struct job *j;

	TAILQ_FOREACH(q, &sup->queues, link) {
		while ((s = TAILQ_FIRST(&q->settles)) != NULL)
			settle_drop(&s);
		while ((j = TAILQ_FIRST(&q->jobs)) != NULL) {
			if (j->stage == STAGE_READY)
				pool_drop(j->pool, j);
			if (j->proc != NULL) {
				TAILQ_REMOVE(&j->proc->jobs, j, ready);
				j->proc->njobs--;
			}
			job_free(&j);
		}
	}
}

static void
end(struct sup *sup)
{
	struct queue *q;
	struct pool *p;
	unsigned i;

	reload_drop(sup);
	beat_leave(sup);
	sup_flush(sup);
	upgrade_close(sup);
	heir_close(sup);
	http_close(&sup->http);
	/* claims and calls in flight are answered with NULL and set aside */
	sup->ready = false;
	schedule_close(sup);
	sup_disconnect_links(sup);
	drop_jobs(sup);
	gpu_close(&sup->gpus);
	cancel_free_all(sup);
	forget_save(sup);
	while ((q = TAILQ_FIRST(&sup->queues)) != NULL)
		queue_free(&q);         /* its claims name pools */
	while ((p = TAILQ_FIRST(&sup->pools)) != NULL)
		pool_free(&p);
	sup_disconnect(sup);
	route_close(&sup->route);
	(void)unlink(sup->endpoint + strlen("ipc://"));
	cage_clean();
	pin_clean();
	contain_close();
	for (i = 0; i < sup->nsig; i++)
		event_free(sup->sig[i]);
	if (sup->wake != NULL)
		event_free(sup->wake);
	event_base_free(sup->base);
	free(sup->slots);
	free(sup->endpoint);
	free(sup->child_path);
	free(sup->events);
	free(sup->pace);
	free(sup->guilty);
}

static int
serve(struct sup *sup)
{
	const char *listen = sup->conf->http.listen;
	int code;

	schedule_open(sup);
	if (!sup->heir.waiting)
		start_slots(sup);
	log_info("main", "gangerd %s worker=%s pid=%d slots=%u http=%s",
	    PACKAGE_VERSION, sup->id, (int)getpid(), sup->nslots,
	    listen[0] != '\0' ? listen : "off");
	code = sup_run(sup);
	log_info("stop", "stopped: %u finished, %u handed back, %u killed at "
	    "the end of grace, exit %d", sup->receipt_finished,
	    sup->receipt_returned, sup->receipt_killed, code);
	return (code);
}

/* The pidfile is ours: it is not another process's by now, nor still. */
static void
remove_pidfile(const struct sup *sup, const char *pidfile)
{
	if (sup->pid_fd >= 0 && !sup->heir.waiting)
		(void)unlink(pidfile);
}

static int
run(struct sup *sup, const char *pidfile)
{
	const struct conf *c = sup->conf;
	int code;

	open_base(sup);
	place_begin(&sup->place);
	if (sup->heir.sock >= 0)
		heir_begin(sup);
	make_run_mark(sup);
	pid_space(sup->pid_space, sizeof(sup->pid_space));
	sup->started_at = wall_now();
	sup->ncpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	sup->reload_ok = true;
	sup->reload_at = sup->started_at;
	sup->reload_text = xstrdup("read at start");
	sup->events = str_fmt("%s:events", c->redis.prefix);
	sup->child_path = find_child();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
	(void)berth_clear_others(c, &sup->berth);
	sup->way = contain_open(sup->berth.name, c->supervisor.run_dir,
	    (enum contain_way)c->supervisor.containment);
	if (sup->way == CONTAIN_AUTO) {
		remove_pidfile(sup, pidfile);
		sup_announce(sup, EX_CONFIG);
		exit(EX_CONFIG);
	}
	pin_clean();
	reload_limits(sup);
	if (!sup->heir.waiting)
		life_write_pid(sup->pid_fd);
	sup_connect(sup);
	sup->gpus = gpu_open(sup);
	make_pools(sup);
	forget_load(sup);
	if ((code = open_sockets(sup)) == EX_OK)
		code = serve(sup);
	sup_announce(sup, code);
	end(sup);
	berth_leave(&sup->berth);
	remove_pidfile(sup, pidfile);
	return (code);
}

/* A path as it is once we are in the root folder. */
static char *
absolute(const char *path)
{
	char cwd[4096];

	if (path[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL)
		return (xstrdup(path));
	return (str_fmt("%s/%s", cwd, path));
}

static void
absolute_variable(const char *name)
{
	const char *value = getenv(name);
	char *path;

	if (value == NULL || value[0] == '\0' || value[0] == '/')
		return;
	path = absolute(value);
	(void)setenv(name, path, 1);
	free(path);
}

/* Where to tell that we are up; -1: we stay in the foreground. */
static int
take_ground(const struct args *a, bool heir)
{
	if (a->foreground || heir)
		return (-1);
	absolute_variable("GANGER_CHILD");
	absolute_variable("GANGER_PLUGIN_DIR");
	return (life_background());
}

static void
open_log(const struct conf *c)
{
	if (log_open("gangerd", c->log.target, (enum log_format)c->log.format,
	    (enum log_level)c->log.level) != 0)
		life_die(EX_OSERR, "cannot open the log %s: %s", c->log.target,
		    strerror(errno));
}

/* As it is found again when another file has its name. */
static char *
own_program(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	return (xstrdup(path));
}

/* The pidfile's lock comes with us from the old process, if there is one. */
static int
take_pidfile(const struct conf *c, struct heir *h)
{
	const char *path = c->supervisor.pidfile;
	int fd = h->pid_fd;

	h->pid_fd = -1;
	if (fd >= 0 && life_is_file(fd, path))
		return (fd);
	fd_close(&fd);
	return (life_hold_pidfile(path));
}

static struct sup *
sup_new(const struct args *a, struct conf *c, const struct place *place)
{
	struct sup *sup = xcalloc(1, sizeof(*sup));

	sup->magic = SUP_MAGIC;
	sup->conf = sup->boot_conf = c;
	sup->place = *place;            /* takes what it owns */
	sup->conf_path = a->file != NULL ? absolute(a->file) : NULL;
	sup->pidfile_arg = a->pidfile != NULL ? absolute(a->pidfile) : NULL;
	(void)cpus_get_affinity(0, &sup->born);
	sup->foreground = a->foreground;
	sup->program = own_program();
	sup->upgrade.stderr_fd = -1;
	sup->id = c->supervisor.worker_id;
	sup->beat_again = MONO_NEVER;
	TAILQ_INIT(&sup->queues);
	TAILQ_INIT(&sup->pools);
	TAILQ_INIT(&sup->cancels);
	TAILQ_INIT(&sup->forgets);
	TAILQ_INIT(&sup->parked);
	TAILQ_INIT(&sup->left);
	return (sup);
}

static void
sup_free(struct sup *sup)
{
	if (sup->conf != sup->boot_conf)
		conf_free(&sup->conf);
	conf_free(&sup->boot_conf);
	place_close(&sup->place);
	free(sup->conf_path);
	free(sup->pidfile_arg);
	free(sup->program);
	free(sup->reload_text);
	free(sup->beat_found);
	notify_close(&sup->notify);
	free(sup);
}

int
main(int argc, char **argv)
{
	struct args a = parse_args(argc, argv);
	struct conf *c = load_conf(&a);
	struct place place;
	struct berth berth;
	struct heir heir;
	struct sup *sup;
	bool is_heir;
	int pid_fd, code;

	if (a.dump) {
		conf_dump(c, stdout);
		conf_free(&c);
		return (EX_OK);
	}
	open_place(&place, c);
	if (a.test) {
		(void)printf("%s: the configuration is good\n",
		    a.file != NULL ? a.file : "defaults");
		print_place(&place);
		place_close(&place);
		conf_free(&c);
		return (EX_OK);
	}
	(void)umask(022);
	is_heir = heir_open(&heir);
	life_make_run_dir(c);
	pid_fd = take_pidfile(c, &heir);
	life_make_dirs(c);
	berth_take(c, &berth);
	life_drop_rights(c);
	life_hide(c);
	open_log(c);
	life_check_dirs(c);
	sup = sup_new(&a, c, &place);
	sup->argv = argv;
	sup->pid_fd = pid_fd;
	sup->berth = berth;
	sup->heir = heir;
	sup->is_heir = is_heir;
	notify_open(&sup->notify);
	sup->announce_fd = take_ground(&a, is_heir);
	sup_hold_signals();
	code = run(sup, c->supervisor.pidfile);
	pid_fd = sup->pid_fd;
	sup_free(sup);
	log_close();
	fd_close(&pid_fd);
	return (code);
}
