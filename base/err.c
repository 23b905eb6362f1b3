/*
 * Texts of the error codes. The list itself is err_tbl.h.
 */
#include "config.h"

#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "base/obj.h"

static const char *const texts[] = {
	[ERR_OK] = "success",
#define ERR(name, text) [ERR_##name] = (text),
	ERR_TABLE(ERR)
#undef ERR
};

const char *
err_text(int code)
{
	if (code == -ERR_SYSTEM)
		return (strerror(errno)); /* thread-local in glibc */
	if (code > 0 || code <= -(int)NELEM(texts))
		return ("unknown error");
	return (texts[-code]);
}
