# Tests of proto/
PROTO_TESTS = \
	tests/proto/check_proto_frame tests/unit/check_proto_job \
	tests/unit/check_proto_json tests/unit/check_proto_startup \
	tests/unit/check_proto_transcode
check_PROGRAMS += $(PROTO_TESTS)
TESTS += $(PROTO_TESTS)

proto_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(MSGPACK_CFLAGS)
proto_test_ldadd = libproto.a libbase.a $(MSGPACK_LIBS) $(CHECK_LIBS) -lm

tests_proto_check_proto_frame_CPPFLAGS = $(proto_test_cppflags)
tests_proto_check_proto_frame_LDADD = $(proto_test_ldadd)
tests_unit_check_proto_job_CPPFLAGS = $(proto_test_cppflags)
tests_unit_check_proto_job_LDADD = $(proto_test_ldadd)
tests_unit_check_proto_json_CPPFLAGS = $(proto_test_cppflags)
tests_unit_check_proto_json_LDADD = $(proto_test_ldadd)
tests_unit_check_proto_startup_CPPFLAGS = $(proto_test_cppflags)
tests_unit_check_proto_startup_LDADD = $(proto_test_ldadd)
tests_unit_check_proto_transcode_CPPFLAGS = $(proto_test_cppflags)
tests_unit_check_proto_transcode_LDADD = $(proto_test_ldadd)
