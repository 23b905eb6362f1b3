/*
 * A host may run hundreds of idle children, and most of what each holds is
 * code of libraries that its own libraries pulled in and that ran once. Only
 * mappings that are executable, private, of a file and not writable are
 * touched: their pages are the file's, so the next use reads them back from
 * the page cache. Read-only data is left alone, because relocated pages look
 * the same in the list and are not the file's.
 */
#include "config.h"

#include "child/trim.h"

#include <sys/mman.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void
drop_range(const char *line)
{
	unsigned long from, to;
	char mode[8], path[8];

	if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %7s", &from, &to, mode,
	    path) != 4 || strcmp(mode, "r-xp") != 0 || path[0] != '/')
		return;
	(void)madvise((void *)(uintptr_t)from, to - from, MADV_DONTNEED);
}

void
trim_memory(void)
{
	char line[512];
	FILE *f;

	if ((f = fopen("/proc/self/maps", "re")) != NULL) {
		while (fgets(line, sizeof(line), f) != NULL)
			drop_range(line);
		fclose(f);
	}
	malloc_trim(0);
}
