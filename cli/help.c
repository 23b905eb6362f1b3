/*
 * Help, usage, and what else is written from the two tables: the command part
 * of ganger(1) and the shell's completion.
 */
#include "config.h"

#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void
put_option(FILE *f, const struct opt_row *row)
{
	if (row->letter != 0)
		fprintf(f, "-%c, ", row->letter);
	fprintf(f, "--%s", row->name);
	if (row->arg != NULL)
		fprintf(f, " %s", row->arg);
}

void
help_usage(FILE *f, const struct cmd *cmd)
{
	const struct opt_row *row;
	enum opt_id id;

	if (cmd == NULL) {
		fprintf(f, "usage: ganger [--redis URL] [-c FILE] [--json] "
		    "COMMAND ...\n");
		return;
	}
	fprintf(f, "usage: ganger %s", cmd->name);
	for (id = 0; id < OPT_N; id++) {
		row = opt_row(id);
		if ((cmd->options & 1u << id) == 0)
			continue;
		fprintf(f, row->arg == NULL ? " [--%s]" : " [--%s %s]",
		    row->name, row->arg);
	}
	fprintf(f, "%s%s\n", cmd->operands[0] == '\0' ? "" : " ",
	    cmd->operands);
}

static void
list_options(FILE *f, uint32_t which)
{
	const struct opt_row *row;
	enum opt_id id;
	char left[64];
	FILE *m;

	for (id = 0; id < OPT_N; id++) {
		if ((which & 1u << id) == 0)
			continue;
		row = opt_row(id);
		memset(left, 0, sizeof(left));
		m = fmemopen(left, sizeof(left) - 1, "w");
		if (m == NULL)
			return;
		put_option(m, row);
		fclose(m);
		fprintf(f, "  %-22s %s\n", left, row->help);
	}
}

static void
put_wrapped(FILE *f, const char *text, size_t width)
{
	size_t n, col = 0;

	while (*text != '\0') {
		n = strcspn(text, " ");
		if (col > 0 && col + 1 + n > width) {
			fputc('\n', f);
			col = 0;
		}
		if (col > 0)
			col += (size_t)fprintf(f, " ");
		fwrite(text, 1, n, f);
		col += n;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

void
help_list(FILE *f)
{
	unsigned i;

	help_usage(f, NULL);
	fprintf(f, "\ncommands:\n");
	for (i = 0; i < cmd_count; i++)
		fprintf(f, "  %-10s %s\n", cmd_rows[i].name, cmd_rows[i].help);
	fprintf(f, "\nwith every command:\n");
	list_options(f, opt_common);
	fprintf(f, "\nexit status: 0 done, 1 failed or unknown job, 2 usage or "
	    "bad job,\n3 Redis or worker not reachable, 4 timed out waiting\n"
	    "\n\"ganger help COMMAND\" says more\n");
}

void
help_cmd(FILE *f, const struct cmd *cmd)
{
	help_usage(f, cmd);
	fputc('\n', f);
	put_wrapped(f, cmd->text, 76);
	fprintf(f, "\noptions:\n");
	list_options(f, cmd->options | opt_common);
}

/* roff: a minus is \-, and a line must not start with a dot or quote. Its
 * lines are wrapped, so that mandoc has nothing to say. */
static void
put_roff(FILE *f, const char *text)
{
	size_t col = 0, n;

	for (; *text != '\0'; text += strspn(text, " ")) {
		n = strcspn(text, " ");
		if (col > 0 && col + 1 + n > 68) {
			fputc('\n', f);
			col = 0;
		} else if (col > 0) {
			fputc(' ', f);
			col++;
		}
		if (col == 0 && (*text == '.' || *text == '\''))
			fputs("\\&", f);
		col += n;
		for (; n > 0; n--, text++) {
			if (*text == '-' || *text == '\\')
				fputc('\\', f);
			fputc(*text == '\\' ? 'e' : *text, f);
		}
	}
}

static void
man_options(FILE *f, uint32_t which)
{
	const struct opt_row *row;
	enum opt_id id;

	for (id = 0; id < OPT_N; id++) {
		if ((which & 1u << id) == 0)
			continue;
		row = opt_row(id);
		fputs(".TP\n", f);
		if (row->letter != 0)
			fprintf(f, "\\fB\\-%c\\fR, ", row->letter);
		fputs("\\fB\\-\\-", f);
		put_roff(f, row->name);
		fputs("\\fR", f);
		if (row->arg != NULL)
			fprintf(f, " \\fI%s\\fR", row->arg);
		fputc('\n', f);
		put_roff(f, row->help);
		fputc('\n', f);
	}
}

static void
help_man(FILE *f)
{
	const struct cmd *c;

	fputs(".SH COMMANDS\n", f);
	for (c = cmd_rows; c < cmd_rows + cmd_count; c++) {
		fprintf(f, ".SS \"%s %s\"\n", c->name, c->operands);
		put_roff(f, c->text);
		fputc('\n', f);
		man_options(f, c->options);
	}
	fputs(".SH \"OPTIONS OF EVERY COMMAND\"\n", f);
	man_options(f, opt_common);
}

static void
put_words(FILE *f, uint32_t which)
{
	enum opt_id id;

	for (id = 0; id < OPT_N; id++)
		if ((which & 1u << id) != 0)
			fprintf(f, " --%s", opt_row(id)->name);
}

static void
help_bash(FILE *f)
{
	const struct cmd *c;

	fputs("# bash completion of ganger, made from its command table\n"
	    "_ganger()\n{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} cmd= i words\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n"
	    "\t\t--redis|--config|-c) ((i++)) ;;\n"
	    "\t\t-*) ;;\n"
	    "\t\t*) cmd=${COMP_WORDS[i]}; break ;;\n"
	    "\t\tesac\n\tdone\n"
	    "\tcase $cmd in\n\t'') words='", f);
	for (c = cmd_rows; c < cmd_rows + cmd_count; c++)
		fprintf(f, "%s%s", c == cmd_rows ? "" : " ", c->name);
	put_words(f, opt_common);
	fputs("' ;;\n", f);
	for (c = cmd_rows; c < cmd_rows + cmd_count; c++) {
		fprintf(f, "\t%s) words='%s", c->name,
		    strcmp(c->name, "dead") == 0 ? "list retry drop" : "");
		put_words(f, c->options | opt_common);
		fputs("' ;;\n", f);
	}
	fputs("\t*) words= ;;\n\tesac\n"
	    "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	    "}\ncomplete -o default -F _ganger ganger\n", f);
}

/* The two forms that the build asks for; not commands, so not in the table. */
int
cmd_help(struct cli *cli)
{
	const struct cmd *cmd;

	if (cli->argc == 0)
		help_list(stdout);
	else if (strcmp(cli->argv[0], "@man") == 0)
		help_man(stdout);
	else if (strcmp(cli->argv[0], "@bash") == 0)
		help_bash(stdout);
	else if ((cmd = cmd_find(cli->argv[0])) != NULL)
		help_cmd(stdout, cmd);
	else
		cli_usage(NULL, "no command \"%s\"", cli->argv[0]);
	return (CLI_OK);
}
