/*
 * Options of the command line. All options are known before the command is:
 * `ganger --json job ID` and `ganger job ID --json` are the same, and an
 * option that the command does not take is told apart from one that nobody
 * knows. Never prints; messages go to the caller.
 */
#include "config.h"

#include "cli/opt.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"

static const struct opt_row rows[OPT_N] = {
#define OPT(id, name, letter, arg, kind, help) \
	[OPT_##id] = { name, arg, help, OPT_##kind, letter },
	OPT_TABLE(OPT)
#undef OPT
};

const uint32_t opt_common = 1u << OPT_HELP | 1u << OPT_JSON |
    1u << OPT_REDIS | 1u << OPT_CONFIG | 1u << OPT_VERSION;

_Static_assert(OPT_N <= 32, "option sets are 32 bits wide");

const struct opt_row *
opt_row(enum opt_id id)
{
	ASSERT(id < OPT_N);
	return (&rows[id]);
}

static enum opt_id
find_long(const char *name, size_t n)
{
	enum opt_id id;

	for (id = 0; id < OPT_N; id++)
		if (strlen(rows[id].name) == n &&
		    memcmp(rows[id].name, name, n) == 0)
			break;
	return (id);
}

static enum opt_id
find_letter(char c)
{
	enum opt_id id;

	for (id = 0; id < OPT_N; id++)
		if (rows[id].letter == c)
			break;
	return (id);
}

static int
take_value(struct opt_value *v, const struct opt_row *row, const char *text,
    char *why, size_t size)
{
	int64_t n;
	int r = 0;

	v->set = true;
	v->text = text;
	if (row->kind == OPT_COUNT) {
		if ((r = str_int(text, &n)) == 0 && n < 0)
			r = -ERR_RANGE;
		v->count = r == 0 ? (uint64_t)n : 0;
	} else if (row->kind == OPT_SPAN)
		r = str_dur(text, &v->span);
	if (r != 0)
		snprintf(why, size, "bad value \"%s\" for --%s: %s", text,
		    row->name, err_text(r));
	return (r == 0 ? 0 : -ERR_SYNTAX);
}

/*
 * One option at argv[*ip]; inline_arg is what follows "=" or the letter. Moves
 * *ip when the argument is a word of its own.
 */
static int
take_option(struct opt_set *set, enum opt_id id, const char *inline_arg,
    int argc, char **argv, int *ip, char *why, size_t size)
{
	const struct opt_row *row;

	if (id == OPT_N) {
		snprintf(why, size, "unknown option %s", argv[*ip]);
		return (-ERR_SYNTAX);
	}
	row = &rows[id];
	if (row->kind == OPT_FLAG) {
		set->v[id].set = true;
		if (inline_arg == NULL)
			return (0);
		snprintf(why, size, "--%s takes no value", row->name);
		return (-ERR_SYNTAX);
	}
	if (inline_arg == NULL && *ip + 1 < argc)
		inline_arg = argv[++*ip];
	if (inline_arg == NULL) {
		snprintf(why, size, "--%s needs a value (%s)", row->name,
		    row->arg);
		return (-ERR_SYNTAX);
	}
	return (take_value(&set->v[id], row, inline_arg, why, size));
}

/* "-fn5": letters in a row; the first with an argument takes the rest. */
static int
take_letters(struct opt_set *set, int argc, char **argv, int *ip, char *why,
    size_t size)
{
	const char *s = argv[*ip] + 1;
	enum opt_id id;
	int r = 0;

	for (; *s != '\0' && r == 0; s++) {
		id = find_letter(*s);
		if (id == OPT_N || rows[id].kind == OPT_FLAG) {
			r = take_option(set, id, NULL, argc, argv, ip, why,
			    size);
			continue;
		}
		return (take_option(set, id, s[1] == '\0' ? NULL : s + 1,
		    argc, argv, ip, why, size));
	}
	return (r);
}

static int
take_long(struct opt_set *set, int argc, char **argv, int *ip, char *why,
    size_t size)
{
	const char *name = argv[*ip] + 2;
	const char *eq = strchr(name, '=');
	size_t n = eq == NULL ? strlen(name) : (size_t)(eq - name);

	return (take_option(set, find_long(name, n),
	    eq == NULL ? NULL : eq + 1, argc, argv, ip, why, size));
}

int
opt_parse(struct opt_set *set, int argc, char **argv, char *why, size_t size)
{
	bool plain = false;
	int i, r;

	memset(set, 0, sizeof(*set));
	set->argv = xcalloc((size_t)argc + 1, sizeof(*set->argv));
	for (i = 0; i < argc; i++) {
		r = 0;
		if (plain || argv[i][0] != '-' || argv[i][1] == '\0')
			set->argv[set->argc++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			plain = true;
		else if (argv[i][1] == '-')
			r = take_long(set, argc, argv, &i, why, size);
		else
			r = take_letters(set, argc, argv, &i, why, size);
		if (r != 0)
			return (r);
	}
	return (0);
}

void
opt_fini(struct opt_set *set)
{
	free(set->argv);
	set->argv = NULL;
}

enum opt_id
opt_stray(const struct opt_set *set, uint32_t allowed)
{
	enum opt_id id;

	for (id = 0; id < OPT_N; id++)
		if (set->v[id].set && (allowed & 1u << id) == 0)
			break;
	return (id);
}
