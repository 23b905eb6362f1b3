/*
 * Reload: another Redis. What was claimed on the one before ends there, idle
 * slots work for the new one at once, and a URL that leads nowhere, or to the
 * same Redis by other words, costs nothing.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/rig/rig.h"

#define INI "kill_grace = 200ms\nretry_backoff = 10ms\n" \
	"[pool p]\nslots = 2\ncpus = 0\n[handler selftest]\n" \
	"[handler wait]\nkind = command\ncommand = @SRC@/wait.sh\n" \
	"env.DUMP = @DIR@\n"
#define ECHO(id) "{\"id\":\"" id "\",\"type\":\"selftest\"," \
	"\"input\":{\"op\":\"echo\",\"value\":1}}"
#define WAIT(id) "{\"id\":\"" id "\",\"handler\":\"wait\"}"

/* Another Redis than the rig's. */
struct second {
	pid_t pid;
	char sock[160];
	redisContext *ctx;
};

/* The socket's file is there a moment before anybody listens. */
static bool
connects(struct second *s)
{
	s->ctx = redisConnectUnix(s->sock);
	if (s->ctx != NULL && s->ctx->err == 0)
		return (true);
	redisFree(s->ctx);
	s->ctx = NULL;
	return (false);
}

static void
second_start(struct rig *r, struct second *s)
{
	(void)snprintf(s->sock, sizeof(s->sock), "%s/b.sock", rig_dir(r));
	ck_assert_int_ge(s->pid = fork(), 0);
	if (s->pid == 0) {
		(void)freopen("/dev/null", "w", stdout);
		(void)execlp("redis-server", "redis-server", "--port", "0",
		    "--unixsocket", s->sock, "--save", "", "--dir",
		    rig_dir(r), (char *)NULL);
		_exit(127);
	}
	rig_until(r, connects(s));
}

static void
second_stop(struct second *s)
{
	redisFree(s->ctx);
	rig_kill(s->pid, SIGKILL);
	ck_assert_int_eq(waitpid(s->pid, NULL, 0), s->pid);
}

/* What the second Redis answers, as text; "" for nil. */
static const char *
ask(struct rig *r, struct second *s, const char *command)
{
	redisReply *reply = redisCommand(s->ctx, command);
	const char *text = "";

	ck_assert_ptr_nonnull(reply);
	if (reply->type == REDIS_REPLY_INTEGER)
		text = rig_fmt(r, "%lld", reply->integer);
	else if (reply->str != NULL)
		text = rig_fmt(r, "%s", reply->str);
	freeReplyObject(reply);
	return (text);
}

static void
push_there(struct second *s, const char *job)
{
	redisReply *reply = redisCommand(s->ctx, "LPUSH " Q_INF " %s", job);

	ck_assert(reply != NULL && reply->type == REDIS_REPLY_INTEGER);
	freeReplyObject(reply);
}

static bool
done_there(struct rig *r, struct second *s, const char *id)
{
	const char *rec = ask(r, s, rig_fmt(r, "GET {" Q_INF "}:job:%s", id));

	return (strstr(rec, "\"state\":\"done\"") != NULL);
}

/* HUP with that URL; the outcome. */
static json_t *
move(struct rig *r, const char *url)
{
	long long before = js_int(rig_status(r, 0), "config.count");

	rig_daemon_redis(r, 0, url);
	rig_daemon_config(r, 0, INI);
	rig_kill(rig_daemon_pid(r, 0), SIGHUP);
	rig_until(r, js_int(rig_status(r, 0), "config.count") == before + 1);
	return (js(rig_status(r, 0), "config"));
}

static void
let_go(struct rig *r)
{
	fclose(fopen(rig_fmt(r, "%s/go", rig_dir(r)), "w"));
}

static bool
is_left(struct rig *r)
{
	return (json_array_size(js(rig_status(r, 0), "redis.leaving")) == 0);
}

/*
 * A job runs, one more waits on the old Redis; the other slot works for the
 * new one while the first still runs. A second move must wait for the first.
 */
START_TEST(t_jobs_end_on_the_redis_they_came_from)
{
	struct rig *r = rig_start(INI);
	struct second b;
	json_t *o;

	second_start(r, &b);
	rig_push(r, Q_INF, WAIT("a"));
	rig_wait_record(r, Q_INF, "a", "running");
	o = move(r, rig_fmt(r, "unix:%s", b.sock));
	ck_assert_msg(json_is_true(js(o, "ok")), "%s", js_str(o, "message"));
	ck_assert_str_eq(js_str(rig_status(r, 0), "redis.url"),
	    rig_fmt(r, "unix://%s", b.sock));
	ck_assert(!is_left(r));
	rig_push(r, Q_INF, ECHO("stays"));
	push_there(&b, ECHO("x"));
	rig_until(r, done_there(r, &b, "x"));
	o = move(r, rig_fmt(r, "unix:%s", rig_socket(r)));
	ck_assert_msg(strstr(js_str(o, "message"), "is still being left") !=
	    NULL, "%s", js_str(o, "message"));
	let_go(r);
	o = rig_wait_record(r, Q_INF, "a", "done");
	ck_assert_int_eq(js_int(o, "attempt"), 1);
	rig_until(r, is_left(r));
	rig_until(r, rig_str(r, "GET ai:worker:w1")[0] == '\0');
	ck_assert_int_eq(rig_int(r, "LLEN " Q_INF), 1);
	ck_assert_int_eq(rig_leased(r), 0);
	/* and back: what waited there is served again */
	o = move(r, rig_fmt(r, "unix:%s", rig_socket(r)));
	ck_assert_msg(json_is_true(js(o, "ok")), "%s", js_str(o, "message"));
	rig_wait_record(r, Q_INF, "stays", "done");
	rig_until(r, is_left(r));
	second_stop(&b);
	rig_stop(&r);
}
END_TEST

START_TEST(t_a_url_that_leads_nowhere_changes_nothing)
{
	struct rig *r = rig_start(INI);
	const char *text;
	json_t *o;

	rig_push(r, Q_INF, WAIT("a"));
	rig_wait_record(r, Q_INF, "a", "running");
	o = move(r, rig_fmt(r, "unix:%s/none.sock", rig_dir(r)));
	text = js_str(o, "message");
	ck_assert(!json_is_true(js(o, "ok")));
	ck_assert_msg(strstr(text, "ganger.ini:") != NULL && strstr(text,
	    "url: cannot use unix:") != NULL, "%s", text);
	rig_push(r, Q_INF, ECHO("b"));
	rig_wait_record(r, Q_INF, "b", "done");
	let_go(r);
	rig_wait_record(r, Q_INF, "a", "done");
	rig_stop(&r);
}
END_TEST

/* By another name: were it taken for another one, the worker would hold the
 * leases of one Redis twice. */
START_TEST(t_the_same_redis_by_another_name_is_the_same)
{
	struct rig *r = rig_start(INI);
	json_t *o;

	rig_push(r, Q_INF, WAIT("a"));
	rig_wait_record(r, Q_INF, "a", "running");
	ck_assert_int_eq(symlink(rig_socket(r), rig_fmt(r, "%s/link.sock",
	    rig_dir(r))), 0);
	o = move(r, rig_fmt(r, "unix:%s/link.sock", rig_dir(r)));
	ck_assert_msg(json_is_true(js(o, "ok")), "%s", js_str(o, "message"));
	ck_assert(is_left(r));
	rig_push(r, Q_INF, ECHO("b"));
	rig_wait_record(r, Q_INF, "b", "done");
	let_go(r);
	o = rig_wait_record(r, Q_INF, "a", "done");
	ck_assert_int_eq(js_int(o, "attempt"), 1);
	ck_assert_int_eq(rig_leased(r), 0);
	rig_stop(&r);
}
END_TEST

/* A new password: the old connections live on it only as long as they last. */
START_TEST(t_a_password_changes)
{
	struct rig *r = rig_start(INI);
	json_t *o;

	rig_cmd(r, "CONFIG SET requirepass second");
	o = move(r, rig_fmt(r, "unix://:wrong@%s", rig_socket(r)));
	ck_assert_msg(strstr(js_str(o, "message"), "WRONGPASS") != NULL &&
	    strstr(js_str(o, "message"), "wrong") == NULL, "%s",
	    js_str(o, "message"));
	o = move(r, rig_fmt(r, "unix://:second@%s", rig_socket(r)));
	ck_assert_msg(json_is_true(js(o, "ok")), "%s", js_str(o, "message"));
	rig_cmd(r, "CLIENT KILL TYPE normal SKIPME yes");
	rig_push(r, Q_INF, ECHO("b"));
	rig_wait_record(r, Q_INF, "b", "done");
	rig_cmd(r, "CONFIG SET requirepass %s", "");
	rig_stop(&r);
}
END_TEST

/* The worker id is another live daemon's there. */
START_TEST(t_a_redis_where_the_id_is_held_is_refused)
{
	struct rig *r = rig_start(INI);
	struct second b;
	redisReply *reply;
	json_t *o;

	second_start(r, &b);
	reply = redisCommand(b.ctx, "SET ai:worker:w1 %s",
	    "{\"worker_id\":\"w1\",\"host\":\"elsewhere\",\"pid\":7,"
	    "\"run\":\"0123456789abcdef\"}");
	ck_assert_ptr_nonnull(reply);
	freeReplyObject(reply);
	o = move(r, rig_fmt(r, "unix:%s", b.sock));
	ck_assert_msg(strstr(js_str(o, "message"),
	    "held there by another live daemon") != NULL, "%s",
	    js_str(o, "message"));
	rig_push(r, Q_INF, ECHO("b"));
	rig_wait_record(r, Q_INF, "b", "done");
	second_stop(&b);
	rig_stop(&r);
}
END_TEST

RIG_MAIN("s_f_redis",
    t_jobs_end_on_the_redis_they_came_from,
    t_a_url_that_leads_nowhere_changes_nothing,
    t_the_same_redis_by_another_name_is_the_same,
    t_a_password_changes,
    t_a_redis_where_the_id_is_held_is_refused)
