/*
 * A runner that speaks docs/runner-protocol.md by hand, so that the protocol
 * is checked against its page and not against the SDK. A job's input.do says
 * how to answer it. With the argument "mute" it never says hello; with
 * "leave" it exits before.
 */
#include "config.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <msgpack.h>

#define MESSAGE_MAX (64u << 20)

static int fd;                  /* GANGER_RUNNER_FD */
static int served;

static void
write_all(const void *p, size_t n)
{
	const char *at = p;
	ssize_t w;

	while (n > 0) {
		if ((w = write(fd, at, n)) <= 0)
			_exit(3);
		at += w;
		n -= (size_t)w;
	}
}

static void
read_all(void *p, size_t n)
{
	char *at = p;
	ssize_t got;

	while (n > 0) {
		if ((got = read(fd, at, n)) <= 0)
			_exit(0);
		at += got;
		n -= (size_t)got;
	}
}

/* ---- a message under construction ---- */

static void
put_str(msgpack_packer *k, const char *s)
{
	msgpack_pack_str(k, strlen(s));
	msgpack_pack_str_body(k, s, strlen(s));
}

static void
put_uint(msgpack_packer *k, const char *key, uint64_t v)
{
	put_str(k, key);
	msgpack_pack_uint64(k, v);
}

static void
put_text(msgpack_packer *k, const char *key, const char *v)
{
	put_str(k, key);
	put_str(k, v);
}

static void
begin(msgpack_sbuffer *b, msgpack_packer *k, unsigned n, const char *op)
{
	msgpack_sbuffer_init(b);
	msgpack_packer_init(k, b, msgpack_sbuffer_write);
	msgpack_pack_map(k, n + 1);
	put_text(k, "op", op);
}

static void
send_off(msgpack_sbuffer *b)
{
	uint32_t n = htonl((uint32_t)b->size);

	write_all(&n, sizeof(n));
	write_all(b->data, b->size);
	msgpack_sbuffer_destroy(b);
}

static void
say_hello(void)
{
	msgpack_sbuffer b;
	msgpack_packer k;

	begin(&b, &k, 3, "hello");
	put_uint(&k, "protocol", 1);
	put_uint(&k, "pid", (uint64_t)getpid());
	put_text(&k, "name", "by hand");
	send_off(&b);
}

static void
say_result(uint64_t number, const char *json)
{
	msgpack_sbuffer b;
	msgpack_packer k;

	begin(&b, &k, 2, "result");
	put_uint(&k, "number", number);
	put_str(&k, "result");
	msgpack_pack_bin(&k, strlen(json));
	msgpack_pack_bin_body(&k, json, strlen(json));
	send_off(&b);
}

static void
say_error(uint64_t number, const char *text, const char *cause)
{
	msgpack_sbuffer b;
	msgpack_packer k;

	begin(&b, &k, cause != NULL ? 3 : 2, "result");
	put_uint(&k, "number", number);
	put_text(&k, "error", text);
	if (cause != NULL)
		put_text(&k, "cause", cause);
	send_off(&b);
}

static void
say_progress(uint64_t number, double fraction, const char *text)
{
	msgpack_sbuffer b;
	msgpack_packer k;

	begin(&b, &k, 3, "progress");
	put_uint(&k, "number", number);
	put_str(&k, "fraction");
	msgpack_pack_double(&k, fraction);
	put_text(&k, "message", text);
	send_off(&b);
}

static void
say_log(uint64_t number, const char *text)
{
	msgpack_sbuffer b;
	msgpack_packer k;

	begin(&b, &k, 2, "log");
	put_uint(&k, "number", number);
	put_text(&k, "text", text);
	send_off(&b);
}

static void
say_done(uint64_t credit)
{
	msgpack_sbuffer b;
	msgpack_packer k;

	begin(&b, &k, 2, "done");
	put_uint(&k, "credit", credit);
	put_str(&k, "models");
	msgpack_pack_array(&k, 1);
	put_str(&k, "digits");
	send_off(&b);
}

/* ---- what came ---- */

static const msgpack_object *
member(const msgpack_object *map, const char *key)
{
	uint32_t i;

	for (i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];

		if (kv->key.type == MSGPACK_OBJECT_STR &&
		    kv->key.via.str.size == strlen(key) &&
		    memcmp(kv->key.via.str.ptr, key, strlen(key)) == 0)
			return (&kv->val);
	}
	return (NULL);
}

static uint64_t
number_of(const msgpack_object *map, const char *key)
{
	const msgpack_object *o = member(map, key);

	if (o == NULL || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		_exit(4);
	return (o->via.u64);
}

static bool
is_op(const msgpack_object *map, const char *op)
{
	const msgpack_object *o = member(map, "op");

	return (o != NULL && o->type == MSGPACK_OBJECT_STR &&
	    o->via.str.size == strlen(op) &&
	    memcmp(o->via.str.ptr, op, strlen(op)) == 0);
}

/* Reads one message into z; false at the end of the conversation. */
static bool
read_message(msgpack_unpacked *z)
{
	size_t off = 0;
	uint32_t n;
	char *p;
	bool ok;

	read_all(&n, sizeof(n));
	n = ntohl(n);
	if (n > MESSAGE_MAX || (p = malloc(n)) == NULL)
		_exit(5);
	read_all(p, n);
	ok = msgpack_unpack_next(z, p, n, &off) == MSGPACK_UNPACK_SUCCESS &&
	    z->data.type == MSGPACK_OBJECT_MAP && off == n;
	/* strings borrow from p: it lives as long as this process */
	if (!ok)
		_exit(6);
	return (!is_op(&z->data, "quit"));
}

static void
wait_to_be_asked(uint64_t number)
{
	msgpack_unpacked z;

	msgpack_unpacked_init(&z);
	say_progress(number, 0.5, "waiting to be asked");
	do {
		if (!read_message(&z))
			_exit(0);
	} while (!is_op(&z.data, "ask"));
	msgpack_unpacked_destroy(&z);
}

/* Waits to be asked, and says in words of the protocol what for. */
static void
wait_for_ask(uint64_t number)
{
	wait_to_be_asked(number);
	say_error(number, "stopped as asked", "stopped");
}

static void
answer(uint64_t number, json_t *job)
{
	json_t *input = json_object_get(job, "input"), *out;
	const char *what = json_string_value(json_object_get(input, "do"));
	const char *text = json_string_value(json_object_get(input, "text"));
	char *json;

	served++;
	if (what == NULL)
		say_error(number, "no input.do", NULL);
	else if (strcmp(what, "echo") == 0) {
		out = json_pack("{s:O?, s:i, s:i}", "value",
		    json_object_get(input, "value"), "pid", (int)getpid(),
		    "served", served);
		json = json_dumps(out, 0);
		say_result(number, json);
		free(json);
		json_decref(out);
	} else if (strcmp(what, "error") == 0)
		say_error(number, "as it was asked to",
		    json_string_value(json_object_get(input, "cause")));
	else if (strcmp(what, "exit") == 0)
		_exit((int)json_integer_value(json_object_get(input, "code")));
	else if (strcmp(what, "signal") == 0)
		raise((int)json_integer_value(json_object_get(input,
		    "signal")));
	else if (strcmp(what, "junk") == 0)
		write_all("\0\0\0\3abc", 7);
	else if (strcmp(what, "huge") == 0)
		write_all("\xff\xff\xff\xff....", 8);
	else if (strcmp(what, "text") == 0)
		say_result(number, text != NULL ? text : "");
	else if (strcmp(what, "stranger") == 0) {
		say_result(number + 1000, "1");
		say_result(number, "2");
	} else if (strcmp(what, "twice") == 0) {
		say_result(number, "1");
		say_result(number, "2");
	} else if (strcmp(what, "late") == 0) {
		(void)signal(SIGTERM, SIG_IGN);
		wait_to_be_asked(number);
		say_result(number, "\"too late\"");
	} else if (strcmp(what, "log") == 0) {
		say_log(number, "by message");
		say_result(number, "");
	} else if (strcmp(what, "ask") == 0)
		wait_for_ask(number);
	else if (strcmp(what, "hang") == 0)
		for (;;)
			pause();
	/* "silent" gives no result at all */
}

static void
run_jobs(const msgpack_object *m)
{
	const msgpack_object *jobs = member(m, "jobs"), *text;
	uint32_t i;
	json_t *job;

	if (jobs == NULL || jobs->type != MSGPACK_OBJECT_ARRAY)
		_exit(7);
	for (i = 0; i < jobs->via.array.size; i++) {
		text = member(&jobs->via.array.ptr[i], "job");
		if (text == NULL || text->type != MSGPACK_OBJECT_BIN)
			_exit(8);
		job = json_loadb(text->via.bin.ptr, text->via.bin.size, 0,
		    NULL);
		answer(number_of(&jobs->via.array.ptr[i], "number"), job);
		json_decref(job);
	}
	say_done(number_of(m, "credit"));
}

int
main(int argc, char **argv)
{
	const char *text = getenv("GANGER_RUNNER_FD");
	msgpack_unpacked z;

	if (text == NULL)
		return (2);
	fd = (int)strtol(text, NULL, 10);
	if (argc > 1 && strcmp(argv[1], "leave") == 0)
		return (9);
	while (argc > 1 && strcmp(argv[1], "mute") == 0)
		pause();
	say_hello();
	msgpack_unpacked_init(&z);
	while (read_message(&z))
		if (is_op(&z.data, "jobs"))
			run_jobs(&z.data);
	msgpack_unpacked_destroy(&z);
	_exit(0);       /* what it holds ends with it */
}
