/*
 * What the tests of conf share: a temporary folder with files in it, and a
 * load that keeps its problems. The folder is made per test and removed with
 * all that lies in it.
 */
#ifndef TESTS_UNIT_CONF_RIG_H
#define TESTS_UNIT_CONF_RIG_H

#include <sys/stat.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "conf/conf.h"
#include "tests/check_run.h"

struct rig {
	char dir[200];
	char file[220];               /* dir/t.ini */
	const char *env[16];          /* NULL-terminated; borrows */
	unsigned nenv;
	struct conf *c;               /* of the last load, or NULL */
	struct conf_problems problems;
};

static struct rig rig;

static inline void
rig_env(const char *assignment)
{
	ck_assert_uint_lt(rig.nenv + 1, NELEM(rig.env));
	rig.env[rig.nenv++] = assignment;
}

static inline void
rig_setup(void)
{
	const char *tmp = getenv("TMPDIR");

	memset(&rig, 0, sizeof(rig));
	(void)snprintf(rig.dir, sizeof(rig.dir), "%s/ganger-conf-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(rig.dir));
	(void)snprintf(rig.file, sizeof(rig.file), "%s/t.ini", rig.dir);
	conf_problems_init(&rig.problems);
	rig_env("HOME=/test-home");
	rig_env("PATH=/nowhere:/bin:/usr/bin");
}

static inline void
rig_teardown(void)
{
	conf_free(&rig.c);
	conf_problems_fini(&rig.problems);
	ck_assert_int_eq(dir_remove(rig.dir), 0);
}

/* A file in the folder; its path is static until the next call. */
static inline const char *
rig_file(const char *name, const char *text, size_t n, mode_t mode)
{
	static char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, n), 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	fd_close(&fd);
	return (path);
}

/* Loads a file (NULL: none) with the rig's environment. */
static inline int
rig_load_file(const char *path)
{
	char *env[NELEM(rig.env)];

	memcpy(env, rig.env, sizeof(env));
	conf_free(&rig.c);
	conf_problems_fini(&rig.problems);
	conf_problems_init(&rig.problems);
	return (conf_load(path, env, &rig.c, &rig.problems));
}

static inline const char *
rig_problems(void)
{
	return (buf_cstr(&rig.problems.text));
}

/* Loads this text; it must be good. */
static inline const struct conf *
rig_good(const char *text)
{
	(void)rig_file("t.ini", text, strlen(text), 0600);
	ck_assert_msg(rig_load_file(rig.file) == 0, "%s", rig_problems());
	ck_assert_uint_eq(rig.problems.count, 0);
	ck_assert_str_eq(rig_problems(), "");
	ck_assert_ptr_nonnull(rig.c);
	return (rig.c);
}

/*
 * Loads n bytes that must be bad, and compares the problems with the text,
 * where '@' first in a line stands for the path of the file, '%' for the
 * folder.
 */
static inline void
rig_bad(const char *text, size_t n, const char *expected)
{
	const char *p;
	struct buf b;

	(void)rig_file("t.ini", text, n, 0600);
	ck_assert_int_eq(rig_load_file(rig.file), -ERR_CONFIG);
	ck_assert_ptr_null(rig.c);
	buf_init(&b, 1u << 16);
	for (p = expected; *p != '\0'; p++)
		if (*p == '@' && (p == expected || p[-1] == '\n'))
			(void)buf_puts(&b, rig.file);
		else if (*p == '%')
			(void)buf_puts(&b, rig.dir);
		else
			(void)buf_putc(&b, *p);
	ck_assert_str_eq(rig_problems(), buf_cstr(&b));
	buf_fini(&b);
}

/* The dump of the last load; the caller frees. */
static inline char *
rig_dump(void)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(f);
	conf_dump(rig.c, f);
	ck_assert_int_eq(fclose(f), 0);
	return (text);
}

#endif
