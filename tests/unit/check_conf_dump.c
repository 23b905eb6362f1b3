/*
 * The dump reads back to the same configuration and shows no secret; the diff
 * finds every change, with its class.
 */
#include "config.h"

#include "conf/diff.h"

#include "base/str.h"
#include "conf/table.h"
#include "tests/unit/conf_rig.h"

static const char rich[] = "[supervisor]\nworker_id = w\nrun_dir = run\n"
    "retry_backoff = 1500ms\nlane_weights = 9:3:1\nmax_job_size = 3K\n"
    "[redis]\nurl = unix:///r.sock?db=3\npassword_file = pw\n"
    "[http]\nlisten = 0.0.0.0:80\ntoken_file = token\n"
    "[log]\nlevel = trace\nformat = json\n"
    "[pool a]\nslots = 3\nqueues = q1 q2\nhandlers = h1\nnice = 5\n"
    "[pool g]\ndevices = 0, 1\nslots_per_device = 2\n"
    "[handler h1]\nkind = command\ncommand = sh -c 'exit 1' \"x y\"\n"
    "env.A = 1 2\nenv.B =\ntypes = t1, t2\n"
    "[schedule s]\ncron = * * * * *\nqueue = q1\njob = {\"a\": [1]}\n";

static void
write_secrets(void)
{
	(void)rig_file("pw", "redis-secret\n", 13, 0600);
	(void)rig_file("token", "http-secret\n", 12, 0600);
}

/* Takes over the last load. */
static struct conf *
take(void)
{
	struct conf *c = rig.c;

	rig.c = NULL;
	return (c);
}

START_TEST(t_dump_reads_back_to_the_same)
{
	struct conf *first;
	char *text, *again;

	write_secrets();
	(void)rig_good(_i == 0 ? "" : rich);
	text = rig_dump();
	first = take();
	(void)rig_good(text);
	ck_assert_uint_eq(conf_diff(first, rig.c, NULL, NULL), 0);
	again = rig_dump();
	/* The first line names the file, which is the same here. */
	ck_assert_str_eq(again, text);
	free(text);
	free(again);
	conf_free(&first);
}
END_TEST

START_TEST(t_secrets_are_not_dumped)
{
	char *text;

	write_secrets();
	(void)rig_good(rich);
	text = rig_dump();
	ck_assert_ptr_null(strstr(text, "-secret"));
	ck_assert_ptr_nonnull(strstr(text, "; http token: (set)\n"));
	ck_assert_ptr_nonnull(strstr(text, "; redis password: (set)\n"));
	free(text);
	(void)rig_good("[redis]\nurl = redis://u:url-secret@h\n");
	text = rig_dump();
	ck_assert_ptr_null(strstr(text, "-secret"));
	ck_assert_ptr_nonnull(strstr(text,
	    "\nurl = redis://u:(set)@h:6379/0\n"));
	free(text);
}
END_TEST

START_TEST(t_default_pool_is_told_as_a_comment)
{
	char *text;

	(void)rig_good("[supervisor]\nworker_id = w\n");
	text = rig_dump();
	ck_assert_ptr_nonnull(strstr(text, "\n; no [pool NAME] is given: one "
	    "pool of 2 slots on CPUs takes\n;   ai:training:queue\n"
	    ";   ai:inference:queue\n;   ai:cpu:queue\n"
	    ";   ai:worker:w:queue\n"));
	ck_assert_ptr_null(strstr(text, "[pool default]"));
	free(text);
}
END_TEST

static void
collect(void *priv, const struct conf_change *x)
{
	(void)buf_printf(priv, "%s %s %s %s %s>%s\n", x->section_name, x->name,
	    x->key == NULL ? "-" : x->key, conf_class_name(x->class),
	    x->from == NULL ? "none" : x->from, x->to == NULL ? "none" :
	    x->to);
}

/* The changes from one text to another, as lines. */
static void
check_diff(const char *from, const char *to, const char *expected)
{
	struct conf *first;
	unsigned n = 0;
	struct buf b;

	(void)rig_good(from);
	first = take();
	(void)rig_good(to);
	buf_init(&b, 1u << 16);
	n = conf_diff(first, rig.c, collect, &b);
	ck_assert_str_eq(buf_cstr(&b), expected);
	for (; *expected != '\0'; expected++)
		n -= *expected == '\n';
	ck_assert_uint_eq(n, 0);
	buf_fini(&b);
	conf_free(&first);
}

START_TEST(t_diff_names_keys_and_classes)
{
	check_diff("", "; nothing\n", "");
	check_diff("[supervisor]\nkill_grace = 1s\nworker_id = w\n"
	    "[redis]\ncommand_timeout = 1s\n[log]\nlevel = warn\n",
	    "[supervisor]\nkill_grace = 1000ms\nworker_id = v\n"
	    "max_concurrent_jobs = auto\n[redis]\ncommand_timeout = 3s\n"
	    "[pool default]\nqueues = a\nslots = 2\n",
	    "supervisor  worker_id RESTART w>v\n"
	    "supervisor  max_concurrent_jobs RESPAWN 2>auto\n"
	    "redis  command_timeout LIVE 1s>3s\n"
	    "log  level LIVE warn>info\n"
	    "pool default queues LIVE ai:training:queue, ai:inference:queue, "
	    "ai:cpu:queue, ai:worker:w:queue>a, ai:worker:v:queue\n");
}
END_TEST

START_TEST(t_diff_sees_sections_come_and_go)
{
	check_diff("[pool a]\nslots = 1\n[pool b]\nslots = 1\n"
	    "[handler h]\nkind = command\ncommand = true\nenv.X = 1\n",
	    "[pool b]\nslots = 2\n[pool c]\nslots = 1\n"
	    "[handler h]\nkind = runner\ncommand = true\nenv.X = 2\n"
	    "[schedule s]\ncron = * * * * *\nqueue = q\njob = {}\n",
	    "pool a - RESPAWN >none\n"
	    "pool b slots RESPAWN 1>2\n"
	    "pool c - RESPAWN none>\n"
	    "handler h kind RESPAWN command>runner\n"
	    "handler h env RESPAWN X=1>X=2\n"
	    "schedule s - LIVE none>\n");
}
END_TEST

/* The path stays, what the file holds does not. */
START_TEST(t_diff_sees_new_secrets_without_telling_them)
{
	struct conf *first;
	struct buf b;
	char *line;

	write_secrets();
	(void)rig_good(rich);
	first = take();
	(void)rig_file("token", "other-secret\n", 13, 0600);
	(void)rig_file("pw", "third-secret\n", 13, 0600);
	(void)rig_good(rich);
	buf_init(&b, 1u << 16);
	ck_assert_uint_eq(conf_diff(first, rig.c, collect, &b), 2);
	line = str_fmt("redis  password_file LIVE %s/pw>%s/pw\n"
	    "http  token_file LIVE %s/token>%s/token\n", rig.dir, rig.dir,
	    rig.dir, rig.dir);
	ck_assert_str_eq(buf_cstr(&b), line);
	free(line);
	buf_fini(&b);
	conf_free(&first);
}
END_TEST

START_TEST(t_diff_masks_passwords_in_urls)
{
	check_diff("[redis]\nurl = redis://:one@h\n",
	    "[redis]\nurl = redis://:two@h\n",
	    "redis  url LIVE redis://:(set)@h:6379/0>"
	    "redis://:(set)@h:6379/0\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_dump");
	TCase *tc = tcase_create("dump");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_loop_test(tc, t_dump_reads_back_to_the_same, 0, 2);
	tcase_add_test(tc, t_secrets_are_not_dumped);
	tcase_add_test(tc, t_default_pool_is_told_as_a_comment);
	tcase_add_test(tc, t_diff_names_keys_and_classes);
	tcase_add_test(tc, t_diff_sees_sections_come_and_go);
	tcase_add_test(tc, t_diff_sees_new_secrets_without_telling_them);
	tcase_add_test(tc, t_diff_masks_passwords_in_urls);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
