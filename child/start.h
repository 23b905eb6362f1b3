/* The first things a child does: its packet, its descriptors, the page. */
#ifndef CHILD_START_H
#define CHILD_START_H

#include "base/buf.h"

struct page;
struct start;

/* Reads the packet from START_FD. 0, or a negative code and a line in why. */
int start_receive(struct start **sp, struct buf *why);

/* Nothing but 0 to PAGE_FD may be open. 0, or why names what is. Makes the
 * two above 2 close-on-exec. */
int start_audit(struct buf *why);

/* Maps the page; slot must be on it. 0, or a negative code and why. */
int start_map_page(unsigned slot, struct page **pagep, struct buf *why);

#endif
