# Fuzz targets. `make check` replays each one's seeds; with --enable-fuzzing
# (CC=clang) they are libFuzzer programs instead:
#   tests/fuzz/fuzz_job -max_total_time=60 CORPUS $(srcdir)/tests/fuzz/corpus/job
# scripts/fuzz builds and runs them all.
FUZZ_TARGETS = \
	tests/fuzz/fuzz_frame tests/fuzz/fuzz_http \
	tests/fuzz/fuzz_job tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_startup tests/fuzz/fuzz_transcode
check_PROGRAMS += $(FUZZ_TARGETS)

if ENABLE_FUZZING
fuzz_engine =
fuzz_ldflags = -fsanitize=fuzzer
else
TESTS += $(FUZZ_TARGETS)
fuzz_engine = tests/fuzz/replay.c
fuzz_ldflags =
endif

EXTRA_DIST += tests/fuzz/http.dict tests/fuzz/replay.c tests/fuzz/corpus/frame tests/fuzz/corpus/http \
	tests/fuzz/corpus/job tests/fuzz/corpus/json \
	tests/fuzz/corpus/startup tests/fuzz/corpus/transcode

tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c tests/fuzz/fuzz.h \
	$(fuzz_engine)
tests_fuzz_fuzz_frame_CPPFLAGS = $(proto_test_cppflags)
tests_fuzz_fuzz_frame_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_frame_LDADD = $(proto_test_ldadd)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c tests/fuzz/fuzz.h \
	tests/fuzz/fake_redis.c tests/fuzz/fake_redis.h $(fuzz_engine)
tests_fuzz_fuzz_http_CPPFLAGS = $(libsup_a_CPPFLAGS)
tests_fuzz_fuzz_http_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_http_LDADD = $(gangerd_LDADD)
tests_fuzz_fuzz_job_SOURCES = tests/fuzz/fuzz_job.c tests/fuzz/fuzz.h \
	$(fuzz_engine)
tests_fuzz_fuzz_job_CPPFLAGS = $(proto_test_cppflags)
tests_fuzz_fuzz_job_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_job_LDADD = $(proto_test_ldadd)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/fuzz.h \
	$(fuzz_engine)
tests_fuzz_fuzz_json_CPPFLAGS = $(proto_test_cppflags)
tests_fuzz_fuzz_json_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_json_LDADD = $(proto_test_ldadd)
tests_fuzz_fuzz_startup_SOURCES = tests/fuzz/fuzz_startup.c tests/fuzz/fuzz.h \
	$(fuzz_engine)
tests_fuzz_fuzz_startup_CPPFLAGS = $(proto_test_cppflags)
tests_fuzz_fuzz_startup_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_startup_LDADD = $(proto_test_ldadd)
tests_fuzz_fuzz_transcode_SOURCES = tests/fuzz/fuzz_transcode.c tests/fuzz/fuzz.h \
	$(fuzz_engine)
tests_fuzz_fuzz_transcode_CPPFLAGS = $(proto_test_cppflags)
tests_fuzz_fuzz_transcode_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_transcode_LDADD = $(proto_test_ldadd)
