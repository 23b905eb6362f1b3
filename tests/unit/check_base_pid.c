/* base/pid: a zombie is gone although kill(pid, 0) finds it. */
#include "config.h"

#include "base/pid.h"

#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "tests/check_run.h"

static pid_t
start_sleeper(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		for (;;)
			(void)pause();
	return (pid);
}

START_TEST(t_life)
{
	pid_t pid = start_sleeper();
	siginfo_t si;

	ck_assert_int_eq(pid_life(getpid()), PID_ALIVE);
	ck_assert_int_eq(pid_life(pid), PID_ALIVE);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	/* waits for its end and leaves it a zombie */
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(kill(pid, 0), 0);
	ck_assert_int_eq(pid_life(pid), PID_GONE);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(pid_life(pid), PID_GONE);
}
END_TEST

START_TEST(t_no_process)
{
	ck_assert_int_eq(pid_life(0), PID_GONE);
	ck_assert_int_eq(pid_life(-1), PID_GONE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_pid");
	TCase *tc = tcase_create("pid");

	tcase_add_test(tc, t_life);
	tcase_add_test(tc, t_no_process);
	suite_add_tcase(suite, tc);
	return (check_run(suite));
}
