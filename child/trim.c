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
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "from-to mode offset device inode path": true if all is as it has to be. */
static bool
read_range(const char *line, unsigned long *from, unsigned long *to)
{
	char *p;

	*from = strtoul(line, &p, 16);
	if (*p++ != '-')
		return (false);
	*to = strtoul(p, &p, 16);
	return (strncmp(p, " r-xp ", 6) == 0 && strchr(p, '/') != NULL);
}

static void
drop_range(const char *line)
{
	unsigned long from, to;

	if (read_range(line, &from, &to))
		(void)madvise((void *)(uintptr_t)from, to - from,
		    MADV_DONTNEED);
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
