/*
 * ganger/handler.h: the C ABI of Ganger's plugin handlers.
 *
 * A plugin is a shared object with one exported symbol, `ganger_plugin`, a
 * struct ganger_plugin. ganger-child loads it once, calls init, then run or
 * predict for each credit, all on one thread, and fini before it leaves. A
 * plugin that crashes, exits or hangs takes down only its own child; the
 * supervisor says so in the job's record and starts a new child.
 *
 * Strings that the host lends are valid until the call returns. All text is
 * UTF-8. Sizes are bytes, times are seconds.
 *
 * Versioning: abi_major must be equal; a plugin built for an older minor
 * runs on a newer host, because structs only grow at their end and both
 * sides say the size of theirs.
 */
#ifndef GANGER_HANDLER_H
#define GANGER_HANDLER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GANGER_ABI_MAJOR 1
#define GANGER_ABI_MINOR 0

/* What a plugin call answers. Anything but OK fails the job (or, from
 * predict, the whole batch) with the cause of that name. A batch that ends as
 * GANGER_ERROR or GANGER_GPU_ERROR, or with the process, is run again in
 * smaller parts until the job to blame stands alone: predict must be free of
 * lasting effects. */
enum ganger_status {
	GANGER_OK = 0,
	GANGER_ERROR = 1,         /* handler-error: charged, retried */
	GANGER_TRY_AGAIN = 2,     /* try-again */
	GANGER_LOAD_FAILED = 3,   /* load-failed */
	GANGER_GPU_ERROR = 4,     /* gpu-error: not charged; a new child */
	GANGER_UNKNOWN_MODEL = 5, /* unknown-model: not retried */
	GANGER_STOPPED = 6        /* gave up because should_stop said so */
};

enum ganger_kind {
	GANGER_NULL, GANGER_BOOL, GANGER_NUMBER, GANGER_STRING, GANGER_ARRAY,
	GANGER_OBJECT, GANGER_ABSENT
};

/* A run of bytes, not NUL-terminated. */
struct ganger_text {
	const char *data;
	size_t size;
};

struct ganger_job;   /* one job; the host's */

/* One job as the plugin sees it. `host` is the key for the host's calls. */
struct ganger_request {
	size_t struct_size;
	struct ganger_job *host;
	const char *id;
	const char *type;
	const char *model;         /* "" if the job names none */
	uint32_t attempt;          /* from 1 */
	struct ganger_text job;    /* the whole job as checked JSON text */
	const char *work_dir;      /* private, removed after the job */
	const char *output_dir;    /* kept until the job is final */
	const char *checkpoint_dir;
};

/* Where and as what this child runs. */
struct ganger_place {
	size_t struct_size;
	const char *worker_id;
	uint32_t slot;
	const char *cpus;          /* list text, "0-2,4" */
	const char *devices;       /* comma separated UUIDs; "" on CPU slots */
	uint32_t ncpus;
};

/* What the host offers. All calls are allowed only from the thread that the
 * host called the plugin on, and only while that call lasts. */
struct ganger_host {
	size_t struct_size;
	uint32_t abi_major, abi_minor;
	const struct ganger_place *place;

	/* Gives the job its result: JSON text, checked and copied by the host.
	 * 0, or -1 if it is not JSON (the job fails as handler-error) or is
	 * over max_result_size (result-too-large). The last call counts. */
	int (*set_result)(struct ganger_job *, const char *json, size_t size);
	/* Gives one job its own error; it fails with this status even where
	 * the call as a whole answers OK. The text goes to the record. */
	void (*set_error)(struct ganger_job *, enum ganger_status,
	    const char *message);
	/* 0 to 1 and a short text; costs little, may be called often. */
	void (*progress)(struct ganger_job *, double fraction,
	    const char *message);
	/* Lines for the job's log. */
	void (*log)(struct ganger_job *, const char *text, size_t size);
	/* 1 when the job was cancelled, preempted or is to stop: write a
	 * checkpoint and return GANGER_STOPPED. */
	int (*should_stop)(struct ganger_job *);

	/* Reading JSON: a member of an object's text by path ("input.op").
	 * GANGER_ABSENT if it is not there. */
	enum ganger_kind (*json_get)(struct ganger_text object,
	    const char *path, struct ganger_text *value);
	/* A number's value, or fallback. */
	double (*json_number)(struct ganger_text value, double fallback);
	/* Decodes a string's text into out, NUL-terminated and cut to fit;
	 * returns its full length, or (size_t)-1 if value is no string. */
	size_t (*json_string)(struct ganger_text value, char *out,
	    size_t size);
};

/* flags of a plugin */
#define GANGER_PLUGIN_NO_MODELS 1u /* ignores `model`; the store is not asked */
#define GANGER_PLUGIN_NO_DIRS 2u   /* writes no files: the requests' three
				    * directories are "" and are not made */

/*
 * The plugin's side. Calls that it does not need are NULL; either run or
 * predict must be there. With predict, a credit's jobs of one model come as
 * one batch (at most batch_size of the configuration); with run they come
 * one after the other.
 */
struct ganger_plugin {
	size_t struct_size;
	uint32_t abi_major, abi_minor;
	const char *name;
	const char *version;
	uint32_t flags;

	/* Once per child, before the first job. Not OK: the child leaves and
	 * the slot backs off. error may be set to static text. */
	enum ganger_status (*init)(const struct ganger_host *host,
	    void **state, const char **error);
	void (*fini)(void *state);

	/* Makes a model ready; `dir` is its version's folder in the model
	 * store, or "" where the job names no model. The host keeps at most
	 * max_models loaded and unloads the least recently used. */
	enum ganger_status (*load_model)(void *state, const char *name,
	    uint32_t version, const char *dir, void **model,
	    const char **error);
	void (*unload_model)(void *state, void *model);

	enum ganger_status (*predict)(void *state, void *model,
	    const struct ganger_request *const *requests, size_t count);
	enum ganger_status (*run)(void *state, void *model,
	    const struct ganger_request *request);
};

/* The one symbol of a plugin:
 *   const struct ganger_plugin ganger_plugin = { ... }; */
extern const struct ganger_plugin ganger_plugin;

#ifdef __cplusplus
}
#endif

#endif
