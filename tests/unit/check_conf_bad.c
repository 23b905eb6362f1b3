/*
 * A table of bad files with the exact problems that gangerd -t would print.
 * '@' stands for the path of the file, '%' for its folder. All problems of a
 * file are there, in order of line, and nothing else.
 */
#include "config.h"

#include "conf/conf.h"

#include <stdint.h>

#include "base/obj.h"
#include "tests/unit/conf_rig.h"

#define URL_FORMS "accepted are redis://[user:password@]host:port/db, " \
	"rediss://..., unix:/path and unix:///path?db=N"

static const struct bad {
	const char *text;
	const char *problems;
} bad[] = {
	/* form */
	{ "x = 1\n", "@:1: x: key before the first [section]\n" },
	{ "[supervisor\nkill_grace = 1x\n",
	    "@:1: section header without its closing ]\n" },
	{ "\n[]\n", "@:2: section without a name\n" },
	{ "[log] x\n", "@:1: text after the closing ] of a section header\n" },
	{ "[log]\nlevel\n", "@:2: neither [section], key = value nor a "
	    "comment: level\n" },
	{ "[log]\n= info\n", "@:2: value without a key\n" },
	{ "[log]\nlevel = \xff\n", "@:2: not valid UTF-8\n" },
	{ "[log]\nlevel = a\x01\x1b[2J\n",
	    "@:2: level: \"a??[2J\" is not bug, error, warn, info, debug or "
	    "trace\n" },
	{ "[log]\nlevel = 1234567890123456789012345678901234567890123456789"
	    "012345678901234567890123456789\xc3\xa4\n",
	    "@:2: level: \"123456789012345678901234567890123456789012345678"
	    "9012345678901234567890123456789?\" is not bug, error, warn, info, "
	    "debug or trace\n" },
	{ "[log]\nlevel = info\n\nlevel = warn\n",
	    "@:4: level: duplicate key, first at line 2\n" },
	{ "[log]\n[redis]\n[log]\nlevl = x\n",
	    "@:3: duplicate section [log], first at line 1\n"
	    "@:4: levl: unknown key in [log], did you mean level?\n" },
	{ "[handler a]\nkind = command\ncommand = true\n[handler a]\n",
	    "@:4: duplicate section [handler a], first at line 1\n" },

	/* names */
	{ "[superviser]\nx = 1\n",
	    "@:1: unknown section [superviser], did you mean [supervisor]?\n" },
	{ "[nothing-like-it]\n",
	    "@:1: unknown section [nothing-like-it]\n" },
	{ "[supervisor]\nkil_grace = 1s\n\nzzzzzz = 1\n",
	    "@:2: kil_grace: unknown key in [supervisor], did you mean "
	    "kill_grace?\n"
	    "@:4: zzzzzz: unknown key in [supervisor]\n" },
	{ "[supervisor]\nenv.X = 1\n",
	    "@:2: env.X: unknown key in [supervisor]\n" },
	{ "[redis main]\n", "@:1: [redis] takes no name\n" },
	{ "[pool]\n", "@:1: [pool] needs a name, as in [pool NAME]\n" },
	{ "[pool a b]\n", "@:1: [pool a b]: a name is 1 to 128 of letters, "
	    "digits and ._:-\n" },

	/* values */
	{ "[supervisor]\nkill_grace = 11m\n",
	    "@:2: kill_grace: 11m is out of range, 0 to 10m\n" },
	{ "[supervisor]\nlease_ttl = 999ms\n",
	    "@:2: lease_ttl: 999ms is out of range, 1s to 1h\n" },
	{ "[supervisor]\njob_timeout = soon\nmax_attempts = 1.5\n"
	    "max_job_size = 16Q\nretry_timeouts = maybe\n"
	    "max_concurrent_jobs = many\ndead_max =\n",
	    "@:2: job_timeout: \"soon\" is not a duration such as 500ms, 30s, "
	    "5m, 2h or 7d\n"
	    "@:3: max_attempts: \"1.5\" is not a whole number\n"
	    "@:4: max_job_size: \"16Q\" is not a size such as 512, 64K, 16M "
	    "or 6G\n"
	    "@:5: retry_timeouts: \"maybe\" is not yes or no\n"
	    "@:6: max_concurrent_jobs: \"many\" is not a whole number or auto\n"
	    "@:7: dead_max: \"\" is not a whole number\n" },
	{ "[supervisor]\nmax_concurrent_jobs = -1\n",
	    "@:2: max_concurrent_jobs: -1 is out of range, 1 to 1024\n" },
	{ "[supervisor]\nmax_attempts = 99999999999999999999\n",
	    "@:2: max_attempts: 99999999999999999999 is out of range, 1 to "
	    "1000\n" },
	{ "[supervisor]\nlane_weights = 16:4\n",
	    "@:2: lane_weights: \"16:4\" is not HIGH:NORMAL:LOW, whole numbers "
	    "from 1 to 1000\n" },
	{ "[supervisor]\nlane_weights = 16:0:1\n",
	    "@:2: lane_weights: \"16:0:1\" is not HIGH:NORMAL:LOW, whole "
	    "numbers from 1 to 1000\n" },
	{ "[supervisor]\nretry_backoff = 2s\nretry_backoff_max = 1s\n",
	    "@:3: retry_backoff_max: less than retry_backoff\n" },
	{ "[supervisor]\nworker_id = a b\n",
	    "@:2: worker_id: \"a b\" is not 1 to 128 of letters, digits and "
	    "._:-\n" },
	{ "[supervisor]\nuser = no-such-user-x\ngroup = no-such-group-x\n",
	    "@:2: user: no user \"no-such-user-x\"\n"
	    "@:3: group: no group \"no-such-group-x\"\n" },
	{ "[log]\ntarget =\n",
	    "@:2: target: empty, must be stderr, syslog, journal or a file\n" },

	/* redis and http */
	{ "[redis]\nprefix = a{b}\n", "@:2: prefix: \"a{b}\" is not 1 to 64 "
	    "of letters, digits and ._:-\n" },
	{ "[redis]\nurl = redis://u:secret@h:x\n", "@:2: url: port is not a "
	    "number from 1 to 65535; " URL_FORMS "\n" },
	{ "[redis]\npassword_file = none\n",
	    "@:2: password_file: could not read %/none: "
	    "No such file or directory\n" },
	{ "[http]\nlisten = 8000\n", "@:2: listen: \"8000\" is not "
	    "address:port, [IPv6 address]:port or empty\n" },
	{ "[http]\nlisten = ::1:8000\n", "@:2: listen: \"::1:8000\" is not "
	    "address:port, [IPv6 address]:port or empty\n" },
	{ "[http]\nlisten = 127.0.0.1:65536\n", "@:2: listen: "
	    "\"127.0.0.1:65536\" is not address:port, [IPv6 address]:port or "
	    "empty\n" },
	{ "[http]\nlisten = 0.0.0.0:80\n", "@:2: listen: 0.0.0.0 is not a "
	    "loopback address: token_file or open_read = yes must be given "
	    "too\n" },
	{ "[http]\nlisten = [::]:80\n", "@:2: listen: :: is not a loopback "
	    "address: token_file or open_read = yes must be given too\n" },

	/* handlers */
	{ "\n[handler a]\n", "@:2: kind: missing in [handler a]: command, "
	    "runner or plugin\n" },
	{ "[handler a]\nkind = exec\n",
	    "@:2: kind: \"exec\" is not command, runner or plugin\n" },
	{ "[handler a]\nkind = command\n",
	    "@:1: command: missing in [handler a]\n" },
	{ "[handler a]\nkind = plugin\n",
	    "@:1: path: missing in [handler a]\n" },
	{ "[handler a]\nkind = runner\ncommand = no-such-program-x 1\n",
	    "@:3: command: no-such-program-x: not found in PATH\n" },
	{ "[handler a]\nkind = runner\ncommand = ./gone\n",
	    "@:3: command: %/./gone: No such file or directory\n" },
	{ "[handler a]\nkind = command\ncommand = sh /gone/x.sh\n",
	    "@:3: command: /gone/x.sh: No such file or directory\n" },
	{ "[handler a]\nkind = command\ncommand = /bin\n",
	    "@:3: command: /bin: not a regular file\n" },
	{ "[handler a]\nkind = command\ncommand = t.ini\n",
	    "@:3: command: t.ini: not found in PATH\n" },
	{ "[handler a]\nkind = command\ncommand = ./t.ini\n",
	    "@:3: command: %/./t.ini: not executable\n" },
	{ "[handler a]\nkind = command\ncommand = sh -c 'a ; b'\n",
	    "@:3: command: quote without its end (a ; behind white space "
	    "starts a comment)\n" },
	{ "[handler a]\nkind = command\ncommand = true\npath = x.so\n",
	    "@:4: path: only for kind = plugin\n" },
	{ "[handler a]\nkind = plugin\ncommand = true\npath = /gone.so\n",
	    "@:3: command: not for kind = plugin\n"
	    "@:4: path: /gone.so: No such file or directory\n" },
	{ "[handler a]\nkind = command\ncommand = true\nenv.9 = 1\n"
	    "env.GANGER_X = 1\nenv.CUDA_VISIBLE_DEVICES = 0\n",
	    "@:4: env.9: not the name of a variable: letters, digits and _\n"
	    "@:5: env.GANGER_X: this variable is set by ganger itself\n"
	    "@:6: env.CUDA_VISIBLE_DEVICES: this variable is set by ganger "
	    "itself\n" },
	{ "[handler a]\nkind = command\ncommand = true\nbatch_size = 257\n"
	    "user = no-such-user-x\n",
	    "@:4: batch_size: 257 is out of range, 1 to 256\n"
	    "@:5: user: no user \"no-such-user-x\"\n" },
	{ "[handler a]\nkind = command\ncommand = true\ntypes = x, y\n"
	    "[handler b]\nkind = command\ncommand = true\ntypes = y\n",
	    "@:8: types: \"y\" is served by [handler a] too, in [pool "
	    "default]\n" },

	/* pools */
	{ "[pool p]\nhandlers = a, b a\n[handler a]\nkind = command\n"
	    "command = true\n",
	    "@:2: handlers: \"a\" is given twice\n"
	    "@:2: handlers: no [handler b]\n" },
	{ "[pool p]\nslots = 0\ncpus = 0-\n",
	    "@:2: slots: 0 is out of range, 1 to 1024\n"
	    "@:3: cpus: \"0-\" is not a list such as 0-3,8, or auto\n" },
	{ "[supervisor]\nhousekeeping_cpus = some\n",
	    "@:2: housekeeping_cpus: \"some\" is not a list such as 0-1, auto "
	    "or none\n" },
	{ "[pool p]\nslots = 2\ndevices = 0\n",
	    "@:2: slots: not with devices: slots_per_device says it there\n" },
	{ "[pool p]\nslots_per_device = 2\ndevices_per_slot = 2\n",
	    "@:2: slots_per_device: only with devices\n"
	    "@:3: devices_per_slot: only with devices\n" },
	{ "[pool p]\ndevices = 0, x, 0, all\n",
	    "@:2: devices: \"0\" is given twice\n"
	    "@:2: devices: \"x\" is not an index, GPU-UUID, MIG-UUID or, "
	    "alone, all\n"
	    "@:2: devices: \"all\" is not an index, GPU-UUID, MIG-UUID or, "
	    "alone, all\n" },
	{ "[pool p]\ndevices = 0,1,2\ndevices_per_slot = 2\n",
	    "@:3: devices_per_slot: 3 devices can't be shared out by 2\n" },
	{ "[pool p]\nqueues = a, a, {b}\n",
	    "@:2: queues: \"a\" is given twice\n"
	    "@:2: queues: \"{b}\" has a brace; they mark the slot in a Redis "
	    "Cluster and are added by ganger\n" },
	{ "[pool p]\nslots = 1024\n[pool q]\nslots = 1\n",
	    "@:4: slots: 1025 slots up to here, more than the 1024 of one "
	    "daemon\n" },
	{ "[supervisor]\nuse_gpu = yes\ngpu_device =\n",
	    "@:3: gpu_device: empty, but use_gpu is set\n" },
	{ "[supervisor]\nuse_gpu = yes\ngpu_device = one\n",
	    "@:3: gpu_device: \"one\" is not an index, GPU-UUID, MIG-UUID or, "
	    "alone, all\n" },
	{ "[supervisor]\ngpu_device = 0, one\n",
	    "@:2: gpu_device: \"one\" is not an index, GPU-UUID, MIG-UUID or, "
	    "alone, all\n" },
	{ "[supervisor]\nuse_gpu = yes\ngpu_device = 0,0\n[pool p]\n",
	    "@:3: gpu_device: \"0\" is given twice\n" },

	/* schedules */
	{ "[schedule s]\ncron = * * * * *\n",
	    "@:1: queue: missing in [schedule s]\n"
	    "@:1: job: missing in [schedule s]\n" },
};

START_TEST(t_every_problem_is_named_with_its_line)
{
	rig_bad(bad[_i].text, strlen(bad[_i].text), bad[_i].problems);
}
END_TEST

/* Lines of any length, with and without an end. */
START_TEST(t_long_lines_keep_their_number)
{
	size_t n = 100000;
	char *text = malloc(n + 100);

	ck_assert_ptr_nonnull(text);
	memcpy(text, "[log]\n;", 7);
	memset(text + 7, 'x', n);
	strcpy(text + 7 + n, "\nlevel = nope");
	rig_bad(text, strlen(text), "@:3: level: \"nope\" is not bug, error, "
	    "warn, info, debug or trace\n");
	free(text);
}
END_TEST

START_TEST(t_nul_byte_is_a_problem_of_its_line)
{
	static const char text[] = "[log]\nlevel = info\0\nformat = json\n";

	rig_bad(text, sizeof(text) - 1, "@:2: NUL byte\n");
}
END_TEST

START_TEST(t_too_large_a_file_is_refused)
{
	size_t n = (1u << 20) + 1;
	char *text = malloc(n);

	ck_assert_ptr_nonnull(text);
	memset(text, '\n', n);
	rig_bad(text, n, "@: could not read: too large\n");
	free(text);
}
END_TEST

START_TEST(t_absent_file_and_folder_are_problems)
{
	ck_assert_int_eq(rig_load_file("/nowhere/t.ini"), -ERR_CONFIG);
	ck_assert_str_eq(rig_problems(),
	    "/nowhere/t.ini: could not read: No such file or directory\n");
	ck_assert_int_eq(rig_load_file("/"), -ERR_CONFIG);
	ck_assert_str_eq(rig_problems(),
	    "/: could not read: not a regular file\n");
	ck_assert_uint_eq(rig.problems.count, 1);
}
END_TEST

/* For root a group that may write the file would be root. */
START_TEST(t_files_that_others_may_write_are_refused)
{
	const char *path = rig_file("t.ini", "", 0, 0602);
	char expected[400];

	(void)snprintf(expected, sizeof(expected),
	    "%s: could not read: others may write it\n", path);
	ck_assert_int_eq(rig_load_file(path), -ERR_CONFIG);
	ck_assert_str_eq(rig_problems(), expected);

	(void)snprintf(expected, sizeof(expected),
	    "%s: could not read: its group may write it\n", path);
	(void)rig_file("t.ini", "", 0, 0660);
	if (geteuid() == 0) {
		ck_assert_int_eq(rig_load_file(path), -ERR_CONFIG);
		ck_assert_str_eq(rig_problems(), expected);
	} else
		ck_assert_int_eq(rig_load_file(path), 0);
}
END_TEST

START_TEST(t_secrets_and_handlers_of_others_are_refused)
{
	static const char text[] =
	    "[redis]\npassword_file = pw\n[http]\ntoken_file = empty\n"
	    "[handler a]\nkind = command\ncommand = ./prog\n"
	    "[handler b]\nkind = plugin\npath = ./plug.so\n";

	(void)rig_file("pw", "x\n", 2, 0602);
	(void)rig_file("empty", "\nx\n", 3, 0600);
	(void)rig_file("prog", "#!/bin/sh\n", 10, 0707);
	(void)rig_file("plug.so", "", 0, 0666);
	rig_bad(text, sizeof(text) - 1,
	    "@:2: password_file: could not read %/pw: others may write it\n"
	    "@:4: token_file: could not read %/empty: its first line is "
	    "empty\n"
	    "@:7: command: %/./prog: others may write it\n"
	    "@:10: path: %/./plug.so: others may write it\n");
}
END_TEST

START_TEST(t_only_root_may_change_the_user)
{
	static const char text[] = "[supervisor]\nuser = root\n"
	    "[handler a]\nkind = command\ncommand = true\nuser = root\n";

	if (geteuid() == 0) {
		ck_assert(!rig_good(text)->supervisor.change_user);
		ck_assert(rig.c->handlers[0].has_user);
		return;
	}
	rig_bad(text, sizeof(text) - 1, "@:2: user: only root can change it\n"
	    "@:6: user: only root can change it\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_bad");
	TCase *tc = tcase_create("bad");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_loop_test(tc, t_every_problem_is_named_with_its_line, 0,
	    NELEM(bad));
	tcase_add_test(tc, t_long_lines_keep_their_number);
	tcase_add_test(tc, t_nul_byte_is_a_problem_of_its_line);
	tcase_add_test(tc, t_too_large_a_file_is_refused);
	tcase_add_test(tc, t_absent_file_and_folder_are_problems);
	tcase_add_test(tc, t_files_that_others_may_write_are_refused);
	tcase_add_test(tc, t_secrets_and_handlers_of_others_are_refused);
	tcase_add_test(tc, t_only_root_may_change_the_user);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
