# Tests of conf/
CONF_TESTS = \
	tests/unit/check_conf_url tests/unit/check_conf_bad \
	tests/unit/check_conf_load tests/unit/check_conf_dump \
	tests/unit/check_conf_include
check_PROGRAMS += $(CONF_TESTS)
TESTS += $(CONF_TESTS) tests/unit/check_conf_docs.sh
EXTRA_DIST += tests/unit/check_conf_docs.sh tests/unit/conf_rig.h

conf_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
conf_test_ldadd = libconf.a libbase.a $(CHECK_LIBS)

tests_unit_check_conf_url_CPPFLAGS = $(conf_test_cppflags)
tests_unit_check_conf_url_LDADD = $(conf_test_ldadd)
tests_unit_check_conf_bad_CPPFLAGS = $(conf_test_cppflags)
tests_unit_check_conf_bad_LDADD = $(conf_test_ldadd)
tests_unit_check_conf_load_CPPFLAGS = $(conf_test_cppflags)
tests_unit_check_conf_load_LDADD = $(conf_test_ldadd)
tests_unit_check_conf_dump_CPPFLAGS = $(conf_test_cppflags)
tests_unit_check_conf_dump_LDADD = $(conf_test_ldadd)
tests_unit_check_conf_include_CPPFLAGS = $(conf_test_cppflags)
tests_unit_check_conf_include_LDADD = $(conf_test_ldadd)
