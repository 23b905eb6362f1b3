/*
 * Prints what gangerd(8) and ganger-gpuprobe(8) take from tables: the routes of
 * the HTTP server, the causes of an attempt's end, the Xids of GPUs. Run by
 * `make man-docs`; a test compares.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/obj.h"
#include "proto/cause_tbl.h"
#include "supervisor/http_tbl.h"
#include "supervisor/xid_tbl.h"

struct line {
	const char *key, *more, *text;
};

#define X(method, path, class, func, help) { #method, path, help },
static const struct line routes[] = { HTTP_ROUTES(X) };
#undef X

#define CAUSE(id, name, retried, charged, when, state, text) \
	{ name, "", text },
static const struct line causes[] = { CAUSE_TABLE(CAUSE) };
#undef CAUSE

#define CLASS_NOTE "note"
#define CLASS_APP "app"
#define CLASS_RESTART "restart"
#define CLASS_DEVICE "device"
#define CLASS_HOST "host"
#define XID(number, class, text) { #number, CLASS_##class, text },
static const struct line xids[] = { XID_TABLE(XID) };
#undef XID

static void
put_roff(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '-')
			(void)putchar('\\');
		(void)putchar(*text);
	}
}

static void
print_lines(const struct line *line, size_t n)
{
	for (; n > 0; n--, line++) {
		if (line->key[0] == '\0')
			continue;
		(void)printf(".TP\n.B %s", line->more[0] != '\0' ? "\"" : "");
		put_roff(line->key);
		if (line->more[0] != '\0') {
			(void)putchar(' ');
			put_roff(line->more);
			(void)putchar('"');
		}
		(void)putchar('\n');
		put_roff(line->text);
		(void)putchar('\n');
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "routes") == 0)
		print_lines(routes, NELEM(routes));
	else if (argc == 2 && strcmp(argv[1], "causes") == 0)
		print_lines(causes, NELEM(causes));
	else if (argc == 2 && strcmp(argv[1], "xids") == 0)
		print_lines(xids, NELEM(xids));
	else {
		(void)fputs("usage: gen_man routes|causes|xids\n", stderr);
		return (64);
	}
	return (fflush(stdout) == 0 ? 0 : 1);
}
