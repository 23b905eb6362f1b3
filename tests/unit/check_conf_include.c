/*
 * Files that a configuration includes: what they may say, in which order, and
 * that every problem is told with the file that it is in.
 */
#include "config.h"

#include "base/xalloc.h"
#include "tests/unit/conf_rig.h"

static void
put(const char *name, const char *text)
{
	(void)rig_file(name, text, strlen(text), 0600);
}

static void
setup(void)
{
	char path[300];

	rig_setup();
	(void)snprintf(path, sizeof(path), "%s/conf.d", rig.dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void
load_main(const char *text, int expected)
{
	put("t.ini", text);
	ck_assert_msg(rig_load_file(rig.file) == expected, "%s",
	    buf_cstr(&rig.problems.text));
}

/* The problems with the folder's name taken out. */
static void
check_problems(const char *expected)
{
	char *got = xstrdup(buf_cstr(&rig.problems.text)), *at;
	size_t n = strlen(rig.dir) + 1;

	while ((at = strstr(got, rig.dir)) != NULL)
		memmove(at, at + n, strlen(at + n) + 1);
	ck_assert_str_eq(got, expected);
	free(got);
}

START_TEST(t_files_go_on_with_the_sections)
{
	put("conf.d/20-b.ini", "[handler b]\nkind = command\n"
	    "command = true\n[supervisor]\nmax_attempts = 7\n");
	put("conf.d/10-a.ini", "[handler a]\nkind = command\n"
	    "command = true\n[http]\nopen_read = yes\n");
	put("conf.d/ignored.ini~", "nonsense\n");
	load_main(_i == 0 ? "include = conf.d/*.ini ; all\n[supervisor]\n"
	    "kill_grace = 3s\n[handler m]\nkind = command\ncommand = true\n" :
	    "[supervisor]\ninclude = conf.d/10-a.ini, conf.d/2*.ini\n"
	    "kill_grace = 3s\n[handler m]\nkind = command\ncommand = true\n",
	    0);
	ck_assert_int_eq(rig.c->supervisor.max_attempts, 7);
	ck_assert_int_eq(rig.c->supervisor.kill_grace, 3 * DUR_S);
	ck_assert(rig.c->http.open_read);
	ck_assert_uint_eq(rig.c->nhandlers, 3);
	ck_assert_str_eq(rig.c->handlers[0].name, "m");
	ck_assert_str_eq(rig.c->handlers[1].name, "a");
	ck_assert_str_eq(rig.c->handlers[2].name, "b");
}
END_TEST

START_TEST(t_an_empty_folder_is_no_problem_a_missing_file_is)
{
	load_main("include = conf.d/*.ini\n[supervisor]\n", 0);
	load_main("[supervisor]\nmax_attempts = 1\ninclude = conf.d/x.ini\n",
	    -ERR_CONFIG);
	check_problems("t.ini:3: include: could not read conf.d/x.ini: "
	    "No such file or directory\n");
}
END_TEST

/* Both places of a duplicate, and each problem with its own file; the main
 * file first, then the others in order. */
START_TEST(t_problems_name_the_right_file)
{
	put("conf.d/a.ini", "[pool p]\nslots = 1\n[log]\nlevel = loud\n");
	put("conf.d/b.ini", "[pool p]\nslots = 2\n[supervisor]\n"
	    "kill_grace = 2s\nno_such = 1\ninclude = c.ini\n[log]\n[log]\n");
	load_main("include = conf.d/*.ini\n[supervisor]\nkill_grace = 1s\n"
	    "job_timeout = x\n", -ERR_CONFIG);
	check_problems("t.ini:4: job_timeout: \"x\" is not a duration such as "
	    "500ms, 30s, 5m, 2h or 7d\n"
	    "conf.d/a.ini:4: level: \"loud\" is not bug, error, warn, info, "
	    "debug or trace\n"
	    "conf.d/b.ini:1: duplicate section [pool p], first at "
	    "conf.d/a.ini:1\n"
	    "conf.d/b.ini:4: kill_grace: duplicate key, first at t.ini:3\n"
	    "conf.d/b.ini:5: no_such: unknown key in [supervisor]\n"
	    "conf.d/b.ini:6: include: only the main file includes others\n"
	    "conf.d/b.ini:8: duplicate section [log], first at "
	    "conf.d/a.ini:3\n");
}
END_TEST

/* Found after all was read: still told where it is. */
START_TEST(t_late_problems_name_the_right_file)
{
	put("conf.d/a.ini", "\n[pool p]\nhandlers = none\n");
	load_main("include = conf.d/*.ini\n", -ERR_CONFIG);
	check_problems("conf.d/a.ini:3: handlers: no [handler none]\n");
}
END_TEST

START_TEST(t_files_and_folders_of_others_are_refused)
{
	char path[300];

	put("conf.d/a.ini", "[supervisor]\n");
	(void)rig_file("conf.d/a.ini", "", 0, 0606);
	load_main("include = conf.d/*.ini\n", -ERR_CONFIG);
	check_problems("t.ini:1: include: could not read conf.d/a.ini: "
	    "others may write it\n");
	(void)rig_file("conf.d/a.ini", "", 0, 0600);
	(void)snprintf(path, sizeof(path), "%s/conf.d", rig.dir);
	ck_assert_int_eq(chmod(path, 0707), 0);
	load_main("include = conf.d/*.ini\n", -ERR_CONFIG);
	check_problems("t.ini:1: include: conf.d/*.ini: others may add files "
	    "to its folder\n");
}
END_TEST

/* The dump is one file with everything in it. */
START_TEST(t_the_dump_needs_no_other_files)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f;

	put("conf.d/a.ini", "[pool p]\nslots = 3\n");
	load_main("[supervisor]\ninclude = conf.d/*.ini\n", 0);
	ck_assert_ptr_nonnull(f = open_memstream(&text, &n));
	conf_dump(rig.c, f);
	ck_assert_int_eq(fclose(f), 0);
	load_main(text, 0);
	ck_assert_int_eq(rig.c->pools[0].slots, 3);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_include");
	TCase *tc = tcase_create("include");

	tcase_add_checked_fixture(tc, setup, rig_teardown);
	tcase_add_loop_test(tc, t_files_go_on_with_the_sections, 0, 2);
	tcase_add_test(tc, t_an_empty_folder_is_no_problem_a_missing_file_is);
	tcase_add_test(tc, t_problems_name_the_right_file);
	tcase_add_test(tc, t_late_problems_name_the_right_file);
	tcase_add_test(tc, t_files_and_folders_of_others_are_refused);
	tcase_add_test(tc, t_the_dump_needs_no_other_files);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
