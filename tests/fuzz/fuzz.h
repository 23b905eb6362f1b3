/*
 * What every fuzz target has. Built with --enable-fuzzing it is linked with
 * libFuzzer; otherwise with replay.c, which feeds it its seed corpus as part
 * of `make check`. FUZZ_CHECK is an invariant: its failure is a finding.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/obj.h"

#define FUZZ_CHECK(e) ASSERT(e)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
