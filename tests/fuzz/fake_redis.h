/*
 * A Redis for the fuzzer of HTTP, on the same event loop: one fixed answer to
 * each command, found or not by the last byte of its key.
 */
#ifndef TESTS_FUZZ_FAKE_REDIS_H
#define TESTS_FUZZ_FAKE_REDIS_H

struct event_base;

/* Listens on loopback for ever; its port. */
int fake_redis(struct event_base *base);

#endif
