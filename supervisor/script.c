/*
 * Calls of the embedded Lua scripts; see script.h. Redis itself computes the
 * SHA1s (the answer to SCRIPT LOAD), so this has no hash of its own. Where
 * the SHA1 is not known, or Redis has forgotten it (SCRIPT FLUSH, restart,
 * failover), the call goes out as EVAL with the text, which can't miss.
 *
 * The texts are in lua_embed.c, which scripts/embed_lua.sh makes from lua/.
 */
#include "config.h"

#include "supervisor/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"

#define CALL_MAGIC 0x6c756163u
#define SHA_LEN 40
#define BODY_CAP ((size_t)512 << 20)

struct script_args {
	enum script_id id;
	bool building;
	unsigned nkeys;
	unsigned nargs;
	struct buf body;        /* keys and arguments as Redis reads them */
};

/* A call that was sent; kept whole until its answer, to send it again. */
struct call {
	unsigned magic;
	struct conn *conn;      /* borrows; alive while an answer can come */
	enum script_id id;
	unsigned nkeys;
	unsigned nargs;
	bool again;             /* sent with the text already */
	char *body;             /* owns */
	size_t len;
	conn_reply_f *cb;
	void *priv;
};

struct load {
	struct script_loading *all;
	enum script_id id;
};

/* One run over all scripts; freed after the last answer. */
struct script_loading {
	unsigned left;
	char *error;            /* owns; the first error, or NULL */
	conn_reply_f *done;
	void *priv;
	struct load load[SCRIPT_N];
};

static const char *const names[SCRIPT_N] = {
#define X(id, name, what) [SCRIPT_##id] = #name,
	SCRIPT_TABLE(X)
#undef X
};

/* Of the texts, so the same whatever the connection; "" until first told. */
static char shas[SCRIPT_N][SHA_LEN + 1];
static struct script_args args;

static void
keep_sha(enum script_id id, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_STRING && reply->len == SHA_LEN)
		memcpy(shas[id], reply->str, SHA_LEN + 1);
}

static void
end_loading(struct script_loading *all, redisReply *last)
{
	redisReply failed;

	if (last != NULL && all->error != NULL) {
		memset(&failed, 0, sizeof(failed));
		failed.type = REDIS_REPLY_ERROR;
		failed.str = all->error;
		failed.len = strlen(all->error);
		last = &failed;
	}
	if (all->done != NULL)
		all->done(all->priv, last);
	free(all->error);
	free(all);
}

static void
on_loaded(void *priv, redisReply *reply)
{
	struct load *l = priv;
	struct script_loading *all = l->all;
	const char *why;

	if (!conn_failed(reply, &why)) {
		keep_sha(l->id, reply);
	} else if (all->error == NULL) {
		all->error = xstrdup(why);
		if (reply != NULL)      /* a lost link is told by conn.c */
			log_err("redis", "could not load script=%s "
			    "why=\"%s\"", names[l->id], why);
	}
	if (--all->left == 0)
		end_loading(all, reply);
}

static int
send_load(struct conn *c, enum script_id id, conn_reply_f *cb, void *priv)
{
	struct slice text = script_text(id);
	const char *words[] = { "SCRIPT", "LOAD", text.p };
	size_t lens[] = { 6, 4, text.n };

	return (conn_send(c, 0, cb, priv, (int)NELEM(words), words, lens));
}

int
script_load_all(struct conn *c, conn_reply_f *done, void *priv)
{
	struct script_loading *all;
	unsigned i;

	if (conn_state(c) != CONN_READY)
		return (-ERR_CLOSED);
	all = xcalloc(1, sizeof(*all));
	all->done = done;
	all->priv = priv;
	all->left = SCRIPT_N;
	for (i = 0; i < SCRIPT_N; i++) {
		all->load[i].all = all;
		all->load[i].id = (enum script_id)i;
		send_load(c, (enum script_id)i, on_loaded, &all->load[i]);
	}
	return (0);
}

static void
put_word(struct script_args *a, struct slice s)
{
	ASSERT(a->building);
	buf_putc(&a->body, '$');
	buf_uint(&a->body, s.n);
	buf_put(&a->body, "\r\n", 2);
	buf_slice(&a->body, s);
	buf_put(&a->body, "\r\n", 2);
}

struct script_args *
script_begin(enum script_id id)
{
	ASSERT((unsigned)id < SCRIPT_N);
	if (args.body.magic != BUF_MAGIC)
		buf_init(&args.body, BODY_CAP);
	buf_reset(&args.body);
	args.id = id;
	args.building = true;
	args.nkeys = args.nargs = 0;
	return (&args);
}

void
script_key(struct script_args *a, const char *key)
{
	ASSERT(a->nargs == 0);          /* keys come first */
	put_word(a, slice_of(key));
	a->nkeys++;
}

void
script_arg(struct script_args *a, struct slice s)
{
	put_word(a, s);
	a->nargs++;
}

void
script_arg_str(struct script_args *a, const char *s)
{
	script_arg(a, slice_of(s));
}

void
script_arg_int(struct script_args *a, long long v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", v);
	script_arg_str(a, text);
}

static void
free_call(struct call *call)
{
	call->magic = 0;
	free(call->body);
	free(call);
}

static void on_answer(void *priv, redisReply *reply);

/* By SHA1, or with the text. */
static int
send_call(struct call *call, bool with_text)
{
	const char *verb = with_text ? "EVAL" : "EVALSHA";
	char head[64], tail[48], digits[16];
	struct slice parts[4];
	int n;

	n = snprintf(digits, sizeof(digits), "%u", call->nkeys);
	snprintf(tail, sizeof(tail), "\r\n$%d\r\n%s\r\n", n, digits);
	parts[1] = with_text ? script_text(call->id) :
	    (struct slice){ shas[call->id], SHA_LEN };
	snprintf(head, sizeof(head), "*%u\r\n$%zu\r\n%s\r\n$%zu\r\n",
	    3 + call->nkeys + call->nargs, strlen(verb), verb, parts[1].n);
	parts[0] = slice_of(head);
	parts[2] = slice_of(tail);
	parts[3] = (struct slice){ call->body, call->len };
	return (conn_send_parts(call->conn, 0, on_answer, call, parts, 4));
}

/* SCRIPT LOAD as well, because newer servers forget what only EVAL brought. */
static bool
send_again(struct call *call)
{
	static struct log_limit lim = LOG_LIMIT(3, 60 * DUR_S);

	call->again = true;
	if (log_limit(&lim))
		log_info("redis", "server forgot script=%s, loading it",
		    names[call->id]);
	return (send_load(call->conn, call->id, NULL, NULL) == 0 &&
	    send_call(call, true) == 0);
}

static void
on_answer(void *priv, redisReply *reply)
{
	struct call *call = priv;

	OBJ_CHECK(call, CALL_MAGIC);
	if (!call->again && reply != NULL &&
	    reply->type == REDIS_REPLY_ERROR &&
	    strncmp(reply->str, "NOSCRIPT", 8) == 0) {
		if (send_again(call))
			return;
		reply = NULL;
	}
	if (call->cb != NULL)
		call->cb(call->priv, reply);
	free_call(call);
}

int
script_call(struct conn *c, struct script_args *a, conn_reply_f *cb,
    void *priv)
{
	struct call *call;
	int r;

	ASSERT(a->building);
	a->building = false;
	if (a->body.failed)
		return (-ERR_NOSPACE);
	if (conn_state(c) != CONN_READY)
		return (-ERR_CLOSED);
	call = xcalloc(1, sizeof(*call));
	call->magic = CALL_MAGIC;
	call->conn = c;
	call->id = a->id;
	call->nkeys = a->nkeys;
	call->nargs = a->nargs;
	call->cb = cb;
	call->priv = priv;
	call->body = buf_take(&a->body, &call->len);
	call->again = shas[a->id][0] == '\0';
	r = send_call(call, call->again);
	if (r != 0)
		free_call(call);
	return (r);
}

const char *
script_name(enum script_id id)
{
	ASSERT((unsigned)id < SCRIPT_N);
	return (names[id]);
}
