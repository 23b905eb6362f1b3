/*
 * The HTTP server from outside: each route, who may use it, what it says when
 * a request is bad, and what is left of it while Redis is away.
 */
#include "config.h"

#include <sys/socket.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/web.h"

#define ECHO "{\"type\":\"selftest\",\"input\":{\"op\":\"echo\",\"value\":42}}"

static const char *
error_of(struct rig *r, const struct web *w)
{
	return (js_str(web_json(r, w), "error"));
}

/* ---- what every request gets ---- */

START_TEST(t_health_and_readiness)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w;

	w = web_get(r, 0, "/healthz");
	ck_assert_int_eq(w.status, 200);
	ck_assert_str_eq(w.body, "ok\n");
	ck_assert_int_eq(web_get(r, 0, "/readyz").status, 200);
	rig_kill(rig_daemon_pid(r, 0), SIGUSR2);
	rig_until(r, web_get(r, 0, "/readyz").status == 503);
	w = web_get(r, 0, "/readyz");
	ck_assert_ptr_nonnull(strstr(w.body, "draining"));
	ck_assert_int_eq(web_get(r, 0, "/healthz").status, 200);
	rig_stop(&r);
}
END_TEST

START_TEST(t_unknown_path_is_404_as_json)
{
	struct rig *r = rig_start(INI_ONE);
	static const char *const paths[] = { "/nope", "/jobs", "/jobs/",
	    "/jobs/a/b", "/jobs/a%20b", "/jobs/a%00", "/healthz/",
	    "/jobs/../queues" };
	struct web w;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		w = web_get(r, 0, paths[i]);
		if (strcmp(paths[i], "/jobs") == 0)
			ck_assert_int_eq(w.status, 405);
		else
			ck_assert_msg(w.status == 404, "%s: %d", paths[i],
			    w.status);
		ck_assert_str_ne(error_of(r, &w), "");
	}
	rig_stop(&r);
}
END_TEST

START_TEST(t_wrong_method_is_405_and_says_which)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w;

	w = web_send(r, 0, "PUT", "/jobs/x", "", "", 0);
	ck_assert_int_eq(w.status, 405);
	ck_assert_str_eq(web_header(r, &w, "Allow"), "GET, HEAD, DELETE");
	w = web_send(r, 0, "POST", "/healthz", "", "", 0);
	ck_assert_int_eq(w.status, 405);
	ck_assert_str_eq(web_header(r, &w, "Allow"), "GET, HEAD");
	w = web_send(r, 0, "OPTIONS", "/queues", "", NULL, 0);
	ck_assert_int_eq(w.status, 405);
	rig_stop(&r);
}
END_TEST

START_TEST(t_head_is_get_without_its_body)
{
	struct rig *r = rig_start(INI_ONE);
	static const char *const paths[] = { "/", "/healthz", "/metrics",
	    "/workers/status", "/queues", "/events" };
	struct web w;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		w = web_send(r, 0, "HEAD", paths[i], "", NULL, 0);
		ck_assert_msg(w.status == 200, "%s: %d", paths[i], w.status);
		ck_assert_uint_eq(strlen(w.body), 0);
	}
	w = web_send(r, 0, "HEAD", "/healthz", "", NULL, 0);
	ck_assert_str_eq(web_header(r, &w, "Content-Length"), "3");
	rig_stop(&r);
}
END_TEST

/* Two requests in one packet: each gets its answer, in order. */
START_TEST(t_pipelined_requests_are_answered)
{
	struct rig *r = rig_start(INI_ONE);
	static const char text[] = "GET /queues HTTP/1.1\r\nHost: localhost"
	    "\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n\r\n";
	char part[8192];
	size_t n = 0;
	ssize_t got;
	int fd = web_dial(r, 0);

	ck_assert_int_eq(write(fd, text, sizeof(text) - 1),
	    sizeof(text) - 1);
	while ((got = read(fd, part + n, sizeof(part) - 1 - n)) > 0)
		n += (size_t)got;
	part[n] = '\0';
	close(fd);
	ck_assert_ptr_nonnull(strstr(part, "{\"queues\":"));
	ck_assert_ptr_nonnull(strstr(strstr(part, "{\"queues\":"),
	    "\r\n\r\nok\n"));
	rig_stop(&r);
}
END_TEST

START_TEST(t_junk_is_refused_and_harms_nobody)
{
	struct rig *r = rig_start(INI_ONE);
	static const char *const junk[] = { "\r\n\r\n", "GET\r\n\r\n",
	    "GET / HTTP/9.9\r\n\r\n", "BREW /pot HTTP/1.1\r\n\r\n",
	    "GET / HTTP/1.1\r\nno colon\r\n\r\n",
	    "POST /jobs HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
	    "POST /jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	    "\x16\x03\x01\x02\x01\x01" };
	char part[512];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		fd = web_dial(r, 0);
		ck_assert_int_gt(write(fd, junk[i], strlen(junk[i])), 0);
		shutdown(fd, SHUT_WR);
		while (read(fd, part, sizeof(part)) > 0)
			continue;
		close(fd);
	}
	ck_assert_int_eq(web_get(r, 0, "/healthz").status, 200);
	rig_stop(&r);
}
END_TEST

/* A web page whose name points to 127.0.0.1 sends that name. */
START_TEST(t_foreign_host_cannot_read)
{
	struct rig *r = web_start(INI_ONE);
	static const char get[] = "GET /workers/status HTTP/1.0\r\n"
	    "Host: evil.example\r\n\r\n";
	static const char get_token[] = "GET /workers/status HTTP/1.0\r\n"
	    "Host: evil.example\r\n" WEB_TOKEN "\r\n";
	char part[64] = "";
	int fd;

	fd = web_dial(r, 0);
	ck_assert_int_gt(write(fd, get, sizeof(get) - 1), 0);
	ck_assert_int_gt(read(fd, part, sizeof(part) - 1), 0);
	close(fd);
	ck_assert_ptr_nonnull(strstr(part, " 403 "));
	fd = web_dial(r, 0);
	ck_assert_int_gt(write(fd, get_token, sizeof(get_token) - 1), 0);
	ck_assert_int_gt(read(fd, part, sizeof(part) - 1), 0);
	close(fd);
	ck_assert_ptr_nonnull(strstr(part, " 200 "));
	rig_stop(&r);
}
END_TEST

/* ---- access ---- */

START_TEST(t_change_without_a_configured_token_is_403)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w;

	w = web_post(r, 0, "/jobs", ECHO);
	ck_assert_int_eq(w.status, 403);
	ck_assert_ptr_nonnull(strstr(error_of(r, &w), "token"));
	ck_assert_int_eq(web_delete(r, 0, "/jobs/x").status, 403);
	rig_stop(&r);
}
END_TEST

START_TEST(t_change_needs_the_token)
{
	struct rig *r = web_start(INI_ONE);
	static const char *const wrong[] = { "", "Authorization: Bearer\r\n",
	    "Authorization: Bearer \r\n", "Authorization: sesame\r\n",
	    "Authorization: Bearer sesam\r\n",
	    "Authorization: Bearer sesame1\r\n",
	    "Authorization: Basic sesame\r\n" };
	struct web w;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		w = web_send(r, 0, "POST", "/jobs", wrong[i], ECHO,
		    strlen(ECHO));
		ck_assert_msg(w.status == 401, "%s%d", wrong[i], w.status);
		ck_assert_ptr_nonnull(strstr(web_header(r, &w,
		    "WWW-Authenticate"), "Bearer"));
		w = web_send(r, 0, "DELETE", "/jobs/x", wrong[i], NULL, 0);
		ck_assert_int_eq(w.status, 401);
	}
	ck_assert_int_eq(rig_int(r, "LLEN " Q_CPU), 0);
	ck_assert_int_eq(web_post(r, 0, "/jobs", ECHO).status, 202);
	rig_stop(&r);
}
END_TEST

/* Rewrites the daemon's listen line. */
static void
listen_everywhere(struct rig *r, int d, const char *more)
{
	const char *text = rig_slurp(r, rig_daemon_file(r, d));
	const char *at = strstr(text, "127.0.0.1:");
	const char *rest = strchr(at, '\n') + 1;
	FILE *f;

	ck_assert_ptr_nonnull(f = fopen(rig_daemon_file(r, d), "w"));
	fprintf(f, "%.*s0.0.0.0:%d\n%s%s", (int)(at - text), text,
	    rig_daemon_port(r, d), more, rest);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(t_off_loopback_without_token_is_78)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI_ONE);

	listen_everywhere(r, d, "");
	rig_daemon_spawn(r, d);
	ck_assert_int_eq(rig_daemon_wait(r, d), 78);
	rig_stop(&r);
}
END_TEST

START_TEST(t_off_loopback_reading_needs_the_token)
{
	struct rig *r = rig_new(0);
	static const char *const read[] = { "/workers/status", "/queues",
	    "/jobs/x", "/jobs/x/log", "/metrics", "/events" };
	static const char *const open[] = { "/healthz", "/readyz", "/" };
	int d = rig_daemon(r, "w1", INI_ONE);
	struct web w;
	size_t i;

	listen_everywhere(r, d, web_token_file(r));
	rig_daemon_start(r, d);
	for (i = 0; i < sizeof(read) / sizeof(read[0]); i++)
		ck_assert_int_eq(web_get(r, d, read[i]).status, 401);
	for (i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		ck_assert_int_eq(web_get(r, d, open[i]).status, 200);
	w = web_send(r, d, "GET", "/queues", WEB_TOKEN, NULL, 0);
	ck_assert_int_eq(w.status, 200);
	/* The rig could not read its status at the end. */
	rig_kill(rig_daemon_pid(r, d), SIGTERM);
	ck_assert_int_eq(rig_daemon_wait(r, d), 0);
	rig_stop(&r);
}
END_TEST

START_TEST(t_open_read_opens_reading_only)
{
	struct rig *r = rig_new(0);
	int d = rig_daemon(r, "w1", INI_ONE);

	listen_everywhere(r, d, "open_read = yes\n");
	rig_daemon_start(r, d);
	ck_assert_int_eq(web_get(r, d, "/queues").status, 200);
	ck_assert_int_eq(web_post(r, d, "/jobs", ECHO).status, 403);
	rig_stop(&r);
}
END_TEST

/* ---- submit ---- */

START_TEST(t_submitted_job_gets_an_id_and_runs)
{
	struct rig *r = web_start(INI_ONE);
	struct web w = web_post(r, 0, "/jobs", ECHO);
	const char *id, *queue;
	json_t *rec;

	ck_assert_int_eq(w.status, 202);
	id = js_str(web_json(r, &w), "id");
	queue = js_str(web_json(r, &w), "queue");
	ck_assert_uint_eq(strlen(id), 36);
	ck_assert_str_eq(queue, Q_CPU);
	rec = rig_wait_record(r, Q_CPU, id, "done");
	ck_assert_int_eq(js_int(rec, "result"), 42);
	w = web_get(r, 0, rig_fmt(r, "/jobs/%s", id));
	ck_assert_int_eq(w.status, 200);
	ck_assert_int_eq(js_int(web_json(r, &w), "result"), 42);
	rig_stop(&r);
}
END_TEST

START_TEST(t_submit_routes_by_the_job)
{
	struct rig *r = web_start(INI_ONE);
	static const struct {
		const char *job, *queue;
	} rows[] = {
		{ "{\"id\":\"a\",\"requires_gpu\":true,"
		    "\"type\":\"training\"}", Q_GPU },
		{ "{\"id\":\"b\",\"type\":\"training\"}", Q_TRAIN },
		{ "{\"id\":\"c\",\"type\":\"inference\"}", Q_INF },
		{ "{\"id\":\"d\"}", Q_INF },
		{ "{\"id\":\"e\",\"type\":\"selftest\"}", Q_CPU },
	};
	struct web w;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		w = web_post(r, 0, "/jobs", rows[i].job);
		ck_assert_int_eq(w.status, 202);
		ck_assert_str_eq(js_str(web_json(r, &w), "queue"),
		    rows[i].queue);
	}
	rig_stop(&r);
}
END_TEST

/* A queue that nobody serves keeps what is pushed: bytes and lane. */
START_TEST(t_submit_pushes_the_bytes_into_the_lane)
{
	struct rig *r = web_start(INI_ONE);
	static const char job[] = "{ \"id\" : \"a\",\"priority\":\"high\" }";
	struct web w = web_post(r, 0, "/jobs?queue=other%3Aqueue", job);

	ck_assert_int_eq(w.status, 202);
	ck_assert_str_eq(js_str(web_json(r, &w), "queue"), "other:queue");
	ck_assert_str_eq(rig_str(r, "LINDEX {other:queue}:high 0"), job);
	w = web_post(r, 0, "/jobs?queue=other:queue", "{\"x\":1}");
	ck_assert_int_eq(w.status, 202);
	ck_assert_str_eq(rig_str(r, "LINDEX other:queue 0"), rig_fmt(r,
	    "{\"id\":\"%s\",\"x\":1}", js_str(web_json(r, &w), "id")));
	rig_stop(&r);
}
END_TEST

START_TEST(t_bad_job_is_400_and_says_why)
{
	struct rig *r = web_start(INI_ONE);
	struct web w;

	w = web_post(r, 0, "/jobs", "not json");
	ck_assert_int_eq(w.status, 400);
	w = web_post(r, 0, "/jobs", "");
	ck_assert_int_eq(w.status, 400);
	w = web_post(r, 0, "/jobs", "{\"timeout\":-1}");
	ck_assert_int_eq(w.status, 400);
	ck_assert_ptr_nonnull(strstr(error_of(r, &w), "timeout"));
	w = web_post(r, 0, "/jobs?queue=", ECHO);
	ck_assert_int_eq(w.status, 400);
	rig_cmd(r, "SET other x");
	w = web_post(r, 0, "/jobs?queue=other", ECHO);
	ck_assert_int_eq(w.status, 400);
	rig_stop(&r);
}
END_TEST

START_TEST(t_job_over_the_limit_is_413)
{
	struct rig *r = web_start("max_job_size = 64K\n" INI_ONE);
	static const size_t sizes[] = { 70000, 3 << 20 };
	char *body;
	size_t i;

	for (i = 0; i < 2; i++) {
		body = malloc(sizes[i] + 1);
		ck_assert_ptr_nonnull(body);
		memset(body, ' ', sizes[i]);
		memcpy(body, "{}", 2);
		body[sizes[i]] = '\0';
		ck_assert_int_eq(web_post(r, 0, "/jobs", body).status, 413);
		free(body);
	}
	ck_assert_int_eq(web_get(r, 0, "/healthz").status, 200);
	rig_stop(&r);
}
END_TEST

/* ---- records, logs, cancel ---- */

START_TEST(t_record_is_found_and_narrowed)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w;

	rig_push(r, Q_INF, "{\"id\":\"a1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"log\",\"text\":\"hello\",\"lines\":2}}");
	rig_wait_record(r, Q_INF, "a1", "done");
	w = web_get(r, 0, "/jobs/a1");
	ck_assert_int_eq(w.status, 200);
	ck_assert_str_eq(js_str(web_json(r, &w), "queue"), Q_INF);
	w = web_get(r, 0, "/jobs/a1?queue=" Q_INF);
	ck_assert_int_eq(w.status, 200);
	w = web_get(r, 0, "/jobs/a1?queue=" Q_CPU);
	ck_assert_int_eq(w.status, 404);
	w = web_get(r, 0, "/jobs/unknown");
	ck_assert_int_eq(w.status, 404);
	ck_assert_ptr_nonnull(strstr(error_of(r, &w), "unknown"));
	rig_stop(&r);
}
END_TEST

START_TEST(t_log_as_json_and_as_text)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w;
	json_t *o;

	rig_push(r, Q_INF, "{\"id\":\"a1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"log\",\"text\":\"hello\",\"lines\":2}}");
	rig_wait_record(r, Q_INF, "a1", "done");
	rig_until(r, rig_int(r, "XLEN {" Q_INF "}:log:a1") == 2);
	w = web_get(r, 0, "/jobs/a1/log");
	ck_assert_int_eq(w.status, 200);
	o = web_json(r, &w);
	ck_assert_str_eq(js_str(o, "id"), "a1");
	ck_assert_uint_eq(json_array_size(js(o, "lines")), 2);
	ck_assert_str_eq(js_str(o, "lines.0.line"), "hello");
	ck_assert_str_ne(js_str(o, "lines.0.stream"), "");
	ck_assert_int_gt(js_int(o, "lines.0.ts"), 1600000000000LL);
	w = web_send(r, 0, "GET", "/jobs/a1/log", "Accept: text/plain\r\n",
	    NULL, 0);
	ck_assert_str_eq(w.body, "hello\nhello\n");
	ck_assert_int_eq(web_get(r, 0, "/jobs/unknown/log").status, 404);
	rig_stop(&r);
}
END_TEST

/* A job that said nothing has an empty log, not none. */
START_TEST(t_log_of_a_silent_job_is_empty)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w;

	rig_push(r, Q_INF, "{\"id\":\"a1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\"}}");
	rig_wait_record(r, Q_INF, "a1", "done");
	w = web_get(r, 0, "/jobs/a1/log");
	ck_assert_int_eq(w.status, 200);
	ck_assert_uint_eq(json_array_size(js(web_json(r, &w), "lines")), 0);
	rig_stop(&r);
}
END_TEST

/* The second record is in a queue that only its `moved_to` names. */
START_TEST(t_moved_job_is_followed)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w;

	rig_cmd(r, "SET %s %s", "{" Q_INF "}:job:m", "{\"id\":\"m\",\"state\""
	    ":\"moved\",\"moved_to\":\"far:queue\",\"queued_at\":9}");
	w = web_get(r, 0, "/jobs/m");
	ck_assert_str_eq(js_str(web_json(r, &w), "state"), "moved");
	rig_cmd(r, "SET %s %s", "{far:queue}:job:m", "{\"id\":\"m\","
	    "\"state\":\"done\",\"finished_at\":1}");
	w = web_get(r, 0, "/jobs/m");
	ck_assert_str_eq(js_str(web_json(r, &w), "state"), "done");
	rig_stop(&r);
}
END_TEST

static void
push_sleep(struct rig *r, const char *queue, const char *id)
{
	rig_pushf(r, queue, "{\"id\":\"%s\",\"type\":\"selftest\",\"input\":"
	    "{\"op\":\"sleep\",\"seconds\":120}}", id);
	rig_wait_record(r, queue, id, "running");
}

START_TEST(t_delete_cancels_a_running_job)
{
	struct rig *r = web_start(INI_ONE);

	push_sleep(r, Q_INF, "a1");
	ck_assert_int_eq(web_delete(r, 0, "/jobs/a1").status, 202);
	rig_wait_record(r, Q_INF, "a1", "cancelled");
	ck_assert_int_eq(web_delete(r, 0, "/jobs/a1").status, 202);
	rig_stop(&r);
}
END_TEST

/* That a job is unknown is said only where it is certain. */
START_TEST(t_delete_of_an_unknown_job_is_404)
{
	struct rig *r = web_start(INI_ONE);
	struct web w;

	w = web_delete(r, 0, "/jobs/nobody");
	ck_assert_int_eq(w.status, 404);
	ck_assert_ptr_nonnull(strstr(error_of(r, &w), "nobody is unknown"));
	push_sleep(r, Q_INF, "first");
	rig_push(r, Q_INF, ECHO);
	rig_push(r, Q_INF, "{\"id\":\"waits\",\"type\":\"selftest\"}");
	ck_assert_int_eq(web_delete(r, 0, "/jobs/waits").status, 202);
	rig_wait_record(r, Q_INF, "waits", "cancelled");
	ck_assert_int_eq(web_delete(r, 0, "/jobs/nobody").status, 202);
	ck_assert_int_eq(web_delete(r, 0, "/jobs/nobody?queue=" Q_CPU).status,
	    404);
	ck_assert_int_eq(web_delete(r, 0, "/jobs/first").status, 202);
	rig_wait_record(r, Q_INF, "first", "cancelled");
	rig_stop(&r);
}
END_TEST

/* Asked of one worker, run by another. */
START_TEST(t_delete_reaches_the_other_worker)
{
	struct rig *r = web_start(INI_ONE);
	int d = rig_daemon(r, "w2", INI_ONE);

	rig_daemon_start(r, d);
	push_sleep(r, "ai:worker:w2:queue", "a2");
	ck_assert_int_eq(web_delete(r, 0, "/jobs/a2").status, 202);
	rig_wait_record(r, "ai:worker:w2:queue", "a2", "cancelled");
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_k_http",
    t_health_and_readiness,
    t_unknown_path_is_404_as_json,
    t_wrong_method_is_405_and_says_which,
    t_head_is_get_without_its_body,
    t_pipelined_requests_are_answered,
    t_junk_is_refused_and_harms_nobody,
    t_foreign_host_cannot_read,
    t_change_without_a_configured_token_is_403,
    t_change_needs_the_token,
    t_off_loopback_without_token_is_78,
    t_off_loopback_reading_needs_the_token,
    t_open_read_opens_reading_only,
    t_submitted_job_gets_an_id_and_runs,
    t_submit_routes_by_the_job,
    t_submit_pushes_the_bytes_into_the_lane,
    t_bad_job_is_400_and_says_why,
    t_job_over_the_limit_is_413,
    t_record_is_found_and_narrowed,
    t_log_as_json_and_as_text,
    t_log_of_a_silent_job_is_empty,
    t_moved_job_is_followed,
    t_delete_cancels_a_running_job,
    t_delete_of_an_unknown_job_is_404,
    t_delete_reaches_the_other_worker)
