/*
 * place/gpu: the prober's list read, refused where it is bad, devices found by
 * what users write, and a prober that is late, dies or is not there.
 */
#include "config.h"

#include "place/gpu.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "base/str.h"
#include "tests/check_run.h"

#define G(i, u, more) "{\"index\":" #i ",\"uuid\":\"" u "\"" more "}"
#define FOUR "{\"driver\":\"580.1\",\"cuda\":13000,\"gpus\":[" \
	G(0, "GPU-aa00", ",\"pci\":\"0000:17:00.0\",\"memory_total\":" \
	    "85899345920,\"memory_free\":100,\"node\":1,\"cpus\":\"0-3,8\"," \
	    "\"ecc\":true,\"name\":\"Device X\",\"mode\":\"default\"") "," \
	G(1, "GPU-ab01", ",\"mig_parent\":true") "," \
	G(1, "MIG-cc02", ",\"mig\":true,\"parent\":1,\"instance\":0") "," \
	G(2, "GPU-dd03", ",\"sick\":\"it is lost\"") "]}"

START_TEST(t_a_list_reads)
{
	struct gpu_list l;

	ck_assert_int_eq(gpu_list_parse(FOUR, strlen(FOUR), &l), 0);
	ck_assert_uint_eq(l.ngpus, 4);
	ck_assert_uint_eq(gpu_list_physical(&l), 3);
	ck_assert_str_eq(l.driver, "580.1");
	ck_assert_int_eq(l.cuda, 13000);
	ck_assert_str_eq(l.gpus[0].uuid, "GPU-aa00");
	ck_assert_str_eq(l.gpus[0].pci, "0000:17:00.0");
	ck_assert_str_eq(l.gpus[0].name, "Device X");
	ck_assert_str_eq(l.gpus[0].cpus, "0-3,8");
	ck_assert_str_eq(l.gpus[0].mode, "default");
	ck_assert_uint_eq(l.gpus[0].memory_total, UINT64_C(85899345920));
	ck_assert_uint_eq(l.gpus[0].memory_free, 100);
	ck_assert_int_eq(l.gpus[0].node, 1);
	ck_assert(l.gpus[0].ecc && gpu_usable(&l.gpus[0]));
	ck_assert_int_eq(l.gpus[1].node, -1);
	ck_assert(l.gpus[1].mig_parent && !gpu_usable(&l.gpus[1]));
	ck_assert(l.gpus[2].mig && gpu_usable(&l.gpus[2]));
	ck_assert_uint_eq(l.gpus[2].parent, 1);
	ck_assert(!gpu_usable(&l.gpus[3]));
	gpu_list_fini(&l);
	ck_assert_ptr_null(l.gpus);
}
END_TEST

static const char *const bad[] = {
	"", "{", "[]", "{}", "{\"gpus\":{}}", "{\"gpus\":[1]}",
	"{\"gpus\":[{}]}", "{\"gpus\":[{\"index\":0}]}",
	"{\"gpus\":[{\"uuid\":\"GPU-1\"}]}",
	"{\"gpus\":[{\"index\":-1,\"uuid\":\"GPU-1\"}]}",
	"{\"gpus\":[{\"index\":0,\"uuid\":7}]}",
	"{\"gpus\":[{\"index\":0,\"uuid\":\"GPU-\\u00001\"}]}",
	"{\"gpus\":[" G(0, "GPU-1", ",\"memory_total\":-1") "]}",
	"{\"gpus\":[" G(0, "GPU-1", ",\"memory_free\":\"1\"") "]}",
	"{\"gpus\":[" G(0, "MIG-1", ",\"mig\":true,\"parent\":0") "]}",
	"{\"gpus\":[" G(0, "GPU-1", "") ","
	    G(0, "MIG-1", ",\"mig\":true,\"parent\":0") "]}",
	"{\"gpus\":[" G(0, "GPU-1", ",\"pci\":\"00000000000000000000000000"
	    "00000000000000000000\"") "]}",
	"{\"gpus\":[],\"driver\":1}", "{\"gpus\":[]} x",
};

START_TEST(t_bad_lists_are_refused)
{
	struct gpu_list l;

	ck_assert_int_eq(gpu_list_parse(bad[_i], strlen(bad[_i]), &l),
	    -ERR_SYNTAX);
	ck_assert_uint_eq(l.ngpus, 0);
	ck_assert_str_ne(l.why, "");
}
END_TEST

/* What the word gives: place in the list, or -1 and a part of why. */
static const struct {
	const char *word;
	int at;
	const char *why;
} words[] = {
	{ "0", 0, "" },
	{ "GPU-aa00", 0, "" },
	{ "gpu-aa", 0, "" },
	{ "MIG-cc02", 2, "" },
	{ "1", -1, "GPU 1 is split by MIG" },
	{ "2", -1, "GPU 2 can't be used: it is lost" },
	{ "7", -1, "there is no GPU 7: this host has 3, numbered 0 to 2" },
	{ "GPU-a", -1, "GPU-a may be GPU GPU-aa00 or GPU-ab01" },
	{ "GPU-", -1, "there is no GPU GPU- among" },
	{ "GPU-ee", -1, "there is no GPU GPU-ee among the 4" },
	{ "99999999999999999999", -1, "there is no GPU 9999" },
	{ "", -1, "there is no GPU" },
};

START_TEST(t_words_name_devices)
{
	const struct gpu *g;
	struct gpu_list l;
	struct buf why;

	buf_init(&why, 1000);
	ck_assert_int_eq(gpu_list_parse(FOUR, strlen(FOUR), &l), 0);
	g = gpu_list_find(&l, words[_i].word, &why);
	ck_assert_int_eq(g == NULL ? -1 : (int)(g - l.gpus), words[_i].at);
	ck_assert_msg(strncmp(buf_cstr(&why), words[_i].why,
	    strlen(words[_i].why)) == 0, "%s", buf_cstr(&why));
	ck_assert((why.len == 0) == (g != NULL));
	gpu_list_fini(&l);
	buf_fini(&why);
}
END_TEST

static char dir[] = "/tmp/ganger-place-XXXXXX";

static char *
write_prober(const char *script)
{
	char *path = str_fmt("%s/prober", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, script, strlen(script)), 0);
	ck_assert_int_eq(close(fd), 0);
	return (path);
}

static const struct {
	const char *script;
	int code;
	size_t ngpus;
	const char *why;
} probers[] = {
	{ "#!/bin/sh\ntest \"$1\" = --list && echo '" FOUR "'\n", 0, 4, "" },
	{ "#!/bin/sh\necho '{\"gpus\":[],\"why\":\"no driver\"}'\n", 0, 0,
	    "no driver" },
	{ "#!/bin/sh\necho '{'\n", -ERR_SYNTAX, 0, "can't be read" },
	{ "#!/bin/sh\nexit 3\n", -ERR_SYNTAX, 0, "ended with status 3" },
	{ "#!/bin/sh\nkill -SEGV $$\n", -ERR_SYNTAX, 0,
	    "ended with signal 11" },
	{ "#!/bin/sh\ntrap '' TERM\nsleep 100\n", -ERR_TIMEOUT, 0,
	    "did not answer in time" },
	{ "#!/bin/sh\nexec >&-\nsleep 100\n", -ERR_TIMEOUT, 0,
	    "did not answer in time" },
	{ "#!/bin/sh\nexec cat /dev/zero\n", -ERR_NOSPACE, 0, "limit" },
};

START_TEST(t_the_prober_is_run_under_a_deadline)
{
	char *path = write_prober(probers[_i].script);
	bool late = probers[_i].code == -ERR_TIMEOUT;
	struct gpu_list l;

	ck_assert_int_eq(gpu_list_probe(path,
	    late ? 100 * DUR_MS : 20 * DUR_S, &l), probers[_i].code);
	ck_assert_uint_eq(l.ngpus, probers[_i].ngpus);
	ck_assert_msg(strstr(l.why, probers[_i].why) != NULL, "%s", l.why);
	gpu_list_fini(&l);
	ck_assert_int_eq(unlink(path), 0);
	free(path);
}
END_TEST

START_TEST(t_a_missing_prober_says_so)
{
	struct gpu_list l;

	ck_assert_int_eq(gpu_list_probe("/nowhere/prober", DUR_S, &l),
	    -ERR_SYSTEM);
	ck_assert_str_eq(l.why, "/nowhere/prober No such file or directory");
	ck_assert_int_eq(setenv("GANGER_GPUPROBE", "/some/probe", 1), 0);
	ck_assert_str_eq(gpu_prober(), "/some/probe");
}
END_TEST

static Suite *
place_suite(void)
{
	Suite *s = suite_create("place");
	TCase *t = tcase_create("gpu");

	tcase_add_test(t, t_a_list_reads);
	tcase_add_loop_test(t, t_bad_lists_are_refused, 0, NELEM(bad));
	tcase_add_loop_test(t, t_words_name_devices, 0, NELEM(words));
	suite_add_tcase(s, t);
	t = tcase_create("probe");
	tcase_add_loop_test(t, t_the_prober_is_run_under_a_deadline, 0,
	    NELEM(probers));
	tcase_add_test(t, t_a_missing_prober_says_so);
	suite_add_tcase(s, t);
	return (s);
}

int
main(void)
{
	int failed;

	if (mkdtemp(dir) == NULL)
		return (EXIT_FAILURE);
	failed = check_run(place_suite());
	(void)dir_remove(dir);
	return (failed);
}
