# Tests of place/
PLACE_TESTS = tests/unit/check_place_gpu tests/unit/check_place_plan
check_PROGRAMS += $(PLACE_TESTS)
TESTS += $(PLACE_TESTS)

place_test_cppflags = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CHECK_CFLAGS)
place_test_ldadd = $(place_libs) $(CHECK_LIBS)

tests_unit_check_place_gpu_CPPFLAGS = $(place_test_cppflags)
tests_unit_check_place_gpu_LDADD = $(place_test_ldadd)
tests_unit_check_place_plan_CPPFLAGS = $(place_test_cppflags)
tests_unit_check_place_plan_LDADD = $(place_test_ldadd)
