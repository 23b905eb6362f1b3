/*
 * What plugins call. Nothing here trusts its arguments further than the type:
 * a text of size 0 may have no address, a fraction may be no number.
 */
#include "config.h"

#include "child/plugin_host.h"

#include <string.h>

#include "base/obj.h"
#include "child/child.h"
#include "child/report.h"
#include "proto/json.h"

static const struct {
	enum cause cause;
	const char *text;
} statuses[] = {
	[GANGER_ERROR] = { CAUSE_HANDLER_ERROR, "the plugin gave no reason" },
	[GANGER_TRY_AGAIN] = { CAUSE_TRY_AGAIN, "the plugin asked to be run "
	    "again later" },
	[GANGER_LOAD_FAILED] = { CAUSE_LOAD_FAILED, "the plugin could not "
	    "load what it needs" },
	[GANGER_GPU_ERROR] = { CAUSE_GPU_ERROR, "the plugin reported a GPU "
	    "error" },
	[GANGER_UNKNOWN_MODEL] = { CAUSE_UNKNOWN_MODEL, "the plugin does not "
	    "know the model" },
	[GANGER_STOPPED] = { CAUSE_NONE, "stopped because it was asked to" },
};

void
plugin_host_fail(struct ganger_job *j, enum ganger_status status,
    const char *text)
{
	enum cause cause;

	if ((unsigned)status >= NELEM(statuses) || status == GANGER_OK)
		status = GANGER_ERROR;
	cause = status == GANGER_STOPPED ? child_stopped_cause(j->child) :
	    statuses[status].cause;
	cjob_fail(j->job, cause, "%s",
	    text != NULL && *text != '\0' ? text : statuses[status].text);
}

static int
host_set_result(struct ganger_job *j, const char *json, size_t size)
{

	if (j->job->settled)
		return (-1);
	return (cjob_set_result(j->job, json, size) == 0 ? 0 : -1);
}

static void
host_set_error(struct ganger_job *j, enum ganger_status status,
    const char *message)
{

	if (j->status == GANGER_OK)
		j->status = status;
	plugin_host_fail(j, status, message);
}

static void
host_progress(struct ganger_job *j, double fraction, const char *message)
{

	report_progress(j->child, j->job, fraction,
	    slice_of(message != NULL ? message : ""));
}

static void
host_log(struct ganger_job *j, const char *text, size_t size)
{

	if (text != NULL)
		report_log(j->child, j->job, (struct slice){ text, size });
}

static int
host_should_stop(struct ganger_job *j)
{

	return (child_asked(j->child) != ASK_NONE);
}

static enum ganger_kind
host_json_get(struct ganger_text object, const char *path,
    struct ganger_text *value)
{
	static const enum ganger_kind kinds[] = {
		[JSON_NULL] = GANGER_NULL,
		[JSON_BOOL] = GANGER_BOOL,
		[JSON_NUMBER] = GANGER_NUMBER,
		[JSON_STRING] = GANGER_STRING,
		[JSON_ARRAY] = GANGER_ARRAY,
		[JSON_OBJECT] = GANGER_OBJECT,
	};
	struct slice s;
	enum json_kind kind;

	*value = (struct ganger_text){ "", 0 };
	if (json_find((struct slice){ object.data, object.size }, path, &s,
	    &kind) != 0)
		return (GANGER_ABSENT);
	*value = (struct ganger_text){ s.p, s.n };
	return (kinds[kind]);
}

static double
host_json_number(struct ganger_text value, double fallback)
{
	double v;

	if (value.size == 0 ||
	    json_double((struct slice){ value.data, value.size }, &v) != 0)
		return (fallback);
	return (v);
}

static size_t
host_json_string(struct ganger_text value, char *out, size_t size)
{
	struct buf b;
	size_t len, n;

	if (size > 0)
		*out = '\0';
	if (value.size < 2 || value.data[0] != '"')
		return ((size_t)-1);
	buf_init(&b, value.size + 1);
	if (json_unescape((struct slice){ value.data, value.size }, &b) != 0) {
		buf_fini(&b);
		return ((size_t)-1);
	}
	len = b.len;
	n = len < size ? len : size > 0 ? size - 1 : 0;
	if (n > 0)
		memcpy(out, b.data, n);
	if (size > 0)
		out[n] = '\0';
	buf_fini(&b);
	return (len);
}

void
plugin_host_init(struct ganger_host *h, const struct ganger_place *place)
{

	*h = (struct ganger_host){
		.struct_size = sizeof(*h),
		.abi_major = GANGER_ABI_MAJOR,
		.abi_minor = GANGER_ABI_MINOR,
		.place = place,
		.set_result = host_set_result,
		.set_error = host_set_error,
		.progress = host_progress,
		.log = host_log,
		.should_stop = host_should_stop,
		.json_get = host_json_get,
		.json_number = host_json_number,
		.json_string = host_json_string,
	};
}
