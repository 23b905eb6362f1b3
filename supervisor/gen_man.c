/*
 * Prints what gangerd(8) takes from tables: the routes of the HTTP server, or
 * the causes of an attempt's end. Run by `make man-docs`; a test compares.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/obj.h"
#include "proto/cause_tbl.h"
#include "supervisor/http_tbl.h"

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
	else {
		(void)fputs("usage: gen_man routes|causes\n", stderr);
		return (64);
	}
	return (fflush(stdout) == 0 ? 0 : 1);
}
