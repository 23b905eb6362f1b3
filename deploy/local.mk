# deploy: what an operator installs beside the programs, and the manual pages.
# Packages choose the folders; make install puts the files where nothing
# starts by itself.
noinst_PROGRAMS += supervisor/gen_man
supervisor_gen_man_SOURCES = supervisor/gen_man.c
dist_man_MANS += docs/ganger-handler.3 docs/ganger-runner.7 docs/gangerd.8
EXTRA_DIST += docs/gangerd.8.in scripts/man.sh tests/unit/check_man_docs.sh
TESTS += tests/unit/check_man_docs.sh

# Writes into the source tree; tests/unit/check_man_docs.sh compares.
.PHONY: man-docs
man-docs: supervisor/gen_man$(EXEEXT)
	$(SHELL) $(srcdir)/scripts/man.sh ./supervisor/gen_man \
	    $(PACKAGE_VERSION) $(srcdir)/docs/gangerd.8.in \
	    >$(srcdir)/docs/gangerd.8
