# Tests of the program ganger against a redis-server of their own.
cli_tests = tests/cli/check_cancel.py tests/cli/check_cli.py tests/cli/check_docs.sh \
	tests/cli/check_up.py
TESTS += $(cli_tests)
EXTRA_DIST += $(cli_tests) tests/cli/cli_rig.py tests/cli/fake_gangerd.py

check_PROGRAMS += tests/cli/check_payload
TESTS += tests/cli/check_payload
tests_cli_check_payload_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS) \
	$(MSGPACK_CFLAGS)
tests_cli_check_payload_SOURCES = tests/cli/check_payload.c
tests_cli_check_payload_LDADD = libcli.a libproto.a libbase.a \
	$(MSGPACK_LIBS) $(CHECK_LIBS)
