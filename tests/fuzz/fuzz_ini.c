/*
 * Fuzz target: any bytes as ganger.ini. Loading them must end in a
 * configuration whose dump reads back to the same, or in problems of one line
 * each that name the file. Built with -DFUZZ_LIBFUZZER it is a libFuzzer
 * target; otherwise main() replays the files of the folders given to it (by
 * default the corpus in the tree) and reports in TAP.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/obj.h"
#include "base/str.h"
#include "conf/conf.h"
#include "conf/diff.h"

#define INPUT_MAX (64u << 10)  /* bytes of a corpus file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char home[] = "HOME=/nowhere", path_list[] = "PATH=/bin";
static char *env[] = { home, path_list, NULL };

/* A file in memory that conf_load can open by the path written to out. */
static int
memory_file(const void *data, size_t n, char out[64])
{
	int fd = memfd_create("fuzz_ini", MFD_CLOEXEC);

	ASSERT(fd >= 0 && fchmod(fd, 0600) == 0);
	ASSERT(fd_write_all(fd, data, n) == 0);
	(void)snprintf(out, 64, "/proc/self/fd/%d", fd);
	return (fd);
}

/* One "PATH: ..." or "PATH:LINE: ..." a line, no control characters. */
static void
check_problems(struct conf_problems *problems, const char *path)
{
	const char *p = buf_cstr(&problems->text);
	unsigned lines = 0;
	size_t n;

	ASSERT(problems->count > 0);
	for (; *p != '\0'; p += n + 1, lines++) {
		n = strcspn(p, "\n");
		ASSERT(p[n] == '\n');
		ASSERT(strncmp(p, path, strlen(path)) == 0);
		ASSERT(p[strlen(path)] == ':');
		ASSERT(strcspn(p, "\t\r\x1b\x7f") >= n);
	}
	ASSERT(lines == problems->count || problems->text.failed);
}

/* A password in the URL is not in the dump, so that one can't read back. */
static void
check_dump(const struct conf *c)
{
	struct conf_problems problems;
	struct conf *again;
	char *text = NULL, path[64];
	size_t n = 0;
	FILE *f;
	int fd;

	ASSERT((f = open_memstream(&text, &n)) != NULL);
	conf_dump(c, f);
	ASSERT(fclose(f) == 0);
	fd = memory_file(text, n, path);
	conf_problems_init(&problems);
	ASSERT(conf_load(path, env, &again, &problems) == 0);
	ASSERT(c->redis.addr.password[0] != '\0' ||
	    conf_diff(c, again, NULL, NULL) == 0);
	conf_problems_fini(&problems);
	conf_free(&again);
	fd_close(&fd);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct conf_problems problems;
	struct conf *c;
	char path[64];
	int fd;

	/* what it finds would not be the input */
	if (memmem(data, n, "include", 7) != NULL)
		return (0);
	fd = memory_file(data, n, path);
	conf_problems_init(&problems);
	if (conf_load(path, env, &c, &problems) == 0) {
		ASSERT(problems.count == 0);
		check_dump(c);
	} else {
		ASSERT(c == NULL);
		check_problems(&problems, path);
	}
	conf_free(&c);
	conf_problems_fini(&problems);
	fd_close(&fd);
	return (0);
}

#ifndef FUZZ_LIBFUZZER

static int
is_input(const struct dirent *d)
{
	return (d->d_name[0] != '.');
}

/* Whole, cut in eight places, and with one byte changed there: cheap
 * neighbours of what was once interesting. */
static void
replay(char *text, size_t n)
{
	size_t i;

	(void)LLVMFuzzerTestOneInput((const uint8_t *)text, n);
	for (i = 0; i < n; i += 1 + n / 8) {
		(void)LLVMFuzzerTestOneInput((const uint8_t *)text, i);
		text[i] ^= 0x11;
		(void)LLVMFuzzerTestOneInput((const uint8_t *)text, n);
		text[i] ^= 0x11;
	}
}

static void
replay_folder(const char *dir, int *number)
{
	struct dirent **entry;
	char *path, *text;
	int i, count;
	size_t n;

	count = scandir(dir, &entry, is_input, alphasort);
	if (count < 0) {
		printf("not ok %d - no folder %s\n", ++*number, dir);
		return;
	}
	for (i = 0; i < count; i++) {
		path = str_fmt("%s/%s", dir, entry[i]->d_name);
		if (fd_slurp(path, INPUT_MAX, &text, &n) == 0) {
			replay(text, n);
			free(text);
			printf("ok %d - %s\n", ++*number, entry[i]->d_name);
		} else
			printf("not ok %d - could not read %s\n", ++*number,
			    path);
		free(path);
		free(entry[i]);
	}
	free(entry);
}

int
main(int argc, char **argv)
{
	const char *tree = getenv("GANGER_SRCDIR");
	int i, number = 0;
	char *dir;

	for (i = 1; i < argc; i++)
		replay_folder(argv[i], &number);
	if (argc < 2) {
		dir = str_fmt("%s/tests/fuzz/corpus/ini",
		    tree == NULL ? "." : tree);
		replay_folder(dir, &number);
		free(dir);
	}
	printf("1..%d\n", number);
	return (number > 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

#endif
