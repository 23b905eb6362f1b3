/* HTTP is off until its room is landed. */
#include "config.h"

#include <stddef.h>

#include "supervisor/http.h"

int
http_open(struct sup *sup, struct http **hp)
{
	*hp = NULL;
	return (0);
}

void
http_close(struct http **hp)
{
}
