/*
 * A storm of reloads: HUP after HUP at random intervals under a load of mixed
 * jobs (plugin, command, runner; short and longer), every tenth with a broken
 * file. No job may fail, be lost or be charged; every reload must show in the
 * status; descriptors and memory must be back at the end.
 *
 * RELOAD_HUPS in the environment says how many (100), RELOAD_SEED which ones.
 * Figures go to stdout.
 */
#include "config.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define EXTRA "ai:extra:queue"
#define JOBS_MAX 20000
#define WAITING_MAX 16          /* jobs; more are not pushed before */

/* What a file of the storm says; the daemon must come to match it. */
struct shape {
	unsigned p, q;          /* slots of the pools; q 0: there is none */
	bool extra;             /* [handler extra] */
	bool turned;            /* handlers in another order */
	bool schedule;
	unsigned timeout;       /* s */
	unsigned nice;
	unsigned log;           /* index of levels */
	bool file;              /* the log goes to a file of its own */
	bool linked;            /* Redis by another name: other connections */
};

struct storm {
	struct rig *r;
	unsigned seed;
	struct shape now;
	unsigned jobs, on_extra;
	unsigned good, bad, folded;
	double longest;         /* HUP to outcome, s */
};

static const char *const levels[] = { "info", "warn", "debug" };

static unsigned
roll(struct storm *s, unsigned n)
{
	return ((unsigned)rand_r(&s->seed) % n);
}

static void
put_handlers(FILE *f, const struct shape *x)
{
	static const char sleep[] = "[handler sleep]\nkind = command\n"
	    "command = /bin/sleep 0.25\n";
	static const char run[] = "[handler run]\nkind = runner\n"
	    "command = @BIN@/runner\n";

	fputs(x->turned ? run : sleep, f);
	if (x->extra)
		fputs("[handler extra]\nkind = command\n"
		    "command = /bin/true\n", f);
	fputs("[handler selftest]\n", f);
	fputs(x->turned ? sleep : run, f);
}

/* bad: which of the broken files; -1: a good one. */
static char *
ini_of(const struct shape *x, int bad)
{
	static const char *const broken[] = {
		"no_such_key = 1\n", "[pool p\n", "[handler none]\n"
		"kind = plugin\npath = /nonexistent.so\n", "[pool p]\n",
		"[schedule s]\ncron = * * * * *\nqueue = q\njob = {\n",
		"[handler z]\nkind = nothing\n", "\xff\xfe\n",
	};
	char *text;
	size_t n;
	FILE *f;

	ck_assert_ptr_nonnull(f = open_memstream(&text, &n));
	fprintf(f, "kill_grace = 5s\nretry_backoff = 10ms\njob_timeout = %us\n"
	    "[log]\nlevel = %s\n%s[pool p]\nslots = %u\ncpus = 0\nnice = %u\n",
	    x->timeout, levels[x->log], x->file ? "target = @DIR@/own.log\n" :
	    "", x->p, x->nice);
	if (x->q > 0)
		fprintf(f, "[pool q]\nslots = %u\ncpus = 0\n"
		    "queues = " EXTRA "\n", x->q);
	put_handlers(f, x);
	if (x->schedule)
		fputs("[schedule tick]\ncron = * * * * * *\nqueue = " Q_CPU
		    "\njob = {\"type\":\"selftest\",\"input\":{\"op\":\"echo\","
		    "\"value\":1}}\n", f);
	if (bad >= 0)
		fputs(broken[(unsigned)bad % (sizeof(broken) /
		    sizeof(broken[0]))], f);
	ck_assert_int_eq(fclose(f), 0);
	return (text);
}

static void
write_file(struct storm *s, const struct shape *x, int bad)
{
	char *ini = ini_of(x, bad);

	rig_daemon_redis(s->r, 0, x->linked ? rig_fmt(s->r,
	    "unix:%s/link.sock", rig_dir(s->r)) : rig_fmt(s->r, "unix:%s",
	    rig_socket(s->r)));
	rig_daemon_config(s->r, 0, ini);
	free(ini);
}

/* One to three things change. */
static struct shape
change(struct storm *s)
{
	struct shape x = s->now;
	unsigned n = 1 + roll(s, 3);

	while (n-- > 0)
		switch (roll(s, 10)) {
		case 0: x.p = 1 + roll(s, 4); break;
		case 1: x.q = roll(s, 3); break;
		case 2: x.extra = !x.extra; break;
		case 3: x.turned = !x.turned; break;
		case 4: x.schedule = !x.schedule; break;
		case 5: x.timeout = 60 + roll(s, 100); break;
		case 6: x.nice = roll(s, 3); break;
		case 7: x.log = roll(s, 3); break;
		case 8: x.file = !x.file; break;
		case 9: x.linked = !x.linked; break;
		}
	return (x);
}

/* ---- load ---- */

static void
push_one(struct storm *s)
{
	unsigned n = s->jobs++;
	const char *q = Q_INF;

	ck_assert_uint_lt(n, JOBS_MAX);
	switch (roll(s, 5)) {
	case 0:
	case 1:
		if (roll(s, 4) == 0) {
			q = EXTRA;      /* may have to wait for pool q */
			s->on_extra++;
		}
		rig_pushf(s->r, q, "{\"id\":\"j%u\",\"type\":\"selftest\","
		    "\"input\":{\"op\":\"echo\",\"value\":%u}}", n, n);
		break;
	case 2:
		rig_pushf(s->r, q, "{\"id\":\"j%u\",\"type\":\"selftest\","
		    "\"input\":{\"op\":\"sleep\",\"seconds\":0.0%u}}", n,
		    1 + roll(s, 9));
		break;
	case 3:
		rig_pushf(s->r, q, "{\"id\":\"j%u\",\"handler\":\"sleep\"}", n);
		break;
	case 4:
		rig_pushf(s->r, q, "{\"id\":\"j%u\",\"handler\":\"run\","
		    "\"input\":{\"do\":\"echo\",\"value\":%u}}", n, n);
		break;
	}
}

static void
push_some(struct storm *s)
{
	unsigned n = roll(s, 4);

	while (n-- > 0 && rig_int(s->r, "LLEN " Q_INF) < WAITING_MAX)
		push_one(s);
}

/* ---- status ---- */

static bool
leaves(const json_t *slot)
{
	return (strcmp(js_str(slot, "why"), "leaves with a reload") == 0);
}

static unsigned
slots_of(const json_t *status, const char *pool)
{
	json_t *list = js(status, "slots"), *x;
	unsigned n = 0;
	size_t i;

	json_array_foreach(list, i, x)
		n += strcmp(js_str(x, "pool"), pool) == 0 && !leaves(x);
	return (n);
}

static bool
serves(const json_t *status, const char *queue)
{
	json_t *list = js(status, "queues"), *x;
	size_t i;

	json_array_foreach(list, i, x)
		if (strcmp(json_string_value(x), queue) == 0)
			return (true);
	return (false);
}

static void
check_shape(const struct storm *s, const json_t *status)
{
	ck_assert_uint_eq(slots_of(status, "p"), s->now.p);
	ck_assert_uint_eq(slots_of(status, "q"), s->now.q);
	ck_assert_int_eq(serves(status, EXTRA), s->now.q > 0);
	ck_assert_int_eq(strstr(js_str(status, "redis.url"), "link.sock") !=
	    NULL, s->now.linked);
}

static long long
outcomes(struct storm *s)
{
	return (js_int(rig_status(s->r, 0), "config.count"));
}

/* ---- one reload ---- */

static void
hup(struct storm *s)
{
	rig_kill(rig_daemon_pid(s->r, 0), SIGHUP);
}

static json_t *
await(struct storm *s, long long before, double since)
{
	double took;

	rig_until(s->r, outcomes(s) > before);
	took = rig_now() - since;
	if (took > s->longest)
		s->longest = took;
	return (rig_status(s->r, 0));
}

static void
reload_bad(struct storm *s, int which)
{
	struct shape x = change(s);
	long long before = outcomes(s);
	const char *text;
	json_t *status;

	write_file(s, &x, which);
	hup(s);
	status = await(s, before, rig_now());
	text = js_str(status, "config.message");
	ck_assert_msg(!json_is_true(js(status, "config.ok")) &&
	    strstr(text, "ganger.ini:") != NULL, "%s", text);
	check_shape(s, status);
	s->bad++;
}

static void
reload_good(struct storm *s)
{
	long long before = outcomes(s);
	double since;
	json_t *status;

	s->now = change(s);
	write_file(s, &s->now, -1);
	since = rig_now();
	hup(s);
	if (roll(s, 8) == 0) {
		hup(s);         /* may fold into the first, or not */
		s->folded++;
	}
	push_some(s);
	status = await(s, before, since);
	ck_assert_msg(json_is_true(js(status, "config.ok")), "%s",
	    js_str(status, "config.message"));
	check_shape(s, status);
	s->good++;
}

/* ---- what is left ---- */

static unsigned
descriptors(struct storm *s)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd",
	    (int)rig_daemon_pid(s->r, 0));
	ck_assert_ptr_nonnull(d = opendir(path));
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return (n);
}

/* KiB of memory of the supervisor. */
static long
resident(struct storm *s)
{
	const char *text = rig_slurp(s->r, rig_fmt(s->r, "/proc/%d/status",
	    (int)rig_daemon_pid(s->r, 0)));
	const char *at = text == NULL ? NULL : strstr(text, "VmRSS:");

	return (at == NULL ? 0 : atol(at + 6));
}

/* All idle, nothing leaves, nothing waits: then count. */
static bool
at_rest(struct storm *s)
{
	json_t *status = rig_status(s->r, 0), *list = js(status, "slots"), *x;
	size_t i;

	json_array_foreach(list, i, x)
		if (strcmp(js_str(x, "state"), "idle") != 0)
			return (false);
	return (json_array_size(list) == s->now.p + s->now.q &&
	    rig_leased(s->r) == 0);
}

static void
settle(struct storm *s)
{
	static const struct shape first = { .p = 2, .q = 1, .timeout = 60 };
	long long before = outcomes(s);

	s->now = first;
	write_file(s, &s->now, -1);
	hup(s);
	(void)await(s, before, rig_now());
	rig_until(s->r, rig_int(s->r, "LLEN " Q_INF) == 0 &&
	    rig_int(s->r, "LLEN " EXTRA) == 0);
	rig_until(s->r, at_rest(s));
}

static void
check_jobs(struct storm *s)
{
	json_t *causes, *n, *rec;
	const char *name;
	char id[16];
	unsigned i;

	for (i = 0; i < s->jobs; i++) {
		(void)snprintf(id, sizeof(id), "j%u", i);
		rec = rig_record(s->r, Q_INF, id);
		if (rec == NULL)
			rec = rig_record(s->r, EXTRA, id);
		ck_assert_msg(rec != NULL, "job %s is lost", id);
		ck_assert_msg(strcmp(js_str(rec, "state"), "done") == 0 &&
		    js_int(rec, "attempt") == 1, "job %s: %s", id,
		    json_dumps(rec, 0));
	}
	causes = js(rig_status(s->r, 0), "counters.causes");
	json_object_foreach(causes, name, n)
		ck_assert_msg(json_integer_value(n) == 0, "%s: %lld", name,
		    (long long)json_integer_value(n));
	ck_assert_int_eq(rig_int(s->r, "LLEN {" Q_INF "}:dead"), 0);
	ck_assert_int_eq(rig_stat(s->r, Q_INF, "done") +
	    rig_stat(s->r, EXTRA, "done"), s->jobs);
}

START_TEST(t_a_storm_of_reloads_costs_nothing)
{
	const char *hups = getenv("RELOAD_HUPS"), *seed = getenv("RELOAD_SEED");
	struct storm s = { .seed = seed == NULL ? 1 : (unsigned)atoi(seed),
		.now = { .p = 2, .q = 1, .timeout = 60 } };
	unsigned n = hups == NULL ? 100 : (unsigned)atoi(hups), i;
	unsigned fds[2];
	long kib[2];
	double from, pause;
	char *ini = ini_of(&s.now, -1);

	s.r = rig_start(ini);
	free(ini);
	ck_assert_int_eq(symlink(rig_socket(s.r), rig_fmt(s.r, "%s/link.sock",
	    rig_dir(s.r))), 0);
	/* warm: all that is allocated once has been */
	for (i = 0; i < 20; i++)
		push_one(&s);
	reload_good(&s);
	reload_bad(&s, 0);
	settle(&s);
	fds[0] = descriptors(&s);
	kib[0] = resident(&s);
	from = rig_now();
	for (i = 1; i <= n; i++) {
		push_some(&s);
		if (i % 10 == 0)
			reload_bad(&s, (int)(i / 10));
		else
			reload_good(&s);
		pause = rig_now() + roll(&s, 40) / 1000.0;
		rig_until(s.r, rig_now() >= pause);
	}
	from = rig_now() - from;
	settle(&s);
	fds[1] = descriptors(&s);
	kib[1] = resident(&s);
	check_jobs(&s);
	printf("# %u HUPs in %.1f s (%u good, %u with a broken file, %u "
	    "doubled), %u jobs done, 0 failed, 0 lost, 0 charged; longest "
	    "HUP to status %.0f ms; descriptors %u then %u, memory %ld then "
	    "%ld KiB\n", n, from, s.good, s.bad, s.folded, s.jobs,
	    s.longest * 1000, fds[0], fds[1], kib[0], kib[1]);
	ck_assert_uint_le(fds[1], fds[0]);
	/* an instrumented build keeps what is freed for a while */
	if (rig_fast() || n > 100)
		ck_assert_int_le(kib[1], kib[0] + 2048);
	rig_stop(&s.r);
}
END_TEST

RIG_MAIN("s_f_storm", t_a_storm_of_reloads_costs_nothing)
