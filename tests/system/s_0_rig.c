/*
 * The rig itself: what it looks for after each test must be seen when it is
 * there, or all the other tests' "nothing is left" would mean nothing.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/rig.h"

/* Runs a shell in the place of gangerd. */
static const char *
run_shell(struct rig *r, const char *script)
{
	const char *args[] = { "-c", script, NULL }, *out;

	setenv("GANGERD", "/bin/sh", 1);
	ck_assert_int_eq(rig_gangerd(r, &out, args), 0);
	return (out);
}

/* It has left session and parent; only its environment still tells. */
START_TEST(t_left_over_process_is_seen)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	pid_t pid;

	run_shell(r, "(cd /; exec setsid sleep 1000) </dev/null "
	    ">/dev/null 2>&1 &");
	rig_until(r, rig_processes(r, &pid, 1) == 1);
	rig_kill(pid, SIGKILL);
	rig_until(r, rig_processes(r, NULL, 0) == 0);
	rig_stop(&r);
}
END_TEST

/* One that cleaned its environment is told by where it stands. */
START_TEST(t_left_over_process_without_environment_is_seen)
{
	struct rig *r = rig_new(RIG_NO_REDIS);
	pid_t pid;

	run_shell(r, "env -i /usr/bin/setsid /bin/sleep 1000 </dev/null "
	    ">/dev/null 2>&1 &");
	rig_until(r, rig_processes(r, &pid, 1) == 1);
	rig_kill(pid, SIGKILL);
	rig_until(r, rig_processes(r, NULL, 0) == 0);
	rig_stop(&r);
}
END_TEST

/* Redis itself is no process of the daemon; leases are counted. */
START_TEST(t_left_over_lease_is_seen)
{
	struct rig *r = rig_new(0);

	ck_assert_int_eq(rig_processes(r, NULL, 0), 0);
	ck_assert_int_eq(rig_leased(r), 0);
	rig_cmd(r, "HSET {q}:leased:w1 token:1 job token:2 job");
	ck_assert_int_eq(rig_leased(r), 2);
	rig_cmd(r, "DEL {q}:leased:w1");
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_0_rig",
    t_left_over_process_is_seen,
    t_left_over_process_without_environment_is_seen,
    t_left_over_lease_is_seen)
