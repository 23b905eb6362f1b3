# plugins: shared objects that ganger-child opens. They include the installed
# ABI header only.
gangerincludedir = $(includedir)/ganger
gangerinclude_HEADERS = plugins/handler.h
PLUGIN_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins
PLUGIN_LDFLAGS = -module -avoid-version -shared
plugins_LTLIBRARIES += selftest.la
selftest_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
selftest_la_LDFLAGS = $(PLUGIN_LDFLAGS)
selftest_la_LIBADD =
selftest_la_SOURCES = plugins/selftest.c
