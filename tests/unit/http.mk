# Unit tests of the HTTP server's decisions
check_PROGRAMS += tests/unit/check_http_routes
TESTS += tests/unit/check_http_routes
tests_unit_check_http_routes_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_check_http_routes_LDADD = libsup.a libbase.a $(CHECK_LIBS)
