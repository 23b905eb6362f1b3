/* Turns of lanes. See share.h. */
#include "config.h"

#include "supervisor/share.h"

#include <stdint.h>
#include <string.h>

static unsigned
total_of(const unsigned w[LANE_N])
{
	unsigned lane, total = 0;

	for (lane = 0; lane < LANE_N; lane++)
		total += w[lane];
	return (total);
}

/*
 * Due after at+1 turns: weight * (at+1) / total; the lane that is furthest
 * behind what it is due. The leads add up to `total`, so the largest one is
 * above 0, and then the lane has turns left in this round.
 */
static unsigned
furthest_behind(const struct share *s, const unsigned w[LANE_N],
    unsigned total)
{
	int64_t lead, best_lead = INT64_MIN;
	unsigned lane, best = LANE_HIGH;

	for (lane = 0; lane < LANE_N; lane++) {
		lead = (int64_t)w[lane] * (s->at + 1) -
		    (int64_t)s->given[lane] * total;
		if (w[lane] > 0 && lead > best_lead) {
			best_lead = lead;
			best = lane;
		}
	}
	return (best);
}

/* The weights may have changed since the last turn. */
static void
begin_round(struct share *s, unsigned total)
{
	if (s->at >= total)
		memset(s, 0, sizeof(*s));
}

void
share_turns(struct share *s, const unsigned w[LANE_N], unsigned n,
    bool high_first, unsigned quota[LANE_N], unsigned char *turns)
{
	unsigned total = total_of(w), lane, i;

	begin_round(s, total);
	for (lane = 0; lane < LANE_N; lane++)
		quota[lane] = 0;
	for (i = 0; i < n; i++) {
		if (high_first && s->given[LANE_HIGH] < w[LANE_HIGH]) {
			lane = LANE_HIGH;
			high_first = false;
		} else
			lane = furthest_behind(s, w, total);
		quota[lane]++;
		turns[i] = (unsigned char)lane;
		s->given[lane]++;
		s->at++;
		begin_round(s, total);
	}
}

unsigned
share_to_high(const struct share *s, const unsigned w[LANE_N])
{
	if (w[LANE_HIGH] == 0)
		return (0);
	if (s->given[LANE_HIGH] < w[LANE_HIGH] || s->at >= total_of(w))
		return (1);
	return (total_of(w) - s->at + 1);
}
