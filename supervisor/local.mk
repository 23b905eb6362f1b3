# supervisor
include supervisor/broker.mk

noinst_LIBRARIES += libsup.a
libsup_a_SOURCES = $(SUP_BROKER_SOURCES)
nodist_libsup_a_SOURCES = $(SUP_BROKER_BUILT)
libsup_a_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS) $(EVENT_CFLAGS)
