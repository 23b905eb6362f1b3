/* Whether an HTTP server answers GET /readyz with 200; never blocks. */
#ifndef CLI_UP_HTTP_H
#define CLI_UP_HTTP_H

#include <sys/types.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct up_probe {
	struct sockaddr_storage addr;
	socklen_t addrlen;
	int fd;              /* -1: no attempt under way */
	bool sent;
	mono_t until;        /* end of this attempt */
	mono_t next;         /* start of the next one */
	int status;          /* of the last answer; 0: none yet */
	size_t have;
	char answer[512];
};

/*
 * host:port or [v6]:port, numeric. Port 0, or a search for a free one, is
 * resolved by binding for a moment: listenp gets the text to configure.
 * 0, -ERR_SYNTAX, or -ERR_SYSTEM with errno (address in use).
 */
int up_listen_choose(const char *listen, bool search, char *listenp,
    size_t size);

/* The URL of an address as gangerd takes it; loopback for a wildcard. */
int up_probe_init(struct up_probe *p, const char *listen, char *url,
    size_t size);
void up_probe_fini(struct up_probe *p);

/* For poll(2): the events to wait for; 0 if there is no descriptor. */
short up_probe_events(const struct up_probe *p);

/* One step; true once the answer was 200. */
bool up_probe_step(struct up_probe *p);

/* Words of the last answer's body, for messages. */
const char *up_probe_reason(struct up_probe *p);

#endif
