/* Error codes shared by all rooms. See err_tbl.h for the list. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/err_tbl.h"

enum err_code {
	ERR_OK = 0,
#define ERR(name, text) ERR_##name,
	ERR_TABLE(ERR)
#undef ERR
	ERR_NCODES
};

/*
 * Text of a return code (0 or negative). For -ERR_SYSTEM it is strerror(errno)
 * as errno stands at the call. The result is static or thread-local: borrow it
 * for one message only.
 */
const char *err_text(int code);

#endif
