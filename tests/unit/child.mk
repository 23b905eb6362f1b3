# Tests of child/ that need no process
CHILD_UNIT_TESTS = tests/unit/check_child_models tests/unit/check_child_parts
check_PROGRAMS += $(CHILD_UNIT_TESTS)
TESTS += $(CHILD_UNIT_TESTS)

child_unit_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(MSGPACK_CFLAGS)
child_unit_ldadd = libchild.a libproto.a libbase.a $(CHECK_LIBS) \
	$(ZMQ_LIBS) $(MSGPACK_LIBS) -ldl -lm

tests_unit_check_child_models_CPPFLAGS = $(child_unit_cppflags)
tests_unit_check_child_models_LDADD = $(child_unit_ldadd)
tests_unit_check_child_parts_CPPFLAGS = $(child_unit_cppflags)
tests_unit_check_child_parts_LDADD = $(child_unit_ldadd)
