/*
 * ganger-gpuprobe: the only program of ours that touches CUDA or NVML. Both
 * are opened at run time, so one binary serves all hosts. It is disposable:
 * any call into the driver may hang for ever, and whoever starts it ends it.
 *
 * Diagnostics: 0 fine (also without a GPU, the list says why), 64 usage, 69
 * CUDA can't be had; of --test 1 a bad device and 2 one that hangs.
 */
#include "config.h"

#include <sys/prctl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"

#include "gpu/cuda.h"
#include "gpu/device.h"
#include "gpu/job.h"
#include "gpu/report.h"
#include "gpu/test.h"
#include "gpu/watch.h"

#define LIST_BYTES (4u << 20)
#define LIST_LIFE_S 60u /* a list that nobody waits for any more ends */

static const struct option options[] = {
	{ "list", no_argument, NULL, 'l' },
	{ "watch", no_argument, NULL, 'w' },
	{ "test", required_argument, NULL, 't' },
	{ "job", no_argument, NULL, 'j' },
	{ "period", required_argument, NULL, 'p' },
	{ "after", required_argument, NULL, 'a' },
	{ "bytes", required_argument, NULL, 'b' },
	{ "deadline", required_argument, NULL, 'd' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct args {
	int mode;               /* 0: the table */
	const char *uuid;
	uint64_t bytes;
	int64_t after;          /* record of the kernel's log; -1: none */
	unsigned period_ms, deadline_s;
};

static void
usage(FILE *out)
{
	(void)fputs("usage: ganger-gpuprobe [MODE]\n"
	    "  (none)       the GPUs of this host as a table\n"
	    "  --list       the same as JSON\n"
	    "  --watch      samples and Xid events as lines of JSON, until "
	    "stdin ends\n"
	    "               --period D  between samples (1s)\n"
	    "               --after N  tell also Xids in the kernel's log "
	    "after record N\n"
	    "  --test UUID  test a device: memory, arithmetic, copies\n"
	    "               --bytes N  to test (256M)\n"
	    "               --deadline D  then it is given up (30s)\n"
	    "  --job        run one job of a command handler, on the slot's "
	    "device\n"
	    "  --version    the version, and whether the test kernel is built "
	    "in\n", out);
}

_Noreturn static void
misuse(const char *what, const char *text)
{
	(void)fprintf(stderr, "ganger-gpuprobe: %s %s\n", what, text);
	usage(stderr);
	exit(EX_USAGE);
}

static dur_t
duration(const char *text)
{
	dur_t d;

	if (str_dur(text, &d) != 0 || d < DUR_MS || d > 3600 * DUR_S)
		misuse("bad duration", text);
	return (d);
}

static int64_t
number(const char *text)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 0)
		misuse("bad number", text);
	return (n);
}

static struct args
parse(int argc, char **argv)
{
	struct args a = { .bytes = TEST_BYTES, .after = -1, .period_ms = 1000,
		.deadline_s = TEST_SECONDS };
	int c;

	while ((c = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (c) {
		case 'l': case 'w': case 'j': case 'V': case 'h':
			a.mode = c;
			break;
		case 't':
			a.mode = c;
			a.uuid = optarg;
			break;
		case 'p':
			a.period_ms = (unsigned)(duration(optarg) / DUR_MS);
			break;
		case 'a':
			a.after = number(optarg);
			break;
		case 'd':
			a.deadline_s = (unsigned)((duration(optarg) + DUR_S -
			    1) / DUR_S);
			break;
		case 'b':
			if (str_size(optarg, &a.bytes) != 0)
				misuse("bad size", optarg);
			break;
		default:
			usage(stderr);
			exit(EX_USAGE);
		}
	}
	if (optind < argc)
		misuse("unexpected argument", argv[optind]);
	return (a);
}

static int
show(void (*put)(struct buf *, const struct devices *))
{
	struct devices all;
	struct buf b;
	int r;

	(void)alarm(LIST_LIFE_S);
	buf_init(&b, LIST_BYTES);
	devices_open(&all);
	put(&b, &all);
	r = b.failed ? EX_SOFTWARE : fd_write_all(STDOUT_FILENO, b.data,
	    b.len) != 0 ? EX_IOERR : EX_OK;
	buf_fini(&b);
	devices_close(&all);
	return (r);
}

static void
put_list(struct buf *b, const struct devices *all)
{
	report_list(b, all, false);
	(void)buf_putc(b, '\n');
}

int
main(int argc, char **argv)
{
	struct args a = parse(argc, argv);

	switch (a.mode) {
	case 'l':
		return (show(put_list));
	case 'w':
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0L, 0L, 0L);
		return (watch_run(a.period_ms, a.after));
	case 't':
		return (test_run(a.uuid, a.bytes, a.deadline_s));
	case 'j':
		return (job_run());
	case 'V':
		(void)printf("ganger-gpuprobe %s, test kernel %s\n",
		    PACKAGE_VERSION, cuda_has_kernels() ? "built in" :
		    "absent: built without nvcc");
		return (EX_OK);
	case 'h':
		usage(stdout);
		return (EX_OK);
	default:
		return (show(report_table));
	}
}
