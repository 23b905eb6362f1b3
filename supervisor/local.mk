# supervisor: gangerd. All but main.c is a library, so that unit tests link it.
include supervisor/broker.mk
include supervisor/http.mk
include supervisor/gpu.mk

noinst_LIBRARIES += libsup.a
libsup_a_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS) $(EVENT_CFLAGS) \
	$(JANSSON_CFLAGS) $(ZMQ_CFLAGS) $(MSGPACK_CFLAGS)
libsup_a_SOURCES = $(SUP_BROKER_SOURCES) $(SUP_HTTP_SOURCES) \
	$(SUP_GPU_SOURCES) \
	supervisor/admit.c supervisor/admit.h \
	supervisor/beat.c supervisor/beat.h \
	supervisor/berth.c supervisor/berth.h \
	supervisor/cage.c supervisor/cage.h \
	supervisor/cancel.c supervisor/cancel.h \
	supervisor/cgroup.c supervisor/cgroup.h \
	supervisor/contain.c supervisor/contain.h \
	supervisor/control.c supervisor/control.h \
	supervisor/credit.c supervisor/credit.h \
	supervisor/dispatch.c \
	supervisor/guess.c supervisor/guess.h \
	supervisor/death.c supervisor/death.h \
	supervisor/evidence.c supervisor/evidence.h \
	supervisor/finish.c supervisor/finish.h \
	supervisor/forget.c supervisor/forget.h \
	supervisor/heir.c \
	supervisor/intake.c supervisor/intake.h \
	supervisor/sift.c supervisor/sift.h \
	supervisor/job.c supervisor/job.h \
	supervisor/lease.c supervisor/lease.h \
	supervisor/life.c supervisor/life.h \
	supervisor/limit.c supervisor/limit.h \
	supervisor/loop.c \
	supervisor/notify.c supervisor/notify.h \
	supervisor/output.c \
	supervisor/pace.c supervisor/pace.h \
	supervisor/pids.h \
	supervisor/permit.c supervisor/permit.h \
	supervisor/pin.c supervisor/pin.h \
	supervisor/place.c supervisor/place.h \
	supervisor/pool.c supervisor/pool.h \
	supervisor/preempt.c supervisor/preempt.h \
	supervisor/proc.c supervisor/proc.h \
	supervisor/queue.c supervisor/queue.h \
	supervisor/record.c supervisor/record.h \
	supervisor/redis.c supervisor/redis.h \
	supervisor/reload.c supervisor/reload.h \
	supervisor/rename.c supervisor/rename.h \
	supervisor/reshape.c supervisor/reshape.h \
	supervisor/rlimit.c supervisor/rlimit.h \
	supervisor/route.c supervisor/route.h \
	supervisor/schedule.c supervisor/schedule.h \
	supervisor/settle.c supervisor/settle.h \
	supervisor/share.c supervisor/share.h \
	supervisor/split.c supervisor/split.h \
	supervisor/slot.c supervisor/slot.h supervisor/slot_tbl.h \
	supervisor/spawn.c \
	supervisor/stat.c supervisor/stat.h supervisor/stat_tbl.h \
	supervisor/status.c supervisor/status.h \
	supervisor/stop.c supervisor/stop.h \
	supervisor/sup.h \
	supervisor/sweep.c supervisor/sweep.h \
	supervisor/upgrade.c supervisor/upgrade.h \
	supervisor/watch.c supervisor/watch.h
nodist_libsup_a_SOURCES = $(SUP_BROKER_BUILT) $(SUP_HTTP_BUILT)

sbin_PROGRAMS += gangerd
gangerd_SOURCES = supervisor/main.c
gangerd_CPPFLAGS = $(libsup_a_CPPFLAGS) -DSYSCONFDIR='"$(sysconfdir)"' \
	-DLIBEXECDIR='"$(libexecdir)"'
gangerd_LDADD = libsup.a libplace.a libconf.a libproto.a libbase.a \
	$(HIREDIS_LIBS) $(HWLOC_LIBS) $(EVENT_LIBS) $(JANSSON_LIBS) $(ZMQ_LIBS) $(MSGPACK_LIBS) -lm

# docs/states.md is written from the table of states
noinst_PROGRAMS += supervisor/gen_states
supervisor_gen_states_SOURCES = supervisor/gen_states.c
supervisor_gen_states_LDADD = libsup.a libbase.a
.PHONY: states-doc
states-doc: supervisor/gen_states$(EXEEXT)
	./supervisor/gen_states$(EXEEXT) >$(srcdir)/docs/states.md
