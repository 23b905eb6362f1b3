/* Filters of system calls, and places to write to. See sandbox.h. */
#include "config.h"

#include "child/sandbox.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <endian.h>
#include <errno.h>
#include <glob.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/landlock.h"
#include "base/obj.h"
#include "base/str.h"
#include "child/child.h"
#include "child/dirs.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u     /* calls of the third ABI of this machine */
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#define ARCH 0
#endif

#define FILTER_MAX 256
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
	CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	0x80u /* CLONE_NEWTIME */)

/* Where the low half of an argument lies in what a filter sees. */
#define ARG_LOW(n) ((unsigned)(offsetof(struct seccomp_data, args) + \
	8 * (n) + (__BYTE_ORDER == __BIG_ENDIAN ? 4 : 0)))

/* Refused in every sandbox. Numbers that old headers lack are the same on all
 * architectures, because they were given after all got one table. */
static const int refused[] = {
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare,
	SYS_setns, 428 /* open_tree */, 429 /* move_mount */, 430 /* fsopen */,
	431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */,
	442 /* mount_setattr */, 467 /* open_tree_attr */,
	SYS_swapon, SYS_swapoff, SYS_reboot, SYS_kexec_load,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
	SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_bpf,
	SYS_keyctl, SYS_add_key, SYS_request_key, SYS_ptrace,
	SYS_process_vm_readv, SYS_process_vm_writev, 438 /* pidfd_getfd */,
	SYS_kcmp, SYS_perf_event_open, SYS_userfaultfd, SYS_acct,
	SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime,
	SYS_quotactl, 443 /* quotactl_fd */, SYS_syslog, SYS_sethostname,
	SYS_setdomainname, SYS_vhangup, SYS_open_by_handle_at,
	SYS_name_to_handle_at, SYS_fanotify_init,
	/* gone from newer kernels, and so from their headers */
#ifdef SYS_nfsservctl
	SYS_nfsservctl,
#endif
#ifdef SYS_lookup_dcookie
	SYS_lookup_dcookie,
#endif
#ifdef SYS_iopl
	SYS_iopl, SYS_ioperm,
#endif
};

/* And these in strict: the rings do input and output past a filter. */
static const int refused_strict[] = {
	425 /* io_uring_setup */, 426 /* io_uring_enter */,
	427 /* io_uring_register */,
};

struct program {
	struct sock_filter code[FILTER_MAX];
	struct sock_fprog prog;
};

static void
emit(struct program *p, unsigned code, unsigned k, unsigned yes, unsigned no)
{

	ASSERT(p->prog.len < FILTER_MAX);
	p->code[p->prog.len++] = (struct sock_filter){ (uint16_t)code,
		(uint8_t)yes, (uint8_t)no, k };
}

static void
emit_answer(struct program *p, int error)
{

	emit(p, BPF_RET | BPF_K, error == 0 ? SECCOMP_RET_ALLOW :
	    SECCOMP_RET_ERRNO | (unsigned)error, 0, 0);
}

/* One call, whatever its arguments. */
static void
emit_refuse(struct program *p, int call, int error)
{

	emit(p, BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1);
	emit_answer(p, error);
}

/* One call where the test of an argument succeeds (or, not `when`, fails). */
static void
emit_refuse_if(struct program *p, int call, unsigned arg, unsigned test,
    unsigned value, bool when, int error)
{

	emit(p, BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 4);
	emit(p, BPF_LD | BPF_W | BPF_ABS, ARG_LOW(arg), 0, 0);
	emit(p, BPF_JMP | test | BPF_K, value, when ? 0 : 1, when ? 1 : 0);
	emit_answer(p, error);
	emit_answer(p, 0);
}

/* Calls of another ABI have other numbers: none of them gets through. */
static void
emit_head(struct program *p)
{

	emit(p, BPF_LD | BPF_W | BPF_ABS,
	    (unsigned)offsetof(struct seccomp_data, arch), 0, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	emit_answer(p, ENOSYS);
	emit(p, BPF_LD | BPF_W | BPF_ABS,
	    (unsigned)offsetof(struct seccomp_data, nr), 0, 0);
#ifdef X32_BIT
	emit(p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	emit_answer(p, ENOSYS);
#endif
}

static void
build(struct program *p, bool strict)
{
	size_t i;

	emit_head(p);
	for (i = 0; i < NELEM(refused); i++)
		emit_refuse(p, refused[i], EPERM);
	for (i = 0; strict && i < NELEM(refused_strict); i++)
		emit_refuse(p, refused_strict[i], ENOSYS);
	/* its flags lie in memory, out of a filter's sight: the C library
	 * then uses clone, whose flags do not */
	emit_refuse(p, 435 /* clone3 */, ENOSYS);
	emit_refuse_if(p, SYS_clone, 0, BPF_JSET, NAMESPACES, true, EPERM);
	/* typing for whoever sits at our terminal */
	emit_refuse_if(p, SYS_ioctl, 1, BPF_JEQ, TIOCSTI, true, EPERM);
	if (strict)
		emit_refuse_if(p, SYS_socket, 0, BPF_JEQ, AF_UNIX, false,
		    EAFNOSUPPORT);
	emit_answer(p, 0);
	p->prog.filter = p->code;
}

static const struct sock_fprog *
filter_of(enum sandbox_level level)
{
	static struct program programs[2];
	struct program *p = &programs[level == SANDBOX_STRICT];

	if (p->prog.len == 0)
		build(p, level == SANDBOX_STRICT);
	return (&p->prog);
}

/* ---- places ---- */

static const char *const shared_places[] = { "/tmp", "/var/tmp", "/dev/shm" };

static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full",
	"/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts",
	"/dev/dri", "/dev/kfd", "/dev/nvidia-caps", "/dev/nvidia-caps-imex-channels" };

static int
allow_gpus(int fd)
{
	glob_t found;
	size_t i;
	int r = 0;

	if (glob("/dev/nvidia*", 0, NULL, &found) != 0)
		return (0);
	for (i = 0; r == 0 && i < found.gl_pathc; i++)
		r = landlock_allow(fd, found.gl_pathv[i],
		    LANDLOCK_MAY_DEVICE);
	globfree(&found);
	return (r);
}

static int
fill_rules(int fd, const char *const *writable)
{
	size_t i;
	int r;

	r = landlock_allow(fd, "/", LANDLOCK_MAY_READ);
	for (i = 0; r == 0 && i < NELEM(shared_places); i++)
		r = landlock_allow(fd, shared_places[i], LANDLOCK_MAY_WRITE);
	for (i = 0; r == 0 && i < NELEM(devices); i++)
		r = landlock_allow(fd, devices[i], LANDLOCK_MAY_DEVICE);
	for (; r == 0 && *writable != NULL; writable++)
		r = landlock_allow(fd, *writable, LANDLOCK_MAY_WRITE);
	return (r != 0 ? r : allow_gpus(fd));
}

int
sandbox_open(struct sandbox *b, enum sandbox_level level,
    const char *const *writable, struct buf *why)
{

	*b = (struct sandbox){ NULL, -1 };
	if (level == SANDBOX_NONE)
		return (0);
	if (ARCH == 0) {
		buf_puts(why, "no sandbox for this kind of processor");
		return (-ERR_SYSTEM);
	}
	b->filter = filter_of(level);
	if (level != SANDBOX_STRICT)
		return (0);
	if ((b->rules = landlock_new()) < 0 ||
	    fill_rules(b->rules, writable) != 0) {
		buf_printf(why, "sandbox = strict: no Landlock: %s",
		    strerror(errno));
		sandbox_close(b);
		return (-ERR_SYSTEM);
	}
	return (0);
}

void
sandbox_close(struct sandbox *b)
{

	fd_close(&b->rules);
	b->filter = NULL;
}

int
sandbox_enter(const struct sandbox *b)
{

	if (b->filter == NULL)
		return (0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0 ||
	    (b->rules >= 0 && landlock_enter(b->rules) != 0))
		return (-1);
	return (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, b->filter) != 0 ?
	    -1 : 0);
}

/* ---- plugins ---- */

int
sandbox_child(const struct child *c, struct buf *why)
{
	enum sandbox_level level = c->start->sandbox;
	struct sandbox b;
	int r;

	if (level == SANDBOX_NONE)
		return (0);
	r = dirs_sandbox(c->start, level, &b, why);
	if (r == 0 && sandbox_enter(&b) != 0) {
		buf_printf(why, "could not enter the sandbox: %s",
		    strerror(errno));
		r = -ERR_SYSTEM;
	}
	sandbox_close(&b);
	return (r);
}
