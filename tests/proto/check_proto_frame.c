/*
 * Frames against files: every NAME.hex of tests/proto/frames decodes to the
 * text of NAME.txt. Files without a prefix must also come out of the encoder
 * byte for byte and be refused when cut at any byte; newer_ ones are of a
 * later version and may only be read; bad_ ones must fail with the error they
 * name. The bytes were made by another msgpack encoder. If a reader believed
 * a claimed count or read past the end, the sanitizer builds stop here.
 */
#include "config.h"

#include "proto/frame.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/obj.h"
#include "proto/page.h"
#include "tests/check_run.h"

#define FILE_MAX 65536
#define NAMES_MAX 128

static char names[NAMES_MAX][64];
static int nnames;

/* Texts as the .txt files write them: printable ASCII, else \xNN. */
static void
dump_slice(struct buf *t, const char *name, struct slice s)
{
	size_t i;

	buf_printf(t, "%s=", name);
	for (i = 0; i < s.n; i++)
		if (isprint((unsigned char)s.p[i]))
			buf_putc(t, s.p[i]);
		else
			buf_printf(t, "\\x%02x", (unsigned char)s.p[i]);
}

/* Each decodes one body, describes it in t and encodes it again into b. */
typedef int body_f(struct frame_reader *r, uint32_t gen, struct buf *t,
    struct buf *b);

static int
body_hello(struct frame_reader *r, uint32_t gen, struct buf *t, struct buf *b)
{
	struct frame_hello h;
	int e;

	if ((e = frame_read_hello(r, &h)) != 0)
		return (e);
	buf_printf(t, "slot=%u pid=%lld", h.slot, (long long)h.pid);
	dump_slice(t, " version", h.version);
	dump_slice(t, " cpus", h.cpus);
	dump_slice(t, " devices", h.devices);
	dump_slice(t, " memory", h.memory);
	buf_puts(t, "\n");
	frame_put_hello(b, gen, &h);
	return (0);
}

static void
dump_job(struct buf *t, const struct frame_job *j)
{
	buf_printf(t, "number=%llu attempt=%u", (unsigned long long)j->number,
	    j->attempt);
	dump_slice(t, " id", j->id);
	dump_slice(t, " type", j->type);
	dump_slice(t, " model", j->model);
	buf_printf(t, " model_version=%u", j->model_version);
	dump_slice(t, " publish", j->publish);
	buf_printf(t, " timeout=%lld", (long long)j->timeout);
	dump_slice(t, " payload", j->payload);
	buf_puts(t, "\n");
}

static int
body_do(struct frame_reader *r, uint32_t gen, struct buf *t, struct buf *b)
{
	struct frame_job j;
	struct frame_do d;
	uint32_t i;
	int e;

	if ((e = frame_read_do(r, &d)) != 0)
		return (e);
	buf_printf(t, "credit=%llu handler=%u njobs=%u\n",
	    (unsigned long long)d.credit, d.handler, d.njobs);
	frame_put_do(b, gen, &d);
	for (i = 0; i < d.njobs; i++) {
		if ((e = frame_read_job(r, &j)) != 0)
			return (e);
		dump_job(t, &j);
		frame_put_job(b, &j);
	}
	return (0);
}

static int
read_results(struct frame_reader *r, uint32_t n, struct buf *t, struct buf *b)
{
	struct frame_result x;
	int e;

	for (; n > 0; n--) {
		if ((e = frame_read_result(r, &x)) != 0)
			return (e);
		buf_printf(t, "number=%llu cause=%s",
		    (unsigned long long)x.number, cause_row(x.cause)->name);
		dump_slice(t, " result", x.result);
		dump_slice(t, " message", x.message);
		buf_printf(t, " exit_code=%d signal=%d\n", x.exit_code,
		    x.signal);
		frame_put_result(b, &x);
	}
	return (0);
}

static int
body_result(struct frame_reader *r, uint32_t gen, struct buf *t,
    struct buf *b)
{
	struct frame_results s;
	struct slice models;
	bool done;
	int e;

	if ((e = frame_read_results(r, &s)) != 0)
		return (e);
	buf_printf(t, "credit=%llu nresults=%u\n",
	    (unsigned long long)s.credit, s.nresults);
	frame_put_results(b, gen, &s);
	if ((e = read_results(r, s.nresults, t, b)) != 0 ||
	    (e = frame_read_result_end(r, &done, &models)) != 0)
		return (e);
	buf_printf(t, "done=%d", done);
	dump_slice(t, " models", models);
	buf_puts(t, "\n");
	frame_put_result_end(b, done, models);
	return (0);
}

static int
body_progress(struct frame_reader *r, uint32_t gen, struct buf *t,
    struct buf *b)
{
	struct slice message;
	uint64_t number;
	double fraction;
	int e;

	e = frame_read_progress(r, &number, &fraction, &message);
	if (e != 0)
		return (e);
	buf_printf(t, "number=%llu fraction=%g", (unsigned long long)number,
	    fraction);
	dump_slice(t, " message", message);
	buf_puts(t, "\n");
	frame_put_progress(b, gen, number, fraction, message);
	return (0);
}

static int
body_log(struct frame_reader *r, uint32_t gen, struct buf *t, struct buf *b)
{
	struct slice text;
	uint64_t number;
	int e;

	if ((e = frame_read_log(r, &number, &text)) != 0)
		return (e);
	buf_printf(t, "number=%llu", (unsigned long long)number);
	dump_slice(t, " text", text);
	buf_puts(t, "\n");
	frame_put_log(b, gen, number, text);
	return (0);
}

static int
body_started(struct frame_reader *r, uint32_t gen, struct buf *t,
    struct buf *b)
{
	uint64_t number;
	uint32_t phase;
	int64_t pid;
	int e;

	if ((e = frame_read_started(r, &number, &pid, &phase)) != 0)
		return (e);
	buf_printf(t, "number=%llu pid=%lld phase=%u\n",
	    (unsigned long long)number, (long long)pid, phase);
	frame_put_started(b, gen, number, pid, phase);
	return (0);
}

static int
body_forget(struct frame_reader *r, uint32_t gen, struct buf *t,
    struct buf *b)
{
	struct slice id;
	int e;

	if ((e = frame_read_forget(r, &id)) != 0)
		return (e);
	dump_slice(t, "id", id);
	buf_puts(t, "\n");
	frame_put_forget(b, gen, id);
	return (0);
}

static int
body_ask(struct frame_reader *r, uint32_t gen, struct buf *t, struct buf *b)
{
	uint32_t why;
	int e;

	if ((e = frame_read_ask(r, &why)) != 0)
		return (e);
	buf_printf(t, "why=%s\n", ask_name(why));
	frame_put_ask(b, gen, why);
	return (0);
}

static int
body_term(struct frame_reader *r, uint32_t gen, struct buf *t, struct buf *b)
{
	uint32_t signo;
	int e;

	if ((e = frame_read_term(r, &signo)) != 0)
		return (e);
	buf_printf(t, "signal=%u\n", signo);
	frame_put_term(b, gen, signo);
	return (0);
}

static int
body_quit(struct frame_reader *r, uint32_t gen, struct buf *t, struct buf *b)
{
	frame_put_quit(b, gen);
	return (0);
}

static int
body_bug(struct frame_reader *r, uint32_t gen, struct buf *t, struct buf *b)
{
	struct slice message;
	int e;

	if ((e = frame_read_bug(r, &message)) != 0)
		return (e);
	dump_slice(t, "message", message);
	buf_puts(t, "\n");
	frame_put_bug(b, gen, message);
	return (0);
}

static body_f *const bodies[] = {
	[FRAME_HELLO] = body_hello, [FRAME_DO] = body_do,
	[FRAME_RESULT] = body_result, [FRAME_PROGRESS] = body_progress,
	[FRAME_LOG] = body_log, [FRAME_STARTED] = body_started,
	[FRAME_ASK] = body_ask, [FRAME_TERM] = body_term,
	[FRAME_QUIT] = body_quit, [FRAME_BUG] = body_bug,
	[FRAME_FORGET] = body_forget,
};

/* Decodes n bytes; t gets the description, b the frame encoded again. */
static int
decode(const void *p, size_t n, struct buf *t, struct buf *b)
{
	struct frame_reader r;
	struct frame_head head;
	int e;

	buf_reset(t);
	buf_reset(b);
	if ((e = frame_open(&r, p, n, &head)) != 0)
		return (e);
	buf_printf(t, "%s version=%u gen=%u\n", frame_name(head.type),
	    head.version, head.gen);
	if (head.type >= NELEM(bodies) || bodies[head.type] == NULL)
		return (0);
	return (bodies[head.type](&r, head.gen, t, b));
}

static char *
slurp(const char *name, const char *suffix, size_t *np)
{
	const char *dir = getenv("GANGER_SRCDIR");
	char path[4096], *text;

	snprintf(path, sizeof(path), "%s/tests/proto/frames/%s%s",
	    dir == NULL ? "." : dir, name, suffix);
	ck_assert_msg(fd_slurp(path, FILE_MAX, &text, np) == 0,
	    "could not read %s", path);
	return (text);
}

/* Hex digits to bytes; '#' starts a comment. */
static void
read_hex(const char *name, struct buf *b)
{
	size_t n;
	char *text = slurp(name, ".hex", &n);
	const char *p;
	unsigned v;

	for (p = text; *p != '\0'; p++) {
		if (*p == '#')
			p += strcspn(p, "\n");
		if (!isxdigit((unsigned char)*p))
			continue;
		ck_assert_int_eq(sscanf(p, "%2x", &v), 1);
		buf_putc(b, (char)v);
		p++;
	}
	free(text);
	ck_assert(!b->failed);
}

static bool
has_prefix(const char *name, const char *prefix)
{
	return (strncmp(name, prefix, strlen(prefix)) == 0);
}

/* n bytes in an allocation of exactly that size, for the sanitizers. */
static int
decode_exact(const char *p, size_t n, struct buf *t, struct buf *b)
{
	char *copy = malloc(n == 0 ? 1 : n);
	int e;

	ck_assert_ptr_nonnull(copy);
	if (n > 0)
		memcpy(copy, p, n);
	e = n == 0 ? decode(copy, 0, t, b) : decode(copy, n, t, b);
	free(copy);
	return (e);
}

struct bufs {
	struct buf bytes, text, again;
};

static void
bufs_init(struct bufs *b)
{
	buf_init(&b->bytes, FILE_MAX);
	buf_init(&b->text, FILE_MAX);
	buf_init(&b->again, FILE_MAX);
}

static void
bufs_fini(struct bufs *b)
{
	buf_fini(&b->bytes);
	buf_fini(&b->text);
	buf_fini(&b->again);
}

START_TEST(t_each_file_is_read_and_written_as_it_says)
{
	const char *name = names[_i];
	struct bufs b;
	char *want;
	size_t n;
	int e;

	bufs_init(&b);
	read_hex(name, &b.bytes);
	e = decode_exact(buf_cstr(&b.bytes), b.bytes.len, &b.text, &b.again);
	if (e != 0) {
		buf_reset(&b.text);
		buf_printf(&b.text, "error: %s\n", err_text(e));
	}
	want = slurp(name, ".txt", &n);
	ck_assert_msg(strcmp(buf_cstr(&b.text), want) == 0, "%s: %s", name,
	    buf_cstr(&b.text));
	if (!has_prefix(name, "bad_") && !has_prefix(name, "newer_") &&
	    !has_prefix(name, "older_")) {
		ck_assert_uint_eq(b.again.len, b.bytes.len);
		ck_assert_int_eq(memcmp(b.again.data, b.bytes.data,
		    b.bytes.len), 0);
	}
	free(want);
	bufs_fini(&b);
}
END_TEST

static bool
is_decoding_code(int e)
{
	return (e == 0 || e == -ERR_TRUNCATED || e == -ERR_TYPE ||
	    e == -ERR_RANGE || e == -ERR_VERSION || e == -ERR_DEPTH);
}

START_TEST(t_a_frame_cut_at_any_byte_is_refused)
{
	const char *name = names[_i];
	struct bufs b;
	size_t n;
	int e;

	bufs_init(&b);
	read_hex(name, &b.bytes);
	for (n = 0; n < b.bytes.len; n++) {
		e = decode_exact(b.bytes.data, n, &b.text, &b.again);
		ck_assert(is_decoding_code(e));
		if (!has_prefix(name, "bad_") && !has_prefix(name, "newer_"))
			ck_assert_msg(e == -ERR_TRUNCATED, "%s at %zu: %s",
			    name, n, err_text(e));
	}
	bufs_fini(&b);
}
END_TEST

/* Each byte replaced by each head that could stand there. */
START_TEST(t_a_frame_with_any_other_byte_never_misleads)
{
	static const unsigned char others[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90,
	    0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc4, 0xc6, 0xc7, 0xc9, 0xca,
	    0xcb, 0xcc, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xdb, 0xdc, 0xdd,
	    0xde, 0xdf, 0xe0, 0xff };
	struct bufs b;
	size_t i, k;
	char was;

	bufs_init(&b);
	read_hex(names[_i], &b.bytes);
	for (i = 0; i < b.bytes.len; i++) {
		was = b.bytes.data[i];
		for (k = 0; k < sizeof(others); k++) {
			b.bytes.data[i] = (char)others[k];
			ck_assert(is_decoding_code(decode_exact(b.bytes.data,
			    b.bytes.len, &b.text, &b.again)));
		}
		b.bytes.data[i] = was;
	}
	bufs_fini(&b);
}
END_TEST

START_TEST(t_the_encoder_keeps_a_fraction_within_0_and_1)
{
	static const double in[] = { -1, 0, 0.5, 1, 7, 1.0 / 0.0, -1.0 / 0.0,
	    0.0 / 0.0 };
	static const double out[] = { 0, 0, 0.5, 1, 1, 1, 0, 0 };
	struct frame_reader r;
	struct frame_head head;
	struct slice message;
	uint64_t number;
	struct buf b;
	double v;
	size_t i;

	buf_init(&b, 100);
	for (i = 0; i < NELEM(in); i++) {
		buf_reset(&b);
		frame_put_progress(&b, 1, 2, in[i], SLICE_NULL);
		ck_assert_int_eq(frame_open(&r, b.data, b.len, &head), 0);
		ck_assert_int_eq(frame_read_progress(&r, &number, &v,
		    &message), 0);
		ck_assert(v == out[i]);
	}
	buf_fini(&b);
}
END_TEST

START_TEST(t_a_full_buffer_shows_in_failed)
{
	struct frame_hello h = { .slot = 1 };
	struct buf b;

	buf_init(&b, 4);
	frame_put_hello(&b, 1, &h);
	ck_assert(b.failed);
	buf_fini(&b);
}
END_TEST

/* The numbers travel: a row inserted in the middle would break neighbours. */
START_TEST(t_numbers_and_names_on_the_wire_stay)
{
	ck_assert_int_eq(CAUSE_HANDLER_ERROR, 1);
	ck_assert_int_eq(CAUSE_WORKER_LOST, 13);
	ck_assert_int_eq(CAUSE_EXPIRED, 22);
	ck_assert_int_eq(ASK_LEASE, 5);
	ck_assert_str_eq(frame_name(FRAME_BUG), "BUG");
	ck_assert_str_eq(frame_name(FRAME_FORGET), "FORGET");
	ck_assert_str_eq(frame_name(12), "?");
	ck_assert_str_eq(ask_name(ASK_TIMEOUT), "timeout");
	ck_assert_str_eq(ask_name(99), "?");
}
END_TEST

/* docs/contract.md, the table of causes, as its reader would copy it. */
START_TEST(t_causes_are_those_of_the_contract)
{
	static const struct cause_row rows[] = {
		{ "handler-error", NULL, RETRY_ALWAYS, WHEN_BACKOFF, 0, true },
		{ "try-again", NULL, RETRY_ALWAYS, WHEN_BACKOFF, 0, true },
		{ "crashed", NULL, RETRY_ALWAYS, WHEN_ONCE, 0, true },
		{ "killed", NULL, RETRY_ALWAYS, WHEN_ONCE, 0, true },
		{ "out-of-memory", NULL, RETRY_ALWAYS, WHEN_ONCE, 0, true },
		{ "load-failed", NULL, RETRY_ALWAYS, WHEN_BACKOFF, 0, true },
		{ "timeout", NULL, RETRY_IF_TIMEOUTS, WHEN_BACKOFF, 0, true },
		{ "no-progress", NULL, RETRY_IF_TIMEOUTS, WHEN_BACKOFF, 0,
		    true },
		{ "gpu-error", NULL, RETRY_ALWAYS, WHEN_FRONT, 0, false },
		{ "gpu-memory", NULL, RETRY_ALWAYS, WHEN_FRONT, 0, false },
		{ "preempted", NULL, RETRY_ALWAYS, WHEN_FRONT, 0, false },
		{ "shutdown", NULL, RETRY_ALWAYS, WHEN_FRONT, 0, false },
		{ "worker-lost", NULL, RETRY_LOST, WHEN_FRONT, 0, false },
		{ "slot-lost", NULL, RETRY_LOST, WHEN_FRONT, 0, false },
		{ "unknown-handler", NULL, RETRY_NEVER, WHEN_NONE, 0, false },
		{ "unknown-model", NULL, RETRY_NEVER, WHEN_NONE, 0, false },
		{ "invalid-job", NULL, RETRY_NEVER, WHEN_NONE, 0, false },
		{ "too-large", NULL, RETRY_NEVER, WHEN_NONE, 0, false },
		{ "result-too-large", NULL, RETRY_NEVER, WHEN_NONE, 0, false },
		{ "duplicate", NULL, RETRY_NEVER, WHEN_NONE, 0, false },
		{ "cancelled", NULL, RETRY_NEVER, WHEN_NONE, CSTATE_CANCELLED,
		    false },
		{ "expired", NULL, RETRY_NEVER, WHEN_NONE, CSTATE_EXPIRED,
		    false },
		{ "batch-failed", NULL, RETRY_ALWAYS, WHEN_BACKOFF, 0, true },
	};
	const struct cause_row *row;
	size_t i;

	ck_assert_uint_eq(NELEM(rows), CAUSE_NCAUSES - 1);
	for (i = 0; i < NELEM(rows); i++) {
		row = cause_row((enum cause)(i + 1));
		ck_assert_str_eq(row->name, rows[i].name);
		ck_assert_int_eq(row->retry, rows[i].retry);
		ck_assert_int_eq(row->when, rows[i].when);
		ck_assert_int_eq(row->state, rows[i].state);
		ck_assert_int_eq(row->charged, rows[i].charged);
	}
}
END_TEST

/* The files there are. */
static void
list_names(void)
{
	const char *dir = getenv("GANGER_SRCDIR");
	char path[4096], *dot;
	struct dirent *d;
	DIR *dp;

	snprintf(path, sizeof(path), "%s/tests/proto/frames",
	    dir == NULL ? "." : dir);
	if ((dp = opendir(path)) == NULL)
		return;
	while ((d = readdir(dp)) != NULL && nnames < NAMES_MAX) {
		dot = strstr(d->d_name, ".hex");
		if (dot == NULL || dot - d->d_name >= 64)
			continue;
		*dot = '\0';
		strcpy(names[nnames++], d->d_name);
	}
	closedir(dp);
}

START_TEST(t_the_files_were_found)
{
	ck_assert_int_gt(nnames, 40);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proto_frame");
	TCase *t = tcase_create("frame");

	list_names();
	tcase_add_test(t, t_the_files_were_found);
	tcase_add_loop_test(t, t_each_file_is_read_and_written_as_it_says, 0,
	    nnames);
	tcase_add_loop_test(t, t_a_frame_cut_at_any_byte_is_refused, 0,
	    nnames);
	tcase_add_loop_test(t, t_a_frame_with_any_other_byte_never_misleads,
	    0, nnames);
	tcase_add_test(t, t_the_encoder_keeps_a_fraction_within_0_and_1);
	tcase_add_test(t, t_a_full_buffer_shows_in_failed);
	tcase_add_test(t, t_numbers_and_names_on_the_wire_stay);
	tcase_add_test(t, t_causes_are_those_of_the_contract);
	suite_add_tcase(s, t);
	return (check_run(s));
}
