/*
 * base/fd: descriptors, whole reads and writes, folders made and removed.
 * Each test works in a temporary folder of its own and removes it itself,
 * so a dir_remove that does too little also shows there.
 */
#include "config.h"

#include "base/fd.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/check_run.h"

static char root[200];

static void
make_root(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(root, sizeof(root), "%s/ganger-fd-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void
remove_root(void)
{
	ck_assert_int_eq(dir_remove(root), 0);
	ck_assert_int_eq(access(root, F_OK), -1);
}

/* The name of something in the folder; valid for four calls. */
static const char *
in_root(const char *name)
{
	static char paths[4][400];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
	return (path);
}

static void
make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
	fd_close(&fd);
}

START_TEST(t_close_happens_once)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), old = fd, none = -1;

	ck_assert_int_ge(fd, 0);
	fd_close(&fd);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(fcntl(old, F_GETFD), -1);
	errno = EPERM;
	fd_close(&none);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(t_flags_are_set)
{
	int p[2], bad = -1;

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(fd_cloexec(p[0]), 0);
	ck_assert_int_eq(fd_nonblock(p[0]), 0);
	ck_assert_int_ne(fcntl(p[0], F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fd_cloexec(bad), -ERR_SYSTEM);
	ck_assert_int_eq(fd_nonblock(bad), -ERR_SYSTEM);
	fd_close(&p[0]);
	fd_close(&p[1]);
}
END_TEST

struct transfer {
	int fd;
	char *data;
	size_t n;
	int result;
};

static void *
write_it(void *arg)
{
	struct transfer *t = arg;

	t->result = fd_write_all(t->fd, t->data, t->n);
	return (NULL);
}

/* A megabyte through a non-blocking socket pair: both sides meet EAGAIN. */
START_TEST(t_much_passes_through_a_full_socket)
{
	struct transfer t = { .n = 1 << 20 };
	char *got;
	pthread_t th;
	int sv[2];
	size_t i;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    sv), 0);
	t.fd = sv[0];
	t.data = malloc(t.n);
	got = malloc(t.n);
	for (i = 0; i < t.n; i++)
		t.data[i] = (char)(i * 7);
	ck_assert_int_eq(pthread_create(&th, NULL, write_it, &t), 0);
	ck_assert_int_eq(fd_read_all(sv[1], got, t.n), 0);
	ck_assert_int_eq(pthread_join(th, NULL), 0);
	ck_assert_int_eq(t.result, 0);
	ck_assert_mem_eq(got, t.data, t.n);
	fd_close(&sv[0]);
	ck_assert_int_eq(fd_read_all(sv[1], got, 1), -ERR_CLOSED);
	fd_close(&sv[1]);
	ck_assert_int_eq(fd_read_all(sv[1], got, 1), -ERR_SYSTEM);
	free(t.data);
	free(got);
}
END_TEST

START_TEST(t_slurp_reads_up_to_the_limit)
{
	char *text;
	size_t n;

	make_root();
	make_file(in_root("f"), "12345");
	ck_assert_int_eq(fd_slurp(in_root("f"), 5, &text, &n), 0);
	ck_assert_str_eq(text, "12345");
	ck_assert_uint_eq(n, 5);
	free(text);
	ck_assert_int_eq(fd_slurp(in_root("f"), 4, &text, &n), -ERR_RANGE);
	make_file(in_root("f"), "");
	ck_assert_int_eq(fd_slurp(in_root("f"), 0, &text, &n), 0);
	ck_assert_str_eq(text, "");
	free(text);
	remove_root();
}
END_TEST

START_TEST(t_slurp_reads_files_without_a_size)
{
	char *text;
	size_t n;

	ck_assert_int_eq(fd_slurp("/proc/self/status", SIZE_MAX, &text, &n),
	    0);
	ck_assert_ptr_nonnull(strstr(text, "Pid:"));
	ck_assert_uint_eq(strlen(text), n);
	free(text);
}
END_TEST

START_TEST(t_slurp_reports_what_is_no_file)
{
	char *text;
	size_t n;

	make_root();
	ck_assert_int_eq(fd_slurp(in_root("absent"), 9, &text, &n),
	    -ERR_SYSTEM);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(fd_slurp(root, 9, &text, &n), -ERR_SYSTEM);
	ck_assert_int_eq(errno, EISDIR);
	remove_root();
}
END_TEST

START_TEST(t_folders_are_made_with_their_parents)
{
	struct stat st;

	make_root();
	ck_assert_int_eq(dir_make(in_root("a/b//c/"), 0700), 0);
	ck_assert_int_eq(stat(in_root("a/b/c"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(dir_make(in_root("a/b"), 0755), 0);
	make_file(in_root("f"), "x");
	ck_assert_int_eq(dir_make(in_root("f"), 0700), -ERR_SYSTEM);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_int_eq(dir_make(in_root("f/g"), 0700), -ERR_SYSTEM);
	ck_assert_int_eq(dir_make("", 0700), -ERR_SYSTEM);
	remove_root();
}
END_TEST

START_TEST(t_removal_does_not_follow_links)
{
	make_root();
	ck_assert_int_eq(dir_make(in_root("keep"), 0700), 0);
	make_file(in_root("keep/f"), "x");
	ck_assert_int_eq(dir_make(in_root("go/sub"), 0700), 0);
	ck_assert_int_eq(symlink("../../keep", in_root("go/sub/link")), 0);
	ck_assert_int_eq(symlink("../keep/f", in_root("go/file")), 0);
	ck_assert_int_eq(dir_remove(in_root("go")), 0);
	ck_assert_int_eq(access(in_root("go"), F_OK), -1);
	ck_assert_int_eq(access(in_root("keep/f"), F_OK), 0);
	ck_assert_int_eq(symlink("keep", in_root("link")), 0);
	ck_assert_int_eq(dir_remove(in_root("link")), 0);
	ck_assert_int_eq(access(in_root("keep/f"), F_OK), 0);
	remove_root();
}
END_TEST

START_TEST(t_removing_nothing_is_fine)
{
	make_root();
	ck_assert_int_eq(dir_remove(in_root("absent")), 0);
	make_file(in_root("f"), "x");
	ck_assert_int_eq(dir_remove(in_root("f")), 0);
	ck_assert_int_eq(access(in_root("f"), F_OK), -1);
	remove_root();
}
END_TEST

START_TEST(t_folders_without_permissions_go_too)
{
	make_root();
	ck_assert_int_eq(dir_make(in_root("a/b"), 0700), 0);
	make_file(in_root("a/b/f"), "x");
	ck_assert_int_eq(chmod(in_root("a/b"), 0), 0);
	ck_assert_int_eq(chmod(in_root("a"), 0500), 0);
	remove_root();
}
END_TEST

/* Deeper than there are descriptors, and two such branches. */
START_TEST(t_very_deep_folders_go_too)
{
	int fd, next, i, branch;
	char name[16];

	make_root();
	for (branch = 0; branch < 2; branch++) {
		(void)snprintf(name, sizeof(name), "b%d", branch);
		fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (i = 0; i < 1500; i++) {
			ck_assert_int_eq(mkdirat(fd, name, 0700), 0);
			next = openat(fd, name,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			ck_assert_int_ge(next, 0);
			fd_close(&fd);
			fd = next;
		}
		fd_close(&fd);
	}
	remove_root();
}
END_TEST

START_TEST(t_many_entries_go_too)
{
	char name[32];
	int i;

	make_root();
	for (i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "entry-%d", i);
		make_file(in_root(name), "");
	}
	remove_root();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_fd");
	TCase *tc = tcase_create("fd");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, t_close_happens_once);
	tcase_add_test(tc, t_flags_are_set);
	tcase_add_test(tc, t_much_passes_through_a_full_socket);
	tcase_add_test(tc, t_slurp_reads_up_to_the_limit);
	tcase_add_test(tc, t_slurp_reads_files_without_a_size);
	tcase_add_test(tc, t_slurp_reports_what_is_no_file);
	tcase_add_test(tc, t_folders_are_made_with_their_parents);
	tcase_add_test(tc, t_removal_does_not_follow_links);
	tcase_add_test(tc, t_removing_nothing_is_fine);
	tcase_add_test(tc, t_folders_without_permissions_go_too);
	tcase_add_test(tc, t_very_deep_folders_go_too);
	tcase_add_test(tc, t_many_entries_go_too);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
