"""permit, and the limits of claim: how many at a time, how many a second."""

from case import *

HOUR = 3600 * 1000000


class Claim(LuaCase):
    def test_leases_of_all_workers_count(self):
        self.push(*"abcdef")
        first = self.claim_limited("t1", "w1", running=4)
        self.assertEqual(first[1:], [0, 1, b"a", 1, b"b", 1, b"c"])
        second = self.claim_limited("t2", "w2", running=4)
        self.assertEqual(second[1:], [FULL, 1, b"d"])
        self.assertEqual(self.claim_limited("t3", "w3", running=4)[1:],
                         [FULL])
        self.redis("HDEL", leased("w1"), "t1:1")
        self.assertEqual(self.claim_limited("t4", "w3", running=4)[1:],
                         [FULL, 1, b"e"])

    def test_a_cut_claim_keeps_the_order_of_turns(self):
        self.push("h0", "h1", to=HIGH)
        self.push("n0", "n1")
        self.push("l0", "l1", to=LOW)
        answer = self.claim_limited(turns="2100", running=2)
        self.assertEqual(answer[2:], [1, b"n0", 2, b"l0"])

    def test_a_rate_gives_one_each(self):
        self.push(*"abcdef")
        first = self.claim_limited("t1", each=HOUR, burst=2)
        self.assertEqual(first[2:], [1, b"a", 1, b"b"])
        wait, flags = divmod(first[1], MS)
        self.assertEqual(flags, 0)
        self.assertTrue(3590000 < wait <= 3600000, wait)
        again = self.claim_limited("t2", each=HOUR, burst=2)
        self.assertEqual(len(again), 2)
        self.assertTrue(3590000 < again[1] // MS <= 3600000, again)

    def test_what_was_not_there_costs_no_turn(self):
        self.claim_limited("t1", each=HOUR)
        self.push("a")
        self.assertEqual(self.claim_limited("t2", each=HOUR)[2:], [1, b"a"])


class Permit(LuaCase):
    def lease(self, *fields, worker="w"):
        for field in fields:
            self.redis("HSET", leased(worker), field, "job")

    def test_as_many_as_may(self):
        self.lease("t:1", "t:2", "t:3")
        limit = ("handler:h", 2, 0, 1)
        self.assertEqual(self.permit("t:1", limit), 0)
        self.assertEqual(self.permit("t:2", limit), 0)
        self.assertEqual(self.permit("t:3", limit), -1)
        self.redis("HDEL", leased("w"), "t:1")
        self.assertEqual(self.permit("t:3", limit), 0)

    def test_all_limits_or_none(self):
        self.lease("t:1", "t:2", worker="a b")
        model = ("model:m", 1, 0, 1)
        other = ("handler:h", 5, 0, 1)
        self.assertEqual(self.permit("t:1", model, worker="a b"), 0)
        self.assertEqual(self.permit("t:2", other, model, worker="a b"), -1)
        self.assertEqual(self.redis("HLEN", "{ai:limits}:handler:h:running"),
                         0)

    def test_a_turn_is_kept(self):
        limit = ("handler:h", 0, HOUR, 1)
        self.assertEqual(self.permit("t:1", limit), 0)
        second, turn = self.permit("t:2", limit)
        third, other = self.permit("t:3", limit)
        self.assertTrue(3590000 < second <= 3600000, second)
        self.assertTrue(7190000 < third <= 7200000, third)
        self.assertEqual(int(other) - int(turn), HOUR)
        again, same = self.permit("t:2", limit, turns=(turn, 0))
        self.assertTrue(3590000 < again <= second, again)
        self.assertEqual(same, turn)
        self.assertEqual(self.permit("t:2", limit, turns=(1, 0)), 0)

    def test_a_turn_comes(self):
        limit = ("handler:h", 0, 50000, 1)
        self.permit("t:1", limit)
        _, turn = self.permit("t:2", limit)
        self.until(lambda: self.permit("t:2", limit, turns=(turn, 0)) == 0)

    def test_both_limits_have_their_turns(self):
        slow, slower = ("handler:h", 0, HOUR, 1), ("model:m", 0, 2 * HOUR, 1)
        self.assertEqual(self.permit("t:1", slow, slower), 0)
        wait, one, two = self.permit("t:2", slow, slower)
        self.assertTrue(7190000 < wait <= 7200000, wait)
        self.assertEqual(int(two) - int(one), HOUR)

    def test_high_takes_the_next_turn(self):
        """and those behind it move by one, no more."""
        limit = ("handler:h", 0, HOUR, 1)
        self.permit("t:1", limit)
        waits = [self.permit("t:n%d" % i, limit) for i in range(3)]
        high = [self.permit("t:h%d" % i, limit, high=1) for i in range(2)]
        hours = lambda answer: round(answer[0] / 3600000)
        self.assertEqual([hours(w) for w in waits], [1, 2, 3])
        self.assertEqual([hours(h) for h in high], [1, 2])
        self.assertEqual([hours(self.permit("t:n%d" % i, limit,
                                            turns=(w[1], 0)))
                          for i, w in enumerate(waits)], [3, 4, 5])
        self.assertEqual(hours(self.permit("t:n3", limit)), 6)

    def test_high_has_its_part_of_the_turns(self):
        limit = ("handler:h", 0, HOUR, 1)
        self.permit("t:1", limit)
        for i in range(40):
            self.permit("t:n%d" % i, limit)
        for i in range(16):
            self.assertEqual(len(self.permit("t:h%d" % i, limit, high=1)), 2)
        wait, turn = self.permit("t:h16", limit, high=1)
        self.assertEqual(int(turn), 0)          # it asks again then
        self.assertEqual(round(wait / 3600000), 21)

    def test_high_waits_for_no_other_to_end(self):
        self.lease("t:1", "t:2", "t:3")
        limit = ("handler:h", 1, 0, 1)
        self.assertEqual(self.permit("t:1", limit), 0)
        self.assertEqual(self.permit("t:3", limit, high=1), -1)
        self.redis("HDEL", leased("w"), "t:1")
        self.assertEqual(self.permit("t:2", limit), -1)
        self.assertEqual(self.permit("t:3", limit, high=1), 0)
        self.redis("HDEL", leased("w"), "t:3")
        self.assertEqual(self.permit("t:2", limit), 0)

    def test_of_21_at_least_5_are_others(self):
        """One may run, and both kinds ask all the time."""
        limit, lanes = ("handler:h", 1, 0, 1), []
        for i in range(43):
            field = "t:%d" % i
            self.lease(field)
            got = [h for h in (1, 0) if self.permit(field, limit, high=h) == 0]
            self.assertEqual(len(got), 1)
            lanes += got
            self.redis("HDEL", leased("w"), field)
        # the first one had nobody beside it
        for part in (lanes[1:22], lanes[22:43]):
            self.assertEqual(part, 16 * [1] + 5 * [0])

    def test_one_that_waited_no_longer_holds_nobody_up(self):
        limit = ("handler:h", 1, 0, 1)
        self.lease("t:1")
        self.assertEqual(self.permit("t:1", limit), 0)
        self.assertEqual(self.permit("t:2", limit, high=1, patience=50), -1)
        self.redis("HDEL", leased("w"), "t:1")
        self.lease("t:3")
        self.until(lambda: self.permit("t:3", limit) == 0)


if __name__ == "__main__":
    main()
