# The HTTP server. supervisor/local.mk includes this and adds
# SUP_HTTP_SOURCES to its library's sources and SUP_HTTP_BUILT to its nodist_
# sources.
SUP_HTTP_SOURCES = \
	supervisor/http.c supervisor/http.h \
	supervisor/http_ask.c supervisor/http_ask.h \
	supervisor/http_events.c supervisor/http_fleet.c \
	supervisor/http_jobs.c supervisor/http_listen.c supervisor/http_metrics.c \
	supervisor/http_page.c supervisor/http_queues.c \
	supervisor/http_route.c supervisor/http_route.h \
	supervisor/http_submit.c supervisor/http_tbl.h
SUP_HTTP_BUILT = supervisor/page_embed.c

EXTRA_DIST += supervisor/page/index.html scripts/embed_page.sh
BUILT_SOURCES += $(SUP_HTTP_BUILT)
CLEANFILES += $(SUP_HTTP_BUILT)

supervisor/page_embed.c: supervisor/page/index.html scripts/embed_page.sh
	$(AM_V_GEN)$(MKDIR_P) supervisor && rm -f $@ $@.tmp && \
	if test -f supervisor/page/index.html; then dir=; \
	else dir=$(srcdir)/; fi && \
	$(SHELL) $(srcdir)/scripts/embed_page.sh \
	    "$${dir}supervisor/page/index.html" > $@.tmp && mv $@.tmp $@
