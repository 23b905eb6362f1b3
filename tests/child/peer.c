/*
 * A runner in C that does as its job says, in `input`: {"do": WORD, "value":
 * any}. It speaks docs/runner-protocol.md with msgpack-c alone, so that the
 * page is tested against a second reading of it. WORDs: see acts[].
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* memmem */
#endif

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msgpack.h>

struct job {
	uint64_t number;
	const char *text;       /* JSON; not NUL-terminated */
	size_t size;
};

static int sock;
static uint64_t credit;
static unsigned served;         /* jobs since the start */

static void
must(int ok, const char *what)
{

	if (!ok) {
		fprintf(stderr, "runner: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static void
write_all(const void *p, size_t n)
{
	const char *c = p;
	ssize_t done;

	while (n > 0) {
		done = write(sock, c, n);
		must(done > 0, "write");
		c += done;
		n -= (size_t)done;
	}
}

/* False at the end of file. */
static int
read_all(void *p, size_t n)
{
	char *c = p;
	ssize_t done;

	while (n > 0) {
		done = read(sock, c, n);
		must(done >= 0, "read");
		if (done == 0)
			return (0);
		c += done;
		n -= (size_t)done;
	}
	return (1);
}

static void
send_message(msgpack_sbuffer *b)
{
	unsigned char head[4] = { (unsigned char)(b->size >> 24),
	    (unsigned char)(b->size >> 16), (unsigned char)(b->size >> 8),
	    (unsigned char)b->size };

	write_all(head, sizeof(head));
	write_all(b->data, b->size);
	msgpack_sbuffer_destroy(b);
}

static void
put_text(msgpack_packer *pk, const char *s)
{

	msgpack_pack_str(pk, strlen(s));
	msgpack_pack_str_body(pk, s, strlen(s));
}

static void
begin(msgpack_sbuffer *b, msgpack_packer *pk, const char *op, unsigned keys)
{

	msgpack_sbuffer_init(b);
	msgpack_packer_init(pk, b, msgpack_sbuffer_write);
	msgpack_pack_map(pk, keys + 1);
	put_text(pk, "op");
	put_text(pk, op);
}

static void
put_uint(msgpack_packer *pk, const char *key, uint64_t v)
{

	put_text(pk, key);
	msgpack_pack_uint64(pk, v);
}

static void
put_pair(msgpack_packer *pk, const char *key, const char *value)
{

	put_text(pk, key);
	put_text(pk, value);
}

static void
say_hello(unsigned protocol)
{
	msgpack_sbuffer b;
	msgpack_packer pk;

	begin(&b, &pk, "hello", 4);
	put_uint(&pk, "protocol", protocol);
	put_uint(&pk, "pid", (uint64_t)getpid());
	put_pair(&pk, "name", "test runner");
	put_pair(&pk, "later", "unknown keys are skipped");
	send_message(&b);
}

static void
give_result(uint64_t number, const char *json, size_t n)
{
	msgpack_sbuffer b;
	msgpack_packer pk;

	begin(&b, &pk, "result", 2);
	put_uint(&pk, "number", number);
	put_text(&pk, "result");
	msgpack_pack_bin(&pk, n);
	msgpack_pack_bin_body(&pk, json, n);
	send_message(&b);
}

static void
give_error(uint64_t number, const char *error, const char *cause)
{
	msgpack_sbuffer b;
	msgpack_packer pk;

	begin(&b, &pk, "result", 3);
	put_uint(&pk, "number", number);
	put_pair(&pk, "error", error);
	put_pair(&pk, "cause", cause);
	send_message(&b);
}

static void
give_done(void)
{
	msgpack_sbuffer b;
	msgpack_packer pk;

	begin(&b, &pk, "done", 2);
	put_uint(&pk, "credit", credit);
	put_text(&pk, "models");
	msgpack_pack_array(&pk, 2);
	put_text(&pk, "m1");
	put_text(&pk, "m2");
	send_message(&b);
}

static void
act_pid(const struct job *j)
{
	char text[64];

	snprintf(text, sizeof(text), "[%d,%u]", (int)getpid(), served);
	give_result(j->number, text, strlen(text));
}

static void
act_job(const struct job *j)
{

	give_result(j->number, j->text, j->size);
}

static void
act_junk_result(const struct job *j)
{

	give_result(j->number, "junk", 4);
}

static void
act_error(const struct job *j)
{

	give_error(j->number, "Traceback: no luck", "handler-error");
}

static void
act_gpu(const struct job *j)
{

	give_error(j->number, "device lost", "gpu-error");
}

static void
act_none(const struct job *j)
{

	(void)j;
}

static void
act_wrong(const struct job *j)
{

	give_result(j->number + 1000, "1", 1);
	give_result(j->number, "2", 1);
	give_result(j->number, "3", 1);
}

static void
act_talk(const struct job *j)
{
	msgpack_sbuffer b;
	msgpack_packer pk;

	begin(&b, &pk, "progress", 3);
	put_uint(&pk, "number", j->number);
	put_text(&pk, "fraction");
	msgpack_pack_double(&pk, 0.5);
	put_pair(&pk, "message", "half");
	send_message(&b);
	begin(&b, &pk, "log", 2);
	put_uint(&pk, "number", j->number);
	put_pair(&pk, "text", "a line");
	send_message(&b);
	begin(&b, &pk, "of-the-future", 0);
	send_message(&b);
}

static void
act_garbage(const struct job *j)
{

	(void)j;
	write_all("HTTP/1.0 200 OK\r\n\r\n", 19);
	pause();
}

static void
act_exit0(const struct job *j)
{

	(void)j;
	_exit(0);
}

static void
act_exit75(const struct job *j)
{

	(void)j;
	_exit(75);
}

static void
act_answer_and_exit(const struct job *j)
{

	give_result(j->number, "4", 1);
	_exit(3);
}

static void
act_abort(const struct job *j)
{

	(void)j;
	abort();
}

static void
act_close(const struct job *j)
{

	(void)j;
	close(sock);
	pause();
}

/* late: its parent outlives the answer for a moment. */
static void
leave_orphan(const struct job *j, int late)
{
	char text[32];
	pid_t middle, pid;
	int fds[2];

	must(pipe(fds) == 0, "pipe");
	if ((middle = fork()) == 0) {
		if (fork() == 0) {
			setsid();
			pid = getpid();
			must(write(fds[1], &pid, sizeof(pid)) > 0, "write");
			close(sock);
			for (;;)
				pause();
		}
		if (late)
			usleep(20000);
		_exit(0);
	}
	if (!late)
		waitpid(middle, NULL, 0);
	must(read(fds[0], &pid, sizeof(pid)) > 0, "read");
	snprintf(text, sizeof(text), "%d", (int)pid);
	give_result(j->number, text, strlen(text));
}

static void
act_orphan(const struct job *j)
{

	leave_orphan(j, 0);
}

static void
act_late_orphan(const struct job *j)
{

	leave_orphan(j, 1);
}

static msgpack_object
find(const msgpack_object *map, const char *key)
{
	msgpack_object none = { .type = MSGPACK_OBJECT_NIL };
	uint32_t i;

	for (i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];

		if (kv->key.via.str.size == strlen(key) &&
		    memcmp(kv->key.via.str.ptr, key, strlen(key)) == 0)
			return (kv->val);
	}
	return (none);
}

/* Gives the next message; the caller destroys it. False: end of file. */
static int
receive(msgpack_unpacked *u, char **bytes)
{
	unsigned char head[4];
	size_t n;

	if (!read_all(head, sizeof(head)))
		return (0);
	n = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
	    (size_t)head[2] << 8 | head[3];
	must((*bytes = malloc(n)) != NULL, "malloc");
	if (!read_all(*bytes, n))
		return (0);
	msgpack_unpacked_init(u);
	must(msgpack_unpack_next(u, *bytes, n, NULL) == MSGPACK_UNPACK_SUCCESS,
	    "unpack");
	return (1);
}

/* Waits for `ask` and gives up for the reason it names. */
static void
act_until_asked(const struct job *j)
{
	msgpack_object op, why;
	msgpack_unpacked u;
	char *bytes, text[32];

	must(receive(&u, &bytes), "no ask");
	op = find(&u.data, "op");
	why = find(&u.data, "why");
	must(op.via.str.size == 3, "not an ask");
	snprintf(text, sizeof(text), "%.*s", (int)why.via.str.size,
	    why.via.str.ptr);
	give_error(j->number, text, "stopped");
}

static void
act_hang(const struct job *j)
{

	(void)j;
	pause();
}

static const struct {
	const char *word;
	void (*fn)(const struct job *);
} acts[] = {
	{ "pid", act_pid }, { "job", act_job },
	{ "junk-result", act_junk_result }, { "error", act_error },
	{ "gpu", act_gpu }, { "none", act_none }, { "wrong", act_wrong },
	{ "talk", act_talk }, { "garbage", act_garbage },
	{ "exit0", act_exit0 }, { "exit75", act_exit75 },
	{ "answer-and-exit", act_answer_and_exit }, { "abort", act_abort },
	{ "close", act_close }, { "orphan", act_orphan },
	{ "late-orphan", act_late_orphan },
	{ "until-asked", act_until_asked }, { "hang", act_hang },
};

/* The words are all different, so it is enough to look for "do":"WORD". */
static void
serve(const struct job *j)
{
	char needle[64];
	size_t i;

	served++;
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		snprintf(needle, sizeof(needle), "\"do\":\"%s\"",
		    acts[i].word);
		if (memmem(j->text, j->size, needle, strlen(needle)) != NULL) {
			acts[i].fn(j);
			return;
		}
	}
	give_error(j->number, "no such word", "handler-error");
}

static void
serve_all(const msgpack_object *message)
{
	msgpack_object jobs = find(message, "jobs"), text;
	const msgpack_object *m;
	struct job j;
	uint32_t i;

	credit = find(message, "credit").via.u64;
	for (i = 0; i < jobs.via.array.size; i++) {
		m = &jobs.via.array.ptr[i];
		text = find(m, "job");
		j = (struct job){ find(m, "number").via.u64,
		    text.via.bin.ptr, text.via.bin.size };
		serve(&j);
	}
	give_done();
}

int
main(int argc, char **argv)
{
	const char *fd = getenv("GANGER_RUNNER_FD");
	msgpack_unpacked u;
	msgpack_object op;
	char *bytes;

	must(fd != NULL, "no GANGER_RUNNER_FD");
	sock = atoi(fd);
	if (argc > 1 && strcmp(argv[1], "silent-exit") == 0)
		return (4);
	say_hello(argc > 1 && strcmp(argv[1], "old") == 0 ? 99 : 1);
	while (receive(&u, &bytes)) {
		op = find(&u.data, "op");
		if (op.via.str.size == 4 &&
		    memcmp(op.via.str.ptr, "jobs", 4) == 0)
			serve_all(&u.data);
		if (op.via.str.size == 4 &&
		    memcmp(op.via.str.ptr, "quit", 4) == 0)
			return (0);
		msgpack_unpacked_destroy(&u);
		free(bytes);
	}
	return (0);
}
