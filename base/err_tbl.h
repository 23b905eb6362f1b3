/*
 * The only list of error codes: ERR(name, text).
 * Functions return 0 or the negative of one of these; ERR_SYSTEM means
 * "see errno".
 */
#define ERR_TABLE(ERR) \
	ERR(SYSTEM, "system error") \
	ERR(NOMEM, "out of memory") \
	ERR(NOSPACE, "buffer limit reached") \
	ERR(RANGE, "value out of range") \
	ERR(SYNTAX, "syntax error") \
	ERR(TYPE, "wrong type") \
	ERR(UTF8, "invalid UTF-8") \
	ERR(DEPTH, "nested too deep") \
	ERR(DUPLICATE, "duplicate") \
	ERR(TRUNCATED, "truncated") \
	ERR(TRAILING, "trailing bytes") \
	ERR(VERSION, "unsupported version") \
	ERR(NOTFOUND, "not found") \
	ERR(EXISTS, "already exists") \
	ERR(REFUSED, "refused") \
	ERR(TIMEOUT, "timed out") \
	ERR(CLOSED, "closed") \
	ERR(CONFIG, "bad configuration") \
	ERR(PROTOCOL, "protocol error") \
	ERR(AGAIN, "try again")
