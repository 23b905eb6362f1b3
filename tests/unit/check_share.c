/* Turns of lanes: the share is exact, whoever goes first within a round. */
#include "config.h"

#include <stdlib.h>

#include "supervisor/share.h"
#include "tests/check_run.h"

static const unsigned usual[LANE_N] = { 16, 4, 1 };

/* Claims of all sizes, every third for an urgent job: of each 21 turns, from
 * the first on, the lanes have 16, 4 and 1. */
START_TEST(t_each_round_is_exact)
{
	unsigned quota[LANE_N], n[LANE_N] = { 0 }, size, i, k = 0, claim;
	struct share s = { 0 };
	unsigned char turns[128];

	for (claim = 0; claim < 2000; claim++) {
		size = 1 + claim * 7 % 128;
		share_turns(&s, usual, size, claim % 3 == 0, quota, turns);
		ck_assert_uint_eq(quota[LANE_HIGH] + quota[LANE_NORMAL] +
		    quota[LANE_LOW], size);
		for (i = 0; i < size; i++) {
			ck_assert_uint_lt(turns[i], LANE_N);
			n[turns[i]]++;
			if (++k % 21 != 0)
				continue;
			ck_assert_uint_eq(n[LANE_HIGH], k / 21 * 16);
			ck_assert_uint_eq(n[LANE_NORMAL], k / 21 * 4);
			ck_assert_uint_eq(n[LANE_LOW], k / 21);
		}
	}
}
END_TEST

/* One by one, low waits no longer than one round. */
START_TEST(t_turns_are_spread)
{
	unsigned quota[LANE_N], i, since[LANE_N] = { 0 }, lane;
	struct share s = { 0 };
	unsigned char turn;

	for (i = 0; i < 210; i++) {
		share_turns(&s, usual, 1, false, quota, &turn);
		for (lane = 0; lane < LANE_N; lane++)
			since[lane] = lane == turn ? 0 : since[lane] + 1;
		ck_assert_uint_le(since[LANE_HIGH], 1);
		ck_assert_uint_le(since[LANE_NORMAL], 6);
		ck_assert_uint_le(since[LANE_LOW], 20);
	}
}
END_TEST

/* At whatever place of the round: an urgent job's turn is the next one, or
 * comes right after those that the others have left. */
START_TEST(t_high_goes_first_anywhere)
{
	unsigned quota[LANE_N], before, urgent, n;
	unsigned char turns[64];
	struct share s;

	for (before = 0; before < 42; before++)
		for (urgent = 0; urgent < 16; urgent++) {
			s = (struct share){ 0 };
			share_turns(&s, usual, before, false, quota, turns);
			for (n = 0; n < urgent; n++)
				share_turns(&s, usual, share_to_high(&s, usual),
				    true, quota, turns);
			n = share_to_high(&s, usual);
			ck_assert_uint_ge(n, 1);
			ck_assert_uint_le(n, 6);
			share_turns(&s, usual, n, true, quota, turns);
			ck_assert_uint_eq(quota[LANE_HIGH], 1);
			ck_assert_uint_eq(turns[n - 1], LANE_HIGH);
		}
}
END_TEST

/* A reload in the middle of a round neither stops nor unbalances it. */
START_TEST(t_weights_change_in_a_round)
{
	static const unsigned even[LANE_N] = { 1, 1, 1 }, none[LANE_N] =
	    { 0, 1, 1 };
	unsigned quota[LANE_N];
	struct share s = { 0 };
	unsigned char turns[300];

	share_turns(&s, usual, 15, false, quota, turns);
	ck_assert_uint_eq(share_to_high(&s, even), 1);
	share_turns(&s, even, 300, false, quota, turns);
	ck_assert_uint_eq(quota[LANE_HIGH], 100);
	ck_assert_uint_eq(quota[LANE_LOW], 100);
	ck_assert_uint_eq(share_to_high(&s, none), 0);
	share_turns(&s, none, 2, true, quota, turns);
	ck_assert_uint_eq(quota[LANE_HIGH], 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("share");
	TCase *c = tcase_create("share");

	tcase_add_test(c, t_each_round_is_exact);
	tcase_add_test(c, t_turns_are_spread);
	tcase_add_test(c, t_high_goes_first_anywhere);
	tcase_add_test(c, t_weights_change_in_a_round);
	suite_add_tcase(suite, c);
	return (check_run(suite));
}
