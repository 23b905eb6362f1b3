/*
 * All that crosses the exec of ganger-child: the descriptors below and one
 * packet on START_FD. The child reads the packet, audits its descriptors,
 * and keeps START_FD open: its end of file means that the supervisor died.
 *
 *   packet = u32 length (big endian) + msgpack map, string keys
 */
#ifndef PROTO_STARTUP_H
#define PROTO_STARTUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"

#define START_FD 3   /* SOCK_STREAM socketpair to the supervisor */
#define PAGE_FD 4    /* memfd of struct page, read-only for the child */
/* 0 is /dev/null, 1 and 2 are pipes that the supervisor reads as the job's log.
 * Nothing else is open in a child when it starts. */

#define START_PACKET_MAX (1u << 20)

/* How a child ends: the supervisor words and counts it (docs/protocol.md). */
#define CHILD_EXIT_TABLE(X) \
	X(OK, 0, "asked to leave") \
	X(STARTUP, 101, "bad start-up packet or descriptors") \
	X(LINK, 102, "no link to the supervisor") \
	X(PLUGIN, 103, "a plugin could not be loaded") \
	X(LOST, 104, "the supervisor went away") \
	X(FENCED, 105, "the lease ended and nobody renewed it") \
	X(PROTOCOL, 106, "a frame it could not understand") \
	X(DIRTY, 107, "processes of the last job would not die")

enum child_exit {
#define X(id, code, text) CHILD_EXIT_##id = code,
	CHILD_EXIT_TABLE(X)
#undef X
};

#define HANDLER_KINDS(X) X(COMMAND, "command") X(RUNNER, "runner") \
	X(PLUGIN, "plugin")
enum handler_kind {
#define X(id, name) HANDLER_##id,
	HANDLER_KINDS(X)
#undef X
	HANDLER_NKINDS
};

/* In the order of strength, and of the names in [handler] sandbox. */
enum sandbox_level { SANDBOX_NONE, SANDBOX_DEFAULT, SANDBOX_STRICT };

/* One handler as the child needs it. Owned strings. */
struct start_handler {
	char *name;
	enum handler_kind kind;
	char **argv;          /* command, runner: words, NULL-terminated */
	char *path;           /* plugin: the shared object */
	char **env;           /* "NAME=value", NULL-terminated; from env.NAME */
	char *user;           /* NULL: as the child */
	char *group;          /* NULL: the user's */
	char **groups;        /* supplementary; empty: the user's */
	enum sandbox_level sandbox;
	uint32_t batch_size;
};

struct start {
	uint32_t slot;
	uint32_t gen;
	char *worker_id;
	char *endpoint;       /* ipc://... of the supervisor's ROUTER */
	char *cpus;           /* list text of the slot's CPUs; applied before exec */
	char *devices;        /* comma separated UUIDs; "" on CPU slots */
	uint32_t ncpus;       /* for OMP_NUM_THREADS and friends */
	char *work_dir;       /* per-job private directories are made below it */
	char *state_dir;      /* outputs and checkpoints below it */
	char *model_dir;      /* "" : no model store */
	uint32_t max_models;
	uint64_t max_result_size;
	dur_t kill_grace;     /* TERM to KILL when the child cleans up by itself */
	enum sandbox_level sandbox; /* of the child: the strictest of the plugins
	                             * that its pool serves */
	uint32_t nhandlers;
	struct start_handler *handlers; /* the index is DO's `handler` */
};

void start_put(struct buf *b, const struct start *s); /* length included */
/* 0 or -ERR_TRUNCATED, -ERR_TYPE, -ERR_RANGE; p starts after the length. */
int start_read(const void *p, size_t n, struct start **sp);
void start_free(struct start **sp);

/* The child's DEALER identity, "s<slot>.g<gen>"; out holds at least 32. */
void start_identity(char out[32], uint32_t slot, uint32_t gen);
int start_identity_parse(const char *p, size_t n, uint32_t *slot,
    uint32_t *gen); /* 0 or -ERR_SYNTAX */

const char *child_exit_text(int code);  /* NULL: not one of ours */
const char *handler_kind_name(enum handler_kind k);

#endif
