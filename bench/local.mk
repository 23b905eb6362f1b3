# Micro benchmarks: built and run by name, e.g. `make bench-proto`.
EXTRA_PROGRAMS += bench/bench_proto
bench_bench_proto_CPPFLAGS = $(AM_CPPFLAGS) $(MSGPACK_CFLAGS)
bench_bench_proto_LDADD = libproto.a libbase.a $(MSGPACK_LIBS) -lm

.PHONY: bench-proto
bench-proto: bench/bench_proto$(EXEEXT)
	bench/bench_proto$(EXEEXT)

# How exact the end of a job is; bench/deadline --peers adds Celery and RQ.
EXTRA_DIST += bench/deadline
.PHONY: bench-deadline
bench-deadline: all
	$(PYTHON3) $(srcdir)/bench/deadline --build . --peers
