/*
 * One run of `ganger`: its command, options and connection. The program does
 * one thing and ends, so what can't go on ends it at once (cli_die); only
 * `up`, which looks after processes, never does that while they live.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cmd_tbl.h"
#include "cli/opt.h"

struct conf;
struct redisContext;

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,      /* failed or unknown job, failed check */
	CLI_USAGE = 2,       /* usage or bad job */
	CLI_UNREACHABLE = 3, /* Redis or the worker */
	CLI_TIMEOUT = 4
};

#define CLI_MAGIC 0x636c6931u

struct cli {
	unsigned magic;
	const struct cmd *cmd;      /* borrows a row */
	struct opt_set opt;
	char **argv;                /* operands after the command's name */
	int argc;
	struct conf *conf;          /* owns; NULL until cli_conf */
	struct redisContext *redis; /* owns; NULL until the first use */
};

typedef int cmd_f(struct cli *cli);

struct cmd {
	const char *name;
	const char *operands;
	int least, most;
	uint32_t options;   /* besides opt_common */
	const char *help;   /* one line */
	const char *text;   /* a paragraph */
	cmd_f *run;
};

#define CMD(name, operands, least, most, options, help, text) \
	cmd_f cmd_##name;
CMD_TABLE(CMD)
#undef CMD

extern const struct cmd cmd_rows[];
extern const unsigned cmd_count;
const struct cmd *cmd_find(const char *name); /* NULL: no such command */

static inline bool
cli_has(const struct cli *cli, enum opt_id id)
{
	return (cli->opt.v[id].set);
}

static inline const char *
cli_text(const struct cli *cli, enum opt_id id) /* NULL: not given */
{
	return (cli->opt.v[id].set ? cli->opt.v[id].text : NULL);
}

static inline bool
cli_json(const struct cli *cli)
{
	return (cli->opt.v[OPT_JSON].set);
}

/* The deadline of --timeout, or of the default (0: never). */
mono_t cli_deadline(const struct cli *cli, dur_t otherwise);

/* The configuration, read at the first call; ends the program if it is bad. */
const struct conf *cli_conf(struct cli *cli);
const char *cli_prefix(struct cli *cli);

/* "ganger: message" on stderr. */
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void cli_die(enum cli_exit code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void cli_usage(const struct cmd *cmd, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Help in its four forms (help.c). */
void help_usage(FILE *f, const struct cmd *cmd);
void help_list(FILE *f);
void help_cmd(FILE *f, const struct cmd *cmd);

#endif
