noinst_LIBRARIES += libproto.a
libproto_a_CPPFLAGS = $(AM_CPPFLAGS) $(MSGPACK_CFLAGS)
libproto_a_SOURCES = \
	proto/cause.c proto/cause.h proto/cause_tbl.h proto/frame.c proto/frame.h \
	proto/frame_tbl.h proto/job.c proto/job.h proto/job_tbl.h proto/json.c \
	proto/json.h proto/json_text.c proto/keyset.c proto/keyset.h proto/msg.c \
	proto/msg.h proto/page.c proto/page.h proto/startup.c proto/startup.h \
	proto/transcode.c proto/transcode.h
