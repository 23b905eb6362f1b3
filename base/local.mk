noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/buf.c base/buf.h base/clock.c base/clock.h base/cpus.c base/cpus.h \
	base/cron.c base/cron.h \
	base/err.c base/err.h base/err_tbl.h \
	base/failpoint.c base/failpoint.h base/failpoint_tbl.h \
	base/fd.c base/fd.h \
	base/jsonw.c base/jsonw.h base/log.c base/log.h \
	base/log_repeat.c base/log_repeat.h base/obj.c base/obj.h \
	base/landlock.c base/landlock.h base/mempol.c base/mempol.h \
	base/part.c base/part.h base/pid.c base/pid.h \
	base/slice.h base/str.c base/str.h base/xalloc.c base/xalloc.h
