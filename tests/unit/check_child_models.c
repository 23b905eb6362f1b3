/* The model store: finding versions, publishing, copying across. */
#include "config.h"

#include "child/models.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"
#include "child/copy.h"
#include "tests/check_run.h"

static char root[64];
static struct buf why;

static void
setup(void)
{

	strcpy(root, "/tmp/ganger-models-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	buf_init(&why, 4096);
}

static void
teardown(void)
{

	buf_fini(&why);
	dir_remove(root);
}

static void
put_file(const char *path, const char *text)
{
	char *full = str_fmt("%s/%s", root, path);
	FILE *f;

	*strrchr(full, '/') = '\0';
	ck_assert_int_eq(dir_make(full, 0755), 0);
	full[strlen(full)] = '/';
	ck_assert_ptr_nonnull(f = fopen(full, "w"));
	fputs(text, f);
	fclose(f);
	free(full);
}

static void
expect_file(const char *path, const char *text)
{
	char *full = str_fmt("%s/%s", root, path), *got;
	size_t n;

	ck_assert_msg(fd_slurp(full, 4096, &got, &n) == 0, "no %s", full);
	ck_assert_str_eq(got, text);
	free(got);
	free(full);
}

/* The version found, 0 for none. */
static uint32_t
find(const char *name, uint32_t version)
{
	char *store = str_fmt("%s/store", root), *path, *expect;
	uint32_t v = 0;

	if (models_find(store, slice_of(name), version, &v, &path) == 0) {
		expect = str_fmt("%s/%s/%u", store, name, (unsigned)v);
		ck_assert_str_eq(path, expect);
		free(expect);
		free(path);
	}
	free(store);
	return (v);
}

static int
publish(const char *name, const char *from, const char *id, uint32_t *vp)
{
	char *store = str_fmt("%s/store", root);
	char *dir = str_fmt("%s/%s", root, from);
	int r;

	buf_reset(&why);
	r = models_publish(store, slice_of(name), dir, slice_of(id), vp, &why);
	free(store);
	free(dir);
	return (r);
}

START_TEST(t_the_highest_number_is_the_version)
{

	put_file("store/m/2/w", "");
	put_file("store/m/10/w", "");
	put_file("store/m/011/w", "");
	put_file("store/m/12x/w", "");
	put_file("store/m/.tmp-13/w", "");
	put_file("store/m/14", "a file");
	put_file("store/m/99999999999/w", "");
	ck_assert_uint_eq(find("m", 0), 10);
	ck_assert_uint_eq(find("m", 2), 2);
	ck_assert_uint_eq(find("m", 3), 0);
	ck_assert_uint_eq(find("m", 14), 0);
}
END_TEST

START_TEST(t_a_name_is_never_a_path)
{

	put_file("store/m/1/w", "");
	put_file("other/1/w", "");
	ck_assert_uint_eq(find("../other", 0), 0);
	ck_assert_uint_eq(find("..", 0), 0);
	ck_assert_uint_eq(find(".", 0), 0);
	ck_assert_uint_eq(find("", 0), 0);
	ck_assert_uint_eq(find("m/1", 0), 0);
	ck_assert_uint_eq(find("absent", 0), 0);
}
END_TEST

START_TEST(t_publishing_takes_the_next_number)
{
	uint32_t v = 0;

	put_file("store/m/4/w", "old");
	put_file("out/w", "new");
	ck_assert_int_eq(publish("m", "out", "job-1", &v), 0);
	ck_assert_uint_eq(v, 5);
	expect_file("store/m/5/w", "new");
	expect_file("store/m/5/" MODELS_MARKER, "job-1");
	expect_file("store/m/4/w", "old");
	ck_assert_uint_eq(find("m", 0), 5);
}
END_TEST

START_TEST(t_a_rerun_finds_its_version)
{
	uint32_t v = 0;

	put_file("out/w", "first");
	ck_assert_int_eq(publish("m", "out", "job-1", &v), 0);
	put_file("out/w", "second");
	ck_assert_int_eq(publish("m", "out", "job-2", &v), 0);
	ck_assert_uint_eq(v, 2);
	put_file("out/w", "again");
	ck_assert_int_eq(publish("m", "out", "job-1", &v), 0);
	ck_assert_uint_eq(v, 1);
	expect_file("store/m/1/w", "first");
	ck_assert_uint_eq(find("m", 0), 2);
}
END_TEST

START_TEST(t_bad_names_and_empty_output_are_refused)
{
	uint32_t v;

	put_file("out/w", "x");
	ck_assert_int_eq(publish("../m", "out", "j", &v), -ERR_SYNTAX);
	ck_assert_int_eq(publish(".m", "out", "j", &v), -ERR_SYNTAX);
	ck_assert_int_eq(publish("m", "absent", "j", &v), -ERR_NOTFOUND);
	put_file("empty/" MODELS_MARKER, "j");
	ck_assert_int_eq(publish("m", "empty", "j", &v), -ERR_NOTFOUND);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&why), "empty"));
}
END_TEST

/* The marker's name may be taken by a link to something precious. */
START_TEST(t_a_marker_that_is_a_link_is_not_followed)
{
	char *link = str_fmt("%s/out/" MODELS_MARKER, root);
	char *target = str_fmt("%s/precious", root);
	uint32_t v;

	put_file("out/w", "x");
	put_file("precious", "keep me");
	ck_assert_int_eq(symlink(target, link), 0);
	ck_assert_int_eq(publish("m", "out", "j", &v), 0);
	expect_file("precious", "keep me");
	expect_file("store/m/1/" MODELS_MARKER, "j");
	free(link);
	free(target);
}
END_TEST

START_TEST(t_a_copy_has_files_folders_and_links)
{
	char *from = str_fmt("%s/a", root), *to = str_fmt("%s/b", root);
	char *link = str_fmt("%s/a/sub/link", root);
	char *fifo = str_fmt("%s/a/fifo", root);
	struct stat st;

	put_file("a/file", "1");
	put_file("a/sub/deep/file", "2");
	ck_assert_int_eq(symlink("../file", link), 0);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_assert_int_eq(copy_tree(from, to), 0);
	expect_file("b/file", "1");
	expect_file("b/sub/deep/file", "2");
	expect_file("b/sub/link", "1");
	free(link);
	link = str_fmt("%s/b/sub/link", root);
	ck_assert_int_eq(lstat(link, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	free(fifo);
	fifo = str_fmt("%s/b/fifo", root);
	ck_assert_int_ne(lstat(fifo, &st), 0);
	ck_assert_int_ne(copy_tree(from, to), 0);       /* it is there */
	free(link);
	free(fifo);
	free(from);
	free(to);
}
END_TEST

/* /dev/shm is another file system than /tmp on any host with both. */
START_TEST(t_publishing_across_file_systems_copies)
{
	char from[] = "/dev/shm/ganger-out-XXXXXX";
	char *store = str_fmt("%s/store", root), *file;
	struct stat a, b;
	uint32_t v = 0;

	if (mkdtemp(from) == NULL || stat(from, &a) != 0 ||
	    stat(root, &b) != 0 || a.st_dev == b.st_dev) {
		free(store);
		return;
	}
	file = str_fmt("%s/w", from);
	ck_assert_ptr_nonnull(freopen(file, "w", stdin));
	ck_assert_int_eq(models_publish(store, slice_of("m"), from,
	    slice_of("j"), &v, &why), 0);
	expect_file("store/m/1/w", "");
	ck_assert_int_ne(stat(from, &a), 0);
	free(file);
	free(store);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("child_models");
	TCase *tc = tcase_create("models");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, t_the_highest_number_is_the_version);
	tcase_add_test(tc, t_a_name_is_never_a_path);
	tcase_add_test(tc, t_publishing_takes_the_next_number);
	tcase_add_test(tc, t_a_rerun_finds_its_version);
	tcase_add_test(tc, t_bad_names_and_empty_output_are_refused);
	tcase_add_test(tc, t_a_marker_that_is_a_link_is_not_followed);
	tcase_add_test(tc, t_a_copy_has_files_folders_and_links);
	tcase_add_test(tc, t_publishing_across_file_systems_copies);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
