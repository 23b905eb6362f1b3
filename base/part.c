/*
 * Finds files beside the running program. Looks once per call and follows no
 * variable of the environment; callers that have one look at it first.
 */
#include "config.h"

#include "base/part.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

char *
part_path(const char *installed, const char *sub, const char *name)
{
	char own[PATH_MAX], *path;
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (n > 0) {
		own[n] = '\0';
		if ((slash = strrchr(own, '/')) != NULL) {
			*slash = '\0';
			path = str_fmt("%s/%s%s", own, sub, name);
			if (access(path, R_OK) == 0)
				return (path);
			free(path);
		}
	}
	return (str_fmt("%s/%s", installed, name));
}
