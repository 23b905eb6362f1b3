# Tests of the supervisor's broker: connections, doorbells, scripts
BROKER_TESTS = tests/unit/check_conn tests/unit/check_broker
check_PROGRAMS += $(BROKER_TESTS)
TESTS += $(BROKER_TESTS)

broker_test_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit \
	$(CHECK_CFLAGS) $(HIREDIS_CFLAGS) $(EVENT_CFLAGS)
broker_test_ldadd = libsup.a libbase.a $(CHECK_LIBS) $(HIREDIS_LIBS) \
	$(EVENT_LIBS)
broker_test_rig = tests/unit/redis_rig.c tests/unit/redis_rig.h

tests_unit_check_conn_SOURCES = tests/unit/check_conn.c $(broker_test_rig)
tests_unit_check_conn_CPPFLAGS = $(broker_test_cppflags)
tests_unit_check_conn_LDADD = $(broker_test_ldadd)
tests_unit_check_broker_SOURCES = tests/unit/check_broker.c $(broker_test_rig)
tests_unit_check_broker_CPPFLAGS = $(broker_test_cppflags)
tests_unit_check_broker_LDADD = $(broker_test_ldadd)
