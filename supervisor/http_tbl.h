/*
 * The one list of what the HTTP server answers:
 *   X(method, path, class, function, help)
 * A `*` in a path stands for one segment, a job's id. HEAD goes where GET
 * goes. Classes: OPEN always, READ and CHANGE as docs/contract.md section 7
 * says. Functions are declared in http_ask.h.
 */
#ifndef SUPERVISOR_HTTP_TBL_H
#define SUPERVISOR_HTTP_TBL_H

#define HTTP_ROUTES(X) \
	X(GET, "/", OPEN, page_show, "the status page") \
	X(GET, "/healthz", OPEN, health_alive, "200 while the daemon lives") \
	X(GET, "/readyz", OPEN, health_ready, \
	    "200 if able to take work, else 503 and why not") \
	X(GET, "/workers/status", READ, fleet_show, "all live workers") \
	X(GET, "/queues", READ, queues_show, "what waits in each queue") \
	X(POST, "/jobs", CHANGE, submit_job, "submits the body, a job") \
	X(GET, "/jobs/*", READ, jobs_record, "a job's record") \
	X(GET, "/jobs/*/log", READ, jobs_log, "a job's log") \
	X(DELETE, "/jobs/*", CHANGE, jobs_cancel, "cancels a job") \
	X(GET, "/metrics", READ, metrics_show, "Prometheus text format") \
	X(GET, "/events", READ, events_listen, \
	    "server-sent events of job transitions")

#endif
