# child: ganger-child, one per slot. All but main.c is a library, so that unit
# tests link it.
libexec_PROGRAMS += ganger-child
noinst_LIBRARIES += libchild.a
libchild_a_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS) $(MSGPACK_CFLAGS)
libchild_a_SOURCES = \
	child/child.c child/child.h child/command.c child/copy.c child/copy.h \
	child/credit.c child/credit.h child/dirs.c child/dirs.h \
	child/link.c child/link.h child/loop.c child/loop.h \
	child/model_cache.c child/model_cache.h child/models.c child/models.h \
	child/plugin.c child/plugin.h child/plugin_host.c \
	child/plugin_host.h child/prepare.c child/prepare.h \
	child/progress.c child/progress.h child/report.c child/report.h \
	child/result.c child/result.h child/sandbox.c \
	child/sandbox.h child/runner.c child/runner.h \
	child/runner_msg.c child/runner_msg.h child/runner_proc.c \
	child/runner_proc.h child/spawn.c child/spawn.h child/start.c \
	child/start.h child/tree.c child/tree.h child/trim.c child/trim.h \
	child/watchdog.c child/watchdog.h
ganger_child_SOURCES = child/main.c
ganger_child_LDADD = libchild.a libproto.a libbase.a $(ZMQ_LIBS) \
	$(MSGPACK_LIBS) -ldl -lpthread -lm
