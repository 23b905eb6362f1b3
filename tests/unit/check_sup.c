/* The supervisor's pure parts: ids put into payloads, histories, placement. */
#include "config.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "proto/job.h"
#include "supervisor/cage.h"
#include "supervisor/cgroup.h"
#include "supervisor/contain.h"
#include "supervisor/job.h"
#include "supervisor/rename.h"
#include "tests/check_run.h"

/* Without a controller memory is sampled, and then it must be seen. */
START_TEST(t_memory_is_sampled_where_nothing_else_keeps_it)
{
	const uint64_t limit[CAGE_N] = { [CAGE_MEMORY] = 1 << 20 };
	const size_t size = 32 << 20;
	struct contain c;
	struct cage g;
	uint64_t before;
	size_t i;
	char *p;

	(void)log_open("check", "/dev/null", LOG_TEXT, LOG_L_DEBUG);
	contain_init(&c, "none", 0);
	cage_init(&g, &c, 0, limit);
	ck_assert(cage_samples(&g));
	ck_assert(!cage_killed(&g));
	before = cage_resident(&c, getpid());
	ck_assert_ptr_nonnull(p = malloc(size));
	for (i = 0; i < size; i += 4096)
		((volatile char *)p)[i] = 1;
	ck_assert_uint_ge(cage_resident(&c, getpid()), before + size / 2);
	free(p);
	cage_fini(&g);
	contain_fini(&c);
}
END_TEST

static void
put_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_ptr_nonnull(f = fopen(path, "we"));
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static bool
is_in_file(const char *dir, const char *name, const char *text)
{
	char path[256], have[256] = "";
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "re")) == NULL)
		return (false);
	have[fread(have, 1, sizeof(have) - 1, f)] = '\0';
	(void)fclose(f);
	return (strncmp(have, text, strlen(text)) == 0);
}

/* Plain files stand for a cgroup's: only what is there is asked for, at each
 * level. */
START_TEST(t_controllers_are_handed_down)
{
	char own[] = "/tmp/check_sup.XXXXXX", branch[64], cmd[64];

	ck_assert_ptr_nonnull(mkdtemp(own));
	(void)snprintf(branch, sizeof(branch), "%s/b", own);
	ck_assert_int_eq(mkdir(branch, 0700), 0);
	ck_assert(!cage_delegate(own, branch));
	put_file(own, "cgroup.controllers", "cpuset io hugetlb\n");
	ck_assert(!cage_delegate(own, branch));
	put_file(own, "cgroup.controllers", "cpu io memory pids\n");
	put_file(own, "cgroup.subtree_control", "");
	put_file(branch, "cgroup.controllers", "memory pids\n");
	put_file(branch, "cgroup.subtree_control", "");
	ck_assert(cage_delegate(own, branch));
	ck_assert(is_in_file(own, "cgroup.subtree_control",
	    "+memory +pids +cpu"));
	ck_assert(is_in_file(branch, "cgroup.subtree_control",
	    "+memory +pids"));
	(void)snprintf(cmd, sizeof(cmd), "rm -r %s", own);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

/* The kernel would take cpu and cpuset there, and let no process into a group
 * below any more. */
START_TEST(t_nothing_is_handed_down_past_processes)
{
	char own[] = "/tmp/check_sup.XXXXXX", branch[64], cmd[64];

	ck_assert_ptr_nonnull(mkdtemp(own));
	(void)snprintf(branch, sizeof(branch), "%s/b", own);
	ck_assert_int_eq(mkdir(branch, 0700), 0);
	put_file(own, "cgroup.type", "domain\n");
	put_file(own, "cgroup.procs", "1\n2\n");
	put_file(own, "cgroup.controllers", "cpuset cpu pids\n");
	put_file(own, "cgroup.subtree_control", "untouched");
	ck_assert(!cage_delegate(own, branch));
	ck_assert(is_in_file(own, "cgroup.subtree_control", "untouched"));
	(void)snprintf(cmd, sizeof(cmd), "rm -r %s", own);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

static void
own_is(const char *controller, const char *mounts, const char *places,
    const char *want)
{
	char *dir = cgroup_own_in(controller, mounts, places);

	if (want == NULL)
		ck_assert_ptr_null(dir);
	else
		ck_assert_pstr_eq(dir, want);
	free(dir);
}

/* Pure v2, hybrid, v1 only; in a container with and without a namespace. */
START_TEST(t_our_cgroup_is_found)
{
	static const char pure[] =
	    "35 24 0:30 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n";
	static const char hybrid[] =
	    "30 24 0:25 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
	    "31 30 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	    "33 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "
	    "rw,cpu,cpuacct\n"
	    "37 30 0:34 / /sys/fs/cgroup/freezer rw - cgroup c rw,freezer\n";
	static const char v1[] = "8:freezer:/a/b\n7:cpu,cpuacct:/\n";
	static const char part[] =
	    "9 8 0:30 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup rw\n";

	own_is(NULL, pure, "0::/\n", "/sys/fs/cgroup");
	own_is(NULL, pure, "0::/system.slice/g.service\n",
	    "/sys/fs/cgroup/system.slice/g.service");
	own_is("freezer", pure, "0::/\n", NULL);
	own_is(NULL, hybrid, "8:freezer:/a/b\n0::/u\n",
	    "/sys/fs/cgroup/unified/u");
	own_is("freezer", hybrid, v1, "/sys/fs/cgroup/freezer/a/b");
	own_is("cpu", hybrid, v1, "/sys/fs/cgroup/cpu,cpuacct");
	own_is("cpuset", hybrid, v1, NULL);
	own_is(NULL, hybrid, v1, NULL);
	own_is(NULL, part, "0::/docker/x\n", "/sys/fs/cgroup");
	own_is(NULL, part, "0::/docker/x/y\n", "/sys/fs/cgroup/y");
	own_is(NULL, part, "0::/\n", "/sys/fs/cgroup");
	own_is(NULL, part, "0::/../z\n", NULL);
	own_is(NULL, "junk\n", "junk\n0::/", NULL);
}
END_TEST

static void
renamed(const char *from, size_t n, bool msgpack, const char *to, size_t m)
{
	struct slice p = { from, n };
	char *out = NULL;
	size_t len = 0;

	ck_assert_int_eq(rename_payload(p, msgpack, "new", &out, &len), 0);
	ck_assert_uint_eq(len, m);
	ck_assert_mem_eq(out, to, m);
	free(out);
}

#define JSON(from, to) \
	renamed(from, sizeof(from) - 1, false, to, sizeof(to) - 1)
#define PACK(from, to) \
	renamed(from, sizeof(from) - 1, true, to, sizeof(to) - 1)

START_TEST(t_an_id_goes_in_and_nothing_else_changes)
{
	JSON("{}", "{\"id\":\"new\"}");
	JSON(" { \"a\" : 1 } ", " {\"id\":\"new\", \"a\" : 1 } ");
	JSON("{\"a\":{\"id\":null}}", "{\"id\":\"new\",\"a\":{\"id\":null}}");
	JSON("{\"a\":1,\"id\" : null,\"b\":2}",
	    "{\"a\":1,\"id\" : \"new\",\"b\":2}");
	JSON("{\"\\u0069d\":null}", "{\"\\u0069d\":\"new\"}");
	PACK("\x80", "\x81\xa2id\xa3new");
	PACK("\x81\xa1" "a\x01", "\x82\xa2id\xa3new\xa1" "a\x01");
	PACK("\x82\xa1" "a\x01\xa2id\xc0", "\x82\xa2id\xa3new\xa1" "a\x01");
}
END_TEST

START_TEST(t_a_history_survives_its_text)
{
	struct history h = { .attempts = 2, .lost = 1, .due = 1234567890123,
		.first = 7, .cancelled = true, .gpu_since = 1700000000001,
		.turn = { 1790000000000001, 1790000000000002 },
		.home_until = 9, .home = "host-p1" }, back;
	struct buf b;

	buf_init(&b, 256);
	history_put(&h, &b);
	history_parse(&back, b.data, b.len);
	ck_assert_uint_eq(back.attempts, 2);
	ck_assert_uint_eq(back.lost, 1);
	ck_assert_int_eq(back.due, 1234567890123);
	ck_assert_int_eq(back.first, 7);
	ck_assert(back.cancelled);
	ck_assert_int_eq(back.gpu_since, 1700000000001);
	ck_assert_int_eq(back.home_until, 9);
	ck_assert_int_eq(back.turn[0], h.turn[0]);
	ck_assert_int_eq(back.turn[1], h.turn[1]);
	/* an earlier version finds that the turn has come, and says so */
	ck_assert_ptr_nonnull(strstr(b.data, " p1"));
	history_parse(&back, "a1 l0 d0 f0 c0 r1 p1", 20);
	ck_assert_int_eq(back.turn[0], 1);
	ck_assert_int_eq(back.turn[1], 0);
	buf_fini(&b);
}
END_TEST

START_TEST(t_a_history_of_an_older_worker_is_read)
{
	struct history h;

	history_parse(&h, "a3 l2", 5);
	ck_assert_uint_eq(h.attempts, 3);
	ck_assert_uint_eq(h.lost, 2);
	ck_assert_int_eq(h.due, 0);
	history_parse(&h, NULL, 0);
	ck_assert_uint_eq(h.attempts, 0);
	history_parse(&h, "junk", 4);
	ck_assert_uint_eq(h.attempts, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("supervisor");
	TCase *tc = tcase_create("pure");

	tcase_add_test(tc, t_our_cgroup_is_found);
	tcase_add_test(tc, t_controllers_are_handed_down);
	tcase_add_test(tc, t_nothing_is_handed_down_past_processes);
	tcase_add_test(tc, t_memory_is_sampled_where_nothing_else_keeps_it);
	tcase_add_test(tc, t_an_id_goes_in_and_nothing_else_changes);
	tcase_add_test(tc, t_a_history_survives_its_text);
	tcase_add_test(tc, t_a_history_of_an_older_worker_is_read);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
