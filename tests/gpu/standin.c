/* STAND-INS, not drivers. See standin.h. */
#include "tests/gpu/standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t
size_of(const char *text)
{
	char *end;
	double n = strtod(text, &end);

	return ((uint64_t)(n * (*end == 'G' ? 1 << 30 : *end == 'M' ?
	    1 << 20 : *end == 'K' ? 1 << 10 : 1)));
}

static void
set(struct standin_gpu *g, const char *key, const char *value)
{
	const struct {
		const char *key;
		bool *flag;
	} flags[] = {
		{ "lost", &g->lost }, { "reset", &g->reset },
		{ "remap_failed", &g->remap_failed },
		{ "badmem", &g->badmem }, { "badmath", &g->badmath },
		{ "hang", &g->hang }, { "hangtest", &g->hangtest },
		{ "noevents", &g->noevents },
	};
	const struct {
		const char *key;
		int *number;
	} numbers[] = {
		{ "node", &g->node }, { "temp", &g->temp },
		{ "util", &g->util }, { "mode", &g->mode },
		{ "mig", &g->mig },
	};
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (strcmp(flags[i].key, key) == 0)
			*flags[i].flag = atoi(value) != 0;
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (strcmp(numbers[i].key, key) == 0)
			*numbers[i].number = atoi(value);
	if (strcmp(key, "total") == 0)
		g->total = size_of(value);
	else if (strcmp(key, "used") == 0)
		g->used = size_of(value);
	else if (strcmp(key, "ecc") == 0)
		g->ecc = atoll(value);
	else if (strcmp(key, "cpus") == 0)
		(void)snprintf(g->cpus, sizeof(g->cpus), "%s", value);
}

static void
read_gpu(struct standin *s, char *rest)
{
	char *save = NULL, *word = strtok_r(rest, " \n", &save), *value;
	int i = word != NULL ? atoi(word) : -1;

	if (i < 0 || i >= STANDIN_GPUS)
		return;
	while ((word = strtok_r(NULL, " \n", &save)) != NULL)
		if ((value = strchr(word, '=')) != NULL) {
			*value = '\0';
			set(&s->gpu[i], word, value + 1);
		}
}

static void
read_line(struct standin *s, char *line)
{
	char size[32], text[32];
	unsigned pid, xid;
	int gpu;

	if (strncmp(line, "gpu ", 4) == 0)
		read_gpu(s, line + 4);
	else if (sscanf(line, "proc %d %u %31s", &gpu, &pid, size) == 3 &&
	    s->nprocs < STANDIN_PROCS) {
		s->proc[s->nprocs].gpu = gpu;
		s->proc[s->nprocs].pid = pid;
		s->proc[s->nprocs++].bytes = size_of(size);
	} else if (sscanf(line, "xid %d %u", &gpu, &xid) == 2 &&
	    s->nxids < STANDIN_XIDS) {
		s->xid[s->nxids].gpu = gpu;
		s->xid[s->nxids++].xid = xid;
	} else if (sscanf(line, "init %31s", text) == 1) {
		s->init_fails = strcmp(text, "fail") == 0;
		s->init_hangs = strcmp(text, "hang") == 0;
	} else if (sscanf(line, "gpus %d", &s->ngpus) != 1 &&
	    sscanf(line, "late %lf", &s->late) != 1)
		(void)sscanf(line, "leak %lf", &s->leak);
}

void
standin_read(struct standin *s)
{
	const char *path = getenv("GANGER_STANDIN");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;
	char line[512];
	int i;

	memset(s, 0, sizeof(*s));
	s->ngpus = 8;
	for (i = 0; i < STANDIN_GPUS; i++) {
		s->gpu[i].total = UINT64_C(80) << 30;
		s->gpu[i].used = UINT64_C(512) << 20;
		s->gpu[i].node = i / 4;
		s->gpu[i].temp = 40 + i;
		(void)snprintf(s->gpu[i].cpus, sizeof(s->gpu[i].cpus), "%s",
		    i < 4 ? "0-31" : "32-63");
	}
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		read_line(s, line);
	if (f != NULL)
		(void)fclose(f);
	if (s->ngpus > STANDIN_GPUS)
		s->ngpus = STANDIN_GPUS;
}

const char *
standin_dir(char *buf, size_t size)
{
	const char *path = getenv("GANGER_STANDIN");

	(void)snprintf(buf, size, "%s.d", path != NULL ? path : "");
	return (buf);
}

int
standin_gpu_of(int device)
{
	return (device >= 100 ? device / 100 - 1 : device);
}

void
standin_uuid(int device, char *buf, size_t size)
{
	if (device >= 100)
		(void)snprintf(buf, size, "MIG-5742d1e5-0000-4000-8000-"
		    "%06d%06d", device / 100 - 1, device % 100);
	else
		(void)snprintf(buf, size, "GPU-5742d1e5-0000-4000-8000-"
		    "%012d", device);
}

unsigned long long
standin_started(unsigned pid)
{
	unsigned long long ticks = 0;
	char path[64], state = 'Z';
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if ((f = fopen(path, "re")) == NULL)
		return (0);
	if (fscanf(f, "%*d (%*[^)]) %c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
	    "%*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, &ticks) != 2)
		ticks = 0;
	(void)fclose(f);
	return (state == 'Z' || state == 'X' ? 0 : ticks);
}

void
standin_hang(void)
{
	for (;;)
		(void)pause();
}
