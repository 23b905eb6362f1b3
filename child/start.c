/*
 * Start-up checks. A descriptor that leaked into a child would leak into
 * every job it runs and may keep a socket or a file alive that others believe
 * closed: the child refuses to run rather than close it quietly.
 */
#include "config.h"

#include "child/start.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/xalloc.h"
#include "proto/page.h"
#include "proto/startup.h"

int
start_receive(struct start **sp, struct buf *why)
{
	unsigned char head[4];
	uint32_t n;
	char *p;
	int r;

	if ((r = fd_read_all(START_FD, head, sizeof(head))) != 0) {
		buf_printf(why, "no start-up packet on descriptor %d: %s",
		    START_FD, err_text(r));
		return (r);
	}
	n = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 |
	    (uint32_t)head[2] << 8 | head[3];
	if (n == 0 || n > START_PACKET_MAX) {
		buf_printf(why, "start-up packet claims %u bytes",
		    (unsigned)n);
		return (-ERR_RANGE);
	}
	p = xmalloc(n);
	if ((r = fd_read_all(START_FD, p, n)) == 0)
		r = start_read(p, n, sp);
	free(p);
	if (r != 0)
		buf_printf(why, "bad start-up packet: %s", err_text(r));
	return (r);
}

static void
name_intruder(const char *fd, struct buf *why)
{
	char path[64], target[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%.20s", fd);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	buf_printf(why, "descriptor %s is open and should not be: %s", fd,
	    target);
}

int
start_audit(struct buf *why)
{
	struct dirent *e;
	int r = 0;
	long fd;
	DIR *d;

	if ((d = opendir("/proc/self/fd")) == NULL) {
		buf_printf(why, "could not read /proc/self/fd: %s",
		    strerror(errno));
		return (-ERR_SYSTEM);
	}
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		fd = strtol(e->d_name, NULL, 10);
		if (fd <= PAGE_FD || fd == dirfd(d))
			continue;
		name_intruder(e->d_name, why);
		r = -ERR_REFUSED;
	}
	closedir(d);
	if (r == 0 && (fd_cloexec(START_FD) != 0 || fd_cloexec(PAGE_FD) != 0)) {
		buf_printf(why, "descriptors %d and %d: %s", START_FD, PAGE_FD,
		    strerror(errno));
		r = -ERR_SYSTEM;
	}
	return (r);
}

static size_t
page_size(unsigned slots)
{

	return (sizeof(struct page) + slots * sizeof(struct page_slot));
}

int
start_map_page(unsigned slot, struct page **pagep, struct buf *why)
{
	struct page *page;
	struct stat st;

	if (fstat(PAGE_FD, &st) != 0 || slot >= PAGE_SLOTS_MAX ||
	    (size_t)st.st_size < page_size(slot + 1)) {
		buf_printf(why, "the shared page has no slot %u", slot);
		return (-ERR_RANGE);
	}
	page = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
	    MAP_SHARED, PAGE_FD, 0);
	if (page == MAP_FAILED) {
		buf_printf(why, "could not map the shared page: %s",
		    strerror(errno));
		return (-ERR_SYSTEM);
	}
	if (page->magic != PAGE_MAGIC || slot >= page->nslots) {
		buf_printf(why, "descriptor %d is not the shared page with "
		    "slot %u", PAGE_FD, slot);
		return (-ERR_TYPE);
	}
	*pagep = page;
	return (0);
}
