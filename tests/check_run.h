/*
 * How every libcheck program of the tree ends: run the suite, and tell the
 * harness through the exit status whether all of it passed. The cases
 * themselves go to the harness as TAP (see tests/local.mk).
 */
#ifndef TESTS_CHECK_RUN_H
#define TESTS_CHECK_RUN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Takes the suite. The result is main's. */
static inline int
check_run(Suite *suite)
{
	SRunner *sr = srunner_create(suite);
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Instead of check_run where the program can't run here. */
static inline int
check_skip(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	return (EXIT_SUCCESS);
}

#endif
