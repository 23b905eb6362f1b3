/*
 * ganger: the program of users and operators. Reads the command line, finds
 * the command in the table, runs it, ends with the exit codes of enum
 * cli_exit.
 */
#include "config.h"

#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "base/err.h"
#include "base/obj.h"
#include "conf/conf.h"

extern char **environ;

const struct cmd cmd_rows[] = {
#define CMD(name, operands, least, most, options, help, text) \
	{ #name, operands, least, most, options, help, text, cmd_##name },
	CMD_TABLE(CMD)
#undef CMD
};
const unsigned cmd_count = NELEM(cmd_rows);

const struct cmd *
cmd_find(const char *name)
{
	unsigned i;

	for (i = 0; i < cmd_count; i++)
		if (strcmp(cmd_rows[i].name, name) == 0)
			return (&cmd_rows[i]);
	return (NULL);
}

__attribute__((format(printf, 1, 0))) static void
say(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("ganger: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void
cli_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
cli_die(enum cli_exit code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit((int)code);
}

void
cli_usage(const struct cmd *cmd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	help_usage(stderr, cmd);
	if (cmd == NULL)
		fprintf(stderr, "\"ganger help\" lists the commands\n");
	exit(CLI_USAGE);
}

mono_t
cli_deadline(const struct cli *cli, dur_t otherwise)
{
	if (cli_has(cli, OPT_TIMEOUT))
		return (mono_add(mono_now(), cli->opt.v[OPT_TIMEOUT].span));
	return (otherwise == 0 ? MONO_NEVER :
	    mono_add(mono_now(), otherwise));
}

/*
 * Without -c the system's file counts if this user can read it: a client's
 * host need not have one, and one that is closed to us is not ours to use.
 */
static const char *
conf_path(const struct cli *cli)
{
	static const char fallback[] = SYSCONFDIR "/ganger/ganger.ini";

	if (cli_has(cli, OPT_CONFIG))
		return (cli_text(cli, OPT_CONFIG));
	return (access(fallback, R_OK) == 0 ? fallback : NULL);
}

const struct conf *
cli_conf(struct cli *cli)
{
	struct conf_problems problems;
	const char *path;

	if (cli->conf != NULL)
		return (cli->conf);
	path = conf_path(cli);
	conf_problems_init(&problems);
	if (conf_load(path, environ, &cli->conf, &problems) != 0) {
		fputs(buf_cstr(&problems.text), stderr);
		cli_die(CLI_USAGE, "bad configuration%s%s",
		    path == NULL ? "" : ": ", path == NULL ? "" : path);
	}
	conf_problems_fini(&problems);
	return (cli->conf);
}

/* With --redis and no -c nothing else of a configuration matters. */
const char *
cli_prefix(struct cli *cli)
{
	if (cli_has(cli, OPT_REDIS) && !cli_has(cli, OPT_CONFIG))
		return ("ai");
	return (cli_conf(cli)->redis.prefix);
}

static void
check_operands(struct cli *cli)
{
	const struct cmd *cmd = cli->cmd;
	enum opt_id stray;

	stray = opt_stray(&cli->opt, cmd->options | opt_common);
	if (stray != OPT_N)
		cli_usage(cmd, "%s takes no --%s", cmd->name,
		    opt_row(stray)->name);
	if (cli->argc < cmd->least)
		cli_usage(cmd, "%s needs %s", cmd->name, cmd->operands);
	if (cmd->most >= 0 && cli->argc > cmd->most)
		cli_usage(cmd, "too many arguments for %s", cmd->name);
}

static int
run(struct cli *cli)
{
	if (cli_has(cli, OPT_VERSION)) {
		printf("ganger %s\n", PACKAGE_VERSION);
		return (CLI_OK);
	}
	if (cli->opt.argc == 0) {
		if (!cli_has(cli, OPT_HELP))
			cli_usage(NULL, "no command");
		help_list(stdout);
		return (CLI_OK);
	}
	cli->cmd = cmd_find(cli->opt.argv[0]);
	if (cli->cmd == NULL)
		cli_usage(NULL, "no command \"%s\"", cli->opt.argv[0]);
	if (cli_has(cli, OPT_HELP)) {
		help_cmd(stdout, cli->cmd);
		return (CLI_OK);
	}
	cli->argv = cli->opt.argv + 1;
	cli->argc = cli->opt.argc - 1;
	check_operands(cli);
	return (cli->cmd->run(cli));
}

int
main(int argc, char **argv)
{
	struct cli cli = { .magic = CLI_MAGIC };
	char why[256];
	int rc;

	if (opt_parse(&cli.opt, argc - 1, argv + 1, why, sizeof(why)) != 0)
		cli_usage(cli.opt.argc > 0 ? cmd_find(cli.opt.argv[0]) : NULL,
		    "%s", why);
	rc = run(&cli);
	if (cli.redis != NULL)
		redisFree(cli.redis);
	conf_free(&cli.conf);
	opt_fini(&cli.opt);
	if (fflush(stdout) != 0 && rc == CLI_OK) {
		cli_warn("could not write: %s", strerror(errno));
		rc = CLI_FAILED;
	}
	return (rc);
}
