# The real ganger-child under a fake supervisor.
CHILD_TESTS = tests/child/check_child_plugin \
	tests/child/check_child_command tests/child/check_child_runner
check_PROGRAMS += $(CHILD_TESTS) tests/child/peer
TESTS += $(CHILD_TESTS)
EXTRA_DIST += tests/child/fake.h

child_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(ZMQ_CFLAGS) \
	$(MSGPACK_CFLAGS)
child_test_ldadd = libproto.a libbase.a $(CHECK_LIBS) $(ZMQ_LIBS) \
	$(MSGPACK_LIBS) -lm

tests_child_check_child_plugin_SOURCES = \
	tests/child/check_child_plugin.c tests/child/fake.c
tests_child_check_child_plugin_CPPFLAGS = $(child_test_cppflags)
tests_child_check_child_plugin_LDADD = $(child_test_ldadd)

tests_child_check_child_command_SOURCES = \
	tests/child/check_child_command.c tests/child/fake.c
tests_child_check_child_command_CPPFLAGS = $(child_test_cppflags)
tests_child_check_child_command_LDADD = $(child_test_ldadd)

tests_child_check_child_runner_SOURCES = \
	tests/child/check_child_runner.c tests/child/fake.c
tests_child_check_child_runner_CPPFLAGS = $(child_test_cppflags)
tests_child_check_child_runner_LDADD = $(child_test_ldadd)

# a runner that does as its job says; shares no code with the child
tests_child_peer_SOURCES = tests/child/peer.c
tests_child_peer_CPPFLAGS = $(AM_CPPFLAGS) $(MSGPACK_CFLAGS)
tests_child_peer_LDADD = $(MSGPACK_LIBS)
