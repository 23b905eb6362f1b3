/*
 * The only list of the keys of a job that the worker reads itself; every
 * other key belongs to the handler.
 *   JOB_KEY(name, reader, field of struct job_spec, least, most)
 * Readers are in job.c. For strings least and most are bytes, for numbers the
 * range (durations and instants in seconds, `queued_at` in milliseconds);
 * they mean nothing for the others. docs/contract.md section 2 is the
 * meaning.
 */
#ifndef PROTO_JOB_TBL_H
#define PROTO_JOB_TBL_H

#define JOB_OVER_0 4.9406564584124654e-324
#define JOB_SECONDS_MAX 3155760000.0   /* 100 years */
#define JOB_CAPPED 1.7976931348623157e308   /* more than that means that */
#define JOB_UNIX_MAX 253402300799.0    /* the end of the year 9999 */
#define JOB_NAME_MAX 128
#define JOB_TEXT_MAX 512               /* of any string that is read */

#define JOB_TABLE(JOB_KEY) \
	JOB_KEY(id,           read_id,       id,           1, 128) \
	JOB_KEY(type,         read_text,     type,         1, 256) \
	JOB_KEY(handler,      read_name,     handler,      1, JOB_NAME_MAX) \
	JOB_KEY(model,        read_model,    model,        1, JOB_NAME_MAX) \
	JOB_KEY(requires_gpu, read_flag,     requires_gpu, 0, 1) \
	JOB_KEY(priority,     read_priority, lane,         0, 0) \
	JOB_KEY(timeout,      read_span,     timeout,      JOB_OVER_0, JOB_CAPPED) \
	JOB_KEY(max_attempts, read_count,    max_attempts, 1, 1e9) \
	JOB_KEY(delay,        read_span,     delay,        0, JOB_SECONDS_MAX) \
	JOB_KEY(run_at,       read_instant,  run_at,       0, JOB_UNIX_MAX) \
	JOB_KEY(ttl,          read_span,     ttl,          JOB_OVER_0, JOB_SECONDS_MAX) \
	JOB_KEY(queued_at,    read_unix_ms,  queued_at,    0, JOB_UNIX_MAX * 1e3) \
	JOB_KEY(result_ttl,   read_span,     result_ttl,   JOB_OVER_0, JOB_SECONDS_MAX) \
	JOB_KEY(unique_ttl,   read_span,     unique_ttl,   JOB_OVER_0, JOB_SECONDS_MAX) \
	JOB_KEY(gpu_memory,   read_bytes,    gpu_memory,   0, 9007199254740992.0) \
	JOB_KEY(gpus,         read_count,    gpus,         1, 65536) \
	JOB_KEY(preemptible,  read_tri,      preemptible,  0, 1) \
	JOB_KEY(unique,       read_text,     unique,       1, 256) \
	JOB_KEY(reply_to,     read_text,     reply_to,     1, JOB_TEXT_MAX) \
	JOB_KEY(publish,      read_name,     publish,      1, JOB_NAME_MAX)

#endif
