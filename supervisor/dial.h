/*
 * One attempt after another to get a connected stream socket without ever
 * blocking: unix path, numeric address, or a host name through evdns. Every
 * address of a name is tried in turn, each with the whole timeout. Sockets
 * are non-blocking and close-on-exec from birth; TCP ones have NODELAY and a
 * keepalive of 30 s idle, 3 probes 5 s apart.
 */
#ifndef SUPERVISOR_DIAL_H
#define SUPERVISOR_DIAL_H

#include <stdbool.h>

#include "base/clock.h"

struct event_base;
struct dialer;
struct dial;

/* fd is the caller's from now on, or -1 and why says what went wrong. The
 * dial is gone already; why is valid during the call only. */
typedef void dial_done_f(void *priv, int fd, const char *why);

/* Where to: path, or host and port; borrowed, must outlive the dialer. */
struct dialer *dialer_new(struct event_base *base, const char *path,
    const char *host, int port);
void dialer_free(struct dialer **dp);   /* its dials must be over */

/* done is called once from a later turn of the loop, unless cancelled. */
struct dial *dial_start(struct dialer *dr, dur_t timeout, dial_done_f *done,
    void *priv);
void dial_cancel(struct dial **dp);
bool dial_resolving(const struct dial *d);

#endif
