/* Parts beside the running program are preferred to installed ones. */
#include "config.h"

#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/part.h"

#include "tests/check_run.h"

START_TEST(t_beside_the_program)
{
	char own[PATH_MAX], *path;
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	ck_assert_int_gt(n, 0);
	own[n] = '\0';
	path = part_path("/installed", "", strrchr(own, '/') + 1);
	ck_assert_str_eq(path, own);
	free(path);
}
END_TEST

START_TEST(t_else_where_it_is_installed)
{
	char *path = part_path("/installed", "", "no-such-part");

	ck_assert_str_eq(path, "/installed/no-such-part");
	free(path);
	path = part_path("/installed", "no-such-folder/", "check_base_part");
	ck_assert_str_eq(path, "/installed/check_base_part");
	free(path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base_part");
	TCase *tc = tcase_create("part");

	tcase_add_test(tc, t_beside_the_program);
	tcase_add_test(tc, t_else_where_it_is_installed);
	suite_add_tcase(suite, tc);
	return (check_run(suite));
}
