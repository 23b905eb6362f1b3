/*
 * place/plan: who gets which cores and GPUs, on hosts described in a line
 * (hwloc's synthetic form) or recorded. Golden plans of whole servers are in
 * tests/place/.
 */
#include "config.h"

#include "place/plan.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/conf.h"
#include "place/gpu.h"
#include "place/topo.h"
#include "tests/check_run.h"

#define SMALL "core:2 pu:1"
#define SMT "pack:1 l3:1 core:8 pu:2"
#define TWO "pack:2 [numa] l3:1 core:16 pu:1"
#define CCX "pack:1 l3:4 core:8 pu:1"
/* one GPU of 80 GB by node, and one with a shape of its own */
#define GPU(i, node, more) "{\"index\":" #i ",\"uuid\":\"GPU-0000000" #i \
	"\",\"memory_total\":85899345920,\"node\":" #node more "}"
#define FOUR_GPUS "{\"gpus\":[" GPU(0, 0, "") "," GPU(1, 0, "") "," \
	GPU(2, 1, "") "," GPU(3, 1, "") "]}"

static struct {
	char dir[64], *ini, *more;
	const char *included;           /* goes to `more` with the next ini */
	struct topo *t;
	struct conf *c;
	struct gpu_list gpus;
	struct plan *p;
	struct buf out;
} rig;

static char *no_env[] = { NULL };

static void
rig_fini(void)
{
	plan_free(&rig.p);
	topo_free(&rig.t);
	conf_free(&rig.c);
	gpu_list_fini(&rig.gpus);
	if (rig.ini != NULL)
		(void)unlink(rig.ini);
	if (rig.more != NULL)
		(void)unlink(rig.more);
	if (rig.dir[0] != '\0')
		(void)rmdir(rig.dir);
	if (rig.out.magic != 0)
		buf_fini(&rig.out);
	free(rig.ini);
	free(rig.more);
	memset(&rig, 0, sizeof(rig));
}

static void
write_file(const char *path, const char *head, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	(void)fprintf(f, "%s%s", head, text);
	(void)fclose(f);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

static void
load_conf(const char *ini, const char *included, char *const *env)
{
	struct conf_problems problems;

	strcpy(rig.dir, "/tmp/ganger-plan.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(rig.dir));
	rig.ini = str_fmt("%s/t.ini", rig.dir);
	write_file(rig.ini, "[supervisor]\nworker_id = w\nstate_dir = /tmp\n",
	    ini);
	if (included != NULL) {
		rig.more = str_fmt("%s/more.conf", rig.dir);
		write_file(rig.more, "", included);
	}
	conf_problems_init(&problems);
	ck_assert_msg(conf_load(rig.ini, env, &rig.c, &problems) == 0, "%s",
	    buf_cstr(&problems.text));
	conf_problems_fini(&problems);
}

/* allowed: NULL for all. Returns what plan_make does. */
static int
make(const char *topology, const char *allowed, const char *gpus,
    const char *ini, char *const *env)
{
	const char *included = rig.included;

	rig_fini();
	buf_init(&rig.out, 1u << 20);
	load_conf(ini, included, env);
	ck_assert_msg(topo_synthetic(topology, &rig.t, &rig.out) == 0, "%s",
	    buf_cstr(&rig.out));
	if (allowed != NULL)
		ck_assert_int_eq(cpus_parse(allowed, &rig.t->allowed), 0);
	if (gpus != NULL)
		ck_assert_int_eq(gpu_list_parse(gpus, strlen(gpus),
		    &rig.gpus), 0);
	return (plan_make(rig.c, rig.t, gpus != NULL ? &rig.gpus : NULL,
	    &rig.p, &rig.out));
}

/* What each slot has, "0-1 2-3", then "; " and the daemon's CPUs. */
static const char *
cpus_of_all(void)
{
	unsigned i;

	buf_reset(&rig.out);
	for (i = 0; i < rig.p->nslots; i++)
		(void)buf_printf(&rig.out, "%s%s", i > 0 ? " " : "",
		    rig.p->slots[i].cpus_text);
	(void)buf_puts(&rig.out, "; ");
	(void)cpus_put(&rig.out, &rig.p->keeper);
	return (buf_cstr(&rig.out));
}

static const struct {
	const char *topology, *allowed, *gpus, *ini, *want;
} cases[] = {
	/* equal shares, one core each where there are as many */
	{ SMALL, NULL, NULL, "[pool a]\nslots = 2\n", "0 1; " },
	{ SMALL, NULL, NULL, "[pool a]\nslots = 1\n", "0-1; " },
	{ SMALL, NULL, NULL, "[pool a]\nslots = 1\ncpus = 0\n", "0; 1" },
	/* more slots than cores: in turns */
	{ SMALL, NULL, NULL, "[pool a]\nslots = 5\n", "0 1 0 1 0; " },
	/* a core too many is the daemon's */
	{ "core:3 pu:1", NULL, NULL, "[pool a]\nslots = 2\n", "1 2; 0" },
	/* SMT siblings stay together, in one cache where that has room */
	{ SMT, NULL, NULL, "[pool a]\nslots = 4\n",
	    "0-3 4-7 8-11 12-15; " },
	{ CCX, NULL, NULL, "[pool a]\nslots = 6\ncpus = 0-31\n",
	    "0-5 8-13 16-20 24-28 6-7,21-23 14-15,29-31; " },
	/* where each has many, one is kept */
	{ SMT, NULL, NULL, "[pool a]\nslots = 2\n", "2-9 10-15; 0-1" },
	{ SMT, NULL, NULL, "housekeeping_cpus = none\n[pool a]\nslots = 2\n",
	    "0-7 8-15; " },
	{ SMT, NULL, NULL, "housekeeping_cpus = 14-15\n[pool a]\nslots = 7\n",
	    "0-1 2-3 4-5 6-7 8-9 10-11 12-13; 14-15" },
	/* a named part of a core takes the core from the others */
	{ SMT, NULL, NULL, "[pool a]\nslots = 1\ncpus = 0\n[pool b]\n"
	    "slots = 7\n", "0 2-3 4-5 6-7 8-9 10-11 12-13 14-15; 1" },
	{ SMT, NULL, NULL, "[pool a]\nslots = 2\ncpus = 4-7,12\n[pool b]\n"
	    "slots = 5\n", "4-7 12 0-1 2-3 8-9 10-11 14-15; 13" },
	/* a mask from outside holds */
	{ SMT, "1,3-5", NULL, "[pool a]\nslots = 3\n", "1 3 4-5; " },
	{ TWO, "3,20-22", NULL, "[pool a]\nslots = 2\ncpus = 20-21\n",
	    "20 21; 3,22" },
	/* all are named: auto shares them */
	{ SMALL, NULL, NULL, "[pool a]\nslots = 1\ncpus = 0-1\n[pool b]\n"
	    "slots = 1\n", "0-1 0; " },
	/* auto, by cores and not by CPUs */
	{ SMALL, NULL, NULL, "[pool a]\n", "0-1; " },
	{ "core:4 pu:2", NULL, NULL, "[pool a]\n", "0-3 4-7; " },
	{ "core:16 pu:1", NULL, NULL, "[pool a]\ncpus = 0-3\n[pool b]\n",
	    "0-1 2-3 4-6 7-9 10-12 13-15; " },
	/* GPU slots near their GPU, others behind them */
	{ TWO, NULL, FOUR_GPUS, "[pool g]\ndevices = all\n",
	    "1-8 9-15 16-23 24-31; 0" },
	{ TWO, NULL, FOUR_GPUS, "[pool c]\nslots = 4\n[pool g]\n"
	    "devices = 2,3\n", "26-31 1-5 6-10 11-15 16-20 21-25; 0" },
	{ TWO, NULL, FOUR_GPUS, "[pool g]\ndevices = 3\n"
	    "slots_per_device = 2\n", "16-23 24-31; 0-15" },
	{ TWO, NULL, FOUR_GPUS, "[pool g]\ndevices = all\n"
	    "devices_per_slot = 2\n", "1-15 16-31; 0" },
	/* GPUs of two nodes: cores of both, as many of each */
	{ TWO, NULL, FOUR_GPUS, "[pool g]\ndevices = 0,2,1,3\n"
	    "devices_per_slot = 2\n", "1-8,16-23 9-15,24-31; 0" },
	/* and beside others */
	{ TWO, NULL, FOUR_GPUS, "housekeeping_cpus = none\n[pool g]\n"
	    "devices = 1,2\ndevices_per_slot = 2\n[pool c]\nslots = 3\n"
	    "cpus = auto\n", "0-3,16-19 4-11 20-27 12-15,28-31; " },
	/* the near cores are not enough for one each */
	{ TWO, "0-7,16", FOUR_GPUS, "[pool g]\ndevices = 2,3\n[pool c]\n"
	    "slots = 2\n", "16 16 1-4 5-7; 0" },
};

START_TEST(t_who_gets_which_cpus)
{
	ck_assert_msg(make(cases[_i].topology, cases[_i].allowed,
	    cases[_i].gpus, cases[_i].ini, no_env) == 0, "%s",
	    buf_cstr(&rig.out));
	ck_assert_str_eq(cpus_of_all(), cases[_i].want);
}
END_TEST

static const struct {
	const char *allowed, *gpus, *ini, *problems;    /* @: file */
} bad[] = {
	{ NULL, NULL, "[pool a]\ncpus = 3,30-40\n",
	    "@:5: cpus: CPU 32-40 is not on this host, we may use 0-31\n" },
	{ "4-7", NULL, "[pool a]\ncpus = 3-4\n",
	    "@:5: cpus: CPU 3 may not be used here, only 4-7\n" },
	{ NULL, FOUR_GPUS, "[pool a]\ndevices = 7\n[pool b]\n"
	    "devices = GPU-zzzzzzzz\n[pool c]\ncpus = 32\n",
	    "@:5: devices: there is no GPU 7: this host has 4, numbered 0 to "
	    "3\n@:7: devices: there is no GPU GPU-zzzzzzzz among the 4 of "
	    "this host\n"
	    "@:9: cpus: CPU 32 is not on this host, we may use 0-31\n" },
	{ NULL, FOUR_GPUS, "[pool a]\ndevices = 1,GPU-00000001\n",
	    "@:5: devices: GPU-00000001 is named twice\n" },
	{ NULL, FOUR_GPUS, "[pool a]\ndevices = all\n"
	    "devices_per_slot = 3\n",
	    "@:4: devices_per_slot: 4 devices can't be shared out by 3\n" },
	{ NULL, "{\"gpus\":[],\"why\":\"no driver\"}", "use_gpu = yes\n",
	    "@: use_gpu (USE_GPU): this host has no GPU that can be used: no "
	    "driver\n" },
	{ NULL, FOUR_GPUS, "use_gpu = yes\ngpu_device = 0,9\n",
	    "@:5: gpu_device (GPU_DEVICE): there is no GPU 9: this host has "
	    "4, numbered 0 to 3\n" },
	{ NULL, "{\"gpus\":[" GPU(0, 0, ",\"mig_parent\":true") ","
	    "{\"index\":0,\"uuid\":\"MIG-aaaaaaaaa\",\"mig\":true,"
	    "\"parent\":0,\"instance\":0}]}", "[pool a]\ndevices = 0\n"
	    "[pool b]\ndevices = all\n[pool c]\ndevices = MIG-aaaaaaaaa\n",
	    "@:5: devices: GPU 0 is split by MIG: name its MIG devices\n" },
};

START_TEST(t_impossible_plans_say_what_is_missing)
{
	char *want, *at;

	ck_assert_int_eq(make(TWO, bad[_i].allowed, bad[_i].gpus, bad[_i].ini,
	    no_env), -ERR_CONFIG);
	ck_assert_ptr_null(rig.p);
	want = xstrdup("");
	for (at = (char *)(uintptr_t)bad[_i].problems; *at != '\0'; at++) {
		char *more = *at == '@' ? str_fmt("%s%s", want, rig.ini) :
		    str_fmt("%s%c", want, *at);

		free(want);
		want = more;
	}
	ck_assert_str_eq(buf_cstr(&rig.out), want);
	free(want);
}
END_TEST

/* A pool may come from a file that the main one includes. */
START_TEST(t_problems_name_the_file_that_they_are_in)
{
	char *want;

	rig.included = "[pool b]\nslots = 1\ncpus = 99\n";
	ck_assert_int_eq(make(TWO, NULL, NULL, "include = more.conf\n"
	    "[pool a]\nslots = 1\n", no_env), -ERR_CONFIG);
	want = str_fmt("%s/more.conf:3: cpus: CPU 99 is not on this host, we "
	    "may use 0-31\n", rig.dir);
	ck_assert_str_eq(buf_cstr(&rig.out), want);
	free(want);
}
END_TEST

/* A container may hide from hwloc what the kernel lets us use. */
START_TEST(t_cpus_that_the_topology_lacks_are_used)
{
	struct cpus mask;

	buf_init(&rig.out, 1u << 20);
	load_conf("[pool a]\nslots = 3\n", NULL, no_env);
	ck_assert_int_eq(topo_synthetic(SMALL, &rig.t, &rig.out), 0);
	ck_assert_int_eq(cpus_parse("1,70-71", &mask), 0);
	topo_allow(rig.t, &mask);
	ck_assert_int_eq(plan_make(rig.c, rig.t, NULL, &rig.p, &rig.out), 0);
	ck_assert_str_eq(cpus_of_all(), "1 70 71; ");
}
END_TEST

/* Whoever names a CPU twice may have a reason, and is told. */
START_TEST(t_cpus_named_twice_are_shared_with_a_warning)
{
	ck_assert_int_eq(make(TWO, NULL, NULL, "housekeeping_cpus = 2\n"
	    "[pool a]\ncpus = 0-1\nslots = 1\n[pool b]\nslots = 1\n"
	    "cpus = 1\n[pool c]\nslots = 1\ncpus = 2\n", no_env), 0);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&rig.p->warnings),
	    "CPU 1 of [pool b] is named by [pool a] too\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&rig.p->warnings),
	    "CPU 2 of [pool c] is named by housekeeping_cpus too\n"));
	ck_assert_str_eq(cpus_of_all(), "0-1 1 2; 2");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan");
	TCase *tc = tcase_create("plan");

	tcase_add_checked_fixture(tc, NULL, rig_fini);
	tcase_add_loop_test(tc, t_who_gets_which_cpus, 0, NELEM(cases));
	tcase_add_loop_test(tc, t_impossible_plans_say_what_is_missing, 0,
	    NELEM(bad));
	tcase_add_test(tc, t_cpus_that_the_topology_lacks_are_used);
	tcase_add_test(tc, t_problems_name_the_file_that_they_are_in);
	tcase_add_test(tc, t_cpus_named_twice_are_shared_with_a_warning);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
