# The crash laboratory. `make check` runs the model and the SIGSTOP test; the
# rest needs a build with --enable-failpoints and time: `make check-chaos`
# makes that build in _build/chaos and runs a short matrix and a short soak
# in it, `make chaos-matrix RUNS=1000` and `make chaos CHAOS_JOBS=1000000` the
# long ones. scripts/test runs check-chaos.
check_PROGRAMS += tests/chaos/job
tests_chaos_job_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_chaos_job_LDADD = $(JANSSON_LIBS)
tests_chaos_job_SOURCES = tests/chaos/job.c tests/chaos/witness.c \
	tests/chaos/witness.h
check_LTLIBRARIES += tests/chaos/chaos.la
tests_chaos_chaos_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
# a convenience library unless it has an installation folder
tests_chaos_chaos_la_LDFLAGS = $(PLUGIN_LDFLAGS) -rpath $(pluginsdir)
tests_chaos_chaos_la_LIBADD =
tests_chaos_chaos_la_SOURCES = tests/chaos/plugin.c tests/chaos/witness.c \
	tests/chaos/witness.h

CHAOS_TESTS = tests/chaos/test_model.py tests/chaos/test_takeover.py
TESTS += $(CHAOS_TESTS)
EXTRA_DIST += $(CHAOS_TESTS) tests/chaos/lab.py tests/chaos/matrix.py \
	tests/chaos/model.py tests/chaos/relay.py tests/chaos/reloads.py \
	tests/chaos/soak.py

# In a build with fail points: here; else in one below the current folder.
RUNS = 20
CHAOS_JOBS = 20000
CHAOS_STOPS = 60000
CHAOS_SIDE = 4
chaos_run = $(AM_TESTS_ENVIRONMENT) \
	exec $(PYTHON3) $(srcdir)/tests/chaos
chaos_parts = gangerd$(EXEEXT) ganger-child$(EXEEXT) \
	tests/chaos/job$(EXEEXT) tests/chaos/chaos.la
.PHONY: check-chaos chaos chaos-matrix chaos-stops
if ENABLE_FAILPOINTS
check-chaos: chaos-matrix chaos-stops chaos
chaos-matrix: $(chaos_parts)
	$(chaos_run)/matrix.py --runs $(RUNS) --jobs $(CHAOS_SIDE)
chaos-stops: $(chaos_parts)
	$(chaos_run)/soak.py --jobs $(CHAOS_STOPS) --stops
chaos: $(chaos_parts)
	$(chaos_run)/soak.py --jobs $(CHAOS_JOBS)
else
check-chaos chaos chaos-matrix chaos-stops:
	$(SHELL) $(srcdir)/scripts/variant.sh chaos --enable-failpoints
	$(MAKE) -C _build/chaos $@
endif
