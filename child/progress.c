/* Lines of progress: cutting and reading them. */
#include "config.h"

#include "child/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define NUMBER_MAX 32

static void
give_line(struct progress_lines *p, progress_line_f *fn, void *arg)
{
	size_t n = p->len;

	if (n > 0 && p->text[n - 1] == '\r')
		n--;
	if (n > 0 && !p->skipping)
		fn(arg, (struct slice){ p->text, n });
	p->len = 0;
}

void
progress_feed(struct progress_lines *p, const char *data, size_t n,
    progress_line_f *fn, void *arg)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (data[i] == '\n') {
			give_line(p, fn, arg);
			p->skipping = false;
			continue;
		}
		if (p->len == sizeof(p->text) - 1) {
			give_line(p, fn, arg);
			p->skipping = true;
		}
		if (!p->skipping)
			p->text[p->len++] = data[i];
	}
}

void
progress_end(struct progress_lines *p, progress_line_f *fn, void *arg)
{

	give_line(p, fn, arg);
	p->skipping = false;
}

int
progress_parse(struct slice line, double *fraction, struct slice *message)
{
	char number[NUMBER_MAX], *end;
	size_t n = 0;
	double v;

	while (line.n > 0 && (*line.p == ' ' || *line.p == '\t'))
		line.p++, line.n--;
	/* digits only: strtod would also take hexadecimal, "inf" and "nan" */
	while (n < line.n && n < sizeof(number) - 1 &&
	    strchr("0123456789.eE+-", line.p[n]) != NULL && line.p[n] != '\0')
		n++;
	if (n == 0 || (n < line.n && line.p[n] != ' ' && line.p[n] != '\t'))
		return (-ERR_SYNTAX);
	memcpy(number, line.p, n);
	number[n] = '\0';
	v = strtod(number, &end);
	if (*end != '\0' || end == number)
		return (-ERR_SYNTAX);
	if (!isfinite(v) || v < 0 || v > 1)
		return (-ERR_RANGE);
	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	*fraction = v;
	*message = (struct slice){ line.p + n, line.n - n };
	return (0);
}
