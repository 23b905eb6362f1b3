/*
 * Feeds a fuzz target every file of its seed corpus and says so in TAP. The
 * corpus folder is named after the program: fuzz_job reads corpus/job. A
 * finding aborts, and the harness sees that tests of the plan are missing.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#define SEED_MAX (1u << 20)

static int
is_seed(const struct dirent *d)
{
	return (d->d_name[0] != '.');
}

/* An allocation of exactly the file's size, for the sanitizers. */
static int
replay(const char *dir, const char *name)
{
	char path[4096], *text;
	uint8_t *copy;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (fd_slurp(path, SEED_MAX, &text, &n) != 0 ||
	    (copy = malloc(n == 0 ? 1 : n)) == NULL)
		return (-1);
	if (n > 0)
		memcpy(copy, text, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	free(text);
	return (0);
}

int
main(int argc, char **argv)
{
	const char *src = getenv("GANGER_SRCDIR");
	const char *target = strrchr(argv[0], '_');
	struct dirent **seeds;
	char dir[2048];
	int i, n, bad = 0;

	snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s",
	    src == NULL ? "." : src, target == NULL ? "" : target + 1);
	if ((n = scandir(dir, &seeds, is_seed, alphasort)) <= 0) {
		printf("Bail out! no seeds in %s\n", dir);
		return (EXIT_FAILURE);
	}
	printf("1..%d\n", n);
	for (i = 0; i < n; i++) {
		if (replay(dir, seeds[i]->d_name) != 0) {
			printf("not ");
			bad++;
		}
		printf("ok %d - %s\n", i + 1, seeds[i]->d_name);
		fflush(stdout);
		free(seeds[i]);
	}
	free(seeds);
	return (bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
