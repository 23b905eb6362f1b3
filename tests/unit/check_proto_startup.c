/*
 * The start-up packet comes back as it was written, is refused when cut or
 * damaged anywhere, and may carry keys that this version does not know.
 */
#include "config.h"

#include "proto/startup.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "proto/msg.h"
#include "tests/check_run.h"

#define T(s) s, sizeof(s) - 1

/* Constant text as the struct's owned one; nothing here frees it. */
static char *
text(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { s };

	return (u.out);
}

static char *argv_words[4], *env_words[3];
static struct start_handler handlers[2];
static struct start start;

static void
fill(void)
{
	argv_words[0] = text("python3");
	argv_words[1] = text("a b");
	argv_words[2] = text("");
	env_words[0] = text("A=1");
	env_words[1] = text("B=x=y");
	handlers[0] = (struct start_handler){ .name = text("train"),
	    .kind = HANDLER_COMMAND, .argv = argv_words, .env = env_words,
	    .user = text("nobody"), .group = text("video"),
	    .groups = env_words, .sandbox = SANDBOX_STRICT, .batch_size = 1 };
	handlers[1] = (struct start_handler){ .name = text("selftest"),
	    .kind = HANDLER_PLUGIN, .path = text("/p/selftest.so"),
	    .batch_size = 32 };
	start = (struct start){ .slot = 3, .gen = 7,
	    .worker_id = text("host-1"), .endpoint = text("ipc:///run/x"),
	    .cpus = text("0-2,4"), .devices = text(""), .ncpus = 4,
	    .work_dir = text("/w"), .state_dir = text("/s"),
	    .model_dir = text(""), .max_models = 10,
	    .max_result_size = UINT64_C(1) << 40, .kill_grace = 10 * DUR_S,
	    .sandbox = SANDBOX_DEFAULT,
	    .nhandlers = 2, .handlers = handlers };
}

static void
make_packet(struct buf *b)
{
	fill();
	buf_init(b, START_PACKET_MAX);
	start_put(b, &start);
	ck_assert(!b->failed && b->len > 4);
}

START_TEST(t_a_packet_comes_back_as_it_was_written)
{
	const unsigned char *u;
	struct start *s = NULL;
	struct buf b;

	make_packet(&b);
	u = (const unsigned char *)b.data;
	ck_assert_uint_eq((size_t)u[0] << 24 | (size_t)u[1] << 16 |
	    (size_t)u[2] << 8 | u[3], b.len - 4);
	ck_assert_int_eq(start_read(b.data + 4, b.len - 4, &s), 0);
	ck_assert_uint_eq(s->slot, 3);
	ck_assert_uint_eq(s->gen, 7);
	ck_assert_str_eq(s->worker_id, "host-1");
	ck_assert_str_eq(s->endpoint, "ipc:///run/x");
	ck_assert_str_eq(s->cpus, "0-2,4");
	ck_assert_str_eq(s->devices, "");
	ck_assert_uint_eq(s->ncpus, 4);
	ck_assert_str_eq(s->work_dir, "/w");
	ck_assert_str_eq(s->state_dir, "/s");
	ck_assert_str_eq(s->model_dir, "");
	ck_assert_uint_eq(s->max_models, 10);
	ck_assert_uint_eq(s->max_result_size, UINT64_C(1) << 40);
	ck_assert_int_eq(s->kill_grace, 10 * DUR_S);
	ck_assert_uint_eq(s->nhandlers, 2);
	ck_assert_str_eq(s->handlers[0].name, "train");
	ck_assert_int_eq(s->handlers[0].kind, HANDLER_COMMAND);
	ck_assert_str_eq(s->handlers[0].argv[1], "a b");
	ck_assert_str_eq(s->handlers[0].argv[2], "");
	ck_assert_ptr_null(s->handlers[0].argv[3]);
	ck_assert_str_eq(s->handlers[0].env[1], "B=x=y");
	ck_assert_ptr_null(s->handlers[0].env[2]);
	ck_assert_str_eq(s->handlers[0].user, "nobody");
	ck_assert_ptr_null(s->handlers[0].path);
	ck_assert_str_eq(s->handlers[0].group, "video");
	ck_assert_str_eq(s->handlers[0].groups[1], "B=x=y");
	ck_assert_int_eq(s->handlers[0].sandbox, SANDBOX_STRICT);
	ck_assert_int_eq(s->handlers[1].sandbox, SANDBOX_NONE);
	ck_assert_int_eq(s->sandbox, SANDBOX_DEFAULT);
	ck_assert_int_eq(s->handlers[1].kind, HANDLER_PLUGIN);
	ck_assert_str_eq(s->handlers[1].path, "/p/selftest.so");
	ck_assert_ptr_null(s->handlers[1].argv[0]);
	ck_assert_ptr_null(s->handlers[1].user);
	ck_assert_uint_eq(s->handlers[1].batch_size, 32);
	start_free(&s);
	ck_assert_ptr_null(s);
	start_free(&s);
	buf_fini(&b);
}
END_TEST

static int
read_exact(const char *p, size_t n, struct start **sp)
{
	char *copy = malloc(n == 0 ? 1 : n);
	int e;

	ck_assert_ptr_nonnull(copy);
	if (n > 0)
		memcpy(copy, p, n);
	e = start_read(copy, n, sp);
	free(copy);
	return (e);
}

START_TEST(t_a_packet_cut_at_any_byte_is_refused)
{
	struct start *s = NULL;
	struct buf b;
	size_t n;

	make_packet(&b);
	for (n = 0; n < b.len - 4; n++) {
		ck_assert_int_eq(read_exact(b.data + 4, n, &s),
		    -ERR_TRUNCATED);
		ck_assert_ptr_null(s);
	}
	ck_assert_int_eq(buf_putc(&b, '\0'), 0);
	ck_assert_int_eq(start_read(b.data + 4, b.len - 4, &s), -ERR_TYPE);
	buf_fini(&b);
}
END_TEST

START_TEST(t_a_packet_with_any_other_byte_never_misleads)
{
	static const unsigned char others[] = { 0x00, 0x80, 0x90, 0xa0, 0xc0,
	    0xc1, 0xc4, 0xc6, 0xcb, 0xcf, 0xdb, 0xdd, 0xdf, 0xff };
	struct start *s = NULL;
	struct buf b;
	size_t i, k;
	char was;

	make_packet(&b);
	for (i = 4; i < b.len; i++) {
		was = b.data[i];
		for (k = 0; k < sizeof(others); k++) {
			b.data[i] = (char)others[k];
			if (read_exact(b.data + 4, b.len - 4, &s) == 0)
				start_free(&s);
			ck_assert_ptr_null(s);
		}
		b.data[i] = was;
	}
	buf_fini(&b);
}
END_TEST

/* The packet's map with one more pair: count + 1 and the pair at the end. */
static int
read_with_pair(const char *pair, size_t n, struct start **sp)
{
	struct buf b, more;
	int e;

	make_packet(&b);
	ck_assert_uint_eq((unsigned char)b.data[4], 0x8f);
	buf_init(&more, START_PACKET_MAX);
	ck_assert_int_eq(buf_put(&more, "\xde\x00\x10", 3), 0);
	ck_assert_int_eq(buf_put(&more, b.data + 5, b.len - 5), 0);
	ck_assert_int_eq(buf_put(&more, pair, n), 0);
	e = start_read(more.data, more.len, sp);
	buf_fini(&b);
	buf_fini(&more);
	return (e);
}

/* A supervisor that runs on while the programs are replaced starts children
 * of the next version: what it does not know yet is as if not set. */
START_TEST(t_late_keys_may_be_missing)
{
	static const char *const late[] = { "\xa7sandbox", "\xa6groups",
	    "\xa5group" };
	struct start *s = NULL;
	struct buf b;
	char *at;
	size_t i;

	make_packet(&b);
	for (i = 0; i < NELEM(late); i++)
		while ((at = memmem(b.data, b.len, late[i],
		    strlen(late[i]))) != NULL)
			at[1] = '?';
	ck_assert_int_eq(start_read(b.data + 4, b.len - 4, &s), 0);
	ck_assert_int_eq(s->sandbox, SANDBOX_NONE);
	ck_assert_int_eq(s->handlers[0].sandbox, SANDBOX_NONE);
	ck_assert_ptr_null(s->handlers[0].group);
	ck_assert_str_eq(s->handlers[0].user, "nobody");
	start_free(&s);
	at = memmem(b.data, b.len, "\xa4user", 5);
	ck_assert_ptr_nonnull(at);
	at[1] = '?';
	ck_assert_int_eq(start_read(b.data + 4, b.len - 4, &s), -ERR_TYPE);
	buf_fini(&b);
}
END_TEST

START_TEST(t_unknown_keys_are_skipped_and_known_ones_come_once)
{
	struct start *s = NULL;

	ck_assert_int_eq(read_with_pair(T("\xa3new\x81\xa1" "a\x90"), &s), 0);
	ck_assert_uint_eq(s->gen, 7);
	start_free(&s);
	ck_assert_int_eq(read_with_pair(T("\xa3gen\x01"), &s), -ERR_TYPE);
	ck_assert_int_eq(read_with_pair(T("\xa4" "cpus\xa1" "0"), &s),
	    -ERR_TYPE);
	ck_assert_int_eq(read_with_pair(T("\xa8handlers\x90"), &s),
	    -ERR_TYPE);
	ck_assert_int_eq(read_with_pair(T("\x05\x05"), &s), -ERR_TYPE);
	ck_assert_ptr_null(s);
}
END_TEST

static const struct {
	const char *p;
	size_t n;
	int code;
} bad[] = {
	{ T("\xc0"), -ERR_TYPE }, { T("\x80"), -ERR_TYPE },
	{ T("\x90"), -ERR_TYPE },
	{ T("\xdf\xff\xff\xff\x3f"), -ERR_TRUNCATED },
	{ T("\x81\xa4slot\xce\xff\xff\xff\xff"), -ERR_TYPE },
	{ T("\x81\xa4slot\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
	    -ERR_RANGE },
	{ T("\x81\xa4slot\xff"), -ERR_RANGE },
	{ T("\x81\xa4slot\xa1" "3"), -ERR_TYPE },
	{ T("\x81\xa4" "cpus\xc0"), -ERR_TYPE },
	{ T("\x81\xa4" "cpus\xa2" "0\0"), -ERR_TYPE },
	{ T("\x81\xa8handlers\xdd\xff\xff\xff\x3f"), -ERR_TRUNCATED },
	{ T("\x81\xa8handlers\x91\x81\xa4kind\xa3wat"), -ERR_RANGE },
	{ T("\x81\xa8handlers\x91\x81\xa4" "argv\xdd\xff\xff\xff\x3f"),
	    -ERR_TRUNCATED },
	{ T("\x81\xa8handlers\x91\x81\xa4" "argv\x91\xc0"), -ERR_TYPE },
};

START_TEST(t_a_wrong_packet_is_refused)
{
	struct start *s = NULL;

	ck_assert_int_eq(read_exact(bad[_i].p, bad[_i].n, &s), bad[_i].code);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(t_a_packet_over_the_limit_is_refused_unread)
{
	struct start *s = NULL;

	ck_assert_int_eq(start_read("", START_PACKET_MAX + 1, &s),
	    -ERR_RANGE);
}
END_TEST

START_TEST(t_identities_say_slot_and_generation)
{
	static const char *const wrong[] = { "", "s", "s1", "s1.", "s1.g",
	    "s.g1", "s1.g1 ", "s01.g1", "s1.g01", "s4294967296.g1",
	    "s1.g4294967296", "x1.g1", "s1,g1", "s-1.g1", "s1.g1.g1" };
	uint32_t slot, gen;
	char id[32];
	size_t i;

	start_identity(id, UINT32_MAX, UINT32_MAX);
	ck_assert_str_eq(id, "s4294967295.g4294967295");
	ck_assert_int_eq(start_identity_parse(id, strlen(id), &slot, &gen), 0);
	ck_assert(slot == UINT32_MAX && gen == UINT32_MAX);
	start_identity(id, 0, 12);
	ck_assert_int_eq(start_identity_parse(id, strlen(id), &slot, &gen), 0);
	ck_assert(slot == 0 && gen == 12);
	for (i = 0; i < NELEM(wrong); i++)
		ck_assert_msg(start_identity_parse(wrong[i],
		    strlen(wrong[i]), &slot, &gen) == -ERR_SYNTAX, "%s",
		    wrong[i]);
}
END_TEST

START_TEST(t_exit_codes_and_kinds_have_words)
{
	ck_assert_str_eq(child_exit_text(0), "asked to leave");
	ck_assert_str_eq(child_exit_text(105),
	    "the lease ended and nobody renewed it");
	ck_assert_ptr_null(child_exit_text(1));
	ck_assert_ptr_null(child_exit_text(-1));
	ck_assert_str_eq(handler_kind_name(HANDLER_RUNNER), "runner");
	ck_assert_str_eq(handler_kind_name(HANDLER_NKINDS), "?");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proto_startup");
	TCase *t = tcase_create("startup");

	tcase_add_test(t, t_a_packet_comes_back_as_it_was_written);
	tcase_add_test(t, t_a_packet_cut_at_any_byte_is_refused);
	tcase_add_test(t, t_a_packet_with_any_other_byte_never_misleads);
	tcase_add_test(t,
	    t_late_keys_may_be_missing);
	tcase_add_test(t,
	    t_unknown_keys_are_skipped_and_known_ones_come_once);
	tcase_add_loop_test(t, t_a_wrong_packet_is_refused, 0,
	    (int)NELEM(bad));
	tcase_add_test(t, t_a_packet_over_the_limit_is_refused_unread);
	tcase_add_test(t, t_identities_say_slot_and_generation);
	tcase_add_test(t, t_exit_codes_and_kinds_have_words);
	suite_add_tcase(s, t);
	return (check_run(s));
}
