/*
 * Connections to Redis: against a real server where it matters what Redis
 * says, against a fake one where the server must misbehave. In all of them
 * each request is answered exactly once, with NULL if the link went.
 */
#include "config.h"

#include "supervisor/conn.h"

#include <sys/socket.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "redis_rig.h"
#include "tests/check_run.h"

#define GREETED "+OK\r\n+PONG\r\n"

static struct rig rig;
static struct fake fake;
static struct seen seen;

/* What reply callbacks were given. */
static struct {
	unsigned calls;
	unsigned nulls;
	long long last;
	char text[64];
} got;

static void
on_reply(void *priv, redisReply *reply)
{
	got.calls++;
	if (reply == NULL) {
		got.nulls++;
	} else if (reply->type == REDIS_REPLY_INTEGER) {
		ck_assert_int_eq(reply->integer, got.last + 1);
		got.last = reply->integer;
	} else if (reply->str != NULL) {
		snprintf(got.text, sizeof(got.text), "%s", reply->str);
	}
}

static void
start(void)
{
	memset(&seen, 0, sizeof(seen));
	memset(&got, 0, sizeof(got));
	memset(&fake, 0, sizeof(fake));
	rig_start(&rig);
}

static void
start_redis(void)
{
	start();
	rig_redis(&rig);
}

static void
stop(void)
{
	rig_stop(&rig);
}

static struct conn *
open_ready(void)
{
	struct conn *c = conn_open(rig_group(&rig), "test", see_state, &seen);

	until(&rig, seen.ready == 1);
	ck_assert_int_eq(conn_state(c), CONN_READY);
	return (c);
}

/* A fake that greets well and then says `then` to the next packet. */
static struct conn *
open_fake(const char *then, const char *after)
{
	fake.answer[0] = GREETED;
	fake.answer[1] = then;
	fake.answer[2] = after;
	fake_unix(&rig, &fake);
	return (open_ready());
}

START_TEST(t_ready_connection_has_name_and_database)
{
	struct conn *c;
	redisReply *list;

	rig.opts.db = 3;
	c = open_ready();
	conn_cmd(c, on_reply, NULL, "SET k %s", "v");
	until(&rig, got.calls == 1);
	ck_assert_str_eq(got.text, "OK");
	rig_do(&rig, "SELECT 3");
	ck_assert_int_eq(rig_int(&rig, "EXISTS k"), 1);
	list = rig_ask(&rig, "CLIENT LIST");
	ck_assert_ptr_nonnull(strstr(list->str, "name=ganger-test"));
	freeReplyObject(list);
}
END_TEST

START_TEST(t_answers_come_in_order)
{
	struct conn *c = open_ready();
	int i;

	for (i = 0; i < 5000; i++)
		ck_assert_int_eq(conn_cmd(c, on_reply, NULL, "INCR n"), 0);
	ck_assert_uint_eq(conn_pending(c), 5000);
	until(&rig, got.calls == 5000);
	ck_assert_int_eq(got.last, 5000);
	ck_assert_uint_eq(conn_pending(c), 0);
}
END_TEST

START_TEST(t_nothing_leaves_before_the_flush)
{
	struct conn *c = open_ready();

	conn_cmd(c, on_reply, NULL, "SET k v");
	event_base_loop(rig.base, EVLOOP_ONCE);
	ck_assert_int_eq(rig_int(&rig, "EXISTS k"), 0);
	until(&rig, got.calls == 1);
	ck_assert_int_eq(rig_int(&rig, "EXISTS k"), 1);
}
END_TEST

START_TEST(t_big_binary_values_pass)
{
	struct conn *c = open_ready();
	size_t n = (size_t)8 << 20, i;
	const char *words[] = { "SET", "k", NULL };
	size_t lens[] = { 3, 1, n };
	char *big = malloc(n);
	redisReply *back;

	for (i = 0; i < n; i++)
		big[i] = (char)(i * 7);
	words[2] = big;
	conn_send(c, 0, on_reply, NULL, 3, words, lens);
	until(&rig, got.calls == 1);
	back = rig_ask(&rig, "GET k");
	ck_assert_uint_eq(back->len, n);
	ck_assert_int_eq(memcmp(back->str, big, n), 0);
	freeReplyObject(back);
	got.calls = 0;
	conn_cmd(c, on_reply, NULL, "GET k");
	until(&rig, got.calls == 1);
	free(big);
}
END_TEST

START_TEST(t_wrong_password_is_told_and_tried_again)
{
	rig_do(&rig, "CONFIG SET requirepass secret");
	rig.opts.password = "wrong";
	conn_open(rig_group(&rig), "test", see_state, &seen);
	until(&rig, seen.lost >= 2);
	ck_assert_int_eq(strncmp(seen.why, "WRONGPASS", 9), 0);
	ck_assert_uint_eq(seen.ready, 0);
	rig.opts.password = "secret";
	until(&rig, seen.ready == 1);
}
END_TEST

START_TEST(t_user_and_password_are_used)
{
	rig_do(&rig, "ACL SETUSER worker on >pw ~* &* +@all");
	rig_do(&rig, "CONFIG SET requirepass other");
	rig.opts.username = "worker";
	rig.opts.password = "pw";
	open_ready();
}
END_TEST

START_TEST(t_missing_password_is_told)
{
	rig_do(&rig, "CONFIG SET requirepass secret");
	conn_open(rig_group(&rig), "test", see_state, &seen);
	until(&rig, seen.lost >= 1);
	ck_assert_int_eq(strncmp(seen.why, "NOAUTH", 6), 0);
}
END_TEST

START_TEST(t_comes_back_after_a_restart_of_redis)
{
	struct conn *c = open_ready();

	conn_cmd(c, on_reply, NULL, "BLPOP nothing 0");
	rig_turn(&rig);
	rig_redis_stop(&rig);
	until(&rig, seen.lost >= 1);
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.nulls, 1);
	ck_assert_int_eq(conn_cmd(c, on_reply, NULL, "PING"), -ERR_CLOSED);
	until(&rig, seen.lost >= 3);
	ck_assert_str_eq(seen.why, "no such file or directory");
	rig_redis(&rig);
	until(&rig, seen.ready == 2);
	conn_cmd(c, on_reply, NULL, "INCR n");
	until(&rig, got.last == 1);
	ck_assert_uint_eq(got.calls, 2);
}
END_TEST

START_TEST(t_blocking_command_has_its_extra_time)
{
	struct conn *c;
	const char *words[] = { "BLPOP", "nothing", "0.5" };

	rig.opts.command_timeout = 300 * DUR_MS;
	c = open_ready();
	conn_send(c, 500 * DUR_MS, on_reply, NULL, 3, words, NULL);
	/* Can't be answered before the one in front of it. */
	conn_cmd(c, on_reply, NULL, "INCR n");
	until(&rig, got.calls == 2);
	ck_assert_uint_eq(got.nulls, 0);
	ck_assert_uint_eq(seen.lost, 0);
}
END_TEST

START_TEST(t_message_and_pong_of_a_subscription)
{
	struct conn *c = open_ready();
	const char *channels[] = { "one", "two" };

	ck_assert_int_eq(conn_subscribe(c, on_reply, NULL, 2, channels), 0);
	until(&rig, conn_pending(c) == 0);
	ck_assert_uint_eq(got.calls, 0);
	conn_cmd(c, on_reply, NULL, "PING");
	ck_assert_int_eq(rig_int(&rig, "PUBLISH two hello"), 1);
	ck_assert_int_eq(rig_int(&rig, "PUBLISH one hello"), 1);
	until(&rig, got.calls == 3);
	ck_assert_uint_eq(conn_pending(c), 0);
	ck_assert_uint_eq(seen.lost, 0);
	rig_do(&rig, "CLIENT KILL TYPE pubsub");
	until(&rig, seen.ready == 2);
	ck_assert_uint_eq(got.calls, 3);        /* no NULL for messages */
	ck_assert_int_eq(rig_int(&rig, "PUBLISH one hello"), 0);
}
END_TEST

START_TEST(t_refused_subscription_counts_as_loss)
{
	const char *channels[] = { "one", "two" };
	struct conn *c;

	rig_do(&rig, "ACL SETUSER default resetchannels");
	c = open_ready();
	conn_subscribe(c, on_reply, NULL, 2, channels);
	until(&rig, seen.lost == 1);
	ck_assert_int_eq(strncmp(seen.why, "NOPERM", 6), 0);
	ck_assert_uint_eq(got.calls, 0);
}
END_TEST

START_TEST(t_silent_server_costs_each_request_one_null)
{
	struct conn *c;
	int i;

	rig.opts.command_timeout = 100 * DUR_MS;
	c = open_fake(NULL, NULL);
	for (i = 0; i < 3; i++)
		conn_cmd(c, on_reply, NULL, "GET k");
	until(&rig, seen.lost == 1);
	ck_assert_str_eq(seen.why, "no answer for 0.1s");
	ck_assert_uint_eq(got.nulls, 3);
	until(&rig, seen.ready == 2);
	ck_assert_uint_eq(got.calls, 3);
	fake_stop(&fake);
}
END_TEST

START_TEST(t_late_loop_reads_before_it_gives_up)
{
	struct conn *c;
	mono_t end;

	rig.opts.command_timeout = 100 * DUR_MS;
	c = open_fake("$2\r\nhi\r\n", NULL);
	conn_cmd(c, on_reply, NULL, "GET k");
	conn_flush_all(rig.group);
	/* The answer is in the socket when this loop has been stuck longer
	 * than the deadline. */
	until(&rig, fake.packets == 2 || got.calls == 1);
	for (end = mono_now() + 150 * DUR_MS; mono_now() < end;)
		continue;
	until(&rig, got.calls == 1);
	ck_assert_uint_eq(got.nulls, 0);
	ck_assert_uint_eq(seen.lost, 0);
	fake_stop(&fake);
}
END_TEST

START_TEST(t_server_that_never_greets_is_left)
{
	rig.opts.command_timeout = 50 * DUR_MS;
	fake_unix(&rig, &fake);
	conn_open(rig_group(&rig), "test", see_state, &seen);
	until(&rig, seen.lost == 2);
	ck_assert_uint_ge(fake.accepted, 2);
	ck_assert_uint_eq(seen.ready, 0);
	ck_assert_str_eq(seen.why, "no answer for 0.05s");
	fake_stop(&fake);
}
END_TEST

START_TEST(t_loading_server_is_not_ready)
{
	fake.answer[0] = "+OK\r\n-LOADING Redis is loading\r\n";
	fake_unix(&rig, &fake);
	conn_open(rig_group(&rig), "test", see_state, &seen);
	until(&rig, seen.lost == 1);
	ck_assert_str_eq(seen.why, "LOADING Redis is loading");
	fake.answer[0] = GREETED;
	until(&rig, seen.ready == 1);
	fake_stop(&fake);
}
END_TEST

START_TEST(t_server_that_is_full_is_quoted)
{
	fake.answer[0] = "-ERR max number of clients reached\r\n";
	fake_unix(&rig, &fake);
	conn_open(rig_group(&rig), "test", see_state, &seen);
	until(&rig, seen.lost == 1);
	ck_assert_str_eq(seen.why, "ERR max number of clients reached");
	fake_stop(&fake);
}
END_TEST

START_TEST(t_link_that_ends_in_mid_reply_is_a_null)
{
	struct conn *c = open_fake("$100\r\nabc", "");

	conn_cmd(c, on_reply, NULL, "GET a");
	until(&rig, fake.packets == 2);
	conn_cmd(c, on_reply, NULL, "GET b");
	until(&rig, seen.lost == 1);
	ck_assert_uint_eq(got.nulls, 2);
	ck_assert_uint_eq(got.calls, 2);
	fake_stop(&fake);
}
END_TEST

START_TEST(t_garbage_is_a_protocol_error)
{
	struct conn *c = open_fake("HTTP/1.1 400 Bad Request\r\n", NULL);

	conn_cmd(c, on_reply, NULL, "GET a");
	until(&rig, seen.lost == 1);
	ck_assert_int_eq(strncmp(seen.why, "protocol error", 14), 0);
	ck_assert_uint_eq(got.nulls, 1);
	fake_stop(&fake);
}
END_TEST

START_TEST(t_answer_without_question_drops_the_link)
{
	struct conn *c = open_fake(":1\r\n+surprise\r\n", NULL);

	conn_cmd(c, on_reply, NULL, "INCR a");
	until(&rig, seen.lost == 1);
	ck_assert_str_eq(seen.why, "answer without a question");
	ck_assert_uint_eq(got.calls, 1);
	ck_assert_uint_eq(got.nulls, 0);
	fake_stop(&fake);
}
END_TEST

START_TEST(t_nobody_there_is_told_and_close_is_quiet)
{
	struct conn *c = conn_open(rig_group(&rig), "test", see_state, &seen);

	until(&rig, seen.lost == 2);
	ck_assert_str_eq(seen.why, "no such file or directory");
	ck_assert_int_eq(conn_state(c), CONN_DOWN);
	conn_close(&c);
	ck_assert_ptr_null(c);
	ck_assert_uint_eq(seen.lost, 2);
}
END_TEST

START_TEST(t_tcp_by_number_and_by_name)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost" };
	struct rig *r = &rig;
	unsigned i;

	fake.answer[0] = GREETED;
	fake_tcp(r, &fake);
	r->opts.path = NULL;
	r->opts.port = (int)fake.port;
	for (i = 0; i < 2; i++) {
		r->opts.host = hosts[i];
		seen.ready = 0;
		open_ready();
		conn_group_free(&r->group);
	}
	/* Nobody listens there any more. */
	fake_stop(&fake);
	conn_open(rig_group(r), "test", see_state, &seen);
	until(r, seen.lost == 1);
	ck_assert_str_eq(seen.why, "connection refused");
}
END_TEST

/* A listener whose queue is full drops SYNs, like a host that is gone. */
START_TEST(t_connect_has_a_deadline)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd[4], i;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd[0], (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(fd[0], 0), 0);
	getsockname(fd[0], (struct sockaddr *)&sin, &len);
	for (i = 1; i < 4; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fd[i], (struct sockaddr *)&sin, len) == 0)
			continue;
	}
	rig.opts.path = NULL;
	rig.opts.host = "127.0.0.1";
	rig.opts.port = ntohs(sin.sin_port);
	rig.opts.connect_timeout = 100 * DUR_MS;
	conn_open(rig_group(&rig), "test", see_state, &seen);
	until(&rig, seen.lost == 1);
	ck_assert_str_eq(seen.why, "connect timed out");
	for (i = 0; i < 4; i++)
		fd_close(&fd[i]);
}
END_TEST

START_TEST(t_socket_is_close_on_exec)
{
	int fd, found = 0;
	struct sockaddr_storage ss;
	socklen_t len;

	open_fake(NULL, NULL);
	for (fd = 3; fd < 64; fd++) {
		len = sizeof(ss);
		/* Ours is the one whose peer has the path. */
		if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0 ||
		    len <= sizeof(sa_family_t))
			continue;
		found++;
		ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	}
	ck_assert_int_eq(found, 1);
	fake_stop(&fake);
}
END_TEST

/* Callbacks that pull the rug from under their connection. */
static struct conn *victim;

static void
close_victim(void *priv, redisReply *reply)
{
	on_reply(priv, reply);
	conn_close(&victim);
}

static void
reset_victim(void *priv, redisReply *reply)
{
	on_reply(priv, reply);
	conn_reset(victim, "had enough");
}

static void
close_on_state(void *priv, struct conn *c, const char *why)
{
	bool now = *(bool *)priv ? why != NULL : why == NULL;

	see_state(&seen, c, why);
	if (now)
		conn_close(&victim);
}

START_TEST(t_close_inside_a_reply_answers_the_rest_once)
{
	victim = open_ready();
	conn_cmd(victim, on_reply, NULL, "INCR n");
	conn_cmd(victim, close_victim, NULL, "INCR n");
	conn_cmd(victim, on_reply, NULL, "INCR n");
	conn_cmd(victim, on_reply, NULL, "INCR n");
	until(&rig, got.calls == 4);
	ck_assert_ptr_null(victim);
	ck_assert_uint_eq(got.nulls, 2);
	ck_assert_int_eq(got.last, 2);
	rig_turn(&rig);
	ck_assert_uint_eq(seen.lost, 0);
}
END_TEST

START_TEST(t_close_inside_a_lost_reply_answers_the_rest_once)
{
	victim = open_ready();
	conn_cmd(victim, on_reply, NULL, "INCR n");
	conn_cmd(victim, close_victim, NULL, "INCR n");
	conn_cmd(victim, on_reply, NULL, "INCR n");
	conn_reset(victim, "test");
	ck_assert_ptr_null(victim);
	ck_assert_uint_eq(got.calls, 3);
	ck_assert_uint_eq(got.nulls, 3);
	ck_assert_uint_eq(seen.lost, 0);
}
END_TEST

START_TEST(t_reset_inside_a_reply_comes_back)
{
	victim = open_ready();
	conn_cmd(victim, reset_victim, NULL, "INCR n");
	conn_cmd(victim, on_reply, NULL, "INCR n");
	until(&rig, seen.ready == 2);
	ck_assert_uint_eq(got.calls, 2);
	ck_assert_uint_eq(got.nulls, 1);
	ck_assert_str_eq(seen.why, "had enough");
}
END_TEST

START_TEST(t_close_inside_on_state)
{
	bool when_lost = _i != 0;

	victim = conn_open(rig_group(&rig), "test", close_on_state,
	    &when_lost);
	until(&rig, seen.ready == 1);
	if (when_lost) {
		conn_cmd(victim, on_reply, NULL, "INCR n");
		conn_reset(victim, "test");
		ck_assert_uint_eq(got.nulls, 1);
	}
	ck_assert_ptr_null(victim);
	rig_turn(&rig);
	ck_assert_uint_eq(seen.ready, 1);
}
END_TEST

START_TEST(t_group_takes_its_connections_with_it)
{
	struct conn *c = open_ready();

	conn_open(rig.group, "second", see_state, &seen);
	conn_cmd(c, on_reply, NULL, "INCR n");
	conn_group_free(&rig.group);
	ck_assert_uint_eq(got.nulls, 1);
	ck_assert_uint_eq(seen.lost, 0);
}
END_TEST

static TCase *
real_server(void)
{
	TCase *tc = tcase_create("redis");

	tcase_add_checked_fixture(tc, start_redis, stop);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, t_ready_connection_has_name_and_database);
	tcase_add_test(tc, t_answers_come_in_order);
	tcase_add_test(tc, t_nothing_leaves_before_the_flush);
	tcase_add_test(tc, t_big_binary_values_pass);
	tcase_add_test(tc, t_wrong_password_is_told_and_tried_again);
	tcase_add_test(tc, t_user_and_password_are_used);
	tcase_add_test(tc, t_missing_password_is_told);
	tcase_add_test(tc, t_comes_back_after_a_restart_of_redis);
	tcase_add_test(tc, t_blocking_command_has_its_extra_time);
	tcase_add_test(tc, t_message_and_pong_of_a_subscription);
	tcase_add_test(tc, t_refused_subscription_counts_as_loss);
	tcase_add_test(tc, t_close_inside_a_reply_answers_the_rest_once);
	tcase_add_test(tc, t_close_inside_a_lost_reply_answers_the_rest_once);
	tcase_add_test(tc, t_reset_inside_a_reply_comes_back);
	tcase_add_loop_test(tc, t_close_inside_on_state, 0, 2);
	tcase_add_test(tc, t_group_takes_its_connections_with_it);
	return (tc);
}

static TCase *
fake_server(void)
{
	TCase *tc = tcase_create("fake");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, t_silent_server_costs_each_request_one_null);
	tcase_add_test(tc, t_late_loop_reads_before_it_gives_up);
	tcase_add_test(tc, t_server_that_never_greets_is_left);
	tcase_add_test(tc, t_loading_server_is_not_ready);
	tcase_add_test(tc, t_server_that_is_full_is_quoted);
	tcase_add_test(tc, t_link_that_ends_in_mid_reply_is_a_null);
	tcase_add_test(tc, t_garbage_is_a_protocol_error);
	tcase_add_test(tc, t_answer_without_question_drops_the_link);
	tcase_add_test(tc, t_nobody_there_is_told_and_close_is_quiet);
	tcase_add_test(tc, t_tcp_by_number_and_by_name);
	tcase_add_test(tc, t_connect_has_a_deadline);
	tcase_add_test(tc, t_socket_is_close_on_exec);
	return (tc);
}

int
main(void)
{
	Suite *suite = suite_create("conn");

	if (!rig_possible())
		return (check_skip("no redis-server"));
	suite_add_tcase(suite, fake_server());
	suite_add_tcase(suite, real_server());
	return (check_run(suite));
}
