/*
 * The HTTP server as the eye of the fleet: status of all workers, queues,
 * metrics, the page, events as they happen; and that neither a Redis that is
 * away nor a client that leaves or does not read can hurt it.
 */
#include "config.h"

#include <sys/socket.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/web.h"

static json_t *
queue_of(struct rig *r, int d, const char *name)
{
	struct web w = web_get(r, d, "/queues");
	json_t *q;
	size_t i;

	ck_assert_int_eq(w.status, 200);
	json_array_foreach(js(web_json(r, &w), "queues"), i, q)
		if (strcmp(js_str(q, "queue"), name) == 0)
			return (q);
	ck_abort_msg("no queue %s in %s", name, w.body);
	return (NULL);
}

static json_t *
fleet_of(struct rig *r, int d)
{
	struct web w = web_get(r, d, "/workers/status");

	ck_assert_int_eq(w.status, 200);
	return (web_json(r, &w));
}

static long long
subscribers(struct rig *r)
{
	redisReply *n = rig_cmd(r, "PUBSUB NUMSUB ai:events");

	return (n->elements == 2 ? n->element[1]->integer : -1);
}

/* Any worker tells of all; one that stopped is gone. */
START_TEST(t_status_sums_over_the_fleet)
{
	struct rig *r = rig_start(INI_ONE);
	int d = rig_daemon(r, "w2", INI_FOUR), i;

	rig_daemon_start(r, d);
	for (i = 0; i < 2; i++) {
		rig_until(r, js_int(fleet_of(r, i), "available_slots") == 5);
		ck_assert_uint_eq(json_array_size(js(fleet_of(r, i),
		    "workers")), 2);
		ck_assert_str_eq(js_str(fleet_of(r, i),
		    "workers.0.worker_id"), "w1");
		ck_assert_str_eq(js_str(fleet_of(r, i),
		    "workers.1.worker_id"), "w2");
	}
	rig_daemon_end(r, d);
	ck_assert_uint_eq(json_array_size(js(fleet_of(r, 0), "workers")), 1);
	ck_assert_int_eq(js_int(fleet_of(r, 0), "available_slots"), 1);
	rig_stop(&r);
}
END_TEST

/* What lies under a worker's key may be anything. */
START_TEST(t_status_leaves_out_what_is_no_status)
{
	struct rig *r = rig_start(INI_ONE);
	static const char *const junk[] = { "no json", "[1]", "{\"a\":}",
	    "{\"active_jobs\":7}" };
	json_t *all;
	int i;

	for (i = 0; i < 4; i++) {
		rig_cmd(r, "ZADD ai:workers 99999999999999 j%d", i);
		rig_cmd(r, "SET ai:worker:j%d %s", i, junk[i]);
	}
	rig_cmd(r, "ZADD ai:workers 99999999999999 gone");
	all = fleet_of(r, 0);
	ck_assert_uint_eq(json_array_size(js(all, "workers")), 2);
	ck_assert_int_eq(js_int(all, "active_jobs"), 7);
	rig_stop(&r);
}
END_TEST

START_TEST(t_queues_count_what_lies_where)
{
	struct rig *r = rig_start(INI_ONE);
	json_t *q;

	/* Nobody here serves the GPU queue. */
	rig_cmd(r, "LPUSH " Q_GPU " %s", "{\"queued_at\":1600000000000}");
	rig_cmd(r, "LPUSH " Q_GPU " {}");
	rig_cmd(r, "LPUSH {" Q_GPU "}:high {} {} {}");
	rig_cmd(r, "LPUSH {" Q_GPU "}:low junk");
	rig_cmd(r, "ZADD {" Q_GPU "}:delayed 1 a 2 b");
	rig_cmd(r, "LPUSH {" Q_GPU "}:dead x");
	rig_cmd(r, "ZADD {" Q_GPU "}:leases 1 wa 2 wb");
	rig_cmd(r, "HSET {" Q_GPU "}:leased:wa 1 x 2 y");
	rig_cmd(r, "HSET {" Q_GPU "}:leased:wb 1 x");
	q = queue_of(r, 0, Q_GPU);
	ck_assert_int_eq(js_int(q, "high"), 3);
	ck_assert_int_eq(js_int(q, "normal"), 2);
	ck_assert_int_eq(js_int(q, "low"), 1);
	ck_assert_int_eq(js_int(q, "delayed"), 2);
	ck_assert_int_eq(js_int(q, "leased"), 3);
	ck_assert_int_eq(js_int(q, "dead"), 1);
	ck_assert_int_gt(js_int(q, "oldest_age_ms"), 1000000);
	q = queue_of(r, 0, Q_TRAIN);
	ck_assert_int_eq(js_int(q, "normal"), 0);
	ck_assert(json_is_null(json_object_get(q, "oldest_age_ms")));
	rig_cmd(r, "DEL {" Q_GPU "}:leases {" Q_GPU "}:leased:wa {" Q_GPU
	    "}:leased:wb");
	rig_stop(&r);
}
END_TEST

/* A key of another type must not hide the queues that are well. */
START_TEST(t_queues_survive_a_key_of_another_type)
{
	struct rig *r = rig_start(INI_ONE);

	rig_cmd(r, "SET {" Q_GPU "}:high x");
	rig_cmd(r, "SET {" Q_GPU "}:leases x");
	rig_cmd(r, "LPUSH " Q_GPU " {}");
	ck_assert_int_eq(js_int(queue_of(r, 0, Q_GPU), "normal"), 1);
	ck_assert_int_eq(js_int(queue_of(r, 0, Q_GPU), "high"), 0);
	rig_cmd(r, "DEL {" Q_GPU "}:leases");
	rig_stop(&r);
}
END_TEST

static long long
metric(const struct web *w, const char *name)
{
	const char *p = w->body;
	size_t n = strlen(name);

	while ((p = strstr(p, name)) != NULL) {
		if (p > w->body && p[-1] == '\n' && p[n] == ' ')
			return (atoll(p + n));
		p += n;
	}
	ck_abort_msg("no metric %s", name);
	return (-1);
}

START_TEST(t_metrics_count_jobs)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w;

	rig_push(r, Q_INF, "{\"id\":\"a1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\"}}");
	rig_wait_record(r, Q_INF, "a1", "done");
	rig_push(r, Q_INF, "{\"id\":\"a2\",\"type\":\"selftest\","
	    "\"max_attempts\":1,\"input\":{\"op\":\"fail\"}}");
	rig_wait_record(r, Q_INF, "a2", "failed");
	w = web_get(r, 0, "/metrics");
	ck_assert_int_eq(w.status, 200);
	ck_assert_int_eq(metric(&w, "ganger_done_total"), 1);
	ck_assert_int_eq(metric(&w, "ganger_failed_total"), 1);
	ck_assert_int_eq(metric(&w,
	    "ganger_attempts_ended_total{cause=\"handler-error\"}"), 1);
	ck_assert_int_eq(metric(&w, "ganger_slots{state=\"idle\"}"), 1);
	ck_assert_int_eq(metric(&w, "ganger_ready"), 1);
	ck_assert_int_eq(metric(&w, "ganger_available_slots"), 1);
	ck_assert_int_eq(metric(&w, "ganger_queue_jobs{queue=\"" Q_INF
	    "\",in=\"dead\"}"), 1);
	rig_stop(&r);
}
END_TEST

/* The page runs its own script and nothing else, and names no other host. */
START_TEST(t_page_is_self_contained)
{
	struct rig *r = rig_start(INI_ONE);
	struct web w = web_get(r, 0, "/"), again = web_get(r, 0, "/");
	const char *policy = web_header(r, &w, "Content-Security-Policy");
	const char *nonce = strstr(policy, "script-src 'nonce-");

	ck_assert_int_eq(w.status, 200);
	ck_assert_ptr_nonnull(strstr(policy, "default-src 'none'"));
	ck_assert_ptr_null(strstr(policy, "unsafe"));
	ck_assert_ptr_nonnull(nonce);
	nonce = rig_fmt(r, "%.32s", nonce + strlen("script-src 'nonce-"));
	ck_assert_ptr_nonnull(strstr(w.body, rig_fmt(r,
	    "<script nonce=\"%s\">", nonce)));
	ck_assert_ptr_null(strstr(w.body, "@NONCE@"));
	ck_assert_ptr_null(strstr(w.body, "://"));
	ck_assert_ptr_null(strstr(again.body, nonce));
	rig_stop(&r);
}
END_TEST

/* ---- Redis is away ---- */

START_TEST(t_without_redis_the_own_status_is_told)
{
	struct rig *r = web_start(INI_ONE);
	json_t *all;

	rig_redis_stop(r);
	rig_until(r, web_get(r, 0, "/readyz").status == 503);
	all = fleet_of(r, 0);
	ck_assert_uint_eq(json_array_size(js(all, "workers")), 1);
	ck_assert(json_is_false(js(all, "workers.0.redis.connected")));
	ck_assert_int_eq(web_get(r, 0, "/healthz").status, 200);
	ck_assert_int_eq(web_get(r, 0, "/metrics").status, 200);
	ck_assert_int_eq(web_get(r, 0, "/").status, 200);
	ck_assert_int_eq(web_get(r, 0, "/queues").status, 503);
	ck_assert_int_eq(web_get(r, 0, "/jobs/x").status, 503);
	ck_assert_int_eq(web_get(r, 0, "/jobs/x/log").status, 503);
	ck_assert_int_eq(web_post(r, 0, "/jobs", "{}").status, 503);
	ck_assert_int_eq(web_delete(r, 0, "/jobs/x").status, 503);
	rig_redis_start(r);
	rig_until(r, web_get(r, 0, "/readyz").status == 200);
	ck_assert_int_eq(web_get(r, 0, "/queues").status, 200);
	rig_stop(&r);
}
END_TEST

/* A Redis that hangs: the status comes all the same, and before the
 * daemon's own patience with Redis (30 s here) ends. */
START_TEST(t_status_does_not_wait_for_a_hanging_redis)
{
	struct rig *r = web_start(INI_ONE);
	double start;

	rig_cmd(r, "PING");
	rig_kill(rig_redis_pid(r), SIGSTOP);
	start = rig_now();
	ck_assert_uint_eq(json_array_size(js(fleet_of(r, 0), "workers")), 1);
	ck_assert_int_eq(web_get(r, 0, "/metrics").status, 200);
	ck_assert_int_eq(web_get(r, 0, "/queues").status, 503);
	if (rig_fast())
		ck_assert_double_lt(rig_now() - start, 5);
	rig_kill(rig_redis_pid(r), SIGCONT);
	rig_until(r, web_get(r, 0, "/queues").status == 200);
	rig_stop(&r);
}
END_TEST

/* Clients leave while Redis owes the answer; it comes afterwards. A request
 * freed too early shows under AddressSanitizer. */
START_TEST(t_clients_that_leave_early_harm_nobody)
{
	struct rig *r = web_start(INI_ONE);
	static const char *const text[] = {
		"GET /queues HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /workers/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /jobs/x/log HTTP/1.1\r\nHost: localhost\r\n\r\n"
		    "GET /queues HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST /jobs HTTP/1.1\r\nHost: localhost\r\n" WEB_TOKEN
		    "Content-Length: 2\r\n\r\n{}",
	};
	struct linger reset = { 1, 0 };
	int fd, i;

	rig_kill(rig_redis_pid(r), SIGSTOP);
	for (i = 0; i < 16; i++) {
		fd = web_dial(r, 0);
		ck_assert_int_gt(write(fd, text[i % 4],
		    strlen(text[i % 4])), 0);
		if (i % 2 == 0)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
			    sizeof(reset));
		/* Only when it is known that the request was read. */
		ck_assert_int_eq(web_get(r, 0, "/healthz").status, 200);
		close(fd);
	}
	rig_kill(rig_redis_pid(r), SIGCONT);
	rig_until(r, web_get(r, 0, "/queues").status == 200);
	rig_stop(&r);
}
END_TEST

/* The daemon ends while requests wait and a listener listens. */
START_TEST(t_stop_with_requests_under_way)
{
	struct rig *r = web_start(INI_ONE);
	static const char queues[] = "GET /queues HTTP/1.1\r\n"
	    "Host: localhost\r\n\r\n";
	static const char events[] = "GET /events HTTP/1.1\r\n"
	    "Host: localhost\r\n\r\n";
	int fd[2], i;

	for (i = 0; i < 2; i++)
		fd[i] = web_dial(r, 0);
	ck_assert_int_gt(write(fd[0], events, sizeof(events) - 1), 0);
	rig_until(r, subscribers(r) == 1);
	rig_kill(rig_redis_pid(r), SIGSTOP);
	ck_assert_int_gt(write(fd[1], queues, sizeof(queues) - 1), 0);
	ck_assert_int_eq(web_get(r, 0, "/healthz").status, 200);
	rig_kill(rig_daemon_pid(r, 0), SIGTERM);
	rig_kill(rig_redis_pid(r), SIGCONT);
	ck_assert_int_eq(rig_daemon_wait(r, 0), 0);
	for (i = 0; i < 2; i++)
		close(fd[i]);
	rig_stop(&r);
}
END_TEST

/* ---- events ---- */

static int
listen_to_events(struct rig *r)
{
	static const char text[] = "GET /events HTTP/1.1\r\n"
	    "Host: localhost\r\n\r\n";
	int fd = web_dial(r, 0);

	ck_assert_int_gt(write(fd, text, sizeof(text) - 1), 0);
	return (fd);
}

/* Reads until the text is there. */
static const char *
read_until(struct rig *r, int fd, const char *text)
{
	static char have[65536];
	size_t n = 0;
	ssize_t got;

	have[0] = '\0';
	while (strstr(have, text) == NULL) {
		got = read(fd, have + n, sizeof(have) - 1 - n);
		ck_assert_msg(got > 0, "the stream ended before \"%s\": %s",
		    text, have);
		n += (size_t)got;
		have[n] = '\0';
	}
	return (have);
}

START_TEST(t_events_arrive_at_all_listeners)
{
	struct rig *r = rig_start(INI_ONE);
	const char *text;
	int fd[2], i;

	ck_assert_int_eq(subscribers(r), 0);
	for (i = 0; i < 2; i++) {
		fd[i] = listen_to_events(r);
		text = read_until(r, fd[i], ": listening\n\n");
		ck_assert_ptr_nonnull(strstr(text, "text/event-stream"));
	}
	ck_assert_int_eq(subscribers(r), 1);
	rig_push(r, Q_INF, "{\"id\":\"a1\",\"type\":\"selftest\","
	    "\"input\":{\"op\":\"echo\"}}");
	for (i = 0; i < 2; i++) {
		text = read_until(r, fd[i], "\"state\":\"done\"");
		ck_assert_ptr_nonnull(strstr(text, "data: {"));
		ck_assert_ptr_nonnull(strstr(text, "\"id\":\"a1\""));
	}
	close(fd[0]);
	rig_cmd(r, "PUBLISH ai:events %s", "one\r\ntwo\n\ndata: three");
	read_until(r, fd[1], "data: one\ndata: \ndata: two\ndata: \n"
	    "data: data: three\n\n");
	close(fd[1]);
	rig_until(r, subscribers(r) == 0);
	rig_stop(&r);
}
END_TEST

START_TEST(t_events_go_on_after_redis_was_away)
{
	struct rig *r = rig_start(INI_ONE);
	int fd = listen_to_events(r);

	read_until(r, fd, ": listening\n\n");
	rig_redis_stop(r);
	read_until(r, fd, "lost");
	rig_redis_start(r);
	read_until(r, fd, ": listening\n\n");
	rig_cmd(r, "PUBLISH ai:events hello");
	read_until(r, fd, "data: hello\n\n");
	close(fd);
	rig_until(r, subscribers(r) == 0);
	rig_stop(&r);
}
END_TEST

/* It would cost memory without end; others go on. */
START_TEST(t_listener_that_does_not_read_is_dropped)
{
	struct rig *r = rig_start(INI_ONE);
	int deaf = listen_to_events(r), fd;
	char *text = malloc(100001);
	int i;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', 100000);
	text[100000] = '\0';
	read_until(r, deaf, ": listening\n\n");
	for (i = 0; i < 2000 && subscribers(r) == 1; i++)
		rig_cmd(r, "PUBLISH ai:events %s", text);
	free(text);
	rig_until(r, subscribers(r) == 0);
	fd = listen_to_events(r);
	read_until(r, fd, ": listening\n\n");
	close(fd);
	close(deaf);
	rig_until(r, subscribers(r) == 0);
	rig_stop(&r);
}
END_TEST

/* A listener that talks instead: nothing of it is kept, nothing breaks. */
START_TEST(t_listener_that_talks_is_not_heard)
{
	struct rig *r = rig_start(INI_ONE);
	int fd = listen_to_events(r), i;
	char noise[65536];

	memset(noise, 'n', sizeof(noise));
	read_until(r, fd, ": listening\n\n");
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	for (i = 0; i < 200; i++)
		(void)send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	rig_cmd(r, "PUBLISH ai:events hello");
	read_until(r, fd, "data: hello\n\n");
	close(fd);
	rig_stop(&r);
}
END_TEST

START_TEST(t_listeners_have_a_limit)
{
	struct rig *r = rig_start(INI_ONE);
	int fd[64], i;

	for (i = 0; i < 64; i++) {
		fd[i] = listen_to_events(r);
		read_until(r, fd[i], "\n: ");
	}
	ck_assert_int_eq(web_get(r, 0, "/events").status, 503);
	close(fd[63]);
	rig_until(r, (fd[63] = listen_to_events(r)) >= 0 &&
	    (strstr(read_until(r, fd[63], "\r\n\r\n"), " 200 ") != NULL ||
	    close(fd[63]) != 0));
	for (i = 0; i < 64; i++)
		close(fd[i]);
	rig_until(r, subscribers(r) == 0);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_k_fleet",
    t_status_sums_over_the_fleet,
    t_status_leaves_out_what_is_no_status,
    t_queues_count_what_lies_where,
    t_queues_survive_a_key_of_another_type,
    t_metrics_count_jobs,
    t_page_is_self_contained,
    t_without_redis_the_own_status_is_told,
    t_status_does_not_wait_for_a_hanging_redis,
    t_clients_that_leave_early_harm_nobody,
    t_stop_with_requests_under_way,
    t_events_arrive_at_all_listeners,
    t_events_go_on_after_redis_was_away,
    t_listener_that_does_not_read_is_dropped,
    t_listener_that_talks_is_not_heard,
    t_listeners_have_a_limit)
