/*
 * Prints what the table of parameters says: the example file, the manual page
 * ganger.ini(5), or docs/config.md. Run by `make conf-docs`; the outcome is
 * kept in the tree and a test compares.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/obj.h"
#include "conf/table.h"

#define WIDTH 76      /* columns of wrapped text */
#define MAN_DATE "2026-11-23"
#define MAN_WIDTH 68  /* the same before - becomes \- */

/* Words of text in lines of at most WIDTH columns, each with the lead. */
static void
wrap(const char *lead, const char *text)
{
	size_t column = 0, n;

	for (; *text != '\0'; text += n + strspn(text + n, " ")) {
		n = strcspn(text, " ");
		if (column > 0 && column + 1 + n > WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (column == 0) {
			fputs(lead, stdout);
			column = strlen(lead);
		} else {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)n, text);
		column += n;
	}
	putchar('\n');
}

static const char *
variable_of(const struct conf_row *r)
{
	const struct conf_env *v;

	for (v = conf_envs; v < conf_envs + conf_nenvs; v++)
		if (v->section == r->section && strcmp(v->key, r->key) == 0)
			return (v->name);
	return (NULL);
}

static const char *
key_text(const struct conf_row *r)
{
	return (r->type == CONF_TYPE_pairs ? "env.NAME" : r->key);
}

/* "duration, 0 to 10m" */
static void
print_form(const struct conf_row *r)
{
	printf("%s", value_type_text(r->type));
	if (r->type == CONF_TYPE_enum)
		printf(" %s", r->min);
	else if (r->max[0] != '\0')
		printf(", %s to %s", r->min, r->max);
}

static const char *
class_text(enum conf_class class)
{
	static const char *const text[] = {
		[CONF_LIVE] = "at once",
		[CONF_RESPAWN] = "restarts the slots it touches",
		[CONF_RESTART] = "needs a restart"
	};

	return (text[class]);
}

static void
example_row(const struct conf_row *r)
{
	putchar('\n');
	wrap("; ", r->doc);
	printf("; (");
	print_form(r);
	puts(")");
	printf(";%s =%s%s\n", key_text(r), r->def[0] == '\0' ? "" : " ",
	    r->def);
}

static void
example_section(enum conf_section s)
{
	const struct conf_section_info *info = &conf_sections[s];
	const struct conf_row *r;

	puts("\n");
	wrap("; ", info->doc);
	printf(info->named ? ";[%s NAME]\n" : "[%s]\n", info->name);
	for (r = conf_rows; r < conf_rows + conf_nrows; r++)
		if (r->section == s)
			example_row(r);
}

static void
print_example(void)
{
	unsigned s;

	puts("; ganger.ini: every parameter with its default.");
	puts("; Made from conf/conf_tbl.h by `make conf-docs`; see "
	    "ganger.ini(5).");
	for (s = 0; s < CONF_NSECTIONS; s++)
		example_section((enum conf_section)s);
}

/* A table cell: a pipe would end it. */
static void
print_cell(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			putchar('\\');
		putchar(*text);
	}
}

static void
markdown_row(const struct conf_row *r)
{
	printf("| `%s` | ", key_text(r));
	print_form(r);
	printf(" | %s%s%s | %s | ", r->def[0] == '\0' ? "" : "`", r->def,
	    r->def[0] == '\0' ? "" : "`", class_text(r->class));
	print_cell(r->doc);
	puts(" |");
}

static void
markdown_section(enum conf_section s)
{
	const struct conf_section_info *info = &conf_sections[s];
	const struct conf_row *r;

	printf("\n## [%s%s]\n\n%s\n\n", info->name, info->named ? " NAME" : "",
	    info->doc);
	puts("| key | accepts | default | a reload | meaning |");
	puts("|---|---|---|---|---|");
	for (r = conf_rows; r < conf_rows + conf_nrows; r++)
		if (r->section == s)
			markdown_row(r);
}

static void
print_markdown(void)
{
	const struct conf_env *v;
	unsigned s;

	puts("# ganger.ini\n\nMade from conf/conf_tbl.h by `make conf-docs`. "
	    "Do not edit.\n");
	puts("Durations carry a unit (`500ms` `30s` `5m` `2h` `7d`; a bare "
	    "number is seconds), sizes `K M G`. A relative path starts at the "
	    "folder of the file. Comments start a line with `;` or `#`, or "
	    "follow white space with `;`.\n");
	puts("These variables win over the file; an empty one counts as not "
	    "set:\n");
	for (v = conf_envs; v < conf_envs + conf_nenvs; v++)
		printf("* `%s`: `[%s] %s`\n", v->name,
		    conf_sections[v->section].name, v->key);
	for (s = 0; s < CONF_NSECTIONS; s++)
		markdown_section((enum conf_section)s);
}

/*
 * troff: a backslash and a hyphen mean themselves only when escaped, a dot or
 * a quote only when no line starts with it. Its lines are wrapped, so that
 * mandoc has nothing to say.
 */
static void
man_text(const char *text)
{
	size_t column = 0, n;

	for (; *text != '\0'; text += strspn(text, " ")) {
		n = strcspn(text, " ");
		if (column > 0 && column + 1 + n > MAN_WIDTH) {
			putchar('\n');
			column = 0;
		} else if (column > 0) {
			putchar(' ');
			column++;
		}
		if (column == 0 && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		column += n;
		for (; n > 0; n--, text++)
			if (*text == '\\')
				fputs("\\e", stdout);
			else if (*text == '-')
				fputs("\\-", stdout);
			else
				putchar(*text);
	}
}

static void
man_row(const struct conf_row *r)
{
	const char *variable = variable_of(r);

	printf(".TP\n.B %s\n", key_text(r));
	man_text(r->doc);
	printf("\n.br\n(");
	print_form(r);
	if (r->def[0] != '\0') {
		printf("; default ");
		man_text(r->def);
	}
	printf(";\na change %s", r->class == CONF_LIVE ? "holds at once" :
	    class_text(r->class));
	puts(variable == NULL ? ")" : "; the variable wins)");
}

static void
man_section(enum conf_section s)
{
	const struct conf_section_info *info = &conf_sections[s];
	const struct conf_row *r;

	printf(".SS [%s%s]\n", info->name, info->named ? " NAME" : "");
	man_text(info->doc);
	putchar('\n');
	for (r = conf_rows; r < conf_rows + conf_nrows; r++)
		if (r->section == s)
			man_row(r);
}

static void
print_man(void)
{
	unsigned s;

	puts(".\\\" Made from conf/conf_tbl.h by `make conf-docs`.\n"
	    ".TH GANGER.INI 5 \"" MAN_DATE "\" \"ganger\" \"Ganger\"\n"
	    ".SH NAME\nganger.ini \\- configuration of gangerd\n"
	    ".SH DESCRIPTION\n"
	    "A file of sections and lines of the form\n.B key = value.\n"
	    "A comment starts a line with ; or #, or follows white space with "
	    ";.\nAn unknown section or key, a bad value or a duplicate is an "
	    "error\nwith its line;\n.B gangerd \\-t\nprints them all.\n"
	    ".PP\nDurations carry a unit (500ms 30s 5m 2h 7d; a bare number is\n"
	    "seconds), sizes K, M, G or T.\nLists are separated by commas or "
	    "white space.\nA relative path starts at the folder of the file.\n"
	    ".PP\nThis file, the files of secrets and the programs and plugins "
	    "of handlers are\nrefused if others may write them, and for root "
	    "also if their group may.\n"
	    ".SH PARAMETERS");
	for (s = 0; s < CONF_NSECTIONS; s++)
		man_section((enum conf_section)s);
	puts(".SH SEE ALSO\n.BR gangerd (8),\n.BR ganger (1)");
}

static const struct {
	const char *name;
	void (*print)(void);
} forms[] = {
	{ "example", print_example }, { "man", print_man },
	{ "markdown", print_markdown }
};

int
main(int argc, char **argv)
{
	unsigned i;

	for (i = 0; argc == 2 && i < NELEM(forms); i++)
		if (strcmp(argv[1], forms[i].name) == 0) {
			forms[i].print();
			return (fflush(stdout) == 0 ? 0 : 1);
		}
	fputs("usage: gen_docs example|man|markdown\n", stderr);
	return (64);
}
