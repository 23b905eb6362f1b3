/*
 * What a handler's process may ask of the kernel. `default` refuses what no
 * job needs and what reaches beyond it: mounts, namespaces, modules, kexec,
 * bpf, keys, tracing of others, clocks, swap, reboot. `strict` also refuses
 * the network and every write outside the job's own folders and the places
 * for temporary files; devices of GPUs stay open.
 *
 * A filter of system calls (seccomp) and Landlock. Made ready before the
 * process exists, entered by it just before exec.
 */
#ifndef CHILD_SANDBOX_H
#define CHILD_SANDBOX_H

#include <stddef.h>

#include "base/buf.h"
#include "proto/startup.h"

struct child;
struct sock_fprog;

struct sandbox {
	const struct sock_fprog *filter;  /* NULL: no sandbox */
	int rules;                        /* of Landlock; -1: none */
};

/* 0, or -ERR_SYSTEM with a line in why. writable: folders, NULL at its end. */
int sandbox_open(struct sandbox *b, enum sandbox_level level,
    const char *const *writable, struct buf *why);
void sandbox_close(struct sandbox *b);
/* In the new process. Async-signal-safe. 0 or -1. */
int sandbox_enter(const struct sandbox *b);

/* Before the child has threads: a plugin runs in it, so its sandbox is the
 * child's. 0, or -ERR_SYSTEM with a line in why. */
int sandbox_child(const struct child *c, struct buf *why);

#endif
