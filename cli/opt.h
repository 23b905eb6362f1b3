/* Options and operands of one command, parsed from opt_tbl.h's rows. */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

#include "cli/opt_tbl.h"

enum opt_id {
#define OPT(id, name, letter, arg, kind, help) OPT_##id,
	OPT_TABLE(OPT)
#undef OPT
	OPT_N
};

enum opt_kind { OPT_FLAG, OPT_TEXT, OPT_COUNT, OPT_SPAN };

struct opt_row {
	const char *name;
	const char *arg;   /* NULL: takes none */
	const char *help;
	enum opt_kind kind;
	char letter;       /* 0: none */
};

struct opt_value {
	bool set;
	const char *text;  /* borrows from argv */
	uint64_t count;
	dur_t span;
};

struct opt_set {
	struct opt_value v[OPT_N];
	char **argv;       /* owns the array; operands in order, NULL-terminated */
	int argc;
};

/* The options that every command takes. */
extern const uint32_t opt_common;

const struct opt_row *opt_row(enum opt_id id);

/*
 * Parses argv (without the program's name) whole: options may stand before
 * and after operands, "--" ends them. Returns 0 or -ERR_SYNTAX with a message
 * in why.
 */
int opt_parse(struct opt_set *set, int argc, char **argv, char *why,
    size_t size);
void opt_fini(struct opt_set *set);

/* The first option that is set but not in allowed; OPT_N if there is none. */
enum opt_id opt_stray(const struct opt_set *set, uint32_t allowed);

#endif
