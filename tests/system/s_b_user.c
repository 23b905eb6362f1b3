/*
 * Handlers that run as another user: they reach their own folders and no
 * others. Only root can try.
 */
#include "config.h"

#include <sys/stat.h>

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_run.h"
#include "tests/rig/rig.h"

#define USER "nobody"
#define INI "kill_grace = 200ms\nretry_backoff = 10ms\nmax_attempts = 1\n" \
	"[pool p]\nslots = 1\ncpus = 0\n[handler own]\nkind = command\n" \
	"user = " USER "\ncommand = /bin/sh -ec 'cd $GANGER_WORKDIR; " \
	"touch here $GANGER_OUTPUT_DIR/o $GANGER_CHECKPOINT_DIR/c; " \
	"id -u >$GANGER_RESULT; if ls .. || ls $GANGER_OUTPUT_DIR/.. || " \
	"ls ../../../state; then exit 9; fi'\n"

/* The folders above the rig's daemon are the rig's to open. */
static void
open_way(struct rig *r)
{
	ck_assert_int_eq(chmod(rig_fmt(r, "%s/..", rig_dir(r)), 0711), 0);
	ck_assert_int_eq(chmod(rig_dir(r), 0711), 0);
	ck_assert_int_eq(chmod(rig_fmt(r, "%s/d0", rig_dir(r)), 0711), 0);
}

static mode_t
mode_of(struct rig *r, const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(rig_fmt(r, "%s/d0/%s", rig_dir(r), name), &st),
	    0);
	return (st.st_mode & 07777);
}

START_TEST(t_handler_user_reaches_its_folders)
{
	struct rig *r = rig_start(INI);
	json_t *rec;

	open_way(r);
	ck_assert_int_eq(mode_of(r, "run"), 0700);
	rig_push(r, Q_INF, "{\"id\":\"u1\",\"handler\":\"own\"}");
	rec = rig_wait_record(r, Q_INF, "u1", "done");
	ck_assert_int_eq(js_int(rec, "result"), getpwnam(USER)->pw_uid);
	ck_assert_int_eq(mode_of(r, "run"), 0711);
	ck_assert_int_eq(mode_of(r, "state"), 0711);
	ck_assert_int_eq(mode_of(r, "run/children.sock"), 0600);
	rig_stop(&r);
}
END_TEST

/* Whoever owns the folder of the sockets owns the daemon's children. */
START_TEST(t_foreign_run_dir_is_78)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	int d = rig_daemon(r, "w1", INI_ONE);
	const char *run = rig_fmt(r, "%s/d0/run", rig_dir(r)), *out;
	const char *args[] = { "-F", "-c", rig_daemon_file(r, d), NULL };

	ck_assert_int_eq(mkdir(run, 0700), 0);
	ck_assert_int_eq(chown(run, 65534, 65534), 0);
	ck_assert_int_eq(rig_gangerd(r, &out, args), 78);
	ck_assert_ptr_nonnull(strstr(out, "belongs to user 65534"));
	rig_stop(&r);
}
END_TEST

int
main(int argc, char **argv)
{
	const TTest *const tests[] = { t_handler_user_reaches_its_folders,
	    t_foreign_run_dir_is_78 };

	if (geteuid() != 0 || getpwnam(USER) == NULL)
		return (check_skip("only root can run a handler as " USER));
	return (rig_main(argc, argv, "s_b_user", tests, 2));
}
