/*
 * Any bytes as a start-up packet, after the length. One that is taken is
 * written again, and that one is taken too and written the same.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "proto/startup.h"

static void
check_again(const struct start *s)
{
	struct start *again = NULL;
	struct buf a, b;

	buf_init(&a, START_PACKET_MAX * 2);
	buf_init(&b, START_PACKET_MAX * 2);
	start_put(&a, s);
	FUZZ_CHECK(!a.failed && a.len > 4);
	if (a.len - 4 <= START_PACKET_MAX) {
		FUZZ_CHECK(start_read(a.data + 4, a.len - 4, &again) == 0);
		start_put(&b, again);
		FUZZ_CHECK(a.len == b.len &&
		    memcmp(a.data, b.data, a.len) == 0);
		start_free(&again);
	}
	buf_fini(&a);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct start *s = NULL;
	uint32_t slot, gen;

	start_identity_parse((const char *)data, size, &slot, &gen);
	if (start_read(data, size, &s) != 0) {
		FUZZ_CHECK(s == NULL);
		return (0);
	}
	check_again(s);
	start_free(&s);
	return (0);
}
