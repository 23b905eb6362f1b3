/*
 * conf_load on good input: defaults, every type, the environment's precedence
 * and what is derived: folders, id, slots, queues, secrets, handlers.
 */
#include "config.h"

#include "conf/conf.h"

#include <stdint.h>

#include "base/log.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/diff.h"
#include "conf/table.h"
#include "tests/unit/conf_rig.h"

static void
check_list(char *const *list, const char *expected)
{
	struct buf b;

	buf_init(&b, 1u << 16);
	for (; *list != NULL; list++)
		(void)buf_printf(&b, "%s%s", b.len == 0 ? "" : " ", *list);
	ck_assert_str_eq(buf_cstr(&b), expected);
	buf_fini(&b);
}

START_TEST(t_defaults_are_those_of_the_contract)
{
	const struct conf *c;

	ck_assert_int_eq(rig_load_file(NULL), 0);
	c = rig.c;
	ck_assert_ptr_null(c->path);
	ck_assert_uint_eq(c->supervisor.slots, 2);
	ck_assert(!c->supervisor.use_gpu);
	check_list(c->supervisor.gpu_device, "0");
	ck_assert_int_eq(c->supervisor.job_timeout, 3600 * DUR_S);
	ck_assert_int_eq(c->supervisor.max_job_timeout, 7 * 86400 * DUR_S);
	ck_assert_int_eq(c->supervisor.kill_grace, 10 * DUR_S);
	ck_assert_int_eq(c->supervisor.lease_ttl, 15 * DUR_S);
	ck_assert_int_eq(c->supervisor.look_ahead, 20 * DUR_MS);
	ck_assert_uint_eq(c->supervisor.weights[0], 16);
	ck_assert_uint_eq(c->supervisor.weights[1], 4);
	ck_assert_uint_eq(c->supervisor.weights[2], 1);
	ck_assert_uint_eq(c->supervisor.max_job_size, 16u << 20);
	ck_assert_uint_eq(c->supervisor.uid, geteuid());
	ck_assert(!c->supervisor.change_user);
	ck_assert_str_eq(c->redis.prefix, "ai");
	ck_assert_str_eq(c->redis.addr.host, "127.0.0.1");
	ck_assert_uint_eq(c->redis.addr.port, 6379);
	ck_assert_str_eq(c->redis.addr.password, "");
	ck_assert_str_eq(c->http.host, "127.0.0.1");
	ck_assert_uint_eq(c->http.port, 8000);
	ck_assert(c->http.loopback);
	ck_assert_str_eq(c->http.token, "");
	ck_assert_int_eq(c->log.level, LOG_L_INFO);
	ck_assert_int_eq(c->log.format, LOG_TEXT);
	ck_assert_int_eq(c->models.max_models, 10);
	ck_assert_uint_eq(c->nhandlers, 0);
	ck_assert_uint_eq(c->nschedules, 0);
}
END_TEST

/* The names of [log] level are indices of enum log_level. */
START_TEST(t_log_levels_are_in_the_logs_order)
{
#define X(id, name, prio) \
	ck_assert_int_eq(rig_good("[log]\nlevel = " name "\n")->log.level, \
	    LOG_L_##id);
	LOG_LEVELS(X)
#undef X
	ck_assert_int_eq(rig_good("[log]\nformat = JSON\n")->log.format,
	    LOG_JSON);
}
END_TEST

START_TEST(t_comments_spaces_and_line_ends_are_as_documented)
{
	const struct conf *c = rig_good("\xef\xbb\xbf; a\r\n#b\r\n"
	    "  [ log ] ; c\r\n\tlevel=debug\t; d\r\n"
	    "target = /x;y#z\r\n[http]\nlisten = ; nothing\n[redis]");

	ck_assert_int_eq(c->log.level, LOG_L_DEBUG);
	ck_assert_str_eq(c->log.target, "/x;y#z");
	ck_assert_str_eq(c->http.listen, "");
	ck_assert_str_eq(c->http.host, "");
}
END_TEST

START_TEST(t_folders_of_root_and_of_ordinary_users)
{
	const struct conf_supervisor *s;
	char run[64];

	ck_assert_int_eq(rig_load_file(NULL), 0);
	s = &rig.c->supervisor;
	if (geteuid() == 0) {
		ck_assert_str_eq(s->run_dir, "/run/ganger");
		ck_assert_str_eq(s->state_dir, "/var/lib/ganger");
		return;
	}
	(void)snprintf(run, sizeof(run), "/tmp/ganger-%u",
	    (unsigned)geteuid());
	ck_assert_str_eq(s->run_dir, run);
	ck_assert_str_eq(s->state_dir, "/test-home/.local/state/ganger");
	rig_env("XDG_RUNTIME_DIR=/run/user/1");
	rig_env("XDG_STATE_HOME=/state");
	ck_assert_int_eq(rig_load_file(NULL), 0);
	s = &rig.c->supervisor;
	ck_assert_str_eq(s->run_dir, "/run/user/1/ganger");
	ck_assert_str_eq(s->pidfile, "/run/user/1/ganger/gangerd.pid");
	ck_assert_str_eq(s->state_dir, "/state/ganger");
}
END_TEST

START_TEST(t_relative_paths_start_at_the_files_folder)
{
	const struct conf *c = rig_good("[supervisor]\nrun_dir = run\n"
	    "state_dir = ./state\n[log]\ntarget = log/g.log\n");
	char expected[400];

	(void)snprintf(expected, sizeof(expected), "%s/run/gangerd.pid",
	    rig.dir);
	ck_assert_str_eq(c->supervisor.pidfile, expected);
	(void)snprintf(expected, sizeof(expected), "%s/./state/models",
	    rig.dir);
	ck_assert_str_eq(c->models.dir, expected);
	(void)snprintf(expected, sizeof(expected), "%s/log/g.log", rig.dir);
	ck_assert_str_eq(c->log.target, expected);
	ck_assert_str_eq(rig_good("[log]\ntarget = syslog\n")->log.target,
	    "syslog");
}
END_TEST

START_TEST(t_worker_id_is_stable_and_differs_by_pidfile)
{
	char *first, *other;

	first = xstrdup(rig_good("")->supervisor.worker_id);
	ck_assert(str_id_ok(slice_of(first)));
	ck_assert_uint_eq(strlen(strrchr(first, '-')), 7);
	ck_assert_str_eq(rig_good("")->supervisor.worker_id, first);
	other = xstrdup(rig_good("[supervisor]\nrun_dir = /r\n")
	    ->supervisor.worker_id);
	ck_assert_str_ne(other, first);
	ck_assert_str_eq(rig_good("[supervisor]\npidfile = /r/gangerd.pid\n")
	    ->supervisor.worker_id, other);
	ck_assert_str_eq(rig_good("[supervisor]\nworker_id = w:1\n")
	    ->direct_queue, "ai:worker:w:1:queue");
	free(first);
	free(other);
}
END_TEST

START_TEST(t_pidfile_of_the_command_line_wins)
{
	static const char text[] = "[supervisor]\npidfile = /file.pid\n";
	char *env[] = { NULL }, *by_file, cwd[4096];
	const char *bare;

	by_file = xstrdup(rig_good(text)->supervisor.worker_id);
	conf_free(&rig.c);
	ck_assert_int_eq(conf_load_pidfile(rig.file, "/x.pid", env, &rig.c,
	    &rig.problems), 0);
	ck_assert_str_eq(rig.c->supervisor.pidfile, "/x.pid");
	ck_assert_str_ne(rig.c->supervisor.worker_id, by_file);
	conf_free(&rig.c);
	ck_assert_int_eq(conf_load_pidfile(rig.file, "x.pid", env, &rig.c,
	    &rig.problems), 0);
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	bare = rig.c->supervisor.pidfile;
	ck_assert_int_eq(strncmp(bare, cwd, strlen(cwd)), 0);
	ck_assert_str_eq(bare + strlen(cwd), "/x.pid");
	free(by_file);
}
END_TEST

START_TEST(t_environment_wins_over_the_file)
{
	static const char text[] = "[supervisor]\nmax_concurrent_jobs = 5\n"
	    "use_gpu = no\ngpu_device = 7\njob_timeout = 5s\n"
	    "worker_id = file\n[redis]\nurl = redis://file/1\n";
	const struct conf *c = rig_good(text);

	ck_assert_uint_eq(c->supervisor.slots, 5);
	ck_assert_str_eq(c->redis.addr.host, "file");
	rig_env("MAX_CONCURRENT_JOBS=3");
	rig_env("USE_GPU=true");
	rig_env("GPU_DEVICE=1,3");
	rig_env("JOB_TIMEOUT=90");
	rig_env("WORKER_ID=env");
	rig_env("REDIS_URL=unix:/env.sock");
	c = rig_good(text);
	ck_assert_uint_eq(c->supervisor.slots, 3);
	ck_assert(c->supervisor.use_gpu);
	check_list(c->supervisor.gpu_device, "1 3");
	ck_assert_int_eq(c->supervisor.job_timeout, 90 * DUR_S);
	ck_assert_str_eq(c->supervisor.worker_id, "env");
	ck_assert_str_eq(c->redis.addr.path, "/env.sock");
	ck_assert_str_eq(c->direct_queue, "ai:worker:env:queue");
}
END_TEST

START_TEST(t_bad_variables_are_named)
{
	rig_env("MAX_CONCURRENT_JOBS=0");
	rig_env("USE_GPU=perhaps");
	rig_env("JOB_TIMEOUT=x");
	rig_env("WORKER_ID=a/b");
	rig_env("REDIS_URL=http://u:secret@h");
	ck_assert_int_eq(rig_load_file(NULL), -ERR_CONFIG);
	ck_assert_str_eq(rig_problems(),
	    "environment: MAX_CONCURRENT_JOBS: 0 is out of range, 1 to 1024\n"
	    "environment: USE_GPU: \"perhaps\" is not yes or no\n"
	    "environment: JOB_TIMEOUT: \"x\" is not a duration such as 500ms, "
	    "30s, 5m, 2h or 7d\n"
	    "environment: WORKER_ID: \"a/b\" is not 1 to 128 of letters, "
	    "digits and ._:-\n"
	    "environment: REDIS_URL: not a Redis URL; accepted are redis://"
	    "[user:password@]host:port/db, rediss://..., unix:/path and "
	    "unix:///path?db=N\n");
	ck_assert_uint_eq(rig.problems.count, 5);
}
END_TEST

/* The file is bad even where a variable hides its value, and comes first. */
START_TEST(t_file_and_variable_may_both_be_bad)
{
	static const char text[] = "[supervisor]\njob_timeout = y\n";

	rig_env("JOB_TIMEOUT=x");
	rig_bad(text, sizeof(text) - 1,
	    "@:2: job_timeout: \"y\" is not a duration such as 500ms, 30s, "
	    "5m, 2h or 7d\n"
	    "environment: JOB_TIMEOUT: \"x\" is not a duration such as 500ms, "
	    "30s, 5m, 2h or 7d\n");
}
END_TEST

START_TEST(t_empty_variable_counts_as_not_set)
{
	rig_env("MAX_CONCURRENT_JOBS=");
	rig_env("REDIS_URL=");
	rig_env("WORKER_ID");
	ck_assert_uint_eq(rig_good("")->supervisor.slots, 2);
	ck_assert_str_eq(rig.c->redis.addr.host, "127.0.0.1");
}
END_TEST

START_TEST(t_default_pool_takes_the_default_queues)
{
	const struct conf_pool *p;

	rig_env("WORKER_ID=w");
	p = rig_good("")->pools;
	ck_assert_uint_eq(rig.c->npools, 1);
	ck_assert_int_eq(p->line, 0);
	ck_assert_uint_eq(p->nslots, 2);
	ck_assert_uint_eq(p->ndevices, 0);
	check_list(p->queues, "ai:training:queue ai:inference:queue "
	    "ai:cpu:queue ai:worker:w:queue");
	rig_env("USE_GPU=1");
	p = rig_good("[redis]\nprefix = x\n")->pools;
	check_list(p->queues, "x:training:queue x:inference:queue x:gpu:queue "
	    "x:cpu:queue x:worker:w:queue");
	check_list(p->devices, "0");
	ck_assert_uint_eq(p->nslots, 2);
	rig_env("GPU_DEVICE=all");
	rig_env("MAX_CONCURRENT_JOBS=auto");
	p = rig_good("")->pools;
	ck_assert(p->all_devices);
	ck_assert_uint_eq(p->nslots, 0);
}
END_TEST

START_TEST(t_pools_count_their_slots)
{
	const struct conf_pool *p = rig_good("[supervisor]\nworker_id = w\n"
	    "[pool a]\nslots = 4\nqueues = q1, q2\n[pool b]\n"
	    "devices = 0,1 GPU-12345678-9,3\nslots_per_device = 2\n"
	    "devices_per_slot = 2\nnice = -5\nmemory_limit = 2G\n"
	    "[pool c]\ndevices = all\nqueues = ai:worker:w:queue q3\n")->pools;

	ck_assert_uint_eq(rig.c->npools, 3);
	ck_assert_str_eq(p[0].name, "a");
	ck_assert_int_eq(p[0].line, 3);
	ck_assert_uint_eq(p[0].nslots, 4);
	check_list(p[0].queues, "q1 q2 ai:worker:w:queue");
	ck_assert_uint_eq(p[1].nslots, 4);
	ck_assert_uint_eq(p[1].ndevices, 4);
	ck_assert_int_eq(p[1].nice, -5);
	ck_assert_uint_eq(p[1].memory_limit, UINT64_C(2) << 30);
	check_list(p[1].queues, "ai:training:queue ai:inference:queue "
	    "ai:gpu:queue ai:cpu:queue ai:worker:w:queue");
	ck_assert(p[2].all_devices);
	ck_assert_uint_eq(p[2].nslots, 0);
	check_list(p[2].queues, "ai:worker:w:queue q3");
}
END_TEST

START_TEST(t_auto_follows_the_contracts_tables)
{
	static const unsigned cpu[][2] = { { 1, 1 }, { 2, 1 }, { 3, 1 },
	    { 4, 2 }, { 7, 2 }, { 8, 4 }, { 15, 4 }, { 16, 8 }, { 512, 8 } };
	const uint64_t gb = 1000000000;
	unsigned i;

	for (i = 0; i < NELEM(cpu); i++)
		ck_assert_uint_eq(conf_cpu_slots(cpu[i][0]), cpu[i][1]);
	ck_assert_uint_eq(conf_gpu_slots(8 * gb - 1, false), 1);
	ck_assert_uint_eq(conf_gpu_slots(8 * gb, false), 2);
	ck_assert_uint_eq(conf_gpu_slots(8 * gb, true), 1);
	ck_assert_uint_eq(conf_gpu_slots(16 * gb - 1, false), 2);
	ck_assert_uint_eq(conf_gpu_slots(16 * gb, false), 4);
	ck_assert_uint_eq(conf_gpu_slots(80 * gb, true), 2);
}
END_TEST

/* What auto makes depends on the host, which the plan knows and we don't. */
START_TEST(t_auto_is_left_to_the_plan)
{
	ck_assert_uint_eq(rig_good("[pool a]\n[pool b]\ncpus = 4095\n"
	    "[pool g]\ndevices = 0\nslots_per_device = auto\n")->
	    pools[0].nslots, 0);
	ck_assert_uint_eq(rig.c->pools[1].nslots, 0);
	ck_assert_int_eq(rig.c->pools[1].cpus_line, 3);
	ck_assert_uint_eq(rig.c->pools[2].nslots, 0);
	ck_assert_int_eq(rig.c->pools[2].devices_line, 5);
	rig_env("MAX_CONCURRENT_JOBS=auto");
	ck_assert_uint_eq(rig_good("")->supervisor.slots, 0);
	ck_assert_uint_eq(rig.c->pools[0].nslots, 0);
	rig_env("USE_GPU=1");
	ck_assert_int_eq(rig_good("")->pools[0].slots_per_device, CONF_AUTO);
}
END_TEST

START_TEST(t_secrets_are_first_lines_and_the_url_wins)
{
	static const char text[] = "[redis]\nusername = u\n"
	    "password_file = pw\n[http]\nlisten = 0.0.0.0:0\n"
	    "token_file = token\n";
	const struct conf *c;

	(void)rig_file("pw", "pass word\r\nmore\n", 16, 0600);
	(void)rig_file("token", "tok", 3, 0644);
	c = rig_good(text);
	ck_assert_str_eq(c->redis.addr.username, "u");
	ck_assert_str_eq(c->redis.addr.password, "pass word");
	ck_assert_str_eq(c->http.token, "tok");
	ck_assert(!c->http.loopback);
	ck_assert_uint_eq(c->http.port, 0);
	rig_env("REDIS_URL=redis://v:other@h");
	c = rig_good(text);
	ck_assert_str_eq(c->redis.addr.username, "v");
	ck_assert_str_eq(c->redis.addr.password, "other");
}
END_TEST

START_TEST(t_listen_knows_loopback)
{
	ck_assert(rig_good("[http]\nlisten = localhost:1\n")->http.loopback);
	ck_assert_str_eq(rig.c->http.host, "127.0.0.1");
	ck_assert(rig_good("[http]\nlisten = 127.9.9.9:1\n")->http.loopback);
	ck_assert(rig_good("[http]\nlisten = [::1]:65535\n")->http.loopback);
	ck_assert_str_eq(rig.c->http.host, "::1");
	ck_assert_uint_eq(rig.c->http.port, 65535);
	ck_assert(!rig_good("[http]\nlisten = [::]:1\nopen_read = yes\n")
	    ->http.loopback);
}
END_TEST

START_TEST(t_commands_are_words_with_their_program_found)
{
	static const char text[] = "[handler a]\nkind = command\n"
	    "command = sh -c 'exit $X' \"a b\" c\\ d\n"
	    "types = training, fine-tune\nenv.X = 1 2\nenv.EMPTY =\n"
	    "[handler b]\nkind = runner\ncommand = ./prog\n"
	    "batch_size = 32\njob_timeout = 2s\n";
	const struct conf_handler *h;
	char expected[400];

	(void)rig_file("prog", "#!/bin/sh\n", 10, 0755);
	h = rig_good(text)->handlers;
	ck_assert_uint_eq(rig.c->nhandlers, 2);
	ck_assert_int_eq(h[0].kind, CONF_COMMAND);
	ck_assert_str_eq(h[0].argv[0], "/bin/sh");
	ck_assert_str_eq(h[0].argv[2], "exit $X");
	ck_assert_str_eq(h[0].argv[3], "a b");
	ck_assert_str_eq(h[0].argv[4], "c d");
	ck_assert_ptr_null(h[0].argv[5]);
	check_list(h[0].types, "training fine-tune");
	check_list(h[0].env, "X=1 2 EMPTY=");
	ck_assert(!h[0].has_user);
	ck_assert_int_eq(h[1].kind, CONF_RUNNER);
	(void)snprintf(expected, sizeof(expected), "%s/./prog", rig.dir);
	ck_assert_str_eq(h[1].argv[0], expected);
	ck_assert_int_eq(h[1].batch_size, 32);
	ck_assert_int_eq(h[1].batch_window, 5 * DUR_MS);
	check_list(h[1].types, "");
}
END_TEST

START_TEST(t_selftest_needs_no_keys)
{
	const struct conf_handler *h;
	char variable[250], path[300];

	(void)strcpy(path, rig_file("selftest.so", "", 0, 0644));
	(void)snprintf(variable, sizeof(variable), "GANGER_PLUGIN_DIR=%s",
	    rig.dir);
	rig_env(variable);
	h = rig_good("[handler selftest]\n")->handlers;
	ck_assert_int_eq(h->kind, CONF_PLUGIN);
	ck_assert_str_eq(h->path, path);
	check_list(h->types, "selftest");
	ck_assert_ptr_null(h->argv);
	h = rig_good("[handler x]\nkind = plugin\npath = selftest.so\n")
	    ->handlers;
	ck_assert_str_eq(h->path, path);
	check_list(h->types, "");
}
END_TEST

START_TEST(t_selftest_must_exist)
{
	char variable[250];

	(void)snprintf(variable, sizeof(variable), "GANGER_PLUGIN_DIR=%s",
	    rig.dir);
	rig_env(variable);
	rig_bad("[handler selftest]\n", 19, "@:1: path: %/selftest.so: No "
	    "such file or directory\n");
}
END_TEST

START_TEST(t_timeouts_are_capped)
{
	const struct conf *c = rig_good("[supervisor]\nmax_job_timeout = 5s\n"
	    "[handler a]\nkind = command\ncommand = true\n"
	    "job_timeout = 6s\n[handler b]\nkind = command\n"
	    "command = true\njob_timeout = 4s\n");

	ck_assert_int_eq(c->supervisor.job_timeout, 5 * DUR_S);
	ck_assert_int_eq(c->handlers[0].job_timeout, 5 * DUR_S);
	ck_assert_int_eq(c->handlers[1].job_timeout, 4 * DUR_S);
	c = rig_good("[supervisor]\nretry_backoff = 10m\n");
	ck_assert_int_eq(c->supervisor.retry_backoff_max, 600 * DUR_S);
}
END_TEST

START_TEST(t_one_type_may_have_a_handler_in_each_pool)
{
	(void)rig_good("[handler a]\nkind = command\ncommand = true\n"
	    "types = x\n[handler b]\nkind = command\ncommand = true\n"
	    "types = x\n[pool p]\nhandlers = a\n[pool q]\nhandlers = b\n");
	check_list(rig.c->pools[1].handlers, "b");
}
END_TEST

START_TEST(t_schedules_are_kept_as_text)
{
	const struct conf_schedule *s = rig_good("[schedule nightly]\n"
	    "cron = 0 3 * * *\nqueue = ai:cpu:queue\n"
	    "job = {\"type\": \"x\", \"input\": [1, 2]}\n")->schedules;

	ck_assert_uint_eq(rig.c->nschedules, 1);
	ck_assert_str_eq(s->name, "nightly");
	ck_assert_str_eq(s->cron, "0 3 * * *");
	ck_assert_str_eq(s->job, "{\"type\": \"x\", \"input\": [1, 2]}");
}
END_TEST

START_TEST(t_dev_null_is_an_empty_file)
{
	ck_assert_int_eq(rig_load_file("/dev/null"), 0);
	ck_assert_str_eq(rig.c->path, "/dev/null");
}
END_TEST

/* Turns ";key = value" and ";[pool NAME]" into settings, in place. */
static void
uncomment(char *text)
{
	char *p;

	for (p = text; p != NULL; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (p[0] == ';' && p[1] >= 'a' && p[1] <= 'z')
			*p = ' ';
	}
}

/* The example as it is, and with its single sections uncommented, means the
 * defaults. */
START_TEST(t_example_gives_the_defaults)
{
	const char *tree = getenv("GANGER_SRCDIR");
	char path[4096], *text;
	struct conf *first;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/conf/ganger.ini.example",
	    tree == NULL ? "." : tree);
	ck_assert_int_eq(fd_slurp(path, 1u << 20, &text, &n), 0);
	(void)rig_good(text);
	first = rig.c;
	rig.c = NULL;
	ck_assert_ptr_nonnull(strstr(text, "\n;[pool NAME]\n"));
	*strstr(text, "\n;[pool NAME]\n") = '\0';
	uncomment(text);
	ck_assert_ptr_nonnull(strstr(text, "\n job_timeout = 1h\n"));
	ck_assert_uint_eq(conf_diff(first, rig_good(text), NULL, NULL), 0);
	conf_free(&first);
	free(text);
}
END_TEST

/* Every row of the table has sound text: in range, documented, unique. */
START_TEST(t_rows_are_sound)
{
	const struct conf_row *r = &conf_rows[_i];

	ck_assert_ptr_eq(conf_row(r->section, r->key), r);
	ck_assert_uint_gt(strlen(r->doc), 10);
	ck_assert_int_eq(r->doc[strlen(r->doc) - 1], '.');
	ck_assert_uint_lt(strlen(r->key), 25);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_test(tc, t_defaults_are_those_of_the_contract);
	tcase_add_test(tc, t_log_levels_are_in_the_logs_order);
	tcase_add_test(tc, t_comments_spaces_and_line_ends_are_as_documented);
	tcase_add_test(tc, t_folders_of_root_and_of_ordinary_users);
	tcase_add_test(tc, t_relative_paths_start_at_the_files_folder);
	tcase_add_test(tc, t_worker_id_is_stable_and_differs_by_pidfile);
	tcase_add_test(tc, t_pidfile_of_the_command_line_wins);
	tcase_add_test(tc, t_environment_wins_over_the_file);
	tcase_add_test(tc, t_bad_variables_are_named);
	tcase_add_test(tc, t_file_and_variable_may_both_be_bad);
	tcase_add_test(tc, t_empty_variable_counts_as_not_set);
	tcase_add_test(tc, t_default_pool_takes_the_default_queues);
	tcase_add_test(tc, t_pools_count_their_slots);
	tcase_add_test(tc, t_auto_follows_the_contracts_tables);
	tcase_add_test(tc, t_auto_is_left_to_the_plan);
	tcase_add_test(tc, t_secrets_are_first_lines_and_the_url_wins);
	tcase_add_test(tc, t_listen_knows_loopback);
	tcase_add_test(tc, t_commands_are_words_with_their_program_found);
	tcase_add_test(tc, t_selftest_needs_no_keys);
	tcase_add_test(tc, t_selftest_must_exist);
	tcase_add_test(tc, t_timeouts_are_capped);
	tcase_add_test(tc, t_one_type_may_have_a_handler_in_each_pool);
	tcase_add_test(tc, t_schedules_are_kept_as_text);
	tcase_add_test(tc, t_dev_null_is_an_empty_file);
	tcase_add_test(tc, t_example_gives_the_defaults);
	tcase_add_loop_test(tc, t_rows_are_sound, 0, (int)conf_nrows);
}

int
main(void)
{
	Suite *s = suite_create("conf_load");
	TCase *tc = tcase_create("load");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	add_tests(tc);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
