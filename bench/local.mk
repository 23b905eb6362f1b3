# Benchmarks; docs/performance.md has the figures. None is part of make check
# but the budgets: those count, and measure no time.
#
# make bench        Ganger beside every peer that is installed, and the ceiling
#                   (BENCH_FLAGS="--sections latency" and so on)
# make bench-proto  the parts of proto/ that every job passes
bench_programs = bench/bean bench/bench_proto bench/floor bench/hops \
	bench/limit bench/pace
EXTRA_PROGRAMS += $(bench_programs)
bench_cppflags = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
bench_bean_SOURCES = bench/bean.c bench/starts.c bench/starts.h
bench_bean_CPPFLAGS = $(bench_cppflags)
bench_bean_LDADD = $(HIREDIS_LIBS)
bench_bench_proto_CPPFLAGS = $(AM_CPPFLAGS) $(MSGPACK_CFLAGS)
bench_bench_proto_LDADD = libproto.a libbase.a $(MSGPACK_LIBS) -lm
bench_floor_SOURCES = bench/floor.c bench/starts.c bench/starts.h
bench_floor_CPPFLAGS = $(bench_cppflags)
bench_floor_LDADD = $(HIREDIS_LIBS)
bench_hops_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS)
bench_hops_LDADD = libbase.a $(ZMQ_LIBS)
bench_limit_CPPFLAGS = $(bench_cppflags)
bench_limit_LDADD = libbase.a $(HIREDIS_LIBS)
bench_pace_CPPFLAGS = $(bench_cppflags)
bench_pace_LDADD = libbase.a $(HIREDIS_LIBS)

EXTRA_LTLIBRARIES = bench/starts.la
bench_starts_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
# a convenience library unless it has an installation folder
bench_starts_la_LDFLAGS = $(PLUGIN_LDFLAGS) -rpath $(pluginsdir)
bench_starts_la_LIBADD =
bench_starts_la_SOURCES = bench/plugin.c bench/starts.c bench/starts.h

BENCH_KIT = bench/kit/chart.py bench/kit/doc.py bench/kit/ganger.py bench/kit/peers.py \
	bench/kit/proc.py bench/kit/report.py bench/kit/sections.py \
	bench/kit/systems.py bench/kit/user.py \
	bench/kit/__init__.py
BENCH_PEERS = bench/peers/beanstalkd.py bench/peers/bullmq.js \
	bench/peers/celery_peer.py \
	bench/peers/payload.py bench/peers/rq_peer.py bench/peers/sidekiq.rb
EXTRA_DIST += bench/deadline bench/run bench/soak $(BENCH_KIT) $(BENCH_PEERS)
CLEANFILES += $(bench_programs) bench/starts.la

.PHONY: bench bench-deadline bench-proto
bench: all $(bench_programs) bench/starts.la
	$(PYTHON3) $(srcdir)/bench/run --build . $(BENCH_FLAGS)
bench-proto: bench/bench_proto$(EXEEXT)
	bench/bench_proto$(EXEEXT)
# An hour of mixed jobs: is what they leave behind bounded?
.PHONY: soak
soak: all
	$(PYTHON3) $(srcdir)/bench/soak --build . $(SOAK_FLAGS)
# How exact the end of a job is; bench/deadline --peers adds Celery and RQ.
bench-deadline: all
	$(PYTHON3) $(srcdir)/bench/deadline --build . --peers

# The pause of a reload.
EXTRA_DIST += bench/reload
.PHONY: bench-reload
bench-reload: all bench/starts.la
	$(PYTHON3) $(srcdir)/bench/reload --build .

# Two jobs of pure work on two cores against one.
EXTRA_DIST += bench/spin
.PHONY: bench-spin
bench-spin: all
	$(PYTHON3) $(srcdir)/bench/spin --build .

# Priority, shares, batches, pick-up, two hosts, preemption; BENCH_FLAGS="--peers".
EXTRA_DIST += bench/order
.PHONY: bench-order
bench-order: all bench/pace$(EXEEXT) bench/starts.la tests/children/batch.la
	$(PYTHON3) $(srcdir)/bench/order --build . $(BENCH_FLAGS)

# How soon a job runs again after a kill; needs check_PROGRAMS' handlers.
EXTRA_DIST += bench/recovery
.PHONY: bench-recovery
bench-recovery: all tests/chaos/job$(EXEEXT) tests/chaos/chaos.la
	$(PYTHON3) $(srcdir)/bench/recovery --build .
