# The broker: connections to Redis, scripts, doorbells. supervisor/local.mk
# includes this and adds SUP_BROKER_SOURCES to its library's sources and
# SUP_BROKER_BUILT to its nodist_ sources.
SUP_BROKER_SOURCES = \
	supervisor/bell.c supervisor/bell.h \
	supervisor/conn.c supervisor/conn.h \
	supervisor/conn_link.c supervisor/conn_link.h \
	supervisor/dial.c supervisor/dial.h \
	supervisor/script.c supervisor/script.h
SUP_BROKER_BUILT = supervisor/lua_embed.c
SUP_LUA = \
	supervisor/lua/beat.lua supervisor/lua/claim.lua \
	supervisor/lua/commit.lua supervisor/lua/glance.lua \
	supervisor/lua/move.lua \
	supervisor/lua/note.lua supervisor/lua/permit.lua \
	supervisor/lua/pluck.lua supervisor/lua/promote.lua supervisor/lua/reap.lua \
	supervisor/lua/recover.lua supervisor/lua/renew.lua \
	supervisor/lua/requeue.lua supervisor/lua/schedule.lua \
	supervisor/lua/sift.lua

EXTRA_DIST += $(SUP_LUA) scripts/embed_lua.sh docs/redis.md
BUILT_SOURCES += $(SUP_BROKER_BUILT)
CLEANFILES += $(SUP_BROKER_BUILT)

supervisor/lua_embed.c: $(SUP_LUA) scripts/embed_lua.sh
	$(AM_V_GEN)$(MKDIR_P) supervisor && rm -f $@ $@.tmp && \
	for f in $(SUP_LUA); do \
		if test -f $$f; then echo $$f; else echo $(srcdir)/$$f; fi; \
	done | xargs $(SHELL) $(srcdir)/scripts/embed_lua.sh > $@.tmp && \
	mv $@.tmp $@
