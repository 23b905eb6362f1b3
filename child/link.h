/*
 * The link to the supervisor: one ZeroMQ DEALER. The only user of libzmq in
 * this room.
 */
#ifndef CHILD_LINK_H
#define CHILD_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct link;

/* One received frame; the bytes live as long as it does. */
struct link_frame {
	const void *p;
	size_t n;
	void *msg;      /* owns; libzmq's */
};
void link_frame_free(struct link_frame **fp);

/* 0 or -ERR_SYSTEM (errno may be one of libzmq's: see link_error). */
int link_open(const char *endpoint, const char *identity, struct link **lp);
const char *link_error(void);

/* Closes; frames already sent get up to linger_ms to leave. */
void link_close(struct link **lp, int linger_ms);

/*
 * The descriptor to poll. It is edge triggered and only a hint: call
 * link_recv until it gives nothing, each turn and after each link_send.
 */
int link_fd(const struct link *l);

/* The next frame, or NULL if there is none. The caller frees it. */
struct link_frame *link_recv(struct link *l);

/*
 * Sends the buf's bytes as one frame and empties it. A frame that may be lost
 * is dropped where the supervisor reads too slowly; any other one waits (the
 * watchdog ends that wait when the supervisor is gone or the lease is over).
 */
void link_send(struct link *l, struct buf *b, bool may_be_lost);

/*
 * For another thread than the one that does all else here: sends if nobody
 * uses the link and there is room, and then empties the buf. False: not now.
 */
bool link_try_send(struct link *l, struct buf *b);

/* A frame may have come without the descriptor telling: something was sent
 * since link_recv last gave nothing, or it has not yet. */
bool link_unsure(const struct link *l);

#endif
