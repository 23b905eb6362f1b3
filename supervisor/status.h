/* The status object of this worker as JSON. Contract, section 7. */
#ifndef SUPERVISOR_STATUS_H
#define SUPERVISOR_STATUS_H

#include "base/buf.h"

struct jsonw;
struct sup;

/* Appends the object. */
void status_put(struct buf *b, const struct sup *sup);
unsigned status_active(const struct sup *sup);     /* jobs running */
unsigned status_available(const struct sup *sup);  /* idle slots, 0 if draining */
const char *status_mode(const struct sup *sup);    /* running draining stopping */

#endif
