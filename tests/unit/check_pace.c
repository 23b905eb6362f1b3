/* What the measured pace of a handler allows to be out at its children. */
#include "config.h"

#include <stdlib.h>

#include "conf/conf.h"
#include "proto/frame.h"
#include "supervisor/pace.h"
#include "supervisor/sup.h"
#include "tests/check_run.h"

static struct conf_handler handler;
static struct conf conf;
static struct pace pace;
static struct sup sup;

/* A plugin, whose jobs took `each`. */
static void
measured(dur_t each)
{
	handler = (struct conf_handler){ .kind = CONF_PLUGIN, .batch_size = 1 };
	conf.handlers = &handler;
	conf.nhandlers = 1;
	conf.supervisor.look_ahead = 20 * DUR_MS;
	pace = (struct pace){ 0 };
	sup.conf = &conf;
	sup.pace = &pace;
	pace_saw(&sup, 0, 64, each);
}

/* However short or long they are: what is out takes little more than twice
 * look_ahead, and a place is left for an urgent job. */
START_TEST(t_what_is_out_is_bounded_in_time)
{
	dur_t each;

	for (each = DUR_US; each < DUR_S; each += each / 5 + 1) {
		unsigned jobs, credits;

		measured(each);
		jobs = pace_jobs(&sup, 0);
		credits = pace_credits(&sup, 0);
		ck_assert_uint_ge(jobs, 1);
		ck_assert_uint_ge(credits, 1);
		ck_assert_uint_lt(credits, FRAME_CREDITS_MAX);
		if (jobs * credits > 1)
			ck_assert_int_le((dur_t)(jobs * credits) * each,
			    2 * conf.supervisor.look_ahead);
		if (credits > 2)
			ck_assert_int_le((dur_t)(jobs * credits) * each,
			    conf.supervisor.look_ahead / 2);
	}
}
END_TEST

START_TEST(t_the_shortest_have_three_credits_and_long_ones_one)
{
	measured(5 * DUR_US);
	ck_assert_uint_eq(pace_credits(&sup, 0), 3);
	ck_assert_uint_eq(pace_jobs(&sup, 0), PACE_JOBS_MAX);
	measured(DUR_MS);
	ck_assert_uint_eq(pace_credits(&sup, 0), 2);
	measured(15 * DUR_MS);
	ck_assert_uint_eq(pace_credits(&sup, 0), 1);
	ck_assert_uint_eq(pace_jobs(&sup, 0), 1);
}
END_TEST

START_TEST(t_nothing_is_ahead_of_a_stall_or_of_lines)
{
	measured(5 * DUR_US);
	pace_stalled(&sup, 0);
	ck_assert_uint_eq(pace_credits(&sup, 0), 1);
	measured(5 * DUR_US);
	pace_talked(&sup, 0);
	ck_assert_uint_eq(pace_credits(&sup, 0), 1);
	ck_assert_uint_eq(pace_jobs(&sup, 0), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pace");
	TCase *c = tcase_create("pace");

	tcase_add_test(c, t_what_is_out_is_bounded_in_time);
	tcase_add_test(c, t_the_shortest_have_three_credits_and_long_ones_one);
	tcase_add_test(c, t_nothing_is_ahead_of_a_stall_or_of_lines);
	suite_add_tcase(suite, c);
	return (check_run(suite));
}
