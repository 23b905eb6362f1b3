/*
 * Cgroups that tests make, or that killed daemons leave behind: they outlive
 * processes, and a frozen one holds its processes for ever. Tests note them in
 * files of the program's folder; rig_main gets rid of them, come what may.
 */
#include "config.h"

#include "tests/rig/rig.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/rig_impl.h"

#define ROOT "/sys/fs/cgroup"

static FILE *
open_notes(const char *name, const char *mode)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", rig_program_dir, name);
	return (fopen(path, mode));
}

static void
note(const char *name, const char *text)
{
	FILE *f = open_notes(name, "ae");

	ck_assert(f != NULL && fprintf(f, "%s\n", text) > 0 && fclose(f) == 0);
}

void
rig_note_freezer(const char *dir)
{
	note("freezers", dir);
}

/* As the daemon names its branch: by its id and run_dir. */
void
rig_note_daemon(const char *id, const char *run_dir)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char name[160];
	const char *c;

	for (c = run_dir; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	snprintf(name, sizeof(name), "ganger-%s-%08x", id,
	    (unsigned)(hash ^ hash >> 32));
	note("branches", name);
}

static void
each_note(const char *name, void (*func)(const char *))
{
	FILE *f = open_notes(name, "re");
	char line[512];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		func(line);
	}
	if (f != NULL)
		fclose(f);
}

static void
put(const char *dir, const char *file, const char *text)
{
	char path[1100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if ((f = fopen(path, "we")) != NULL) {
		fputs(text, f);
		fclose(f);
	}
}

static void
thaw(const char *dir)
{
	put(dir, "freezer.state", "THAWED");
}

void
rig_cgroups_thaw(void)
{
	each_note("freezers", thaw);
}

/* With those below it; its last process may still be on its way out. */
static void
remove_group(const char *dir)
{
	struct dirent *e;
	char below[1024];
	int turn;
	DIR *d;

	if ((d = opendir(dir)) == NULL)
		return;
	put(dir, "cgroup.kill", "1");
	while ((e = readdir(d)) != NULL)
		if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
		    (size_t)snprintf(below, sizeof(below), "%s/%s", dir,
		    e->d_name) < sizeof(below))
			remove_group(below);
	closedir(d);
	for (turn = 0; turn < 1000 && rmdir(dir) != 0 && errno == EBUSY;
	    turn++)
		usleep(1000);
}

/* One line of /proc/self/cgroup: "4:memory:/a" is ROOT/memory/a. */
static void
remove_branch_at(char *line, const char *name)
{
	char *list = strchr(line, ':'), *at, dir[600];
	size_t i;

	line[strcspn(line, "\n")] = '\0';
	if (list == NULL || (at = strchr(list + 1, ':')) == NULL)
		return;
	*at++ = '\0';
	for (i = 0; i < 2; i++) {
		snprintf(dir, sizeof(dir), ROOT "/%s%s/%s", list[1] != '\0' ?
		    list + 1 : i == 0 ? "unified" : ".",
		    strcmp(at, "/") == 0 ? "" : at, name);
		remove_group(dir);
	}
}

static void
remove_branch(const char *name)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[1024];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		remove_branch_at(line, name);
	if (f != NULL)
		fclose(f);
}

void
rig_cgroups_remove(void)
{
	each_note("freezers", remove_group);
	each_note("branches", remove_branch);
}
