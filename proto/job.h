/*
 * A job as its producer wrote it: what routing needs is read, everything else
 * is checked and passed on untouched. docs/contract.md section 2 lists keys.
 */
#ifndef PROTO_JOB_H
#define PROTO_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/slice.h"
#include "proto/cause.h"

enum job_lane { LANE_HIGH, LANE_NORMAL, LANE_LOW, LANE_N };
enum job_tri { TRI_UNSET, TRI_NO, TRI_YES };

/*
 * Slices point into the payload, or into `text` where a value was escaped or
 * came from msgpack. An absent key is a slice with p == NULL or the value
 * named in the comment.
 */
struct job_spec {
	struct slice id;          /* p == NULL: none given */
	struct slice type;        /* "inference" when absent, or unreadable */
	struct slice handler;
	struct slice model;       /* name without version */
	uint32_t model_version;   /* 0: none given */
	struct slice publish;
	struct slice unique;
	struct slice reply_to;
	enum job_lane lane;       /* LANE_NORMAL when absent */
	bool requires_gpu;
	enum job_tri preemptible; /* unset: true for training */
	dur_t timeout;            /* 0: none given */
	uint32_t max_attempts;    /* 0: none given */
	dur_t delay;              /* 0: none */
	wall_t run_at;            /* 0: none (unix ms; fractions of seconds kept) */
	dur_t ttl;                /* 0: none */
	wall_t queued_at;         /* 0: none */
	dur_t result_ttl;         /* 0: none given */
	dur_t unique_ttl;         /* 0: none given */
	uint64_t gpu_memory;      /* bytes */
	uint32_t gpus;            /* 0: none given */
	bool is_msgpack;
	bool is_json;             /* the payload is a well-formed JSON object,
				   * whatever its values; also set on failure */
	struct slice payload;     /* the bytes as they came; borrowed */
	struct buf text;          /* decoded strings; owned by the spec */
};

struct job_problem {
	enum cause cause;         /* CAUSE_INVALID_JOB or CAUSE_TOO_LARGE */
	char message[160];        /* names the key or the offset */
};

/*
 * Reads and checks one payload of n bytes. Returns 0, or -ERR_SYNTAX with
 * *problem filled; then spec->id is still set if a usable id could be read,
 * and spec->reply_to likewise; its other fields then mean nothing. Always call job_spec_fini afterwards. The
 * payload must outlive the spec. A payload over max_size is CAUSE_TOO_LARGE
 * whatever it holds. A NUL byte, an empty payload, an unknown
 * first byte are problems like any other.
 */
int job_parse(const void *payload, size_t n, size_t max_size,
    struct job_spec *spec, struct job_problem *problem);
void job_spec_fini(struct job_spec *spec);

/*
 * When the job may start at the earliest, unix ms: the later of `delay`,
 * counted from `queued_at` or, without it, from first_seen, and `run_at`.
 * 0 if it has neither.
 */
wall_t job_not_before(const struct job_spec *spec, wall_t first_seen);

const char *job_lane_name(enum job_lane lane); /* "high" "normal" "low" */

#endif
