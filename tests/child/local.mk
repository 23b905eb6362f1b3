# The real ganger-child under a fake supervisor.
CHILD_TESTS = tests/child/check_child_plugin
check_PROGRAMS += $(CHILD_TESTS)
TESTS += $(CHILD_TESTS)
EXTRA_DIST += tests/child/fake.h

child_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(ZMQ_CFLAGS)
child_test_ldadd = libproto.a libbase.a $(CHECK_LIBS) $(ZMQ_LIBS) \
	$(MSGPACK_LIBS) -lm

tests_child_check_child_plugin_SOURCES = \
	tests/child/check_child_plugin.c tests/child/fake.c
tests_child_check_child_plugin_CPPFLAGS = $(child_test_cppflags)
tests_child_check_child_plugin_LDADD = $(child_test_ldadd)
