/* Lines that come again and again. See log_repeat.h. */
#include "config.h"

#include "base/log_repeat.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a; a collision would count two lines as one, no more. */
static uint64_t
add(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return ((h ^ 0xff) * UINT64_C(0x100000001b3));
}

static uint64_t
hash_of(int level, const char *area, const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (unsigned)level;

	h = add(add(h, area), text);
	return (h == 0 ? 1 : h);
}

static void
end_row(struct log_repeat *t, struct log_repeat_row *r, log_repeat_say *say)
{
	if (r->held > 0) {
		t->held--;
		say(r);
	}
	r->hash = 0;
	r->held = 0;
}

/* The row of this line, or a free one, or the oldest. */
static struct log_repeat_row *
row_for(struct log_repeat *t, uint64_t hash)
{
	struct log_repeat_row *r, *best = &t->row[0];

	for (r = t->row; r < t->row + LOG_REPEAT_ROWS; r++) {
		if (r->hash == hash)
			return (r);
		if (best->hash != 0 && (r->hash == 0 ||
		    r->start < best->start))
			best = r;
	}
	return (best);
}

bool
log_repeat_pass(struct log_repeat *t, int level, const char *area,
    const char *text, mono_t now, log_repeat_say *say)
{
	uint64_t hash = hash_of(level, area, text);
	struct log_repeat_row *r = row_for(t, hash);

	if (r->hash != hash || now - r->start >= LOG_REPEAT_PERIOD) {
		end_row(t, r, say);
		r->hash = hash;
		r->start = now;
		r->passed = 1;
		r->level = level;
		(void)snprintf(r->area, sizeof(r->area), "%s", area);
		(void)snprintf(r->head, sizeof(r->head), "%s", text);
		return (true);
	}
	if (r->passed < LOG_REPEAT_BURST) {
		r->passed++;
		return (true);
	}
	if (r->held++ == 0)
		t->held++;
	return (false);
}

void
log_repeat_flush(struct log_repeat *t, mono_t now, bool all,
    log_repeat_say *say)
{
	struct log_repeat_row *r;

	if (t->held == 0)
		return;
	for (r = t->row; r < t->row + LOG_REPEAT_ROWS; r++)
		if (r->held > 0 && (all || now - r->start >=
		    LOG_REPEAT_PERIOD))
			end_row(t, r, say);
}
