/*
 * main of a check program. Tests run in processes of their own (libcheck's
 * fork mode), so a failed one cannot clean up: what is left of it, its logs
 * and its processes, is dealt with here.
 */
#include "config.h"

#include "tests/rig/rig.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig_impl.h"

#define TAIL 6000       /* bytes shown of each log */

/* Variables that would change the daemon behind the test's back. */
static const char *const unwanted[] = { "MAX_CONCURRENT_JOBS", "USE_GPU",
    "GPU_DEVICE", "JOB_TIMEOUT", "WORKER_ID", "REDIS_URL", "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME", "GANGER_TOKEN_FILE", "LIBRARY_PATH" };

/* As comments of TAP, which is what the harness reads from here. */
static void
show(const char *dir, const char *name)
{
	size_t n = 0;
	char *path, *text, *at, *line;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return;
	if ((text = rig_file_text(path, &n)) != NULL) {
		at = n > TAIL ? text + n - TAIL : text;
		printf("# ---- %s\n", path);
		while ((line = strsep(&at, "\n")) != NULL)
			printf("# %s\n", line);
	}
	free(text);
	free(path);
}

/* The logs of one rig that never reached the end of rig_stop. */
static void
show_rig(const char *dir)
{
	static const char *const names[] = { "redis.log", "gangerd.out",
	    "d0/log", "d1/log", "d2/log", "d3/log" };
	struct dirent *e;
	size_t i;
	DIR *d;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		show(dir, names[i]);
	if ((d = opendir(dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "san.", 4) == 0)
			show(dir, e->d_name);
	closedir(d);
}

static void
show_failed(void)
{
	struct dirent *e;
	char *path;
	DIR *d;

	if ((d = opendir(rig_program_dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || asprintf(&path, "%s/%s",
		    rig_program_dir, e->d_name) < 0)
			continue;
		show_rig(path);
		free(path);
	}
	closedir(d);
}

void
rig_skip(const char *why)
{
	printf("# skipped: %s\n", why);
	fflush(stdout);
}

/* Only processes that this program's daemons started are in its folder. */
static void
kill_left_over(void)
{
	pid_t pids[64];
	int i, n, turn;

	for (turn = 0; turn < 100; turn++) {
		n = rig_belonging(rig_program_dir, pids, 64);
		for (i = 0; i < n && i < 64; i++)
			kill(pids[i], SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		if (n <= 0)
			return;
	}
}

static void
make_program_dir(const char *name)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(rig_program_dir, sizeof(rig_program_dir), "%s/%s.XXXXXX",
	    tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp", name);
	if (mkdtemp(rig_program_dir) == NULL) {
		perror(rig_program_dir);
		exit(99);
	}
}

static Suite *
make_suite(const char *name, const TTest *const *tests, size_t n,
    const char *only)
{
	Suite *suite = suite_create(name);
	TCase *tc;
	size_t i;

	for (i = 0; i < n; i++) {
		if (only != NULL && strcmp(only, tests[i]->name) != 0)
			continue;
		tc = tcase_create(tests[i]->name);
		tcase_set_timeout(tc, 6 * rig_limit());
		tcase_add_test(tc, tests[i]);
		suite_add_tcase(suite, tc);
	}
	return (suite);
}

int
rig_main(int argc, char **argv, const char *name, const TTest *const *tests,
    size_t n)
{
	SRunner *runner;
	size_t i;
	int failed, ran;

	for (i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		unsetenv(unwanted[i]);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);       /* of failed tests' orphans */
	make_program_dir(name);
	runner = srunner_create(make_suite(name, tests, n, argv[1]));
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	ran = srunner_ntests_run(runner);
	srunner_free(runner);
	fflush(stdout);
	if (failed > 0)
		show_failed();
	rig_cgroups_thaw();
	kill_left_over();
	rig_cgroups_remove();
	rig_remove_tree(rig_program_dir);
	return (failed == 0 && ran > 0 ? 0 : 1);
}
