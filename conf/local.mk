# conf: libconf, and the documents that its table gives
noinst_LIBRARIES += libconf.a
libconf_a_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGINDIR=\"$(pluginsdir)\"
libconf_a_SOURCES = \
	conf/conf.h conf/conf_struct.h conf/conf_tbl.h conf/diff.c conf/diff.h \
	conf/dump.c conf/dump.h conf/file.c conf/file.h conf/handler.c \
	conf/hint.c conf/hint.h conf/identity.c conf/include.c conf/ini.c conf/ini.h \
	conf/keep.c conf/keep.h conf/load.c conf/load.h conf/pool.c conf/problem.c conf/problem.h \
	conf/redis_url.c conf/redis_url.h conf/resolve.c conf/table.c \
	conf/table.h conf/value.c

check_PROGRAMS += conf/gen_docs
conf_gen_docs_SOURCES = conf/gen_docs.c
conf_gen_docs_LDADD = libconf.a libbase.a

dist_man_MANS += docs/ganger.ini.5
EXTRA_DIST += conf/README.md conf/ganger.ini.example docs/config.md

# Writes into the source tree; tests/unit/check_conf_docs.sh compares.
.PHONY: conf-docs
conf-docs: conf/gen_docs$(EXEEXT)
	conf/gen_docs$(EXEEXT) example >$(srcdir)/conf/ganger.ini.example
	conf/gen_docs$(EXEEXT) markdown >$(srcdir)/docs/config.md
	conf/gen_docs$(EXEEXT) man >$(srcdir)/docs/ganger.ini.5
