# Tests of base/
BASE_TESTS = \
	tests/unit/check_base_buf tests/unit/check_base_clock \
	tests/unit/check_base_cpus tests/unit/check_base_cron \
	tests/unit/check_base_fd \
	tests/unit/check_base_jsonw tests/unit/check_base_log \
	tests/unit/check_base_part tests/unit/check_base_pid \
	tests/unit/check_base_str
check_PROGRAMS += $(BASE_TESTS)
TESTS += $(BASE_TESTS)

base_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
base_test_ldadd = libbase.a $(CHECK_LIBS)

tests_unit_check_base_buf_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_buf_LDADD = $(base_test_ldadd)
tests_unit_check_base_clock_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_clock_LDADD = $(base_test_ldadd)
tests_unit_check_base_cpus_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_cpus_LDADD = $(base_test_ldadd)
tests_unit_check_base_fd_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_fd_LDADD = $(base_test_ldadd)
tests_unit_check_base_jsonw_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_jsonw_LDADD = $(base_test_ldadd) $(JANSSON_LIBS)
tests_unit_check_base_log_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_log_LDADD = $(base_test_ldadd) $(JANSSON_LIBS)
tests_unit_check_base_pid_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_pid_LDADD = $(base_test_ldadd)
tests_unit_check_base_part_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_part_LDADD = $(base_test_ldadd)
tests_unit_check_base_str_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_str_LDADD = $(base_test_ldadd)
tests_unit_check_base_cron_CPPFLAGS = $(base_test_cppflags)
tests_unit_check_base_cron_LDADD = $(base_test_ldadd)
