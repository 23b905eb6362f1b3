# cli: the program ganger. libcli.a is all but main.c, so that tests link it.
noinst_LIBRARIES += libcli.a
cli_cppflags = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS) $(JANSSON_CFLAGS) \
	$(MSGPACK_CFLAGS) -DSBINDIR=\"$(sbindir)\" \
	-DSYSCONFDIR=\"$(sysconfdir)\"
libcli_a_CPPFLAGS = $(cli_cppflags)
libcli_a_SOURCES = \
	cli/cli.h cli/cmd_bench.c cli/cmd_cancel.c cli/cmd_control.c cli/cmd_dead.c cli/cmd_doctor.c \
	cli/cmd_explain.c cli/cmd_job.c cli/cmd_models.c cli/cmd_plan.c cli/cmd_status.c \
	cli/cmd_submit.c cli/cmd_tbl.h cli/cmd_up.c cli/fleet.c cli/fleet.h cli/help.c \
	cli/joblog.c cli/joblog.h cli/opt.c cli/opt.h cli/opt_tbl.h cli/out.c \
	cli/out.h cli/payload.c cli/payload.h cli/place.c cli/rds.c cli/rds.h \
	cli/up_conf.c cli/up_conf.h cli/up_find.c cli/up_find.h cli/up_http.c \
	cli/up_http.h cli/up_proc.c cli/up_proc.h cli/watch.c cli/watch.h
nodist_libcli_a_SOURCES = cli/cancel.lua.inc cli/revive.lua.inc
cli/libcli_a-cmd_cancel.$(OBJEXT): cli/cancel.lua.inc
cli/libcli_a-cmd_dead.$(OBJEXT): cli/revive.lua.inc

bin_PROGRAMS += ganger
ganger_CPPFLAGS = $(cli_cppflags)
ganger_SOURCES = cli/main.c
cli_libs = libcli.a libplace.a libconf.a libproto.a libbase.a \
	$(HIREDIS_LIBS) $(HWLOC_LIBS) $(JANSSON_LIBS) $(MSGPACK_LIBS)
ganger_LDADD = $(cli_libs)

# Lua as a C string: comments and empty lines left out.
BUILT_SOURCES += cli/cancel.lua.inc cli/revive.lua.inc
CLEANFILES += cli/cancel.lua.inc cli/revive.lua.inc
EXTRA_DIST += cli/lua/cancel.lua cli/lua/revive.lua
cli_embed = $(AM_V_GEN)$(MKDIR_P) cli && \
	sed -e '/^--/d' -e '/^$$/d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' \
	    -e 's/^/"/' -e 's/$$/\\n"/'
cli/cancel.lua.inc: $(srcdir)/cli/lua/cancel.lua
	$(cli_embed) $(srcdir)/cli/lua/cancel.lua >$@
cli/revive.lua.inc: $(srcdir)/cli/lua/revive.lua
	$(cli_embed) $(srcdir)/cli/lua/revive.lua >$@

# The manual and the completion have parts that come from the command table.
# cli-docs writes into the source tree; tests/cli/check_docs.sh compares.
dist_man_MANS += docs/ganger.1
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = deploy/bash-completion/ganger
EXTRA_DIST += docs/ganger.1.in cli/man.sh

.PHONY: cli-docs
cli-docs: ganger$(EXEEXT)
	$(MKDIR_P) $(srcdir)/deploy/bash-completion
	$(SHELL) $(srcdir)/cli/man.sh ./ganger $(srcdir)/docs/ganger.1.in \
	    >$(srcdir)/docs/ganger.1
	./ganger help @bash >$(srcdir)/deploy/bash-completion/ganger
