/* Landlock by its system calls. See landlock.h. */
#include "config.h"

#include "base/landlock.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

/* Of linux/landlock.h, whose older versions lack most. The numbers of the
 * system calls are the same on every architecture. */
#define SYS_CREATE 444
#define SYS_ADD 445
#define SYS_RESTRICT 446
#define CREATE_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_MAKE_CHAR (UINT64_C(1) << 6)
#define FS_MAKE_BLOCK (UINT64_C(1) << 11)
#define FS_ABI1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)     /* 2: rename between folders */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define NET_TCP UINT64_C(3)              /* 4: bind, connect */
#define SCOPED UINT64_C(3)               /* 6: abstract sockets, signals */

#define FS_READ (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
/* What can be said of something that is no folder. */
#define FS_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | \
	FS_IOCTL_DEV)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

int
landlock_abi(void)
{
	long abi = syscall(SYS_CREATE, NULL, (size_t)0, CREATE_VERSION);

	return (abi > 0 ? (int)abi : 0);
}

static uint64_t
all_rights(int abi)
{
	return (FS_ABI1 | (abi >= 2 ? FS_REFER : 0) |
	    (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL_DEV : 0));
}

int
landlock_new(void)
{
	int abi = landlock_abi();
	struct ruleset r = { .fs = all_rights(abi),
		.net = abi >= 4 ? NET_TCP : 0, .scoped = abi >= 6 ? SCOPED :
		0 };
	size_t size = abi >= 6 ? sizeof(r) : abi >= 4 ?
	    offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);
	long fd;

	if (abi == 0) {
		errno = EOPNOTSUPP;
		return (-ERR_SYSTEM);
	}
	fd = syscall(SYS_CREATE, &r, size, 0u);
	return (fd < 0 ? -ERR_SYSTEM : (int)fd);
}

static uint64_t
rights_of(enum landlock_may may)
{
	switch (may) {
	case LANDLOCK_MAY_READ:
		return (FS_READ);
	case LANDLOCK_MAY_WRITE:
		return (all_rights(landlock_abi()) & ~FS_MAKE_CHAR &
		    ~FS_MAKE_BLOCK);
	case LANDLOCK_MAY_DEVICE:
		return (all_rights(landlock_abi()) & (FS_READ_FILE |
		    FS_WRITE_FILE | FS_READ_DIR | FS_IOCTL_DEV));
	}
	return (0);
}

int
landlock_allow(int fd, const char *path, enum landlock_may may)
{
	struct path_beneath p = { .allowed = rights_of(may) };
	struct stat st;
	int at, r = -ERR_SYSTEM;

	if ((at = open(path, O_PATH | O_CLOEXEC)) < 0)
		return (errno == ENOENT || errno == EACCES ? 0 : -ERR_SYSTEM);
	if (fstat(at, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			p.allowed &= FS_FILE;
		p.fd = at;
		r = syscall(SYS_ADD, fd, RULE_PATH_BENEATH, &p, 0u) == 0 ? 0 :
		    -ERR_SYSTEM;
	}
	fd_close(&at);
	return (r);
}

int
landlock_enter(int fd)
{
	return (syscall(SYS_RESTRICT, fd, 0u) == 0 ? 0 : -1);
}
