/*
 * Any bytes as msgpack. What becomes JSON is JSON, and the check without
 * output says the same as the transcoder.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "proto/json.h"
#include "proto/msg.h"
#include "proto/transcode.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg_reader r = { data, data + size };
	struct buf b;
	int e;

	/* a byte becomes at most six ("\u0000"), a float of 5 bytes 24 */
	buf_init(&b, size * 8 + 64);
	e = msgpack_to_json(data, size, &b);
	FUZZ_CHECK(e != -ERR_NOSPACE);
	FUZZ_CHECK(msgpack_check(data, size) == e);
	if (e == 0) {
		FUZZ_CHECK(json_check(b.data, b.len, NULL) == 0);
		FUZZ_CHECK(msg_skip(&r, JSON_DEPTH_MAX) == 0);
		FUZZ_CHECK(r.p == r.end);
	}
	buf_fini(&b);
	return (0);
}
