# Tests of the supervisor's pure parts
SUP_TESTS = tests/unit/check_pace tests/unit/check_share \
	tests/unit/check_slot tests/unit/check_sup
check_PROGRAMS += $(SUP_TESTS)
TESTS += $(SUP_TESTS) tests/unit/check_states_doc.sh \
	tests/unit/check_containment_doc.sh tests/unit/check_gpu_doc.sh
EXTRA_DIST += tests/unit/check_states_doc.sh \
	tests/unit/check_containment_doc.sh tests/unit/check_gpu_doc.sh
sup_test_cppflags = $(libsup_a_CPPFLAGS) $(CHECK_CFLAGS)
sup_test_ldadd = $(gangerd_LDADD) $(CHECK_LIBS)
tests_unit_check_pace_CPPFLAGS = $(sup_test_cppflags)
tests_unit_check_pace_LDADD = $(sup_test_ldadd)
tests_unit_check_share_CPPFLAGS = $(sup_test_cppflags)
tests_unit_check_share_LDADD = $(sup_test_ldadd)
tests_unit_check_slot_CPPFLAGS = $(sup_test_cppflags)
tests_unit_check_slot_LDADD = $(sup_test_ldadd)
tests_unit_check_sup_CPPFLAGS = $(sup_test_cppflags)
tests_unit_check_sup_LDADD = $(sup_test_ldadd)
