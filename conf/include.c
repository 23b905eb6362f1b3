/*
 * include: other files of the configuration, by patterns (all .ini of a folder).
 * They are read in the order of their names after the file that names them,
 * into the same sections. An included file includes no others.
 */
#include "config.h"

#include <sys/stat.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/file.h"
#include "conf/load.h"

#define SPACE " \t\r"

/* Whoever may add files to the folder decides what the daemon does. */
static const char *
folder_distrust(const char *pattern)
{
	const char *slash = strrchr(pattern, '/'), *why = NULL;
	char *dir = slash == NULL ? xstrdup(".") :
	    xstrndup(pattern, slash == pattern ? 1 :
	    (size_t)(slash - pattern));
	struct stat st;

	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode)) {
		if ((st.st_mode & S_IWOTH) != 0)
			why = "others may add files to its folder";
		else if (geteuid() == 0 && (st.st_mode & S_IWGRP) != 0)
			why = "the folder's group may add files to it";
	}
	free(dir);
	return (why);
}

static void
read_included(struct load *ld, const char *path, int place)
{
	const char *why;
	size_t len;
	char *text;

	if (ld->ini->nfiles > INI_FILES_MAX) {
		problem_add(&ld->problems, place, "include: more than %d files",
		    INI_FILES_MAX);
		return;
	}
	if ((text = file_read(path, INI_SIZE_MAX, &len, &why)) == NULL) {
		problem_add(&ld->problems, place,
		    "include: could not read %.300s: %s", path, why);
		return;
	}
	ini_parse(ld->ini, path, text, len, &ld->problems);
	explicit_bzero(text, len);
	free(text);
}

static bool
has_wildcard(const char *pattern)
{
	return (strpbrk(pattern, "*?[") != NULL);
}

static void
include_pattern(struct load *ld, const char *pattern, int place)
{
	const char *why = folder_distrust(pattern);
	glob_t g;
	size_t i;
	int r;

	if (why != NULL) {
		problem_add(&ld->problems, place, "include: %.300s: %s",
		    pattern, why);
		return;
	}
	memset(&g, 0, sizeof(g));
	r = glob(pattern, has_wildcard(pattern) ? GLOB_ERR : GLOB_NOCHECK,
	    NULL, &g);
	if (r == GLOB_NOSPACE || r == GLOB_ABORTED)
		problem_add(&ld->problems, place, "include: could not look "
		    "for %.300s: %s", pattern, strerror(errno));
	for (i = 0; r == 0 && i < g.gl_pathc; i++)
		read_included(ld, g.gl_pathv[i], place);
	globfree(&g);
}

/* A relative pattern starts at the folder of the main file, named as there. */
static char *
from_main(const struct load *ld, const char *pattern)
{
	const char *slash = strrchr(ld->path, '/');

	if (pattern[0] == '/' || slash == NULL)
		return (xstrdup(pattern));
	return (str_fmt("%.*s/%s", (int)(slash - ld->path), ld->path,
	    pattern));
}

/* Patterns separated by commas. */
static void
include_value(struct load *ld, const char *value, int place)
{
	const char *end;
	char *word, *pattern;
	size_t n;

	for (;; value = end + 1) {
		end = value + strcspn(value, ",");
		value += strspn(value, SPACE);
		n = (size_t)(end - value);
		while (n > 0 && strchr(SPACE, value[n - 1]) != NULL)
			n--;
		if (n > 0) {
			word = xstrndup(value, n);
			pattern = from_main(ld, word);
			include_pattern(ld, pattern, place);
			free(pattern);
			free(word);
		}
		if (*end == '\0')
			return;
	}
}

/* ini grows meanwhile: what the main file says is copied first. */
void
load_includes(struct load *ld)
{
	const struct ini_section *s = ini_section(ld->ini, "supervisor", "");
	const struct ini_key *k = s == NULL ? NULL : ini_key(s, "include");
	char *top = ld->ini->include == NULL ? NULL : xstrdup(ld->ini->include);
	char *own = k == NULL ? NULL : xstrdup(k->value);
	int place = k == NULL ? 0 : k->line;

	ld->ini->may_include = false;
	if (top != NULL)
		include_value(ld, top, ld->ini->include_line);
	if (own != NULL)
		include_value(ld, own, place);
	free(top);
	free(own);
}
