/*
 * Printing for people and for programs. Keeps the little state there is of a
 * progress line: what stands on the terminal now.
 */
#include "config.h"

#include "cli/out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/obj.h"
#include "base/xalloc.h"

#define BAR_WIDTH 30

static struct {
	bool drawn;        /* a bar stands on the terminal */
	char plain[200];   /* the last plain line */
} progress;

static void
add_cell(struct table *t, char *text)
{
	if ((t->used & (t->used - 1)) == 0)
		t->cell = xrealloc(t->cell,
		    (t->used == 0 ? 1 : 2 * t->used) * sizeof(*t->cell));
	t->cell[t->used++] = text;
}

void
table_begin(struct table *t, const char *names)
{
	size_t n;

	memset(t, 0, sizeof(*t));
	while (*names != '\0') {
		ASSERT(t->cols < TABLE_COLS);
		t->right[t->cols] = *names == '>';
		names += *names == '>';
		n = strcspn(names, " ");
		add_cell(t, xstrndup(names, n));
		t->cols++;
		names += n;
		names += strspn(names, " ");
	}
}

void
table_put(struct table *t, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = xstrdup("");
	va_end(ap);
	add_cell(t, text);
}

/* Columns a UTF-8 text takes, counting each character as one. */
static int
width_of(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += (*s & 0xc0) != 0x80;
	return (n);
}

static void
put_cell(FILE *f, const char *text, bool right, int pad, bool last)
{
	if (right)
		fprintf(f, "%*s", pad, "");
	out_text(f, text, strlen(text));
	if (last)
		fputc('\n', f);
	else
		fprintf(f, "%*s", right ? 2 : pad + 2, "");
}

void
table_end(struct table *t, FILE *f)
{
	int width[TABLE_COLS] = { 0 }, w, pad;
	unsigned i, col;

	ASSERT(t->used % t->cols == 0);
	for (i = 0; i < t->used; i++) {
		w = width_of(t->cell[i]);
		if (w > width[i % t->cols])
			width[i % t->cols] = w;
	}
	for (i = 0; i < t->used; i++) {
		col = i % t->cols;
		pad = width[col] - width_of(t->cell[i]);
		if (f != NULL)
			put_cell(f, t->cell[i], t->right[col], pad,
			    col + 1 == t->cols);
		free(t->cell[i]);
	}
	free(t->cell);
	memset(t, 0, sizeof(*t));
}

void
out_json(const json_t *v)
{
	json_dumpf(v, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	putchar('\n');
}

void
out_text(FILE *f, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, f);
	}
}

const char *
out_dur(char buf[24], double ms)
{
	double most = 1000.0 * 86400 * 36500;
	int s;

	if (!(ms > 0))
		ms = 0;
	if (ms > most)
		ms = most;
	s = (int)(ms / 1000);
	if (ms < 1000)
		snprintf(buf, 24, "%.0fms", ms);
	else if (ms < 60000)
		snprintf(buf, 24, "%.1fs", ms / 1000);
	else if (s < 3600)
		snprintf(buf, 24, "%dm%02ds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, 24, "%dh%02dm", s / 3600, s / 60 % 60);
	else
		snprintf(buf, 24, "%dd%02dh", s / 86400, s / 3600 % 24);
	return (buf);
}

const char *
out_size(char buf[24], double bytes)
{
	static const char units[] = "BKMGTP";
	unsigned u = 0;

	for (; bytes >= 1024 && u + 2 < sizeof(units); u++)
		bytes /= 1024;
	snprintf(buf, 24, u == 0 ? "%.0f%c" : "%.1f%c", bytes, units[u]);
	return (buf);
}

const char *
out_time(char buf[32], double ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (ms <= 0 || localtime_r(&t, &tm) == NULL ||
	    strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buf, 32, "-");
	return (buf);
}

static void
draw_bar(const char *label, double fraction, const char *message)
{
	int full = (int)(fraction * BAR_WIDTH), i;

	fputs("\r\033[K", stderr);
	out_text(stderr, label, strlen(label));
	fputs(" [", stderr);
	for (i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '#' : '.', stderr);
	fprintf(stderr, "] %3.0f%% ", 100 * fraction);
	out_text(stderr, message, strnlen(message, 30));
	fflush(stderr);
	progress.drawn = true;
}

void
out_progress(const char *label, double fraction, const char *message)
{
	char line[sizeof(progress.plain)];

	if (!(fraction >= 0))
		fraction = 0;
	if (fraction > 1)
		fraction = 1;
	if (isatty(STDERR_FILENO)) {
		draw_bar(label, fraction, message);
		return;
	}
	snprintf(line, sizeof(line), "%s %.0f%%%s%s", label, 100 * fraction,
	    message[0] == '\0' ? "" : " ", message);
	if (strcmp(line, progress.plain) == 0)
		return;
	memcpy(progress.plain, line, sizeof(line));
	out_text(stderr, line, strlen(line));
	fputc('\n', stderr);
}

void
out_progress_end(void)
{
	if (progress.drawn)
		fputs("\r\033[K", stderr);
	progress.drawn = false;
}

void
out_home(void)
{
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
}

const json_t *
js_get(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return (json_is_null(v) ? NULL : v);
}

const char *
js_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return (s == NULL ? "" : s);
}

double
js_num(const json_t *o, const char *key)
{
	return (json_number_value(json_object_get(o, key)));
}

bool
js_bool(const json_t *o, const char *key)
{
	return (json_is_true(json_object_get(o, key)));
}
